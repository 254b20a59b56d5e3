"""A selection of more region-items than are forecast on a page: summed from the stored forecasts that are kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from sqlalchemy import select

from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.forecast import totals
from webapp.db.chunked import chunked
from webapp.db.database import db
from webapp.region_items.rows import rows_by_key
from webapp.serving.forecast_of_selection import Period
from webapp.serving.history import Backtest, History
from webapp.stored_forecasts.computing import LoadedForecast, stored_forecasts_of
from webapp.stored_forecasts.histories import GroupHistory
from webapp.stored_forecasts.sums import StoredSums, sums_of
from webapp.tables import Catalogue, ForecastFigures, RegionItemRow, StoredForecast


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

    keys: Sequence[str]
    sums: StoredSums
    """Of those that have a stored forecast, over its whole horizon."""
    horizon: int
    """Periods of each forecast that are asked for: the first ones."""
    coverage: float
    dataset: Dataset

    @property
    def size(self) -> int:
        """Region-items in it, with a stored forecast or without."""
        return len(self.keys)

    @property
    def summed(self) -> int:
        """Those that have a stored forecast, which are in its sums."""
        return self.sums.size

    @property
    def missing(self) -> int:
        """Those without one yet."""
        return self.size - self.summed

    @cached_property
    def kept(self) -> dict[str, LoadedForecast]:
        """Key -> stored forecast over the horizon. Files need each of them; pages ask for the sums."""
        return self.kept_of(self.keys)

    def kept_of(self, keys: Sequence[str]) -> dict[str, LoadedForecast]:
        """The same of some of them."""
        return {key: replace(each, part=_first(each.part, self.horizon))
                for key, each in stored_forecasts_of(keys).items()}

    @cached_property
    def _known(self) -> GroupHistory:
        return self.sums.histories.group(self.dataset)

    @property
    def past(self) -> History:
        """What was sold, without the marks of drivers."""
        return self._known.past

    @property
    def backtest(self) -> Backtest | None:
        """What was forecast of past windows."""
        return self._known.backtest

    @cached_property
    def ahead(self) -> totals.SummedParts:
        """The sum over the horizon."""
        return self.sums.parts.first(self.horizon)

    @cached_property
    def periods(self) -> list[Period]:
        """The sums by date."""
        table = self.ahead.by_date(self.coverage)
        return [Period(values["date"].date(), values["forecast"], values["lower"], values["upper"])
                for values in table.to_dict("records")]

    @cached_property
    def total(self) -> totals.Bounds:
        """Over all region-items and periods."""
        return self.ahead.over_all(self.coverage)

    @cached_property
    def deciles(self) -> totals.Deciles | None:
        """Of the sum; None where those of a region-item are not known, or not stored yet."""
        return self.ahead.deciles()

    def lines(self, page: int, size: int, final: Mapping[str, totals.Part] | None = None) -> list[GroupLineItem]:
        """One page of the region-items, the largest first.

        Args:
            final: key -> forecast that is shown, of those whose is not the model's.
        """
        units = self._units() | {key: float(part.forecast.sum()) for key, part in (final or {}).items()}
        found = sorted(units, key=lambda key: -units[key])[(page - 1) * size: page * size]
        rows, kept = rows_by_key(found), self.kept_of(found)
        return [GroupLineItem(rows[key], units[key], float(kept[key].part.forecast.sum()), kept[key].served_by)
                for key in found if key in kept]

    def _units(self) -> dict[str, float]:
        """Key -> units over the horizon by its model."""
        if self.horizon < self.dataset.horizon:
            return {key: float(totals.forecast_of(content)[1][:self.horizon].sum())
                    for part in chunked(self.keys) for key, content in db.session.execute(select(
                        StoredForecast.key, StoredForecast.content).where(StoredForecast.key.in_(part)))}
        figures = select(Catalogue.key, ForecastFigures.forecast_model, ForecastFigures.forecast_total).join(
            ForecastFigures, ForecastFigures.id == Catalogue.id).where(ForecastFigures.forecast_total.is_not(None))
        if len(self.keys) > MANY:
            rows = db.session.execute(figures).all()
        else:
            rows = [row for part in chunked(self.keys) for row in db.session.execute(
                figures.where(Catalogue.key.in_(part)))]
        units = {key: float((total if model is None else model) or 0.0) for key, model, total in rows}
        return {key: units[key] for key in self.keys if key in units}


MANY = 3000
"""Region-items from which on figures of all there are are read at once, not of these alone."""


def group_of(keys: Sequence[str], dataset: Dataset, horizon: int, coverage: float) -> GroupAnswer:
    """The group's forecast over the first ``horizon`` periods of each stored forecast."""
    return GroupAnswer(keys, sums_of(keys, dataset), horizon, coverage, dataset)


def _first(part: totals.Part, horizon: int) -> totals.Part:
    """The forecast's first periods; its error paths are read as far as they are needed."""
    if len(part.dates) <= horizon:
        return part
    return replace(part, dates=part.dates[:horizon], forecast=np.asarray(part.forecast[:horizon]),
                   scale=np.asarray(part.scale[:horizon]))
