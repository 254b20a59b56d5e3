"""Units by period beside the forecast of a region-item, and summed over many: what the small charts of the overview are
drawn from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Self

import numpy as np
import pandas as pd

from demand_assets.forecasting.contract.periods import Dates, periods_until
from demand_assets.forecasting.series.gapped import Floats
from webapp.accuracy.judged_forecasts import JUDGED_ORIGINS, Judged

AHEAD = ("forecast", "compared", "last_year")
"""What is summed of the periods that are forecast; compared is the forecast of those whose last year is known."""
BEHIND = ("sold", "error")
"""What is summed of the newest periods that published forecasts are judged on: units and absolute errors, over all
origins and leads."""
_PACKED = np.dtype("<f4")


@dataclass(frozen=True)
class UnitsByPeriod:
    """Of one region-item; NaN where unknown."""

    last_year: Floats
    """Sold a year before each period of the forecast, shape (h,); of all of them, or of none."""
    behind: Floats
    """``BEHIND`` of the newest ``JUDGED_ORIGINS`` periods up to the origin."""

    @classmethod
    def of(cls, last_year: Floats, judged: Judged, origin: date, frequency: str) -> Self:
        """What is known of a region-item.

        Args:
            judged: the forecasts that its accuracy is over.
        """
        dates = _judged_dates(origin, frequency)
        is_known = ~np.isnan(judged.actual) & ~np.isnan(judged.forecast) & (judged.dates >= dates[0])
        place = np.searchsorted(dates, judged.dates[is_known])
        behind = np.full((len(BEHIND), len(dates)), np.nan)
        behind[:, np.unique(place)] = 0.0
        np.add.at(behind[0], place, judged.actual[is_known])
        np.add.at(behind[1], place, np.abs(judged.actual - judged.forecast)[is_known])
        return cls(last_year if not np.isnan(last_year).any() else np.full_like(last_year, np.nan), behind)

    def to_bytes(self) -> bytes:
        """A compact form, in single precision."""
        return np.concatenate([self.last_year, self.behind.ravel()]).astype(_PACKED).tobytes()

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """What ``to_bytes`` gave."""
        values, size = np.frombuffer(content, _PACKED).astype(float), len(BEHIND) * JUDGED_ORIGINS
        return cls(values[:-size], values[-size:].reshape(len(BEHIND), -1))


def _judged_dates(origin: date, frequency: str) -> Dates:
    found: Dates = periods_until(pd.Timestamp(origin), JUDGED_ORIGINS, frequency).to_numpy().astype("datetime64[D]")
    return found


@dataclass
class SumByPeriod:
    """Sums over region-items; what is known of none of them at a date has no number there."""

    judged_size: int = 0
    """Region-items of which published forecasts are judged."""
    ahead: dict[str, list[float | None]] = field(default_factory=dict)
    """ISO date -> ``AHEAD``."""
    behind: dict[str, list[float | None]] = field(default_factory=dict)
    """ISO date -> ``BEHIND``."""

    def add(self, other: "SumByPeriod") -> None:
        """Take in what is summed up of other region-items."""
        self.judged_size += other.judged_size
        for mine, theirs in ((self.ahead, other.ahead), (self.behind, other.behind)):
            for at, values in theirs.items():
                mine[at] = [_plus(*both) for both in zip(mine[at], values, strict=True)] if at in mine else values

    def column(self, name: str) -> dict[str, float]:
        """ISO date -> sum, of one of ``AHEAD`` or ``BEHIND``; oldest first, the unknown left out."""
        of, names = (self.ahead, AHEAD) if name in AHEAD else (self.behind, BEHIND)
        place = names.index(name)
        return {at: value for at, values in sorted(of.items()) if (value := values[place]) is not None}

    def to_json(self) -> dict[str, Any]:
        """As JSON types."""
        return vars(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any] | None) -> Self:
        """What ``to_json`` gave; the sum of nothing of None."""
        return cls(**content) if content else cls()


def _plus(one: float | None, other: float | None) -> float | None:
    return other if one is None else one if other is None else one + other


@dataclass
class RunningSums:
    """A sum over region-items, to which one after the other is added."""

    frequency: str
    judged_size: int = 0
    _dates: dict[tuple[str, int], Dates] = field(default_factory=dict)
    _ahead: dict[tuple[str, int], Floats] = field(default_factory=dict)
    """First period and their number -> sums of ``AHEAD`` and how many are in each."""
    _behind: dict[str, Floats] = field(default_factory=dict)
    """Origin -> sums of ``BEHIND`` and how many are in each."""

    def add(self, dates: Dates, forecast: Floats, units: UnitsByPeriod | None, origin: str) -> None:
        """Take in a region-item.

        Args:
            forecast: of each of the dates, with overrides.
            units: None where they were not kept yet.
        """
        last_year = units.last_year if units else np.full(len(forecast), np.nan)
        key, is_known = (str(dates[0]), len(dates)), ~np.isnan(last_year)
        self._dates.setdefault(key, dates)
        rows = np.stack([forecast, np.where(is_known, forecast, 0.0), np.where(is_known, last_year, 0.0)])
        _grow(self._ahead, key, rows, np.stack([np.ones(len(forecast)), is_known, is_known]))
        if units and not np.isnan(units.behind).all():
            self.judged_size += 1
            _grow(self._behind, origin, np.nan_to_num(units.behind), ~np.isnan(units.behind))

    def summed(self) -> SumByPeriod:
        """What came of it."""
        total = SumByPeriod(self.judged_size)
        for key, rows in self._ahead.items():
            total.add(SumByPeriod(ahead=_by_date(self._dates[key].astype(str).tolist(), rows)))
        for origin, rows in self._behind.items():
            dates = _judged_dates(date.fromisoformat(origin), self.frequency).astype(str).tolist()
            total.add(SumByPeriod(behind=_by_date(dates, rows)))
        return total


def _grow(sums: dict[Any, Floats], key: Any, rows: Floats, known: Any) -> None:
    both = np.stack([rows, known])
    if key in sums:
        sums[key] += both
    else:
        sums[key] = both.astype(float)


def _by_date(dates: list[str], sums: Floats) -> dict[str, list[float | None]]:
    """Date -> each sum; None of nothing, and dates of which nothing at all is known left out."""
    known = sums[1]
    return {at: [float(value) if count else None for value, count in zip(*sums[:, :, place], strict=True)]
            for place, at in enumerate(dates) if known[:, place].any()}
