"""Many stored forecasts summed up: all that a page shows of thousands of them together.

Each region's sum is kept, with a digest of whose it is. Whoever asks names region-items, not regions: a kept sum
answers where it is exactly of those that were asked for, and none of them has changed since; of all others their
records are read.
"""

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Self

import numpy as np
from sqlalchemy import select

from demand_assets.forecasting.contract.region_item import unescape
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.forecast.revenue_and_margin import NOTHING_KNOWN, SummedMoney, UnitMoney
from demand_assets.forecasting.forecast.totals import SummedParts, forecast_of
from demand_assets.forecasting.series.gapped import Floats
from webapp.db.chunked import chunked
from webapp.db.database import db, now
from webapp.stored_forecasts.histories import SummedHistories
from webapp.tables import Catalogue, ForecastFigures, RegionSum, StoredForecast


@dataclass
class StoredSums:
    """The sums of stored forecasts; without planners' overrides."""

    parts: SummedParts = field(default_factory=SummedParts)
    money: SummedMoney = field(default_factory=SummedMoney)
    histories: SummedHistories = field(default_factory=SummedHistories)

    @property
    def size(self) -> int:
        """Region-items in them: those that have a stored forecast."""
        return self.parts.size

    def add(self, other: "StoredSums") -> None:
        """Take in all of another sum; no region-item may be in both."""
        self.parts.add(other.parts)
        self.money.add(other.money)
        self.histories.add(other.histories)

    def to_bytes(self) -> bytes:
        """A compact form; numbers in double precision."""
        headers, arrays = zip(*(each.packed() for each in (self.parts, self.money, self.histories)), strict=True)
        header = json.dumps(headers).encode()
        numbers = [np.zeros(0), *(each.ravel() for some in (*arrays, self.parts.packed_spread()) for each in some)]
        return zlib.compress(len(header).to_bytes(4, "little") + header + np.concatenate(numbers).tobytes(), level=1)

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """What ``to_bytes`` gave."""
        content = zlib.decompress(content)
        end = 4 + int.from_bytes(content[:4], "little")
        numbers, place = np.frombuffer(content, np.float64, offset=end) if len(content) > end else np.zeros(0), 0

        def take(rows: int, columns: int) -> Floats:
            nonlocal place
            found = numbers[place: place + rows * columns].reshape(rows, columns)
            place += rows * columns
            return found

        of_parts, of_money, of_histories = json.loads(content[4:end])
        found = cls(SummedParts.unpacked(of_parts, take), SummedMoney.unpacked(of_money, take),
                    SummedHistories.unpacked(of_histories, take))
        found.parts.take_spread(of_parts, take)
        return found


def sums_of(keys: Sequence[str], dataset: Dataset) -> StoredSums:
    """The sums of these region-items: from kept ones where those are of them and true, else from their records."""
    found, rest = StoredSums(), list[str]()
    asked = _by_region(keys)
    true = {region: its for region, (its, is_true) in asked.items() if is_true}
    rest += [key for its, is_true in asked.values() if not is_true for key in its]
    kept = set[str]()
    for part in chunked(sorted(true)):
        for row in db.session.execute(select(RegionSum.region, RegionSum.members, RegionSum.content).where(
                RegionSum.region.in_(part))):
            if row.members == _digest(true[row.region]):
                kept.add(row.region)
                found.add(StoredSums.from_bytes(row.content))
    rest += [key for region, its in true.items() if region not in kept for key in its]
    if rest:
        found.add(summed_up(rest, dataset)[0])
    return found


def summed_up(keys: Sequence[str], dataset: Dataset) -> tuple[StoredSums, list[str]]:
    """The sums of the records of these region-items, and whose they are: of those that have a stored forecast."""
    found, there = StoredSums(), list[str]()
    for part in chunked(keys):
        rows = db.session.execute(select(
            StoredForecast.key, StoredForecast.content, StoredForecast.origin, StoredForecast.past,
            StoredForecast.money).where(StoredForecast.key.in_(part))).all()
        there += [row.key for row in rows]
        found.parts.add(SummedParts.of_bytes([row.content for row in rows]))
        if dataset.has_money:
            for row in rows:
                span, units = forecast_of(row.content)
                found.money.add_one(span, units, UnitMoney.from_json(row.money, len(units)) if row.money else (
                    NOTHING_KNOWN))
        else:
            found.money.size += len(rows)
        by_origin: dict[str, list[bytes]] = {}
        for row in rows:
            if row.past is not None:
                by_origin.setdefault(row.origin, []).append(row.past)
        for origin, contents in by_origin.items():
            found.histories.add_packed(origin, contents, dataset)
    return found, there


def keep_sum(region: str, sums: StoredSums, keys: Sequence[str]) -> None:
    """Keep a region's sum; part of the caller's transaction.

    Args:
        keys: whose it is.
    """
    if keys:
        db.session.merge(RegionSum(region=region, members=_digest(keys), made_at=now(), content=sums.to_bytes()))
    elif row := db.session.get(RegionSum, region):
        db.session.delete(row)


def _by_region(keys: Sequence[str]) -> dict[str, tuple[list[str], bool]]:
    """Region -> those of the keys that are in it and have a stored forecast, and whether none of these has changed
    since its region was summed up."""
    found: dict[str, tuple[list[str], bool]] = {}
    wanted = set(keys)
    regions = sorted(unescape(name) for name in {key.partition("|")[0] for key in wanted})
    for part in chunked(regions):
        rows = db.session.execute(select(Catalogue.key, Catalogue.region, ForecastFigures.groups_due).join(
            ForecastFigures, ForecastFigures.id == Catalogue.id).where(
                Catalogue.region.in_(part), ForecastFigures.forecast_total.is_not(None)))
        for key, region, due in rows:
            if key in wanted:
                its, is_true = found.get(region, ([], True))
                its.append(key)
                found[region] = its, is_true and not due
    return found


def _digest(keys: Sequence[str]) -> str:
    return blake2b("\n".join(sorted(keys)).encode(), digest_size=16).hexdigest()
