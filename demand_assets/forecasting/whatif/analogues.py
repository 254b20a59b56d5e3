"""The past periods most like a future one: what was sold when drivers and calendar were much the same."""

import numpy as np
import pandas as pd

from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.series.gapped import Floats

QUARTER_DAYS = 365.25 / 4
"""Days in the year that weigh like one spread of a driver."""


def nearest_past(demand: pd.DataFrame, dataset: Dataset, future: pd.DataFrame, count: int) -> pd.DataFrame:
    """The past periods of known demand that are nearest to each future period, nearest first.

    Distance is Euclidean over drivers and calendar. One unit of it is: a standard deviation of a number driver in the
    past; another answer of a yes/no driver or another category; a value not known in the past; another weekday, where
    periods are days; a quarter of a year between the dates, whatever the years. Of equally near periods the newer one
    comes first.

    Args:
        demand: schema Demand.
        dataset: declares the drivers.
        future: columns date and drivers, one row for each future period.
        count: past periods for each; fewer where the past is shorter.
    Returns: columns future_date, distance, date, demand and drivers; ``count`` rows for each future period.
    """
    past = demand[demand["demand"].notna()].sort_values("date", ascending=False, kind="stable")
    squares = _calendar(past, future, dataset)
    for driver in dataset.drivers:
        if driver.kind == "number":
            before, ahead = (table[driver.name].to_numpy(dtype=np.float64) for table in (past, future))
            spread = np.nanstd(before) if (~np.isnan(before)).any() else 0.0
            squares += np.nan_to_num(((ahead[:, None] - before) / (spread if spread > 0 else 1.0)) ** 2, nan=1.0)
        else:
            answers = [table[driver.name].astype("string").to_numpy(dtype=object, na_value="")
                       if driver.kind == "category" else table[driver.name].to_numpy(dtype=np.float64)
                       for table in (future, past)]
            squares += answers[0][:, None] != answers[1]
    nearest = np.argsort(squares, axis=1, kind="stable")[:, :count]
    found = past.iloc[nearest.ravel()][["date", "demand", *dataset.driver_names]].reset_index(drop=True)
    found.insert(0, "future_date", np.repeat(future["date"].to_numpy(), nearest.shape[1]))
    found.insert(1, "distance", np.sqrt(np.take_along_axis(squares, nearest, axis=1)).ravel())
    return found


def _calendar(past: pd.DataFrame, future: pd.DataFrame, dataset: Dataset) -> Floats:
    """Squared distances by the calendar, shape (future periods, past periods)."""
    ahead, before = (pd.DatetimeIndex(table["date"]) for table in (future, past))
    apart = np.abs(ahead.dayofyear.to_numpy()[:, None] - before.dayofyear.to_numpy()).astype(np.float64)
    squares = (np.minimum(apart, 365.25 - apart) / QUARTER_DAYS) ** 2
    if dataset.frequency == "D":
        squares += ahead.dayofweek.to_numpy()[:, None] != before.dayofweek.to_numpy()
    return np.asarray(squares)
