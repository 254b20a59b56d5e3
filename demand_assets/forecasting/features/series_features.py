"""Features for training and for forecasting: one function for both, so that they cannot differ.

A row is an (origin, lead): everything in it is known at the origin, but for the calendar and the drivers of the target
period, which are planned. Demand enters cleared of what drivers did to it and divided by the level at the origin, so
that a model learns shapes, not sizes.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.attributes import BESIDE, Value
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.driver_kinds import Kind
from demand_assets.forecasting.features.borrowed_from_others import PanelFacts
from demand_assets.forecasting.features.driver_effects import (
    Effects,
    has_effect,
    logarithms,
    moved_logarithms,
    multiplier,
)
from demand_assets.forecasting.features.inputs import Categories, SeriesInputs, driver_columns, series_inputs
from demand_assets.forecasting.features.level import LEVEL_WINDOW, largest_so_far, level_of
from demand_assets.forecasting.features.past_driver_plans import Plans
from demand_assets.forecasting.features.total_factors import Tables, factors_at
from demand_assets.forecasting.series.gapped import Floats, Ints, at, mean_known, shifted, trailing_sum

MEAN_WINDOWS = {"D": (7, 28, 91, 364), "W": (4, 8, 26, 52), "M": (3, 6, 12, 24),
                "Q": (2, 4, 8)}
SMOOTHING = {"D": 7, "W": 3, "M": 1, "Q": 1}
"""Periods over which last year's demand around the target is averaged."""
LAST_VALUES = 3
SMALLEST = 1e-9
"""What a driver that is always positive counts as where a scenario sets it to nothing."""
EFFECT = "effect:"
"""How the columns begin that hold a driver's effect at the target, as a logarithm: no feature, but put back after."""
SEEN = "seen:"
"""How the features of a past begin that is not cleared of what drivers did, beside one that is."""
PLANNED = "planned:"
"""How the columns begin that hold a driver's effect at the target under the plan, which a scenario does not change."""
STATE_DEPTHS = (4, 12, 52)
"""Past periods in the target's state whose mean is a feature."""
_STATES = 2**48 - 59
"""A prime, by which numbers of states are folded: of more drivers than fit they would lose the first ones."""
_OF_DRIVER = re.compile(r"target:([a-z0-9_]+)(.*)", re.DOTALL)
_NO_ROWS = (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))


@dataclass(frozen=True)
class Borrowed:
    """What the features of one region-item take from the panel; nothing by default."""

    positive: tuple[str, ...] = ()
    effects: Effects = field(default_factory=dict)
    """Of the item; a driver without one has none."""
    usual_values: Effects = field(default_factory=dict)
    """Of the item's number drivers, as their effects multiply them."""
    item_level: float = np.nan
    """Of the panel, as region_level; NaN where the panel does not know the name."""
    region_level: float = np.nan
    level: float = 1.0
    """The level before anything was known, in units; it fades with every period in which nothing is sold."""
    attributes: dict[str, float] = field(default_factory=dict)
    """Features of the attributes that the panel knows, by name."""
    known: Mapping[str, Value] = field(default_factory=dict)
    """The attributes that they are made of."""
    with_zeros: tuple[str, ...] = ()
    moves: Effects = field(default_factory=dict)
    """Of the item: what a what-if moves demand by of drivers that have no effect otherwise."""
    seen: "Borrowed | None" = None
    """The same for boosters that see the drivers, where they are asked beside those that do not."""
    usual_elsewhere: Effects = field(default_factory=dict)
    """The median of each number driver of the item; none of a region-item that has a past of its own."""

    @classmethod
    def of(cls, facts: PanelFacts, region_item: RegionItem, attributes: Mapping[str, Value], is_new: bool) -> Self:
        """What a panel has for the region-item, which has these attributes.

        Args:
            is_new: no demand of it is known yet.
        """
        usual_elsewhere: Effects = {}
        if is_new:
            usual_elsewhere = facts.latest.usual.get(region_item.item, {}) if facts.latest else {}
            facts = facts.of_new
        return cls(facts.positive, facts.effects_of(region_item), facts.usual_of(region_item),
                   facts.item_levels.get(region_item.item, np.nan), facts.region_levels.get(region_item.region, np.nan),
                   facts.expected_level(region_item, attributes) or 1.0, facts.attribute_features(attributes),
                   attributes, facts.with_zeros, facts.moves_of(region_item),
                   cls.of(facts.seen, region_item, attributes, is_new) if facts.seen else None, usual_elsewhere)


@dataclass(frozen=True)
class Past:
    """What is looked up at origins and earlier, or has nothing to do with drivers: no scenario changes it.

    Its arrays are as long as the inputs; of periods that are the future they hold what the plan makes of them.
    """

    inputs: SeriesInputs
    borrowed: Borrowed

    def logarithms(self, drivers: dict[str, Floats]) -> dict[str, Floats]:
        """As ``driver_effects.logarithms``, of these drivers by the item's effects."""
        return logarithms(drivers, self.inputs.dataset, self.borrowed.positive, self.borrowed.effects,
                          self.borrowed.usual_values, self.borrowed.with_zeros)

    @cached_property
    def seen(self) -> "Past | None":
        """The same past, not cleared, of boosters that see the drivers; None where none are asked beside others."""
        return Past(self.inputs, self.borrowed.seen) if self.borrowed.seen else None

    @cached_property
    def planned_logarithms(self) -> dict[str, Floats]:
        """``logarithms`` of the drivers as they were and as they are planned."""
        return self.logarithms(self.inputs.drivers)

    @cached_property
    def planned_effect(self) -> Floats:
        """What those drivers multiply demand by in each period; shape (periods,)."""
        return multiplier(self.planned_logarithms, len(self.inputs.dates))

    @cached_property
    def cleared(self) -> Floats:
        """Demand as it would be with each driver at its usual value, in units; NaN where unknown; shape (periods,)."""
        return self.inputs.demand / self.planned_effect

    @cached_property
    def level(self) -> Floats:
        """Level of cleared demand at the end of each period, in units, positive; shape (periods,)."""
        use = self.in_stock
        return level_of(self.cleared[use], self.inputs.dataset.frequency, self.borrowed.level)[self._last_in_stock]

    @property
    def in_stock(self) -> slice | npt.NDArray[np.bool_]:
        """The periods that are not out of stock. Recent demand is counted in them: weeks without stock leave a level as
        it was, since what would have been sold meanwhile is more like what was sold before than like the long run."""
        censored = self.inputs.is_censored
        return slice(None) if censored is None else ~censored

    @cached_property
    def _last_in_stock(self) -> slice | Ints:
        """For each period the place among those in stock of the last one up to it."""
        censored = self.inputs.is_censored
        return slice(None) if censored is None else np.maximum(np.cumsum(~censored) - 1, 0)

    @cached_property
    def largest(self) -> Floats:
        """Largest demand seen up to each period, in units; shape (periods,)."""
        return largest_so_far(self.inputs.demand)

    @cached_property
    def calendar(self) -> dict[str, Floats]:
        """Features of each period's date, by name; each of shape (periods,)."""
        dates = self.inputs.dates
        columns = {"month": dates.month}
        if self.inputs.dataset.frequency == "D":
            columns |= {"day_of_week": dates.dayofweek, "day_of_month": dates.day, "day_of_year": dates.dayofyear}
        elif self.inputs.dataset.frequency == "W":
            columns |= {"week_of_year": (dates.dayofyear - 1) // 7, "day_of_month": dates.day}
        else:
            columns |= {"days_in_month": dates.days_in_month}
        return {name: np.asarray(values, dtype=np.float64) for name, values in columns.items()}

    @cached_property
    def origin(self) -> dict[str, Floats]:
        """Features of the recent past of cleared demand, as of the end of each period."""
        cleared, level = self.cleared[self.in_stock], self.level[self.in_stock]
        columns: dict[str, Floats] = {}
        for back in range(LAST_VALUES):
            columns[f"last_{back + 1}"] = shifted(cleared, back) / level
        for window in MEAN_WINDOWS[self.inputs.dataset.frequency]:
            total, count = trailing_sum(cleared, window)
            columns[f"mean_{window}"] = np.where(count > 0, total / np.maximum(count, 1), np.nan) / level
        window = LEVEL_WINDOW[self.inputs.dataset.frequency]
        total, count = trailing_sum(cleared, window)
        squares, _ = trailing_sum(cleared**2, window)
        mean = total / np.maximum(count, 1)
        columns["spread"] = np.sqrt(np.maximum(squares / np.maximum(count, 1) - mean**2, 0.0)) / level
        zeros, _ = trailing_sum(np.where(np.isnan(cleared), np.nan, cleared == 0), window)
        columns["share_of_zeros"] = zeros / np.maximum(count, 1)
        periods = np.arange(len(cleared), dtype=np.float64)
        last_sale = np.maximum.accumulate(np.where(cleared > 0, periods, -1.0))
        columns["since_last_sale"] = periods - last_sale
        logs, count = trailing_sum(np.log1p(cleared), window)
        columns["geometric_mean"] = np.expm1(logs / np.maximum(count, 1)) / level
        columns["level"] = np.log(level)
        return {name: values[self._last_in_stock] for name, values in columns.items()}

    @cached_property
    def recent(self) -> dict[str, Floats]:
        """The mean of each driver over the level's window."""
        means = {}
        for name, values in self.inputs.drivers.items():
            total, count = trailing_sum(values, LEVEL_WINDOW[self.inputs.dataset.frequency])
            means[name] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
        return means

    @cached_property
    def usual(self) -> dict[str, Floats]:
        """The median of each number driver over the last year: a shelf price without its promos."""
        return {driver.name: pd.Series(self.inputs.drivers[driver.name]).rolling(
                    self.inputs.dataset.year_length, min_periods=1).median().to_numpy()
                for driver in self.inputs.dataset.drivers if driver.kind == "number"}

    def usual_at(self, name: str, origins: Ints) -> Floats:
        """``usual`` at these origins; a single one, as when forecasting, needs no median of every other period."""
        if "usual" in self.__dict__ or not len(origins) or (origins != origins[0]).any():
            return self.usual[name][origins]
        end = int(origins[0]) + 1
        year = self.inputs.drivers[name][max(end - self.inputs.dataset.year_length, 0): end]
        return np.full(len(origins), np.median(year[~np.isnan(year)]) if (~np.isnan(year)).any() else np.nan)

    def lags(self, origins: Ints, leads: Ints) -> dict[str, Floats]:
        """Seasonal lags relative to the target that are known at the origin, over the level at the origin."""
        if len(leads) and (origins == self.inputs.known - 1).all() and leads.max() <= self.inputs.dataset.horizon:
            return {name: values[leads - 1] for name, values in self._lags_ahead.items()}
        return self._lags_at(origins, leads)

    @cached_property
    def _lags_ahead(self) -> dict[str, Floats]:
        """``lags`` of the future, for each lead: no scenario changes them."""
        horizon = self.inputs.dataset.horizon
        return self._lags_at(np.full(horizon, self.inputs.known - 1, dtype=np.int64), np.arange(1, horizon + 1))

    def _lags_at(self, origins: Ints, leads: Ints) -> dict[str, Floats]:
        level = self.level[origins]
        columns: dict[str, Floats] = {}
        for season in self.inputs.dataset.season_lengths:
            nearest = origins + leads - season * (-(-leads // season))
            is_year = season >= self.inputs.dataset.year_length
            values = np.stack([at(self.cleared, nearest - season * back) for back in range(2 if is_year else 8)])
            for back in range(2 if is_year else 4):
                columns[f"season_{season}_lag_{back + 1}"] = values[back] / level
            for depth in (2,) if is_year else (4, 8):
                columns[f"season_{season}_mean_{depth}"] = mean_known(values[:depth]) / level
        year = self.inputs.dataset.year_length
        years_back = year * (-(-leads // year))
        reach = SMOOTHING[self.inputs.dataset.frequency] // 2
        shapes = []
        for older in range(0, 3 * year, year):
            around = np.stack([np.where(leads - years_back + shift <= 0,
                                        at(self.cleared, origins + leads - years_back - older + shift), np.nan)
                               for shift in range(-reach, reach + 1)])
            shapes.append(mean_known(around) / at(self.level, origins - year - older))
        columns["last_year_shape"] = shapes[0]
        columns["years_shape"] = mean_known(np.stack(shapes))
        return columns

    def states(self, drivers: dict[str, Floats], periods: Ints | None = None) -> Ints:
        """A number for the weekday and the yes/no drivers of each period, shape (n,).

        A number driver whose default is zero counts as yes where it is above zero.

        Args:
            drivers: their values in these periods.
            periods: all unless given.
        """
        dataset = self.inputs.dataset
        periods = np.arange(len(self.inputs.dates)) if periods is None else periods
        weekday = self.calendar["day_of_week"][periods] if dataset.frequency == "D" else np.zeros(len(periods))
        codes = weekday.astype(np.int64)
        for driver in dataset.drivers:
            is_switch = driver.kind == "yes_no" or (driver.kind == "number" and driver.default == 0)
            if is_switch and driver.name not in self.borrowed.effects:
                codes = (codes * 2 + (np.nan_to_num(drivers[driver.name]) > 0)) % _STATES
        return codes

    @cached_property
    def plans(self) -> Plans:
        """What would have been planned of drivers at each origin."""
        return Plans(self.inputs)

    @cached_property
    def planned_states(self) -> Ints:
        """``states`` under the drivers as they were and as they are planned."""
        return self.states(self.inputs.drivers)

    @cached_property
    def by_state(self) -> tuple[Ints, Floats, Floats]:
        """Known periods in order of state and time, as sorted keys, and cumulated demand over level and in units."""
        known = np.flatnonzero(~np.isnan(self.cleared))
        keys = self.planned_states[known] * (len(self.inputs.dates) + 1) + known
        order = np.argsort(keys, kind="stable")
        units = self.cleared[known[order]]
        ratios = units / self.level[known[order]]
        return keys[order], np.append(0.0, np.cumsum(ratios)), np.append(0.0, np.cumsum(units))


@dataclass(frozen=True)
class Future:
    """The drivers of every period: as they were, and as they are planned or as a scenario has them."""

    past: Past
    drivers: dict[str, Floats]
    """As ``SeriesInputs.drivers``."""
    as_planned: bool = False
    """Whether origins of the past see the drivers that their declared rules would have planned, not those that came."""

    @property
    def is_planned(self) -> bool:
        """Whether these are the drivers as planned."""
        return self.drivers is self.past.inputs.drivers

    @cached_property
    def logarithms(self) -> dict[str, Floats]:
        """As ``Past.logarithms``, with what a what-if changes of drivers that have no effect otherwise."""
        if self.is_planned:
            return self.past.planned_logarithms
        return self._logarithms(self.drivers, self.past.inputs.drivers)

    def _logarithms(self, drivers: dict[str, Floats], planned: dict[str, Floats]) -> dict[str, Floats]:
        """``logarithms`` of periods with these drivers, and these as planned."""
        return self.past.logarithms(drivers) | moved_logarithms(
            drivers, planned, self.past.borrowed.positive, self.past.borrowed.moves)

    @cached_property
    def effect(self) -> Floats:
        """What drivers multiply demand by in each period, beside their usual values; shape (periods,)."""
        return self.past.planned_effect if self.is_planned else multiplier(self.logarithms, len(self.past.inputs.dates))

    @cached_property
    def states(self) -> Ints:
        """As ``Past.states``."""
        return self.past.planned_states if self.is_planned else self.past.states(self.drivers)

    @cached_property
    def unmoved(self) -> "Future":
        """What boosters see: drivers that move a what-if by their slope alone are as planned."""
        return self._as_planned_in(self.past, self.past.borrowed.moves)

    @cached_property
    def seen(self) -> "Future":
        """What boosters see that see the drivers: beside others that do not, those with a slope as planned, whatever a
        scenario makes of them, for a change acts by its effect; ``unmoved`` where none are asked beside others."""
        past = self.past.seen
        return self.unmoved if past is None else self._as_planned_in(
            past, self.past.borrowed.effects.keys() | self.past.borrowed.moves.keys())

    def _as_planned_in(self, past: Past, names: Collection[str]) -> "Future":
        """The same in that past, with these drivers as planned; itself where nothing differs."""
        if past is self.past and (self.is_planned or not names):
            return self
        planned = self.past.inputs.drivers
        drivers = {name: planned[name] if name in names else values for name, values in self.drivers.items()}
        is_planned = all(values is planned[name] for name, values in drivers.items())
        return Future(past, planned if is_planned else drivers, self.as_planned)

    def changed(self, drivers: pd.DataFrame | Mapping[str, npt.NDArray[Any]]) -> Self:
        """Other drivers of the first future periods, one row of the table for each. A column in which nothing differs
        stays the same array."""
        inputs, changed = self.past.inputs, dict(self.drivers)
        periods = len(drivers) if isinstance(drivers, pd.DataFrame) else len(next(iter(drivers.values())))
        span = slice(inputs.known, inputs.known + periods)
        for name, values in driver_columns(drivers, inputs.dataset, inputs.common).items():
            if not np.array_equal(changed[name][span], values, equal_nan=True):
                changed[name] = changed[name].copy()
                changed[name][span] = values
        return replace(self, drivers=changed)

    def values(self, column: str, origins: Ints, periods: Ints) -> Floats:
        """A column of ``drivers`` in these periods, as it is seen from these origins; shape (n,)."""
        return self.past.plans.values(column, origins, periods) if self.as_planned else self.drivers[column][periods]

    def logarithms_at(self, origins: Ints, targets: Ints) -> dict[str, Floats]:
        """``logarithms`` in these periods, as they are seen from these origins; each of shape (n,)."""
        if self.as_planned:
            return self.past.logarithms(self.past.plans.every(origins, targets))
        if self.is_planned or "logarithms" in self.__dict__:
            return {name: values[targets] for name, values in self.logarithms.items()}
        drivers, planned = ({name: values[targets] for name, values in each.items()}
                            for each in (self.drivers, self.past.inputs.drivers))
        return self._logarithms(drivers, planned)

    def states_at(self, origins: Ints, targets: Ints) -> Ints:
        """``states`` in these periods, as they are seen from these origins; shape (n,)."""
        if self.as_planned:
            return self.past.states(self.past.plans.every(origins, targets), targets)
        if self.is_planned or "states" in self.__dict__:
            return self.states[targets]
        return self.past.states({name: values[targets] for name, values in self.drivers.items()}, targets)

    def means_of_states(self, origins: Ints, leads: Ints) -> dict[str, Floats]:
        """Means over the last periods known at the origin that were in the target's state."""
        past, dataset = self.past, self.past.inputs.dataset
        if dataset.frequency != "D" and not any(has_effect(driver) for driver in dataset.drivers):
            return {}
        keys, ratios, units = past.by_state
        wanted = self.states_at(origins, origins + leads) * (len(past.inputs.dates) + 1)
        first, last = np.searchsorted(keys, wanted), np.searchsorted(keys, wanted + origins, side="right")
        columns = {}
        for depth in STATE_DEPTHS:
            start = np.maximum(first, last - depth)
            count = np.where(last > start, last - start, np.nan)
            columns[f"state_mean_{depth}"] = (ratios[last] - ratios[start]) / count
            if depth != STATE_DEPTHS[-1]:
                columns[f"state_units_{depth}"] = (units[last] - units[start]) / count / past.level[origins]
        return columns

    def at_targets(self, origins: Ints, leads: Ints, others_than: "Future | None" = None) -> dict[str, Floats]:
        """Drivers at the target: plain, against the recent past, against the same season, and their neighbours.

        Args:
            others_than: leave out the drivers that are the same there.
        """
        past, dataset = self.past, self.past.inputs.dataset
        target = origins + leads
        last = np.minimum(origins + dataset.horizon, len(past.inputs.dates) - 1)  # what every forecast knows is planned
        season = dataset.season_length
        columns: dict[str, Floats] = {}
        for name, values in self.drivers.items():
            if others_than is not None and values is others_than.drivers[name]:
                continue
            columns[f"target:{name}"] = now = self.values(name, origins, target)
            if "=" in name:
                continue
            is_ratio = name in past.borrowed.positive
            recent = past.recent[name][origins]
            before, after = (self.values(name, origins, beside) for beside in (
                np.maximum(target - 1, 0), np.minimum(target + 1, last)))
            then = at(values, target - season * (-(-leads // season)))
            if name in past.borrowed.with_zeros:
                now, before, after, then = (np.where(each > 0, each, np.nan) for each in (now, before, after, then))
            columns[f"target:{name}:against_recent"] = _against(now, recent, is_ratio)
            columns[f"target:{name}:against_season"] = _against(now, then, is_ratio)
            columns[f"target:{name}:before"] = _against(before, recent, True) if is_ratio else before
            columns[f"target:{name}:after"] = _against(after, recent, True) if is_ratio else after
            if dataset.driver(name).kind == "number":
                usual = past.usual_at(name, origins)
                if name in past.borrowed.usual_elsewhere:
                    usual = np.where(np.isnan(usual), past.borrowed.usual_elsewhere[name], usual)
                columns[f"target:{name}:against_usual"] = _against(now, usual, is_ratio)
        return columns


@dataclass(frozen=True)
class SeriesFeatures:
    """The features of one region-item, ready to be looked up by (origin, lead).

    Periods are counted from 0; those from ``known`` on are the future, whose demand is not known.
    """

    past: Past
    future: Future
    total_factors: Tables = field(default_factory=dict)
    """Of the total that the region-item is part of."""

    @classmethod
    def of(cls, inputs: SeriesInputs, borrowed: Borrowed | None = None, total_factors: Tables | None = None) -> Self:
        """The features under the drivers as planned."""
        past = Past(inputs, borrowed or Borrowed())
        return cls(past, Future(past, inputs.drivers), total_factors or {})

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
    def is_as_planned(self) -> bool:
        """Whether an origin of the past sees other drivers than those that came."""
        return self.future.as_planned

    def _seen(self, as_planned: bool) -> Self:
        as_planned = as_planned and not self.past.plans.is_what_came
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
        return tuple(self._direction(name) for name in self.names)

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
        moved = {f"{EFFECT}{name}": values for name, values in future.logarithms_at(origins, target).items()}
        moved |= future.seen.at_targets(origins, leads, planned.seen)
        if not np.array_equal(future.unmoved.states_at(origins, target), planned.unmoved.states_at(origins, target)):
            moved |= future.unmoved.means_of_states(origins, leads)
        if self.past.seen is not None and not np.array_equal(
                future.seen.states_at(origins, target), planned.seen.states_at(origins, target)):
            moved |= {f"{SEEN}{name}": values for name, values in future.seen.means_of_states(origins, leads).items()}
        for name, values in moved.items():
            found[:, place[name]] = values
        return found

    def with_future(self, drivers: pd.DataFrame | Mapping[str, npt.NDArray[Any]]) -> Self:
        """The same past under other drivers of the first future periods, one row of the table for each.

        What only the past tells is not computed again.
        """
        return replace(self, future=self.future.changed(drivers))

    def _columns(self, origins: Ints, leads: Ints) -> dict[str, Floats]:
        target = origins + leads
        ones = np.ones(len(origins))
        return {**{f"{EFFECT}{name}": values for name, values in self.future.logarithms_at(origins, target).items()},
                "lead": leads.astype(np.float64), "item_level": self.past.borrowed.item_level * ones,
                "region_level": self.past.borrowed.region_level * ones,
                **{name: value * ones for name, value in self.past.borrowed.attributes.items()},
                **{name: values[target] for name, values in self.past.calendar.items()},
                **{name: values[origins] for name, values in self.past.origin.items()},
                **self.past.lags(origins, leads), **self.future.unmoved.means_of_states(origins, leads),
                **self.future.seen.at_targets(origins, leads), **self._beside(origins, leads)}

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

    def _direction(self, column: str) -> int:
        if not column.startswith("target:"):
            return 0
        name, *rest = column.removeprefix("target:").split(":")
        driver = self.dataset.driver(name.split("=")[0])
        if driver.kind != "number" and rest in (["before"], ["after"]):
            return 0
        return {"increasing": 1, "decreasing": -1, "none": 0}[driver.effect]


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
                             facts.factors_of_total(region_item, attributes))


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


def _against(values: Floats, reference: Floats, is_ratio: bool) -> Floats:
    """The logarithm of the ratio, or the difference."""
    if is_ratio:
        return np.log(np.maximum(values, SMALLEST) / np.maximum(reference, SMALLEST))
    return values - reference
