"""Contests whose right outcome is known: two forecasters of known quality, on simulated demand."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from demand_assets.forecasting.dataset import load_dataset
from demand_assets.forecasting.intervals import demand_class
from demand_assets.forecasting.promotion import Contestant
from demand_assets.sources.simulated import Simulation
from demand_assets.sources.simulated_world import World

Floats = npt.NDArray[np.float64]
Data = Literal["first model", "same demand", "newer demand"]
Way = Literal["noisy", "biased", "stale"]

DATASET = Path(__file__).parent.parent / "datasets" / "simulated.toml"
REGIONS, ITEMS, TODAY = 40, 24, "2026-01-01"
WINDOWS, HORIZON, SEASON = 3, 28, 7
FUTURE_WINDOWS, DRAWS = 13, 60
"""The truth is an average over so many horizons ahead and so many draws of noise and of each forecaster's errors."""
KINDS = ("smooth", "erratic", "intermittent")
DATA: tuple[Data, ...] = ("first model", "same demand", "newer demand")
GAINS = {"better by 5-20 %": (0.05, 0.20), "better by 1-5 %": (0.01, 0.05), "equal": (0.0, 0.0),
         "worse by 1-5 %": (-0.05, -0.01), "worse by 5-20 %": (-0.20, -0.05)}
"""Classes of contests: by what share of production's true WAPE the candidate's is smaller."""
ERRATIC_SHAPE = 1.2
"""Of the gamma that varies demand around its expectation; the simulation itself has hardly any erratic demand."""
MEMORY = 0.93
"""Share of a forecaster's error that stays from one day to the next."""
SHARED = 0.5
"""Share of the variance of their errors that two forecasters have in common."""
EXCESS = (1.02, 1.15)
"""WAPE of the better forecaster over that of the expected demand itself."""
BISECTIONS = 20


@dataclass(frozen=True)
class Contest:
    """What the gate is shown, and what it is not."""

    kind: str
    data: Data
    gain_class: str
    gain: float
    """The truth: by what share of what serves now's WAPE the candidate's is smaller."""
    actual: Floats
    """Shape (windows, horizon), in units; so are the forecasts."""
    candidate: Contestant
    production: Contestant | None
    seasonal_naive: Floats


@dataclass(frozen=True)
class Market:
    """Demand of one region-item around the origins, as it is expected."""

    kind: str
    expected: Floats
    """Shape (SEASON-aligned horizon before, windows, horizons of the future) in days, in units."""
    shape: float

    def sold(self, expected: Floats, generator: np.random.Generator) -> Floats:
        """One draw of demand, by the simulation's law."""
        return generator.poisson(expected * generator.gamma(self.shape, 1 / self.shape, expected.shape)).astype(float)

    @property
    def windows(self) -> slice:
        """The judged days."""
        return slice(HORIZON, HORIZON * (1 + WINDOWS))


@dataclass(frozen=True)
class Forecaster:
    """The expected demand, distorted."""

    spread: float
    """Standard deviation of the logarithm of its distortion, which wanders from day to day."""
    bias: float = 0.0
    """Logarithm of a constant factor."""

    def forecast(self, expected: Floats, wandering: Floats) -> Floats:
        """Forecasts in units of the shape of both: expected demand, and distortions of unit variance."""
        return expected * np.exp(self.bias + self.spread * wandering - self.spread**2 / 2)


class Truth:
    """The expected WAPE of any forecaster over the year that follows.

    Of single days; where most days sell nothing, of totals over the horizon, since there the forecast with the smallest
    WAPE of single days is zero.
    """

    def __init__(self, market: Market, generator: np.random.Generator) -> None:
        self._totals = market.kind == "intermittent"
        days = np.tile(market.expected[market.windows.stop - HORIZON:], (DRAWS, 1))
        sold = market.sold(days, generator)
        self._expected = days[:, HORIZON:].reshape(DRAWS, FUTURE_WINDOWS, HORIZON)
        self._sold = sold[:, HORIZON:].reshape(DRAWS, FUTURE_WINDOWS, HORIZON)
        self._wandering = wandering((DRAWS, FUTURE_WINDOWS, HORIZON), generator)
        self.seasonal_naive = self._wape(seasonal_naive(sold))
        self.floor = self._wape(self._expected)

    def wape(self, forecaster: Forecaster) -> float:
        """Of that forecaster."""
        return self._wape(forecaster.forecast(self._expected, self._wandering))

    def errors(self, forecaster: Forecaster) -> Floats:
        """Actual minus forecast over the root of the forecast, so that its intervals can be honest."""
        forecast = forecaster.forecast(self._expected, self._wandering)
        return np.asarray((self._sold - forecast) / np.sqrt(forecast))

    def _wape(self, forecast: Floats) -> float:
        sold, made = (table.sum(axis=-1) if self._totals else table for table in (self._sold, forecast))
        return float(np.abs(sold - made).sum() / sold.sum())


def contests(count: int, seed: int) -> Iterator[Contest]:
    """So many contests, of each class alike."""
    generator = np.random.default_rng(seed)
    markets = _Markets(seed)
    classes = [(kind, data, name) for name in GAINS for data in DATA for kind in KINDS]
    made = 0
    while made < count:
        kind, data, name = classes[made % len(classes)]
        contest = _contest(markets.one(kind, generator), data, name, generator)
        if contest is not None:
            made += 1
            yield contest


def wandering(shape: tuple[int, ...], generator: np.random.Generator) -> Floats:
    """Distortions of unit variance that wander along the last axis."""
    noise = generator.standard_normal(shape)
    walk = noise.copy()
    for day in range(1, shape[-1]):
        walk[..., day] = MEMORY * walk[..., day - 1] + np.sqrt(1 - MEMORY**2) * noise[..., day]
    return walk


def seasonal_naive(sold: Floats) -> Floats:
    """The last season before each window, repeated: from days, one horizon before the windows first, to windows."""
    days = sold.reshape(*sold.shape[:-1], -1, HORIZON)
    return np.tile(days[..., :-1, -SEASON:], HORIZON // SEASON)


class _Markets:
    """Region-items of each kind of demand."""

    def __init__(self, seed: int) -> None:
        dataset = load_dataset(DATASET)
        source = dataset.source.model_copy(
            update={"regions": REGIONS, "items": ITEMS, "years": 2.2, "today": TODAY, "seed": seed})
        self._simulation = Simulation(dataset.model_copy(update={"source": source}))
        self._world = World(seed, False, "D")
        self._waiting = list(np.random.default_rng(seed).permutation(np.array(
            self._simulation.catalogue().region_items, dtype=object)))
        self._found: dict[str, list[tuple[Floats, float]]] = {"smooth": [], "intermittent": []}

    def one(self, kind: str, generator: np.random.Generator) -> Market:
        """One of that kind of demand, at any time of the year; erratic ones have a smooth one's expected demand."""
        days = HORIZON * (1 + WINDOWS + FUTURE_WINDOWS)
        source = "smooth" if kind == "erratic" else kind
        while not self._found[source] and self._waiting:
            self._find(days)
        expected, shape = self._found[source].pop(0)
        self._found[source].append((expected, shape))  # after the last comes the first again, at another time
        start = int(generator.integers(len(expected) - days + 1))
        return Market(kind, expected[start:start + days], ERRATIC_SHAPE if kind == "erratic" else shape)

    def _find(self, days: int) -> None:
        region_item = self._waiting.pop()
        table = self._simulation.read([region_item])
        table = table[table["demand"].notna()]
        if len(table) >= days:
            kind = {"lumpy": "intermittent"}.get(name := demand_class(table["demand"].to_numpy()), name)
            if kind in self._found:
                self._found[kind].append((self._simulation.truth(region_item, table),
                                          self._world.traits(region_item).shape))
