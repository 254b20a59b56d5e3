"""All region-items of a dataset as the pooled training sees them: features, training rows, and where fits must end."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.contract.recipes import Drivers
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.attributes import BESIDE, Value
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.features.borrowed_from_others import PanelFacts
from demand_assets.forecasting.features.inputs import SeriesInputs, series_inputs
from demand_assets.forecasting.features.series_features import EFFECT, SEEN, SeriesFeatures, series_features
from demand_assets.forecasting.model.backtest import origins_before, selection_origins
from demand_assets.forecasting.model.boosters import Rows, TrainingRows, training_rows
from demand_assets.forecasting.model.enough_history import NotEnoughHistoryError
from demand_assets.forecasting.model.training.aside import Aside, in_order

log = logging.getLogger(__name__)

Read = Callable[[RegionItem], pd.DataFrame]
"""Gives the demand of a region-item, schema Demand."""
ROWS_OF_EACH = 2000
"""Training rows drawn of each region-item, fewer where the dataset has many."""
ROWS_OF_ALL = 600_000
MEMBERS = 4000
"""Region-items that the boosters learn from: all, or evenly chosen ones of a larger dataset."""
JUDGED_MEMBERS = 400
"""Region-items on which recipes are compared and error shapes learned, evenly chosen."""
MADE_TOGETHER = 25
"""Region-items whose rows are made together; one of them at least is judged, where one has rows."""
NEVER = np.datetime64("9999-12-31")
TOLD_EVERY = 1000
"""Series after which it is told how far the rows are; a multiple of ``MADE_TOGETHER``."""


@dataclass(frozen=True)
class Member:
    """One region-item as the pooled training sees it."""

    region_item: RegionItem
    series: SeriesFeatures
    first_target: np.datetime64
    """The earliest date that it is learned from; ``NEVER`` where no row of it is."""

    def with_facts(self, facts: PanelFacts) -> "Member":
        """The same, corrected as part of its total, and with what its rows end in; the rest of the facts must be those
        that it was made of."""
        factors = facts.factors_of_total(self.region_item, self.series.past.borrowed.known)
        if factors == self.series.total_factors and facts.has_smoothed == self.series.has_smoothed:
            return self
        return replace(self, series=replace(self.series, total_factors=factors, has_smoothed=facts.has_smoothed))


@dataclass(frozen=True)
class Panel:
    """All that is learned from, for one way in which drivers work."""

    drivers: Drivers
    judged: list[Member]
    """The region-items on which recipes are compared; of the others only the rows are kept, for memory's sake."""
    longest: SeriesFeatures
    """Of all region-items learned from: its dates are the dataset's."""
    size: int
    """How many region-items are learned from."""
    facts: PanelFacts
    rows: TrainingRows
    ends: list[np.datetime64]

    @property
    def seeing(self) -> "Panel":
        """That of the boosted way, of a panel of the mean of both, whose boosters see the same beside others."""
        assert self.facts.seen is not None
        return replace(self, drivers="boosted", longest=self.longest.seeing, facts=self.facts.seen,
                       judged=[replace(member, series=member.series.seeing) for member in self.judged],
                       rows=replace(self.rows.as_seen(self.names), features=self.seen(self.rows.features)))

    def seen(self, features: Rows) -> Rows:
        """Of features of both ways those of the boosted one, where drivers have no effects beside the boosters."""
        names, places = self.names, self._places_of_seen
        found = features[:, list(places)]
        found[:, [place for place, mine in enumerate(places) if names[mine].startswith(EFFECT)]] = 0.0
        return found

    @cached_property
    def _places_of_seen(self) -> tuple[int, ...]:
        """Of each feature of the boosted way, the place among these."""
        places = {name: place for place, name in enumerate(self.names)}
        return tuple(places[f"{SEEN}{name}" if f"{SEEN}{name}" in places else name]
                     for name in self.longest.seeing.names)

    @property
    def selection_end(self) -> np.datetime64 | None:
        """Where the fits end on which choices are made; None where the history is too short for windows of their own,
        so that nothing may be chosen."""
        return self.ends[0] if len(self.ends) == self.longest.dataset.backtest.windows + 2 else None

    @property
    def names(self) -> tuple[str, ...]:
        """Of the features."""
        return tuple(self.longest.names)

    @property
    def constraints(self) -> tuple[int, ...]:
        """Of the features, as ``SeriesFeatures.constraints``."""
        return self.longest.constraints


@dataclass(frozen=True)
class _Task:
    """Region-items whose rows are to be made together."""

    tables: list[tuple[RegionItem, pd.DataFrame]]
    judged: list[bool]
    dataset: Dataset
    facts: PanelFacts
    wanted: int


@dataclass(frozen=True)
class _Made:
    """Their rows."""

    size: int
    """How many have any."""
    rows: TrainingRows
    judged: list[Member]
    longest: SeriesFeatures


def _made(task: _Task) -> _Made | None:
    """None where no region-item is long enough."""
    found: list[tuple[Member, TrainingRows, bool]] = []
    for (one, demand), is_judged in zip(task.tables, task.judged, strict=True):
        series = series_features(demand, task.dataset, task.facts, one)
        with suppress(NotEnoughHistoryError):
            rows = training_rows(series, one, task.wanted)
            found.append((Member(one, series, rows.date.min() if len(rows.date) else NEVER), rows, is_judged))
    if not found:
        return None
    return _Made(len(found), TrainingRows.joined([rows for _, rows, _ in found]),
                 [member for member, _, is_judged in found if is_judged] or [found[0][0]],
                 longest_of([member for member, *_ in found]))


class _Table:
    """Rows that are put into one table part by part, so that they are never in memory twice.

    Args:
        most: rows that there may be; what is not used of so many is never touched, and takes no memory.
    """

    def __init__(self, most: int) -> None:
        self._most, self._count = most, 0
        self._columns: dict[str, npt.NDArray[Any]] = {}

    def add(self, rows: TrainingRows) -> None:
        """Put these behind those that are there."""
        end = self._count + len(rows.ratio)
        for column in fields(rows):
            values = getattr(rows, column.name)
            if column.name not in self._columns:
                self._columns[column.name] = np.empty((self._most, *values.shape[1:]), values.dtype)
            self._columns[column.name][self._count: end] = values
        self._count = end

    @property
    def filled(self) -> TrainingRows:
        """Those that are there."""
        return TrainingRows(**{name: values[: self._count] for name, values in self._columns.items()})


def panel_of(region_items: Sequence[RegionItem], read: Read, dataset: Dataset, drivers: Drivers,
             aside: Aside = map) -> Panel:
    """The panel of these region-items, of an even choice where they are many.

    Args:
        aside: how rows are made of many.
    Raises: NotEnoughHistoryError: none is long enough to train on.
    """
    chosen = members_of(region_items)
    wanted = min(ROWS_OF_EACH, max(20, ROWS_OF_ALL // max(len(chosen), 1)))
    facts = _facts(chosen, read, dataset, drivers)
    judged_places = range(0, len(chosen), -(-len(chosen) // JUDGED_MEMBERS)) if chosen else range(0)

    def tasks() -> Iterator[_Task]:
        for first in range(0, len(chosen), MADE_TOGETHER):
            places = range(first, min(first + MADE_TOGETHER, len(chosen)))
            yield _Task([(chosen[place], read(chosen[place])) for place in places],
                        [place in judged_places for place in places], dataset, facts, wanted)

    size, rows, judged, longest = 0, _Table(wanted * len(chosen)), list[Member](), list[SeriesFeatures]()
    for number, part in enumerate(in_order(aside, _made, tasks()), start=1):
        if part:
            size += part.size
            rows.add(part.rows)
            judged += part.judged
            longest.append(part.longest)
        if (done := number * MADE_TOGETHER) % TOLD_EVERY == 0:
            log.info("rows of %s of %s series made", min(done, len(chosen)), len(chosen))
    if not size:
        raise NotEnoughHistoryError("no region-item of the dataset is long enough to train on")
    of_all = max(longest, key=_last_and_length)
    return Panel(drivers, judged, of_all, size, facts, rows.filled, fit_ends(of_all))


def members_of(region_items: Sequence[RegionItem]) -> list[RegionItem]:
    """Those that are learned from."""
    return evenly_chosen(region_items, MEMBERS)


def evenly_chosen(region_items: Sequence[RegionItem], most: int) -> list[RegionItem]:
    """All of them, or an even choice of so many at most."""
    return list(region_items)[::max(1, -(-len(region_items) // most))]


def _facts(chosen: Sequence[RegionItem], read: Read, dataset: Dataset, drivers: Drivers) -> PanelFacts:
    """What the features of each borrow from the others; looked at without a column for each category."""
    bare = PanelFacts.without_categories(dataset)
    counts: dict[str, Counter[str]] = {name: Counter() for name in bare.categories}
    alone: dict[RegionItem, SeriesInputs] = {}
    attributes: dict[RegionItem, Mapping[str, Value]] = {}
    for one in chosen:
        demand = read(one)
        attributes[one] = demand.attrs.get(BESIDE, {})
        alone[one] = series = series_inputs(demand, dataset, bare.categories, bare.common)
        for name, counted in counts.items():
            counted.update(demand[name].iloc[:series.known].astype("string").fillna("").tolist())
    before = -int(selection_origins(int(origins_before(0, dataset)[0]), dataset.horizon)[0])
    facts = PanelFacts.of(alone, dataset, before, drivers, counts)
    return facts.with_attributes(attributes, dataset.attributes)


def fit_ends(longest: SeriesFeatures) -> list[np.datetime64]:
    """The last dates that the fits may see, oldest first: before the selection windows, before each judged, the end."""
    last = longest.known - 1
    judged = origins_before(last, longest.dataset)
    selection = selection_origins(int(judged[0]), longest.dataset.horizon)
    periods = [int(selection[0]), *(int(origin) for origin in judged), last]
    return [longest.dates.to_numpy()[period].astype("datetime64[D]") for period in periods if period >= 0]


def longest_of(members: Sequence[Member]) -> SeriesFeatures:
    """The region-item whose demand ends last, and of those the longest: its dates are the dataset's."""
    return max((member.series for member in members), key=_last_and_length)


def _last_and_length(series: SeriesFeatures) -> tuple[pd.Timestamp, int]:
    return pd.Timestamp(series.dates[series.known - 1]), series.known
