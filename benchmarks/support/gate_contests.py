"""Contests whose right outcome is known: forecasters of known quality on simulated demand."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from demand_assets.forecasting.dataset.dataset_file import load_dataset
from demand_assets.forecasting.gate.gate import Contestant
from demand_assets.forecasting.series.demand_class import demand_class
from demand_assets.sources.simulated.source import Simulation
from demand_assets.sources.simulated.world import World

Floats = npt.NDArray[np.float64]

DATASET = Path(__file__).resolve().parents[2] / "datasets" / "simulated.toml"
REGIONS, ITEMS, YEARS, TODAY = 40, 24, 2.0, "2026-01-01"
WINDOWS, HORIZON, SEASON = 3, 28, 7
FUTURE_WINDOWS, DRAWS = 13, 60
"""The truth is a mean over so many horizons ahead and so many draws of demand and of the forecaster's errors."""
DAYS = HORIZON * (1 + WINDOWS + FUTURE_WINDOWS)
KINDS = ("smooth", "erratic", "intermittent")
DATA = ("first model", "same demand", "newer demand")
GAINS = {"better by 5-20 %": (0.05, 0.20), "better by 1-5 %": (0.01, 0.05), "equal": (0.0, 0.0),
         "worse by 1-5 %": (-0.05, -0.01), "worse by 5-20 %": (-0.20, -0.05)}
"""By what share the candidate's true WAPE is smaller than that of what serves now."""
ERRATIC_SHAPE = 1.2
"""Of the gamma that varies demand around its expectation; hardly any simulated demand is erratic by itself."""
STOCK_OUT, STOCK_OUT_DAYS = 0.14, 6
"""Share of the contests whose windows hold a stock-out, as often as simulated demand does."""
MEMORY = 0.93
"""Share of a forecaster's error that stays from one day to the next."""
SHARED = 0.5
"""Share of the variance of their errors that two forecasters have in common."""
EXCESS = (1.02, 1.15)
"""WAPE of the better forecaster over that of the expected demand itself."""
BISECTIONS, LARGEST = 18, 1.6
CLOSE = 0.003


@dataclass(frozen=True)
class Contest:
    """What the gate is shown, and the truth, which it is not."""

    kind: str
    data: str
    gain_class: str
    gain: float
    """By what share the candidate's true WAPE is smaller than that of what serves now."""
    actual: Floats
    """Shape (windows, horizon), in units, as all forecasts."""
    candidate: Contestant
    production: Contestant | None
    seasonal_naive: Floats


@dataclass(frozen=True)
class Forecaster:
    """The expected demand, distorted."""

    spread: float
    """Standard deviation of the logarithm of a distortion that wanders from day to day."""
    bias: float = 0.0
    """Logarithm of a constant factor."""
    biased_from: int = 0
    """The first judged day with that bias: later than 0 for a model that a structural break has made stale."""

    def forecast(self, expected: Floats, wandering: Floats) -> Floats:
        """In units; shape as both arguments."""
        return expected * np.exp(self.bias + self.spread * wandering - self.spread**2 / 2)


@dataclass(frozen=True)
class Market:
    """The demand to expect of one region-item: a horizon before the windows, the windows, and the horizons after."""

    kind: str
    expected: Floats
    shape: float

    def sold(self, expected: Floats, generator: np.random.Generator) -> Floats:
        """A draw of demand by the law of the simulation."""
        return generator.poisson(expected * generator.gamma(self.shape, 1 / self.shape, expected.shape)).astype(float)


class Truth:
    """The WAPE to expect of any forecaster over the year after the windows.

    Of single days; for intermittent demand of totals over the horizon, since a forecast of zero has the smallest WAPE
    of single days where most of them sell nothing.
    """

    def __init__(self, market: Market, generator: np.random.Generator) -> None:
        self._totals = market.kind == "intermittent"
        days = np.tile(market.expected[-HORIZON * (1 + FUTURE_WINDOWS):], (DRAWS, 1))
        sold = market.sold(days, generator)
        self._expected, self._sold = (_windows(table)[:, 1:] for table in (days, sold))
        self._wandering = wandering(self._sold.shape, generator)
        self.seasonal_naive = self._wape(seasonal_naive(sold))
        self.floor = self._wape(self._expected)

    def wape(self, forecaster: Forecaster) -> float:
        """Of that forecaster."""
        return self._wape(forecaster.forecast(self._expected, self._wandering))

    def worsened(self, forecaster: Forecaster, wanted: float, way: str) -> Forecaster | None:
        """That forecaster made ``noisy``, ``too high`` or ``too low``, with the wanted WAPE; None if it never has."""
        low, high = 0.0, LARGEST
        tried = forecaster
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            tried = (replace(forecaster, spread=forecaster.spread + middle) if way == "noisy" else
                     replace(forecaster, bias=middle if way == "too high" else -middle))
            low, high = (middle, high) if self.wape(tried) < wanted else (low, middle)
        return tried if abs(self.wape(tried) / wanted - 1) < CLOSE else None

    def scaled_errors(self, forecaster: Forecaster) -> Floats:
        """Actual minus forecast, over the root of the forecast."""
        forecast = forecaster.forecast(self._expected, self._wandering)
        return np.asarray((self._sold - forecast) / np.sqrt(forecast))

    def _wape(self, forecast: Floats) -> float:
        sold, made = (table.sum(axis=-1) if self._totals else table for table in (self._sold, forecast))
        return float(np.abs(sold - made).sum() / sold.sum())


def contests(count: int, seed: int) -> Iterator[Contest]:
    """So many contests, of each class alike; the same for the same seed."""
    generator, markets = np.random.default_rng(seed), Markets(seed)
    classes = [(kind, data, name) for name in GAINS for data in DATA for kind in KINDS]
    made = 0
    while made < count:
        kind, data, name = classes[made % len(classes)]
        contest = _contest(markets.one(kind, generator), data, name, generator)
        if contest is not None:
            made += 1
            yield contest


def played(market: Market, truth: Truth, candidate: Forecaster, production: Forecaster | None,
           generator: np.random.Generator) -> tuple[Floats, Contestant, Contestant | None, Floats]:
    """Actual demand of the windows and what candidate, production and seasonal naive forecast for them."""
    days = market.expected[:HORIZON * (1 + WINDOWS)]
    sold = market.sold(days, generator)
    if generator.uniform() < STOCK_OUT:
        start = HORIZON + int(generator.integers(HORIZON * WINDOWS - STOCK_OUT_DAYS))
        sold[start:start + STOCK_OUT_DAYS] = 0.0
    shared = wandering((WINDOWS, HORIZON), generator)

    def shown(forecaster: Forecaster) -> Contestant:
        own = wandering((WINDOWS, HORIZON), generator)
        forecast = forecaster.forecast(_windows(days)[1:], np.sqrt(SHARED) * shared + np.sqrt(1 - SHARED) * own)
        forecast.reshape(-1)[:forecaster.biased_from] *= np.exp(-forecaster.bias)
        low, high = np.quantile(truth.scaled_errors(forecaster), (0.1, 0.9))
        return Contestant(forecast, np.maximum(forecast + low * np.sqrt(forecast), 0.0),
                          forecast + high * np.sqrt(forecast), "2026-01-01", "newer", {"name": "candidate"})

    return (_windows(sold)[1:], shown(candidate), shown(production) if production else None, seasonal_naive(sold))


def wandering(shape: tuple[int, ...], generator: np.random.Generator) -> Floats:
    """Distortions of unit variance that wander along the last axis."""
    walk = generator.standard_normal(shape)
    walk[..., 1:] *= np.sqrt(1 - MEMORY**2)
    for day in range(1, shape[-1]):
        walk[..., day] += MEMORY * walk[..., day - 1]
    return walk


def seasonal_naive(sold: Floats) -> Floats:
    """The last season before each window, repeated; days begin one horizon before the first window."""
    return np.tile(_windows(sold)[..., :-1, -SEASON:], HORIZON // SEASON)


class Markets:
    """The simulated region-items of each kind of demand.

    Args:
        seed: another seed, other region-items.
    """

    def __init__(self, seed: int) -> None:
        dataset = load_dataset(DATASET)
        source = dataset.source.model_copy(
            update={"regions": REGIONS, "items": ITEMS, "years": YEARS, "today": TODAY, "seed": seed})
        self._simulation = Simulation(dataset.model_copy(update={"source": source}))
        self._world = World(seed, confounded=False, frequency="D")
        found = self._simulation.catalogue().region_items
        self._waiting = [found[place] for place in np.random.default_rng(seed).permutation(len(found))]
        self._unused: dict[str, list[tuple[Floats, float]]] = {"smooth": [], "intermittent": []}
        self._used: dict[str, list[tuple[Floats, float]]] = {"smooth": [], "intermittent": []}

    def one(self, kind: str, generator: np.random.Generator) -> Market:
        """One of that kind of demand, at any time of the year; erratic ones have a smooth one's expected demand."""
        source = "smooth" if kind == "erratic" else kind
        while not self._unused[source] and self._waiting:
            self._find()
        if not self._unused[source]:  # the same again, at another time
            self._unused[source], self._used[source] = self._used[source], []
        expected, shape = self._unused[source].pop()
        self._used[source].append((expected, shape))
        start = int(generator.integers(len(expected) - DAYS + 1))
        return Market(kind, expected[start:start + DAYS], ERRATIC_SHAPE if kind == "erratic" else shape)

    def _find(self) -> None:
        region_item = self._waiting.pop()
        table = self._simulation.read([region_item])
        table = table[table["demand"].notna()]
        kind = demand_class(table["demand"].to_numpy()).replace("lumpy", "intermittent")
        if len(table) >= DAYS and kind in self._unused:
            self._unused[kind].append((self._simulation.truth(region_item, table),
                                       self._world.traits(region_item).shape))


def _contest(market: Market, data: str, gain_class: str, generator: np.random.Generator) -> Contest | None:
    """One contest of that class; None where no forecaster is so good or so bad on this demand."""
    truth, gain = Truth(market, generator), generator.uniform(*GAINS[gain_class])
    production: Forecaster | None = None
    if data == "first model":
        candidate = truth.worsened(Forecaster(0.0), truth.seasonal_naive * (1 - gain), "noisy")
    else:
        better = truth.worsened(Forecaster(0.0), truth.floor * generator.uniform(*EXCESS), "noisy")
        if better is None:
            return None
        wanted = truth.wape(better) * (1 / (1 - gain) if gain > 0 else 1 - gain)
        way = str(generator.choice(["noisy", "noisy", "too high", "too low"]))
        worse = truth.worsened(better, wanted, way) if gain else better
        if worse is None:
            return None
        candidate, production = (better, worse) if gain >= 0 else (worse, better)
        if gain > 0 and data == "newer demand" and way != "noisy":
            production = replace(worse, biased_from=int(generator.integers(2 * HORIZON)))
    if candidate is None:
        return None
    serves = truth.wape(production) if production else truth.seasonal_naive
    actual, mine, theirs, naive = played(market, truth, candidate, production, generator)
    if theirs is not None:
        older = {"trained_to": "2025-11-01", "data_hash": "older"} if data == "newer demand" else {}
        theirs = replace(theirs, recipe={"name": "production"}, **older)
    return Contest(market.kind, data, gain_class, 1 - truth.wape(candidate) / serves, actual, mine, theirs, naive)


def _windows(days: Floats) -> Floats:
    return days.reshape(*days.shape[:-1], -1, HORIZON)
