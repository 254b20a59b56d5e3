"""A selection of more region-items than are forecast on a page: summed from the stored forecasts that are kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.forecast import totals
from webapp.region_items.rows import rows_by_key
from webapp.serving.answer import Period
from webapp.serving.history import Backtest, History
from webapp.stored_forecasts.computing import LoadedForecast, stored_forecasts_of
from webapp.stored_forecasts.histories import GroupHistory, history_of_group
from webapp.tables import RegionItemRow


@dataclass(frozen=True)
class GroupLineItem:
    """One region-item of the group."""

    row: RegionItemRow
    units: float
    """Over the horizon, as shown."""
    model: float
    """By its model alone."""
    served_by: str
    """As in ``tables.StoredForecast``."""


@dataclass(frozen=True)
class GroupAnswer:
    """The forecast of a group."""

    size: int
    kept: dict[str, LoadedForecast]
    """Key -> stored forecast over the horizon; those that are not made yet are missing."""
    coverage: float
    dataset: Dataset

    @cached_property
    def _known(self) -> GroupHistory:
        return history_of_group(list(self.kept), self.dataset)

    @property
    def past(self) -> History:
        """What was sold, without the marks of drivers."""
        return self._known.past

    @property
    def backtest(self) -> Backtest | None:
        """What was forecast of past windows."""
        return self._known.backtest

    @property
    def missing(self) -> int:
        """Region-items without a stored forecast yet."""
        return self.size - len(self.kept)

    @cached_property
    def periods(self) -> list[Period]:
        """The sums by date."""
        table = totals.by_date([each.part for each in self.kept.values()], self.coverage)
        return [Period(values["date"].date(), values["forecast"], values["lower"], values["upper"])
                for values in table.to_dict("records")]

    @cached_property
    def total(self) -> totals.Bounds:
        """Over all region-items and periods."""
        return totals.over_all([each.part for each in self.kept.values()], self.coverage)

    def lines(self, page: int, size: int, shown: Mapping[str, totals.Part] | None = None) -> list[GroupLineItem]:
        """One page of the region-items, the largest first.

        Args:
            shown: key -> forecast that is shown, where it is not the model's.
        """
        units = {key: float((shown[key] if shown else each.part).forecast.sum()) for key, each in self.kept.items()}
        found = sorted(units, key=lambda key: -units[key])[(page - 1) * size: page * size]
        rows = rows_by_key(found)
        return [GroupLineItem(rows[key], units[key], float(self.kept[key].part.forecast.sum()),
                              self.kept[key].served_by) for key in found]


def group_of(keys: Sequence[str], dataset: Dataset, horizon: int, coverage: float) -> GroupAnswer:
    """The group's forecast over the first ``horizon`` periods of each stored forecast."""
    return GroupAnswer(len(keys), {key: replace(each, part=_first(each.part, horizon))
                                   for key, each in stored_forecasts_of(keys).items()}, coverage, dataset)


def _first(part: totals.Part, horizon: int) -> totals.Part:
    """The forecast's first periods; its error paths are read as far as they are needed."""
    if len(part.dates) <= horizon:
        return part
    return replace(part, dates=part.dates[:horizon], forecast=np.asarray(part.forecast[:horizon]),
                   scale=np.asarray(part.scale[:horizon]))
