"""Is a new pooled model a better ground to stand on than the one in production?"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from demand_assets.forecasting.contract.dataset import Dataset
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.features.series_features import series_features
from demand_assets.forecasting.gate.gate import Decision
from demand_assets.forecasting.model.backtest import judged_origins
from demand_assets.forecasting.model.pooled import NotEnoughHistoryError, PooledModel
from demand_assets.forecasting.series.metrics import in_percent, wape

COMPARED = 100
"""Region-items whose windows both models forecast, evenly chosen."""
MARGIN = 0.01
"""Share of production's WAPE by which a newer pooled model may be worse: noise, against knowing newer demand."""


def judge_pooled(candidate: PooledModel, production: PooledModel | None, region_items: Sequence[RegionItem],
                 read: Callable[[RegionItem], pd.DataFrame], dataset: Dataset) -> Decision:
    """Promote the newer pooled model unless it is worse, on windows that neither model's fits have seen.

    The first is promoted as it is: what stands on it passes the gate by itself.
    """
    if production is None:
        numbers = {name: candidate.card.get(name) for name in ("wape", "wape_seasonal_naive", "bias")}
        return Decision("promote", "first pooled model of the dataset", numbers)
    actual, mine, theirs = _compared(candidate, production, region_items, read, dataset)
    if not len(actual):
        return Decision("promote", "the pooled model in production knows other drivers, or no window suits both")
    new, old = wape(actual, mine), wape(actual, theirs)
    numbers = {"wape": round(new, 4), "wape_production": round(old, 4)}
    words = f"WAPE {in_percent(new)} against {in_percent(old)} of the pooled model in production"
    if not np.isfinite(new) or new > old * (1 + MARGIN):
        return Decision("keep", f"{words}, on windows that neither has seen", numbers)
    return Decision("promote", f"{words}, and trained on newer demand", numbers)


def _compared(candidate: PooledModel, production: PooledModel, region_items: Sequence[RegionItem],
              read: Callable[[RegionItem], pd.DataFrame],
              dataset: Dataset) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Actuals of windows and both models' forecasts of them; all empty where no window suits both."""
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    leads = np.arange(1, dataset.horizon + 1)
    for one in list(region_items)[::max(1, -(-len(region_items) // COMPARED))]:
        demand = read(one)
        series = [series_features(demand, dataset, model.facts, one) for model in (candidate, production)]
        try:
            origins = judged_origins(series[0])
        except NotEnoughHistoryError:
            continue
        for origin in origins:
            starts = np.full(len(leads), origin)
            date = series[0].dates.to_numpy()[origin].astype("datetime64[D]")
            try:
                units = [model.forecast(features, starts, leads, model.fit_before(date))
                         for model, features in zip((candidate, production), series, strict=True)
                         if tuple(features.names) == model.feature_names]
            except NotEnoughHistoryError:
                continue
            if len(units) == len(series):
                found.append((series[0].sold[starts + leads], units[0], units[1]))
    if not found:
        return np.zeros(0), np.zeros(0), np.zeros(0)
    actual, mine, theirs = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return actual, mine, theirs
