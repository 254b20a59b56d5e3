"""Region-items that were launched after a cut, as they were known before their first day: made of M5 and orange juice.

Of each set everything is known up to the cut; what is launched within a quarter after it is forecast for its first
month from the day before its first row, by models that end at the cut. Of M5 those items count that no shop sold
before; of orange juice, where every brand is sold somewhere from the first week on, brands that are new in a shop.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmarks.attributes import ATTRIBUTES
from benchmarks.reconciliation import attributes_of
from benchmarks.support.accuracy_sets import SetError, described, environment
from benchmarks.support.live_sets import REALISED
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.contract.source import SourceError
from demand_assets.forecasting.dataset.attributes import BESIDE, Hierarchies
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.series.gapped import Floats
from demand_assets.forecasting.validation.rows_to_demand import validate_panel
from demand_assets.sources import open_source

FIRST = {"D": 30, "W": 6}
"""Periods that are forecast of what is new."""
WITHIN = {"D": 91, "W": 13}
"""Periods after the cut in which it may begin."""
DAYS = {"D": 1, "W": 7}
READ_AT_ONCE = 1000


@dataclass(frozen=True)
class Cut:
    """What was known at a cut, and what was launched after it."""

    name: str
    dataset: Dataset
    """Drivers known ahead; its horizon is the first month."""
    date: pd.Timestamp
    """The last period known."""
    known: Mapping[RegionItem, pd.DataFrame]
    """Schema Demand, up to the cut."""
    launched: Mapping[RegionItem, pd.DataFrame]
    """Schema Demand of the first month, in units; drivers as they came."""
    category: str
    """The attribute that says which region-items are alike; empty: the item."""

    def alike(self, one: RegionItem) -> str:
        """What the region-item has in common with those that are like it."""
        return attributes_of(one)[self.category] if self.category else one.item

    @property
    def actual(self) -> dict[RegionItem, Floats]:
        """In units, shape (periods,); NaN where unknown."""
        return {one: table["demand"].to_numpy(dtype=np.float64) for one, table in self.launched.items()}


def cuts_of(name: str, every: int) -> list[Cut]:
    """The cuts of a set, oldest first; those after which nothing was launched left out.

    Args:
        name: one of ``SETS``.
        every: one item in so many, where there are attributes; else all.
    Raises: SetError: the set cannot be read.
    """
    spec = SETS[name]
    dataset = described(spec.set_name)
    first = FIRST[dataset.frequency]
    dataset = dataset.model_copy(update={
        "drivers": tuple(driver.model_copy(update=REALISED) for driver in dataset.drivers), "horizon": first,
        "backtest": dataset.backtest.model_copy(update={"windows": 1}),
        "rules": dataset.rules.model_copy(update={"stale_periods": 100_000, "unknown_share": 1.0})})
    if spec.category:
        dataset = dataset.model_copy(update={
            "attributes": ATTRIBUTES, "hierarchies": Hierarchies(item=("category", "department"))})
    tables = _tables(name, dataset, every if spec.category else 1)
    found = (_cut(name, dataset, tables, pd.Timestamp(date), spec.category) for date in spec.cuts)
    return [cut for cut in found if cut.launched and cut.known]


@dataclass(frozen=True)
class Spec:
    """A set and its cuts."""

    set_name: str
    """As for ``accuracy_sets.described``."""
    category: str
    cuts: tuple[str, ...]


SETS = {"m5": Spec("datasets/m5.toml", "department", ("2013-06-30", "2014-06-30", "2015-06-30")),
        "dominicks_oj": Spec("dominicks_oj", "", ("1990-12-27", "1991-06-27", "1991-12-26"))}


def _tables(name: str, dataset: Dataset, every: int) -> dict[RegionItem, pd.DataFrame]:
    try:
        source = open_source(dataset, environment=environment())
        catalogue = source.catalogue()
        items = set(sorted({one.item for one in catalogue.region_items})[::every])
        ones = [one for one in catalogue.region_items if one.item in items]
        tables = {}
        for start in range(0, len(ones), READ_AT_ONCE):
            part = ones[start:start + READ_AT_ONCE]
            for found in validate_panel(source.read(part), dataset, part, catalogue.last_date, source.today()):
                if found.demand is not None:
                    tables[found.region_item] = found.demand
    except SourceError as error:
        raise SetError(f"set {name}: {error}") from error
    return tables


def _cut(name: str, dataset: Dataset, tables: Mapping[RegionItem, pd.DataFrame], date: pd.Timestamp,
         category: str) -> Cut:
    begins = {one: table.loc[table["demand"].notna(), "date"].iloc[0] for one, table in tables.items()}
    first_of_item: dict[str, pd.Timestamp] = {}
    for one, begin in begins.items():
        first_of_item[one.item] = min(begin, first_of_item.get(one.item, begin))
    step = pd.Timedelta(days=DAYS[dataset.frequency])
    until = date + WITHIN[dataset.frequency] * step
    known, launched = {}, {}
    for one, table in tables.items():
        if begins[one] <= date:
            known[one] = table[table["date"] <= date].reset_index(drop=True)
        elif begins[one] <= until and (not category or first_of_item[one.item] > date):
            month = table[table["date"] >= begins[one]].iloc[:dataset.horizon].reset_index(drop=True)
            if len(month) == dataset.horizon:
                launched[one] = month
    for one, table in (*known.items(), *launched.items()):
        if category:
            table.attrs[BESIDE] = attributes_of(one)
    return Cut(name, dataset, date, known, launched, category)
