"""The past of each region-item, kept with its stored forecast, so that sums of thousands have one on a page."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from sqlalchemy import select

from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.forecast.totals import Dates
from demand_assets.forecasting.series.censored_demand import at_least, sold
from demand_assets.forecasting.series.gapped import Floats
from demand_assets.forecasting.store.planned_drivers import periods_until
from webapp.db.chunked import chunked
from webapp.db.database import db
from webapp.serving.history import YEARS, Backtest, History, sold_at_least
from webapp.tables import StoredForecast

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


def history_of_group(keys: Sequence[str], dataset: Dataset) -> GroupHistory:
    """The sums over these region-items, of those whose past is kept."""
    sums: dict[str, _Sum] = {}
    periods = YEARS * dataset.year_length
    for part in chunked(keys):
        for origin, content in db.session.execute(select(StoredForecast.origin, StoredForecast.past).where(
                StoredForecast.key.in_(part), StoredForecast.past.is_not(None))):
            values = np.frombuffer(zlib.decompress(content or b""), _PACKED).reshape(-1, periods)
            sums.setdefault(origin, _Sum.over(values.shape[1])).add(values)
    if not sums:
        return GroupHistory(History(pd.DataFrame({"date": pd.DatetimeIndex([]), "demand": np.zeros(0)})), None)
    tables = [each.by_date(_dates(pd.Timestamp(origin), dataset)) for origin, each in sums.items()]
    table = pd.concat(tables).groupby(level=0).sum()
    size, tested = (sum(getattr(each, name) for each in sums.values()) for name in ("size", "tested"))
    history = table["demand"].where(table["demand_known"] > 0).loc[table["demand_known"].ne(0).idxmax():]
    is_shared = (table["backtest_known"] == tested) & (table["untested_known"] == size - tested)
    past = history.rename_axis("date").reset_index()
    out = {pd.Timestamp(at).date() for at in table.index[table["out_known"] > 0]}
    return GroupHistory(History(past, out_of_stock=sold_at_least(past, out)),
                     Backtest.of((table["backtest"] + table["untested"])[is_shared], tested, size))


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
        """Take in what ``pack`` gave of a region-item."""
        demand, backtest, *out = packed
        is_tested, nothing = not np.isnan(backtest).all(), np.full_like(demand, np.nan)
        values = np.stack([demand, backtest, nothing if is_tested else demand, *(out or [nothing])])
        is_known = ~np.isnan(values)
        self.units += np.where(is_known, values, 0.0)
        self.known += is_known
        self.size += 1
        self.tested += is_tested

    def by_date(self, dates: pd.DatetimeIndex) -> pd.DataFrame:
        columns = {name: self.units[place] for place, name in enumerate(ROWS)}
        known = {f"{name}_known": self.known[place] for place, name in enumerate(ROWS)}
        return pd.DataFrame(columns | known, index=dates)


def _dates(origin: pd.Timestamp, dataset: Dataset) -> pd.DatetimeIndex:
    return periods_until(origin, YEARS * dataset.year_length, dataset.frequency)
