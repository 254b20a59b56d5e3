"""The pooled model: boosters over all region-items of a dataset, which every region-item's own model stands on.

A booster predicts demand over the level at the origin, for all leads at once. The model holds one fit on everything
and one for each backtest window, on what was known before it, so that what stands on it is judged on what no part of it
has seen.
"""

import json
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd

from demand_assets.forecasting.contract.recipes import Recipe, Scale
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.driver_kinds import Kind
from demand_assets.forecasting.features.borrowed_from_others import PanelFacts
from demand_assets.forecasting.features.inputs import Categories
from demand_assets.forecasting.features.series_features import (
    EFFECT,
    PLANNED,
    SEEN,
    SeriesFeatures,
    drivers_of,
    series_features,
)
from demand_assets.forecasting.model.boosters import Rows, mean_answer
from demand_assets.forecasting.model.bounded_forecasts import bounded
from demand_assets.forecasting.model.enough_history import NotEnoughHistoryError
from demand_assets.forecasting.model.intervals import Calibration, ErrorPaths, PanelCalibration
from demand_assets.forecasting.model.model_files import Contents, ModelFilesError, booster_of, content_of, save_booster
from demand_assets.forecasting.model.plain_members import plain_ratios
from demand_assets.forecasting.model.unknown_drivers import as_known, check_drivers, other_days
from demand_assets.forecasting.series.demand_class import demand_class
from demand_assets.forecasting.series.gapped import Floats, Ints

if TYPE_CHECKING:
    import xgboost as xgb  # seconds of start-up, so it is imported where a booster is made or read

ServedBy = Literal["production", "pooled", "baseline"]
"""What forecasts: the region-item's own model, the pooled one alone, or the seasonal-naive baseline."""

SMALLEST_RATIO = 1e-3
"""Demand over level below which no pooled forecast falls, so that its logarithm is a margin."""
FARTHEST_APART = 3.0
"""Boosters that see the drivers count as so many times the others at most: of next to nothing, as on a day that is
closed, an effect would multiply what is only noise."""
DETAILS_FILE = "pooled.json"


@dataclass(frozen=True)
class Fit:
    """Boosters that have seen demand up to a date."""

    seen: np.datetime64
    """The last date whose demand they have seen."""
    boosters: "dict[Scale, xgb.Booster]"
    calibration: PanelCalibration | None = None
    """Shapes of errors known at that date; None while the model is being trained."""
    correction: float = 1.0
    """What makes totals right: forecasts of earlier windows were too low or too high by so much, again and again."""
    seeing: "dict[Scale, xgb.Booster]" = field(default_factory=dict)
    """Boosters that see the drivers, beside the others, which do not, where forecasts are the mean of both."""
    plain: tuple[str, ...] = ()
    """Of ``plain_members``, those that stand beside the boosters, which are then one of as many and one more."""


@dataclass(frozen=True)
class PooledModel:
    """Fits over all region-items, with what their features and intervals need."""

    recipe: Recipe
    feature_names: tuple[str, ...]
    columns: tuple[int, ...]
    """The features that the boosters use, as places among all."""
    facts: PanelFacts
    fits: tuple[Fit, ...]
    """Oldest first; the last has seen everything."""
    card: dict[str, Any] = field(default_factory=dict)
    """What is told of it: metrics of the backtest, rows, dates, how the recipe was chosen."""
    horizon_inflation: float = 1.0
    """Error of a sum over the horizon, over the root of the sum of squared errors of its periods."""
    version: int | None = None
    seeing_columns: tuple[int, ...] = ()
    """As ``columns``, of the boosters that see the drivers beside others; none where none do."""
    fingerprint: str = ""
    """Of two models that bear the same number, as where the registered model was deleted and made anew, it tells which
    this is. Empty of one that was not loaded from files that were read together."""

    served_by: ClassVar[ServedBy] = "pooled"
    own: ClassVar[None] = None
    """It has no region-item's own part."""

    @property
    def pooled(self) -> Self:
        """The pooled model that answers: itself."""
        return self

    @cached_property
    def drivers(self) -> dict[str, Kind]:
        """The drivers that it was trained with, in their order, and their kinds."""
        return drivers_of(self.feature_names)

    @property
    def categories(self) -> Categories:
        """The values of each category driver that it knows."""
        return self.facts.categories

    @property
    def driver_ranges(self) -> dict[str, tuple[float, float]]:
        """None: the ranges of all region-items say nothing of one."""
        return {}

    @property
    def backtest(self) -> dict[str, Any]:
        """No windows of one region-item."""
        return {}

    @property
    def paths(self) -> ErrorPaths:
        """No errors of one region-item."""
        return ErrorPaths()

    @property
    def naive_to_pooled(self) -> float | None:
        """WAPE of seasonal naive over its own, in the backtest of all region-items; None where there is none."""
        own, naive = self.card.get("wape"), self.card.get("wape_seasonal_naive")
        return naive / own if own and naive else None

    @property
    def has_deciles(self) -> bool:
        """Whether it knows the deciles of its forecasts; models of before there were any do not."""
        return self.latest.calibration is not None and self.latest.calibration.has_deciles

    @property
    def latest(self) -> Fit:
        """The fit that has seen everything."""
        return self.fits[-1]

    def fit_before(self, date: np.datetime64) -> Fit:
        """The newest fit that has seen nothing after the date.

        Raises: NotEnoughHistoryError: every fit has.
        """
        fits = [fit for fit in self.fits if fit.seen <= date]
        if not fits:
            raise NotEnoughHistoryError(f"the pooled model has no fit on demand before {date}")
        return fits[-1]

    def check(self, names: tuple[str, ...]) -> None:
        """Check that these are the features that the model was fitted on.

        Raises: ModelFilesError: they are others.
        """
        if names != self.feature_names:
            raise ModelFilesError("the model was fitted on other features than are made now; retrain")

    def as_known(self, dataset: Dataset) -> Dataset:
        """The dataset with the drivers that the model was trained with, and no others.

        Raises: OtherDriversError: the dataset no longer declares one of them, or declares it as another kind.
        """
        return as_known(dataset, self.drivers)

    def other_days(self, dataset: Dataset, region: str) -> list[str]:
        """Its drivers that stood for other days of a region when it was trained, by the calendar of the dataset; none
        where that was not noted yet."""
        return other_days(self.card, self.drivers, dataset, region, str(self.latest.seen))

    def series_of(self, demand: pd.DataFrame, dataset: Dataset, region_item: RegionItem) -> SeriesFeatures:
        """The features that the model sees of a region-item: made of the drivers that it was trained with.

        Args:
            demand: schema Demand, perhaps taken in before the dataset file was changed.
        Raises: OtherDriversError: the dataset or the demand lacks one of these drivers.
        """
        self.check_drivers(demand, dataset, region_item)
        return series_features(demand, self.as_known(dataset), self.facts, region_item)

    def check_drivers(self, demand: pd.DataFrame, dataset: Dataset, region_item: RegionItem) -> None:
        """Check that dataset and demand have the drivers that the model was trained with.

        Raises: OtherDriversError: they lack one.
        """
        check_drivers(self.drivers, demand, dataset, region_item)

    def ratio(self, rows: Rows, fit: Fit | None = None) -> Floats:
        """Demand over level, positive; shape (n,).

        Args:
            rows: of all features, as ``SeriesFeatures.rows`` gives them.
            fit: the latest unless given.
        """
        fit = fit or self.latest
        return self.ratio_of(self.answers(rows, fit), rows, fit)

    def answers(self, rows: Rows, fit: Fit | None = None, threads: int = 1) -> tuple[Floats, ...]:
        """What the boosters say of the rows, before the drivers' effects: those that do not see the drivers, and those
        that do where there are any; each of shape (n,). Arguments as for ``ratio``."""
        fit = fit or self.latest
        return (mean_answer(fit.boosters, rows, self.columns, threads),
                *([mean_answer(fit.seeing, rows, self.seeing_columns, threads)] if fit.seeing else []))

    def answers_beside(self, rows: Rows, plan: Rows, answers: tuple[Floats, ...],
                       threads: int = 1) -> tuple[Floats, ...]:
        """``answers`` of rows that differ from others in some columns: only those are asked that differ in what the
        boosters look at.

        Args:
            plan: the others, of the same shape.
            answers: theirs.
        """
        ways = [(self.latest.boosters, self.columns), (self.latest.seeing, self.seeing_columns)]
        changed = np.flatnonzero((rows.view(np.int32) != plan.view(np.int32)).any(axis=0))
        found = []
        for (boosters, columns), known in zip(ways, answers, strict=False):
            seen = np.intersect1d(changed, columns)
            differs = (rows[:, seen].view(np.int32) != plan[:, seen].view(np.int32)).any(axis=1)
            if differs.any():
                known = known.copy()
                known[differs] = mean_answer(boosters, rows[differs], columns, threads)
            found.append(known)
        return tuple(found)

    def ratio_of(self, answers: tuple[Floats, ...], rows: Rows, fit: Fit | None = None) -> Floats:
        """``ratio`` of rows whose ``answers`` are known."""
        fit = fit or self.latest
        plain, *seen = answers
        ratio = plain * np.exp(sum(self.effects(rows).values(), np.zeros(len(rows))))
        for seeing in seen:
            seeing = seeing * self.beside(rows)
            ratio = (ratio + np.clip(seeing, ratio / FARTHEST_APART, ratio * FARTHEST_APART)) / 2
        if fit.plain:
            ratio = np.mean([ratio, *plain_ratios(fit.plain, rows, self.place_of)], axis=0)
        return np.asarray(np.maximum(ratio * fit.correction, SMALLEST_RATIO))

    @cached_property
    def place_of(self) -> dict[str, int]:
        """Name -> place of each feature."""
        return {name: place for place, name in enumerate(self.feature_names)}

    def beside(self, rows: Rows) -> Floats:
        """What the answer of boosters that see the drivers is multiplied by to stand beside the others': their level
        over the others', and what a scenario's drivers multiply the plan's demand by; shape (n,)."""
        place = self.feature_names.index
        level = (rows[:, place(f"{SEEN}level")] - rows[:, place("level")]).astype(np.float64)
        return np.exp(level + sum(self.moved(rows).values(), np.zeros(len(rows))))

    def moved(self, rows: Rows) -> dict[str, Floats]:
        """The logarithm of what each driver multiplies the plan's demand by, 0 as planned; each of shape (n,)."""
        return {name: values - rows[:, self.feature_names.index(f"{PLANNED}{name}")].astype(np.float64)
                for name, values in self.effects(rows).items()}

    def effects(self, rows: Rows) -> dict[str, Floats]:
        """The logarithm of what each driver multiplies demand by; each of shape (n,)."""
        return {name.removeprefix(EFFECT): rows[:, place].astype(np.float64)
                for place, name in enumerate(self.feature_names) if name.startswith(EFFECT)}

    def rows_of(self, series: SeriesFeatures, origins: Ints, leads: Ints) -> Rows:
        """The features of pairs of an origin and a lead; shape (n, features).

        Raises: ModelFilesError: the series has other features than the model was fitted on.
        """
        names, rows = series.named_rows(origins, leads)
        self.check(names)
        return rows

    def units(self, ratio: Floats, rows: Rows, series: SeriesFeatures, origins: Ints, leads: Ints) -> Floats:
        """Demand over level, as ``ratio`` gave it of these rows, in units; shape (n,)."""
        return bounded(ratio, series, origins, leads)

    def predict(self, series: SeriesFeatures, origins: Ints, leads: Ints) -> Floats:
        """Point forecasts in units by everything that the model has seen; shape (n,).

        Raises: as ``rows_of``.
        """
        return bounded(self.ratio(self.rows_of(series, origins, leads)), series, origins, leads)

    def forecast(self, series: SeriesFeatures, origins: Ints, leads: Ints, fit: Fit | None = None) -> Floats:
        """Point forecasts in units by the pooled model alone, never negative, never far above what was seen."""
        return bounded(self.ratio(series.rows(origins, leads), fit), series, origins, leads)

    def save(self, folder: Path) -> None:
        """Write the boosters as UBJSON and everything else as JSON into the folder."""
        fits = []
        for number, fit in enumerate(self.fits):
            for scale, booster in fit.boosters.items():
                save_booster(booster, folder / f"fit-{number}-{scale}.ubj")
            for scale, booster in fit.seeing.items():
                save_booster(booster, folder / f"fit-{number}-seeing-{scale}.ubj")
            fits.append({"seen": str(fit.seen), "scales": list(fit.boosters), "correction": fit.correction,
                         "seeing": list(fit.seeing), "plain": list(fit.plain),
                         "calibration": fit.calibration.to_json() if fit.calibration else None})
        (folder / DETAILS_FILE).write_text(json.dumps({
            "recipe": self.recipe.to_json(), "feature_names": self.feature_names,
            "columns": self.columns, "seeing_columns": self.seeing_columns, "facts": asdict(self.facts),
            "fits": fits, "card": self.card, "horizon_inflation": self.horizon_inflation}, ensure_ascii=False))

    @classmethod
    def load(cls, folder: Path, version: int | None = None, latest_only: bool = False,
             contents: Contents | None = None) -> Self:
        """The model that ``save`` wrote.

        Args:
            latest_only: leave out the fits of the backtest windows, which forecasts do not need.
            contents: of the folder's files, where they were read, and verified, already.
        Raises: ModelFilesError: a file is missing or damaged.
        """
        import xgboost as xgb

        def booster(number: int, scale: str) -> "xgb.Booster":
            return booster_of(content_of(folder, f"fit-{number}-{scale}.ubj", contents))

        try:
            details = json.loads(content_of(folder, DETAILS_FILE, contents))
            fits = tuple(Fit(np.datetime64(fit["seen"]), {scale: booster(number, scale) for scale in fit["scales"]},
                             PanelCalibration.from_json(fit["calibration"]) if fit["calibration"] else None,
                             fit["correction"],
                             {scale: booster(number, f"seeing-{scale}") for scale in fit.get("seeing", ())},
                             tuple(fit.get("plain", ())))
                         for number, fit in enumerate(details["fits"])
                         if not latest_only or number == len(details["fits"]) - 1)
            return cls(Recipe(**details["recipe"]), tuple(details["feature_names"]), tuple(details["columns"]),
                       PanelFacts.from_json(details["facts"]), fits, details["card"], details["horizon_inflation"],
                       version, tuple(details.get("seeing_columns", ())), _fingerprint(contents))
        except (OSError, KeyError, TypeError, ValueError, xgb.core.XGBoostError) as error:
            raise ModelFilesError(f"the pooled model in {folder} cannot be read: {error}. Remove the folder; it is "
                                  "fetched again from the registry.") from error

    def with_version(self, version: int) -> Self:
        """The same model, told its version in the registry."""
        return replace(self, version=version)

    def calibration_of(self, series: SeriesFeatures) -> Calibration:
        """What intervals of a region-item that has no errors of its own need."""
        assert self.latest.calibration is not None  # the last fit is always calibrated
        return Calibration.of(self.latest.calibration, None, demand_class(series.demand[: series.known]))


def _fingerprint(contents: Contents | None) -> str:
    found = sha256()
    for file in sorted(contents or ()):
        if contents and (file == DETAILS_FILE or file.startswith("fit-")):
            found.update(sha256(contents[file]).digest())
    return found.hexdigest()[:16] if contents else ""
