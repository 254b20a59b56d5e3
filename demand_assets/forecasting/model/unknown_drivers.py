"""What a model does where the drivers are others than it was trained with: it goes on without those that it does not
know, and is refused where one of its own is gone.
"""

from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.calendar import other_meanings
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.driver_kinds import Kind
from demand_assets.forecasting.dataset.stored_drivers import drivers_in
from demand_assets.forecasting.model.model_files import ModelFilesError

CALENDAR = "calendar"
"""In a card, which days the drivers of the calendar stood for: ``Calendar.meanings``."""


class OtherDriversError(ModelFilesError):
    """A model that was trained with drivers which the dataset file or the stored demand does not have."""


class OtherPastError(OtherDriversError):
    """A model that learned demand carried over from other items, which is carried over no longer, or otherwise."""


def as_known(dataset: Dataset, learned: Mapping[str, Kind]) -> Dataset:
    """The dataset with the drivers that a model was trained with, and no others.

    Raises: OtherDriversError: the dataset no longer declares one of them, or declares it as another kind.
    """
    declared = {driver.name: driver for driver in dataset.drivers}
    for name, kind in learned.items():
        if name not in declared:
            raise OtherDriversError(f"it was trained with the driver {name}, which the dataset file no longer "
                                    "declares; a retrain makes one without it")
        if declared[name].kind != kind:
            raise OtherDriversError(f"it was trained with {name} of kind {kind}, and the dataset file now declares "
                                    f"it of kind {declared[name].kind}; a retrain makes one that knows it so")
    drivers = tuple(declared[name] for name in learned)
    return dataset if drivers == dataset.drivers else dataset.model_copy(update={"drivers": drivers})


def check_drivers(learned: Mapping[str, Kind], demand: pd.DataFrame, dataset: Dataset, region_item: RegionItem) -> None:
    """Check that dataset and demand have the drivers that a model was trained with.

    Raises: OtherDriversError: they lack one.
    """
    there = drivers_in(demand, as_known(dataset, learned))
    if lacking := [name for name in learned if name not in there]:
        raise OtherDriversError(f"it was trained with {', '.join(lacking)}, and the stored demand of {region_item} "
                                "has no such values; take its demand in again")


def other_days(card: Mapping[str, Any], learned: Collection[str], dataset: Dataset, region: str,
               seen: str) -> list[str]:
    """The drivers that stood for other days of a region when a model was trained, by the calendar of the dataset; none
    where that was not noted yet.

    Args:
        card: of the model.
        learned: its drivers.
        seen: the last date whose demand it has seen, ISO.
    """
    if CALENDAR not in card:
        return []
    now = dataset.calendar.meanings(dataset.frequency)
    return [name for name in other_meanings(card[CALENDAR], now, region, seen) if name in learned]
