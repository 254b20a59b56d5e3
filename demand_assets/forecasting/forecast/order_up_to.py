"""Order-up-to quantities: how high stock on hand and on order is to be, so that demand until the next order has come is
covered at a service level.

What counts is the total over lead time and review period. Its errors are those of past forecasts, summed up along the
paths on which they came together; quantiles of single periods are never added. How large they are is the region-item's
own, drawn to what is usual; how they are spread is learned from all region-items whose totals are about as uncertain.

Source: the periodic review, order-up-to (R, S) policy of Silver, Pyke and Thomas (2017), section 6.9; split conformal
prediction on scaled residuals, Lei et al. (2018), sections 2.2 and 5.2, a quantile for each group as in Vovk, Gammerman
and Shafer (2005), section 4.5.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from demand_assets.forecasting.dataset.order_up_to import MOST_PERIODS, SERVICE_LEVELS
from demand_assets.forecasting.forecast.totals import Part
from demand_assets.forecasting.series.gapped import Floats

SIZE_WEIGHT = 4.0
"""Weight of the usual size of errors against that of the region-item's own, in windows that do not overlap."""
LARGEST = 0.9
"""The share of all errors that are at most as large as the largest that counts for the size of a region-item's: one
past total of a region-item that hardly sells says little of its next."""
GROUPS = 4
"""Groups of region-items at most, each with a spread of its own."""
ENOUGH_WINDOWS = 100
"""Windows that do not overlap, over all its region-items, which a group needs."""
FEWEST_MISSES = 2.0
"""Windows in which demand was higher than a quantity, by its level, so that the quantity is told."""
FEWEST_DATES = 3
"""Windows that do not overlap which the region-item with the most has: what one brings comes to all."""
SMALLEST = 1e-9


class OrderUpToError(ValueError):
    """A quantity that cannot be asked for; the message says what is allowed."""


class NotKnownError(ValueError):
    """A quantity of which nothing true can be said; the message says why."""


@dataclass(frozen=True)
class _Group:
    """Region-items whose totals are about as uncertain."""

    up_to: float
    """The largest error to expect of a total in it, over its forecast."""
    errors: Floats
    """Actual minus forecast of past totals, in multiples of the error to expect; sorted."""
    windows: float
    """How many windows that do not overlap these are worth."""


@dataclass(frozen=True)
class _Own:
    """Errors of the past totals of one region-item."""

    forecast: float
    """Of the total ahead, in units."""
    scale: float
    """Of the total ahead, in units."""
    scaled: Floats
    """Actual minus forecast of past totals, in multiples of the scale; shape (origins,)."""
    starts: Floats
    """The periods in which these totals began, counted from any one; shape (origins,)."""
    windows: float
    """How many of them do not overlap."""

    def size(self, usual: "_Usual") -> float:
        """The error to expect of the total ahead, in units."""
        own = float(np.minimum(np.abs(self.scaled), usual.largest).mean())
        return self.scale * (self.windows * own + SIZE_WEIGHT * usual.size) / (self.windows + SIZE_WEIGHT)

    def relative(self, usual: "_Usual") -> float:
        """That over the forecast."""
        return self.size(usual) / max(self.forecast, SMALLEST)

    def by_what_was_expected(self, usual: "_Usual", periods: int) -> Floats:
        """Each past error over the error to expect, told from those totals alone that do not overlap with its own."""
        sizes = np.minimum(np.abs(self.scaled), usual.largest)
        others = np.abs(self.starts[:, None] - self.starts[None, :]) >= periods - 0.5
        count = others.sum(axis=1)
        mean = (others * sizes).sum(axis=1) / np.maximum(count, 1)
        windows = self.windows * count / len(sizes)
        expected = (windows * mean + SIZE_WEIGHT * usual.size) / (windows + SIZE_WEIGHT)
        return np.asarray(self.scaled / np.maximum(expected, SMALLEST))


@dataclass(frozen=True)
class _Usual:
    """How large errors of totals are over all region-items, in multiples of their scale."""

    size: float = 0.0
    """On average, none counted as more than the largest that counts."""
    largest: float = 0.0


@dataclass(frozen=True)
class TotalErrors:
    """How far forecasts of the total over the first periods were off, learned from all region-items."""

    periods: int
    usual: _Usual
    groups: tuple[_Group, ...]
    """The least uncertain first; none where no region-item has a past."""
    dates: float
    """Windows that do not overlap of the region-item with the most of them."""

    @classmethod
    def of(cls, parts: Iterable[Part], periods: int) -> "TotalErrors":
        """Learned from these forecasts; those without a past, or with fewer periods ahead, tell nothing.

        Args:
            parts: of region-items, by what serves them.
            periods: of the total, at least 1.
        """
        owns = [own for part in parts if (own := _own(part, periods)) is not None and own.scale > 0]
        if not owns:
            return cls(periods, _Usual(), (), 0.0)
        sizes = np.abs(np.concatenate([own.scaled for own in owns]))
        largest = float(np.quantile(sizes, LARGEST))
        usual = _Usual(float(np.minimum(sizes, largest).mean()), largest)
        relative = np.array([own.relative(usual) for own in owns])
        order = np.argsort(relative, kind="stable")
        count = int(np.clip(sum(own.windows for own in owns) // ENOUGH_WINDOWS, 1, GROUPS))
        groups = []
        for members in np.array_split(order, min(count, len(order))):
            errors = [owns[place].by_what_was_expected(usual, periods) for place in members]
            groups.append(_Group(float(relative[members].max()), np.sort(np.concatenate(errors)),
                                 float(sum(owns[place].windows for place in members))))
        return cls(periods, usual, tuple(groups), max(own.windows for own in owns))

    def order_up_to(self, part: Part, level: float) -> float:
        """Units that demand of the first periods does not exceed, in ``level`` percent of such windows.

        Not rounded, never negative, and no lower for a higher level.

        Args:
            part: the model's forecast; its errors say nothing of a forecast that somebody changed.
            level: percent.

        Raises:
            OrderUpToError: a level outside SERVICE_LEVELS.
            NotKnownError: the forecast ends before, or the past is too short.
        """
        checked_level(level)
        if len(part.forecast) < self.periods:
            raise NotKnownError(f"The forecast ends after {len(part.forecast)} periods; lead time and review period "
                                f"are {self.periods} together.")
        own = _own(part, self.periods)
        if own is None:
            raise NotKnownError("Too little history: no past forecast of it can be compared with what was sold.")
        if own.scale == 0:
            return max(own.forecast, 0.0)
        if self.dates < FEWEST_DATES:
            raise NotKnownError(f"Too little history: past forecasts hold {self.dates:.0f} windows of {self.periods} "
                                f"periods that do not overlap; {FEWEST_DATES} are needed.")
        relative = own.relative(self.usual)
        group = next((one for one in self.groups if relative <= one.up_to), self.groups[-1])
        if group.windows * (1 - level / 100) < FEWEST_MISSES:
            raise NotKnownError(f"Too little history: {level:g} % is told from {FEWEST_MISSES / (1 - level / 100):.0f} "
                                f"past windows on; there are {group.windows:.0f}.")
        error = float(np.quantile(group.errors, level / 100, method="higher"))
        return max(own.forecast + error * own.size(self.usual), 0.0)


@dataclass
class ErrorsByPeriods:
    """``TotalErrors`` of the same region-items for any number of periods, each made once."""

    parts: Sequence[Part]
    _made: dict[int, TotalErrors] = field(default_factory=dict)

    def over(self, periods: int) -> TotalErrors:
        """Those of the total over so many periods."""
        if periods not in self._made:
            self._made[periods] = TotalErrors.of(self.parts, periods)
        return self._made[periods]

    def order_up_to(self, part: Part, periods: int, level: float, planned: Floats | None = None) -> float:
        """As ``TotalErrors.order_up_to``, and no lower than for fewer periods: demand is never negative, and what looks
        otherwise is chance.

        Args:
            part: the model's forecast.
            planned: the forecast that is planned with, in units, shape as the model's: the quantity is moved by its
                difference from the model's. The model's unless given.
        Raises: as that.
        """
        moved = np.zeros(len(part.forecast)) if planned is None else np.cumsum(planned - part.forecast)
        quantity = self.over(periods).order_up_to(part, level) + moved[periods - 1]
        for fewer in range(1, periods):
            try:
                quantity = max(quantity, self.over(fewer).order_up_to(part, level) + moved[fewer - 1])
            except NotKnownError:  # of fewer periods, whose groups may be others
                continue
        return max(float(quantity), 0.0)


def checked_level(level: float) -> float:
    """The level, in percent.

    Raises: OrderUpToError: it is outside SERVICE_LEVELS.
    """
    lowest, highest = SERVICE_LEVELS
    if not lowest <= level <= highest:
        raise OrderUpToError(f"A service level of {level:g} % is not possible; {lowest:g} to {highest:g} % is.")
    return level


def checked_periods(lead_time: int, review_period: int) -> int:
    """Periods whose demand one order covers: lead time and review period.

    Raises: OrderUpToError: one of them is not possible.
    """
    if not 0 <= lead_time <= MOST_PERIODS:
        raise OrderUpToError(f"A lead time of {lead_time} is not possible; 0 to {MOST_PERIODS} periods are.")
    if not 1 <= review_period <= MOST_PERIODS:
        raise OrderUpToError(f"A review period of {review_period} is not possible; 1 to {MOST_PERIODS} periods are.")
    return lead_time + review_period


def _own(part: Part, periods: int) -> _Own | None:
    """None where it has no past, or ends before."""
    if not part.paths.origins or len(part.forecast) < periods:
        return None
    scale = part.scale[:periods]
    size = float(np.sqrt((scale**2).sum()))
    errors = part.paths.table[:, :periods] @ scale
    starts = _starts(part)
    return _Own(float(part.forecast[:periods].sum()), size, errors / size if size else np.zeros(len(errors)), starts,
                float(min(len(starts), np.ptp(starts) // periods + 1)))


def _starts(part: Part) -> Floats:
    """The origins of its past, in periods."""
    origins = np.array(part.paths.origins, dtype="datetime64[D]").astype(np.float64)
    ahead = part.dates.astype("datetime64[D]").astype(np.float64)
    days = (ahead[-1] - ahead[0]) / (len(ahead) - 1) if len(ahead) > 1 else max(np.diff(origins).min(initial=1.0), 1.0)
    return np.asarray(np.round(origins / days))
