"""All region-items of a dataset as the pooled training sees them: features, training rows, and where fits must end."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from demand_assets.forecasting.contract.recipes import Drivers
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.attributes import BESIDE, Value
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.features.borrowed_from_others import PanelFacts
from demand_assets.forecasting.features.inputs import SeriesInputs, series_inputs
from demand_assets.forecasting.features.series_features import SeriesFeatures, series_features
from demand_assets.forecasting.model.backtest import origins_before, selection_origins
from demand_assets.forecasting.model.boosters import TrainingRows, training_rows
from demand_assets.forecasting.model.enough_history import NotEnoughHistoryError

log = logging.getLogger(__name__)

ROWS_OF_EACH = 2000
"""Training rows drawn of each region-item, fewer where the dataset has many."""
ROWS_OF_ALL = 600_000
MEMBERS = 4000
"""Region-items that the boosters learn from: all, or evenly chosen ones of a larger dataset."""
JUDGED_MEMBERS = 400
"""Region-items on which recipes are compared and error shapes learned, evenly chosen."""
TOLD_EVERY = 1000
"""Series after which it is told how far the rows are."""


@dataclass(frozen=True)
class Member:
    """One region-item as the pooled training sees it."""

    region_item: RegionItem
    series: SeriesFeatures
    rows: TrainingRows

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


def panel_of(region_items: Sequence[RegionItem], read: Callable[[RegionItem], pd.DataFrame], dataset: Dataset,
             drivers: Drivers) -> Panel:
    """The panel of these region-items, of an even choice where they are many.

    Raises: NotEnoughHistoryError: none is long enough to train on.
    """
    chosen = members_of(region_items)
    wanted = min(ROWS_OF_EACH, max(20, ROWS_OF_ALL // max(len(chosen), 1)))
    facts = _facts(chosen, read, dataset, drivers)
    judged_places = range(0, len(chosen), -(-len(chosen) // JUDGED_MEMBERS)) if chosen else range(0)
    judged: list[Member] = []
    longest: SeriesFeatures | None = None
    parts: list[TrainingRows] = []
    for place, one in enumerate(chosen):
        if place and place % TOLD_EVERY == 0:
            log.info("rows of %s of %s series made", place, len(chosen))
        series = series_features(read(one), dataset, facts, one)
        try:
            rows = training_rows(series, one, wanted)
        except NotEnoughHistoryError:
            continue
        parts.append(rows)
        longest = series if longest is None else max(longest, series, key=_last_and_length)
        if place in judged_places or not judged:
            judged.append(Member(one, series, rows))
    if longest is None:
        raise NotEnoughHistoryError("no region-item of the dataset is long enough to train on")
    return Panel(drivers, judged, longest, len(parts), facts, TrainingRows.joined(parts), fit_ends(longest))


def members_of(region_items: Sequence[RegionItem]) -> list[RegionItem]:
    """Those that are learned from."""
    return list(region_items)[::max(1, -(-len(region_items) // MEMBERS))]


def _facts(chosen: Sequence[RegionItem], read: Callable[[RegionItem], pd.DataFrame], dataset: Dataset,
           drivers: Drivers) -> PanelFacts:
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
