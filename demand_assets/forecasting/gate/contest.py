"""From two models of a region-item to a contest between them, on windows that neither has seen."""

import numpy as np
import pandas as pd

from demand_assets.forecasting.contract.dataset import Dataset
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.features.series_features import series_features
from demand_assets.forecasting.gate.gate import Contestant, Decision, judge
from demand_assets.forecasting.model.own import ForecastModel
from demand_assets.forecasting.model.pooled import NotEnoughHistoryError, training_rows
from demand_assets.forecasting.model.training.own import OWN_ROWS, backtest
from demand_assets.forecasting.series.gapped import Floats


def contest(demand: pd.DataFrame, dataset: Dataset, candidate: ForecastModel,
            production: ForecastModel | None, region_item: RegionItem) -> Decision:
    """The gate's decision on a candidate, on the candidate's backtest windows.

    Production forecasts each window as it is where the window begins after its training data ended; elsewhere by its
    recipe on the fits of its pooled model that ended before the window.

    Args:
        demand: schema Demand, as the candidate was trained on.
    """
    actual = _table(candidate, "actual")
    mine = Contestant(forecast=_table(candidate, "forecast"), lower_80=_table(candidate, "lower_80"),
                      upper_80=_table(candidate, "upper_80"), trained_to=candidate.card.trained_to,
                      data_hash=candidate.card.data_hash, recipe=_identity(candidate),
                      origins=tuple(candidate.backtest["origins"]),
                      seen_to=tuple(candidate.backtest.get("seen_to", ())))
    theirs = _production_contestant(demand, dataset, candidate, production, region_item) if production else None
    return judge(actual, mine, theirs, _table(candidate, "seasonal_naive"))


def _production_contestant(demand: pd.DataFrame, dataset: Dataset, candidate: ForecastModel,
                           production: ForecastModel, region_item: RegionItem) -> Contestant:
    forecast, lower, upper = (_table(candidate, name) for name in ("forecast", "lower_80", "upper_80"))
    dates = candidate.backtest["origins"]
    seen = max(production.card.trained_to, str(production.pooled.latest.seen))
    as_it_is = np.array([seen <= date for date in dates])
    series = series_features(demand, dataset, production.pooled.facts, region_item)
    comparable = tuple(series.names) == production.feature_names
    if comparable and (as_it_is.any() or _identity(production) != _identity(candidate)):
        origins = np.asarray(series.dates.get_indexer(pd.DatetimeIndex(dates)), dtype=np.int64)
        if not as_it_is.all():
            try:
                again, _ = backtest(series, training_rows(series, region_item, OWN_ROWS), production.pooled,
                                    production.recipe, origins)
            except NotEnoughHistoryError:
                as_it_is[:] = True  # its pooled model has no older fit; being judged on what it saw can only flatter it
            else:
                places = np.searchsorted(origins, again.origins)
                forecast[places], lower[places], upper[places] = again.forecast, again.lower[0.8], again.upper[0.8]
        leads = np.arange(1, dataset.horizon + 1)
        for window in np.flatnonzero(as_it_is):
            forecast[window] = production.predict(series, np.full(len(leads), origins[window]), leads)
    seen_to = tuple(seen if whole else date for whole, date in zip(as_it_is, dates, strict=True))
    return Contestant(forecast=forecast, lower_80=lower, upper_80=upper, trained_to=production.card.trained_to,
                      data_hash=production.card.data_hash, recipe=_identity(production), origins=tuple(dates),
                      seen_to=seen_to)


def _identity(model: ForecastModel) -> dict[str, object]:
    return {**model.recipe.to_json(), "pooled_version": model.card.pooled_version}


def _table(model: ForecastModel, name: str) -> Floats:
    return np.array(model.backtest[name], dtype=np.float64)
