"""The catalogue of a table that is looked through piece by piece."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.contract.dataset_file import Dataset
from demand_assets.forecasting.contract.periods import ordinals, period_dates, weekdays
from demand_assets.forecasting.contract.region_item import BadNameError, RegionItem
from demand_assets.forecasting.contract.source import Catalogue
from demand_assets.forecasting.validation.readings import read_dates, read_numbers
from demand_assets.forecasting.validation.row_rules import is_running
from demand_assets.sources.columns import ColumnPlan

Numbers = npt.NDArray[np.int32]

_FEW_SHARE = 0.05
"""Of the region-items; so many rows at least tell when demand ends."""


class CatalogueBuilder:
    """Collects which region-items there are, in which rows, and when demand ends.

    Args:
        today: later dates do not count as the end of demand.
    """

    def __init__(self, dataset: Dataset, plan: ColumnPlan, today: pd.Timestamp) -> None:
        self._dataset, self._plan = dataset, plan
        self._today = today.to_datetime64().astype("datetime64[D]")
        self._places: dict[tuple[str, str], int] = {}
        self._rows_on: dict[np.datetime64, int] = {}
        self._rows: list[int] = []

    def add(self, table: pd.DataFrame) -> Numbers:
        """Look through a piece of the source.

        Returns: the number of each row's region-item: as in ``catalogue``.
        """
        regions, items = self._plan.names(table, "region").cat, self._plan.names(table, "item").cat
        pairs = regions.codes.to_numpy().astype(np.int64) * len(items.categories) + items.codes.to_numpy()
        codes, distinct = pd.factorize(pairs)
        names = [(str(regions.categories[int(pair) // len(items.categories)]),
                  str(items.categories[int(pair) % len(items.categories)])) for pair in distinct]
        places = np.array([self._places.setdefault(name, len(self._places)) for name in names], dtype=np.int32)
        counts = np.bincount(codes, minlength=len(distinct))
        self._rows.extend([0] * (len(self._places) - len(self._rows)))
        for place, count in zip(places, counts, strict=True):
            self._rows[place] += int(count)
        self.see_dates(self._plan.dates(table), self._plan.demand(table))
        return places[codes] if len(places) else np.zeros(0, dtype=np.int32)

    def add_names(self, region: str, item: str, rows: int) -> None:
        """Add one region-item of so many rows."""
        place = self._places.setdefault((region, item), len(self._places))
        self._rows.extend([0] * (len(self._places) - len(self._rows)))
        self._rows[place] += rows

    def see_dates(self, dates: pd.Series, demand: pd.Series | None = None, rows: pd.Series | None = None) -> None:
        """Take note of the dates of demand.

        Args:
            demand: of each date; without it, all dates have demand.
            rows: how many rows each date stands for; one unless given.
        """
        columns, rules = self._dataset.columns, self._dataset.rules
        days = read_dates(dates, self._dataset.frequency, columns.date_format, columns.time_zone).days
        counts = ~np.isnat(days) & (days <= self._today)
        if rules.unfinished == "set_aside":
            counts &= ~is_running(days, self._dataset.frequency, self._today)
        if demand is not None:
            counts &= np.isfinite(read_numbers(demand)[0])
        weights = rows.to_numpy(dtype=float)[counts] if rows is not None else None
        distinct, place = np.unique(days[counts], return_inverse=True)
        for day, number in zip(distinct, np.bincount(place, weights, minlength=len(distinct)), strict=True):
            self._rows_on[day] = self._rows_on.get(day, 0) + int(number)

    def catalogue(self) -> tuple[Catalogue, dict[RegionItem, int]]:
        """What was seen, and the number of each region-item that can be used."""
        numbers, refused = {}, []
        for ((region, item), number), rows in zip(self._places.items(), self._rows, strict=True):
            try:
                numbers[RegionItem(region, item)] = number
            except BadNameError as error:
                refused.append((region, item, str(error), rows))
        return Catalogue(tuple(sorted(numbers)), self._last_date(), tuple(sorted(refused))), numbers

    def _last_date(self) -> pd.Timestamp | None:
        """The last date of demand; a few rows dated later than the rest, which typing errors may be, do not move it."""
        if not self._rows_on:
            return None
        days = np.array(sorted(self._rows_on))
        rows = np.array([self._rows_on[day] for day in days])
        usual = min(_FEW_SHARE * len(self._places), float(np.median(rows)))
        needed = 1 if len(self._places) == 1 else min(max(2.0, usual), rows.sum())
        last = days[np.flatnonzero(np.cumsum(rows[::-1])[::-1] >= needed)[-1:]]
        weekday = int(weekdays(last)[0])
        frequency = self._dataset.frequency
        return pd.Timestamp(period_dates(ordinals(last, frequency, weekday), frequency, weekday)[0])
