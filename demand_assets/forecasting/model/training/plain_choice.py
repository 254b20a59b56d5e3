"""Which plain members stand beside the boosters of each fit, and what makes its totals right.

Both are told by the windows that had ended when the fit was made, so that a window sees what was known at its origin.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import numpy as np

from demand_assets.forecasting.features.series_features import SMOOTHED, SeriesFeatures
from demand_assets.forecasting.model.backtest import origins_before, selection_origins
from demand_assets.forecasting.model.bounded_forecasts import bounded
from demand_assets.forecasting.model.enough_history import NotEnoughHistoryError
from demand_assets.forecasting.model.plain_members import LAST_YEAR, LEVEL, SMOOTHED_SEASON, that_may_stand
from demand_assets.forecasting.model.serving.pooled_model import Fit, PooledModel
from demand_assets.forecasting.model.training.panel import Member, longest_of
from demand_assets.forecasting.series.gapped import Floats
from demand_assets.forecasting.series.metrics import rmsse

Plain = tuple[str, ...]
"""Plain members; none: the boosters alone."""

WINDOWS_TO_CORRECT = 3
"""Windows from which on a bias can be seen to stay."""
CORRECTIONS = (-0.25, 0.25)
"""Of totals, as logarithms, at most."""
LEAST_GAIN = 0.02
"""By so much, as a logarithm, errors must be smaller in the mean over windows less its standard error for plain members
to stand beside the boosters."""
WINDOWS_OF_SMOOTHED = 2
"""Windows that a smoothed season needs: by a single one it was chosen where it doubled the errors of the next."""
ASKED_TOGETHER = 100
"""Region-items that a fit is asked for at a time."""
WITHOUT_EVIDENCE = (LEVEL, LAST_YEAR)
"""Those that stand there, if they may, where no window tells and the history is young: boosters have then seen next to
nothing."""
YOUNG_YEARS = 1.5
"""Years of history below which it is; as for last year's single periods, half of what is learned from has none."""


@dataclass
class _Window:
    """What the boosters with the same plain members forecast of one window, over all region-items."""

    actual: float = 0.0
    """Units sold."""
    forecast: float = 0.0
    absolute: float = 0.0
    """Sum of absolute errors."""
    scaled: list[float] = field(default_factory=list)
    """RMSSE of each region-item that has one."""

    def add(self, actual: Floats, forecast: Floats, history: Floats | None) -> None:
        """Take one region-item in; arrays in units.

        Args:
            history: demand before the window; None where only totals count.
        """
        known = ~np.isnan(actual)
        self.actual += actual[known].sum()
        self.forecast += forecast[known].sum()
        if history is None:
            return
        self.absolute += np.abs(actual[known] - forecast[known]).sum()
        if not np.isnan(one := rmsse(actual, forecast, history)):
            self.scaled.append(one)

    def gain(self, other: "_Window") -> float:
        """The logarithm of its errors over another's, WAPE and mean RMSSE in the mean; 0 where either has none."""
        pairs = [(self.absolute, other.absolute),
                 (float(np.mean(self.scaled or [0])), float(np.mean(other.scaled or [0])))]
        return float(np.mean([np.log(mine / theirs) if mine > 0 and theirs > 0 else 0.0 for mine, theirs in pairs]))


def settled(model: PooledModel, members: Sequence[Member]) -> tuple[PooledModel, dict[str, dict[str, float]]]:
    """The model with the plain members and the correction of each fit, and what each of the members would gain: last
    date seen -> members -> mean of logarithms over windows less its standard error. Its rows have another column where
    a fit has a smoothed season.

    Members are those that gain most, if enough. The correction is what the total of earlier windows was short of, where
    it is always so: the mean over windows of the logarithm of actual over forecast, drawn to zero as far as windows
    disagree (positive part of James and Stein, 1961): a bias that changes its sign is not corrected, nor one of few
    windows. With the drivers that came: what a plan leaves out, such as promotions, is no fault of the model, and a
    what-if that puts it in would have it twice.
    """
    longest = longest_of(members)
    dataset, horizon = longest.dataset, longest.dataset.horizon
    judged = origins_before(longest.known - 1, dataset)
    origins = [selection_origins(int(judged[0]), horizon)[0], *judged]
    ways: list[Plain] = [(), *that_may_stand(dataset)]
    asked = _with_smoothed(model) if any(SMOOTHED_SEASON in way for way in ways) else model
    windows = [_window_of(asked, [member.with_facts(asked.facts) for member in members], ways,
                          longest.known - int(origin)) for origin in origins]
    dates = longest.dates.to_numpy().astype("datetime64[D]")
    fits, told = [], {}
    for fit in model.fits:
        ended = [window for window, origin in zip(windows, origins, strict=True)
                 if origin >= 0 and dates[origin + horizon] <= fit.seen and window[()].actual > 0]
        gains = {way: _surely([window[()].gain(window[way]) for window in ended]) for way in ways[1:]
                 if len(ended) >= (WINDOWS_OF_SMOOTHED if SMOOTHED_SEASON in way else 1)}
        is_young = np.count_nonzero(dates <= fit.seen) < YOUNG_YEARS * dataset.year_length
        chosen = max(gains, key=gains.__getitem__,
                     default=WITHOUT_EVIDENCE if is_young and WITHOUT_EVIDENCE in ways else ())
        if gains and gains[chosen] <= LEAST_GAIN:
            chosen = ()
        told[str(fit.seen)] = {" and ".join(way): round(gain, 5) for way, gain in gains.items()}
        short = np.log([window[chosen].actual / window[chosen].forecast for window in ended
                        if window[chosen].forecast > 0])
        fits.append(replace(fit, plain=chosen, correction=_persistent(short)))
    found = asked if any(SMOOTHED_SEASON in fit.plain for fit in fits) else model
    return replace(found, fits=tuple(fits)), told if len(ways) > 1 else {}


def _with_smoothed(model: PooledModel) -> PooledModel:
    """The same, of rows that end in what a smoothed season says; its boosters do not look at it."""
    return replace(model, feature_names=(*model.feature_names, SMOOTHED),
                   facts=replace(model.facts, has_smoothed=True))


def _window_of(model: PooledModel, members: Sequence[Member], ways: Sequence[Plain],
               before_end: int) -> Mapping[Plain, _Window]:
    """One window, by each way.

    Args:
        before_end: periods from its origin to the end of what is known.
    """
    found = {way: _Window() for way in ways}
    waiting: list[tuple[SeriesFeatures, Fit]] = []
    for member in members:
        origin = member.series.known - before_end
        if origin < 0:
            continue
        with suppress(NotEnoughHistoryError):
            waiting.append((member.series, model.fit_before(
                member.series.dates.to_numpy()[origin].astype("datetime64[D]"))))
    for fit in model.fits:
        same = [series for series, its in waiting if its is fit]
        for first in range(0, len(same), ASKED_TOGETHER):
            _take_in(found, model, fit, same[first: first + ASKED_TOGETHER], before_end)
    return found


def _take_in(windows: Mapping[Plain, _Window], model: PooledModel, fit: Fit, some: Sequence[SeriesFeatures],
             before_end: int) -> None:
    """Add what a fit forecasts of some region-items to the windows of each way."""
    leads = np.arange(1, min(some[0].dataset.horizon, before_end - 1) + 1)
    starts = [np.full(len(leads), series.known - before_end) for series in some]
    rows = np.concatenate([series.rows(its, leads) for series, its in zip(some, starts, strict=True)])
    answers = model.answers(rows, fit)
    for way, window in windows.items():
        ratios = np.split(model.ratio_of(answers, rows, replace(fit, plain=way)), len(some))
        for series, its, ratio in zip(some, starts, ratios, strict=True):
            window.add(series.demand[its + leads], bounded(ratio, series, its, leads),
                       series.demand[: its[0] + 1] if len(windows) > 1 else None)


def _surely(gains: Sequence[float]) -> float:
    """The mean less its standard error; of a single one itself."""
    error = float(np.std(gains, ddof=1)) / len(gains)**0.5 if len(gains) > 1 else 0.0
    return float(np.mean(gains)) - error


def _persistent(logarithms: Floats) -> float:
    if len(logarithms) < WINDOWS_TO_CORRECT or not logarithms.mean():
        return 1.0
    doubt = float(logarithms.var(ddof=1) / len(logarithms) / logarithms.mean() ** 2)
    stays = float(logarithms.mean()) * max(0.0, 1 - doubt)
    return round(float(np.exp(np.clip(stays, *CORRECTIONS))), 5)
