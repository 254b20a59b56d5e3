"""The methods that the product is compared with: one parameter set each, one thread. ``chosen_peers`` has those that
choose.

Unknown demand is filled in for methods that cannot take it: with 0 where demand is daily, else on a straight line
between its neighbours, and with the last value after the last known. Drivers go to the mlforecast methods, the only
ones here that can use them. Methods from statsforecast and mlforecast need the locked packages of
``requirements/benchmarks.txt``, which are imported where they are used.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.support.panel_forecasts import Ahead, Method, Tables, roll
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.features.series_features import series_features
from demand_assets.forecasting.model import seasonal_naive as repeated
from demand_assets.forecasting.series.gapped import Floats

LONGEST_ETS_SEASON = 24
"""AutoETS takes no longer season; it is then fitted without one, as its authors advise."""
OFFSETS = {"D": "D", "W": "7D", "M": "MS"}
LAGS = {"D": (1, 2, 3, 4, 5, 6, 7, 14, 21, 28, 364), "W": (1, 2, 3, 4, 5, 6, 7, 8, 52), "M": (1, 2, 3, 4, 5, 6, 12)}
ROLLING_MEANS = {"D": (7, 28, 91), "W": (4, 8, 26), "M": (3, 6, 12)}
"""Windows that end one period before the target."""
WINDOW_OF_AVERAGE = {"D": 28, "W": 13, "M": 6}
SEASON_MEAN = (7, 4)
"""Daily demand: season and how many of them, as in the mean of the last four Mondays."""
DATE_FEATURES = {"D": ("dayofweek", "day", "dayofyear", "month"), "W": ("week", "month"), "M": ("month",)}


def seasonal_naive(known: Tables, dataset: Dataset) -> dict[RegionItem, Ahead]:
    """The product's baseline: the value one season before."""
    leads = np.arange(1, dataset.horizon + 1)
    return {one: Ahead(repeated.seasonal_naive(series_features(table, dataset),
                                               np.full(dataset.horizon, len(table) - dataset.horizon - 1), leads))
            for one, table in known.items()}


def auto_ets(known: Tables, dataset: Dataset) -> dict[RegionItem, Ahead]:
    """Exponential smoothing with the form chosen for each series (statsforecast)."""
    from statsforecast.models import AutoETS

    season = dataset.season_lengths[0]
    return _one_by_one(lambda: AutoETS(season_length=season if season <= LONGEST_ETS_SEASON else 1), known, dataset)


def dynamic_optimized_theta(known: Tables, dataset: Dataset) -> dict[RegionItem, Ahead]:
    """The theta method of the M3 competition, optimised and updated (statsforecast)."""
    from statsforecast.models import DynamicOptimizedTheta

    return _one_by_one(lambda: DynamicOptimizedTheta(season_length=dataset.season_lengths[0]), known, dataset)


def auto_ces(known: Tables, dataset: Dataset) -> dict[RegionItem, Ahead]:
    """Complex exponential smoothing with the form chosen for each series (statsforecast)."""
    from statsforecast.models import AutoCES

    season = dataset.season_lengths[0]
    return _one_by_one(lambda: AutoCES(season_length=season if season <= LONGEST_ETS_SEASON else 1), known, dataset)


def window_average(known: Tables, dataset: Dataset) -> dict[RegionItem, Ahead]:
    """The mean of the last periods (statsforecast); no interval."""
    from statsforecast.models import WindowAverage

    return _one_by_one(lambda: WindowAverage(WINDOW_OF_AVERAGE[dataset.frequency]), known, dataset, level=None)


def croston_sba(known: Tables, dataset: Dataset) -> dict[RegionItem, Ahead]:
    """Croston's method for intermittent demand, corrected by Syntetos and Boylan (statsforecast); no interval."""
    from statsforecast.models import CrostonSBA

    return _one_by_one(CrostonSBA, known, dataset, level=None)


def mlforecast_lightgbm_global(known: Tables, dataset: Dataset) -> dict[RegionItem, Ahead]:
    """One LightGBM over all region-items that forecasts step by step (mlforecast).

    That region and item are categories, each region-item's demand is standardised and leaves may be small was chosen on
    the sets of this benchmark, in the peer's favour.
    """
    return lightgbm_global(known, dataset, n_estimators=400, learning_rate=0.05, num_leaves=31, min_child_samples=5)


def lightgbm_global(known: Tables, dataset: Dataset, target: str = "standardised",
                    **parameters: Any) -> dict[RegionItem, Ahead]:
    """One LightGBM over all region-items, with these parameters of its own.

    Args:
        target: what it learns of each region-item's demand: ``standardised``, or its ``logarithm``.
    """
    from lightgbm import LGBMRegressor
    from mlforecast.target_transforms import GlobalSklearnTransformer, LocalStandardScaler
    from sklearn.preprocessing import FunctionTransformer

    model = LGBMRegressor(n_jobs=1, random_state=0, verbosity=-1, **parameters)
    transform = LocalStandardScaler() if target == "standardised" else GlobalSklearnTransformer(
        FunctionTransformer(np.log1p, np.expm1))
    return _recursive(model, known, dataset, static=["region", "item"], target_transforms=[transform])


def mlforecast_xgboost_local(known: Tables, dataset: Dataset) -> dict[RegionItem, Ahead]:
    """One XGBoost for each region-item that forecasts step by step (mlforecast)."""
    from xgboost import XGBRegressor

    forecasts = {}
    for one, table in known.items():
        model = XGBRegressor(n_estimators=300, learning_rate=0.05, max_depth=5, min_child_weight=3, subsample=0.8,
                             colsample_bytree=0.8, tree_method="hist", n_jobs=1, random_state=0)
        forecasts |= _recursive(model, {one: table}, dataset)
    return forecasts


PEERS: dict[str, Method] = {method.__name__: partial(roll, method) for method in (
    seasonal_naive, auto_ets, dynamic_optimized_theta, croston_sba, mlforecast_lightgbm_global,
    mlforecast_xgboost_local)}
NEEDED: dict[str, tuple[str, ...]] = {
    "auto_ets": ("statsforecast",), "dynamic_optimized_theta": ("statsforecast",), "croston_sba": ("statsforecast",),
    "mlforecast_lightgbm_global": ("mlforecast", "lightgbm"), "mlforecast_xgboost_local": ("mlforecast",),
    "lightgbm_tuned": ("mlforecast", "lightgbm", "optuna"), "best_of_five": ("statsforecast",),
    "equal_blend": ("mlforecast", "lightgbm", "optuna", "statsforecast")}
"""Packages of a peer that the product does not have."""


def missing_packages(methods: Iterable[str]) -> list[str]:
    """The packages that these methods need and that are not installed."""
    return sorted({package for method in methods for package in NEEDED.get(method, ()) if find_spec(package) is None})


def import_packages(methods: Iterable[str]) -> None:
    """Import what these methods need, so that their CPU time does not hold it."""
    for package in {"xgboost", *(package for method in methods for package in NEEDED.get(method, ()))}:
        import_module(package)


def filled(demand: Floats, frequency: str) -> Floats:
    """Demand without unknown periods, by the rule above."""
    series = pd.Series(demand)
    return (series.fillna(0.0) if frequency == "D" else series.interpolate().ffill().bfill()).to_numpy()


def _one_by_one(make: Callable[[], Any], known: Tables, dataset: Dataset,
                level: int | None = 80) -> dict[RegionItem, Ahead]:
    horizon, forecasts = dataset.horizon, {}
    for one, table in known.items():
        units = filled(table["demand"].to_numpy(dtype=np.float64)[:-horizon], dataset.frequency)
        answer = make().forecast(y=units, h=horizon, level=[level] if level else None)
        forecasts[one] = Ahead(answer["mean"], answer.get(f"lo-{level}"), answer.get(f"hi-{level}"))
    return forecasts


def _recursive(model: Any, known: Tables, dataset: Dataset, static: Sequence[str] = (),
               target_transforms: list[Any] | None = None) -> dict[RegionItem, Ahead]:
    from mlforecast import MLForecast
    from mlforecast.lag_transforms import RollingMean, SeasonalRollingMean

    frequency = dataset.frequency
    transforms = {1: [RollingMean(window, min_samples=1) for window in ROLLING_MEANS[frequency]]}
    if frequency == "D":
        season, count = SEASON_MEAN
        transforms[season] = [SeasonalRollingMean(season, count, min_samples=1)]
    forecaster = MLForecast(models={"forecast": model}, freq=OFFSETS[frequency], lags=list(LAGS[frequency]),
                            lag_transforms=transforms, date_features=list(DATE_FEATURES[frequency]),
                            target_transforms=target_transforms, num_threads=1)
    panel = pd.concat(_planned(known, dataset), ignore_index=True)
    panel = panel.astype(dict.fromkeys(static, "category")).drop(columns={"region", "item"}.difference(static))
    is_future = panel.pop("is_future")
    forecaster.fit(panel[~is_future], static_features=list(static), dropna=False)
    drivers = [name for name in panel.columns if name.startswith("driver_")]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Found null values")  # drivers that are not known; trees take them
        answer = forecaster.predict(dataset.horizon,
                                    X_df=panel.loc[is_future, ["unique_id", "ds", *drivers]] if drivers else None)
    of_each = dict(iter(answer.groupby("unique_id")["forecast"]))
    return {one: Ahead(of_each[one.key].to_numpy(dtype=np.float64)) for one in known}


def _planned(known: Tables, dataset: Dataset) -> Iterator[pd.DataFrame]:
    """The rows of each region-item in mlforecast's form: drivers as numbers, one column for each category's value."""
    values = {driver.name: sorted({str(value) for table in known.values() for value in table[driver.name].dropna()})
              for driver in dataset.drivers if driver.kind == "category"}
    for one, table in known.items():
        demand = table["demand"].to_numpy(dtype=np.float64)
        is_future = np.arange(len(table)) >= len(table) - dataset.horizon
        columns: dict[str, Any] = {
            "unique_id": one.key, "ds": table["date"].to_numpy(), "region": one.region, "item": one.item,
            "y": np.where(is_future, 0.0, filled(demand, dataset.frequency)), "is_future": is_future}
        for driver in dataset.drivers:
            if driver.kind == "category":
                texts = table[driver.name].astype("string").fillna("").to_numpy(dtype=object)
                columns |= {f"driver_{driver.name}_{place}": (texts == value).astype(np.float64)
                            for place, value in enumerate(values[driver.name])}
            else:
                columns[f"driver_{driver.name}"] = table[driver.name].to_numpy(dtype=np.float64)
        yield pd.DataFrame(columns)
