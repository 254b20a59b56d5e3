"""Entries of the list of work: made by what is known of region-items, found and read from the page."""

from datetime import date
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from demand_assets.forecasting.contract.region_item import RegionItem
from tests.webapp.conftest import KETTLE, LAST_DAY, page, post, text_of
from tests.webapp.overrides.builders import part
from webapp.db.database import db, now, writing
from webapp.region_items.rows import locked_region_items
from webapp.tables import RegionItemRow, StoredForecast, WorkEntry
from webapp.work_list.actions import Act, Done, WantedAction, act
from webapp.work_list.refresh import refresh_of_pasts, refresh_of_rows

REJECTED = {"quarantine_reason": "the price is negative", "forecast_total": 84.0}
"""What makes an entry of a region-item."""


def tell(app: Flask, region_item: RegionItem = KETTLE, **known: Any) -> None:
    """Set columns of a region-item's row."""
    with app.app_context(), writing():
        locked_region_items([region_item.key])
        row = db.session.get_one(RegionItemRow, region_item.key)
        for name, value in known.items():
            setattr(row, name, value)


def move(app: Flask, region_item: RegionItem = KETTLE, moved: float = 42.0, of: float = 84.0) -> None:
    """Let the forecast of a region-item move now, from so many units of the same periods."""
    total = of + moved
    tell(app, region_item, moved=moved, moved_of=of, forecast_model=total, forecast_total=total, moved_at=now())


def stored_unusual(app: Flask, *days: str, region_item: RegionItem = KETTLE) -> None:
    """Let these days of a region-item be unusual: 50 sold where 10 were usual."""
    tell(app, region_item, last_date=str(LAST_DAY))
    with app.app_context(), writing():
        rows = [{"date": day, "sold": 50.0, "usual": 10.04} for day in sorted(days, reverse=True)]
        db.session.merge(StoredForecast(key=region_item.key, made_at=now(), origin=str(LAST_DAY), served_by="",
                                        content=part(30.0).to_bytes(), unusual={"rows": rows}))


def refresh(app: Flask) -> int:
    """How many entries the background process makes or changes."""
    with app.app_context():
        services = app.extensions["services"]
        return refresh_of_rows(services) + refresh_of_pasts(services)


def found(app: Flask, kind: str = "") -> list[WorkEntry]:
    """The entries, the most important first, read for good."""
    with app.app_context():
        query = select(WorkEntry).order_by(WorkEntry.rank.desc(), WorkEntry.id)
        entries = list(db.session.scalars(query.where(WorkEntry.kind == kind) if kind else query))
        db.session.expunge_all()
        return entries


def only(app: Flask, kind: str) -> WorkEntry:
    (entry,) = found(app, kind)
    return entry


def do(what: Act, *entries: WorkEntry, **more: Any) -> Done:
    """Act as a command does, in the caller's context."""
    return act(WantedAction(what, **more), {entry.id: entry.version for entry in entries}, date.today())


def send(client: FlaskClient, what: str, *entries: WorkEntry, **fields: Any) -> TestResponse:
    """Tick entries on the page, as they were when they were read, and press a button."""
    ticked = [f"{entry.id}.{entry.version}" for entry in entries]
    return post(client, "/work", {"act": what, "entry": ticked, **fields}, form_on="/work")


def listed(client: FlaskClient, query: str = "") -> list[str]:
    """The tasks on the page, a line each."""
    return [text_of(row) for row in page(client.get(f"/work?{query}")).select("#work tbody tr")]
