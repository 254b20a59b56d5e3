"""The model of one region-item: a booster, what it needs to forecast, and what its intervals need.

One booster answers for all leads at once. It predicts demand over the level at the origin, on a log scale where the
recipe says so; intervals come from its backtest errors.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from demand_assets.forecasting.dataset import Dataset
from demand_assets.forecasting.features import WARMUP, Floats, Ints, SeriesFeatures
from demand_assets.forecasting.intervals import Calibration

if TYPE_CHECKING:
    import xgboost as xgb  # seconds of start-up, so it is imported where a booster is made or read

CODE_VERSION = "1"
"""Raised whenever the same data and recipe would give another model."""
ROWS_WANTED = 3000
"""Training rows are thinned evenly to about so many."""
CAP = 3.0
"""No forecast exceeds so many times the largest demand seen."""
DETAILS_FILE = "forecast.json"
BOOSTER_FILE = "model.ubj"


class NotEnoughHistoryError(ValueError):
    """Too few periods to train on."""


class ModelFilesError(ValueError):
    """A model's files that are damaged or were made for something else."""


@dataclass(frozen=True)
class Recipe:
    """How a model is fitted."""

    scale: Literal["log", "plain"] = "log"
    rounds: int = 120
    depth: int = 4
    learning_rate: float = 0.06
    min_child_weight: float = 5.0
    subsample: float = 0.8
    columns: float = 0.7
    regularisation: float = 2.0


@dataclass(frozen=True)
class ModelCard:
    """What is told of a model: its evidence and its data. Metrics are of the backtest, over all leads."""

    wape: float
    wape_seasonal_naive: float
    rmsse: float
    rmsse_seasonal_naive: float
    bias: float
    coverage_80: float
    trained_from: str
    trained_to: str
    rows: int
    data_hash: str
    code_version: str = CODE_VERSION
    seconds: float = 0.0


@dataclass(frozen=True)
class ForecastModel:
    """A fitted model that can be stored, loaded and asked."""

    booster: "xgb.Booster"
    recipe: Recipe
    feature_names: tuple[str, ...]
    categories: dict[str, tuple[str, ...]]
    driver_ranges: dict[str, tuple[float, float]]
    """Smallest and largest value of each number driver in training."""
    calibration: Calibration
    card: ModelCard
    backtest: dict[str, Any] = field(default_factory=dict)
    """The backtest's windows, for the gate and the page: origin dates, actual, forecast, seasonal naive."""
    version: int | None = None

    def predict(self, series: SeriesFeatures, origins: Ints, leads: Ints) -> Floats:
        """Point forecasts in units, never negative; shape (n,).

        Raises: ModelFilesError: the series has other features than the model was fitted on.
        """
        if tuple(series.names) != self.feature_names:
            raise ModelFilesError("the model was fitted on other drivers or features than the dataset has now; retrain")
        return predict_units(self.booster, self.recipe, series, origins, leads)

    def save(self, folder: Path) -> None:
        """Write the booster as UBJSON and everything else as JSON into the folder."""
        self.booster.save_model(folder / BOOSTER_FILE)
        (folder / DETAILS_FILE).write_text(json.dumps(self.details(), ensure_ascii=False))

    def details(self) -> dict[str, Any]:
        """Everything but the booster, as JSON types."""
        return {"recipe": asdict(self.recipe), "feature_names": self.feature_names, "categories": self.categories,
                "driver_ranges": self.driver_ranges, "calibration": self.calibration.to_json(),
                "card": asdict(self.card), "backtest": self.backtest}

    @classmethod
    def load(cls, folder: Path, version: int | None = None) -> Self:
        """The model that ``save`` wrote.

        Raises: ModelFilesError: a file is missing or damaged.
        """
        import xgboost as xgb

        try:
            details = json.loads((folder / DETAILS_FILE).read_text())
            booster = xgb.Booster(params={"nthread": 1}, model_file=str(folder / BOOSTER_FILE))
            return cls(
                booster=booster, recipe=Recipe(**details["recipe"]), feature_names=tuple(details["feature_names"]),
                categories={name: tuple(values) for name, values in details["categories"].items()},
                driver_ranges={name: (low, high) for name, (low, high) in details["driver_ranges"].items()},
                calibration=Calibration.from_json(details["calibration"]), card=ModelCard(**details["card"]),
                backtest=details["backtest"], version=version)
        except (OSError, KeyError, TypeError, ValueError, xgb.core.XGBoostError) as error:
            raise ModelFilesError(f"the model in {folder} cannot be read: {error}. Remove the folder; it is fetched "
                                  "again from the registry.") from error

    def with_version(self, version: int) -> Self:
        """The same model, told its version in the registry."""
        return replace(self, version=version)


@dataclass(frozen=True)
class TrainingRows:
    """Rows that a booster learns from; prepared once, shared by all windows of a backtest."""

    features: np.ndarray
    """Shape (n, features)."""
    ratio: Floats
    """Demand at the target over the level at the origin, shape (n,)."""
    level: Floats
    """In units, shape (n,); errors are weighed by it, so that they count in units."""
    target: Ints
    """Target period of each row, so that windows can leave out what they must not have seen."""


def training_rows(series: SeriesFeatures, horizon: int) -> TrainingRows:
    """All (origin, lead) pairs whose target is known, thinned evenly.

    Raises: NotEnoughHistoryError: there is no origin with a warm-up behind it.
    """
    warmup = WARMUP[series.dataset.frequency]
    known = np.flatnonzero(~np.isnan(series.demand))
    first = int(known[0]) if len(known) else series.known
    if series.known - first < warmup + 2 * horizon:
        raise NotEnoughHistoryError(f"{series.known - first} periods of demand; training needs {warmup + 2 * horizon}: "
                                    f"{warmup} to warm up and two horizons")
    origins = np.arange(first + warmup - 1, series.known - 1)
    step = max(1, round(len(origins) * horizon / ROWS_WANTED))
    pairs = np.arange(0, len(origins) * horizon)
    pairs = pairs[(pairs // horizon + pairs % horizon) % step == 0]
    origin, lead = origins[pairs // horizon], pairs % horizon + 1
    inside = origin + lead < series.known
    origin, lead = origin[inside], lead[inside]
    sold = ~np.isnan(series.demand[origin + lead])
    origin, lead = origin[sold], lead[sold]
    level = series.level[origin]
    return TrainingRows(features=series.rows(origin, lead), ratio=series.demand[origin + lead] / level,
                        level=level, target=origin + lead)


def fit_booster(rows: TrainingRows, recipe: Recipe, constraints: tuple[int, ...], seen: int) -> "xgb.Booster":
    """A booster fitted on the rows whose target lies before period ``seen``.

    Raises: NotEnoughHistoryError: no such row.
    """
    import xgboost as xgb

    use = rows.target < seen
    if not use.any():
        raise NotEnoughHistoryError(f"no training row before period {seen}")
    ratio, level = rows.ratio[use], rows.level[use]
    label = np.log1p(ratio) if recipe.scale == "log" else ratio
    matrix = xgb.QuantileDMatrix(rows.features[use], label, weight=level / level.mean(), max_bin=64, nthread=1)
    return xgb.train({
        "objective": "reg:squarederror", "tree_method": "hist", "max_bin": 64, "nthread": 1, "seed": 0,
        "max_depth": recipe.depth, "eta": recipe.learning_rate, "min_child_weight": recipe.min_child_weight,
        "subsample": recipe.subsample, "colsample_bytree": recipe.columns, "lambda": recipe.regularisation,
        "monotone_constraints": str(constraints),
    }, matrix, num_boost_round=recipe.rounds)


def predict_units(booster: "xgb.Booster", recipe: Recipe, series: SeriesFeatures, origins: Ints,
                  leads: Ints) -> Floats:
    """Point forecasts in units for pairs of origin and lead; never negative, never far above what was seen."""
    raw = booster.inplace_predict(series.rows(origins, leads)).astype(np.float64)
    ratio = np.expm1(raw) if recipe.scale == "log" else raw
    return np.clip(ratio * series.level[origins], 0.0, CAP * series.largest[origins])


def data_hash(series: SeriesFeatures) -> str:
    """A fingerprint of the demand and drivers that a model was trained on."""
    digest = hashlib.sha256(series.demand[: series.known].tobytes())
    for name in sorted(series.drivers):
        digest.update(name.encode() + series.drivers[name][: series.known].tobytes())
    digest.update(str(series.dates[0]).encode())
    return digest.hexdigest()[:16]


def driver_ranges(series: SeriesFeatures, dataset: Dataset) -> dict[str, tuple[float, float]]:
    """Smallest and largest value of each number driver in the history."""
    ranges = {}
    for driver in dataset.drivers:
        if driver.kind == "number":
            values = series.drivers[driver.name][: series.known]
            if not np.isnan(values).all():
                ranges[driver.name] = (float(np.nanmin(values)), float(np.nanmax(values)))
    return ranges
