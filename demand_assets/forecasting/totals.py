"""Totals over region-items and over periods, with intervals from errors that came together."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.intervals import LEVELS, bounds
from demand_assets.forecasting.model import ErrorPaths
from demand_assets.forecasting.trailing import Floats

Dates = npt.NDArray[np.datetime64]

PATHS_NEEDED = 4
"""Common past origins below which errors of region-items count as independent."""
PATH_WEIGHT = 6.0
"""Weight of what is expected of errors over a horizon against what the paths show, in paths."""
_PACKED = np.dtype("<f4")


@dataclass(frozen=True)
class Part:
    """The forecast of one region-item, as a chart and a total need it."""

    dates: Dates
    """Of each lead, shape (h,), in days."""
    forecast: Floats
    """Shape (h,), in units."""
    scale: Floats
    """What a scaled error of 1 is at each lead, in units; shape (h,)."""
    lower: tuple[float, ...]
    """For each of ``intervals.LEVELS`` the lower quantile of scaled errors, at most 0."""
    upper: tuple[float, ...]
    """The upper quantile, at least 0."""
    paths: ErrorPaths = field(default_factory=ErrorPaths)
    horizon_inflation: float = 1.0

    def interval(self, coverage: float = 0.8) -> tuple[Floats, Floats]:
        """Lower and upper bound of each lead, in units.

        Args:
            coverage: one of ``intervals.LEVELS``.
        """
        return bounds(self.forecast, self.scale, self.lower, self.upper, coverage)

    def times(self, prices: Floats) -> Self:
        """In money: everything in units times the price of each lead, shape (h,)."""
        return replace(self, forecast=self.forecast * prices, scale=self.scale * prices)

    def minus(self, plan: Self) -> Self:
        """The difference of a scenario from the plan by the same model: a part for totals that are ``signed``.

        What nobody foresees strikes both alike: each is its forecast plus its scale times the same error. So the scale
        of the difference is the difference of the scales, below zero where the scenario's is the smaller.
        """
        return replace(self, forecast=self.forecast - plan.forecast, scale=self.scale - plan.scale)

    def to_bytes(self) -> bytes:
        """A compact form, of which thousands are read in a moment; numbers in single precision."""
        header = json.dumps({
            "first": str(self.dates[0]), "steps": (self.dates - self.dates[0]).astype(int).tolist(),
            "lower": self.lower, "upper": self.upper, "origins": self.paths.origins,
            "inflation": self.horizon_inflation}).encode()
        numbers = np.concatenate([self.forecast, self.scale, *(np.asarray(path) for path in self.paths.scaled)])
        return len(header).to_bytes(4, "little") + header + numbers.astype(_PACKED).tobytes()

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """What ``to_bytes`` gave."""
        end = 4 + int.from_bytes(content[:4], "little")
        header = json.loads(content[4:end])
        periods = len(header["steps"])
        rows = np.frombuffer(content, _PACKED, offset=end).astype(float).reshape(-1, periods)
        return cls(np.datetime64(header["first"], "D") + np.array(header["steps"]), rows[0], rows[1],
                   tuple(header["lower"]), tuple(header["upper"]),
                   ErrorPaths(tuple(header["origins"]), tuple(rows[2:])), header["inflation"])


@dataclass(frozen=True)
class Bounds:
    """A total with its interval, in units."""

    forecast: float
    lower: float
    upper: float


def by_date(parts: Sequence[Part], coverage: float = 0.8, signed: bool = False) -> pd.DataFrame:
    """The sum over region-items for each date: date, forecast, lower, upper.

    Half-widths are added as if errors were independent (root of the sum of squares), times the inflation that the
    joint error paths show. Dates that some region-items do not reach hold the sum of the others.

    Args:
        signed: the parts are differences (``Part.minus``), which may be below zero.
    """
    if len(parts) == 1 and not signed:
        low, high = parts[0].interval(coverage)
        return pd.DataFrame({"date": parts[0].dates.astype("datetime64[ns]"), "forecast": parts[0].forecast,
                             "lower": low, "upper": high})
    dates, place = np.unique(np.concatenate([part.dates for part in parts]), return_inverse=True)
    forecast, below, above = (np.bincount(place, np.concatenate(values)) for values in zip(
        *((part.forecast, *_squares(part, coverage, signed)) for part in parts), strict=True))
    inflation = _across(_joint(parts))
    return pd.DataFrame({"date": dates.astype("datetime64[ns]"), "forecast": forecast,
                         "lower": np.maximum(forecast - inflation * np.sqrt(below), -np.inf if signed else 0.0),
                         "upper": forecast + inflation * np.sqrt(above)})


def over_all(parts: Sequence[Part], coverage: float = 0.8, signed: bool = False) -> Bounds:
    """The sum over region-items and all their periods, with its interval, in units.

    Args:
        signed: as for ``by_date``.
    """
    forecast = float(sum(part.forecast.sum() for part in parts))
    below, above = (float(sum(values.sum() for values in sides)) for sides in zip(
        *(_squares(part, coverage, signed) for part in parts), strict=True))
    inflation = _over_time(parts)
    lower = float(forecast - inflation * np.sqrt(below))
    return Bounds(forecast, lower if signed else max(lower, 0.0), float(forecast + inflation * np.sqrt(above)))


def _squares(part: Part, coverage: float, signed: bool) -> tuple[Floats, Floats]:
    if signed:
        place = LEVELS.index(coverage)
        sides = np.sort([part.scale * part.lower[place], part.scale * part.upper[place]], axis=0)
        return sides[0] ** 2, sides[1] ** 2
    low, high = part.interval(coverage)
    return (part.forecast - low) ** 2, (high - part.forecast) ** 2


def _across(joint: Floats | None) -> float:
    """Error of the sum over region-items at a date, over the root of the sum of squared errors."""
    if joint is None:
        return 1.0
    squares = float((joint**2).sum())
    return float(np.sqrt((joint.sum(axis=0) ** 2).sum() / squares)) if squares else 1.0


def _over_time(parts: Sequence[Part]) -> float:
    """Error of the sum over region-items and periods, over the root of the sum of squared errors."""
    expected = float(np.mean([part.horizon_inflation for part in parts])) ** 2
    joint = _joint(parts)
    if joint is None:
        return float(np.sqrt(expected))
    squares = (joint**2).sum(axis=(0, 2))
    shown = float((joint.sum(axis=(0, 2)) ** 2).sum() / squares.sum()) if squares.sum() else expected
    across = _across(joint) ** 2
    count = joint.shape[1]
    return float(np.sqrt((count * shown + PATH_WEIGHT * expected * across) / (count + PATH_WEIGHT)))


def _joint(parts: Sequence[Part]) -> Floats | None:
    """Errors in units at common origins, shape (region-items, paths, leads); None where there are too few.

    Where some region-items have none of the origins that most have, the errors are those of the others.
    """
    common = set.intersection(*(set(part.paths.origins) for part in parts))
    members = parts
    if len(common) < PATHS_NEEDED:
        counts = Counter(origin for part in parts for origin in part.paths.origins)
        common = {origin for origin, count in counts.items() if 2 * count > len(parts)}
        members = [part for part in parts if common.issubset(part.paths.origins)]
        if len(common) < PATHS_NEEDED or 2 * len(members) <= len(parts):
            return None
    shortest = min(len(part.scale) for part in members)
    errors = []
    for part in members:
        scaled = np.asarray([path for origin, path in zip(part.paths.origins, part.paths.scaled, strict=True)
                             if origin in common])
        errors.append(scaled[:, :shortest] * part.scale[:shortest])
    return np.stack(errors)
