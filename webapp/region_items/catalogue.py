"""The table of the catalogue: which region-items there are, and what the journal says of their demand.

It is written here only. Every function is part of the caller's transaction.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import inspect, select, update
from sqlalchemy.sql.schema import ScalarElementColumnDefault

from demand_assets.forecasting.contract.dagster_names import DEMAND_MARK
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.store.journal import Entry
from webapp.db.chunked import chunked
from webapp.db.database import db, now
from webapp.db.locks import insert_absent, update_locked
from webapp.pages.long_names import in_full
from webapp.region_items.forecast_figures import want_totals
from webapp.region_items.rows import hold_pooled, known_keys, locked_region_items
from webapp.tables import Catalogue, ForecastFigures, LiveAccuracy, Production, RegionItemRow

ACTIVITY_AFTER: dict[str, str] = {"started": "training", "validated": "training", "trained": "judging"}
"""Step -> what goes on with the region-item then; after the others nothing does."""

_SEARCHED = 520
"""Characters of region and item that a search looks through."""


def new_row(region_item: RegionItem) -> RegionItemRow:
    """A row, in all four tables, for a region-item that was not known before; added to the session."""
    row = RegionItemRow(**_defaults() | _names(region_item))
    db.session.add(row)
    return row


def rows_to_follow(region_items: Iterable[RegionItem]) -> dict[str, RegionItemRow]:
    """The rows of these region-items by key, new ones too, locked until the caller's transaction ends.

    The pooled model stays what it is until then too, since a row's status follows from it.
    """
    hold_pooled()
    by_key = {one.key: one for one in region_items}
    missing = sorted(by_key.keys() - known_keys(list(by_key)))
    insert_absent(Catalogue, [_names(by_key[key]) for key in missing])
    for part in chunked(missing):
        ids = db.session.scalars(select(Catalogue.id).where(Catalogue.key.in_(part)).order_by(Catalogue.id)).all()
        for kind in (Production, ForecastFigures, LiveAccuracy):
            insert_absent(kind, [{"id": each} for each in ids])
    return locked_region_items(by_key)


def note_place(row: RegionItemRow, place: int | None) -> None:
    """Note its place in the catalogue; None when the catalogue does not have it."""
    if row.in_catalogue != (place is not None):
        row.in_catalogue = place is not None
        want_totals(row)
    if place is not None:
        row.position = place


def note_step(row: RegionItemRow, entry: Entry) -> bool:
    """Whether the journal's entry is newer than what is known; it is taken up then.

    A clock that is ahead makes an entry no newer than its reading is.
    """
    read_at = now().isoformat(timespec="milliseconds")
    if entry.at < (row.step_at if row.step_at <= read_at else ""):
        return False
    row.step, row.step_at, row.step_reason = entry.step, min(entry.at, read_at), entry.reason
    if entry.step == "validated":
        row.quarantine_reason = ""
        last_date = str(entry.numbers["last_date"])[:10] if entry.numbers.get("last_date") else row.last_date
        if last_date and last_date > (row.last_date or ""):
            row.demand_at = datetime.fromisoformat(entry.at)
        row.last_date, row.demand_mark = last_date, str(entry.numbers.get(DEMAND_MARK, ""))[:32]
    if entry.step == "quarantined":
        row.quarantine_reason = entry.reason or "its new demand was rejected"
    row.activity = ACTIVITY_AFTER.get(entry.step, "")
    row.activity_run = entry.run_id if row.activity else ""
    return True


def note_load(row: RegionItemRow, at: str, rows_read: int, refused: Mapping[str, int], refused_rows: int) -> None:
    """Note what the newest load read and refused.

    Args:
        refused: rule -> rows.
    """
    row.loaded_at, row.rows_read = at, rows_read
    row.quarantined, row.quarantined_rows = dict(refused), refused_rows


def forget_training(run_id: str) -> None:
    """Forget that a run trains region-items: it is over."""
    update_locked(Catalogue.key, [Catalogue.activity == "training", Catalogue.activity_run == run_id],
                  update(Catalogue).values(activity="", activity_run=""))


def forget_judging(before: str) -> None:
    """Forget that region-items are judged since before this moment, ISO, UTC: it never came."""
    update_locked(Catalogue.key, [Catalogue.activity == "judging", Catalogue.step_at < before],
                  update(Catalogue).values(activity="", activity_run=""))


def _names(region_item: RegionItem) -> dict[str, Any]:
    return {"key": region_item.key, "region": region_item.region, "item": region_item.item,
            "search": in_full(f"{region_item.region} {region_item.item}").lower()[:_SEARCHED]}


def _defaults() -> dict[str, Any]:
    """Column -> what it is before anything is known."""
    found: dict[str, Any] = {}
    for table in inspect(RegionItemRow).tables:
        for column in table.columns:
            if isinstance(column.default, ScalarElementColumnDefault):
                found[column.key] = column.default.arg
            elif column.default is not None:
                found[column.key] = {}
    return found
