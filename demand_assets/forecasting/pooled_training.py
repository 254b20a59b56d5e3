"""From the demand of a whole dataset to its pooled model: choices by data, fits for each window, shapes of errors."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd

from demand_assets.forecasting.backtest import (
    errors_of,
    origins_before,
    seasonal_naive,
    selection_origins,
    window_pairs,
)
from demand_assets.forecasting.dataset import Dataset
from demand_assets.forecasting.driver_effects import has_effect
from demand_assets.forecasting.features import SeriesFeatures, series_features
from demand_assets.forecasting.intervals import Errors, PanelCalibration, demand_class
from demand_assets.forecasting.metrics import bias, rmsse, wape
from demand_assets.forecasting.model import fit_own, own_factor
from demand_assets.forecasting.panel_facts import PanelFacts
from demand_assets.forecasting.pooled import (
    Fit,
    NotEnoughHistoryError,
    PooledModel,
    TrainingRows,
    bounded,
    fit_boosters,
    training_rows,
    used_columns,
)
from demand_assets.forecasting.recipes import CODE_VERSION, Drivers, Recipe
from demand_assets.forecasting.region_item import RegionItem
from demand_assets.forecasting.trailing import Floats, Ints

ROWS_OF_EACH = 2000
"""Training rows drawn of each region-item, fewer where the dataset has many."""
ROWS_OF_ALL = 600_000
MEMBERS = 4000
"""Region-items that the boosters learn from: all, or evenly chosen ones of a larger dataset."""
SELECTION_ROWS = 100_000
"""Rows on which recipes are compared."""
JUDGED_MEMBERS = 400
"""Region-items on which recipes are compared and error shapes learned, evenly chosen."""
BIAS_WEIGHT = 0.5
"""Of the absolute bias beside accuracy in the choice of a recipe."""
WINDOWS_TO_CORRECT = 4
CORRECTIONS = (-0.25, 0.25)
"""Of totals, as logarithms, at most."""
OWN_SHARES = (0.0, 0.25, 0.5)
CAUTION = 1.01
"""A single booster must be so much better than the mean of two to be chosen: the mean is wrong less often."""
DISTRUST = 1.05
"""Last year's single periods must be so much better than nothing of last year where the history is short."""
TRUTH = 1.02
"""A score so many times that of boosted drivers is no reason against log-linear ones."""
MOST = 0.5
"""Share of erratic region-items above which drivers are boosted."""
SHORT_YEARS = 3.0
"""Years of history below which last year's single periods are distrusted."""


@dataclass(frozen=True)
class Member:
    """One region-item as the pooled training sees it."""

    region_item: RegionItem
    series: SeriesFeatures
    rows: TrainingRows


def train_pooled(region_items: Sequence[RegionItem], read: Callable[[RegionItem], pd.DataFrame], dataset: Dataset,
                 cores: int = 1) -> PooledModel:
    """The pooled model of a dataset.

    Recipes are compared by fits that end two horizons before the first judged window, on those two horizons. The chosen
    one is fitted once for each window and once on everything, one thread each.

    Args:
        region_items: those to learn from; of more than ``MEMBERS`` an even choice.
        read: the demand of one, schema Demand.
        cores: threads.
    Raises: NotEnoughHistoryError: no region-item is long enough to train on.
    """
    started = perf_counter()
    panel, recipe, fitted, choice = _best_panel(region_items, read, dataset, cores)
    members, facts, rows, judged, ends = panel.members, panel.facts, panel.rows, panel.judged, panel.ends
    names, constraints = panel.names, members[0].series.constraints
    columns = used_columns(names, recipe, dataset)

    def fit(seen: np.datetime64) -> Fit | None:
        if fitted and seen == ends[0]:
            return fitted
        known = rows.before(seen)
        return Fit(seen, fit_boosters(known, recipe, columns, constraints)) if len(known.ratio) else None

    with ThreadPoolExecutor(cores) as pool:
        fits = [made for made in pool.map(fit, ends) if made]
    bare = _corrected(PooledModel(recipe, names, columns, facts, tuple(fits)), judged)
    fits = list(bare.fits)
    judgement = _judged(bare, judged)
    recipe, shares = _with_share(bare, judged, dataset)
    card = {**judgement.card, "recipes": choice, "own_shares": shares, "region_items": len(members),
            "rows": len(rows.ratio), "trained_to": str(ends[-1]), "code_version": CODE_VERSION,
            "seconds": round(perf_counter() - started, 1)}
    calibrated = tuple(replace(one, calibration=shape) for one, shape in zip(fits, judgement.shapes, strict=True))
    return replace(bare, recipe=recipe, fits=calibrated, card=card, horizon_inflation=judgement.horizon_inflation)


@dataclass(frozen=True)
class Panel:
    """All that is learned from, for one way in which drivers work."""

    drivers: Drivers
    members: list[Member]
    facts: PanelFacts
    rows: TrainingRows
    ends: list[np.datetime64]

    @property
    def judged(self) -> list[Member]:
        """The region-items on which recipes are compared."""
        return self.members[::-(-len(self.members) // JUDGED_MEMBERS)]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the features."""
        return tuple(self.members[0].series.names)


def _best_panel(region_items: Sequence[RegionItem], read: Callable[[RegionItem], pd.DataFrame], dataset: Dataset,
                cores: int) -> tuple[Panel, Recipe, Fit | None, dict[str, float]]:
    """The way in which drivers work and its best recipe, the recipe's fit, and the scores of all.

    Log-linear effects tell what-ifs more truly, so they are taken where they forecast about as well. They are not tried
    where most demand is erratic, that is, comes in bursts that one slope does not describe.
    """
    if dataset.training.drivers:
        pinned = _panel(region_items, read, dataset, dataset.training.drivers)
        return pinned, *_choose(pinned, dataset, cores)[1:]
    boosted = _panel(region_items, read, dataset, "boosted")
    score, recipe, fitted, choice = _choose(boosted, dataset, cores)
    end = boosted.ends[0]
    erratic = np.mean([demand_class(member.series.demand[member.series.dates <= end]) == "erratic"
                       for member in boosted.judged])
    if not choice or erratic > MOST or not any(map(has_effect, dataset.drivers)):
        return boosted, recipe, fitted, choice
    log_linear = _panel(region_items, read, dataset, "log_linear")
    other_score, other_recipe, other_fitted, other_choice = _choose(log_linear, dataset, cores)
    scores = {f"{way} drivers, {words}": value for way, told in (("boosted", choice), ("log-linear", other_choice))
              for words, value in told.items()}
    if other_score <= TRUTH * score:
        return log_linear, other_recipe, other_fitted, scores
    return boosted, recipe, fitted, scores


def _panel(region_items: Sequence[RegionItem], read: Callable[[RegionItem], pd.DataFrame], dataset: Dataset,
           drivers: Drivers) -> Panel:
    chosen = list(region_items)[::max(1, -(-len(region_items) // MEMBERS))]
    wanted = min(ROWS_OF_EACH, max(20, ROWS_OF_ALL // max(len(chosen), 1)))
    alone = {one: series_features(read(one), dataset) for one in chosen}
    before = dataset.horizon * (dataset.backtest.windows + 2)
    facts = PanelFacts.of(alone, dataset, before, drivers)
    members = []
    for one in chosen:
        series = series_features(read(one), dataset, facts, one)
        try:
            members.append(Member(one, series, training_rows(series, one, wanted)))
        except NotEnoughHistoryError:
            continue
    if not members:
        raise NotEnoughHistoryError("no region-item of the dataset is long enough to train on")
    rows = TrainingRows.joined([member.rows for member in members])
    return Panel(drivers, members, facts, rows, _fit_ends(members, dataset))


def _fit_ends(members: Sequence[Member], dataset: Dataset) -> list[np.datetime64]:
    """The last dates that the fits may see, oldest first: before the selection windows, before each judged, the end."""
    longest = max((member.series for member in members), key=lambda series: (_end(series), series.known))
    last = longest.known - 1
    judged = origins_before(last, dataset)
    periods = [int(selection_origins(int(judged[0]), dataset.horizon)[0]), *(int(origin) for origin in judged), last]
    return [longest.dates.to_numpy()[period].astype("datetime64[D]") for period in periods if period >= 0]


def _end(series: SeriesFeatures) -> pd.Timestamp:
    return pd.Timestamp(series.dates[series.known - 1])


@dataclass(frozen=True)
class Selection:
    """The windows on which recipes are compared, of one region-item."""

    member: Member
    starts: Ints
    leads: Ints
    features: Any
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
            found.append(Selection(member, starts, leads, series.rows(starts, leads), series.demand[starts + leads],
                                   series.demand[: origin + 1]))
    return found


def _choose(panel: Panel, dataset: Dataset, cores: int) -> tuple[float, Recipe, Fit | None, dict[str, float]]:
    """The smallest score, the recipe that has it, its fit, and the scores of all by their words."""
    pins = {"drivers": panel.drivers, **{
        name: value for name, value in dataset.training.model_dump().items() if value is not None}}
    members, end, names, constraints = panel.judged, panel.ends[0], panel.names, panel.members[0].series.constraints
    known = panel.rows.before(end)
    selection = _selection(members, end, dataset)
    years = [pins["year_features"]] if "year_features" in pins else [True, False]
    if not selection or len(known.ratio) < 20 * dataset.horizon or (len(years) == 1 and pins.get("scale")):
        long = max(member.series.known for member in members) >= SHORT_YEARS * dataset.year_length
        return 0.0, Recipe(**{"year_features": long, **pins}), None, {}
    known = known.every(max(1, -(-len(known.ratio) // SELECTION_ROWS)))
    recipes = [Recipe(**{"scale": scale, "year_features": year, **pins})
               for year in years for scale in ([pins["scale"]] if "scale" in pins else ["log", "tweedie"])]
    with ThreadPoolExecutor(cores) as pool:
        fits = list(pool.map(lambda recipe: Fit(end, fit_boosters(
            known, recipe, used_columns(names, recipe, dataset), constraints)), recipes))
    scored: list[tuple[float, Recipe, Fit]] = []
    for year in years:
        same = [(recipe, fit) for recipe, fit in zip(recipes, fits, strict=True) if recipe.year_features == year]
        if len(same) == 2:
            both = {scale: booster for _, fit in same for scale, booster in fit.boosters.items()}
            same.append((replace(same[0][0], scale="mix"), Fit(end, both)))
        for recipe, fit in same:
            model = PooledModel(recipe, names, used_columns(names, recipe, dataset), PanelFacts(), (fit,))
            units = [bounded(model.ratio(one.features), one.member.series, one.starts) for one in selection]
            scored.append((_score(selection, units), recipe, fit))
    short = max(member.series.known for member in members) < SHORT_YEARS * dataset.year_length

    def cautious(entry: tuple[float, Recipe, Fit]) -> float:
        score, recipe, _ = entry
        score *= 1.0 if recipe.scale == "mix" else CAUTION
        return score * DISTRUST if short and recipe.year_features else score

    best = min(scored, key=cautious)
    told = {f"{one.scale}, {'with' if one.year_features else 'without'} last year": round(score, 5)
            for score, one, _ in scored}
    return cautious(best), best[1], best[2], told


def _score(selection: Sequence[Selection], units: Sequence[Floats]) -> float:
    """WAPE and mean RMSSE, each over that of seasonal naive, in the mean, and a share of the bias: small is good.

    The bias counts because totals are shown: what is right on the median of each can be far too low on their sum.
    """
    naive = [seasonal_naive(one.member.series, one.starts, one.leads) for one in selection]

    def measured(forecasts: Sequence[Floats]) -> Floats:
        actual = np.concatenate([one.actual for one in selection])
        scaled = [rmsse(one.actual, forecast, one.history) for one, forecast in zip(selection, forecasts, strict=True)]
        return np.array([wape(actual, np.concatenate(forecasts)), np.nanmean(scaled) if ~np.isnan(scaled).all() else 1])

    off = bias(np.concatenate([one.actual for one in selection]), np.concatenate(units))
    accuracy = np.nan_to_num(measured(units) / measured(naive), nan=1.0).mean()
    return float(accuracy + BIAS_WEIGHT * abs(np.nan_to_num(off)))


def _with_share(model: PooledModel, members: Sequence[Member],
                dataset: Dataset) -> tuple[Recipe, dict[str, float]]:
    """The recipe with the best share of the own boosters, and the score of each share."""
    pinned = dataset.training.own_share
    first = model.fits[0]
    selection = _selection(members[:: max(1, len(members) // 100)], first.seen, dataset)
    selection = [one for one in selection if (one.member.rows.date <= first.seen).any()]
    if pinned is not None or len(model.fits) < 2 or not selection:
        return model.recipe, {}
    factors, bases = [], []
    for one in selection:
        own = fit_own(one.member.rows.before(first.seen), model, first, model.recipe, one.member.series.constraints)
        bases.append(model.ratio(one.features, first))
        factors.append(own_factor(own, one.features, model.columns, 1.0))
    scores = {share: _score(selection, [bounded(base * factor**share, one.member.series, one.starts)
                                        for one, base, factor in zip(selection, bases, factors, strict=True)])
              for share in OWN_SHARES}
    best = min(scores, key=lambda share: scores[share])
    return replace(model.recipe, own_share=best), {str(share): round(score, 5) for share, score in scores.items()}


@dataclass(frozen=True)
class Judgement:
    """What the backtest of the pooled model alone says."""

    card: dict[str, Any]
    shapes: list[PanelCalibration]
    """For each fit."""
    horizon_inflation: float


def _corrected(model: PooledModel, members: Sequence[Member]) -> PooledModel:
    """The model with the correction of each fit: what the total of earlier windows was short of, where it is always so.

    Half the mean over windows of the logarithm of actual over forecast, drawn to zero as far as windows disagree
    (positive part of James and Stein, 1961): a bias that changes its sign is not corrected, nor one of few windows.
    """
    longest = max((member.series for member in members), key=lambda series: (_end(series), series.known))
    judged = origins_before(longest.known - 1, longest.dataset)
    origins = [*selection_origins(int(judged[0]), longest.dataset.horizon), *judged]
    sums = np.zeros((len(origins), 2))
    for member in members:
        shift = longest.known - member.series.known
        for place, origin in enumerate(origins):
            if window := _pooled_window(model, member.series, int(origin) - shift):
                ahead = slice(0, longest.dataset.horizon)
                actual = member.series.demand[(window[0] + window[1])[ahead]]
                known = ~np.isnan(actual)
                sums[place] += actual[known].sum(), window[2][ahead][known].sum()
    dates = longest.dates.to_numpy().astype("datetime64[D]")
    fits = []
    for fit in model.fits:
        ended = [place for place, origin in enumerate(origins)
                 if origin >= 0 and dates[origin + longest.dataset.horizon] <= fit.seen and sums[place].min() > 0]
        short = np.log(sums[ended, 0] / sums[ended, 1])
        fits.append(replace(fit, correction=_persistent(short)))
    return replace(model, fits=tuple(fits))


def _persistent(logarithms: Floats) -> float:
    if len(logarithms) < WINDOWS_TO_CORRECT or not logarithms.mean():
        return 1.0
    doubt = float(logarithms.var(ddof=1) / len(logarithms) / logarithms.mean() ** 2)
    half = 0.5 * float(logarithms.mean()) * max(0.0, 1 - doubt)
    return round(float(np.exp(np.clip(half, *CORRECTIONS))), 5)


def _judged(model: PooledModel, members: Sequence[Member]) -> Judgement:
    errors: list[Errors] = []
    tables: list[tuple[Floats, Floats, Floats, Floats]] = []
    classes, inflations = [], []
    for member in members:
        series, parts = member.series, []
        judged = origins_before(series.known - 1, series.dataset)
        for origin in (*selection_origins(int(judged[0]), series.dataset.horizon), *judged):
            window = _pooled_window(model, series, int(origin))
            if window is None:
                continue
            starts, leads, units = window
            parts.append(errors_of(series, units, starts, leads))
            if origin >= judged[0]:
                ahead = slice(0, series.dataset.horizon)
                tables.append((series.demand[(starts + leads)[ahead]], units[ahead],
                               seasonal_naive(series, starts[ahead], leads[ahead]), series.demand[: origin + 1]))
            inflations.extend(_inflation(parts[-1], series.dataset.horizon))
        if parts:
            errors.append(Errors.joined(parts))
            classes.append((series, demand_class(series.demand[: series.known])))
    horizon = members[0].series.dataset.horizon
    shapes = []
    for place, fit in enumerate(model.fits):
        # the oldest fit has no errors before its end; those of its own windows shape its intervals
        end = model.fits[max(place, 1)].seen if len(model.fits) > 1 else fit.seen
        shapes.append(PanelCalibration.from_errors(
            [one.known(int(np.searchsorted(series.dates.to_numpy(), end, side="right")) - 1)
             for one, (series, _) in zip(errors, classes, strict=True)] or [_NO_ERRORS],
            [kind for _, kind in classes] or [""], horizon))
    return Judgement(_card(tables), shapes, float(np.sqrt(np.mean(inflations))) if inflations else 1.0)


def _pooled_window(model: PooledModel, series: SeriesFeatures, origin: int) -> tuple[Ints, Ints, Floats] | None:
    if origin < 0:
        return None
    try:
        fit = model.fit_before(series.dates.to_numpy()[origin].astype("datetime64[D]"))
    except NotEnoughHistoryError:
        return None
    starts, leads = window_pairs(series, origin)
    return starts, leads, model.forecast(series, starts, leads, fit)


def _inflation(errors: Errors, horizon: int) -> list[float]:
    """Squared error of the sum over the first path's horizon, over the sum of its squared errors."""
    path = errors.difference[:horizon]
    squares = float((path**2).sum())
    return [float(path.sum() ** 2 / squares)] if len(path) == horizon and squares > 0 else []


def _card(tables: Sequence[tuple[Floats, Floats, Floats, Floats]]) -> dict[str, Any]:
    """Metrics over all judged windows; empty when there are none."""
    if not tables:
        return {}
    actual, forecast, naive = (np.concatenate([table[place] for table in tables]) for place in range(3))
    found = {"wape": wape(actual, forecast), "wape_seasonal_naive": wape(actual, naive),
             "bias": bias(actual, forecast),
             "rmsse": float(np.nanmean([rmsse(table[0], table[1], table[3]) for table in tables] or [np.nan]))}
    return {name: round(value, 5) if np.isfinite(value) else None for name, value in found.items()}


_NONE, _NOWHERE = np.zeros(0), np.zeros(0, dtype=np.int64)
_NO_ERRORS = Errors(_NONE, _NONE, _NONE, _NOWHERE, _NOWHERE)
