"""What a class of model must do to compete. A plug-in imports nothing of this: it has these attributes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from demand_assets.forecasting.series.gapped import Floats


@dataclass(frozen=True)
class History:
    """What is known of one region-item at the end of a period, and planned for the periods after it."""

    dates: npt.NDArray[np.datetime64]
    """First days of consecutive periods, oldest first, from the first known demand on; shape (n,)."""
    demand: Floats
    """In units; NaN where unknown: missing, or out of stock. Shape (n,)."""
    drivers: Mapping[str, Floats]
    """Name -> values as they came; NaN where unknown; a category is one column for each value (``weather=rain``), 0 or
    1. Shape (n,)."""
    future_dates: npt.NDArray[np.datetime64]
    """Of the periods to forecast; shape (horizon,)."""
    future: Mapping[str, Floats]
    """The same drivers as they were planned at the last date; shape (horizon,)."""
    frequency: str
    """``D``, ``W``, ``M`` or ``Q``."""
    season_lengths: tuple[int, ...]
    """In periods, shortest first."""
    options: Mapping[str, Any]
    """The class's entries in the dataset file."""

    @property
    def horizon(self) -> int:
        """Periods to forecast."""
        return len(self.future_dates)

    @property
    def season(self) -> int:
        """The shortest season, in periods."""
        return self.season_lengths[0]


@dataclass(frozen=True)
class Capabilities:
    """What a class can do."""

    drivers: bool = False
    """Whether a planned driver moves its forecasts; else scenarios of these region-items change nothing, and say so."""
    explains: bool = False
    """Whether its fits have ``explain``."""
    needs_to_fit: tuple[str, ...] = ()
    """Modules that must be installed where models are trained."""
    needs_to_forecast: tuple[str, ...] = ()
    """Modules that must be installed wherever its models forecast, in the web app too; best none."""


class Fitted(Protocol):
    """A fitted model of one region-item."""

    def predict(self, history: History) -> Floats:
        """Expected demand of each period after the history, in units; shape (horizon,), no NaN.

        The history may be longer than the one it was fitted on: it forecasts from the end of what it is given, with
        what it learned. Intervals are not its affair: they are made of its errors in the backtest, as those of XGBoost.
        """

    def save(self) -> dict[str, Any]:
        """All that ``load`` needs, as JSON types; nothing is pickled."""


class Explaining(Fitted, Protocol):
    """A fitted model of a class that ``explains``."""

    def explain(self, history: History) -> Mapping[str, Floats]:
        """Contributions that add up to ``predict``, in units, by name; each of shape (horizon,)."""


class ModelClass(Protocol):
    """What an entry point of the group ``demand_assets.models`` names."""

    title: str
    """For pages."""
    capabilities: Any
    """``Capabilities``, or any object with some of its attributes."""

    def fit(self, history: History) -> Fitted:
        """A model that has learned the history; its future is not to be looked at."""

    def load(self, saved: dict[str, Any]) -> Fitted:
        """What ``save`` gave, as a model again."""


def without_gaps(history: History) -> Floats:
    """The demand with each unknown period as one season before it, else as the mean of what is known."""
    demand = history.demand.copy()
    usual = float(np.nanmean(demand)) if not np.isnan(demand).all() else 0.0
    for place in np.flatnonzero(np.isnan(demand)):
        before = place - history.season
        demand[place] = demand[before] if before >= 0 else usual
    return demand
