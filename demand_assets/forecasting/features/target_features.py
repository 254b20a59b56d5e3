"""Features of the target period: its drivers as planned or as a scenario has them, and past periods like it."""

from collections.abc import Collection, Container, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.features.driver_effects import has_effect, moved_logarithms, multiplier
from demand_assets.forecasting.features.inputs import driver_columns
from demand_assets.forecasting.features.past_features import Past
from demand_assets.forecasting.series.gapped import Floats, Ints, at

SMALLEST = 1e-9
"""What a driver that is always positive counts as where a scenario sets it to nothing."""
STATE_DEPTHS = (4, 12, 52)
"""Past periods in the target's state whose mean is a feature."""


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

    def changed(self, drivers: pd.DataFrame | Mapping[str, npt.NDArray[Any]], same: Container[str] = ()) -> Self:
        """Other drivers of the first future periods, one row of the table for each. A column in which nothing differs
        stays the same array.

        Args:
            same: drivers that are known to be as they were.
        """
        inputs, changed = self.past.inputs, dict(self.drivers)
        periods = len(drivers) if isinstance(drivers, pd.DataFrame) else len(next(iter(drivers.values())))
        span = slice(inputs.known, inputs.known + periods)
        for name, values in driver_columns(drivers, inputs.dataset, inputs.common, same).items():
            if not np.array_equal(changed[name][span], values, equal_nan=True):
                changed[name] = changed[name].copy()
                changed[name][span] = values
        return replace(self, drivers=changed)

    def values(self, column: str, origins: Ints, periods: Ints) -> Floats:
        """A column of ``drivers`` in these periods, as it is seen from these origins; shape (n,)."""
        if self.as_planned:
            return self.past.as_given.plans.values(column, origins, periods)
        return self.drivers[column][periods]

    def logarithms_at(self, origins: Ints, targets: Ints) -> dict[str, Floats]:
        """``logarithms`` in these periods, as they are seen from these origins; each of shape (n,)."""
        if self.as_planned:
            return self.past.logarithms(self.past.as_given.plans.every(origins, targets))
        if self.is_planned or "logarithms" in self.__dict__:
            return {name: values[targets] for name, values in self.logarithms.items()}
        drivers, planned = ({name: values[targets] for name, values in each.items()}
                            for each in (self.drivers, self.past.inputs.drivers))
        return self._logarithms(drivers, planned)

    def moved_logarithms_at(self, origins: Ints, targets: Ints) -> dict[str, Floats]:
        """``logarithms_at`` of the drivers that are not as planned."""
        if self.as_planned:
            return self.logarithms_at(origins, targets)
        planned = self.past.inputs.drivers
        moved = [name for name, values in self.drivers.items() if values is not planned[name]]
        drivers, before = ({name: each[name][targets] for name in moved} for each in (self.drivers, planned))
        return self._logarithms(drivers, before)

    def has_states_of(self, other: "Future", origins: Ints, targets: Ints) -> bool:
        """Whether ``states_at`` are those of the other."""
        if not self.as_planned and all(self.drivers[name] is other.drivers[name] for name in self.past.switches):
            return True
        return np.array_equal(self.states_at(origins, targets), other.states_at(origins, targets))

    def states_at(self, origins: Ints, targets: Ints) -> Ints:
        """``states`` in these periods, as they are seen from these origins; shape (n,)."""
        if self.as_planned:
            return self.past.states(self.past.as_given.plans.every(origins, targets), targets)
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
            recent = past.as_given.recent[name][origins]
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
                usual = past.as_given.usual_at(name, origins)
                if name in past.borrowed.usual_elsewhere:
                    usual = np.where(np.isnan(usual), past.borrowed.usual_elsewhere[name], usual)
                columns[f"target:{name}:against_usual"] = _against(now, usual, is_ratio)
        return columns


def _against(values: Floats, reference: Floats, is_ratio: bool) -> Floats:
    """The logarithm of the ratio, or the difference."""
    if is_ratio:
        return np.log(np.maximum(values, SMALLEST) / np.maximum(reference, SMALLEST))
    return values - reference
