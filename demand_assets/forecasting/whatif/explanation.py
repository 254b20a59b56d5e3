"""Why a forecast is what it is: contributions by driver and group of features, in units that add up to it.

Source: TreeSHAP (Lundberg et al., 2020), as XGBoost computes it, for each booster on its own scale. The rule by which
contributions come to units: a booster's total effect, from its usual value to its value here, is undone through its
scale as a whole, and shared out in proportion to the contributions on that scale. Members of a mix are averaged. Then
what the mean is multiplied by, the drivers' effects and the region-item's own booster, is shared out in the same way.
Where forecasts are the mean of boosters that see the drivers and of others, each way is told so, and their mean is.
Of plain members beside the boosters the level is the usual level, and what others say beyond it recent demand.
What the cap or the floor at zero takes away, and what keeps the two ways near each other, is shown on its own.
"""

import logging
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from demand_assets.forecasting.challengers.model_classes import ChallengerError
from demand_assets.forecasting.contract.recipes import Scale
from demand_assets.forecasting.features.series_features import SEEN, SeriesFeatures
from demand_assets.forecasting.model.boosters import Rows, inverse
from demand_assets.forecasting.model.plain_members import plain_ratios
from demand_assets.forecasting.model.serving.challenger import Challenger
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.model.serving.pooled_model import PooledModel
from demand_assets.forecasting.model.serving.serving_model import ServingModel
from demand_assets.forecasting.series.gapped import Floats, Ints

if TYPE_CHECKING:
    import xgboost as xgb

log = logging.getLogger(__name__)

USUAL, HISTORY, CALENDAR, LIMITS = "usual level", "recent demand", "calendar", "limits"
_CALENDAR = {"month", "day_of_week", "day_of_month", "day_of_year", "week_of_year", "days_in_month", "lead"}
_FLAT = 1e-9
ROWS_OF_A_THREAD = 500
"""Rows from which on several threads work out their contributions."""
MOST_THREADS = 4


def group_of(column: str) -> str:
    """What a feature is told as: a driver's name, calendar, or recent demand."""
    column = column.removeprefix(SEEN)
    if column.startswith("target:"):
        return column.removeprefix("target:").split(":")[0].split("=")[0]
    return CALENDAR if column in _CALENDAR else HISTORY


@dataclass(frozen=True)
class ExplanationRequest:
    """The forecasts of one region-item that are to be explained."""

    model: ServingModel
    """Its own, or the pooled one alone; the baseline has nothing to explain."""
    series: SeriesFeatures
    """Its features, drivers of the future among them."""
    origins: Ints
    """Shape (n,)."""
    leads: Ints
    """Shape (n,)."""
    rows: Rows
    """Theirs of all features."""


def explain_many(asked: Sequence[ExplanationRequest], exact: bool = True) -> list[dict[str, Floats]]:
    """Contributions to each forecast by group (usual level, recent demand, calendar, each driver, limits), in units,
    each of shape (n,); they add up to the forecast. The rows of all that stand on one pooled model are its boosters'
    question together.

    Args:
        exact: TreeSHAP; else the pooled boosters' contributions follow the path of each row through each tree (Saabas,
            2014), which is many times faster, adds up as well, and favours features near the leaves.
    Raises: ValueError: one has the baseline.
    """
    together: dict[tuple[int, tuple[str, ...]], list[int]] = {}
    found: list[dict[str, Floats]] = [{} for _ in asked]
    for place, one in enumerate(asked):
        if one.model.pooled is None:
            raise ValueError("the seasonal-naive baseline repeats past demand; ask for an explanation of models only")
        if isinstance(one.model, ForecastModel) and one.model.challenger:
            found[place] = _of_challenger(one.model, one.model.challenger, one, exact)
        else:
            alike = (id(one.model.pooled), tuple(one.series.dataset.driver_names))
            together.setdefault(alike, []).append(place)
    for places in together.values():
        parts = [asked[place] for place in places]
        ends = np.cumsum([len(part.origins) for part in parts])[:-1]
        for group, values in _of_boosters(parts, exact).items():
            for place, units in zip(places, np.split(values, ends), strict=True):
                found[place][group] = units
    return found


def _of_boosters(asked: Sequence[ExplanationRequest], exact: bool) -> dict[str, Floats]:
    """Contributions by group, one region-item after the other; all stand on one pooled model and know the same
    drivers."""
    pooled = asked[0].model.pooled
    assert pooled is not None  # the caller asks for no others
    rows = np.concatenate([one.rows for one in asked])
    level = np.concatenate([one.series.level[one.origins] for one in asked])
    of_total = np.concatenate([one.series.of_total(one.origins, one.leads) for one in asked])
    ratios = np.split(pooled.ratio(rows), np.cumsum([len(one.origins) for one in asked])[:-1])
    forecast = np.concatenate([one.model.units(ratio, one.rows, one.series, one.origins, one.leads)
                               for one, ratio in zip(asked, ratios, strict=True)])
    groups, fit, effects = [HISTORY, CALENDAR, *asked[0].series.dataset.driver_names], pooled.latest, pooled.effects(
        rows)
    owns = [_own(pooled, one.model.own, one.rows, groups) for one in asked]
    own = {group: np.concatenate([each[group] for each in owns]) for group in groups}
    own[HISTORY] = own[HISTORY] + np.log(of_total)
    ways = [_Way(fit.boosters, pooled.columns, effects)]
    if fit.seeing:
        ways.append(_Way(fit.seeing, pooled.seeing_columns, pooled.moved(rows)))
    told: dict[str, Floats] = {group: np.zeros(len(rows)) for group in (USUAL, *groups)}
    share = 1 / (1 + len(fit.plain))
    for ratio in plain_ratios(fit.plain, rows, pooled.place_of):
        told[USUAL] = told[USUAL] + level * share
        told[HISTORY] = told[HISTORY] + level * (ratio - 1) * share
        for group, units in _shared(own, ratio * (np.exp(sum(own.values())) - 1)).items():
            told[group] = told[group] + units * level * share
    for way in ways:
        names = [group_of(pooled.feature_names[place]) for place in way.columns]
        parts, answer = {group: np.zeros(len(rows)) for group in groups}, np.zeros(len(rows))
        at = level
        if way.boosters is fit.seeing:
            at = at * pooled.beside(rows) / np.exp(sum(way.effects.values(), np.zeros(len(rows))))
        used = rows[:, list(way.columns)]
        for scale, booster in way.boosters.items():
            raw, base = _contributions(booster, used, names, groups, exact)
            start, end = inverse(scale)(base), inverse(scale)(base + sum(raw.values()))
            told[USUAL] = told[USUAL] + start * at * share / len(way.boosters) / len(ways)
            answer += end / len(way.boosters)
            for group, units in _shared(raw, end - start).items():
                parts[group] += units / len(way.boosters)
        factors = {group: own[group] + way.effects.get(group, 0.0) for group in groups}
        for group, units in _shared(factors, answer * (np.exp(sum(factors.values())) - 1)).items():
            parts[group] += units
        told |= {group: told[group] + values * at * share / len(ways) for group, values in parts.items()}
    return {**told, LIMITS: forecast - sum(told.values())}


def _of_challenger(model: ForecastModel, challenger: Challenger, asked: ExplanationRequest,
                   exact: bool) -> dict[str, Floats]:
    """What a challenger's class tells; of one that tells nothing, its whole forecast under its name.

    Where the class fails, its boosters forecast, and are what is explained.
    """
    series, origins, leads = asked.series, asked.origins, asked.leads
    rows = asked.rows
    try:
        units = model.units(model.pooled.ratio(rows), rows, series, origins, leads)
    except ChallengerError as error:
        boosters = replace(model.without_challenger(str(error)), challenger=None)
        return explain_many([replace(asked, model=boosters)], exact)[0]
    try:
        told = challenger.explain(series, int(origins[0])) if len(np.unique(origins)) == 1 else None
    except ChallengerError as error:
        log.warning("%s", error)
        told = None
    none = np.zeros(len(units))
    parts = {challenger.title: units} if told is None else {
        name: values[leads - 1] for name, values in told.items() if name != LIMITS}
    return {USUAL: none, **parts, LIMITS: units - sum(parts.values(), none)}


@dataclass(frozen=True)
class _Way:
    """Boosters that see drivers, or do not; forecasts are the mean of the ways that there are."""

    boosters: "dict[Scale, xgb.Booster]"
    columns: tuple[int, ...]
    effects: dict[str, Floats]
    """The logarithm of what drivers multiply their answer by."""


def _own(pooled: PooledModel, own: "tuple[xgb.Booster, float] | None", rows: Rows,
         groups: list[str]) -> dict[str, Floats]:
    """Contributions to the logarithm of what is multiplied whichever the way: the correction, the own booster.

    The own booster's constant counts as recent demand.
    """
    factors = {group: np.zeros(len(rows)) for group in groups}
    factors[HISTORY] = factors[HISTORY] + np.log(pooled.latest.correction)
    if own is None:
        return factors
    booster, share = own
    names = [group_of(pooled.feature_names[place]) for place in pooled.columns]
    raw, base = _contributions(booster, rows[:, list(pooled.columns)], names, groups)
    raw[HISTORY] = raw[HISTORY] + base
    return {group: values + share * raw[group] for group, values in factors.items()}


def _contributions(booster: object, rows: Rows, names: list[str], groups: list[str],
                   exact: bool = True) -> tuple[dict[str, Floats], Floats]:
    """By group on the booster's own scale, and the constant that they start from."""
    import xgboost as xgb

    def of(some: Rows) -> Floats:
        return np.asarray(booster.predict(  # type: ignore[attr-defined]
            xgb.DMatrix(some, nthread=1), pred_contribs=True, approx_contribs=not exact), dtype=np.float64)

    if len(rows) < ROWS_OF_A_THREAD:
        values = of(rows)
    else:
        threads = min(os.cpu_count() or 1, MOST_THREADS)
        with ThreadPoolExecutor(threads) as pool:
            values = np.concatenate(list(pool.map(of, np.array_split(rows, threads))))
    summed = {group: values[:, [place for place, name in enumerate(names) if name == group]].sum(axis=1)
              for group in groups}
    return summed, values[:, -1]


def _shared(contributions: dict[str, Floats], effect: Floats) -> dict[str, Floats]:
    """The effect shared out in proportion to the contributions; all to recent demand where they cancel out."""
    total = sum(contributions.values())
    flat = np.abs(total) < _FLAT
    shares = {group: np.where(flat, 0.0, values / np.where(flat, 1.0, total) * effect)
              for group, values in contributions.items()}
    shares[HISTORY] = shares[HISTORY] + np.where(flat, effect, 0.0)
    return shares
