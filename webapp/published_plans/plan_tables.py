"""A plan in parts of some region-items each, as tables: read from today's forecasts, or from a published plan.

No more than one part is in memory at a time, whatever the number of region-items.
"""

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy import select

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.forecast.revenue_and_margin import in_money
from demand_assets.forecasting.forecast.totals import Part
from webapp.db.chunked import chunked
from webapp.db.database import db
from webapp.personal.seen_region_items import sees_everything
from webapp.region_items.attributes import attributes_of
from webapp.region_items.open_overrides import apply, open_overrides
from webapp.region_items.prices_and_costs import units_in_money
from webapp.region_items.rows import known_keys
from webapp.services import services
from webapp.stored_forecasts.computing import LoadedForecast, stored_forecasts_of
from webapp.tables import Override, PublishedPart, RegionItemRow, StoredForecast

PER_PART = 250
"""Region-items of one part."""
COVERAGE = 0.8
"""Of the intervals that a plan holds."""
_NAME = pa.dictionary(pa.int32(), pa.string())
SCHEMA = pa.schema([
    pa.field("key", _NAME), pa.field("date", pa.date32()),
    pa.field("forecast", pa.float64()), pa.field("lower", pa.float64()), pa.field("upper", pa.float64()),
    pa.field("model", pa.float64()), pa.field("model_lower", pa.float64()), pa.field("model_upper", pa.float64()),
    pa.field("served_by", _NAME), pa.field("origin", _NAME),
    pa.field("override_id", pa.int64()), pa.field("way", _NAME), pa.field("amount", pa.float64()),
    pa.field("comment", _NAME), pa.field("made_by", _NAME),
    pa.field("price", pa.float64()), pa.field("cost", pa.float64()), pa.field("revenue", pa.float64()),
    pa.field("margin", pa.float64()), pa.field("attributes", _NAME),
])
"""A row for each region-item and period, in the order of the catalogue; units, and money in the dataset's currency.
``forecast`` has the override in it, ``model`` has not; what is not known is null. ``attributes`` is JSON."""


@dataclass(frozen=True)
class LineOfPlan:
    """One region-item of today's plan."""

    key: str
    stored: LoadedForecast
    overrides: Sequence[Override]
    """Those that hold in its periods."""

    @property
    def model(self) -> Part:
        """Its model's forecast."""
        return self.stored.part

    @property
    def final(self) -> Part:
        """With overrides."""
        return apply(self.model, self.overrides) if self.overrides else self.model


@dataclass(frozen=True)
class PartOfPlan:
    """Some region-items with all their periods."""

    table: pa.Table
    """As ``SCHEMA``."""

    @classmethod
    def of(cls, lines: Sequence[LineOfPlan]) -> Self:
        """Today's plan of some region-items."""
        attributes = attributes_of([RegionItem.from_key(line.key) for line in lines])
        columns: dict[str, list[Any]] = {name: [] for name in SCHEMA.names}
        for line in lines:
            for name, values in _columns(line, attributes[RegionItem.from_key(line.key)]).items():
                columns[name].append(values)
        return cls(pa.table({field.name: _joined(columns[field.name], field.type) for field in SCHEMA}, schema=SCHEMA))

    def to_bytes(self) -> bytes:
        """A Parquet file."""
        written = io.BytesIO()
        pq.write_table(self.table, written, compression="zstd", store_schema=True)
        return written.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes, columns: Sequence[str] | None = None) -> Self:
        """What ``to_bytes`` gave.

        Args:
            columns: only these of ``SCHEMA``; all unless given.
        """
        return cls(pq.read_table(io.BytesIO(content), columns=list(columns) if columns else None))

    def of_whoever_asks(self) -> Self:
        """Only the region-items that whoever asks sees; it has the column ``key``."""
        if sees_everything():
            return self
        keys = pc.unique(self.table["key"].cast(pa.string())).to_pylist()
        return type(self)(self.table.filter(pc.is_in(self.table["key"].cast(pa.string()),
                                                     pa.array(sorted(known_keys(keys)), pa.string()))))

    def rows(self) -> Iterator[dict[str, Any]]:
        """A row after the other, by the names of ``SCHEMA``."""
        for batch in self.table.to_batches(max_chunksize=1000):
            yield from batch.to_pylist()


def lines_of_today() -> Iterator[list[LineOfPlan]]:
    """Today's plan, some region-items at a time in the order of the catalogue; those without a forecast are left out.

    Asked in one ``snapshot``, all of it is as it stood at one moment.
    """
    keys = list(db.session.scalars(select(RegionItemRow.key).join(
        StoredForecast, StoredForecast.key == RegionItemRow.key).where(RegionItemRow.in_catalogue).order_by(
        RegionItemRow.position)))
    for some in chunked(keys, PER_PART):
        stored, held = stored_forecasts_of(some), open_overrides(some)
        yield [LineOfPlan(key, stored[key], _within(stored[key].part, held.get(key, ()))) for key in some]


def parts_of(plan_id: int, columns: Sequence[str] | None = None) -> Iterator[PartOfPlan]:
    """The parts of a published plan, of the region-items that whoever asks sees.

    Args:
        columns: as for ``PartOfPlan.from_bytes``.
    """
    for number in db.session.scalars(select(PublishedPart.number).where(PublishedPart.plan_id == plan_id).order_by(
            PublishedPart.number)).all():
        part = PartOfPlan.from_bytes(content_of(plan_id, number), columns).of_whoever_asks()
        if part.table.num_rows:
            yield part


def content_of(plan_id: int, number: int) -> bytes:
    """The content of one part."""
    found: bytes = db.session.execute(select(PublishedPart.content).where(
        PublishedPart.plan_id == plan_id, PublishedPart.number == number)).scalar_one()
    return found


def _within(part: Part, overrides: Sequence[Override]) -> list[Override]:
    ahead = {str(at) for at in part.dates.astype("datetime64[D]").tolist()}
    return [one for one in overrides if one.date in ahead]


def _columns(line: LineOfPlan, attributes: Mapping[str, str]) -> dict[str, Any]:
    model, final, money = line.model, line.final, line.stored.money
    periods = len(model.dates)
    lower, upper = final.interval(COVERAGE)
    model_lower, model_upper = (lower, upper) if final is model else model.interval(COVERAGE)
    held = {one.date: one for one in line.overrides}
    overrides = [held.get(str(at)) for at in model.dates.astype("datetime64[D]").tolist()] if held else [None] * periods
    nothing = np.full(periods, np.nan)
    revenue, margin = in_money(units_in_money(model, line.overrides), money) if services().dataset.has_money else (
        nothing, nothing)
    return {
        "key": [line.key] * periods, "date": model.dates.astype("datetime64[D]"), "forecast": final.forecast,
        "lower": lower, "upper": upper, "model": model.forecast, "model_lower": model_lower,
        "model_upper": model_upper, "served_by": [line.stored.served_by] * periods,
        "origin": [line.stored.origin] * periods, "override_id": [one and one.id for one in overrides],
        "way": [one and one.way for one in overrides], "amount": [one and one.amount for one in overrides],
        "comment": [one and one.comment for one in overrides], "made_by": [one and one.made_by for one in overrides],
        "price": nothing if money.price is None else money.price,
        "cost": nothing if money.cost is None else money.cost, "revenue": revenue, "margin": margin,
        "attributes": [json.dumps(attributes)] * periods,
    }


def _joined(pieces: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if pieces and isinstance(pieces[0], np.ndarray):
        return pa.array(np.concatenate(pieces), kind, from_pandas=True)
    values = [value for piece in pieces for value in piece]
    return pa.array(values, pa.string()).dictionary_encode() if pa.types.is_dictionary(kind) else pa.array(values, kind)
