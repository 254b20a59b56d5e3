"""The pooled model: boosters over all region-items of a dataset, which every region-item's own model stands on.

A booster predicts demand over the level at the origin, for all leads at once. The model holds one fit on everything
and one for each backtest window, on what was known before it, so that what stands on it is judged on what no part of it
has seen.
"""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self
from zlib import crc32

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.contract.recipes import Recipe, Scale
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.calendar import other_meanings
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.driver_kinds import Kind
from demand_assets.forecasting.dataset.stored_drivers import drivers_in
from demand_assets.forecasting.features.inputs import Categories
from demand_assets.forecasting.features.panel_facts import PanelFacts
from demand_assets.forecasting.features.series_features import (
    EFFECT,
    PLANNED,
    SEEN,
    SeriesFeatures,
    drivers_of,
    is_of_effect,
    is_of_last_year,
    series_features,
)
from demand_assets.forecasting.model.enough_history import NotEnoughHistoryError, first_origin
from demand_assets.forecasting.model.intervals import Calibration, ErrorPaths, PanelCalibration
from demand_assets.forecasting.series.demand_class import demand_class
from demand_assets.forecasting.series.gapped import Floats, Ints

if TYPE_CHECKING:
    import xgboost as xgb  # seconds of start-up, so it is imported where a booster is made or read

Rows = npt.NDArray[np.float32]
Contents = dict[str, bytes]
"""File name -> what a model's file holds, as it was read once."""
ServedBy = Literal["production", "pooled", "baseline"]
"""What forecasts: the region-item's own model, the pooled one alone, or the seasonal-naive baseline."""

BINS = 64
CAP = 3.0
"""No forecast exceeds so many times the largest demand seen."""
CAP_OF_NEW = 20.0
"""The same of the level to expect, where nothing was sold yet: a promotion is no less than elsewhere."""
SMALLEST_RATIO = 1e-3
"""Demand over level below which no pooled forecast falls, so that its logarithm is a margin."""
FARTHEST_APART = 3.0
"""Boosters that see the drivers count as so many times the others at most: of next to nothing, as on a day that is
closed, an effect would multiply what is only noise."""
TWEEDIE_POWER = 1.5
ROWS_OF_A_THREAD = 2000
"""Rows from which on several threads ask the boosters of them, where there are several."""
DETAILS_FILE = "pooled.json"
CALENDAR = "calendar"
"""In a card, which days the drivers of the calendar stood for: ``Calendar.meanings``."""


class ModelFilesError(ValueError):
    """A model's files that are damaged or were made for something else."""


class OtherDriversError(ModelFilesError):
    """A model that was trained with drivers which the dataset file or the stored demand does not have."""


class OtherPastError(OtherDriversError):
    """A model that learned demand carried over from other items, which is carried over no longer, or otherwise."""


@dataclass(frozen=True)
class TrainingRows:
    """Rows that boosters learn from; prepared once, shared by all windows."""

    features: Rows
    """Shape (n, features)."""
    ratio: Floats
    """Demand at the target over the level at the origin, shape (n,)."""
    effect: Floats
    """What drivers multiply demand by at the target, shape (n,)."""
    level: Floats
    """In units, shape (n,); errors are weighed by it and the effect, so that they count in units."""
    date: npt.NDArray[np.datetime64]
    """Target date of each row, so that a fit can leave out what it must not have seen."""

    def before(self, date: np.datetime64) -> "TrainingRows":
        """The rows whose target is not after that date."""
        return self._taken(self.date <= date)

    def every(self, step: int) -> "TrainingRows":
        """One row in so many."""
        return self._taken(slice(None, None, step))

    def as_seen(self, names: Sequence[str]) -> "TrainingRows":
        """The same for boosters that see the drivers: demand is not cleared of them, and nor is the level."""
        times = np.exp((self.features[:, names.index(f"{SEEN}level")] - self.features[:, names.index("level")]
                        ).astype(np.float64))
        return replace(self, ratio=self.ratio / times, effect=np.ones(len(self.ratio)), level=self.level * times)

    def _taken(self, which: "slice | npt.NDArray[np.bool_]") -> "TrainingRows":
        return TrainingRows(*(getattr(self, column.name)[which] for column in fields(self)))

    @classmethod
    def joined(cls, parts: "Sequence[TrainingRows]") -> Self:
        """All of them in one."""
        return cls(*(np.concatenate([getattr(part, column.name) for part in parts]) for column in fields(cls)))


@dataclass(frozen=True)
class Fit:
    """Boosters that have seen demand up to a date."""

    seen: np.datetime64
    """The last date whose demand they have seen."""
    boosters: "dict[Scale, xgb.Booster]"
    calibration: PanelCalibration | None = None
    """Shapes of errors known at that date; None for the first fit."""
    correction: float = 1.0
    """What makes totals right: forecasts of earlier windows were too low or too high by so much, again and again."""
    seeing: "dict[Scale, xgb.Booster]" = field(default_factory=dict)
    """Boosters that see the drivers, beside the others, which do not, where forecasts are the mean of both."""


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
        """Whether these are the features that the model was fitted on.

        Raises: ModelFilesError: they are others.
        """
        if names != self.feature_names:
            raise ModelFilesError("the model was fitted on other features than are made now; retrain")

    def as_known(self, dataset: Dataset) -> Dataset:
        """The dataset with the drivers that the model was trained with, and no others.

        Raises: OtherDriversError: the dataset no longer declares one of them, or declares it as another kind.
        """
        declared = {driver.name: driver for driver in dataset.drivers}
        for name, kind in self.drivers.items():
            if name not in declared:
                raise OtherDriversError(f"it was trained with the driver {name}, which the dataset file no longer "
                                        "declares; a retrain makes one without it")
            if declared[name].kind != kind:
                raise OtherDriversError(f"it was trained with {name} of kind {kind}, and the dataset file now declares "
                                        f"it of kind {declared[name].kind}; a retrain makes one that knows it so")
        drivers = tuple(declared[name] for name in self.drivers)
        return dataset if drivers == dataset.drivers else dataset.model_copy(update={"drivers": drivers})

    def other_days(self, dataset: Dataset, region: str) -> list[str]:
        """Its drivers that stood for other days of a region when it was trained, by the calendar of the dataset; none
        where that was not noted yet."""
        if CALENDAR not in self.card:
            return []
        now = dataset.calendar.meanings(dataset.frequency)
        return [name for name in other_meanings(self.card[CALENDAR], now, region, str(self.latest.seen))
                if name in self.drivers]

    def series_of(self, demand: pd.DataFrame, dataset: Dataset, region_item: RegionItem) -> SeriesFeatures:
        """The features that the model sees of a region-item: made of the drivers that it was trained with.

        Args:
            demand: schema Demand, perhaps taken in before the dataset file was changed.
        Raises: OtherDriversError: the dataset or the demand lacks one of these drivers.
        """
        self.check_drivers(demand, dataset, region_item)
        return series_features(demand, self.as_known(dataset), self.facts, region_item)

    def check_drivers(self, demand: pd.DataFrame, dataset: Dataset, region_item: RegionItem) -> None:
        """Whether dataset and demand have the drivers that the model was trained with.

        Raises: OtherDriversError: they lack one.
        """
        there = drivers_in(demand, self.as_known(dataset))
        if lacking := [name for name in self.drivers if name not in there]:
            raise OtherDriversError(f"it was trained with {', '.join(lacking)}, and the stored demand of {region_item} "
                                    "has no such values; take its demand in again")

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
        return (_answer(fit.boosters, rows, self.columns, threads),
                *([_answer(fit.seeing, rows, self.seeing_columns, threads)] if fit.seeing else []))

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
                known[differs] = _answer(boosters, rows[differs], columns, threads)
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
                         "seeing": list(fit.seeing),
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
                             {scale: booster(number, f"seeing-{scale}") for scale in fit.get("seeing", ())})
                         for number, fit in enumerate(details["fits"])
                         if not latest_only or number == len(details["fits"]) - 1)
            return cls(Recipe(**details["recipe"]), tuple(details["feature_names"]), tuple(details["columns"]),
                       PanelFacts.from_json(details["facts"]), fits, details["card"], details["horizon_inflation"],
                       version, tuple(details.get("seeing_columns", ())))
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


def content_of(folder: Path, file: str, contents: Contents | None) -> bytes:
    """What a model's file holds: as it was read already, or else as it is on disk.

    Raises: KeyError, OSError: there is no such file.
    """
    return (folder / file).read_bytes() if contents is None else contents[file]


def save_booster(booster: "xgb.Booster", file: Path) -> None:
    """Write a booster as UBJSON; byte for byte what XGBoost writes, whose own error on a full disk says nothing of it.

    Raises: OSError: it cannot be written.
    """
    file.write_bytes(booster.save_raw("ubj"))


def booster_of(content: bytes) -> "xgb.Booster":
    """The booster that a file holds.

    Raises: XGBoostError: the file is damaged, as far as XGBoost can tell; ValueError: it is empty.
    """
    import xgboost as xgb

    if not content:
        raise ValueError("a booster's file is empty")
    return xgb.Booster(params={"nthread": 1}, model_file=bytearray(content))


def bounded(ratio: Floats, series: SeriesFeatures, origins: Ints, leads: Ints) -> Floats:
    """Demand over level as units, corrected as part of its total: never negative, never far above the largest demand
    seen."""
    largest = series.largest[origins]
    most = np.where(largest > 0, CAP * largest, CAP_OF_NEW * series.level[origins])
    return np.clip(ratio * series.of_total(origins, leads) * series.level[origins], 0.0, most)


def used_columns(names: Sequence[str], recipe: Recipe, dataset: Dataset, facts: PanelFacts) -> tuple[int, ...]:
    """The places of the features that the recipe uses; where it is the mean of both ways, of the boosters that do not
    see the drivers which have an effect."""
    return tuple(place for place, name in enumerate(names)
                 if not name.startswith((EFFECT, SEEN, PLANNED)) and not is_of_effect(name, facts.effects)
                 and (recipe.year_features or not is_of_last_year(name, dataset)))


def seeing_columns(names: Sequence[str], recipe: Recipe, dataset: Dataset) -> tuple[int, ...]:
    """The same of the boosters that see them beside others, in the order that they have where they are alone; none
    where the recipe is one way."""
    if recipe.drivers != "mean":
        return ()
    places = {name: place for place, name in enumerate(names)}
    return tuple(places.get(f"{SEEN}{name}", place) for name, place in places.items()
                 if not name.startswith((EFFECT, SEEN, PLANNED))
                 and (recipe.year_features or not is_of_last_year(name, dataset)))


def training_rows(series: SeriesFeatures, region_item: RegionItem, wanted: int) -> TrainingRows:
    """So many pairs of origin and lead whose target is known, drawn evenly; always the same ones.

    Raises: NotEnoughHistoryError: there is no origin with a warm-up behind it.
    """
    horizon = series.dataset.horizon
    origins = np.arange(first_origin(series.demand, series.known, series.dataset), series.known - 1)
    pairs = len(origins) * horizon
    drawn = np.arange(pairs)
    if pairs > wanted:
        generator = np.random.default_rng(crc32(region_item.key.encode()))
        drawn = np.sort(generator.choice(pairs, wanted, replace=False, shuffle=False))
    origin, lead = origins[drawn // horizon], drawn % horizon + 1
    use = origin + lead < series.known
    origin, lead = origin[use], lead[use]
    use = ~np.isnan(series.demand[origin + lead])
    origin, lead = origin[use], lead[use]
    level, target = series.level[origin], origin + lead
    return TrainingRows(series.rows(origin, lead), series.demand[target] / level, series.effect[target], level,
                        series.dates.to_numpy()[target].astype("datetime64[D]"))


def fit_boosters(rows: TrainingRows, recipe: Recipe, columns: Sequence[int],
                 constraints: Sequence[int]) -> "dict[Scale, xgb.Booster]":
    """The recipe's boosters, fitted on the rows, one after the other on the same histogram bins and one thread.

    Raises: NotEnoughHistoryError: no row.
    """
    import xgboost as xgb

    if not len(rows.ratio):
        raise NotEnoughHistoryError("no training row")
    weight = rows.level * rows.effect / (rows.level * rows.effect).mean()
    signs = str(tuple(int(constraints[place]) for place in columns))
    cleared = rows.ratio / rows.effect
    labels = {"log": np.log1p(cleared), "tweedie": cleared}
    matrix = xgb.QuantileDMatrix(rows.features[:, list(columns)], weight=weight, max_bin=BINS, nthread=1)

    def fit(scale: Scale) -> "xgb.Booster":
        matrix.set_label(labels[scale])
        objective = {"objective": "reg:squarederror"} if scale == "log" else {
            "objective": "reg:tweedie", "tweedie_variance_power": TWEEDIE_POWER}
        return xgb.train({
            **objective, "tree_method": "hist", "max_bin": BINS, "nthread": 1, "seed": 0, "max_depth": recipe.depth,
            "eta": recipe.learning_rate, "min_child_weight": recipe.min_child_weight, "subsample": recipe.subsample,
            "colsample_bytree": recipe.columns, "lambda": recipe.regularisation, "monotone_constraints": signs,
        }, matrix, num_boost_round=recipe.rounds)

    return {scale: fit(scale) for scale in recipe.members}


def _answer(boosters: "dict[Scale, xgb.Booster]", rows: Rows, columns: Sequence[int], threads: int = 1) -> Floats:
    """The mean of the boosters, as demand over level; shape (n,)."""
    used = rows[:, list(columns)]

    def of(some: Rows) -> Floats:
        return np.asarray(np.mean([
            inverse(scale)(booster.inplace_predict(some, predict_type="margin").astype(np.float64))
            for scale, booster in boosters.items()], axis=0))

    if threads == 1 or len(used) < ROWS_OF_A_THREAD:
        return of(used)
    with ThreadPoolExecutor(threads) as pool:
        return np.concatenate(list(pool.map(of, np.array_split(used, threads))))


def inverse(scale: Scale) -> Callable[[Floats], Floats]:
    """From a booster's margin to demand over level."""
    return np.expm1 if scale == "log" else np.exp
