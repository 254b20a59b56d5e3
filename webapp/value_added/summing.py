"""What was judged of each region-item, summed up for every group by the background process.

A page of a year of 30,000 region-items reads sums only, whatever the number of past forecasts. The sums of a bucket are
replaced in one transaction.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from hashlib import blake2b
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt
from sqlalchemy import delete, func, insert, select

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.series.gapped import Floats
from webapp.accuracy.judged_sums import FIELDS, Cell, JudgedSums, first_open_bucket
from webapp.db.chunked import chunked
from webapp.db.database import db, writing
from webapp.region_items.attributes import groupable
from webapp.services import Services
from webapp.tables import AttributeValue, JudgedForecasts, StoredForecast, ValueAdded
from webapp.tables.watermarks import Watermark, set_watermark

KNOWN_AS = "value added"
AT_ONCE = 1000
"""Region-items that are summed up at a time."""
ROWS_AT_ONCE = 5000
KEPT_DAYS = 3 * 366
"""Sums of older buckets are let go."""
COUNTS = ("periods", "rows", "no_forecast", "no_demand", "no_naive", "overridden", "too_late", "priced")

Named = TypeVar("Named")
Group = tuple[str, str]
"""Kind and name, as in ``ValueAdded``."""
Sum = tuple[Group, Cell, Floats]


def refresh(services: Services, written: dict[str, str] | None = None) -> bool:
    """Whether anything was judged since the last time; the sums are as it is then.

    Args:
        written: bucket -> a digest of its sums as they were written last; those that are the same are left alone. Kept
            by whoever calls again, as long as nobody else writes sums.
    """
    count, last = db.session.execute(select(func.count(), func.max(JudgedForecasts.judged_at))).one()
    state = f"{count} {last}"
    before = db.session.get(Watermark, KNOWN_AS)
    is_known = before is not None and before.value == state
    newest = db.session.scalar(select(func.max(StoredForecast.origin)))
    if is_known or newest is None:
        db.session.rollback()
        return False
    dataset = services.dataset
    since = str(first_open_bucket(date.fromisoformat(newest), dataset.horizon, dataset.frequency))
    sums: dict[str, list[Sum]] = {}
    for one in _sums(since):
        sums.setdefault(one[1][0], []).append(one)
    gone = set(db.session.scalars(select(ValueAdded.bucket).where(ValueAdded.bucket >= since).distinct())) - set(sums)
    db.session.rollback()
    digests = {} if written is None else written
    for bucket in [*sums, *gone]:
        _write(bucket, sums.get(bucket, []), digests)
    oldest = date.fromordinal(max(date.fromisoformat(newest).toordinal() - KEPT_DAYS, 1))
    with writing():
        db.session.execute(delete(ValueAdded).where(ValueAdded.bucket < str(oldest)))
        set_watermark(KNOWN_AS, state)
    return True


def _write(bucket: str, sums: Sequence[Sum], digests: dict[str, str]) -> None:
    """Replace the sums of a bucket, all in one transaction, unless they are as they were written last."""
    made = blake2b(digest_size=12)
    for group, cell, values in sums:
        made.update(repr((group, cell)).encode() + values.tobytes())
    digest = made.hexdigest()
    if digests.get(bucket) == digest:
        return
    with writing():
        db.session.execute(delete(ValueAdded).where(ValueAdded.bucket == bucket))
        for some in chunked(sums, ROWS_AT_ONCE):
            db.session.execute(insert(ValueAdded), [_row(*one) for one in some])
    digests[bucket] = digest


class _Codes(Generic[Named]):
    """Whole numbers for what is counted by."""

    def __init__(self) -> None:
        self._known: dict[Named, int] = {}

    def of(self, one: Named) -> int:
        """The number of one; always the same."""
        return self._known.setdefault(one, len(self._known))

    @property
    def names(self) -> list[Named]:
        """What was numbered, each in the place of its number."""
        return list(self._known)


def _sums(since: str) -> Iterator[Sum]:
    """The sums of every group, of the buckets from one on."""
    attributes = _attributes()
    groups, cells = _Codes[Group](), _Codes[Cell]()
    sums: dict[int, Floats] = {}
    for part in _judged():
        places: list[int] = []
        of_groups: list[list[int]] = []
        values: list[Floats] = []
        for key, judged in part:
            mine = [groups.of(group) for group in _groups_of(RegionItem.from_key(key), attributes)]
            for cell, each in zip(judged.cells, judged.values, strict=True):
                if cell[0] >= since:
                    places.append(cells.of(cell))
                    of_groups.append(mine)
                    values.append(each)
        _add(sums, of_groups, places, values)
    known_groups, known_cells = groups.names, cells.names
    for code, each in sums.items():
        yield known_groups[code >> 32], known_cells[code & 0xFFFFFFFF], each


def _add(sums: dict[int, Floats], of_groups: list[list[int]], places: list[int], values: list[Floats]) -> None:
    """Add cells of region-items to those of their groups."""
    if not values:
        return
    lengths = [len(groups) for groups in of_groups]
    group: npt.NDArray[np.int64] = np.array([one for groups in of_groups for one in groups], dtype=np.int64)
    cell = np.repeat(np.array(places, dtype=np.int64), lengths)
    codes, which = np.unique((group << 32) | cell, return_inverse=True)
    added = np.zeros((len(codes), len(FIELDS)))
    np.add.at(added, which, np.repeat(np.array(values), lengths, axis=0))
    for code, each in zip(codes.tolist(), added, strict=True):
        sums[code] = sums[code] + each if code in sums else each


def _judged() -> Iterator[list[tuple[str, JudgedSums]]]:
    """What was judged of each region-item, some at a time."""
    last = ""
    while True:
        rows = db.session.execute(select(JudgedForecasts.key, JudgedForecasts.content).where(
            JudgedForecasts.key > last).order_by(JudgedForecasts.key).limit(AT_ONCE)).all()
        if not rows:
            return
        last = rows[-1][0]
        yield [(key, JudgedSums.from_bytes(content)) for key, content in rows]


def _attributes() -> Mapping[tuple[str, str], list[Group]]:
    """Axis and owner -> the groups that its attributes make."""
    found: dict[tuple[str, str], list[Group]] = {}
    for axis, owner, name, value in db.session.execute(select(
            AttributeValue.axis, AttributeValue.owner, AttributeValue.name, AttributeValue.value).where(
            AttributeValue.name.in_(list(groupable())))):
        found.setdefault((axis, owner), []).append((name, value))
    return found


def _groups_of(one: RegionItem, attributes: Mapping[tuple[str, str], list[Group]]) -> list[Group]:
    return [("all", ""), ("region", one.region), ("item", one.item), *attributes.get(("region", one.region), ()),
            *attributes.get(("item", one.item), ())]


def _row(group: Group, cell: Cell, values: Floats) -> dict[str, object]:
    (kind, name), (bucket, lead, planner) = group, cell
    return {"kind": kind, "name": name, "bucket": bucket, "lead": lead, "planner": planner} | {
        field: int(value) if field in COUNTS else float(value) for field, value in zip(FIELDS, values, strict=True)}
