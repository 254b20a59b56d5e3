"""Boosters: the rows that they learn from, the features that they see, their fit, what they answer."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Self
from zlib import crc32

import numpy as np
import numpy.typing as npt

from demand_assets.forecasting.contract.recipes import Recipe, Scale
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.features.borrowed_from_others import PanelFacts
from demand_assets.forecasting.features.series_features import (
    EFFECT,
    PLANNED,
    SEEN,
    SeriesFeatures,
    is_of_effect,
    is_of_last_year,
)
from demand_assets.forecasting.model.enough_history import NotEnoughHistoryError, first_origin
from demand_assets.forecasting.series.gapped import Floats, Ints

if TYPE_CHECKING:
    import xgboost as xgb  # seconds of start-up, so it is imported where a booster is made or read

Rows = npt.NDArray[np.float32]
"""Features, shape (n, features)."""

BINS = 64
TWEEDIE_POWER = 1.5
ROWS_OF_BINS = 25_000
"""Training rows on which the bins of features are found, evenly drawn of more: to sort all takes much of a fit."""
HALVED_FROM = 100_000
"""Training rows from which on two boosters that are taken together learn from a half each: between them from all."""
ROWS_OF_A_THREAD = 2000
"""Rows from which on several threads ask the boosters of them, where there are several."""


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

    def before(self, date: np.datetime64, most: int | None = None) -> "TrainingRows":
        """The rows whose target is not after that date, an even choice of them where they are more than ``most``; at
        least half as many then. Only what is chosen is copied, and nothing where it is all."""
        places = np.flatnonzero(self.date <= date)
        if most is not None:
            places = places[_evenly(len(places), most)]
        return self if len(places) == len(self.date) else self.where(places)

    def at_most(self, rows: int) -> "TrainingRows":
        """An even choice of them where they are more than so many; at least half as many then."""
        return self.where(_evenly(len(self.ratio), rows))

    def as_seen(self, names: Sequence[str]) -> "TrainingRows":
        """The same for boosters that see the drivers: demand is not cleared of them, and nor is the level."""
        times = np.exp((self.features[:, names.index(f"{SEEN}level")] - self.features[:, names.index("level")]
                        ).astype(np.float64))
        return replace(self, ratio=self.ratio / times, effect=np.ones(len(self.ratio)), level=self.level * times)

    def where(self, which: "slice | npt.NDArray[np.bool_] | Ints") -> "TrainingRows":
        """Those of them that are chosen."""
        return TrainingRows(*(getattr(self, column.name)[which] for column in fields(self)))

    @classmethod
    def joined(cls, parts: "Sequence[TrainingRows]") -> Self:
        """All of them in one."""
        return cls(*(np.concatenate([getattr(part, column.name) for part in parts]) for column in fields(cls)))


def _evenly(of: int, most: int) -> slice:
    """An even choice of so many rows, at least half of ``most`` where they are more."""
    return slice(None, None, max(1, -(-of // most)))


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


def seen_by(rows: Rows, columns: Sequence[int]) -> Rows:
    """These columns of the rows, row by row in memory, as XGBoost reads them: by columns, as an index leaves them, a
    matrix takes a third longer to make."""
    return np.take(rows, columns, axis=1)


def training_rows(series: SeriesFeatures, region_item: RegionItem, wanted: int,
                  rows_of: Callable[[SeriesFeatures, Ints, Ints], Rows] = SeriesFeatures.rows) -> TrainingRows:
    """So many pairs of origin and lead whose target is known, drawn evenly; always the same ones.

    Args:
        rows_of: makes the features of pairs of an origin and a lead.
    Raises: NotEnoughHistoryError: there is no origin with a warm-up behind it; and what ``rows_of`` raises.
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
    return TrainingRows(rows_of(series, origin, lead), series.demand[target] / level, series.effect[target], level,
                        series.dates.to_numpy()[target].astype("datetime64[D]"))


def fit_boosters(rows: TrainingRows, recipe: Recipe, columns: Sequence[int],
                 constraints: Sequence[int], first_half: Scale = "log") -> "dict[Scale, xgb.Booster]":
    """The recipe's boosters, fitted on the rows, one after the other on one thread.

    From ``HALVED_FROM`` rows on, where the recipe has two, each learns from every other pair of origin and lead, drawn:
    neighbours say nearly the same, and the mean of both has seen all.

    Args:
        first_half: which of them learns from the first half.
    Raises: NotEnoughHistoryError: no row.
    """
    bins = _bins_of(rows, columns)
    if len(recipe.members) == 2 and len(rows.ratio) >= HALVED_FROM:
        half = np.random.default_rng(0).random(len(rows.ratio)) < 0.5
        return {scale: _fitted(rows, replace(recipe, scale=scale), columns, constraints, bins, np.flatnonzero(
            half if scale == first_half else ~half))[scale] for scale in recipe.members}
    return _fitted(rows, recipe, columns, constraints, bins)


def fit_on_all(rows: TrainingRows, recipe: Recipe, columns: Sequence[int],
               constraints: Sequence[int]) -> "dict[Scale, xgb.Booster]":
    """As ``fit_boosters``, each on all rows, however many.

    Raises: NotEnoughHistoryError: no row.
    """
    return _fitted(rows, recipe, columns, constraints, _bins_of(rows, columns))


def _bins_of(rows: TrainingRows, columns: Sequence[int]) -> "xgb.QuantileDMatrix | None":
    """What knows the bins of the features, found on some of the rows; None where all are few."""
    if len(rows.ratio) <= ROWS_OF_BINS:
        return None
    return _matrix(rows.at_most(ROWS_OF_BINS), columns, None)


def _matrix(rows: TrainingRows, columns: Sequence[int], bins: "xgb.QuantileDMatrix | None",
            places: Ints | None = None) -> "xgb.QuantileDMatrix":
    """Of these rows, all unless given; of a row only these columns are ever copied."""
    import xgboost as xgb

    weight = rows.level * rows.effect
    if places is None:
        seen = seen_by(rows.features, columns)
    else:
        seen, weight = rows.features[np.ix_(places, np.asarray(columns, dtype=np.int64))], weight[places]
    return xgb.QuantileDMatrix(seen, weight=weight / weight.mean(), max_bin=BINS, nthread=1, ref=bins)


def _fitted(rows: TrainingRows, recipe: Recipe, columns: Sequence[int], constraints: Sequence[int],
            bins: "xgb.QuantileDMatrix | None", places: Ints | None = None) -> "dict[Scale, xgb.Booster]":
    import xgboost as xgb

    if not len(rows.ratio):
        raise NotEnoughHistoryError("no training row")
    signs = str(tuple(int(constraints[place]) for place in columns))
    cleared = rows.ratio / rows.effect
    if places is not None:
        cleared = cleared[places]
    labels = {"log": np.log1p(cleared), "tweedie": cleared}
    matrix = _matrix(rows, columns, bins, places)

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


def mean_answer(boosters: "dict[Scale, xgb.Booster]", rows: Rows, columns: Sequence[int], threads: int = 1) -> Floats:
    """The mean of the boosters, as demand over level; shape (n,)."""
    used = seen_by(rows, columns)

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
