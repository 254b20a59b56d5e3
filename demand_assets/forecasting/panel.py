"""All region-items of a dataset as the pooled training sees them: features, training rows, and where fits must end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from demand_assets.forecasting.backtest import origins_before, selection_origins
from demand_assets.forecasting.dataset import Dataset
from demand_assets.forecasting.features import SeriesFeatures, series_features
from demand_assets.forecasting.panel_facts import PanelFacts
from demand_assets.forecasting.pooled import NotEnoughHistoryError, TrainingRows, training_rows
from demand_assets.forecasting.recipes import Drivers
from demand_assets.forecasting.region_item import RegionItem

ROWS_OF_EACH = 2000
"""Training rows drawn of each region-item, fewer where the dataset has many."""
ROWS_OF_ALL = 600_000
MEMBERS = 4000
"""Region-items that the boosters learn from: all, or evenly chosen ones of a larger dataset."""
JUDGED_MEMBERS = 400
"""Region-items on which recipes are compared and error shapes learned, evenly chosen."""


@dataclass(frozen=True)
class Member:
    """One region-item as the pooled training sees it."""

    region_item: RegionItem
    series: SeriesFeatures
    rows: TrainingRows


@dataclass(frozen=True)
class Panel:
    """All that is learned from, for one way in which drivers work."""

    drivers: Drivers
    members: list[Member]
    facts: PanelFacts
    rows: TrainingRows
    ends: list[np.datetime64]

    @property
    def selection_end(self) -> np.datetime64 | None:
        """Where the fits end on which choices are made; None where the history is too short for windows of their own,
        so that nothing may be chosen."""
        return self.ends[0] if len(self.ends) == self.members[0].series.dataset.backtest.windows + 2 else None

    @property
    def judged(self) -> list[Member]:
        """The region-items on which recipes are compared."""
        return self.members[::-(-len(self.members) // JUDGED_MEMBERS)]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the features."""
        return tuple(self.members[0].series.names)


def panel_of(region_items: Sequence[RegionItem], read: Callable[[RegionItem], pd.DataFrame], dataset: Dataset,
             drivers: Drivers) -> Panel:
    """The panel of these region-items, of an even choice where they are many.

    Raises: NotEnoughHistoryError: none is long enough to train on.
    """
    chosen = list(region_items)[::max(1, -(-len(region_items) // MEMBERS))]
    wanted = min(ROWS_OF_EACH, max(20, ROWS_OF_ALL // max(len(chosen), 1)))
    alone = {one: series_features(read(one), dataset) for one in chosen}
    before = -int(selection_origins(int(origins_before(0, dataset)[0]), dataset.horizon)[0])
    facts = PanelFacts.of(alone, dataset, before, drivers)
    members = []
    for one in chosen:
        series = series_features(read(one), dataset, facts, one)
        try:
            members.append(Member(one, series, training_rows(series, one, wanted)))
        except NotEnoughHistoryError:
            continue
    if not members:
        raise NotEnoughHistoryError("no region-item of the dataset is long enough to train on")
    rows = TrainingRows.joined([member.rows for member in members])
    return Panel(drivers, members, facts, rows, fit_ends(members, dataset))


def fit_ends(members: Sequence[Member], dataset: Dataset) -> list[np.datetime64]:
    """The last dates that the fits may see, oldest first: before the selection windows, before each judged, the end."""
    longest = longest_of(members)
    last = longest.known - 1
    judged = origins_before(last, dataset)
    periods = [int(selection_origins(int(judged[0]), dataset.horizon)[0]), *(int(origin) for origin in judged), last]
    return [longest.dates.to_numpy()[period].astype("datetime64[D]") for period in periods if period >= 0]


def longest_of(members: Sequence[Member]) -> SeriesFeatures:
    """The region-item whose demand ends last, and of those the longest: its dates are the dataset's."""
    return max((member.series for member in members),
               key=lambda series: (pd.Timestamp(series.dates[series.known - 1]), series.known))
