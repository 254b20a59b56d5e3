"""The drivers of the future as they are planned: known, repeated, or assumed and said so; prices go on as they were."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.contract.periods import period_range
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.demand.stock_entries import AT_LEAST
from demand_assets.forecasting.dataset.drivers import Driver
from demand_assets.forecasting.series.adjusted_demand import ADJUSTED, CARRIED, PAST, known_periods
from demand_assets.forecasting.series.driver_values import contradicted_default, in_quotes

Values = npt.NDArray[Any]
"""Numbers, or texts of a category driver; NaN where unknown."""


class NotPlanned(str):
    """A sentence on a driver of which periods of the future are not known, so that people may plan it."""


def future_drivers(demand: pd.DataFrame, dataset: Dataset, horizon: int) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Demand with its drivers completed for ``horizon`` periods beyond the last that is the past.

    Args:
        demand: schema Demand; where nothing was ever sold, its first period is the origin.
    Returns: date, demand (with adjustments, what is carried over and what was sold out of stock, if there are any),
        drivers, and prices and costs that stand in the rows of the source, up to the horizon; and a sentence for each
        driver that had to be assumed. A price goes on as it was last known until another is planned.
    """
    known = known_periods(demand)
    columns: dict[str, Any] = {"date": period_range(demand["date"].iloc[0], known + horizon, dataset.frequency),
                               "demand": _stretched(demand["demand"].to_numpy(dtype=np.float64), known + horizon)}
    for name in (ADJUSTED, CARRIED, PAST, AT_LEAST):
        if name in demand:
            columns[name] = _stretched(demand[name].to_numpy(dtype=np.float64), known + horizon)
    sentences: list[str] = []
    for driver in dataset.drivers:
        values = _stretched(demand[driver.name].to_numpy(dtype=driver.of_kind.dtype), known + horizon)
        missing = pd.isna(values[known:])
        if driver.future in ("known", "calendar") and missing.any():
            rule = ("“no” is assumed" if driver.kind == "yes_no" else "0 is assumed" if driver.future == "calendar"
                    else "the last known value is repeated")
            sentences.append(NotPlanned(
                f"{driver.title} is not known for {int(missing.sum())} of {horizon} periods: {rule}."))
        if words := contradicted_default(values[:known], driver, dataset.frequency, dataset.year_length):
            sentences.append(f"{driver.title}: {in_quotes(driver.default, driver)} is planned unless a scenario says "
                             f"otherwise, but {words}.")
        columns[driver.name] = np.append(values[:known], _planned(values, known, missing, driver, dataset.year_length))
    for name in dataset.money.by_row:
        values = _stretched(demand[name].to_numpy(dtype=np.float64), known + horizon)
        columns[name] = np.append(values[:known], _carried_on(values[:known], values[known:]))
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
    return _carried_on(values[:known], future)


def _carried_on(past: Values, future: Values) -> Values:
    """The values of the future, each that is not known as the last one before it."""
    before = past[~pd.isna(past)]
    filled = np.append(before[-1:] if len(before) else np.array([np.nan], dtype=past.dtype), future)
    latest = np.maximum.accumulate(np.where(pd.isna(filled), 0, np.arange(len(filled))))
    return filled[latest][1:]


def _stretched(values: Values, periods: int) -> Values:
    """The first so many values; unknown beyond the last."""
    return np.append(values[:periods], np.full(max(periods - len(values), 0), np.nan, dtype=values.dtype))


def _as_stored(driver: Driver) -> float | str:
    return str(driver.default) if driver.kind == "category" else float(driver.default)  # type: ignore[arg-type]
