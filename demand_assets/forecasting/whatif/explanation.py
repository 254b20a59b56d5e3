"""Why a forecast is what it is: contributions by driver and group of features, in units that add up to it.

Source: TreeSHAP (Lundberg et al., 2020), as XGBoost computes it, for each booster on its own scale. The rule by which
contributions come to units: a booster's total effect, from its usual value to its value here, is undone through its
scale as a whole, and shared out in proportion to the contributions on that scale. Members of a mix are averaged. Then
what the mean is multiplied by, the drivers' effects and the region-item's own booster, is shared out in the same way.
Where forecasts are the mean of boosters that see the drivers and of others, each way is told so, and their mean is.
What the cap or the floor at zero takes away, and what keeps the two ways near each other, is shown on its own.
"""

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from demand_assets.forecasting.challengers.classes import ChallengerError
from demand_assets.forecasting.contract.recipes import Scale
from demand_assets.forecasting.features.series_features import SEEN, SeriesFeatures
from demand_assets.forecasting.model.challenger import Challenger
from demand_assets.forecasting.model.own import ForecastModel
from demand_assets.forecasting.model.pooled import PooledModel, Rows, inverse
from demand_assets.forecasting.model.serving import ServingModel
from demand_assets.forecasting.series.gapped import Floats, Ints

if TYPE_CHECKING:
    import xgboost as xgb

log = logging.getLogger(__name__)

USUAL, HISTORY, CALENDAR, LIMITS = "usual level", "recent demand", "calendar", "limits"
_CALENDAR = {"month", "day_of_week", "day_of_month", "day_of_year", "week_of_year", "days_in_month", "lead"}
_FLAT = 1e-9


def group_of(column: str) -> str:
    """What a feature is told as: a driver's name, calendar, or recent demand."""
    column = column.removeprefix(SEEN)
    if column.startswith("target:"):
        return column.removeprefix("target:").split(":")[0].split("=")[0]
    return CALENDAR if column in _CALENDAR else HISTORY


def explain(model: ServingModel, series: SeriesFeatures, origins: Ints, leads: Ints,
            exact: bool = True) -> pd.DataFrame:
    """Contributions to each forecast, in units; each row adds up to the forecast.

    Args:
        model: of a region-item, or the pooled one alone; the baseline has nothing to explain.
        series: the region-item's features, drivers of the future among them.
        origins: shape (n,).
        leads: shape (n,).
        exact: TreeSHAP; else the pooled boosters' contributions follow the path of each row through each tree (Saabas,
            2014), which is many times faster, adds up as well, and favours features near the leaves.
    Raises: ValueError: it is the baseline.
    Returns: n rows; a column for the usual level, recent demand, calendar, each driver, and limits.
    """
    pooled = model.pooled
    if pooled is None:
        raise ValueError("the seasonal-naive baseline repeats past demand; ask for an explanation of models only")
    if isinstance(model, ForecastModel) and model.challenger:
        return _of_challenger(model, model.challenger, series, origins, leads, exact)
    rows = series.rows(origins, leads)
    groups, fit, effects = [HISTORY, CALENDAR, *series.dataset.driver_names], pooled.latest, pooled.effects(rows)
    own = _own(pooled, model.own, rows, groups)
    own[HISTORY] = own[HISTORY] + np.log(series.of_total(origins, leads))
    ways = [_Way(fit.boosters, pooled.columns, effects)]
    if fit.seeing:
        ways.append(_Way(fit.seeing, pooled.seeing_columns, pooled.moved(rows)))
    told: dict[str, Floats] = {group: np.zeros(len(rows)) for group in (USUAL, *groups)}
    for way in ways:
        names = [group_of(pooled.feature_names[place]) for place in way.columns]
        parts, ratio = {group: np.zeros(len(rows)) for group in groups}, np.zeros(len(rows))
        level = series.level[origins]
        if way.boosters is fit.seeing:
            level = level * pooled.beside(rows) / np.exp(sum(way.effects.values(), np.zeros(len(rows))))
        for scale, booster in way.boosters.items():
            raw, base = _contributions(booster, rows[:, list(way.columns)], names, groups, exact)
            start, end = inverse(scale)(base), inverse(scale)(base + sum(raw.values()))
            told[USUAL] = told[USUAL] + start * level / len(way.boosters) / len(ways)
            ratio += end / len(way.boosters)
            for group, units in _shared(raw, end - start).items():
                parts[group] += units / len(way.boosters)
        factors = {group: own[group] + way.effects.get(group, 0.0) for group in groups}
        for group, units in _shared(factors, ratio * (np.exp(sum(factors.values())) - 1)).items():
            parts[group] += units
        told |= {group: told[group] + values * level / len(ways) for group, values in parts.items()}
    return pd.DataFrame({**told, LIMITS: model.predict(series, origins, leads) - sum(told.values())})


def _of_challenger(model: ForecastModel, challenger: Challenger, series: SeriesFeatures, origins: Ints,
                   leads: Ints, exact: bool) -> pd.DataFrame:
    """What a challenger's class tells; of one that tells nothing, its whole forecast under its name.

    Where the class fails, its boosters forecast, and are what is explained.
    """
    rows = model.rows_of(series, origins, leads)
    try:
        units = model.units(model.pooled.ratio(rows), rows, series, origins, leads)
    except ChallengerError as error:
        boosters = replace(model.without_challenger(str(error)), challenger=None)
        return explain(boosters, series, origins, leads, exact)
    try:
        told = challenger.explain(series, int(origins[0])) if len(np.unique(origins)) == 1 else None
    except ChallengerError as error:
        log.warning("%s", error)
        told = None
    none = np.zeros(len(units))
    parts = {challenger.title: units} if told is None else {
        name: values[leads - 1] for name, values in told.items() if name != LIMITS}
    return pd.DataFrame({USUAL: none, **parts, LIMITS: units - sum(parts.values(), none)})


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

    values = booster.predict(  # type: ignore[attr-defined]
        xgb.DMatrix(rows, nthread=1), pred_contribs=True, approx_contribs=not exact).astype(np.float64)
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
