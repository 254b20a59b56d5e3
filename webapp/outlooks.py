"""Outlooks: the plan's forecast of every region-item as it stands, kept so that pages read thousands in a moment.

Only the background process makes them; many at a time in a process of their own, so that nothing else waits.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flask import Flask
from joblib.externals.loky import get_reusable_executor
from joblib.externals.loky.process_executor import TerminatedWorkerError
from sqlalchemy import delete, select

from demand_assets.forecasting.store import NotInStoreError
from demand_assets.forecasting.totals import Part, over_all
from webapp.database import db, now, writing
from webapp.lines import Line, line_of
from webapp.region_items import pooled_row, rows_by_key
from webapp.services import Services
from webapp.settings import Settings
from webapp.tables import Outlook, RegionItemRow

log = logging.getLogger(__name__)

AT_ONCE = 25
"""Outlooks made between two commits."""
APART_FROM = 60
"""Due outlooks from which on another process makes them."""
ASKED_APART = 500
"""Outlooks that the other process is asked for at a time."""
IDLE_SECONDS = 120


@dataclass(frozen=True)
class Kept:
    """An outlook, read."""

    part: Part
    served_by: str
    """As in ``tables.Outlook``."""
    origin: str


def outlooks_of(keys: Sequence[str]) -> dict[str, Kept]:
    """Key -> outlook; those that were not made yet are left out."""
    found: dict[str, Kept] = {}
    for start in range(0, len(keys), 500):
        rows = db.session.execute(select(Outlook.key, Outlook.content, Outlook.served_by, Outlook.origin).where(
            Outlook.key.in_(keys[start:start + 500])))
        found |= {key: Kept(Part.from_bytes(content), served_by, origin) for key, content, served_by, origin in rows}
    return found


def due_keys(most: int) -> list[str]:
    """Region-items whose outlook is to be made, region-major."""
    found = list(db.session.scalars(select(RegionItemRow.key).where(
        RegionItemRow.outlook_due, RegionItemRow.in_catalogue).order_by(RegionItemRow.position).limit(most)))
    db.session.rollback()
    return found


def make_due(app: Flask) -> bool:
    """Make what is due, in this process when it is little; whether something was.

    Raises: OSError: the demand store cannot be read.
    """
    services: Services = app.extensions["services"]
    keys = due_keys(ASKED_APART)
    if len(keys) < APART_FROM:
        make(services, keys)
        return bool(keys)
    try:
        get_reusable_executor(max_workers=1, timeout=IDLE_SECONDS).submit(
            _make_apart, services.settings, keys).result()
    except TerminatedWorkerError as error:
        log.warning("the process that makes outlooks ended; another goes on: %s", error)
    return True


def make(services: Services, keys: Sequence[str]) -> None:
    """Make the outlooks of these region-items, and what the overview shows of them.

    Raises: OSError: the demand store cannot be read.
    """
    for start in range(0, len(keys), AT_ONCE):
        part = keys[start:start + AT_ONCE]
        rows = rows_by_key(part)
        wanted = {key: rows[key].outlook_wanted for key in part}
        lines = dict(_lines(services, list(rows.values())))
        db.session.rollback()
        with writing():
            rows = rows_by_key(part)
            for key, row in rows.items():
                _keep(row, lines[key])
                row.outlook_due = row.outlook_wanted != wanted[key]


def _lines(services: Services, rows: Sequence[RegionItemRow]) -> Iterator[tuple[str, Line | None]]:
    """Each region-item's forecast under the plan; None where no demand is stored."""
    pooled = pooled_row()
    for row in rows:
        try:
            yield row.key, line_of(services, row, services.models.serving(row, pooled), pooled,
                                   services.dataset.horizon)
        except NotInStoreError:
            yield row.key, None


def _keep(row: RegionItemRow, line: Line | None) -> None:
    """Write the outlook down, in the caller's transaction."""
    if line is None:
        db.session.execute(delete(Outlook).where(Outlook.key == row.key))
        row.outlook_total = row.outlook_lower = row.outlook_upper = None
        return
    part = line.plan.part
    db.session.merge(Outlook(key=row.key, made_at=now(), origin=str(line.plan.origin.date()), served_by=line.mark,
                             content=part.to_bytes()))
    total = over_all([part])
    row.outlook_total, row.outlook_lower, row.outlook_upper = total.forecast, total.lower, total.upper


_apps: dict[str, Flask] = {}


def _make_apart(settings: Settings, keys: list[str]) -> None:
    """``make`` in a process of its own."""
    from webapp import create_app

    if settings.database_url not in _apps:
        _apps[settings.database_url] = create_app(settings)
    app = _apps[settings.database_url]
    with app.app_context():
        make(app.extensions["services"], keys)
