"""The plain arrays that features are made of: one series and its drivers, period by period."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.series.adjusted_demand import ADJUSTED, CARRIED, known_periods, learned
from demand_assets.forecasting.series.censored_demand import at_least
from demand_assets.forecasting.series.gapped import Floats

Categories = Mapping[str, tuple[str, ...]]
"""Values of each category driver, by its name."""


@dataclass(frozen=True)
class SeriesInputs:
    """Demand and drivers of one region-item.

    Periods are counted from 0; those from ``known`` on are the future, whose demand is not known. The last before it
    has known demand or is out of stock.
    """

    dates: pd.DatetimeIndex
    demand: Floats
    """As models learn it, with planners' adjustments and what is carried over: shape (periods,), in units; NaN where
    unknown and in the future."""
    known: int
    dataset: Dataset
    drivers: dict[str, Floats]
    """One column for a number or yes/no driver, one for each category (``name=value``); each of shape (periods,)."""
    categories: Categories = field(default_factory=dict)
    common: Categories = field(default_factory=dict)
    """The values of each category driver that have a column in ``drivers``; the others share ``name=(other)``."""
    as_sold: Floats | None = None
    """Demand without adjustments and what is carried over; None where there is neither."""
    unknown_texts: Mapping[str, npt.NDArray[np.bool_]] = field(default_factory=dict)
    """Category driver -> whether its value is unknown, shape (periods,)."""
    is_censored: npt.NDArray[np.bool_] | None = None
    """Which periods are out of stock, so that their demand is not known; None where none is said to be."""

    @property
    def sold(self) -> Floats:
        """What was sold in each period, which forecasts are judged by; shape (periods,), in units; NaN where it is
        carried over."""
        return self.demand if self.as_sold is None else self.as_sold


def series_inputs(demand: pd.DataFrame, dataset: Dataset, categories: Categories | None = None,
                  common: Categories | None = None) -> SeriesInputs:
    """The inputs of one region-item.

    Args:
        demand: schema Demand, with rows beyond the last known demand, or the last out of stock, for the known future;
            with a column ``ADJUSTED`` where planners adjusted it, ``CARRIED`` and ``PAST`` where it carries on that of
            others.
        dataset: names the drivers.
        categories: values of each category driver; those of the demand itself unless given.
        common: those of them that have a column of their own; all unless given.
    """
    units, known = learned(demand), known_periods(demand)
    is_censored = ~np.isnan(at_least(demand)) & np.isnan(units)
    if categories is None:
        categories = {driver.name: tuple(sorted(set(_texts(demand[driver.name])[:known])))
                      for driver in dataset.drivers if driver.kind == "category"}
    common = categories if common is None else common
    return SeriesInputs(
        pd.DatetimeIndex(demand["date"]), units, known, dataset, driver_columns(demand, dataset, common), categories,
        common, demand["demand"].to_numpy(dtype=np.float64) if ADJUSTED in demand or CARRIED in demand else None,
        {driver.name: demand[driver.name].isna().to_numpy() for driver in dataset.drivers
         if driver.kind == "category"},
        is_censored if is_censored.any() else None)


def driver_columns(table: pd.DataFrame | Mapping[str, npt.NDArray[Any]], dataset: Dataset,
                   common: Categories, without: Container[str] = ()) -> dict[str, Floats]:
    """``SeriesInputs.drivers`` of a table, or its columns, with the drivers' own columns.

    Args:
        without: drivers that are left out.
    """
    columns: dict[str, Floats] = {}
    for driver in dataset.drivers:
        if driver.name in without:
            continue
        if driver.kind != "category":
            columns[driver.name] = np.asarray(table[driver.name], dtype=np.float64)
            continue
        values = _texts(pd.Series(table[driver.name]))
        for category in common[driver.name]:
            columns[f"{driver.name}={category}"] = (values == category).astype(np.float64)
        others = ~np.isin(values.astype(str), common[driver.name])
        columns[f"{driver.name}=(other)"] = others.astype(np.float64)
    return columns


def _texts(values: "pd.Series[Any]") -> npt.NDArray[Any]:
    """A category driver's values as texts, empty where unknown."""
    return values.astype("string").fillna("").to_numpy(dtype=object)
