"""The past of each region-item, kept with its stored forecast, so that sums of thousands have one on a page."""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.contract.periods import Dates, periods_until
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.series.censored_demand import at_least, sold
from demand_assets.forecasting.series.gapped import Floats
from webapp.serving.history import YEARS, Backtest, History, sold_at_least

ROWS = ("demand", "backtest", "untested", "out")
"""What is summed by date; untested is the demand of those without a backtest, out the number of those out of stock."""
_PACKED = np.dtype("<f4")


@dataclass(frozen=True)
class GroupHistory:
    """What is known of the past of a group, summed up."""

    past: History
    """Without the marks of drivers, which are not kept."""
    backtest: Backtest | None


def pack(history: pd.DataFrame, windows: tuple[Dates, Floats] | None, origin: pd.Timestamp, dataset: Dataset) -> bytes:
    """The last years up to the origin in a compact form, in single precision: what was sold, the backtest, and of a
    region-item that was out of stock where that was so.

    Args:
        history: columns date and demand.
        windows: dates and units of the backtest.
    """
    dates = _dates(origin, dataset)
    tested, units = windows or (np.array([], dtype="datetime64[D]"), np.array([]))
    kept = [history.assign(demand=sold(history)).set_index("date")["demand"],
            pd.Series(units, index=pd.DatetimeIndex(tested))]
    out = ~np.isnan(at_least(history))
    if out.any():
        kept.append(pd.Series(np.where(out, 1.0, np.nan), index=pd.DatetimeIndex(history["date"])))
    return zlib.compress(np.stack([each.reindex(dates).to_numpy(_PACKED) for each in kept]).tobytes(), level=1)


@dataclass
class SummedHistories:
    """The pasts of many region-items, summed by date."""

    by_origin: dict[str, "_Sum"] = field(default_factory=dict)
    """Last period known, ISO -> the sums of those whose past ends there."""

    def add_packed(self, origin: str, contents: Sequence[bytes], dataset: Dataset) -> None:
        """Take in what ``pack`` gave of region-items whose past ends there."""
        periods = YEARS * dataset.year_length
        by_rows: dict[int, list[bytes]] = {}
        for content in map(zlib.decompress, contents):
            by_rows.setdefault(len(content) // (periods * _PACKED.itemsize), []).append(content)
        for rows, some in by_rows.items():
            values = np.frombuffer(b"".join(some), _PACKED).reshape(len(some), rows, periods)
            self.by_origin.setdefault(origin, _Sum.over(periods)).add(values)

    def add(self, other: "SummedHistories") -> None:
        """Take in all of another sum."""
        for origin, sums in other.by_origin.items():
            known = self.by_origin.get(origin)
            self.by_origin[origin] = sums if known is None else known.plus(sums)

    def group(self, dataset: Dataset) -> GroupHistory:
        """What is known of the past of all of them."""
        if not self.by_origin:
            return GroupHistory(History(pd.DataFrame({"date": pd.DatetimeIndex([]), "demand": np.zeros(0)})), None)
        tables = [each.by_date(_dates(pd.Timestamp(origin), dataset)) for origin, each in self.by_origin.items()]
        table = pd.concat(tables).groupby(level=0).sum()
        size, tested = (sum(getattr(each, name) for each in self.by_origin.values()) for name in ("size", "tested"))
        history = table["demand"].where(table["demand_known"] > 0).loc[table["demand_known"].ne(0).idxmax():]
        is_shared = (table["backtest_known"] == tested) & (table["untested_known"] == size - tested)
        past = history.rename_axis("date").reset_index()
        out = {pd.Timestamp(at).date() for at in table.index[table["out_known"] > 0]}
        return GroupHistory(History(past, out_of_stock=sold_at_least(past, out)),
                            Backtest.of(table["backtest"][is_shared], table["untested"][is_shared], tested, size))

    def packed(self) -> tuple[dict[str, Any], list[Floats]]:
        """What ``unpacked`` reads: JSON types, and arrays."""
        header = {"origins": [[origin, sums.size, sums.tested, sums.units.shape[1]]
                              for origin, sums in self.by_origin.items()]}
        return header, [each for sums in self.by_origin.values() for each in (
            sums.units, sums.known.astype(np.float64))]

    @classmethod
    def unpacked(cls, header: Mapping[str, Any], take: Callable[[int, int], Floats]) -> Self:
        """What ``packed`` gave; ``take`` as for ``SummedParts.unpacked``."""
        return cls({origin: _Sum(take(len(ROWS), periods), take(len(ROWS), periods).astype(np.int64), size, tested)
                    for origin, size, tested, periods in header["origins"]})


@dataclass
class _Sum:
    """Over region-items of one origin."""

    units: Floats
    """``ROWS`` by period."""
    known: npt.NDArray[np.int64]
    """Region-items in each sum."""
    size: int = 0
    tested: int = 0
    """How many have a backtest."""

    @classmethod
    def over(cls, periods: int) -> "_Sum":
        shape = (len(ROWS), periods)
        return cls(np.zeros(shape), np.zeros(shape, dtype=np.int64))

    def add(self, packed: npt.NDArray[np.float32]) -> None:
        """Take in what ``pack`` gave of n region-items, unpacked; shape (n, rows, periods)."""
        demand, backtest = packed[:, 0], packed[:, 1]
        is_tested = ~np.isnan(backtest).all(axis=1)
        for place, values in enumerate((demand, backtest[is_tested], demand[~is_tested], *np.moveaxis(
                packed[:, 2:], 1, 0))):
            is_known = ~np.isnan(values)
            self.units[place] += np.where(is_known, values, 0.0).sum(axis=0, dtype=np.float64)
            self.known[place] += is_known.sum(axis=0)
        self.size += len(packed)
        self.tested += int(is_tested.sum())

    def plus(self, other: "_Sum") -> "_Sum":
        """Of the region-items of both."""
        return _Sum(self.units + other.units, self.known + other.known, self.size + other.size,
                    self.tested + other.tested)

    def by_date(self, dates: pd.DatetimeIndex) -> pd.DataFrame:
        columns = {name: self.units[place] for place, name in enumerate(ROWS)}
        known = {f"{name}_known": self.known[place] for place, name in enumerate(ROWS)}
        return pd.DataFrame(columns | known, index=dates)


def _dates(origin: pd.Timestamp, dataset: Dataset) -> pd.DatetimeIndex:
    return periods_until(origin, YEARS * dataset.year_length, dataset.frequency)
