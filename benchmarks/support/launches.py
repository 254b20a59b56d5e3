"""Region-items that were launched after a cut, as they were known before their first day: of M5, orange juice, Walmart.

Models end at the cut; what is launched within a quarter after it is forecast for its first month from the day before
its first row. Of M5 those items count that no shop sold before; of the others, whose items are sold somewhere from the
first week on, those that are new in a shop: two new shops with all their brands, and departments of old shops.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from benchmarks.attributes import ATTRIBUTES
from benchmarks.reconciliation import attributes_of
from benchmarks.support.sets.accuracy_sets import SetError, described, environment
from benchmarks.support.sets.live_sets import REALISED
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.contract.source import SourceError
from demand_assets.forecasting.dataset.attributes import BESIDE, Hierarchies
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.demand.source_entries import FileSource
from demand_assets.forecasting.series.gapped import Floats
from demand_assets.forecasting.validation.rows_to_demand import validate_panel
from demand_assets.sources import open_source
from demand_assets.sources.environment import Environment

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
        every: one item in so many is learned from, where there are attributes; else all. All that is new is forecast.
    Raises: SetError: the set cannot be read, or nothing was launched in it.
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
    begins = _begins(name, dataset)
    cuts = [pd.Timestamp(date) for date in spec.cuts]
    launched = {date: _launched(begins, date, dataset, bool(spec.category)) for date in cuts}
    items = set(sorted({one.item for one in begins})[::every if spec.category else 1])
    wanted = [one for one in begins if one.item in items or any(one in new for new in launched.values())]
    tables = _tables(name, dataset, wanted)
    found = [_cut(name, dataset, tables, date, launched[date], items, spec.category) for date in cuts]
    if not (cuts_with := [cut for cut in found if cut.launched and cut.known]):
        raise SetError(f"set {name}: nothing was launched in the quarters after {', '.join(spec.cuts)}.")
    return cuts_with


@dataclass(frozen=True)
class Spec:
    """A set and its cuts."""

    set_name: str
    """As for ``accuracy_sets.described``."""
    category: str
    cuts: tuple[str, ...]


SETS = {"m5": Spec("datasets/m5.toml", "department", ("2013-06-30", "2014-06-30")),
        "dominicks_oj": Spec("dominicks_oj", "", ("1990-11-08",)),
        "walmart": Spec("walmart", "", ("2010-12-31", "2011-09-30"))}


def _begins(name: str, dataset: Dataset) -> dict[RegionItem, pd.Timestamp]:
    """The date of each region-item's first row, in order; files are sorted by region, item and date."""
    source = dataset.source
    assert isinstance(source, FileSource)  # as all of these sets are
    path = Environment(environment()).expand(source.path)
    try:
        rows = pq.read_table(path, columns=["region", "item", "date"], read_dictionary=["region", "item"])
    except OSError as error:
        raise SetError(f"set {name}: {path} cannot be read ({error}).") from error
    table = rows.to_pandas(date_as_object=False)
    codes = [table[column].astype("category").cat.codes.to_numpy(dtype=np.int32) for column in ("region", "item")]
    first = np.append(True, (np.diff(codes[0]) != 0) | (np.diff(codes[1]) != 0))
    return {RegionItem(str(one.region), str(one.item)): pd.Timestamp(one.date)
            for one in table[first].itertuples(index=False)}


def _launched(begins: Mapping[RegionItem, pd.Timestamp], date: pd.Timestamp, dataset: Dataset,
              is_new_everywhere: bool) -> set[RegionItem]:
    """What begins within a quarter after a date."""
    until = date + pd.Timedelta(days=DAYS[dataset.frequency] * WITHIN[dataset.frequency])
    old = {one.item for one, begin in begins.items() if begin <= date} if is_new_everywhere else set()
    return {one for one, begin in begins.items() if date < begin <= until and one.item not in old}


def _tables(name: str, dataset: Dataset, ones: list[RegionItem]) -> dict[RegionItem, pd.DataFrame]:
    """Schema Demand of those that the validation takes."""
    tables = {}
    try:
        source = open_source(dataset, environment=environment())
        catalogue = source.catalogue()
        for start in range(0, len(ones), READ_AT_ONCE):
            part = ones[start:start + READ_AT_ONCE]
            for found in validate_panel(source.read(part), dataset, part, catalogue.last_date, source.today()):
                if found.demand is not None:
                    tables[found.region_item] = found.demand
    except SourceError as error:
        raise SetError(f"set {name}: {error}") from error
    return tables


def _cut(name: str, dataset: Dataset, tables: Mapping[RegionItem, pd.DataFrame], date: pd.Timestamp,
         new: set[RegionItem], items: set[str], category: str) -> Cut:
    known, launched = {}, {}
    for one, table in tables.items():
        begin = table.loc[table["demand"].notna(), "date"].iloc[0]
        if begin <= date and one.item in items:
            known[one] = table[table["date"] <= date].reset_index(drop=True)
        elif begin > date and one in new:
            month = table[table["date"] >= begin].iloc[:dataset.horizon].reset_index(drop=True)
            if len(month) == dataset.horizon:
                launched[one] = month
    for one, table in (*known.items(), *launched.items()):
        if category:
            table.attrs[BESIDE] = attributes_of(one)
    return Cut(name, dataset, date, known, launched, category)
