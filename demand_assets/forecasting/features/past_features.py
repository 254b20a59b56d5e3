"""Features of what is known at the origin: demand of late and a year before, levels, attributes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.attributes import Value
from demand_assets.forecasting.features.borrowed_from_others import PanelFacts
from demand_assets.forecasting.features.driver_effects import Effects, logarithms, multiplier
from demand_assets.forecasting.features.inputs import SeriesInputs
from demand_assets.forecasting.features.level import LEVEL_WINDOW, largest_so_far, level_of
from demand_assets.forecasting.features.past_driver_plans import Plans
from demand_assets.forecasting.features.smoothed_season import SmoothedSeason
from demand_assets.forecasting.series.gapped import (
    Floats,
    Ints,
    at,
    mean_known,
    shifted,
    trailing_mean,
    trailing_sum,
)

MEAN_WINDOWS = {"D": (7, 28, 91, 364), "W": (4, 8, 26, 52), "M": (3, 6, 12, 24),
                "Q": (2, 4, 8)}
SMOOTHING = {"D": 7, "W": 3, "M": 1, "Q": 1}
"""Periods over which last year's demand around the target is averaged."""
LAST_VALUES = 3
_STATES = 2**48 - 59
"""A prime, by which numbers of states are folded: of more drivers than fit they would lose the first ones."""


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
    factor: float = 1.0
    """What forecasts are multiplied by: 1 of a region-item that has a past of its own."""

    @classmethod
    def of(cls, facts: PanelFacts, region_item: RegionItem, attributes: Mapping[str, Value], is_new: bool) -> Self:
        """What a panel has for the region-item, which has these attributes.

        Args:
            is_new: no demand of it is known yet.
        """
        usual_elsewhere: Effects = {}
        factor = 1.0
        if is_new:
            if facts.latest:
                usual_elsewhere, factor = facts.latest.usual.get(region_item.item, {}), facts.latest.factor
            facts = facts.of_new
        return cls(facts.positive, facts.effects_of(region_item), facts.usual_of(region_item),
                   facts.item_levels.get(region_item.item, np.nan), facts.region_levels.get(region_item.region, np.nan),
                   facts.expected_level(region_item, attributes) or 1.0, facts.attribute_features(attributes),
                   attributes, facts.with_zeros, facts.moves_of(region_item),
                   cls.of(facts.seen, region_item, attributes, is_new) if facts.seen else None, usual_elsewhere,
                   factor)


@dataclass(frozen=True)
class AsGiven:
    """What the inputs tell as they are, whichever way demand is cleared: both ways share it."""

    inputs: SeriesInputs

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
    def recent(self) -> dict[str, Floats]:
        """The mean of each driver over the level's window."""
        window = LEVEL_WINDOW[self.inputs.dataset.frequency]
        return {name: trailing_mean(values, window) for name, values in self.inputs.drivers.items()}

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
        if (name, end) not in self._usual_until:
            year = self.inputs.drivers[name][max(end - self.inputs.dataset.year_length, 0): end]
            known = year[~np.isnan(year)]
            self._usual_until[name, end] = float(np.median(known)) if len(known) else np.nan
        return np.full(len(origins), self._usual_until[name, end])

    @cached_property
    def _usual_until(self) -> dict[tuple[str, int], float]:
        """Driver and end of a year -> its median, of those that were asked for."""
        return {}

    @cached_property
    def plans(self) -> Plans:
        """What would have been planned of drivers at each origin."""
        return Plans(self.inputs)


@dataclass(frozen=True)
class Past:
    """What is looked up at origins and earlier, or has nothing to do with drivers: no scenario changes it.

    Its arrays are as long as the inputs; of periods that are the future they hold what the plan makes of them.
    """

    inputs: SeriesInputs
    borrowed: Borrowed
    shared: AsGiven | None = None
    """``as_given``, where it is there already."""

    @cached_property
    def as_given(self) -> AsGiven:
        """What does not depend on how demand is cleared."""
        return self.shared or AsGiven(self.inputs)

    def logarithms(self, drivers: dict[str, Floats]) -> dict[str, Floats]:
        """As ``driver_effects.logarithms``, of these drivers by the item's effects."""
        return logarithms(drivers, self.inputs.dataset, self.borrowed.positive, self.borrowed.effects,
                          self.borrowed.usual_values, self.borrowed.with_zeros)

    @cached_property
    def seen(self) -> "Past | None":
        """The same past, not cleared, of boosters that see the drivers; None where none are asked beside others."""
        return Past(self.inputs, self.borrowed.seen, self.as_given) if self.borrowed.seen else None

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

    @cached_property
    def smoothed_season(self) -> SmoothedSeason:
        """Of cleared demand; periods out of stock tell nothing."""
        dataset, censored = self.inputs.dataset, self.inputs.is_censored
        known = self.cleared if censored is None else np.where(censored, np.nan, self.cleared)
        return SmoothedSeason.of(known, dataset.season_lengths[0], dataset.frequency)

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
    def origin(self) -> dict[str, Floats]:
        """Features of the recent past of cleared demand, as of the end of each period."""
        cleared, level = self.cleared[self.in_stock], self.level[self.in_stock]
        columns: dict[str, Floats] = {}
        for back in range(LAST_VALUES):
            columns[f"last_{back + 1}"] = shifted(cleared, back) / level
        for window in MEAN_WINDOWS[self.inputs.dataset.frequency]:
            columns[f"mean_{window}"] = trailing_mean(cleared, window) / level
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
            values = at(self.cleared, nearest - season * np.arange(2 if is_year else 8)[:, np.newaxis])
            for back in range(2 if is_year else 4):
                columns[f"season_{season}_lag_{back + 1}"] = values[back] / level
            for depth in (2,) if is_year else (4, 8):
                columns[f"season_{season}_mean_{depth}"] = mean_known(values[:depth]) / level
        year = self.inputs.dataset.year_length
        years_back = year * (-(-leads // year))
        reach = SMOOTHING[self.inputs.dataset.frequency] // 2
        around = leads - years_back + np.arange(-reach, reach + 1)[:, np.newaxis]
        shapes = [mean_known(np.where(around <= 0, at(self.cleared, origins + around - older), np.nan))
                  / at(self.level, origins - year - older) for older in range(0, 3 * year, year)]
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
        weekday = self.as_given.calendar["day_of_week"][periods] if dataset.frequency == "D" else np.zeros(len(periods))
        codes = weekday.astype(np.int64)
        for name in self.switches:
            codes = (codes * 2 + (np.nan_to_num(drivers[name]) > 0)) % _STATES
        return codes

    @cached_property
    def switches(self) -> tuple[str, ...]:
        """The drivers that ``states`` tell apart."""
        return tuple(
            driver.name for driver in self.inputs.dataset.drivers if driver.name not in self.borrowed.effects
            and (driver.kind == "yes_no" or (driver.kind == "number" and driver.default == 0)))

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
