"""From two models of a region-item to a contest between them, on windows that neither has seen."""

from dataclasses import replace

import numpy as np
import pandas as pd

from demand_assets.forecasting.challengers.model_classes import ChallengerError
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.features.series_features import SeriesFeatures
from demand_assets.forecasting.gate.gate import Contestant, Decision, judge
from demand_assets.forecasting.gate.plugged_rules import heard_rules
from demand_assets.forecasting.model.backtest import REALISED
from demand_assets.forecasting.model.boosters import training_rows
from demand_assets.forecasting.model.enough_history import NotEnoughHistoryError
from demand_assets.forecasting.model.own_share import SHARE_PRIOR
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.model.serving.serving_model import ServingModel
from demand_assets.forecasting.model.training.challengers import windows_again
from demand_assets.forecasting.model.training.own_model import OWN_ROWS, backtest
from demand_assets.forecasting.model.unknown_drivers import OtherDriversError
from demand_assets.forecasting.series.gapped import Floats, Ints


def contest(demand: pd.DataFrame, dataset: Dataset, candidate: ForecastModel,
            production: ForecastModel | None, region_item: RegionItem) -> Decision:
    """The gate's decision on a candidate, on the candidate's backtest windows.

    Production forecasts each window as it is where the window begins after its training data ended; elsewhere by its
    recipe on the fits of its pooled model that ended before the window. Where there is no such fit it has no score, and
    none where it was trained with other drivers. Both see the same drivers: those that their declared rules would have
    planned, or those that came where the candidate was still judged by these.

    Args:
        demand: schema Demand, as the candidate was trained on.
    """
    actual = _table(candidate, "actual")
    mine = replace(contestant(candidate), unusable=_unusable(candidate, demand, dataset, region_item))
    theirs = _production_contestant(demand, dataset, candidate, production, region_item) if production else None
    naive = _table(candidate, "seasonal_naive")
    decision = judge(actual, mine, theirs, naive, dataset.gate)
    return heard_rules(decision, demand, dataset, region_item, actual, mine, theirs, naive)


def contestant(model: ForecastModel) -> Contestant:
    """What a model forecast for the windows of its own backtest."""
    return Contestant(forecast=_table(model, "forecast"), lower_80=_table(model, "lower_80"),
                      upper_80=_table(model, "upper_80"), trained_to=model.card.trained_to,
                      data_hash=model.card.data_hash, recipe=_identity(model), code_version=model.card.code_version,
                      sold_hash=model.card.sold_hash, adjustments=model.card.adjustments,
                      origins=tuple(model.backtest["origins"]), seen_to=tuple(model.backtest.get("seen_to", ())),
                      realised=_table(model, REALISED) if REALISED in model.backtest else None)


def other_drivers(candidate: ServingModel, production: ServingModel) -> str:
    """How the drivers of two models differ, in words; empty where they do not."""
    differences = [f"{words} {', '.join(names)}" for words, names in (
        ("not", [name for name in candidate.drivers if name not in production.drivers]),
        ("but", [name for name in production.drivers if name not in candidate.drivers]),
        ("and of another kind", [name for name, kind in candidate.drivers.items()
                                 if production.drivers.get(name, kind) != kind])) if names]
    return f"the model in production knows other drivers: {'; '.join(differences)}" if differences else ""


def _other_past(candidate: ForecastModel, production: ForecastModel) -> str:
    """Words where production learned other demand carried over from other items than holds now, or none; else empty.

    Who says what an item replaces, or takes it back, wants it so: the model of before is no measure of it.
    """
    now, before = candidate.card.carried_from, production.card.carried_from
    if now == before:
        return ""
    return (f"the model in production learned {f'demand carried over ({before})' if before else 'its own demand alone'}"
            f", the candidate {f'demand carried over ({now})' if now else 'its own demand alone'}")


def _no_longer_competes(production: ForecastModel, dataset: Dataset) -> str:
    """Words where the dataset file no longer lets the class in production compete; else empty."""
    if production.challenger is None:
        return ""
    gone = [name for name in production.challenger.members if name not in dataset.challengers.all_names]
    return f"the dataset file no longer lets {', '.join(gone)}, which is in production, compete" if gone else ""


def _production_contestant(demand: pd.DataFrame, dataset: Dataset, candidate: ForecastModel,
                           production: ForecastModel, region_item: RegionItem) -> Contestant:
    dates = candidate.backtest["origins"]
    forecast = np.full(_table(candidate, "forecast").shape, np.nan)
    is_same = has_same_interval = False
    interval_growth = 0.0
    problem = (other_drivers(candidate, production) or _other_past(candidate, production)
               or _no_longer_competes(production, dataset)
               or _unusable(production, demand, dataset, region_item)
               or _unusable(candidate, demand, dataset, region_item))
    if not problem:
        forecast = _by_production(demand, dataset, candidate, production, region_item)
        is_same = same_forecasts(demand, dataset, candidate, production, region_item)
        has_same_interval = is_same and _same_intervals(candidate, production)
    if is_same and not has_same_interval:
        interval_growth = _interval_growth(demand, dataset, candidate, production, region_item)
    return Contestant(forecast=forecast, lower_80=np.full_like(forecast, np.nan),
                      upper_80=np.full_like(forecast, np.nan), trained_to=production.card.trained_to,
                      data_hash=production.card.data_hash, recipe=_identity(production), origins=tuple(dates),
                      code_version=production.card.code_version, sold_hash=production.card.sold_hash,
                      adjustments=production.card.adjustments, is_same=is_same,
                      has_same_interval=has_same_interval, interval_growth=interval_growth, incomparable=problem,
                      lacks_deciles=production.calibration.spread is None and candidate.calibration.spread is not None)


def same_forecasts(demand: pd.DataFrame, dataset: Dataset, candidate: ForecastModel, production: ForecastModel,
                   region_item: RegionItem) -> bool:
    """Whether two models forecast exactly the same of the same demand: what lies ahead, and the candidate's windows.

    Args:
        demand: schema Demand; of periods ahead it need not know the drivers, and those are not forecast then.
    """
    stand_on_the_same = production.pooled is candidate.pooled
    if stand_on_the_same and _has_same_own_part(candidate, production):
        return True
    series = _judged_by(candidate, candidate.series_of(demand, dataset, region_item))
    other = series if stand_on_the_same else _judged_by(candidate, production.series_of(demand, dataset, region_item))
    windows = series.dates.get_indexer(pd.DatetimeIndex(candidate.backtest["origins"]))
    for origin in (series.known - 1, *windows):
        starts, leads = _pairs(series, int(origin))
        if not len(leads):
            continue
        rows = candidate.rows_of(series, starts, leads)
        ratio = candidate.pooled.ratio(rows)
        mine = candidate.served(ratio, rows, series, starts, leads)
        theirs = (production.served(ratio, rows, series, starts, leads) if stand_on_the_same
                  else production.predict(other, starts, leads))
        if not np.array_equal(mine, theirs, equal_nan=True):
            return False
    return True


def _has_same_own_part(candidate: ForecastModel, production: ForecastModel) -> bool:
    """Whether what two models add to one pooled model is the same to the last bit, or nothing."""
    if candidate.challenger or production.challenger:
        return False
    mine, theirs = candidate.own, production.own
    if mine is None or theirs is None:
        return mine is theirs
    return mine[1] == theirs[1] and mine[0].save_raw("ubj") == theirs[0].save_raw("ubj")


def _pairs(series: SeriesFeatures, origin: int) -> tuple[Ints, Ints]:
    """Origin and lead of each period after the origin within the horizon whose drivers are known."""
    ahead = len(series.dates) - 1 - origin if origin >= 0 else 0
    leads = np.arange(1, min(series.dataset.horizon, ahead) + 1)
    return np.full(len(leads), origin, dtype=np.int64), leads


def _same_intervals(candidate: ForecastModel, production: ForecastModel) -> bool:
    return (candidate.calibration == production.calibration and candidate.paths == production.paths
            and candidate.horizon_inflation == production.horizon_inflation)


def _interval_growth(demand: pd.DataFrame, dataset: Dataset, candidate: ForecastModel, production: ForecastModel,
                     region_item: RegionItem) -> float:
    """By how much the candidate's 80 % interval is wider than production's around the same forecasts, relative: of what
    lies ahead, or of the last window where its drivers are not known."""
    series = _judged_by(candidate, candidate.series_of(demand, dataset, region_item))
    last = int(series.dates.get_indexer(pd.DatetimeIndex(candidate.backtest["origins"]))[-1])
    starts, leads = next(pairs for origin in (series.known - 1, last) if len((pairs := _pairs(series, origin))[1]))
    units = candidate.predict(series, starts, leads)
    mine, theirs = (float(np.sum(upper - lower)) for lower, upper in (
        model.calibration.interval(units, series.level[starts], leads) for model in (candidate, production)))
    return mine / theirs - 1 if theirs else 0.0


def _by_production(demand: pd.DataFrame, dataset: Dataset, candidate: ForecastModel, production: ForecastModel,
                   region_item: RegionItem) -> Floats:
    """What the model in production forecasts of the candidate's windows; NaN in those that it has seen."""
    dates = candidate.backtest["origins"]
    as_it_is = np.array([production.seen <= date for date in dates])
    if not as_it_is.any() and _backtested_as(production) == _backtested_as(candidate):
        return _table(candidate, "forecast")  # the same recipe on the same fits
    plain = production.series_of(demand, dataset, region_item)
    series = _judged_by(candidate, plain)
    origins = np.asarray(series.dates.get_indexer(pd.DatetimeIndex(dates)), dtype=np.int64)
    forecast = np.full((len(dates), dataset.horizon), np.nan)
    if not as_it_is.all():
        try:
            again, windows = backtest(series, training_rows(plain, region_item, OWN_ROWS), production.pooled,
                                      production.recipe, origins)
            if production.challenger:
                judged = [window for window in windows if window.origin >= origins[0]]
                by_classes = windows_again(series, judged, production.challenger)
                again = replace(again, forecast=np.stack([window.served[:dataset.horizon] for window in by_classes]))
        except (NotEnoughHistoryError, ChallengerError):
            pass  # no fit of its pooled model ended before any of these windows, or its class cannot be fitted here
        else:
            forecast[np.searchsorted(origins, again.origins)] = again.forecast
    leads = np.arange(1, dataset.horizon + 1)
    for window in np.flatnonzero(as_it_is):
        forecast[window] = production.predict(series, np.full(len(leads), origins[window]), leads)
    return forecast


def _judged_by(candidate: ForecastModel, series: SeriesFeatures) -> SeriesFeatures:
    """The series with drivers as the candidate's windows had them."""
    return series.as_planned if candidate.is_judged_as_planned else series


def _unusable(model: ForecastModel, demand: pd.DataFrame, dataset: Dataset, region_item: RegionItem) -> str:
    """Why the model cannot forecast the dataset as it is now; empty where it can."""
    try:
        model.check_drivers(demand, dataset, region_item)
    except OtherDriversError as error:
        return str(error)
    return ""


def _identity(model: ForecastModel) -> dict[str, object]:
    challenger = model.challenger
    return {**model.recipe.to_json(), "pooled_version": model.card.pooled_version,
            **({"class": challenger.identity, "options": dict(challenger.options)} if challenger else {})}


def _backtested_as(model: ForecastModel) -> dict[str, object]:
    """What the forecasts of its windows are made by. Where the pooled model says how region-items differ, each window
    has the share of the own booster that was known at its origin, whatever the model's own has become."""
    return {**_identity(model), **({"own_share": None} if SHARE_PRIOR in model.pooled.card else {})}


def _table(model: ForecastModel, name: str) -> Floats:
    return np.array(model.backtest[name], dtype=np.float64)
