"""The drivers that a forecast of the past would have been given: by their declared rules, from what was known then.

What ``series.planned_drivers`` does ahead of the last known demand, this does ahead of any origin, so that a window of
the past is forecast as the future is. Plans of old are not kept: drivers that are ``known`` ahead, and those of a
calendar, count as known as they came, holes among them, and of the others as many periods as the source has of them
ahead now.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from demand_assets.forecasting.dataset.drivers import Driver
from demand_assets.forecasting.features.inputs import SeriesInputs
from demand_assets.forecasting.series.gapped import Floats, Ints

_AS_THEY_CAME = ("known", "calendar")
_ASSUMED = -1
"""In place of the period whose value is repeated: the rule has a value of its own, or nothing is known to repeat."""


@dataclass(frozen=True)
class Plans:
    """The plans of one region-item's drivers as they stood at each origin."""

    inputs: SeriesInputs

    @cached_property
    def is_what_came(self) -> bool:
        """Whether every plan of the past is what came true, so that there is nothing to tell apart."""
        return all(driver.future in _AS_THEY_CAME for driver in self.inputs.dataset.drivers)

    def values(self, column: str, origins: Ints, periods: Ints) -> Floats:
        """A column of ``SeriesInputs.drivers`` in these periods as it was known and planned at these origins.

        Args:
            column: its name.
            origins: last periods known, shape (n,); at the last known demand and later the plan is the column itself.
            periods: within one year after the last known period, shape (n,).
        Returns: shape (n,); NaN where nothing was known to repeat.
        """
        driver, own = self.inputs.dataset.driver(column.split("=")[0]), self.inputs.drivers[column]
        if driver.future in _AS_THEY_CAME:
            return own[periods]
        is_planned = (periods > origins) & (origins < self.inputs.known - 1)
        source = np.where(is_planned, self._source(driver, origins, periods), periods)
        return np.where(source == _ASSUMED, self._assumed(driver, column), own[source])

    def every(self, origins: Ints, periods: Ints) -> dict[str, Floats]:
        """``values`` of all columns."""
        return {column: self.values(column, origins, periods) for column in self.inputs.drivers}

    def _source(self, driver: Driver, origins: Ints, periods: Ints) -> Ints:
        """The period whose value is planned, or ``_ASSUMED``."""
        latest = self._latest[driver.name]
        if driver.future == "given":
            return np.full(len(periods), _ASSUMED)
        told = latest[np.minimum(periods, origins + self._ahead[driver.name])]
        if driver.future == "repeat_last":
            return told
        year = self.inputs.dataset.year_length
        last_year = latest[np.maximum(np.minimum(periods - year, origins), 0)]
        is_there = (periods >= year) & (last_year + year > np.maximum(told, origins))
        return np.where(is_there, last_year, told)

    def _assumed(self, driver: Driver, column: str) -> float:
        if driver.kind == "category":
            text = str(driver.default) if driver.future == "given" else ""
            category = column.split("=", 1)[1]
            is_other = text not in self.inputs.common[driver.name]
            return float(is_other if category == "(other)" else category == text)
        return float(driver.default) if driver.future == "given" else np.nan  # type: ignore[arg-type]

    @cached_property
    def _is_known(self) -> Mapping[str, np.ndarray]:
        """Driver -> whether its value is known, shape (periods,)."""
        inputs = self.inputs
        return {driver.name: ~inputs.unknown_texts[driver.name] if driver.kind == "category"
                else ~np.isnan(inputs.drivers[driver.name]) for driver in inputs.dataset.drivers}

    @cached_property
    def _ahead(self) -> Mapping[str, int]:
        """Driver -> how many periods after the last known demand the source has values of."""
        known = self.inputs.known
        return {name: int(np.flatnonzero(is_known[known:])[-1]) + 1 if is_known[known:].any() else 0
                for name, is_known in self._is_known.items()}

    @cached_property
    def _latest(self) -> Mapping[str, Ints]:
        """Driver -> the last period up to each whose value is known; ``_ASSUMED`` before the first."""
        return {name: np.maximum.accumulate(np.where(known, np.arange(len(known)), _ASSUMED))
                for name, known in self._is_known.items()}
