"""Challengers of the boosters: fitted and forecast in the same windows, within a budget, and one of them chosen.

The choice is made on the windows before the judged ones, which no decision of the gate looks at. So the judged windows
compare one challenger with the boosters, however many competed: being the best of many is no advantage there.
"""

import json
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from time import process_time, thread_time
from typing import Any, TypeVar

import numpy as np

from demand_assets.forecasting.challengers.model_classes import ChallengerError, check_installed, model_class
from demand_assets.forecasting.challengers.protocol import Fitted
from demand_assets.forecasting.contract.plugins import FAILURES, told
from demand_assets.forecasting.dataset.attributes import Value
from demand_assets.forecasting.dataset.models.challenger_entries import Challengers
from demand_assets.forecasting.features.series_features import SeriesFeatures
from demand_assets.forecasting.model.serving.challenger import (
    BLEND,
    BOOSTERS,
    Challenger,
    answer_of,
    history_at,
    history_to_fit,
)
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.model.training.own_model import Trained, Window, forecast_by
from demand_assets.forecasting.series.gapped import Floats
from demand_assets.forecasting.series.metrics import wape

Result = TypeVar("Result")
WALL = 10.0
"""Times the budget that one class may take by the clock: it may wait for something that takes no processor time."""
SLOW = ("intermittent", "lumpy")
"""Classes of demand whose smallest absolute error has a forecast of nothing: there the squared error chooses."""


@dataclass(frozen=True)
class Choice:
    """What came of a contest among classes."""

    wapes: Mapping[str, float] = field(default_factory=dict)
    """Class -> WAPE in the windows before the judged ones; the boosters and the blend among them."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """Class -> of processor time, all fits and forecasts."""
    out: Mapping[str, str] = field(default_factory=dict)
    """Class -> why it has no part, in words."""
    best: str = ""
    """The class with the smallest error there."""
    chosen: ForecastModel | None = None
    """The model with the best class in place of the boosters; None where the boosters were best."""

    def to_json(self) -> dict[str, Any]:
        """As JSON types."""
        return {"wape": {name: round(value, 5) if np.isfinite(value) else None for name, value in self.wapes.items()},
                "seconds": {name: round(value, 3) for name, value in self.seconds.items()}, "out": dict(self.out),
                "best": self.best}


class _OutOfBudget(BaseException):
    """Passes through whatever a class catches."""


def compete(trained: Trained, entries: Challengers, attributes: Mapping[str, Value]) -> Choice:
    """The challenger with the smallest error in the windows before the judged ones, where that is smaller than
    the boosters'; fitted on everything known.

    Args:
        entries: which classes compete where, and for how long.
        attributes: of the region-item.
    """
    series = trained.series.as_planned
    names = entries.names_for(trained.model.card.demand_class, {name: str(value) for name, value in attributes.items()})
    first = trained.model.backtest["origins"][0]
    first_judged = int(series.dates.searchsorted(np.datetime64(first)))
    earlier = [window for window in trained.windows if window.origin < first_judged]
    if not names:
        return Choice()
    if not earlier or not _sold(series, earlier):
        return Choice(out=dict.fromkeys(names, "there is no demand in the windows in which a class is chosen"))
    teams = _Teams(series, entries)
    for name in names:
        teams.try_out(name, earlier)
    members = list(teams.windows)
    each = {BOOSTERS: earlier, **teams.windows}
    if entries.blend and members:
        each[BLEND] = _mean(list(each.values()))
    wapes = {name: wape(*_own_horizons(series, windows)) for name, windows in each.items()}
    is_slow = trained.model.card.demand_class in SLOW
    errors = {name: _squared(*_own_horizons(series, windows)) if is_slow else wapes[name]
              for name, windows in each.items()}
    best = min(errors, key=lambda name: errors[name])
    chosen = None
    if best != BOOSTERS:
        needed = members if best == BLEND else [best]
        judged = [window for window in trained.windows if window.origin >= first_judged]
        for name in needed:
            teams.try_out(name, judged)
        if not any(name in teams.out for name in needed):
            fitted = {name: model for name in needed if (model := teams.fit(name, series.known - 1)) is not None
                      and teams.can_be_stored(name, model)}
            if len(fitted) == len(needed):
                parts = [teams.windows[name] for name in needed] + ([trained.windows] if best == BLEND else [])
                challenger = Challenger(fitted, best == BLEND, {
                    name: entries.options[name] for name in needed if name in entries.options})
                chosen = forecast_by(trained, challenger, _mean(parts))
    return Choice(wapes, teams.seconds, teams.out, best, chosen)


def windows_of(name: str, series: SeriesFeatures, windows: Sequence[Window],
               entries: Challengers) -> list[Window] | None:
    """These windows as one class forecasts them, fitted on what was known before each; None where it cannot."""
    teams = _Teams(series, entries)
    teams.try_out(name, windows)
    return teams.windows.get(name)


def windows_again(series: SeriesFeatures, windows: Sequence[Window], challenger: Challenger) -> list[Window]:
    """These windows as the classes of a challenger forecast them, fitted on what was known before each.

    Raises: ChallengerError: one cannot.
    """
    entries = Challengers(seconds=3600, options={name: dict(one) for name, one in challenger.options.items()})
    parts = [windows_of(name, series, windows, entries) for name in challenger.members]
    if any(part is None for part in parts):
        raise ChallengerError(f"{challenger.identity} cannot be fitted again")
    return _mean([*filter(None, parts), *([list(windows)] if challenger.with_boosters else [])])


class _Teams:
    """What each class forecast so far, what it took, and those that are out."""

    def __init__(self, series: SeriesFeatures, entries: Challengers) -> None:
        self._series, self._entries = series, entries
        self.windows: dict[str, list[Window]] = {}
        self.seconds: dict[str, float] = {}
        self.out: dict[str, str] = {}

    def try_out(self, name: str, windows: Sequence[Window]) -> None:
        """Forecast the windows by a class fitted at the origin of each, or note why not."""
        done: list[Window] = []
        for window in windows:
            fitted = self.fit(name, window.origin)
            forecast = None if fitted is None else self._timed(name, partial(self._forecast, name, fitted, window))
            if forecast is None:
                self.windows.pop(name, None)
                return
            done.append(forecast)
        self.windows[name] = [*self.windows.get(name, []), *done]

    def fit(self, name: str, origin: int) -> Fitted | None:
        """The class fitted on what was known at the origin; None where it is out."""
        def fit() -> Fitted:
            check_installed(name, to_fit=True)
            return model_class(name).fit(history_to_fit(self._series, origin, self._entries.options.get(name, {})))

        return self._timed(name, fit)

    def can_be_stored(self, name: str, fitted: Fitted) -> bool:
        """Whether what was fitted can be saved as JSON and loaded again; else the class is out."""
        def store() -> bool:
            try:
                model_class(name).load(json.loads(json.dumps(fitted.save())))
            except FAILURES as error:
                raise ChallengerError(f"{name} cannot be saved and loaded: {told(error)}") from error
            return True

        return bool(self._timed(name, store))

    def _forecast(self, name: str, fitted: Fitted, window: Window) -> Window:
        """The window with what the class forecasts from each of its origins."""
        served = np.empty(len(window.starts))
        for start in np.unique(window.starts):
            use = window.starts == start
            answer = answer_of(name, fitted, history_at(self._series, int(start), self._entries.options.get(name, {})))
            served[use] = answer[window.leads[use] - 1]
        realised = served[: len(window.realised)]
        if self._series.is_as_planned:
            came = history_at(self._series.as_came, window.origin, self._entries.options.get(name, {}))
            realised = answer_of(name, fitted, came)[: len(window.realised)]
        date = self._series.dates.to_numpy()[window.origin].astype("datetime64[D]")
        return replace(window, served=served, realised=realised, seen=date)

    def _timed(self, name: str, do: Callable[[], Result]) -> Result | None:
        """What ``do`` gives; None where the class is out, or goes out by it."""
        if name in self.out:
            return None
        # Beside other threads, as in small runs, the process's time is that of neighbours too.
        clock = process_time if _is_main_thread() else thread_time
        left, started = self._entries.seconds - self.seconds.get(name, 0.0), clock()
        too_slow = f"took more than {self._entries.seconds:g} s"
        found = None
        try:
            with _within(left):
                found = do()
        except _OutOfBudget:
            self.out[name] = too_slow
        except ChallengerError as error:
            self.out[name] = str(error)
        except FAILURES as error:  # a plug-in may raise anything, and its contest goes on without it
            self.out[name] = f"failed to fit: {told(error)}"
        self.seconds[name] = self.seconds.get(name, 0.0) + clock() - started
        if name not in self.out and self.seconds[name] > self._entries.seconds:
            self.out[name] = too_slow
        return None if name in self.out else found


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


@contextmanager
def _within(seconds: float) -> Iterator[None]:
    """Stop the block after so much processor time, or ``WALL`` times that by the clock, where a signal can: in the main
    thread, and when the block comes back to Python."""
    if not _is_main_thread():
        yield
        return
    is_on = True

    def stop(*_: object) -> None:
        nonlocal is_on
        if is_on:  # once, and not while the timers are put back
            is_on = False
            raise _OutOfBudget

    timers = ((signal.ITIMER_PROF, signal.SIGPROF, seconds), (signal.ITIMER_REAL, signal.SIGALRM, WALL * seconds))
    before = [(which, signal.signal(which, stop)) for _, which, _ in timers]
    try:
        for timer, _, length in timers:
            signal.setitimer(timer, max(length, 1e-3))
        try:
            yield
        finally:
            is_on = False
    finally:
        for timer, _, _ in timers:
            signal.setitimer(timer, 0)
        for which, handler in before:
            signal.signal(which, handler)


def _mean(parts: Sequence[Sequence[Window]]) -> list[Window]:
    """The windows with the mean of the forecasts of each part."""
    return [replace(each[0], served=np.mean([one.served for one in each], axis=0),
                    realised=np.mean([one.realised for one in each], axis=0), seen=max(one.seen for one in each))
            for each in zip(*parts, strict=True)]


def _own_horizons(series: SeriesFeatures, windows: Sequence[Window]) -> tuple[Floats, Floats]:
    horizon = series.dataset.horizon
    actual = np.concatenate([series.sold[(one.starts + one.leads)[:horizon]] for one in windows])
    return actual, np.concatenate([one.served[:horizon] for one in windows])


def _squared(actual: Floats, forecast: Floats) -> float:
    return float(np.nanmean((actual - forecast) ** 2))


def _sold(series: SeriesFeatures, windows: Sequence[Window]) -> bool:
    return bool(np.nansum(_own_horizons(series, windows)[0]) > 0)
