"""Choices made by data: how drivers work, on which scale, with what features, how much of the own boosters.

Recipes are compared by fits that end two horizons before the first judged window, on those two horizons, with drivers
as their declared rules would have planned them.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from operator import is_

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.contract.dataset_file import Dataset
from demand_assets.forecasting.contract.recipes import Recipe
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.features.driver_effects import has_effect
from demand_assets.forecasting.features.panel_facts import PanelFacts
from demand_assets.forecasting.model.backtest import seasonal_naive
from demand_assets.forecasting.model.intervals import demand_class
from demand_assets.forecasting.model.own import fit_own, own_factor
from demand_assets.forecasting.model.pooled import Fit, PooledModel, bounded, fit_boosters, used_columns
from demand_assets.forecasting.model.training.panel import Member, Panel, panel_of
from demand_assets.forecasting.series.gapped import Floats, Ints
from demand_assets.forecasting.series.metrics import bias, rmsse, wape

SELECTION_ROWS = 100_000
"""Rows on which recipes are compared."""
BIAS_WEIGHT = 0.5
"""Of the absolute bias beside accuracy in the choice of a recipe."""
OWN_SHARES = (0.0, 0.25, 0.5)
CAUTION = 1.01
"""A single booster must be so much better than the mean of two to be chosen: the mean is wrong less often."""
DISTRUST = 1.05
"""Last year's single periods must be so much better than nothing of last year where the history is short."""
TRUTH = 1.03
"""A score so many times that of boosted drivers is no reason against log-linear ones."""
MOST = 0.5
"""Share of erratic region-items above which drivers are boosted."""
SHORT_YEARS = 3.0
"""Years of history below which last year's single periods are distrusted."""


def best_panel(region_items: Sequence[RegionItem], read: Callable[[RegionItem], pd.DataFrame], dataset: Dataset,
                cores: int) -> tuple[Panel, Recipe, Fit | None, dict[str, float]]:
    """The way in which drivers work and its best recipe, the recipe's fit, and the scores of all.

    Log-linear effects tell what-ifs more truly, so they are taken where they forecast about as well: by the plan, and
    with the drivers that came, which is how what-ifs ask, in the mean. They are not tried where most demand is erratic,
    that is, comes in bursts that one slope does not describe.
    """
    if dataset.training.drivers:
        pinned = panel_of(region_items, read, dataset, dataset.training.drivers)
        return pinned, *_choose(pinned, dataset, cores)[1:]
    boosted = panel_of(region_items, read, dataset, "boosted")
    score, recipe, fitted, choice = _choose(boosted, dataset, cores)
    end = boosted.ends[0]
    erratic = np.mean([demand_class(member.series.demand[member.series.dates <= end]) == "erratic"
                       for member in boosted.judged])
    if not choice or erratic > MOST or not any(map(has_effect, dataset.drivers)):
        return boosted, recipe, fitted, choice
    log_linear = panel_of(region_items, read, dataset, "log_linear")
    other_score, other_recipe, other_fitted, other_choice = _choose(log_linear, dataset, cores)
    scores = {f"{way} drivers, {words}": value for way, told in (("boosted", choice), ("log-linear", other_choice))
              for words, value in told.items()}
    if other_score <= TRUTH * score:
        return log_linear, other_recipe, other_fitted, scores
    return boosted, recipe, fitted, scores


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
    history: Floats


def _selection(members: Sequence[Member], end: np.datetime64, dataset: Dataset) -> list[Selection]:
    found = []
    for member in members:
        series = member.series
        origin = int(np.searchsorted(series.dates.to_numpy(), end, side="right")) - 1
        if origin < 1 or not (~np.isnan(series.demand[: origin + 1])).any():
            continue
        starts = np.repeat([origin, origin + dataset.horizon], dataset.horizon)
        leads = np.tile(np.arange(1, dataset.horizon + 1), 2)
        inside = starts + leads < series.known
        starts, leads = starts[inside], leads[inside]
        if len(starts):
            planned = series.as_planned.rows(starts, leads)
            came = series.rows(starts, leads) if series.as_planned.is_as_planned else planned
            found.append(Selection(member, starts, leads, planned, came, series.demand[starts + leads],
                                   series.demand[: origin + 1]))
    return found


def _choose(panel: Panel, dataset: Dataset, cores: int) -> tuple[float, Recipe, Fit | None, dict[str, float]]:
    """The recipe with the smallest score by the plan, its fit, and the scores of all by their words; first, that
    recipe's score in the mean over the plan and what-ifs."""
    pins = {"drivers": panel.drivers, **{
        name: value for name, value in dataset.training.model_dump().items() if value is not None}}
    members, names, constraints = panel.judged, panel.names, panel.constraints
    end = panel.selection_end
    years = [pins["year_features"]] if "year_features" in pins else [True, False]
    selection = _selection(members, end, dataset) if end is not None else []
    few = end is None or np.count_nonzero(panel.rows.date <= end) < 20 * dataset.horizon
    if end is None or few or not selection or (len(years) == 1 and pins.get("scale")):
        long = max(member.series.known for member in members) >= SHORT_YEARS * dataset.year_length
        return 0.0, Recipe(**{"year_features": long, **pins}), None, {}
    known = panel.rows.before(end)
    known = known.every(max(1, -(-len(known.ratio) // SELECTION_ROWS)))
    recipes = [Recipe(**{"scale": scale, "year_features": year, **pins})
               for year in years for scale in ([pins["scale"]] if "scale" in pins else ["log", "tweedie"])]
    with ThreadPoolExecutor(cores) as pool:
        fits = list(pool.map(lambda recipe: Fit(end, fit_boosters(
            known, recipe, used_columns(names, recipe, dataset), constraints)), recipes))
    scored: list[tuple[float, Recipe, Fit]] = []
    told_what_ifs: dict[Recipe, float] = {}
    for year in years:
        same = [(recipe, fit) for recipe, fit in zip(recipes, fits, strict=True) if recipe.year_features == year]
        if len(same) == 2:
            both = {scale: booster for _, fit in same for scale, booster in fit.boosters.items()}
            same.append((replace(same[0][0], scale="mix"), Fit(end, both)))
        for recipe, fit in same:
            model = PooledModel(recipe, names, used_columns(names, recipe, dataset), PanelFacts(), (fit,))
            planned, realised = _units(selection, model.ratio)
            score = _score(selection, planned, realised)
            scored.append((score, recipe, fit))
            told_what_ifs[recipe] = score if all(map(is_, planned, realised)) else _score(selection, realised, realised)
    short = max(member.series.known for member in members) < SHORT_YEARS * dataset.year_length

    def cautious(entry: tuple[float, Recipe, Fit]) -> float:
        score, recipe, _ = entry
        score *= 1.0 if recipe.scale == "mix" else CAUTION
        return score * DISTRUST if short and recipe.year_features else score

    best = min(scored, key=cautious)
    told = {f"{one.scale}, {'with' if one.year_features else 'without'} last year": round(score, 5)
            for score, one, _ in scored}
    return (cautious(best) / best[0] * (best[0] + told_what_ifs[best[1]]) / 2 if best[0] else 0.0), *best[1:], told


Told = Callable[[npt.NDArray[np.float32]], Floats]
"""From features to demand over level."""


def _units(selection: Sequence[Selection], ratio: Told) -> tuple[list[Floats], list[Floats]]:
    """Forecasts in units of each region-item's windows: by the plan, and with the drivers that came."""
    planned = [bounded(ratio(one.features), one.member.series, one.starts, one.leads) for one in selection]
    return planned, [units if one.as_came is one.features else
                     bounded(ratio(one.as_came), one.member.series, one.starts, one.leads)
                     for one, units in zip(selection, planned, strict=True)]


def _score(selection: Sequence[Selection], units: Sequence[Floats], realised: Sequence[Floats]) -> float:
    """WAPE and mean RMSSE, each over that of seasonal naive, in the mean, and a share of the bias: small is good.

    The bias counts because totals are shown: what is right on the median of each can be far too low on their sum. It is
    that with the drivers that came: what a plan leaves out is no fault of a recipe.
    """
    naive = [seasonal_naive(one.member.series, one.starts, one.leads) for one in selection]

    def measured(forecasts: Sequence[Floats]) -> Floats:
        actual = np.concatenate([one.actual for one in selection])
        scaled = [rmsse(one.actual, forecast, one.history) for one, forecast in zip(selection, forecasts, strict=True)]
        return np.array([wape(actual, np.concatenate(forecasts)), np.nanmean(scaled) if ~np.isnan(scaled).all() else 1])

    off = bias(np.concatenate([one.actual for one in selection]), np.concatenate(realised))
    accuracy = np.nan_to_num(measured(units) / measured(naive), nan=1.0).mean()
    return float(accuracy + BIAS_WEIGHT * abs(np.nan_to_num(off)))


def share_of_own(model: PooledModel, members: Sequence[Member],
                dataset: Dataset) -> tuple[Recipe, dict[str, float]]:
    """The recipe with the best share of the own boosters, and the score of each share."""
    pinned = dataset.training.own_share
    first = model.fits[0]
    selection = _selection(members[:: max(1, len(members) // 100)], first.seen, dataset)
    selection = [one for one in selection if (one.member.rows.date <= first.seen).any()]
    if pinned is not None or len(model.fits) < 2 or not selection:
        return model.recipe, {}
    parts: dict[bool, list[tuple[Floats, Floats]]] = {True: [], False: []}
    for one in selection:
        own = fit_own(one.member.rows.before(first.seen), model, first, model.recipe, one.member.series.constraints)
        planned = model.ratio(one.features, first), own_factor(own, one.features, model.columns, 1.0)
        parts[True].append(planned)
        parts[False].append(planned if one.as_came is one.features else (
            model.ratio(one.as_came, first), own_factor(own, one.as_came, model.columns, 1.0)))
    scores = {share: _score(selection, *([bounded(base * factor**share, one.member.series, one.starts, one.leads)
                                          for one, (base, factor) in zip(selection, parts[is_planned], strict=True)]
                                         for is_planned in (True, False)))
              for share in OWN_SHARES}
    best = min(scores, key=lambda share: scores[share])
    return replace(model.recipe, own_share=best), {str(share): round(score, 5) for share, score in scores.items()}
