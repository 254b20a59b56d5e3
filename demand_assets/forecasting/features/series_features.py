"""Features for training and for forecasting: one function for both, so that they cannot differ.

A row is an (origin, lead): everything in it is known at the origin, but for the calendar and the drivers of the target
period, which are planned. Demand enters cleared of what drivers did to it and divided by the level at the origin, so
that a model learns shapes, not sizes.
"""

import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.attributes import BESIDE
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.driver_kinds import Kind
from demand_assets.forecasting.features.borrowed_from_others import PanelFacts
from demand_assets.forecasting.features.driver_effects import Effects
from demand_assets.forecasting.features.inputs import Categories, SeriesInputs, series_inputs
from demand_assets.forecasting.features.past_features import Borrowed, Past
from demand_assets.forecasting.features.target_features import Future
from demand_assets.forecasting.features.total_factors import Tables, factors_at
from demand_assets.forecasting.series.gapped import Floats, Ints

EFFECT = "effect:"
"""How the columns begin that hold a driver's effect at the target, as a logarithm: no feature, but put back after."""
SEEN = "seen:"
"""How the features of a past begin that is not cleared of what drivers did, beside one that is."""
PLANNED = "planned:"
"""How the columns begin that hold a driver's effect at the target under the plan, which a scenario does not change."""
SMOOTHED = "plain:smoothed_season"
"""The column of what ``SmoothedSeason`` forecasts, over the level at the origin: no feature, but told beside boosters.
"""
_OF_DRIVER = re.compile(r"target:([a-z0-9_]+)(.*)", re.DOTALL)
_NO_ROWS = (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))


@dataclass(frozen=True)
class SeriesFeatures:
    """The features of one region-item, ready to be looked up by (origin, lead).

    Periods are counted from 0; those from ``known`` on are the future, whose demand is not known.
    """

    past: Past
    future: Future
    total_factors: Tables = field(default_factory=dict)
    """Of the total that the region-item is part of."""
    has_smoothed: bool = False
    """Whether ``rows`` end in the column ``SMOOTHED``."""

    @classmethod
    def of(cls, inputs: SeriesInputs, borrowed: Borrowed | None = None, total_factors: Tables | None = None,
           has_smoothed: bool = False) -> Self:
        """The features under the drivers as planned."""
        past = Past(inputs, borrowed or Borrowed())
        return cls(past, Future(past, inputs.drivers), total_factors or {}, has_smoothed)

    def of_total(self, origins: Ints, leads: Ints) -> Floats:
        """What a forecast is multiplied by, so that those of a total's region-items add up to it; shape (n,)."""
        if not self.total_factors:
            return np.ones(len(origins))
        return factors_at(self.total_factors, self.dates.to_numpy().astype("datetime64[D]"), self.dataset.frequency,
                          self.dataset.season_length, origins, leads)

    @property
    def dates(self) -> pd.DatetimeIndex:
        """Of all periods."""
        return self.past.inputs.dates

    @property
    def demand(self) -> Floats:
        """As models learn it, as ``SeriesInputs.demand``."""
        return self.past.inputs.demand

    @property
    def sold(self) -> Floats:
        """What was sold, as ``SeriesInputs.sold``."""
        return self.past.inputs.sold

    @property
    def judged(self) -> Floats:
        """Demand as models learn it, NaN where it is not the region-item's own but carried over."""
        return np.where(np.isnan(self.sold), np.nan, self.demand)

    @property
    def known(self) -> int:
        """The first period of the future."""
        return self.past.inputs.known

    @property
    def dataset(self) -> Dataset:
        """What names drivers, seasons and frequency."""
        return self.past.inputs.dataset

    @property
    def drivers(self) -> dict[str, Floats]:
        """As ``SeriesInputs.drivers``; those of the future as planned or under a scenario."""
        return self.future.drivers

    @property
    def categories(self) -> Categories:
        """The values of each category driver."""
        return self.past.inputs.categories

    @property
    def level(self) -> Floats:
        """As ``Past.level``."""
        return self.past.level

    @property
    def largest(self) -> Floats:
        """As ``Past.largest``."""
        return self.past.largest

    @property
    def effect(self) -> Floats:
        """As ``Future.effect``."""
        return self.future.effect

    @property
    def adjustments(self) -> int:
        """How many periods planners adjusted."""
        return int(np.count_nonzero(~np.isnan(self.demand) & (self.sold != self.demand)))

    @property
    def as_planned(self) -> Self:
        """The same, but origins of the past see the drivers that their declared rules would have planned (``Plans``):
        what windows are judged by."""
        return self._seen(as_planned=True)

    @property
    def as_came(self) -> Self:
        """The same, with the drivers that came: what models learn from, and what a perfect plan would have been."""
        return self._seen(as_planned=False)

    @property
    def seeing(self) -> Self:
        """The same of the way that sees the drivers, where features are of both."""
        assert self.past.seen is not None
        return replace(self, past=self.past.seen, future=Future(self.past.seen, self.drivers, self.is_as_planned))

    @property
    def without_caches(self) -> Self:
        """The same with nothing kept of what was computed, so that little is sent to another process."""
        past = Past(self.past.inputs, self.past.borrowed)
        return replace(self, past=past, future=Future(past, self.drivers, self.is_as_planned))

    @property
    def is_as_planned(self) -> bool:
        """Whether an origin of the past sees other drivers than those that came."""
        return self.future.as_planned

    def _seen(self, as_planned: bool) -> Self:
        as_planned = as_planned and not self.past.as_given.plans.is_what_came
        if as_planned == self.future.as_planned:
            return self
        return replace(self, future=replace(self.future, as_planned=as_planned))

    @cached_property
    def names(self) -> list[str]:
        """The names of the columns of ``rows``."""
        return list(self._columns(*_NO_ROWS))

    @cached_property
    def constraints(self) -> tuple[int, ...]:
        """For each column, +1 or -1 where the driver's declared effect holds the model to a direction, else 0.

        Yes/no drivers of the periods before and after the target are free: after a promo less may be sold.
        """
        return constraints_of(self.names, self.dataset)

    def rows(self, origins: Ints, leads: Ints) -> npt.NDArray[np.float32]:
        """The features of pairs of an origin and a lead.

        Args:
            origins: period numbers, shape (n,).
            leads: periods ahead, from 1, shape (n,).
        Returns: shape (n, len(names)); NaN where the history is too short.
        """
        return self.named_rows(origins, leads)[1]

    def named_rows(self, origins: Ints, leads: Ints) -> tuple[tuple[str, ...], npt.NDArray[np.float32]]:
        """``rows`` with the names of their columns."""
        columns = self._columns(origins, leads)
        rows = np.empty((len(origins), len(columns)), dtype=np.float32)
        for place, values in enumerate(columns.values()):
            rows[:, place] = values
        return tuple(columns), rows

    def rows_beside(self, plan: Self, rows: npt.NDArray[np.float32], place: Mapping[str, int], origins: Ints,
                    leads: Ints) -> npt.NDArray[np.float32]:
        """``rows`` of the same past under other drivers: what they do not touch is taken from the plan's.

        Args:
            plan: the same, as planned.
            rows: its rows of these origins and leads.
            place: name -> place of each column in them.
        """
        future, planned = self.future, plan.future
        found = rows.copy()
        target = origins + leads
        moved = {f"{EFFECT}{name}": values for name, values in future.moved_logarithms_at(origins, target).items()}
        moved |= future.seen.at_targets(origins, leads, planned.seen)
        if not future.unmoved.has_states_of(planned.unmoved, origins, target):
            moved |= future.unmoved.means_of_states(origins, leads)
        if self.past.seen is not None and not future.seen.has_states_of(planned.seen, origins, target):
            moved |= {f"{SEEN}{name}": values for name, values in future.seen.means_of_states(origins, leads).items()}
        for name, values in moved.items():
            found[:, place[name]] = values
        return found

    def with_future(self, drivers: pd.DataFrame | Mapping[str, npt.NDArray[Any]], same: Container[str] = ()) -> Self:
        """The same past under other drivers of the first future periods, one row of the table for each.

        What only the past tells is not computed again.

        Args:
            same: as for ``Future.changed``.
        """
        return replace(self, future=self.future.changed(drivers, same))

    def _columns(self, origins: Ints, leads: Ints) -> dict[str, Floats]:
        target = origins + leads
        ones = np.ones(len(origins))
        return {**{f"{EFFECT}{name}": values for name, values in self.future.logarithms_at(origins, target).items()},
                "lead": leads.astype(np.float64), "item_level": self.past.borrowed.item_level * ones,
                "region_level": self.past.borrowed.region_level * ones,
                **{name: value * ones for name, value in self.past.borrowed.attributes.items()},
                **{name: values[target] for name, values in self.past.as_given.calendar.items()},
                **{name: values[origins] for name, values in self.past.origin.items()},
                **self.past.lags(origins, leads), **self.future.unmoved.means_of_states(origins, leads),
                **self.future.seen.at_targets(origins, leads), **self._beside(origins, leads),
                **self._smoothed(origins, leads)}

    def _beside(self, origins: Ints, leads: Ints) -> dict[str, Floats]:
        """What boosters that see the drivers need besides, where they are asked beside others: features of a past that
        is not cleared, and the effects under the plan."""
        future, past = self.future.seen, self.past.seen
        if past is None:
            return {}
        ones = np.ones(len(origins))
        seen = {"item_level": past.borrowed.item_level * ones, "region_level": past.borrowed.region_level * ones,
                **{name: values[origins] for name, values in past.origin.items()},
                **past.lags(origins, leads), **future.means_of_states(origins, leads)}
        planned = replace(self.future, drivers=self.past.inputs.drivers).logarithms_at(origins, origins + leads)
        return {**{f"{SEEN}{name}": values for name, values in seen.items()},
                **{f"{PLANNED}{name}": values for name, values in planned.items()}}

    def _smoothed(self, origins: Ints, leads: Ints) -> dict[str, Floats]:
        if not self.has_smoothed:
            return {}
        return {SMOOTHED: self.past.smoothed_season.at(origins, leads) / self.level[origins]}


def series_features(demand: pd.DataFrame, dataset: Dataset, facts: PanelFacts | None = None,
                    region_item: RegionItem | None = None) -> SeriesFeatures:
    """The features of one region-item.

    Args:
        demand: schema Demand, with rows beyond the last known demand for the known future; with a column ``ADJUSTED``
            where planners adjusted it, and attributes as ``dataset.attributes.BESIDE``.
        dataset: names drivers, seasons and frequency.
        facts: what is borrowed from the panel; of this region-item alone unless given.
        region_item: whose demand it is; needed with ``facts``.
    """
    if facts is None or region_item is None:
        return SeriesFeatures.of(series_inputs(demand, dataset))
    attributes = demand.attrs.get(BESIDE, {})
    inputs = series_inputs(demand, dataset, facts.categories, facts.common)
    return SeriesFeatures.of(inputs, Borrowed.of(facts, region_item, attributes, bool(np.isnan(inputs.demand).all())),
                             facts.factors_of_total(region_item, attributes), facts.has_smoothed)


def constraints_of(names: Sequence[str], dataset: Dataset) -> tuple[int, ...]:
    """``SeriesFeatures.constraints`` of columns of these names."""
    return tuple(_direction(name, dataset) if name.startswith("target:") else 0 for name in names)


def _direction(column: str, dataset: Dataset) -> int:
    name, *rest = column.removeprefix("target:").split(":")
    driver = dataset.driver(name.split("=")[0])
    if driver.kind != "number" and rest in (["before"], ["after"]):
        return 0
    return {"increasing": 1, "decreasing": -1, "none": 0}[driver.effect]


def drivers_of(columns: Sequence[str]) -> dict[str, Kind]:
    """The drivers that features of these names were made of, in the order of their declarations, with their kinds."""
    kinds: dict[str, Kind] = {}
    for column in columns:
        if found := _OF_DRIVER.match(column):
            name, rest = found[1], found[2]
            kinds.setdefault(name, "category" if rest.startswith("=") else "yes_no")
            if rest == ":against_usual":
                kinds[name] = "number"
    return kinds


def is_of_last_year(column: str, dataset: Dataset) -> bool:
    """Whether a feature looks back a year or more at single periods: what a short history can do without."""
    seasons = tuple(f"season_{season}_" for season in dataset.season_lengths if season >= dataset.year_length)
    column = column.removeprefix(SEEN)
    return column in ("last_year_shape", "years_shape") or column.startswith(seasons)


def is_of_effect(column: str, effects: Effects) -> bool:
    """Whether a feature tells of a driver that has one of these log-linear effects."""
    return any(column.split(":")[:2] == ["target", name] for name in effects)
