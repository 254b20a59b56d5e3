"""The table of features that Dagster shows: what is known at the end of each period."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.stored_drivers import drivers_in
from demand_assets.forecasting.features.borrowed_from_others import PanelFacts
from demand_assets.forecasting.features.series_features import series_features
from demand_assets.forecasting.validation.schemas import DemandFeatures

_EXACT = frozenset(DemandFeatures.to_schema().columns)
"""Columns with full precision; the others have that of the boosters."""


def features_columns(demand: pd.DataFrame, dataset: Dataset, region_item: RegionItem) -> dict[str, npt.NDArray[Any]]:
    """What is known at the end of each period, and of its calendar and drivers: the columns of schema DemandFeatures,
    and no table of them: to make one of so many costs as much as all features.

    For people to look at: a category driver is one column of texts, not one column for each value, and a driver that
    the demand was taken in without is left out.
    """
    there = drivers_in(demand, dataset)
    dataset = dataset.model_copy(update={"drivers": tuple(one for one in dataset.drivers if one.name in there)})
    series = series_features(demand, dataset, PanelFacts.without_categories(dataset), region_item)
    plain = {"date": series.dates, "demand": series.sold, **series.past.as_given.calendar, "level": series.level}
    rest = {**series.past.origin, **{f"recent:{name}": values for name, values in series.past.as_given.recent.items()},
            **{f"target:{name}": values for name, values in series.drivers.items()}}
    columns = plain | {name: values if name in _EXACT else values.astype(np.float32)
                       for name, values in rest.items() if not name.endswith("=(other)") and name not in plain}
    texts = {f"target:{driver.name}": demand[driver.name].astype("string").fillna("").to_numpy(dtype=object)
             for driver in dataset.drivers if driver.kind == "category"}
    return {name: np.asarray(values) for name, values in (columns | texts).items()}
