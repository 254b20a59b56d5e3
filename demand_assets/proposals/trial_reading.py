"""What the product's own reading and validation make of a dataset's demand, without training anything."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from demand_assets.forecasting.contract.periods import WEEKDAYS, WORDS, weekdays
from demand_assets.forecasting.contract.quarantine import RULES
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.contract.source import Catalogue, Source
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.prices_and_costs import COLUMNS
from demand_assets.forecasting.model.enough_history import needed_periods
from demand_assets.forecasting.store.journal import Entry
from demand_assets.forecasting.validation.rows_to_demand import Validated, validate_panel
from demand_assets.pipeline.take_in import numbers_of
from demand_assets.pipeline.unused_rows import unused, unused_in_words
from demand_assets.sources import open_source

MOST_ROWS = 1_500_000
"""After so many rows no more region-items are looked at: an answer in seconds."""
_AT_A_TIME = 200
EXAMPLES = 3
"""How many refused values of each rule are shown."""
_SHOWN = 5
_WEEKS_TO_TELL = 8


@dataclass(frozen=True)
class LookedThrough:
    """What was seen of a dataset's demand."""

    dataset: Dataset
    catalogue: Catalogue
    validated: tuple[Validated, ...]
    """Of the region-items that were looked at: all, or some of them evenly spread."""

    @property
    def usable(self) -> list[Validated]:
        """Those whose demand can be used."""
        return [one for one in self.validated if one.demand is not None]

    @property
    def problems(self) -> Counter[str]:
        """Why region-items cannot be used -> how many."""
        return Counter(one.problem for one in self.validated if one.problem)

    @cached_property
    def summary(self) -> dict[str, Any]:
        """Rows, units and periods that would not be used, as ``make train`` sums them up."""
        entries = {one.region_item: Entry(one.region_item, "started", numbers=numbers_of(one))
                   for one in self.validated}
        return {
            "unused": unused(entries),
            "notices": {one.region_item.key: list(one.notices) for one in self.validated if one.notices},
            "names_left_out": [{"region": region, "item": item, "reason": reason, "rows": rows}
                               for region, item, reason, rows in self.catalogue.refused],
            "files_skipped": [{"name": name, "reason": reason} for name, reason in self.catalogue.skipped],
            "source_notices": list(self.catalogue.notices)}

    @property
    def refused_units_share(self) -> float | None:
        """The share of all units that would be refused; None where there are none."""
        share: float | None = self.summary["unused"]["units_refused_share"]
        return share

    @cached_property
    def closed_weekdays(self) -> tuple[str, ...]:
        """The weekdays on which nothing is ever sold, in a daily dataset that sells on others."""
        if self.dataset.frequency != "D":
            return ()
        sold, days = np.zeros(7), np.zeros(7)
        for one in self.usable:
            assert one.demand is not None
            known = one.demand[one.demand["demand"].notna()]
            on = weekdays(known["date"].to_numpy().astype("datetime64[D]"))
            days += np.bincount(on, minlength=7)
            sold += np.bincount(on, known["demand"].to_numpy() > 0, minlength=7)
        if not sold.any() or days.min() < _WEEKS_TO_TELL:
            return ()
        return tuple(name for name, units in zip(WEEKDAYS, sold, strict=True) if not units)

    def examples(self, rule: str) -> list[str]:
        """Up to three refused values of a rule, each with its region-item and row."""
        found = []
        for one in self.validated:
            for row in one.quarantine[one.quarantine["rule"] == rule].itertuples():
                found.append(f"{one.region_item}, row {row.row}, {row.date}: {row.column} {row.value!r}")
                if len(found) == EXAMPLES:
                    return found
        return found

    @property
    def too_short(self) -> str:
        """Words where no region-item has enough demand for a model to be trained; else empty."""
        longest = max((int(one.counts.get("periods", 0)) for one in self.usable), default=0)
        needed = needed_periods(self.dataset)
        if longest >= needed:
            return ""
        word = WORDS[self.dataset.frequency]
        return (f"the longest history is {longest} {word[longest != 1]}; a model needs {needed} {word[1]} of demand "
                f"with horizon = {self.dataset.horizon}. Deliver more history, or lower the horizon.")

    def lines(self) -> Iterator[str]:
        """All that was seen, to read: the gravest first."""
        told, word = self.summary["unused"], WORDS[self.dataset.frequency]
        all_of = len(self.catalogue.region_items)
        some = "" if len(self.validated) == all_of else f" (looked at {len(self.validated)}, evenly spread)"
        known = [one.demand["date"][one.demand["demand"].notna()] for one in self.usable if one.demand is not None]
        dates = [of_one for of_one in known if len(of_one)]
        between = (f", {min(of_one.iloc[0] for of_one in dates).date()} to "
                   f"{max(of_one.iloc[-1] for of_one in dates).date()}" if dates else "")
        yield (f"{all_of:,} region-item{'s' * (all_of != 1)}{some}: "
               f"{told['rows']:,} row{'s' * (told['rows'] != 1)}, {told['periods']:,} {word[told['periods'] != 1]}"
               f"{between}, {told['units_read']:,.15g} {self.dataset.unit}")
        for problem, count in self.problems.most_common(_SHOWN):
            example = next(one.region_item for one in self.validated if one.problem == problem)
            yield f"not usable: {count:,} region-item{'s' * (count != 1)}, as {example}: {problem}"
        if len(self.problems) > _SHOWN:
            yield f"and {len(self.problems) - _SHOWN} more reasons"
        if self.too_short and self.usable:
            yield self.too_short
        for line in unused_in_words(self.summary):
            yield line
            rule = next((rule for rule in RULES if line.startswith(f"refused, {rule} ")), None)
            yield from (f"    {example}" for example in self.examples(rule) if rule)
        if told["periods_filled_zero"]:
            yield f"{told['periods_filled_zero']} {word[1]} without a row count as zero (rules.gaps)"
        if told["negative_as_zero"]:
            yield f"{told['negative_as_zero']} negative values count as zero (rules.negative)"
        for driver in self.dataset.drivers:
            name = f"unknown:{driver.name}"
            unknown = sum(one.counts.get(name, 0) for one in self.usable)
            if unknown and told["periods"]:
                yield f"driver {driver.name}: unknown in {unknown} of {told['periods']} {word[1]}"
        for kind, column in COLUMNS.items():
            if column in self.dataset.money.by_row:
                priced = {one.region_item for one in self.usable
                          if one.demand is not None and one.demand[column].notna().any()}
                without = [one.region_item for one in self.usable if one.region_item not in priced]
                others = f" and {len(without) - 1:,} more" if len(without) > 1 else ""
                but = f", not of {without[0]}{others}" if without else ""
                yield (f"money.{kind}: known of {len(priced):,} of {len(self.usable):,} "
                       f"region-item{'s' * (len(self.usable) != 1)}{but}")
        if self.closed_weekdays:
            yield f"nothing is ever sold on {' and '.join(self.closed_weekdays)}: forecast as closed"


def look_through(dataset: Dataset, source: Source | None = None, most_rows: int = MOST_ROWS) -> LookedThrough:
    """What the validation makes of the dataset's demand, or of so many rows of it.

    Args:
        source: the dataset's, where it is open already.
    Raises: SourceError, RawDemandError: the source cannot be used.
    """
    source = open_source(dataset) if source is None else source
    catalogue, today = source.catalogue(), source.today()
    validated: list[Validated] = []
    rows = 0
    for some in _spread(catalogue.region_items):
        raw = source.read(some)
        validated += validate_panel(raw, dataset, some, catalogue.last_date, today, catalogue.events)
        rows += len(raw)
        if rows >= most_rows:
            break
    return LookedThrough(dataset, catalogue, tuple(sorted(validated, key=lambda one: one.region_item)))


def _spread(region_items: Sequence[RegionItem]) -> Iterator[list[RegionItem]]:
    """All region-items in parts, each of which is spread evenly over all."""
    parts = max(1, -(-len(region_items) // _AT_A_TIME))
    for start in range(parts):
        yield list(region_items[start::parts])
