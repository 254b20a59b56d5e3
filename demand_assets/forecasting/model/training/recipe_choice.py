"""Choices made by data: how drivers work, on which scale, with what features, how much of the own boosters.

Recipes are compared by fits that end two horizons before the first judged window, on those two horizons, with drivers
as their declared rules would have planned them.
"""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from operator import is_
from typing import Any

import numpy as np
import numpy.typing as npt

from demand_assets.forecasting.contract.recipes import QUICK_STEPS, Drivers, Recipe, Scale
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.features.borrowed_from_others import PanelFacts
from demand_assets.forecasting.features.driver_effects import has_slope
from demand_assets.forecasting.features.series_features import is_of_last_year
from demand_assets.forecasting.model.boosters import TrainingRows, fit_on_all, training_rows, used_columns
from demand_assets.forecasting.model.bounded_forecasts import bounded
from demand_assets.forecasting.model.own_share import Evidence, SharePrior, prior_of
from demand_assets.forecasting.model.seasonal_naive import seasonal_naive
from demand_assets.forecasting.model.serving.own_model import fit_own, own_factor
from demand_assets.forecasting.model.serving.pooled_model import FARTHEST_APART, Fit, PooledModel
from demand_assets.forecasting.model.training.aside import Aside, in_order
from demand_assets.forecasting.model.training.own_model import OWN_ROWS
from demand_assets.forecasting.model.training.panel import Member, Panel, Read, panel_of
from demand_assets.forecasting.series.demand_class import demand_class
from demand_assets.forecasting.series.gapped import Floats, Ints
from demand_assets.forecasting.series.metrics import bias, naive_squared_error, scaled_error, wape

log = logging.getLogger(__name__)

SELECTION_ROWS = 100_000
"""Rows on which recipes are compared."""
BIAS_WEIGHT = 0.5
"""Of the absolute bias beside accuracy in the choice of a recipe."""
OWN_SHARES = (0.0, 0.25, 0.5)
SHARE_MEMBERS = 200
"""Region-items on which the share of own boosters is chosen."""
TRIED_TOGETHER = 25
"""Region-items whose own boosters are tried out together."""
CAUTION = 1.01
"""A single booster must be so much better than the mean of two to be chosen: the mean is wrong less often."""
DISTRUST = 1.05
"""Last year's single periods must be so much better than nothing of last year where the history is short."""
TRUTH = 1.03
"""A score so many times that of boosted drivers is no reason against log-linear ones, or the mean of both."""
MOST = 0.5
"""Share of erratic region-items above which drivers are not log-linear alone."""
SHORT_YEARS = 3.0
"""Years of history below which last year's single periods are distrusted."""
LEAST_YEARS = 1.5
"""Years of history from which on last year's single periods are features where no recipe that was compared could see
any: half of what is learned from has a last year then, and a horizon of most of a year is hardly told without."""


def best_panel(region_items: Sequence[RegionItem], read: Read, dataset: Dataset, cores: int,
               aside: Aside = map) -> tuple[Panel, Recipe, Fit | None, dict[str, float]]:
    """The way in which drivers work and its best recipe, the recipe's fit, and the scores of all.

    Log-linear effects tell what-ifs more truly, so they are taken where they forecast about as well, or their mean with
    boosted drivers, which tells what-ifs by the same effects, forecasts better: by the plan, and with the drivers that
    came, which is how what-ifs ask, in the mean. Where most demand is erratic, that is, comes in bursts that one slope
    does not describe, they are never taken alone.
    """
    pins = dataset.training
    pinned, is_mean_possible = pins.drivers, any(map(has_slope, dataset.drivers))
    is_settled = pins.scale is not None and pins.year_features is not None
    if pinned and (pinned != "mean" or is_settled):
        way = pinned if is_mean_possible or pinned != "mean" else "boosted"
        panel = panel_of(region_items, read, dataset, way, aside)
        return panel, *_compared(panel, dataset, cores).chosen
    if not is_mean_possible:
        boosted = panel_of(region_items, read, dataset, "boosted", aside)
        return boosted, *_compared(boosted, dataset, cores).chosen
    both_ways = panel_of(region_items, read, dataset, "mean", aside)
    selection = _selection(both_ways.judged, both_ways.selection_end)
    few = _on_few_rows(both_ways)
    seeing = _compared(few.seeing, dataset, cores, [one.seeing(both_ways) for one in selection])
    if not (seeing.tried or pinned):
        return both_ways.seeing, *seeing.chosen
    erratic = np.mean([demand_class(member.series.demand[member.series.dates <= both_ways.ends[0]]) == "erratic"
                       for member in both_ways.judged])
    clearing = _compared(few, dataset, cores, selection, "log_linear")
    both = _mean_of(seeing, clearing, dataset)
    scores = {f"{way} drivers, {words}": value for way, told in (
        ("boosted", seeing), ("log-linear", clearing), ("mean of both", both)) for words, value in told.told.items()}
    alone = erratic <= MOST and clearing.score <= TRUTH * seeing.score
    if pinned or is_mean(seeing.score, clearing.score if alone else None, both.score):
        recipe, fitted, _ = both.chosen
        return both_ways, recipe, fitted, scores if seeing.tried else {}
    if alone:
        return panel_of(region_items, read, dataset, "log_linear", aside), *clearing.chosen[:2], scores
    return both_ways.seeing, *seeing.chosen[:2], scores


def _on_few_rows(panel: Panel) -> Panel:
    """The same with those rows alone on which recipes are compared: no way is made of all of them before it is
    chosen."""
    end, rows = panel.selection_end, panel.rows
    return replace(panel, rows=rows.where(slice(0)) if end is None else rows.before(end, SELECTION_ROWS))


def is_mean(boosted: float, log_linear: float | None, mean: float) -> bool:
    """Whether forecasts are the mean of both ways, by their scores: cautiously, where it is no worse than the one that
    tells what-ifs as truly, or clearly better than the one that does not.

    Args:
        log_linear: None where it would not be taken alone.
    """
    if log_linear is not None:
        return mean <= CAUTION * log_linear and mean <= TRUTH * boosted
    return mean * CAUTION <= boosted


@dataclass(frozen=True)
class Selection:
    """The windows on which recipes are compared, of one region-item."""

    member: Member
    starts: Ints
    leads: Ints
    features: npt.NDArray[np.float32]
    """With the drivers that would have been planned."""
    as_came: npt.NDArray[np.float32]
    """With those that came; the same array where they do not differ."""
    actual: Floats
    naive: Floats
    """Seasonal naive, in units."""
    naive_error: float
    """Of the history, as ``scaled_error`` has it."""

    def seeing(self, panel: Panel) -> "Selection":
        """Of a panel of both ways, the same of the boosted one."""
        features = panel.seen(self.features)
        return replace(self, member=replace(self.member, series=self.member.series.seeing), features=features,
                       as_came=features if self.as_came is self.features else panel.seen(self.as_came))


def _selection(members: Sequence[Member], end: np.datetime64 | None) -> list[Selection]:
    """The windows after that date; none where there is none."""
    found: list[Selection] = []
    if end is None:
        return found
    for member in members:
        series = member.series
        horizon = series.dataset.horizon
        origin = int(np.searchsorted(series.dates.to_numpy(), end, side="right")) - 1
        if origin < 1 or not (~np.isnan(series.demand[: origin + 1])).any():
            continue
        starts = np.repeat([origin, origin + horizon], horizon)
        leads = np.tile(np.arange(1, horizon + 1), 2)
        inside = starts + leads < series.known
        starts, leads = starts[inside], leads[inside]
        if len(starts):
            planned = series.as_planned.rows(starts, leads)
            came = series.rows(starts, leads) if series.as_planned.is_as_planned else planned
            found.append(Selection(member, starts, leads, planned, came, series.demand[starts + leads],
                                   seasonal_naive(series, starts, leads),
                                   naive_squared_error(series.demand[: origin + 1])))
    return found


@dataclass(frozen=True)
class Tried:
    """One recipe on the selection windows; each forecast in units, one array a region-item."""

    recipe: Recipe
    fit: Fit
    planned: list[Floats]
    realised: list[Floats]
    """With the drivers that came; the same arrays where they do not differ."""
    score: float
    """By the plan."""
    of_what_ifs: float
    """With the drivers that came."""


@dataclass(frozen=True)
class Compared:
    """The recipes of one way in which drivers work, on the same windows."""

    selection: list[Selection]
    tried: list[Tried]
    """Empty where nothing may be chosen."""
    default: Recipe
    """What is taken then; and of what is chosen, the steps of its boosters."""
    is_short: bool
    """Whether the history is, so that last year's single periods are distrusted."""

    @property
    def best(self) -> Tried:
        """The recipe with the smallest score by the plan, cautiously."""
        return min(self.tried, key=lambda one: one.score * self._caution(one.recipe))

    @property
    def score(self) -> float:
        """Of the best, in the mean over the plan and what-ifs."""
        return self._caution(self.best.recipe) * (self.best.score + self.best.of_what_ifs) / 2 if self.tried else 0.0

    @property
    def told(self) -> dict[str, float]:
        """The scores of all by their words."""
        return {f"{one.recipe.scale}, {'with' if one.recipe.year_features else 'without'} last year":
                round(one.score, 5) for one in self.tried}

    @property
    def chosen(self) -> tuple[Recipe, Fit | None, dict[str, float]]:
        """The recipe, its fit if it is the one that was compared, and the scores of all."""
        if not self.tried:
            return self.default, None, {}
        steps = {name: getattr(self.default, name) for name in QUICK_STEPS}
        recipe = replace(self.best.recipe, **steps)
        return recipe, self.best.fit if recipe == self.best.recipe else None, self.told

    def _caution(self, recipe: Recipe) -> float:
        times = 1.0 if recipe.scale == "mix" else CAUTION
        return times * DISTRUST if self.is_short and recipe.year_features else times


def _compared(panel: Panel, dataset: Dataset, cores: int, selection: list[Selection] | None = None,
              drivers: Drivers | None = None) -> Compared:
    """The recipes of a way in which drivers work, fitted quickly and scored.

    Args:
        selection: the windows, where they were made already.
        drivers: the way; the panel's unless given. A panel of the mean of both has the columns of the log-linear way,
            the same values in the same places, beside others that it does not look at.
    """
    drivers = drivers or panel.drivers
    pins = {**_pinned(dataset), "drivers": drivers}
    members, names, constraints = panel.judged, panel.names, panel.constraints
    end = panel.selection_end
    years = [pins["year_features"]] if "year_features" in pins else [True, False]
    if selection is None:
        selection = _selection(members, end)
    few = end is None or np.count_nonzero(panel.rows.date <= end) < 20 * dataset.horizon
    is_short = max(member.series.known for member in members) < SHORT_YEARS * dataset.year_length
    default = (Recipe.quick if drivers == "mean" else Recipe)(**{"year_features": not is_short, **pins})
    known = panel.rows.before(end, SELECTION_ROWS) if end is not None else None
    if known is None or not _saw_last_year(known, names, dataset):
        longest = max(member.series.known for member in members)
        years = [pins.get("year_features", longest >= LEAST_YEARS * dataset.year_length)]
        default = replace(default, year_features=years[0])
    settled = len(years) == 1 and pins.get("scale")
    if end is None or known is None or few or not selection or settled:
        return Compared(selection, [], default, is_short)
    scales: tuple[Scale, ...] = (pins["scale"],) if "scale" in pins else ("log", "tweedie", "mix")
    recipes = [Recipe.quick(**{**pins, "scale": scales[-1], "year_features": year}) for year in years]
    tried = []
    with ThreadPoolExecutor(cores) as pool:
        for recipe, boosters in zip(recipes, pool.map(lambda recipe: fit_on_all(
                known, recipe, used_columns(names, recipe, dataset, panel.facts), constraints), recipes), strict=True):
            log.info("recipes with %s drivers, %s last year, tried on %s rows", drivers.replace("_", "-"),
                     "with" if recipe.year_features else "without", len(known.ratio))
            for one in (replace(recipe, scale=scale) for scale in scales):
                fit = Fit(end, {scale: boosters[scale] for scale in one.members})
                model = PooledModel(one, names, used_columns(names, one, dataset, panel.facts), PanelFacts(), (fit,))
                tried.append(_tried(selection, one, fit, *_units(selection, model.ratio)))
    return Compared(selection, tried, default, is_short)


def _saw_last_year(rows: TrainingRows, names: Sequence[str], dataset: Dataset) -> bool:
    """Whether some row has a single period of last year, so that what they are worth can be told."""
    columns = [place for place, name in enumerate(names) if is_of_last_year(name, dataset)]
    return bool((~np.isnan(rows.features[:, columns])).any())


def _pinned(dataset: Dataset) -> dict[str, Any]:
    """What the dataset file pins of a recipe."""
    return {name: value for name, value in dataset.training.model_dump().items() if value is not None}


def _tried(selection: Sequence[Selection], recipe: Recipe, fit: Fit, planned: list[Floats],
           realised: list[Floats]) -> Tried:
    score = _score(selection, planned, realised)
    return Tried(recipe, fit, planned, realised, score,
                 score if all(map(is_, planned, realised)) else _score(selection, realised, realised))


def _mean_of(seeing: Compared, clearing: Compared, dataset: Dataset) -> Compared:
    """The mean of both ways by each recipe."""
    def mean(theirs: list[Floats], ours: list[Floats]) -> list[Floats]:
        return [(own + np.clip(other, own / FARTHEST_APART, own * FARTHEST_APART)) / 2
                for other, own in zip(theirs, ours, strict=True)]

    tried = []
    for theirs, ours in zip(seeing.tried, clearing.tried, strict=True):
        planned = mean(theirs.planned, ours.planned)
        realised = planned if all(map(is_, ours.planned, ours.realised)) else mean(theirs.realised, ours.realised)
        tried.append(_tried(clearing.selection, replace(ours.recipe, drivers="mean"),
                            replace(ours.fit, seeing=theirs.fit.boosters), planned, realised))
    return replace(clearing, tried=tried, default=Recipe.quick(**{
        **_pinned(dataset), "year_features": clearing.default.year_features, "drivers": "mean"}))


Told = Callable[[npt.NDArray[np.float32]], Floats]
"""From features to demand over level."""


def _units(selection: Sequence[Selection], ratio: Told) -> tuple[list[Floats], list[Floats]]:
    """Forecasts in units of each region-item's windows: by the plan, and with the drivers that came."""
    differing = [one for one in selection if one.as_came is not one.features]
    told = _of_all(ratio, [*(one.features for one in selection), *(one.as_came for one in differing)])
    planned = [bounded(part, one.member.series, one.starts, one.leads)
               for one, part in zip(selection, told, strict=False)]
    came = {id(one): bounded(part, one.member.series, one.starts, one.leads)
            for one, part in zip(differing, told[len(selection):], strict=True)}
    return planned, [came.get(id(one), units) for one, units in zip(selection, planned, strict=True)]


def _of_all(ratio: Told, features: Sequence[npt.NDArray[np.float32]]) -> list[Floats]:
    """The ratio of each array of features, asked as one: each question costs more than some hundred rows do."""
    return np.split(ratio(np.concatenate(features)), np.cumsum([len(rows) for rows in features[:-1]]))


def _score(selection: Sequence[Selection], units: Sequence[Floats], realised: Sequence[Floats]) -> float:
    """WAPE and mean RMSSE, each over that of seasonal naive, in the mean, and a share of the bias: small is good.

    The bias counts because totals are shown: what is right on the median of each can be far too low on their sum. It is
    that with the drivers that came: what a plan leaves out is no fault of a recipe.
    """
    def measured(forecasts: Sequence[Floats]) -> Floats:
        actual = np.concatenate([one.actual for one in selection])
        scaled = [scaled_error(one.actual, forecast, one.naive_error)
                  for one, forecast in zip(selection, forecasts, strict=True)]
        return np.array([wape(actual, np.concatenate(forecasts)), np.nanmean(scaled) if ~np.isnan(scaled).all() else 1])

    off = bias(np.concatenate([one.actual for one in selection]), np.concatenate(realised))
    accuracy = np.nan_to_num(measured(units) / measured([one.naive for one in selection]), nan=1.0).mean()
    return float(accuracy + BIAS_WEIGHT * abs(np.nan_to_num(off)))


@dataclass(frozen=True)
class _OwnTask:
    """Region-items whose own boosters are to be tried out on a pooled model of one fit."""

    selection: list[Selection]
    model: PooledModel


def _with_own(task: _OwnTask) -> list[dict[bool, tuple[Floats, Floats]]]:
    """Of each region-item, as planned or not -> the pooled model's answer, and the own booster's factor on it."""
    model, first, found = task.model, task.model.latest, []
    for one in task.selection:
        known = training_rows(one.member.series, one.member.region_item, OWN_ROWS).before(first.seen)
        learned, planned, came = _of_all(model.ratio, [known.features, one.features, one.as_came])
        if not len(known.ratio):  # of the few rows that an own booster learns from, all may be later
            found.append({True: (planned, np.ones(len(planned))), False: (came, np.ones(len(came)))})
            continue
        own = fit_own(known, model, first, model.recipe, one.member.series.constraints, learned)
        as_planned = planned, own_factor(own, one.features, model.columns, 1.0)
        found.append({True: as_planned, False: as_planned if one.as_came is one.features else (
            came, own_factor(own, one.as_came, model.columns, 1.0))})
    return found


def share_of_own(model: PooledModel, members: Sequence[Member], dataset: Dataset,
                 aside: Aside = map) -> tuple[SharePrior, dict[str, float]]:
    """The best share of the own boosters for all, with how much region-items differ in it, and each share's score."""
    pinned = dataset.training.own_share
    first = model.fits[0]
    selection = [one for one in _selection(members[:: max(1, len(members) // SHARE_MEMBERS)], first.seen)
                 if one.member.first_target <= first.seen]
    if pinned is not None or len(model.fits) < 2 or not selection:
        return SharePrior(model.recipe.own_share), {}
    of_first = replace(model, fits=(first,))
    told = [one for some in in_order(aside, _with_own, (
        _OwnTask(selection[start: start + TRIED_TOGETHER], of_first)
        for start in range(0, len(selection), TRIED_TOGETHER))) for one in some]
    units = {(share, is_planned): [bounded(parts[is_planned][0] * parts[is_planned][1]**share, one.member.series,
                                           one.starts, one.leads)
                                   for one, parts in zip(selection, told, strict=True)]
             for share in (*OWN_SHARES, 1.0) for is_planned in (True, False)}
    scores = {share: _score(selection, units[share, True], units[share, False]) for share in OWN_SHARES}
    best = min(scores, key=lambda share: scores[share])
    evidence = [[Evidence.of(one.actual[window], pooled[window], at_full[window])
                 for window in (one.starts == one.starts[0], one.starts != one.starts[0])]
                for one, pooled, at_full in zip(selection, units[0.0, True], units[1.0, True], strict=True)]
    return prior_of(best, evidence), {str(share): round(score, 5) for share, score in scores.items()}
