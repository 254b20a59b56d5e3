"""The model of one region-item: a small booster on top of the pooled one, and what its intervals need.

The forecast is the pooled model's, times the exponential of a share of the small booster's margin: the region-item's
own correction. It names the exact version of the pooled model that it stands on and cannot be used without it.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.challengers.model_classes import ChallengerError
from demand_assets.forecasting.contract.code_version import CODE_VERSION
from demand_assets.forecasting.contract.recipes import Recipe
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.driver_kinds import Kind
from demand_assets.forecasting.features.inputs import Categories
from demand_assets.forecasting.features.series_features import SeriesFeatures
from demand_assets.forecasting.model.backtest import AS_PLANNED
from demand_assets.forecasting.model.boosters import BINS, TWEEDIE_POWER, Rows, TrainingRows, seen_by
from demand_assets.forecasting.model.bounded_forecasts import bounded
from demand_assets.forecasting.model.intervals import Calibration, ErrorPaths
from demand_assets.forecasting.model.model_files import (
    Contents,
    ModelFilesError,
    OtherPooledError,
    booster_of,
    content_of,
    save_booster,
)
from demand_assets.forecasting.model.serving.challenger import Challenger
from demand_assets.forecasting.model.serving.pooled_model import Fit, PooledModel, ServedBy
from demand_assets.forecasting.model.unknown_drivers import OtherPastError
from demand_assets.forecasting.series.carried_over_demand import CARRIED_FROM
from demand_assets.forecasting.series.gapped import Floats, Ints

if TYPE_CHECKING:
    import xgboost as xgb

DETAILS_FILE = "forecast.json"
BOOSTER_FILE = "model.ubj"
OWN_DEPTH, OWN_CHILD_WEIGHT = 2, 10.0
OWN_STEPS = 2.0
"""Rounds times the learning rate: fewer rounds take larger steps, so that they come as far."""
BINS_SERVE = 2
"""Bins of features serve a fit on up to so many times the rows that they were found on."""


@dataclass(frozen=True)
class ModelCard:
    """What is told of a model: its evidence and its data. Metrics are of the backtest, over all leads."""

    wape: float
    """Sum of absolute errors over the units sold."""
    wape_seasonal_naive: float
    """The same, of seasonal naive."""
    rmsse: float
    """Root mean squared scaled error."""
    rmsse_seasonal_naive: float
    """The same, of seasonal naive."""
    bias: float
    """What was forecast too much (+) or too little (−) over the units sold."""
    coverage_80: float
    """Share of what came that lay in the 80 % interval."""
    trained_from: str
    """First date of the demand that it learned from."""
    trained_to: str
    """Last date of it."""
    rows: int
    """Periods of it."""
    data_hash: str
    """A fingerprint of it."""
    wape_own: float = float("nan")
    """Of the region-item's own booster at full share."""
    wape_pooled: float = float("nan")
    """Of the pooled model alone."""
    naive_to_pooled_of_all: float = float("nan")
    """WAPE of seasonal naive over that of the pooled model, in the backtest of all region-items."""
    backtest_units: float = float("nan")
    """Units sold in the backtest's windows: times a WAPE, the sum of absolute errors."""
    demand_class: str = ""
    """How regular demand is: smooth, erratic, intermittent or lumpy."""
    pooled_version: int = 0
    """The version of the pooled model that it is built on."""
    adjustments: int = 0
    """Periods of its demand that planners adjusted."""
    sold_hash: str = ""
    """As ``data_hash``, without planners' adjustments and what is carried over; empty where it was not recorded."""
    judged_with: str = ""
    """Which drivers the backtest saw: ``backtest.AS_PLANNED`` or, empty, those that came."""
    wape_realised: float = float("nan")
    """As ``wape``, had the drivers been known."""
    bias_realised: float = float("nan")
    """As ``bias``, had the drivers been known."""
    carried_periods: int = 0
    """Periods whose demand is carried over from other items: learned from, and part of no metric."""
    carried_from: str = ""
    """What that is, in words; empty where nothing is."""
    code_version: str = CODE_VERSION
    """Of the code that trained it."""
    seconds: float = 0.0
    """How long its training took."""


Details = tuple[dict[str, Any], int]
"""Everything but the boosters, and the pooled version that it is for."""


@dataclass(frozen=True)
class ForecastModel:
    """A fitted model that can be stored, loaded and asked."""

    booster: "xgb.Booster"
    pooled: PooledModel
    recipe: Recipe
    driver_ranges: dict[str, tuple[float, float]]
    """Smallest and largest value of each number driver in training."""
    calibration: Calibration
    card: ModelCard
    backtest: dict[str, Any] = field(default_factory=dict)
    """The backtest's windows, for the gate and the page: origin dates, actual, forecast, seasonal naive, bounds."""
    report: dict[str, Any] = field(default_factory=dict)
    """Metrics of the backtest in total and by lead, each next to seasonal naive."""
    paths: ErrorPaths = field(default_factory=ErrorPaths)
    version: int | None = None
    challenger: Challenger | None = None
    """What forecasts in place of the boosters; all that is told of the model is then told of it."""
    boosters: "ForecastModel | None" = None
    """The same version without its challenger, where it has one."""
    without: str = ""
    """Why the challenger that this version has does not forecast here, in words; empty where it does or has none."""

    served_by: ClassVar[ServedBy] = "production"

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The features that the model was fitted on."""
        return self.pooled.feature_names

    @property
    def drivers(self) -> dict[str, Kind]:
        """The drivers that the model was trained with, and their kinds."""
        return self.pooled.drivers

    @property
    def categories(self) -> Categories:
        """The values of each category driver that the model knows."""
        return self.pooled.facts.categories

    @property
    def horizon_inflation(self) -> float:
        """As the pooled model's."""
        return self.pooled.horizon_inflation

    @property
    def own(self) -> "tuple[xgb.Booster, float] | None":
        """The region-item's own booster and how much of it is added; None where it has no share."""
        return (self.booster, self.recipe.own_share) if self.recipe.own_share else None

    @property
    def is_judged_as_planned(self) -> bool:
        """Whether its stored accuracy is that of forecasts by the plan, as those that are delivered; else of forecasts
        with the drivers that came, as models were judged before."""
        return self.card.judged_with == AS_PLANNED

    @property
    def seen(self) -> str:
        """The last date whose demand the model or its pooled one was trained on, ISO."""
        return max(self.card.trained_to, str(self.pooled.latest.seen))

    def series_of(self, demand: pd.DataFrame, dataset: Dataset, region_item: RegionItem) -> SeriesFeatures:
        """The features that the model sees, as ``PooledModel.series_of``; raises as ``check_drivers``."""
        self.check_drivers(demand, dataset, region_item)
        return self.pooled.series_of(demand, dataset, region_item)

    def check_drivers(self, demand: pd.DataFrame, dataset: Dataset, region_item: RegionItem) -> None:
        """Check that dataset and demand have its drivers, as ``PooledModel.check_drivers``; raises as it does.

        Raises: OtherPastError: it learned demand carried over that is not what is carried over now.
        """
        learned, now = self.card.carried_from, demand.attrs.get(CARRIED_FROM, "")
        if learned and learned != now:
            raise OtherPastError(f"it learned demand carried over from {learned}, and {region_item} carries over "
                                 f"{now or 'nothing'} now; a retrain makes one that knows it so")
        self.pooled.check_drivers(demand, dataset, region_item)

    def rows_of(self, series: SeriesFeatures, origins: Ints, leads: Ints) -> Rows:
        """The features of pairs of an origin and a lead, as ``PooledModel.rows_of``; raises as it does."""
        return self.pooled.rows_of(series, origins, leads)

    def calibration_of(self, series: SeriesFeatures) -> Calibration:
        """What intervals need; the same whatever the series."""
        return self.calibration

    def predict(self, series: SeriesFeatures, origins: Ints, leads: Ints) -> Floats:
        """Point forecasts in units, never negative; shape (n,). By the boosters where a challenger fails.

        Raises: ModelFilesError: the series has other features than the model was fitted on.
        """
        rows = self.rows_of(series, origins, leads)
        return self.served(self.pooled.ratio(rows), rows, series, origins, leads)

    def served(self, ratio: Floats, rows: Rows, series: SeriesFeatures, origins: Ints, leads: Ints) -> Floats:
        """As ``units``; by the boosters where a challenger fails."""
        try:
            return self.units(ratio, rows, series, origins, leads)
        except ChallengerError as error:
            return self.without_challenger(str(error)).units(ratio, rows, series, origins, leads)

    def factor(self, rows: Rows) -> Floats:
        """What the region-item's own booster multiplies the pooled forecast of the rows by; shape (n,)."""
        return own_factor(self.booster, rows, self.pooled.columns, self.recipe.own_share)

    def units(self, ratio: Floats, rows: Rows, series: SeriesFeatures, origins: Ints, leads: Ints,
              factor: Floats | None = None) -> Floats:
        """What the pooled model says, corrected by the region-item's own booster, as units.

        Args:
            ratio: the pooled model's demand over level of these rows, shape (n,).
            factor: as ``factor`` of these rows, where it is known.
        Raises: ChallengerError: a challenger forecasts in their place, and failed.
        """
        if self.challenger and not self.challenger.with_boosters:
            return self.challenger.units(np.zeros(len(origins)), series, origins, leads)
        units = bounded(ratio * (self.factor(rows) if factor is None else factor), series, origins, leads)
        return self.challenger.units(units, series, origins, leads) if self.challenger else units

    def without_challenger(self, why: str) -> "ForecastModel":
        """What forecasts where its challenger cannot: its boosters, with their own interval and evidence."""
        return replace(self.boosters or self, version=self.version, without=why)

    def save(self, folder: Path) -> None:
        """Write the booster as UBJSON and everything else but the pooled model as JSON into the folder."""
        save_booster(self.booster, folder / BOOSTER_FILE)
        (folder / DETAILS_FILE).write_text(json.dumps(self.details(), ensure_ascii=False))

    def details(self) -> dict[str, Any]:
        """Everything but the boosters, as JSON types."""
        found: dict[str, Any] = {"pooled_version": self.pooled.version, "recipe": self.recipe.to_json(),
                 "driver_ranges": self.driver_ranges, "calibration": asdict(self.calibration),
                 "card": asdict(self.card), "backtest": self.backtest, "report": self.report,
                 "paths": {"origins": self.paths.origins, "scaled": self.paths.scaled}}  # no copy of each number
        if self.pooled.fingerprint:
            found["pooled_fingerprint"] = self.pooled.fingerprint
        if self.challenger and self.boosters:
            found |= {"challenger": self.challenger.to_json(), "boosters": self.boosters.details()}
        return found

    @classmethod
    def load(cls, folder: Path, pooled: PooledModel, version: int | None = None,
             contents: Contents | None = None, details: Details | None = None) -> Self:
        """The model that ``save`` wrote.

        Args:
            pooled: the version that ``pooled_version`` names.
            contents: of the folder's files, where they were read, and verified, already.
            details: ``details_of`` them, where they were parsed already.
        Raises: ModelFilesError: a file is missing or damaged, or it stands on another pooled version.
        """
        import xgboost as xgb

        content, needed = details or details_of(folder, contents)
        if needed != pooled.version:
            raise ModelFilesError(f"the model in {folder} stands on version {needed} of the pooled model, not "
                                  f"{pooled.version}")
        if (wanted := stands_on(content)) and pooled.fingerprint not in ("", wanted):
            raise OtherPooledError(f"the model in {folder} stands on a version {needed} of the pooled model that is no "
                                   "longer there: in MLflow the pooled model was deleted or renamed, and made anew, "
                                   "with the same number. Retrain")
        try:
            booster = booster_of(content_of(folder, BOOSTER_FILE, contents))
            found = cls._of(content, booster, pooled, version)
            if "challenger" not in content:
                return found
            found = replace(found, boosters=cls._of(content["boosters"], booster, pooled, version))
            try:
                return replace(found, challenger=Challenger.from_json(content["challenger"]))
            except ChallengerError as error:
                return cast(Self, found.without_challenger(str(error)))
        except (OSError, KeyError, TypeError, ValueError, xgb.core.XGBoostError) as error:
            raise _damaged(folder, error) from error

    @classmethod
    def _of(cls, details: dict[str, Any], booster: "xgb.Booster", pooled: PooledModel, version: int | None) -> Self:
        """What ``details`` gave, without a challenger."""
        return cls(
            booster=booster, pooled=pooled, recipe=Recipe(**details["recipe"]),
            driver_ranges={name: (low, high) for name, (low, high) in details["driver_ranges"].items()},
            calibration=Calibration.from_json(details["calibration"]), card=ModelCard(**details["card"]),
            backtest=details["backtest"], report=details["report"],
            paths=ErrorPaths(tuple(details["paths"]["origins"]),
                             tuple(tuple(path) for path in details["paths"]["scaled"])), version=version)

    def with_version(self, version: int) -> Self:
        """The same model, told its version in the registry."""
        return replace(self, version=version)


def import_boosters() -> None:
    """Import what every forecast of a model needs (about 2 s), so that the first one does not wait for it."""
    import xgboost  # noqa: F401


def stands_on(details: dict[str, Any]) -> str:
    """The fingerprint of the pooled version that the details of a model were made for; empty in those of before."""
    return str(details.get("pooled_fingerprint", ""))


def pooled_version(folder: Path, contents: Contents | None = None) -> int:
    """The version of the pooled model that the model in the folder stands on.

    Args:
        contents: of the folder's files, where they were read, and verified, already.
    Raises: ModelFilesError: a file is missing or damaged.
    """
    return details_of(folder, contents)[1]


def details_of(folder: Path, contents: Contents | None) -> Details:
    """What the file beside the booster says. Arguments and errors as for ``pooled_version``."""
    try:
        found: dict[str, Any] = json.loads(content_of(folder, DETAILS_FILE, contents))
        return found, int(found["pooled_version"])
    except (OSError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise _damaged(folder, error) from error


class OwnFits:
    """Fits small boosters of one region-item on what was known of its rows at one date after another.

    Bins of features are found on the rows of the first fit and serve later ones, until far more are known: to find them
    takes nearly half of so small a fit. Rows that are not known yet weigh nothing, in the bins and in the fit.
    """

    def __init__(self, rows: TrainingRows, columns: tuple[int, ...], constraints: tuple[int, ...]) -> None:
        self.rows, self._features = rows, seen_by(rows.features, columns)
        self._signs = str(tuple(constraints[place] for place in columns))
        self._matrix: xgb.DMatrix | None = None
        self._rows_of_bins = 0

    def fit(self, fit: Fit, recipe: Recipe, known: npt.NDArray[np.bool_], ratio: Floats) -> "xgb.Booster":
        """A small booster that goes on where the pooled fit ends; its margin is added to the logarithm of the pooled
        forecast.

        Args:
            known: which rows it may see, some.
            ratio: what ``pooled.ratio`` says of those by the fit.
        """
        import xgboost as xgb

        rows, count = self.rows, int(np.count_nonzero(known))
        weight = np.where(known, rows.level / rows.level[known].mean(), 0.0)
        margin = np.zeros(len(rows.ratio))
        margin[known] = np.log(ratio / fit.correction)
        if self._matrix is None or count > BINS_SERVE * self._rows_of_bins:
            # On so few rows a plain matrix has the same bins as a quantile matrix and is made many times faster.
            self._matrix = xgb.DMatrix(self._features, rows.ratio, weight=weight, nthread=1, base_margin=margin)
            self._rows_of_bins = count
        else:
            self._matrix.set_info(weight=weight, base_margin=margin)
        booster = xgb.Booster({
            "objective": "reg:tweedie", "tweedie_variance_power": TWEEDIE_POWER, "tree_method": "hist",
            "max_bin": BINS, "nthread": 1, "seed": 0, "max_depth": OWN_DEPTH, "eta": OWN_STEPS / recipe.own_rounds,
            "min_child_weight": OWN_CHILD_WEIGHT, "subsample": recipe.subsample, "colsample_bytree": recipe.columns,
            "lambda": recipe.regularisation, "base_score": 1.0, "monotone_constraints": self._signs,
        }, [self._matrix])
        for tree in range(recipe.own_rounds):
            booster.update(self._matrix, tree)
        return booster


def fit_own(rows: TrainingRows, pooled: PooledModel, fit: Fit, recipe: Recipe,
            constraints: tuple[int, ...], ratio: Floats | None = None) -> "xgb.Booster":
    """A small booster on all of the region-item's rows, as ``OwnFits.fit``.

    Args:
        ratio: what ``pooled.ratio`` says of the rows by the fit, where it was asked already.
    """
    return OwnFits(rows, pooled.columns, constraints).fit(
        fit, recipe, np.ones(len(rows.ratio), dtype=bool), pooled.ratio(rows.features, fit) if ratio is None else ratio)


def own_factor(booster: "xgb.Booster", rows: Rows, columns: tuple[int, ...], share: float) -> Floats:
    """What the region-item's own booster multiplies the pooled forecast by; shape (n,)."""
    return np.ones(len(rows)) if share == 0 else np.exp(share * own_margin(booster, rows, columns))


def own_margin(booster: "xgb.Booster", rows: Rows, columns: tuple[int, ...]) -> Floats:
    """The logarithm of ``own_factor`` at full share; shape (n,)."""
    return np.asarray(booster.inplace_predict(seen_by(rows, columns), predict_type="margin").astype(np.float64))


def data_hash(series: SeriesFeatures) -> str:
    """A fingerprint of the demand, with its adjustments, and the drivers that a model was trained on."""
    return _hash_of(series.demand, series)


def sold_hash(series: SeriesFeatures) -> str:
    """The same of the demand as it was sold, without its adjustments."""
    return _hash_of(series.sold, series)


def _hash_of(units: Floats, series: SeriesFeatures) -> str:
    digest = hashlib.sha256(units[: series.known].tobytes())
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


def _damaged(folder: Path, error: Exception) -> ModelFilesError:
    return ModelFilesError(f"the model in {folder} cannot be read: {error}. Remove the folder; it is fetched again "
                           "from the registry.")
