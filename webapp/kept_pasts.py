"""The past of each region-item, kept with its outlook, so that sums of thousands have one on a page."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from sqlalchemy import select

from demand_assets.forecasting.dataset import Dataset
from demand_assets.forecasting.planned_drivers import periods_until
from demand_assets.forecasting.trailing import Floats
from webapp.database import db
from webapp.pasts import YEARS, Past
from webapp.tables import Outlook

READ_AT_ONCE = 500
_PACKED = np.dtype("<f4")


@dataclass(frozen=True)
class GroupPast:
    """What is known of the past of a group, summed up."""

    past: Past
    """Without the marks of drivers, which stand on every date where there are so many region-items."""
    backtest: pd.Series | None
    """Units by date that the models forecast of past windows, on the dates that the windows of all share."""


def pack(history: pd.DataFrame, backtest: pd.Series | None, origin: pd.Timestamp, dataset: Dataset) -> bytes:
    """The last years up to the origin in a compact form, in single precision.

    Args:
        history: columns date and demand.
        backtest: units by date that the model forecast of past windows.
    """
    dates = _dates(origin, dataset)
    known = [history.set_index("date")["demand"], pd.Series(dtype=float) if backtest is None else backtest]
    return zlib.compress(np.stack([each.reindex(dates).to_numpy(_PACKED) for each in known]).tobytes(), level=1)


def past_of_group(keys: Sequence[str], dataset: Dataset) -> GroupPast:
    """The sums over these region-items, of those whose past is kept."""
    sums: dict[str, _Sum] = {}
    for start in range(0, len(keys), READ_AT_ONCE):
        for origin, content in db.session.execute(select(Outlook.origin, Outlook.past).where(
                Outlook.key.in_(keys[start:start + READ_AT_ONCE]), Outlook.past.is_not(None))):
            values = np.frombuffer(zlib.decompress(content or b""), _PACKED).reshape(2, -1)
            sums.setdefault(origin, _Sum.over(values.shape[1])).add(values)
    if not sums:
        return GroupPast(Past(pd.DataFrame({"date": pd.DatetimeIndex([]), "demand": np.zeros(0)})), None)
    tables = [each.by_date(_dates(pd.Timestamp(origin), dataset)) for origin, each in sums.items()]
    table = pd.concat(tables).groupby(level=0).sum()
    size = sum(each.size for each in sums.values())
    history = table["demand"].where(table["demand_known"] > 0).loc[table["demand_known"].ne(0).idxmax():]
    backtest = table["backtest"][table["backtest_known"] == size]
    return GroupPast(Past(history.rename_axis("date").reset_index()), None if backtest.empty else backtest)


@dataclass
class _Sum:
    """Over region-items of one origin."""

    units: Floats
    """Demand and backtest, shape (2, periods)."""
    known: npt.NDArray[np.int64]
    """Region-items in each sum."""
    size: int = 0

    @classmethod
    def over(cls, periods: int) -> "_Sum":
        return cls(np.zeros((2, periods)), np.zeros((2, periods), dtype=np.int64))

    def add(self, values: npt.NDArray[np.float32]) -> None:
        is_known = ~np.isnan(values)
        self.units += np.where(is_known, values, 0.0)
        self.known += is_known
        self.size += 1

    def by_date(self, dates: pd.DatetimeIndex) -> pd.DataFrame:
        return pd.DataFrame({"demand": self.units[0], "demand_known": self.known[0], "backtest": self.units[1],
                             "backtest_known": self.known[1]}, index=dates)


def _dates(origin: pd.Timestamp, dataset: Dataset) -> pd.DatetimeIndex:
    return periods_until(origin, YEARS * dataset.year_length, dataset.frequency)
