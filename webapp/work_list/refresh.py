"""The list of work kept as its causes are: found by the background process, never while somebody waits for a page."""

from collections.abc import Collection, Iterable

from sqlalchemy import select

from webapp.db.chunked import chunked
from webapp.db.database import db, now, writing
from webapp.db.locks import insert_absent, locked_rows
from webapp.services import Services
from webapp.tables import WorkEntry
from webapp.work_list import states
from webapp.work_list.conditions import OF_PASTS, OF_ROWS, causes_in_pasts, causes_in_rows
from webapp.work_list.states import Cause
from webapp.work_list.thresholds import rulebook

AT_ONCE = 200
"""Entries of one transaction, so that no planner waits for it."""
_COMPARED = (WorkEntry.id, WorkEntry.kind, WorkEntry.subject, WorkEntry.mark, WorkEntry.is_caused, WorkEntry.units,
             WorkEntry.money, WorkEntry.rank, WorkEntry.told, WorkEntry.resolved_at)
"""Columns that ``states.is_news`` reads."""


def refresh_of_rows(services: Services) -> int:
    """How many entries are new or others than before, of the kinds ``OF_ROWS``."""
    causes = causes_in_rows(services, rulebook(), now())
    db.session.rollback()
    return take_up(causes, OF_ROWS)


def refresh_of_pasts(services: Services) -> int:
    """The same of the kinds ``OF_PASTS``.

    Raises: OSError: the demand store does not answer; the list stays as it was.
    """
    causes = causes_in_pasts(services, rulebook())
    db.session.rollback()
    return take_up(causes, OF_PASTS)


def take_up(causes: Iterable[Cause], kinds: Collection[str]) -> int:
    """How many entries were made or changed, so that each cause has one; what has no cause any more is resolved.

    Args:
        kinds: all whose causes these are: of others nothing is known here.
    """
    found = {(cause.kind, cause.subject): cause for cause in causes}
    at = now()
    known, changed = set[tuple[str, str]](), list[int]()
    for row in db.session.execute(select(*_COMPARED).where(WorkEntry.kind.in_(kinds)).order_by(WorkEntry.id)):
        known.add((row.kind, row.subject))
        cause = found.get((row.kind, row.subject))
        if states.is_news(row, cause, at) if cause else row.is_caused:
            changed.append(row.id)
    db.session.rollback()
    new = [cause for key, cause in found.items() if key not in known]
    for part in chunked(new, AT_ONCE):
        with writing():
            insert_absent(WorkEntry, [states.new_entry(cause, at) for cause in part])
    for ids in chunked(changed, AT_ONCE):
        with writing():
            for entry in locked_rows(select(WorkEntry).where(WorkEntry.id.in_(ids)), WorkEntry.id):
                if (cause := found.get((entry.kind, entry.subject))) is not None:
                    states.note_cause(entry, cause, at)
                else:
                    states.note_gone(entry, at)
    return len(new) + len(changed)
