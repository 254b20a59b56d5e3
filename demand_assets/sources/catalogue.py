"""The catalogue of a table that is looked through piece by piece."""

import re
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.contract.dataset_file import Dataset
from demand_assets.forecasting.contract.periods import ordinals, period_dates, weekdays
from demand_assets.forecasting.contract.region_item import BadNameError, RegionItem, one_form
from demand_assets.forecasting.contract.source import Catalogue
from demand_assets.forecasting.validation.readings import read_dates, read_numbers
from demand_assets.forecasting.validation.row_rules import is_running
from demand_assets.sources.columns import ColumnPlan

Numbers = npt.NDArray[np.int32]

_FEW_SHARE = 0.05
"""Of the region-items; so many rows at least tell when demand ends."""


_TOTAL = re.compile(r"\b(grand ?total|total|totals|totale|overall|all|sum|summe|gesamt|gesamtsumme|insgesamt|somme|"
                    r"suma|subtotal|zwischensumme)\b", re.IGNORECASE)
_NEARLY = 0.02
"""How far a row that is called a total may be from the sum of the others."""
_EXACTLY = 1e-9
_ENOUGH_OTHERS = 4
"""Others whose sum a row hits exactly by no chance, whatever it is called."""


def totals_among(units: Mapping[tuple[str, str], float | None]) -> list[str]:
    """Words for each region or item that looks like a total over the others.

    Args:
        units: demand of each region and item; None where it is not known, so that only names can tell.
    """
    found = []
    for place, kind in enumerate(("region", "item")):
        sums: dict[str, dict[str, float]] = {}
        for names, size in units.items():
            sums.setdefault(names[1 - place], {})[names[place]] = 0.0 if size is None else size
        whole = {other: sum(its.values()) for other, its in sums.items()}
        where: dict[str, list[str]] = {}
        for names in units:
            if len(sums[names[1 - place]]) > 2:
                where.setdefault(names[place], []).append(names[1 - place])
        is_known = all(size is not None for size in units.values())
        for name, within in sorted(where.items()):
            own = sum(sums[other][name] for other in within)
            others = sum(whole[other] for other in within) - own
            count = max(len(sums[other]) - 1 for other in within)
            is_named = bool(_TOTAL.search(name))
            is_sum = is_known and own > 0 and abs(own - others) <= own * (
                _NEARLY if is_named else _EXACTLY) and (is_named or count >= _ENOUGH_OTHERS)
            if is_sum or (not is_known and bool(_TOTAL.fullmatch(name)) and count):
                says = "is the sum of the others" if is_sum else "is called a total"
                found.append(f"The {kind} {name!r} {says}, so its demand counts twice in totals. Set "
                             f"rules.leave_out_{kind}s = [{name!r}] in the dataset file to leave it out.")
    return found


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
        self._units: list[float] = []

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
        self._units.extend([0.0] * (len(self._places) - len(self._units)))
        demand = read_numbers(self._plan.demand(table))[0]
        sums = np.bincount(codes, np.where(np.isfinite(demand), demand, 0.0), minlength=len(distinct))
        for place, units in zip(places, sums, strict=True):
            self._units[place] += float(units)
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
        rules = self._dataset.rules
        regions, items = (set(map(one_form, names)) for names in (rules.leave_out_regions, rules.leave_out_items))
        kept = {name: number for name, number in self._places.items()
                if name[0] not in regions and name[1] not in items}
        for (region, item), number in kept.items():
            rows = self._rows[number]
            try:
                numbers[RegionItem(region, item)] = number
            except BadNameError as error:
                refused.append((region, item, str(error), rows))
        notices = tuple(totals_among({name: self._units[number] if self._units else None
                                      for name, number in kept.items()}))
        notices += tuple(
            f"rules.leave_out_{kind}s names {name!r}, and no row has that {kind}. Correct the name, or take it out."
            for place, (kind, names) in enumerate((("region", regions), ("item", items)))
            for name in sorted(names - {each[place] for each in self._places}))
        return Catalogue(tuple(sorted(numbers)), self._last_date(), tuple(sorted(refused)), notices=notices), numbers

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
