"""From the demand of a whole dataset to its pooled model: choices by data, fits for each window, shapes of errors."""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import groupby, islice
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd

from demand_assets.forecasting.contract.code_version import CODE_VERSION
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.stored_drivers import drivers_in, with_every_driver
from demand_assets.forecasting.features.series_features import SeriesFeatures
from demand_assets.forecasting.model.backtest import errors_of, origins_before, selection_origins, window_pairs
from demand_assets.forecasting.model.boosters import Rows, fit_boosters, seeing_columns, used_columns
from demand_assets.forecasting.model.bounded_forecasts import bounded
from demand_assets.forecasting.model.enough_history import NotEnoughHistoryError
from demand_assets.forecasting.model.intervals import Errors, PanelCalibration
from demand_assets.forecasting.model.own_share import SHARE_PRIOR, SharePrior
from demand_assets.forecasting.model.seasonal_naive import seasonal_naive
from demand_assets.forecasting.model.serving.pooled_model import Fit, PooledModel
from demand_assets.forecasting.model.training.as_if_new import factor_of_new
from demand_assets.forecasting.model.training.aside import Aside
from demand_assets.forecasting.model.training.freed_memory import give_back
from demand_assets.forecasting.model.training.panel import Member, Read, members_of
from demand_assets.forecasting.model.training.plain_choice import ASKED_TOGETHER, settled
from demand_assets.forecasting.model.training.recipe_choice import best_panel, share_of_own
from demand_assets.forecasting.model.training.reconciled_totals import NO_TOTALS, with_totals
from demand_assets.forecasting.model.unknown_drivers import CALENDAR
from demand_assets.forecasting.series.carried_over_demand import CARRIED_FROM
from demand_assets.forecasting.series.demand_class import demand_class
from demand_assets.forecasting.series.gapped import Floats, Ints
from demand_assets.forecasting.series.metrics import bias, in_percent, rmsse, wape

log = logging.getLogger(__name__)

ROWS_OF_WINDOWS = 200_000
"""Training rows of the fits that only windows of the backtest use, evenly drawn of more: they tell how well the model
forecasts, and the one that forecasts has all rows."""
CHOSEN = ("scale", "drivers", "year_features", "own_share")
"""Of a recipe, what data chooses."""
CHOICES_TOLD = ("recipes", "own_shares", SHARE_PRIOR)
"""Of a card, how they were chosen, and what each region-item's own choice starts from."""
LIKE_VERSION = "recipe_of_version"
"""Of a card, the version whose choices were taken over; not there where they were made anew."""


def train_pooled(region_items: Sequence[RegionItem], read: Read, dataset: Dataset, cores: int = 1,
                 like: PooledModel | None = None, aside: Aside = map) -> PooledModel:
    """The pooled model of a dataset, whose forecasts of region-items are corrected by those of their totals.

    Recipes are compared by fits that end two horizons before the first judged window, on those two horizons. The chosen
    one is fitted once for each window and once on everything, one thread each.

    It knows the drivers of the dataset that the stored demand of some region-item has.

    Args:
        region_items: those to learn from; of more than ``MEMBERS`` an even choice.
        read: the demand of one, schema Demand.
        cores: threads.
        like: an earlier pooled model of the dataset, whose choices are taken over where the dataset file pins none, so
            that none is searched for. They were made on windows before any that is judged now.
        aside: how features are made of many region-items, perhaps by other processes.
    Raises: NotEnoughHistoryError: no region-item is long enough to train on.
    """
    return _train(region_items, read, dataset, cores, like, aside, is_of_totals=False)


def train_totals(totals: Sequence[RegionItem], read: Read, dataset: Dataset, cores: int) -> PooledModel:
    """The pooled model of totals, which are part of no totals themselves; else as ``train_pooled``."""
    return _train(totals, read, dataset, cores, None, map, is_of_totals=True)


def _train(region_items: Sequence[RegionItem], read: Read, dataset: Dataset, cores: int, like: PooledModel | None,
           aside: Aside, is_of_totals: bool) -> PooledModel:
    started = perf_counter()
    told = _told_by(like, dataset)
    if like:
        dataset = _with_choices_of(like, dataset)
    dataset = _with_drivers_of(region_items, read, dataset)
    carried: dict[RegionItem, str] = {}
    read = _noting_carried(_completed(read, dataset), carried)
    panel, recipe, fitted, choice = best_panel(region_items, read, dataset, cores, aside)
    facts, rows, judged, ends = panel.facts, panel.rows, panel.judged, panel.ends
    names, constraints = panel.names, panel.constraints
    columns, seeing = used_columns(names, recipe, dataset, facts), seeing_columns(names, recipe, dataset)

    def fit(seen: np.datetime64) -> Fit | None:
        if fitted and seen == ends[0]:
            return fitted
        known = rows.before(seen, None if seen == ends[-1] else ROWS_OF_WINDOWS)
        if not len(known.ratio):
            return None
        return Fit(seen, fit_boosters(known, recipe, columns, constraints), seeing=fit_boosters(
            known.as_seen(names), recipe, seeing, constraints, first_half="tweedie") if seeing else {})

    what = "pooled model of totals" if is_of_totals else "pooled model"
    log.info("%s: learns from %s %s with %s rows up to %s, %s drivers, in %s windows", what, panel.size,
             "totals" if is_of_totals else "region-items", len(rows.ratio), ends[-1],
             recipe.drivers.replace("_", "-"), len(ends))
    fits: list[Fit] = []
    with ThreadPoolExecutor(cores) as pool:
        for place, made in enumerate(pool.map(fit, reversed(ends)), start=1):  # the one that takes longest first
            log.info("%s: fit %s of %s is there, %.0f s since the start", what, place, len(ends),
                     perf_counter() - started)
            fits = [*([made] if made else []), *fits]
    learned = len(rows.ratio)
    rows = rows.where(np.zeros(learned, bool))  # the largest thing that there is, and nothing asks for it any more
    panel = replace(panel, rows=rows)
    give_back()
    bare, gains = settled(PooledModel(recipe, names, columns, facts, tuple(fits), seeing_columns=seeing), judged)
    judged = [member.with_facts(bare.facts) for member in judged]
    fits, told_totals = list(bare.fits), NO_TOTALS
    if not is_of_totals:
        log.info("%s: looks whether forecasts of totals correct it", what)
        bare, told_totals = with_totals(bare, members_of(region_items), read, dataset, panel.longest, cores,
                                        train_totals, aside)
        judged = [member.with_facts(bare.facts) for member in judged]
    bare = _knowing_what_is_new(bare, judged, members_of(region_items))
    log.info("%s: backtest of %s of them", what, len(judged))
    judgement = _judged(bare, judged)
    prior, shares = (share_of_own(bare, judged, dataset, aside) if bare.fits[0].seen == panel.selection_end else
                     (SharePrior(recipe.own_share), {}))
    card = {**judgement.card, "recipes": choice, "own_shares": shares, SHARE_PRIOR: prior.to_json(),
            "plain_members": gains, "totals": told_totals,
            "region_items": panel.size,
            "carried_over": _fingerprint(carried), "rows": learned, "trained_to": str(ends[-1]),
            "code_version": CODE_VERSION, "seconds": round(perf_counter() - started, 1),
            CALENDAR: dataset.calendar.meanings(dataset.frequency), **told}
    log.info("%s: done after %.0f s; backtest: WAPE %s, seasonal naive %s", what, perf_counter() - started,
             *(in_percent(card.get(name) or float("nan")) for name in ("wape", "wape_seasonal_naive")))
    calibrated = tuple(replace(one, calibration=shape) for one, shape in zip(fits, judgement.shapes, strict=True))
    return replace(bare, recipe=replace(recipe, own_share=prior.mean), fits=calibrated, card=card,
                   horizon_inflation=judgement.horizon_inflation)


def _knowing_what_is_new(model: PooledModel, members: Sequence[Member], panel: Sequence[RegionItem]) -> PooledModel:
    """The model with what corrects its forecasts of what is new."""
    if model.facts.latest is None:
        return model
    latest = replace(model.facts.latest, factor=factor_of_new(model, members, panel))
    return replace(model, facts=replace(model.facts, latest=latest))


def _told_by(like: PooledModel | None, dataset: Dataset) -> dict[str, Any]:
    """What a card says of choices that were taken over; of the share only where the dataset file does not pin it."""
    if like is None:
        return {}
    of_share = ("own_shares", SHARE_PRIOR) if dataset.training.own_share is not None else ()
    return {name: like.card[name] for name in CHOICES_TOLD if name in like.card and name not in of_share} | {
        LIKE_VERSION: like.card.get(LIKE_VERSION, like.version)}


def _with_choices_of(like: PooledModel, dataset: Dataset) -> Dataset:
    """The dataset with the model's choices pinned, but for those that the dataset file pins itself."""
    pinned = {name: getattr(like.recipe, name) for name in CHOSEN if getattr(dataset.training, name) is None}
    return dataset.model_copy(update={"training": dataset.training.model_copy(update=pinned)})


def _with_drivers_of(region_items: Sequence[RegionItem], read: Read, dataset: Dataset) -> Dataset:
    """The dataset with those of its drivers that some stored demand has: of the others nothing can be learned."""
    there: set[str] = set()
    for one in region_items:
        there |= drivers_in(read(one), dataset)
        if len(there) == len(dataset.drivers):
            return dataset
    drivers = tuple(driver for driver in dataset.drivers if driver.name in there)
    return dataset.model_copy(update={"drivers": drivers})


def _completed(read: Read, dataset: Dataset) -> Read:
    """``read`` with every driver in its tables, unknown where a region-item was taken in before it was declared."""
    return lambda one: with_every_driver(read(one), dataset)


def _noting_carried(read: Read, carried: dict[RegionItem, str]) -> Read:
    """``read`` that notes of each region-item which demand is carried over, where some is."""
    def noting(one: RegionItem) -> pd.DataFrame:
        demand = read(one)
        if words := demand.attrs.get(CARRIED_FROM):
            carried[one] = words
        return demand

    return noting


def _fingerprint(carried: Mapping[RegionItem, str]) -> str:
    """A text that is another when other demand is carried over; empty where none is."""
    told = "\n".join(f"{one.key} {words}" for one, words in sorted(carried.items()))
    return hashlib.sha256(told.encode()).hexdigest()[:16] if told else ""


@dataclass(frozen=True)
class Judgement:
    """What the backtest of the pooled model alone says."""

    card: dict[str, Any]
    shapes: list[PanelCalibration]
    """For each fit."""
    horizon_inflation: float


def _judged(model: PooledModel, members: Sequence[Member]) -> Judgement:
    errors: list[Errors] = []
    tables: list[tuple[Floats, Floats, Floats, Floats]] = []
    judged_series: list[SeriesFeatures] = []
    inflations: list[float] = []
    planned = [(series := member.series.as_planned, origins_before(series.known - 1, series.dataset))
               for member in members]
    origins = [(series, int(origin)) for series, judged in planned
               for origin in (*selection_origins(int(judged[0]), series.dataset.horizon), *judged)]
    windows = iter(zip(origins, _pooled_windows(model, origins), strict=True))
    for series, judged in planned:
        parts = []
        for (_, origin), window in islice(windows, len(origins) // len(planned)):
            if window is None:
                continue
            starts, leads, units = window
            parts.append(errors_of(series, units, starts, leads))
            if origin >= judged[0]:
                ahead = slice(0, series.dataset.horizon)
                tables.append((series.sold[(starts + leads)[ahead]], units[ahead],
                               seasonal_naive(series, starts[ahead], leads[ahead]), series.demand[: origin + 1]))
            inflations.extend(_inflation(parts[-1], series.dataset.horizon))
        if parts:
            errors.append(Errors.joined(parts))
            judged_series.append(series)
    horizon = members[0].series.dataset.horizon
    shapes = []
    for place, fit in enumerate(model.fits):
        # the oldest fit has no errors before its end; those of its own windows shape its intervals
        end = model.fits[max(place, 1)].seen if len(model.fits) > 1 else fit.seen
        untils = [int(np.searchsorted(series.dates.to_numpy(), end, side="right")) - 1 for series in judged_series]
        shapes.append(PanelCalibration.from_errors(
            [one.known(until) for one, until in zip(errors, untils, strict=True)] or [_NO_ERRORS],
            [demand_class(series.demand[: until + 1]) for series, until in zip(judged_series, untils, strict=True)]
            or [""], horizon))
    return Judgement(_card(tables), shapes, float(np.sqrt(np.mean(inflations))) if inflations else 1.0)


def _pooled_windows(model: PooledModel,
                    asked: Sequence[tuple[SeriesFeatures, int]]) -> list[tuple[Ints, Ints, Floats] | None]:
    """The pooled model's forecasts from each series' origin, by the fit before it, with their origins and leads; None
    where no fit is. Each fit is asked for many series together: a question costs more than some hundred rows do."""
    found: list[tuple[Ints, Ints, Floats] | None] = [None] * len(asked)
    waiting: dict[np.datetime64, list[tuple[int, Ints, Ints, Rows]]] = {}

    def answer(seen: np.datetime64) -> None:
        some = waiting.pop(seen)
        fit = next(one for one in model.fits if one.seen == seen)
        ratio = model.ratio(np.concatenate([rows for *_, rows in some]), fit)
        parts = np.split(ratio, np.cumsum([len(rows) for *_, rows in some[:-1]]))
        for (place, starts, leads, _), part in zip(some, parts, strict=True):
            found[place] = starts, leads, bounded(part, asked[place][0], starts, leads)

    for _, same in groupby(enumerate(asked), key=lambda one: id(one[1][0])):  # and features for many windows
        windows: list[tuple[int, np.datetime64, Ints, Ints]] = []
        for place, (series, origin) in same:
            if origin < 0:
                continue
            try:
                seen = model.fit_before(series.dates.to_numpy()[origin].astype("datetime64[D]")).seen
            except NotEnoughHistoryError:
                continue
            windows.append((place, seen, *window_pairs(series, origin)))
        if not windows:
            continue
        made = series.rows(*(np.concatenate(each) for each in zip(*(window[2:] for window in windows), strict=True)))
        parts = np.split(made, np.cumsum([len(starts) for *_, starts, _ in windows[:-1]]))
        for (place, seen, starts, leads), rows in zip(windows, parts, strict=True):
            waiting.setdefault(seen, []).append((place, starts, leads, rows))
            if len(waiting[seen]) == ASKED_TOGETHER:
                answer(seen)
    for seen in list(waiting):
        answer(seen)
    return found


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
