"""Intervals from backtest errors: what is kept with a model so that its doubt can be drawn.

An error is measured in multiples of the scale of its forecast, which grows with a power of the forecast and with the
lead (``Scaling``). The shape of such errors is learned from all region-items of one class of demand, their size from
the region-item's own.

Beside the intervals, each of which holds so much of what comes, stand the nine deciles of each forecast (``Spread``).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from demand_assets.forecasting.series.gapped import Floats, Ints

LEVELS = (0.5, 0.8, 0.95)
DECILES = tuple(tenth / 10 for tenth in range(1, 10))
DECILE_NAMES = tuple(f"p{100 * share:.0f}" for share in DECILES)
"""Of columns and fields."""
ENOUGH_ERRORS = 150
"""Errors that a class of demand needs for a shape of its own."""
ENOUGH_AT_LEAD = 60
"""Errors at each lead that let growth follow them; else a straight line is drawn through all."""
SIZE_WEIGHT = 8.0
"""Weight of the class's usual size against that of the region-item's errors, in errors."""
ERRORS_OF_UNKNOWN = 20_000
"""Errors of a class at most, drawn by chance, always the same, by which those of region-items without errors of their
own are told."""
ERRORS_OF_SPREAD = 100_000
"""As many tell the deciles of a class, drawn by chance, always the same: more make them no truer and cost a sort."""
FARTHEST_OFF = 20.0
"""An error counts as so many times the usual size, or the median, at most: those of one forecast of a level that was
next to nothing, which no later one is like, would make intervals hundreds of times too wide."""
MOST_INDEPENDENT = 2.0
"""Times the periods, at most: of so many independent errors are intervals made, however little those of a period have
in common, for what comes to a whole window is hardly seen in the few windows there are."""
TELLING_HORIZONS = 5
"""Horizons of errors from which on it is asked what those of a period have in common; with fewer, all of it."""
USUAL_POWER = 0.5
"""Of Poisson-like demand; errors in proportion to the forecast have power 1."""
POWERS = (0.3, 1.0)
GROUPS = 8
SPREAD_NEEDED = 0.7
"""Of the logarithm of forecast over level, for its power to be measured."""
SMALLEST_SHARE = 0.05
"""Of the level; smaller forecasts have no smaller errors."""
NEXT_TO_NOTHING = 0.05
"""Share of the forecast below which a lower bound is zero, so that selling nothing is inside."""
EVERYONE = "all"
BISECTIONS = 16
ROUNDING = 1e-12
OUTERMOST = 0.005
"""Of the errors at either end, which count no farther than the others in what sums of many need."""
DIGITS = 6
"""Decimals of what is stored of a spread, in multiples of a size of error."""


@dataclass(frozen=True)
class Errors:
    """Errors of forecasts that had not seen their actuals."""

    difference: Floats
    """Actual minus forecast in units, shape (n,); NaN where the actual is unknown."""
    forecast: Floats
    level: Floats
    """Demand level at the origin, in units."""
    lead: Ints
    target: Ints
    """The period of the actual."""

    @classmethod
    def joined(cls, parts: "Sequence[Errors]") -> Self:
        """All of them in one."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts])
                     for name in ("difference", "forecast", "level", "lead", "target")))

    def known(self, until: int | None = None) -> "Errors":
        """Those whose actual is known, and was so at the end of period ``until``."""
        use = ~np.isnan(self.difference)
        if until is not None:
            use &= self.target <= until
        return Errors(self.difference[use], self.forecast[use], self.level[use], self.lead[use], self.target[use])


@dataclass(frozen=True)
class Scaling:
    """How the size of an error grows with the forecast and with the lead."""

    power: float
    """Of the forecast; what is left to one is the power of the level at the origin."""
    growth: tuple[float, ...]
    """At each lead of the horizon, 1 on average."""

    def scale(self, forecast: Floats, level: Floats, leads: Ints) -> Floats:
        """The size of error to expect of forecasts, up to a factor, in units; shape (n,)."""
        growing = np.maximum(forecast, SMALLEST_SHARE * level) / level
        return np.asarray(level * growing**self.power * np.array(self.growth)[leads - 1])

    def scaled(self, errors: Errors) -> Floats:
        """Errors in multiples of their scale."""
        return errors.difference / self.scale(errors.forecast, errors.level, errors.lead)

    @classmethod
    def of(cls, errors: Errors, horizon: int) -> Self:
        """As these errors grow; their actuals are known."""
        power = _power(errors)
        flat = cls(power, (1.0,) * horizon)
        sizes = _held(np.abs(flat.scaled(errors)))
        return cls(power, tuple(float(round(value, 5)) for value in _growth(sizes, errors.lead, horizon)))


@dataclass(frozen=True)
class Spread:
    """How errors are spread, quantile by quantile, and what sums of many need of them; in multiples of a scale."""

    deciles: tuple[float, ...]
    """For each of DECILES; none is below the one before."""
    deviation: float
    """Root of their mean square."""
    skew: float
    """Cube root of the mean cube of what they are off their mean."""
    zeros: float
    """Share of the periods in which nothing was sold."""

    @classmethod
    def of(cls, errors: Floats, is_zero: npt.NDArray[np.bool_], independent: float) -> Self:
        """The spread of these errors.

        Where nothing was sold, an error is only known to be as low as that or lower: a forecast cannot be missed by
        more than all of it. So it is weighed among those that are higher (Kaplan and Meier, 1958, from above), and
        decides nothing of quantiles below it, which lie at zero there.

        Args:
            errors: in multiples of the scale, shape (n,), at least one.
            is_zero: those of periods in which nothing was sold.
            independent: how many independent ones say as much.
        """
        # among equals, those where nothing was sold stand first
        first = np.concatenate([np.flatnonzero(is_zero), np.flatnonzero(~is_zero)])
        order = first[np.argsort(errors[first], kind="stable")]
        ordered, place = errors[order], np.arange(1, len(errors) + 1)
        with np.errstate(divide="ignore"):
            steps = np.where(is_zero[order], 0.0, np.log((place - 1) / place))
        below = np.exp(np.append(np.cumsum(steps[::-1])[::-1], 0.0))  # the share below each, and below one farther up
        is_seen = ~is_zero[order]
        asked = np.array(DECILES)
        asked = np.clip(asked + (asked - 0.5) / (independent + 1), 0.0, 1.0)
        found = np.full(len(asked), ordered[0])
        if is_seen.any():
            middle = (below[:-1] + below[1:])[is_seen] / 2
            quantiles = np.interp(asked, middle, ordered[is_seen])
            found = np.where(asked < below[:-1][is_seen][0], found, quantiles)
        last = len(ordered) - 1
        held = np.clip(ordered, ordered[math.floor(last * OUTERMOST)], ordered[math.ceil(last * (1 - OUTERMOST))])
        told = (*np.maximum.accumulate(found), np.sqrt(np.mean(held**2)), np.cbrt(np.mean((held - held.mean()) ** 3)),
                is_zero.mean())
        return cls.of_numbers([round(float(value), DIGITS) for value in told])

    @property
    def numbers(self) -> tuple[float, ...]:
        """What ``of_numbers`` reads."""
        return (*self.deciles, self.deviation, self.skew, self.zeros)

    @classmethod
    def of_numbers(cls, numbers: Sequence[float]) -> Self:
        """What ``numbers`` gave."""
        *deciles, deviation, skew, zeros = numbers
        return cls(tuple(deciles), deviation, skew, zeros)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any] | None) -> Self | None:
        """What ``dataclasses.asdict`` gave, after JSON; None of models of before there were deciles."""
        return cls(**{**fields, "deciles": tuple(fields["deciles"])}) if fields else None

    def times(self, size: float) -> Self:
        """The same in multiples of a scale that is so many times smaller."""
        return self.of_numbers([*(size * value for value in self.numbers[:-1]), self.zeros])


@dataclass(frozen=True)
class Shape:
    """How scaled errors of one class of demand are spread, in multiples of a region-item's size of error."""

    size: float
    """The usual size: mean absolute error in multiples of the scale."""
    lower: tuple[float, ...]
    """For each of LEVELS, at most 0."""
    upper: tuple[float, ...]
    """For each of LEVELS, at least 0."""
    lower_of_unknown: tuple[float, ...] = ()
    """As ``lower``, in multiples of the usual size, of region-items whose own size is not known: most have a smaller
    one, and some a much larger one. None in models of before this was so, which take ``lower``."""
    upper_of_unknown: tuple[float, ...] = ()
    spread: Spread | None = None
    """What deciles need; None where there are no errors, and in models of before there were deciles."""
    spread_of_unknown: Spread | None = None
    """As ``lower_of_unknown``."""


@dataclass(frozen=True)
class Calibration:
    """Signed error quantiles of one region-item, in multiples of the scale of a forecast, and growth with the lead.

    Split conformal prediction on scaled residuals (Lei et al., 2018, sections 2.2 and 5.2).
    """

    lower: tuple[float, ...]
    """For each of LEVELS, at most 0."""
    upper: tuple[float, ...]
    """For each of LEVELS, at least 0."""
    scaling: Scaling
    spread: Spread | None = None
    """What deciles need, in the same multiples; None where these are not known: without any errors, and of models of
    before there were deciles."""

    @classmethod
    def from_errors(cls, errors: Errors, horizon: int) -> Self:
        """Calibrated on these errors alone."""
        shapes = PanelCalibration.from_errors([errors], [EVERYONE], horizon)
        return cls.of(shapes, errors, EVERYONE)

    @classmethod
    def of(cls, panel: "PanelCalibration", own: Errors | None, demand_class: str) -> Self:
        """The panel's shape at the size of the region-item's own errors, drawn towards the usual size; without errors
        of its own, as errors are spread over all region-items.

        Args:
            own: its errors; None when it has none.
            demand_class: its class of demand.
        """
        shape = panel.shape(demand_class)
        is_unknown = own is None or not len(own.known().difference)
        size = shape.size if own is None else panel.size(own, shape)
        lower, upper = ((shape.lower_of_unknown, shape.upper_of_unknown) if is_unknown and shape.lower_of_unknown
                        else (shape.lower, shape.upper))
        spread = shape.spread_of_unknown if is_unknown else shape.spread
        return cls(tuple(size * value for value in lower), tuple(size * value for value in upper), panel.scaling,
                   spread.times(size) if spread else None)

    def interval(self, forecast: Floats, level: Floats, leads: Ints, coverage: float = 0.8) -> tuple[Floats, Floats]:
        """Lower and upper bound in units; the lower is never negative.

        Args:
            forecast: shape (n,), in units.
            level: demand level at the origin of each, in units.
            leads: periods ahead of each, from 1.
            coverage: one of LEVELS.
        """
        return bounds(forecast, self.scaling.scale(forecast, level, leads), self.lower, self.upper, coverage)

    def deciles(self, forecast: Floats, level: Floats, leads: Ints) -> Floats | None:
        """As ``deciles_of``; arguments as for ``interval``. None where they are not known."""
        scale = self.scaling.scale(forecast, level, leads)
        return deciles_of(forecast, scale, self.spread) if self.spread else None

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """What ``dataclasses.asdict`` gave, after JSON."""
        return cls(tuple(fields["lower"]), tuple(fields["upper"]), _scaling(fields["scaling"]),
                   Spread.from_json(fields.get("spread")))


@dataclass(frozen=True)
class PanelCalibration:
    """The shapes of scaled errors over a panel of region-items, by class of demand."""

    shapes: dict[str, Shape]
    scaling: Scaling

    @classmethod
    def from_errors(cls, errors: Sequence[Errors], classes: Sequence[str], horizon: int) -> Self:
        """Learned from the errors of each region-item.

        Args:
            errors: those of each region-item.
            classes: the class of demand of each.
            horizon: periods.
        """
        known = [part.known() for part in errors]
        scaling = Scaling.of(Errors.joined(known), horizon)
        sizes = [np.abs(scaling.scaled(part)) for part in known]
        shapes = {}
        for name in (EVERYONE, *sorted(set(classes) - {EVERYONE})):
            members = [index for index, own in enumerate(classes) if name in (own, EVERYONE) and len(sizes[index])]
            if name == EVERYONE or sum(len(sizes[index]) for index in members) >= ENOUGH_ERRORS:
                shapes[name] = _shape([known[index] for index in members], [sizes[index] for index in members], scaling)
        return cls(shapes, scaling)

    def shape(self, demand_class: str) -> Shape:
        """The shape of that class, of all where it has none of its own."""
        return self.shapes.get(demand_class, self.shapes[EVERYONE])

    @property
    def has_deciles(self) -> bool:
        """Whether it knows deciles of errors."""
        return any(shape.spread for shape in self.shapes.values())

    def size(self, own: Errors, shape: Shape) -> float:
        """The size of a region-item's errors in multiples of the scale, drawn towards the usual one."""
        sizes = np.minimum(np.abs(self.scaling.scaled(own.known())), FARTHEST_OFF * shape.size)
        return float((sizes.sum() + SIZE_WEIGHT * shape.size) / (len(sizes) + SIZE_WEIGHT))

    def to_json(self) -> dict[str, Any]:
        """As JSON types."""
        return asdict(self)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """What ``to_json`` gave, after JSON."""
        return cls({name: _shape_from_json(shape) for name, shape in fields["shapes"].items()},
                   _scaling(fields["scaling"]))


def bounds(forecast: Floats, scale: Floats, lower: Sequence[float] | Floats, upper: Sequence[float] | Floats,
           coverage: float) -> tuple[Floats, Floats]:
    """Lower and upper bound of forecasts in units; the lower is never negative.

    Args:
        forecast: shape (n,), in units.
        scale: what a scaled error of 1 is, in units; shape (n,).
        lower: quantile of scaled errors for each of LEVELS, at most 0.
        upper: the same above, at least 0.
        coverage: one of LEVELS.
    """
    index = LEVELS.index(coverage)
    low = forecast + lower[index] * scale
    return np.where(low < NEXT_TO_NOTHING * forecast, 0.0, low), forecast + upper[index] * scale


def deciles_of(forecast: Floats, scale: Floats, spread: Spread) -> Floats:
    """The nine deciles of forecasts in units, shape (n, 9): never negative, and none below the one before.

    A decile says which share of what comes lies at it or below. Where zero is frequent, several are zero, and more lies
    there than each says; the share strictly below is then the smaller one.

    Args: as for ``bounds``.
    """
    return np.asarray(np.maximum(forecast[:, None] + scale[:, None] * np.array(spread.deciles), 0.0))


def _shape(errors: Sequence[Errors], sizes: Sequence[Floats], scaling: Scaling) -> Shape:
    """The spread of errors over their region-item's size, which each error has no part in."""
    if not errors:
        return Shape(1.0, (0.0,) * len(LEVELS), (0.0,) * len(LEVELS))
    held = np.split(_held(np.concatenate(sizes)), np.cumsum([len(own) for own in sizes])[:-1])
    usual = float(np.mean(np.concatenate(held))) or 1e-9
    joined = Errors.joined(errors)
    others = np.concatenate([(own.sum() - own + SIZE_WEIGHT * usual) / (len(own) - 1 + SIZE_WEIGHT) for own in held])
    scale = scaling.scale(joined.forecast, joined.level, joined.lead)
    period = np.concatenate([own.target - own.target.max() for own in errors])
    periods = len(np.unique(period))
    most = periods * (MOST_INDEPENDENT if periods >= TELLING_HORIZONS * len(scaling.growth) else 1.0)
    every = np.arange(len(scale))
    some = every if len(every) <= ERRORS_OF_UNKNOWN else np.random.default_rng(0).choice(
        every, ERRORS_OF_UNKNOWN, replace=False, shuffle=False)
    found: list[tuple[float, ...]] = []
    spreads = []
    is_zero = joined.difference == -joined.forecast
    for unit, which, drawn in ((scale * others, every, 0), (scale * usual, some, len(errors))):
        relative, zero = (values[which] for values in (joined.difference / unit, -joined.forecast / unit))
        spread = np.sort(relative)
        low, high = np.quantile(spread, (0.1, 0.9))
        inside = (relative >= low) & (relative <= high)
        # an unknown region-item differs from the others more than one period does from the next
        alone = max(float(np.clip(_independent(inside, period[which]), periods, most)), drawn)
        bounds = [_bounds(spread, relative, zero, min(level * (1 + 1 / (alone + 1)), 1.0)) for level in LEVELS]
        found += [tuple(low for low, _ in bounds), tuple(high for _, high in bounds)]
        telling = (slice(None) if len(which) <= ERRORS_OF_SPREAD else np.random.default_rng(0).choice(
            len(which), ERRORS_OF_SPREAD, replace=False, shuffle=False))
        spreads.append(Spread.of(relative[telling], is_zero[which][telling], alone))
    lower, upper, lower_of_unknown, upper_of_unknown = found
    return Shape(usual, lower, upper, lower_of_unknown, upper_of_unknown, *spreads)


def _shape_from_json(fields: Mapping[str, Any]) -> Shape:
    lower, upper, lower_of_unknown, upper_of_unknown = (
        tuple(fields.get(bound, ())) for bound in ("lower", "upper", "lower_of_unknown", "upper_of_unknown"))
    return Shape(fields["size"], lower, upper, lower_of_unknown, upper_of_unknown, *(
        Spread.from_json(fields.get(name)) for name in ("spread", "spread_of_unknown")))


def _independent(inside: npt.NDArray[np.bool_], cluster: Ints) -> float:
    """How many independent errors say as much of a share as these, of which those of a cluster are more or less alike:
    from clusters to errors (design effect, Kish, 1965; the correlation within clusters by analysis of variance).

    Args:
        inside: what the share is of, shape (n,).
        cluster: of each.
    """
    _, place, count = np.unique(cluster, return_inverse=True, return_counts=True)
    errors, clusters = len(inside), len(count)
    if clusters < 2 or errors == clusters:
        return float(clusters)
    mean = np.bincount(place, weights=inside) / count
    between = float((count * (mean - inside.mean()) ** 2).sum()) / (clusters - 1)
    within = float((count * mean * (1 - mean)).sum()) / (errors - clusters)
    usual = (errors - float((count**2).sum()) / errors) / (clusters - 1)
    total = between + (usual - 1) * within
    common = min(max((between - within) / total, 0.0), 1.0) if total > 0 else 1.0
    return errors / (1 + (usual - 1) * common)


def _held(sizes: Floats) -> Floats:
    """Sizes of errors, none farther off than ``FARTHEST_OFF`` times their median."""
    positive = sizes[sizes > 0]
    return np.minimum(sizes, FARTHEST_OFF * np.median(positive)) if len(positive) else sizes


def _bounds(ordered: Floats, errors: Floats, zero: Floats, level: float) -> tuple[float, float]:
    """Central quantiles of the errors, at the tail where intervals that stop at zero cover the level."""
    last = len(ordered) - 1

    def at(share: float) -> tuple[float, float]:
        tail = (1 - share) / 2  # quantiles of what is ordered already: numpy.quantile would take most of a calibration
        return (min(0.0, float(ordered[math.floor(last * tail)])),
                max(0.0, float(ordered[math.ceil(last * (1 - tail))])))

    low, high = 0.0, 1.0
    for _ in range(BISECTIONS):
        share = (low + high) / 2
        lower, upper = at(share)
        lowest = np.where(lower < (1 - NEXT_TO_NOTHING) * zero, zero, lower)
        covered = np.mean((errors >= lowest - ROUNDING) & (errors <= upper + ROUNDING))
        low, high = (low, share) if covered >= level else (share, high)
    return at(high)


def _growth(sizes: Floats, leads: Ints, horizon: int) -> Floats:
    """Size of the errors at each lead over the mean: smoothed over neighbours, a straight line where they are few."""
    middle = np.ones(horizon)
    if horizon < 2 or len(sizes) < 2 or sizes.sum() == 0:
        return middle
    counts = np.bincount(leads - 1, minlength=horizon)
    if counts.min() >= ENOUGH_AT_LEAD:
        means = np.bincount(leads - 1, weights=sizes, minlength=horizon) / counts
        reach = max(1, horizon // 10)
        padded = np.pad(means, reach, mode="edge")
        smooth = np.convolve(padded, np.ones(2 * reach + 1) / (2 * reach + 1), mode="valid")
        return np.asarray(smooth / smooth.mean())
    slope = float(np.polyfit(leads, sizes / sizes.mean(), 1)[0])
    slope = min(max(slope, 0.0), 1.0 / horizon)
    return middle + slope * (np.arange(1, horizon + 1) - (horizon + 1) / 2)


def _power(errors: Errors) -> float:
    """The power of the forecast with which errors grow: the slope of logarithms over groups of equal forecasts."""
    share = np.maximum(errors.forecast, SMALLEST_SHARE * errors.level) / errors.level
    if len(share) < GROUPS * ENOUGH_AT_LEAD:
        return USUAL_POWER
    groups = np.array_split(np.argsort(share), GROUPS)
    sizes = np.array([np.mean(np.abs(errors.difference[group]) / errors.level[group]) for group in groups])
    shares = np.array([np.mean(share[group]) for group in groups])
    if sizes.min() <= 0 or np.ptp(np.log(shares)) < SPREAD_NEEDED:
        return USUAL_POWER
    slope = float(np.polyfit(np.log(shares), np.log(sizes), 1)[0])
    return round(min(max(slope, POWERS[0]), POWERS[1]), 3)


def _scaling(fields: Mapping[str, Any]) -> Scaling:
    return Scaling(fields["power"], tuple(fields["growth"]))


@dataclass(frozen=True)
class ErrorPaths:
    """Errors of past forecasts, whole horizons at a time, so that totals are drawn from errors that came together."""

    origins: tuple[str, ...] = ()
    """Dates of the last period known, ISO."""
    scaled: tuple[Sequence[float] | Floats, ...] = ()
    """For each origin, the error at each lead in multiples of the forecast's scale."""

    @cached_property
    def table(self) -> Floats:
        """``scaled`` as one array, shape (origins, leads); made once, since every total asks for it."""
        return np.asarray(self.scaled, dtype=np.float64)
