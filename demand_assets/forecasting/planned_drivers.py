"""The drivers of the future as they are planned: known, repeated, or assumed and said so."""

from typing import Any, Literal

import numpy as np
import pandas as pd

from demand_assets.forecasting.dataset import Dataset, Driver


def future_drivers(demand: pd.DataFrame, dataset: Dataset, horizon: int) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Demand with its drivers completed for ``horizon`` periods beyond the last known demand.

    Args:
        demand: schema Demand; where nothing was ever sold, its first period is the origin.
    Returns: the completed table, which ends at the horizon, and a sentence for each driver that had to be assumed.
    """
    is_known = np.flatnonzero(demand["demand"].notna())
    known = int(is_known[-1]) + 1 if len(is_known) else 1
    dates = period_range(demand["date"].iloc[0], known + horizon, dataset.frequency)
    table = demand.set_index("date").reindex(dates).rename_axis("date").reset_index()
    sentences = []
    for driver in dataset.drivers:
        kind: Literal["string", "float64"] = "string" if driver.kind == "category" else "float64"
        future: pd.Series[Any] = table[driver.name].iloc[known:].astype(kind)
        missing = future.isna()
        if driver.future == "given":
            future[:] = _as_stored(driver)
        elif driver.future == "repeat_season":
            season = table[driver.name].shift(dataset.year_length).iloc[known:].astype(kind)
            future = future.where(~missing, season)
        elif driver.future == "known" and missing.any():
            rule = "“no” is assumed" if driver.kind == "yes_no" else "the last known value is repeated"
            sentences.append(f"{driver.title} is not known for {int(missing.sum())} of {horizon} periods: {rule}.")
            if driver.kind == "yes_no":
                future = future.where(~missing, 0.0)
        before = table[driver.name].iloc[:known].dropna()
        last = before.iloc[-1] if len(before) else np.nan
        table.loc[table.index[known:], driver.name] = future.ffill().where(lambda values: values.notna(), last)
    return table, tuple(sentences)


def period_range(first: pd.Timestamp, periods: int, frequency: str) -> pd.DatetimeIndex:
    """So many consecutive periods from the first: days, weeks on the first's weekday, or months."""
    if frequency == "M":
        return pd.date_range(first, periods=periods, freq="MS")
    return pd.date_range(first, periods=periods, freq="D" if frequency == "D" else "7D")


def _as_stored(driver: Driver) -> float | str:
    return str(driver.default) if driver.kind == "category" else float(driver.default)  # type: ignore[arg-type]
