"""Totals over region-items and over periods, with intervals and deciles from errors that came together."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import NormalDist
from typing import Any, Self

import numpy as np
import pandas as pd

from demand_assets.forecasting.contract.periods import Dates
from demand_assets.forecasting.model.intervals import (
    DECILE_NAMES,
    DECILES,
    LEVELS,
    ErrorPaths,
    Spread,
    bounds,
    deciles_of,
)
from demand_assets.forecasting.series.gapped import Floats

PATHS_NEEDED = 4
"""Common past origins below which errors of region-items count as independent."""
PATH_WEIGHT = 6.0
"""Weight of what is expected of errors over a horizon against what the paths show, in paths."""
_PACKED = np.dtype("<f4")
_BOUND_ROWS = 1 + 2 * len(LEVELS)
_SPREAD_ROWS = 3 + len(DECILES)
_SHARES = np.linspace(0.001, 0.999, 999)
_NORMAL = np.array([NormalDist().inv_cdf(share) for share in _SHARES])
LEAST_ZEROS = 1e-3
"""Share of zeros of a sum below which it is as if it were never zero."""
MOST_SKEWED = 4.0
"""Skewness up to which a gamma distribution stands for a sum; what is more skewed is so by its outermost errors."""
HARDLY_SKEWED = 1e-4
"""Below it a gamma distribution is a normal one."""
FARTHEST_OFF = 5.0
"""Deviations: no decile of a distribution is farther from its mean, so what is farther was left by rounding."""


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
    spread: Spread | None = None
    """Of scaled errors, what deciles need; None where they are not known."""

    def interval(self, coverage: float = 0.8) -> tuple[Floats, Floats]:
        """Lower and upper bound of each lead, in units.

        Args:
            coverage: one of ``intervals.LEVELS``.
        """
        return bounds(self.forecast, self.scale, self.lower, self.upper, coverage)

    def deciles(self) -> Floats | None:
        """The nine deciles of each lead, in units, shape (h, 9); None where they are not known."""
        return deciles_of(self.forecast, self.scale, self.spread) if self.spread else None

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
            "inflation": self.horizon_inflation,
            **({"spread": self.spread.numbers} if self.spread else {})}).encode()
        numbers = np.concatenate([self.forecast, self.scale, *(np.asarray(path) for path in self.paths.scaled)])
        return len(header).to_bytes(4, "little") + header + numbers.astype(_PACKED).tobytes()

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """What ``to_bytes`` gave."""
        header, end = _header(content)
        rows = np.frombuffer(content, _PACKED, offset=end).astype(float).reshape(-1, len(header["steps"]))
        spread = header.get("spread")  # which earlier releases did not note
        return cls(days_of((header["first"], header["steps"])), rows[0], rows[1],
                   tuple(header["lower"]), tuple(header["upper"]),
                   ErrorPaths(tuple(header["origins"]), tuple(rows[2:])), header["inflation"],
                   Spread.of_numbers(spread) if spread else None)


def _header(content: bytes) -> tuple[dict[str, Any], int]:
    """What ``Part.to_bytes`` wrote before the numbers, and where these begin."""
    end = 4 + int.from_bytes(content[:4], "little")
    return json.loads(content[4:end]), end


def forecast_of(content: bytes) -> tuple["Span", Floats]:
    """The span and the forecast of what ``Part.to_bytes`` gave, in units."""
    header, end = _header(content)
    steps = tuple(header["steps"])
    return (header["first"], steps), np.frombuffer(content, _PACKED, len(steps), end).astype(float)


@dataclass(frozen=True)
class Bounds:
    """A total with its interval, in units."""

    forecast: float
    lower: float
    upper: float
    deciles: tuple[float, ...] = ()
    """The nine deciles, where they were asked for and are known."""


@dataclass(frozen=True)
class Deciles:
    """The nine deciles of a total, in units."""

    by_date: pd.DataFrame
    """The date, and a column for each of ``DECILE_NAMES``."""
    over_all: tuple[float, ...]


def by_date(parts: Sequence[Part], coverage: float = 0.8, signed: bool = False) -> pd.DataFrame:
    """The sum over region-items for each date: date, forecast, lower, upper.

    Half-widths are added as if errors were independent (root of the sum of squares), times the inflation that the
    joint error paths show. Dates that some region-items do not reach hold the sum of the others; a date that a single
    one reaches has its interval.

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
    inflation = np.where(np.bincount(place) > 1, _across(_joint(parts)), 1.0)
    return pd.DataFrame({"date": dates.astype("datetime64[ns]"), "forecast": forecast,
                         "lower": np.maximum(forecast - inflation * np.sqrt(below), -np.inf if signed else 0.0),
                         "upper": forecast + inflation * np.sqrt(above)})


def total_deciles(parts: Sequence[Part], signed: bool = False) -> Deciles | None:
    """The deciles of the sum over region-items, for each date and over all; None where those of a part are not known.

    Errors are added as if they were independent, mean squares and mean cubes, which make a gamma distribution beside
    the share of zeros; what a part's own deciles are off that counts the less, the more parts there are. All of it is
    as much wider as the joint error paths show, as intervals are. A single part has its own deciles.

    Args:
        signed: as for ``by_date``.
    """
    if not parts or any(part.spread is None for part in parts):
        return None
    alike: dict[int, list[Part]] = {}
    for part in parts:
        alike.setdefault(len(part.dates), []).append(part)
    dates, place = np.unique(np.concatenate([part.dates for some in alike.values() for part in some]),
                             return_inverse=True)
    each = np.concatenate([_spread_rows(np.stack([part.forecast for part in some]), np.stack(
        [part.scale for part in some]), _numbers(some), signed).reshape(_SPREAD_ROWS, -1) for some in alike.values()],
        axis=1)
    forecast = np.asarray(np.bincount(place, np.concatenate(
        [part.forecast for some in alike.values() for part in some])), dtype=np.float64)
    inflation: Floats = np.where(np.bincount(place) > 1, _across(_joint(parts)), 1.0)
    found = _told(forecast, np.stack([np.bincount(place, row) for row in each]), inflation, signed)
    own = parts[0].deciles() if len(parts) == 1 and not signed else None
    total = RunningTotal(signed=signed)
    for part in parts:
        total.add(part)
    over_all = _told(np.array([total.forecast]), each.sum(axis=1, keepdims=True), np.array([total.over_time()]), signed)
    return _deciles(dates, found if own is None else own, over_all)


@dataclass
class RunningTotal:
    """A sum over region-items and all their periods, to which parts and other such sums are added one after the other.

    It holds as little of a hundred thousand parts as of ten.
    """

    coverage: float = 0.8
    """One of ``intervals.LEVELS``."""
    signed: bool = False
    """Whether the parts are differences (``Part.minus``), which may be below zero."""
    size: int = 0
    """Parts in it."""
    forecast: float = 0.0
    below: float = 0.0
    """Sum of the squared distances from the forecast to the lower bound; ``above`` to the upper one."""
    above: float = 0.0
    inflation: float = 0.0
    """Sum over the parts."""
    errors: dict[tuple[str, ...], "_ErrorSums"] = field(default_factory=dict)
    """By the origins that the parts' paths have."""

    def add(self, part: Part) -> None:
        """Take in one region-item."""
        below, above = _squares(part, self.coverage, self.signed)
        scaled = part.paths.table if part.paths.origins else np.zeros((0, len(part.scale)))
        errors = scaled[:, :len(part.scale)] * part.scale[:scaled.shape[1]]
        self._grow(1, float(part.forecast.sum()), float(below.sum()), float(above.sum()), part.horizon_inflation)
        self._grow_errors(part.paths.origins, _ErrorSums(1, errors, errors**2))

    def merge(self, other: "RunningTotal") -> None:
        """Take in all parts of another sum of the same coverage; no part may be in both."""
        self._grow(other.size, other.forecast, other.below, other.above, other.inflation)
        for origins, sums in other.errors.items():
            self._grow_errors(origins, sums)

    def bounds(self) -> Bounds:
        """The total with its interval.

        Raises: ValueError: nothing was added yet.
        """
        if not self.size:
            raise ValueError("a total of no region-items has no interval; add at least one")
        inflation = self.over_time()
        lower = self.forecast - inflation * float(np.sqrt(self.below))
        return Bounds(self.forecast, lower if self.signed else max(lower, 0.0),
                      self.forecast + inflation * float(np.sqrt(self.above)))

    def to_json(self) -> dict[str, Any]:
        """As JSON types."""
        return {"coverage": self.coverage, "signed": self.signed, "size": self.size, "forecast": self.forecast,
                "below": self.below, "above": self.above, "inflation": self.inflation,
                "errors": [[list(origins), sums.size, sums.summed.shape[1], sums.summed.tolist(), sums.squared.tolist()]
                           for origins, sums in self.errors.items()]}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """What ``to_json`` gave."""
        errors = {tuple(origins): _ErrorSums(size, *np.array(both, dtype=float).reshape(2, len(origins), leads))
                  for origins, size, leads, *both in content["errors"]}
        return cls(**{**content, "errors": errors})

    def _grow(self, size: int, forecast: float, below: float, above: float, inflation: float) -> None:
        self.size += size
        self.forecast += forecast
        self.below += below
        self.above += above
        self.inflation += inflation

    def _grow_errors(self, origins: tuple[str, ...], sums: "_ErrorSums") -> None:
        known = self.errors.get(origins)
        self.errors[origins] = sums if known is None else known.plus(sums)

    def over_time(self) -> float:
        """Error of the sum over region-items and periods, over the root of the sum of squared errors."""
        expected = (self.inflation / self.size) ** 2
        joint = self.joint()
        if joint is None:
            return float(np.sqrt(expected))
        squares = float(joint.squared.sum())
        shown = float((joint.summed.sum(axis=1) ** 2).sum()) / squares if squares else expected
        across = float((joint.summed**2).sum()) / squares if squares else 1.0
        paths = len(joint.summed)
        return float(np.sqrt((paths * shown + PATH_WEIGHT * expected * across) / (paths + PATH_WEIGHT)))

    def joint(self) -> "_ErrorSums | None":
        """Errors at common origins, summed over region-items; None where there are too few, as ``_joint``."""
        common = set.intersection(*(set(origins) for origins in self.errors))
        if len(common) < PATHS_NEEDED:
            counts: Counter[str] = Counter()
            for origins, sums in self.errors.items():
                counts.update(dict.fromkeys(origins, sums.size))
            common = {origin for origin, count in counts.items() if 2 * count > self.size}
        members = {origins: sums for origins, sums in self.errors.items() if common.issubset(origins)}
        if len(common) < PATHS_NEEDED or 2 * sum(sums.size for sums in members.values()) <= self.size:
            return None
        joint = None
        for origins, sums in members.items():
            at_common = sums.at([place for place, origin in enumerate(origins) if origin in common])
            joint = at_common if joint is None else joint.plus(at_common)
        return joint


@dataclass(frozen=True)
class _ErrorSums:
    """Errors of several region-items along the same paths."""

    size: int
    summed: Floats
    """Over region-items, in units; shape (paths, leads)."""
    squared: Floats
    """Sum of squares over region-items, of the same shape."""

    def plus(self, other: "_ErrorSums") -> "_ErrorSums":
        """Of the region-items of both, at the leads that both have."""
        leads = min(self.summed.shape[1], other.summed.shape[1])
        return _ErrorSums(self.size + other.size, self.summed[:, :leads] + other.summed[:, :leads],
                          self.squared[:, :leads] + other.squared[:, :leads])

    def at(self, places: list[int]) -> "_ErrorSums":
        """The paths at these places."""
        return _ErrorSums(self.size, self.summed[places], self.squared[places])


Span = tuple[str, tuple[int, ...]]
"""Of a forecast: its first date, ISO, and the days from there to each of its periods."""


@dataclass
class SummedParts:
    """Parts of many region-items, summed by lead: their totals of any coverage, and over the first periods, follow
    without the parts.

    Sums of sums are those of all parts, up to rounding (some 1e-12 of them).
    """

    size: int = 0
    """Parts in it."""
    inflation: float = 0.0
    """Sum over the parts."""
    ahead: dict[Span, Floats] = field(default_factory=dict)
    """Forecast in units, then for each of ``LEVELS`` the squared distances to the lower and to the upper bound, summed
    over the parts of these periods, then what deciles need (``_spread_rows``); shape (1 + 2 * levels + 2 + deciles, h).
    """
    errors: dict[tuple[str, ...], _ErrorSums] = field(default_factory=dict)
    """By the origins that the parts' paths have."""
    sizes: dict[Span, int] = field(default_factory=dict)
    """How many parts ``ahead`` sums up."""
    lacking: int = 0
    """Parts in it whose deciles are not known."""

    @classmethod
    def of(cls, parts: Iterable[Part]) -> Self:
        """The sum of parts."""
        alike: dict[tuple[bytes, tuple[str, ...], tuple[int, ...]], list[Part]] = {}
        for part in parts:
            alike.setdefault((part.dates.tobytes(), part.paths.origins, part.paths.table.shape), []).append(part)
        found = cls()
        for (_, origins, _), some in alike.items():
            forecast, scale = (np.stack([getattr(part, name) for part in some]) for name in ("forecast", "scale"))
            lower, upper = (np.array([getattr(part, side) for part in some]) for side in ("lower", "upper"))
            scaled = np.stack([part.paths.table for part in some]) if origins else np.zeros((len(some), 0, scale.shape[
                1]))
            leads = min(scaled.shape[2], scale.shape[1])
            errors = scaled[:, :, :leads] * scale[:, None, :leads]
            found.add(cls(len(some), sum(part.horizon_inflation for part in some),
                          {span_of(some[0].dates): _rows(forecast, scale, lower, upper, _numbers(some))},
                          {origins: _ErrorSums(len(some), errors.sum(axis=0), (errors**2).sum(axis=0))},
                          {span_of(some[0].dates): len(some)}, sum(part.spread is None for part in some)))
        return found

    @classmethod
    def of_bytes(cls, contents: Iterable[bytes]) -> Self:
        """The sum of what ``Part.to_bytes`` gave of each; many at once take a tenth of reading each."""
        alike: dict[tuple[str, tuple[int, ...], tuple[str, ...]], list[tuple[dict[str, Any], bytes]]] = {}
        for content in contents:
            header, end = _header(content)
            alike.setdefault((header["first"], tuple(header["steps"]), tuple(header["origins"])), []).append(
                (header, content[end:]))
        found = cls()
        for (first, steps, origins), some in alike.items():
            values = np.frombuffer(b"".join(numbers for _, numbers in some), _PACKED).astype(float).reshape(
                len(some), -1, len(steps))
            scale = values[:, 1]
            errors = values[:, 2:] * scale[:, None]
            lower, upper = (np.array([header[side] for header, _ in some], dtype=float) for side in ("lower", "upper"))
            spreads = [header.get("spread") for header, _ in some]
            numbers = np.array([each or _NOT_KNOWN for each in spreads], dtype=float)
            found.add(cls(len(some), sum(header["inflation"] for header, _ in some),
                          {(first, steps): _rows(values[:, 0], scale, lower, upper, numbers)},
                          {origins: _ErrorSums(len(some), errors.sum(axis=0), (errors**2).sum(axis=0))},
                          {(first, steps): len(some)}, sum(each is None for each in spreads)))
        return found

    def add(self, other: "SummedParts", times: int = 1) -> None:
        """Take in all parts of another sum; or, ``times`` -1, take those out that are in it."""
        self.size += times * other.size
        self.inflation += times * other.inflation
        self.lacking += times * other.lacking
        for span, rows in other.ahead.items():
            self.ahead[span] = self.ahead[span] + times * rows if span in self.ahead else times * rows
            self.sizes[span] = self.sizes.get(span, 0) + times * other.sizes[span]
        for origins, sums in other.errors.items():
            more = _ErrorSums(times * sums.size, times * sums.summed, times * sums.squared)
            known = self.errors.get(origins)
            self.errors[origins] = more if known is None else known.plus(more)

    def first(self, periods: int) -> "SummedParts":
        """The same of the first so many periods of each part; to be added to without changing this one."""
        found = SummedParts(self.size, self.inflation, {}, {
            origins: _ErrorSums(sums.size, sums.summed[:, :periods], sums.squared[:, :periods])
            for origins, sums in self.errors.items()}, lacking=self.lacking)
        for (day, steps), rows in self.ahead.items():
            span, kept = (day, steps[:periods]), rows[:, :periods]
            found.ahead[span] = found.ahead[span] + kept if span in found.ahead else kept
            found.sizes[span] = found.sizes.get(span, 0) + self.sizes[day, steps]
        return found

    def by_date(self, coverage: float = 0.8) -> pd.DataFrame:
        """As ``by_date`` of the parts. Raises: ValueError: nothing was added yet."""
        self._check()
        place = 1 + 2 * LEVELS.index(coverage)
        dates, (forecast, below, above), inflation = self._on_dates([0, place, place + 1])
        return pd.DataFrame({"date": dates.astype("datetime64[ns]"), "forecast": forecast,
                             "lower": np.maximum(forecast - inflation * _root(below), 0.0),
                             "upper": forecast + inflation * _root(above)})

    def over_all(self, coverage: float = 0.8) -> Bounds:
        """As ``over_all`` of the parts. Raises: ValueError: nothing was added yet."""
        self._check()
        return self._total(coverage).bounds()

    def deciles(self) -> Deciles | None:
        """As ``total_deciles`` of the parts; None where those of a part are not known."""
        if not self.size or self.lacking:
            return None
        dates, (forecast, *rows), inflation = self._on_dates([0, *range(_BOUND_ROWS, _BOUND_ROWS + _SPREAD_ROWS)])
        spread = np.stack(rows)
        over_all = _told(np.array([forecast.sum()]), spread.sum(axis=1, keepdims=True),
                         np.array([self._total(LEVELS[0]).over_time()]))
        return _deciles(dates, _told(forecast, spread, inflation), over_all)

    def _on_dates(self, rows: Sequence[int]) -> tuple[Dates, list[Floats], Floats]:
        """The dates, of each of them these rows of ``ahead``, and how much wider the sum is than of independent
        errors."""
        dates, at = np.unique(np.concatenate([days_of(span) for span in self.ahead]), return_inverse=True)
        found = [np.bincount(at, np.concatenate([its[row] for its in self.ahead.values()])).astype(np.float64)
                 for row in rows]
        joint = self._total(LEVELS[0]).joint()
        squares = float(joint.squared.sum()) if joint is not None else 0.0
        across = float(np.sqrt((joint.summed**2).sum() / squares)) if joint is not None and squares > 0 else 1.0
        reach = np.bincount(at, np.concatenate([np.full(len(span[1]), self.sizes[span]) for span in self.ahead]))
        return dates, found, np.where(reach > 1, across, 1.0)

    def _check(self) -> None:
        if not self.size:
            raise ValueError("a total of no region-items has no interval; add at least one")

    def _total(self, coverage: float) -> RunningTotal:
        place = 1 + 2 * LEVELS.index(coverage)
        forecast, below, above = (float(sum(rows[row].sum() for rows in self.ahead.values()))
                                  for row in (0, place, place + 1))
        return RunningTotal(coverage, False, self.size, forecast, max(below, 0.0), max(above, 0.0), self.inflation,
                            {origins: sums for origins, sums in self.errors.items() if sums.size})

    def packed(self) -> tuple[dict[str, Any], list[Floats]]:
        """What ``unpacked`` reads: JSON types, and arrays."""
        header = {"size": self.size, "inflation": self.inflation, "lacking": self.lacking,
                  "ahead": [[*span, self.sizes[span]] for span in self.ahead],
                  "errors": [[list(origins), sums.size, sums.summed.shape[1]] for origins, sums in self.errors.items()]}
        return header, [*(rows[:_BOUND_ROWS] for rows in self.ahead.values()),
                        *(each for sums in self.errors.values() for each in (sums.summed, sums.squared))]

    def packed_spread(self) -> list[Floats]:
        """What ``take_spread`` reads; it stands behind all else that is stored, where earlier releases do not look."""
        return [rows[_BOUND_ROWS:] for rows in self.ahead.values()]

    @classmethod
    def unpacked(cls, header: Mapping[str, Any], take: Callable[[int, int], Floats]) -> Self:
        """What ``packed`` gave; no deciles are known of it until ``take_spread``.

        Args:
            take: the next array, of so many rows and columns.
        """
        ahead = {(first, tuple(steps)): np.concatenate([take(_BOUND_ROWS, len(steps)), np.zeros((
            _SPREAD_ROWS, len(steps)))]) for first, steps, *_ in header["ahead"]}
        errors = {tuple(origins): _ErrorSums(size, take(len(origins), leads), take(len(origins), leads))
                  for origins, size, leads in header["errors"]}
        sizes = {(first, tuple(steps)): size[0] if size else header["size"]  # which earlier releases did not note
                 for first, steps, *size in header["ahead"]}
        return cls(header["size"], header["inflation"], ahead, errors, sizes, header["size"])

    def take_spread(self, header: Mapping[str, Any], take: Callable[[int, int], Floats]) -> None:
        """Read what ``packed_spread`` gave; what earlier releases stored has none. Arguments as for ``unpacked``."""
        if "lacking" in header:
            for rows in self.ahead.values():
                rows[_BOUND_ROWS:] = take(_SPREAD_ROWS, rows.shape[1])
            self.lacking = header["lacking"]


def _rows(forecast: Floats, scale: Floats, lower: Floats, upper: Floats, numbers: Floats) -> Floats:
    """``SummedParts.ahead`` of n parts of the same periods.

    Args:
        forecast: shape (n, h), as the scale.
        lower: quantiles of scaled errors, shape (n, levels), as the upper ones.
        numbers: as for ``_spread_rows``.
    """
    sides = [each.T[:, :, None] for each in (lower, upper)]
    found = [forecast]
    for coverage in LEVELS:
        low, high = bounds(forecast, scale, sides[0], sides[1], coverage)
        found += [(forecast - low) ** 2, (high - forecast) ** 2]
    return np.stack([each.sum(axis=0) for each in (*found, *_spread_rows(forecast, scale, numbers))])


_NOT_KNOWN = (np.nan,) * _SPREAD_ROWS


def _numbers(parts: Sequence[Part]) -> Floats:
    """``Spread.numbers`` of each part, NaN where they are not known; shape (n, numbers)."""
    return np.array([part.spread.numbers if part.spread else _NOT_KNOWN for part in parts], dtype=float)


def _spread_rows(forecast: Floats, scale: Floats, numbers: Floats, signed: bool = False) -> Floats:
    """What adds up of n parts whose errors are independent: mean squares, mean cubes, the logarithm of the share of
    zeros, and how far each decile is off what these say of it (``_gamma``), times the cube of the deviation; in units,
    shape (3 + deciles, n, h).

    Of n alike the last sum, over the cube of the sum's deviation, falls with the root of n, as the distribution of a
    sum comes nearer to that of its mean squares and cubes.

    Args:
        forecast: shape (n, h), as the scale.
        numbers: ``Spread.numbers`` of each, shape (n, numbers); those that are NaN count for nothing.
        signed: as for ``by_date``.
    """
    known = np.nan_to_num(numbers)
    spread, deviation, skew, zeros = known[:, :-3].T[:, :, None], known[:, -3:-2], known[:, -2:-1], known[:, -1:]
    skewness = np.divide(skew, deviation, out=np.zeros_like(skew), where=deviation > 0) ** 3
    offsets, expected = scale * spread, scale * (deviation * _standard(skewness))
    deviation = np.abs(scale) * deviation
    nothing = np.zeros_like(forecast)
    if signed:  # below zero the highest errors make the lowest differences
        offsets, expected = np.sort(offsets, axis=0), np.sort(expected, axis=0)
    else:
        offsets = np.maximum(offsets, -forecast)
        # the deciles of this forecast say between which tenths the share of its zeros lies
        tenths = (offsets <= -forecast).sum(axis=0)
        nothing = np.where(deviation > 0, np.clip(zeros, tenths / 10, np.minimum(tenths + 1, 9.5) / 10), 0.0)
        some = nothing > LEAST_ZEROS
        expected[:, some] = _gamma(forecast[some], deviation[some], np.broadcast_to(skewness, some.shape)[some],
                                   nothing[some]) - forecast[some]
    return np.concatenate([[deviation**2, (scale * skew) ** 3, np.log(np.maximum(nothing, LEAST_ZEROS**2))],
                           (offsets - expected) * deviation**3])


def _told(forecast: Floats, rows: Floats, inflation: Floats, signed: bool = False) -> Floats:
    """The deciles of sums, in units, shape (n, 9).

    Args:
        forecast: shape (n,), as ``inflation``: how much wider they are than of independent errors.
        rows: sums of ``_spread_rows``, shape (3 + deciles, n).
    """
    independent = _root(rows[0])
    rest = np.divide(rows[1:], independent**3, out=np.zeros_like(rows[1:]), where=independent > 0)
    off = np.clip(rest[2:], -FARTHEST_OFF * independent, FARTHEST_OFF * independent)
    # where errors come together, zeros do
    zeros = np.divide(rows[2], inflation**2, out=np.full_like(rows[2], -np.inf),
                      where=(independent > 0) & (inflation > 0))
    nothing = np.zeros_like(forecast) if signed else np.exp(np.minimum(zeros, 0.0))
    found = np.maximum.accumulate(_gamma(forecast, inflation * independent, rest[0], nothing) + inflation * off, axis=0)
    return (found if signed else np.maximum(found, 0.0)).T


def _gamma(mean: Floats, deviation: Floats, skewness: Floats, nothing: Floats) -> Floats:
    """Deciles of sums that are zero in a share of the periods, and else have a gamma distribution that is moved and
    stretched to what is left of mean, deviation and skewness; shape (9, n).

    Args:
        mean: shape (n,), as the others.
        nothing: share of zeros.
    """
    nothing = np.where(nothing > LEAST_ZEROS, np.minimum(nothing, 0.95), 0.0)
    sold = 1 - nothing
    centre, second = mean / sold, (mean**2 + deviation**2) / sold
    third = (skewness * deviation**3 + 3 * mean * deviation**2 + mean**3) / sold
    width = np.where(nothing > 0, np.sqrt(np.maximum(second - centre**2, 0.0)), deviation)
    cube = np.divide(third - 3 * centre * second + 2 * centre**3, width**3, out=np.zeros_like(mean), where=width > 0)
    share = (np.array(DECILES)[:, None] - nothing) / sold
    found = centre + width * _standard(np.where(nothing > 0, cube, skewness), np.interp(share, _SHARES, _NORMAL))
    return np.where((share <= 0) & (nothing > 0), 0.0, found)


def _standard(skewness: Floats, normal: Floats | None = None) -> Floats:
    """Quantiles of a gamma distribution that is moved and stretched to mean 0 and deviation 1, of any skewness.
    Source: Wilson and Hilferty (1931).

    Args:
        skewness: of any shape.
        normal: quantiles of the normal distribution, of the same shape behind the first axis; deciles unless given.
    """
    skewed = np.clip(skewness, -MOST_SKEWED, MOST_SKEWED)
    skewed = np.where(np.abs(skewed) < HARDLY_SKEWED, HARDLY_SKEWED, skewed)
    if normal is None:
        normal = np.interp(DECILES, _SHARES, _NORMAL).reshape(-1, *(1,) * skewed.ndim)
    return np.asarray(2 / skewed * (np.maximum(1 + skewed * normal / 6 - skewed**2 / 36, 0.0) ** 3 - 1))


def _deciles(dates: Dates, table: Floats, over_all: Floats) -> Deciles:
    """As they are told; shapes (dates, 9) and (1, 9)."""
    return Deciles(pd.DataFrame({"date": dates.astype("datetime64[ns]"),
                                 **dict(zip(DECILE_NAMES, table.T, strict=True))}),
                   tuple(over_all[0].tolist()))


def span_of(dates: Dates) -> Span:
    """The span of these dates."""
    days = dates.astype("datetime64[D]")
    return str(days[0]), tuple((days - days[0]).astype(int).tolist())


def days_of(span: Span) -> Dates:
    """The dates of a span."""
    first, steps = span
    return np.datetime64(first, "D") + np.array(steps)


def _root(squares: Floats) -> Floats:
    """Of sums of squares, from which others may have been taken: what is left of nothing may be below zero."""
    return np.asarray(np.sqrt(np.maximum(squares, 0.0)))


def over_all(parts: Iterable[Part], coverage: float = 0.8, signed: bool = False) -> Bounds:
    """The sum over region-items and all their periods, with its interval, in units.

    Args:
        signed: as for ``by_date``.
    Raises: ValueError: there is no part.
    """
    total = RunningTotal(coverage, signed)
    for part in parts:
        total.add(part)
    return total.bounds()


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
        scaled = part.paths.table[[origin in common for origin in part.paths.origins]]
        errors.append(scaled[:, :shortest] * part.scale[:shortest])
    return np.stack(errors)
