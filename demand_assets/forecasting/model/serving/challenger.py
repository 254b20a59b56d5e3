"""What forecasts a region-item in place of its boosters where a challenger won: a class of model, or a mean of some.

The boosters stay beside it: they forecast where the class, or what it needs, is not installed, or where it fails.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self, cast

import numpy as np
import pandas as pd

from demand_assets.forecasting.challengers.model_classes import (
    ChallengerError,
    capabilities_of,
    check_installed,
    model_class,
)
from demand_assets.forecasting.challengers.protocol import Explaining, Fitted, History
from demand_assets.forecasting.contract.periods import period_range
from demand_assets.forecasting.contract.plugins import FAILURES, told
from demand_assets.forecasting.features.series_features import SeriesFeatures
from demand_assets.forecasting.series.gapped import Floats, Ints

BLEND = "blend"
BOOSTERS = "xgboost"


@dataclass(frozen=True)
class Challenger:
    """Fitted models of a region-item, whose mean is the forecast."""

    members: Mapping[str, Fitted]
    """By the name of their class."""
    with_boosters: bool = False
    """Whether the boosters' forecast is one more member of the mean."""
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Of each class, as the dataset file had them."""

    @property
    def identity(self) -> str:
        """Which classes it is made of, told as part of a recipe."""
        return "+".join((*((BOOSTERS,) if self.with_boosters else ()), *self.members))

    @property
    def title(self) -> str:
        """For pages."""
        titles = [model_class(name).title for name in self.members]
        return f"blend of XGBoost, {', '.join(titles)}" if self.with_boosters else titles[0]

    @property
    def sees_drivers(self) -> bool:
        """Whether a planned driver moves its forecasts."""
        return self.with_boosters or any(capabilities_of(model_class(name)).drivers for name in self.members)

    def units(self, boosters: Floats, series: SeriesFeatures, origins: Ints, leads: Ints) -> Floats:
        """Forecasts in units, never negative; shape (n,).

        Args:
            boosters: theirs of the same.
        Raises: ChallengerError: a member failed, or answered what is no forecast.
        """
        units = np.empty(len(origins))
        for origin in np.unique(origins):
            use = origins == origin
            answers = [answer_of(name, fitted, history_at(series, int(origin), self.options.get(name, {})))
                       for name, fitted in self.members.items()]
            each = [answer[leads[use] - 1] for answer in answers] + ([boosters[use]] if self.with_boosters else [])
            units[use] = np.mean(each, axis=0)
        return units

    def explain(self, series: SeriesFeatures, origin: int) -> Mapping[str, Floats] | None:
        """Contributions by name to each period of the horizon; None of a mean, and of a class that cannot tell.

        Raises: ChallengerError: it failed.
        """
        (name, fitted), *others = self.members.items()
        if others or self.with_boosters or not capabilities_of(model_class(name)).explains:
            return None
        history = history_at(series, origin, self.options.get(name, {}))
        try:
            parts = {str(part): np.asarray(values, dtype=np.float64)
                    for part, values in cast(Explaining, fitted).explain(history).items()}
        except FAILURES as error:
            raise ChallengerError(f"{name} failed to explain: {told(error)}") from error
        if any(values.shape != (history.horizon,) or not np.isfinite(values).all() for values in parts.values()):
            raise ChallengerError(f"{name} explained by what are not {history.horizon} numbers each")
        return parts

    def to_json(self) -> dict[str, Any]:
        """As JSON types."""
        return {"members": {name: fitted.save() for name, fitted in self.members.items()},
                "with_boosters": self.with_boosters, "options": {**self.options}}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Self:
        """What ``to_json`` gave.

        Raises: ChallengerError: a class, or what it needs to forecast, is not installed, or it cannot load its own.
        """
        members = {}
        for name, state in saved["members"].items():
            check_installed(name, to_fit=False)
            try:
                members[name] = model_class(name).load(state)
            except FAILURES as error:
                raise ChallengerError(f"the model class {name!r} cannot load what it saved: {told(error)}") from error
        return cls(members, bool(saved["with_boosters"]), saved.get("options", {}))


def answer_of(name: str, fitted: Fitted, history: History) -> Floats:
    """What a fitted model forecasts, checked; below zero counts as zero. Shape (horizon,).

    Raises: ChallengerError: it failed, or answered what is no forecast.
    """
    try:
        answer = np.asarray(fitted.predict(history), dtype=np.float64)
    except FAILURES as error:
        raise ChallengerError(f"{name} failed to forecast: {told(error)}") from error
    if answer.shape != (history.horizon,):
        raise ChallengerError(f"{name} answered an array of shape {answer.shape} where ({history.horizon},) is wanted")
    if not np.isfinite(answer).all():
        raise ChallengerError(f"{name} answered {np.count_nonzero(~np.isfinite(answer))} forecasts that are no numbers")
    return np.maximum(answer, 0.0)


def history_at(series: SeriesFeatures, origin: int, options: Mapping[str, Any]) -> History:
    """What is known at the end of the period ``origin``, with the drivers as the series sees them from there."""
    known = np.flatnonzero(~np.isnan(series.demand[: origin + 1]))
    first = int(known[0]) if len(known) else origin
    dates = series.dates.to_numpy().astype("datetime64[D]")
    dataset = series.dataset
    ahead = np.arange(origin + 1, min(origin + 1 + dataset.horizon, len(dates)))
    at = np.full(len(ahead), origin)
    return History(
        dates=dates[first: origin + 1], demand=series.demand[first: origin + 1].copy(),
        drivers={name: values[first: origin + 1].copy() for name, values in series.drivers.items()},
        future_dates=dates[ahead],
        future={name: series.future.values(name, at, ahead).copy() for name in series.drivers},
        frequency=dataset.frequency, season_lengths=tuple(dataset.season_lengths), options=dict(options))


def history_to_fit(series: SeriesFeatures, origin: int, options: Mapping[str, Any]) -> History:
    """The same with a whole horizon to forecast, also where the source has no rows that far ahead: drivers there are
    unknown. Models that are fitted for each lead count on it."""
    found = history_at(series, origin, options)
    missing = series.dataset.horizon - found.horizon
    if not missing:
        return found
    last = pd.Timestamp(found.dates[-1])
    dates = period_range(last, series.dataset.horizon + 1, series.dataset.frequency)[1:]
    return replace(found, future_dates=dates.to_numpy().astype("datetime64[D]"), future={
        name: np.append(values, np.full(missing, np.nan)) for name, values in found.future.items()})
