"""The drivers of the future as they are planned: known, repeated, or assumed and said so."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.contract.dataset_file import Dataset
from demand_assets.forecasting.contract.drivers import Driver
from demand_assets.forecasting.contract.stock_entries import AT_LEAST
from demand_assets.forecasting.series.adjusted import ADJUSTED
from demand_assets.forecasting.series.censored import observed_periods

Values = npt.NDArray[Any]
"""Numbers, or texts of a category driver; NaN where unknown."""
_STEPS = {"D": "D", "W": "7D", "M": "MS"}


def future_drivers(demand: pd.DataFrame, dataset: Dataset, horizon: int) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Demand with its drivers completed for ``horizon`` periods beyond the last that is the past.

    Args:
        demand: schema Demand; where nothing was ever sold, its first period is the origin.
    Returns: date, demand (with adjustments and what was sold out of stock, if there are any) and drivers up to the
        horizon, and a sentence for each driver that had to be assumed.
    """
    known = max(observed_periods(demand), 1)
    columns: dict[str, Any] = {"date": period_range(demand["date"].iloc[0], known + horizon, dataset.frequency),
                               "demand": _stretched(demand["demand"].to_numpy(dtype=np.float64), known + horizon)}
    for name in (ADJUSTED, AT_LEAST):
        if name in demand:
            columns[name] = _stretched(demand[name].to_numpy(dtype=np.float64), known + horizon)
    sentences = []
    for driver in dataset.drivers:
        dtype = object if driver.kind == "category" else np.float64
        values = _stretched(demand[driver.name].to_numpy(dtype=dtype), known + horizon)
        missing = pd.isna(values[known:])
        if driver.future in ("known", "calendar") and missing.any():
            rule = ("“no” is assumed" if driver.kind == "yes_no" else "0 is assumed" if driver.future == "calendar"
                    else "the last known value is repeated")
            sentences.append(f"{driver.title} is not known for {int(missing.sum())} of {horizon} periods: {rule}.")
        columns[driver.name] = np.append(values[:known], _planned(values, known, missing, driver, dataset.year_length))
    return pd.DataFrame(columns), tuple(sentences)


def _planned(values: Values, known: int, missing: npt.NDArray[np.bool_], driver: Driver, year_length: int) -> Values:
    """A driver's values of the future: as known, by its rule where they are not, then the last one again."""
    future = values[known:].copy()
    if driver.future == "given":
        future[:] = _as_stored(driver)
    elif driver.future == "repeat_season":
        a_year_before = np.arange(known, len(values)) - year_length
        season = np.where(a_year_before >= 0, values[np.maximum(a_year_before, 0)], np.nan)
        future = np.where(missing, season, future)
    elif driver.future == "calendar" or (driver.future == "known" and driver.kind == "yes_no"):
        future[missing] = 0.0
    before = values[:known][~pd.isna(values[:known])]
    filled = np.append(before[-1:] if len(before) else np.array([np.nan], dtype=values.dtype), future)
    latest = np.maximum.accumulate(np.where(pd.isna(filled), 0, np.arange(len(filled))))
    return filled[latest][1:]


def _stretched(values: Values, periods: int) -> Values:
    """The first so many values; unknown beyond the last."""
    return np.append(values[:periods], np.full(max(periods - len(values), 0), np.nan, dtype=values.dtype))


def period_range(first: pd.Timestamp, periods: int, frequency: str) -> pd.DatetimeIndex:
    """So many consecutive periods from the first: days, weeks on the first's weekday, or months."""
    return pd.date_range(first, periods=periods, freq=_STEPS[frequency])


def periods_until(last: pd.Timestamp, periods: int, frequency: str) -> pd.DatetimeIndex:
    """So many consecutive periods up to the last."""
    return pd.date_range(end=last, periods=periods, freq=_STEPS[frequency])


def _as_stored(driver: Driver) -> float | str:
    return str(driver.default) if driver.kind == "category" else float(driver.default)  # type: ignore[arg-type]
