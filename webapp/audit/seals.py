"""The audit log's chain of seals: each is a hash of the seal before and of one whole entry.

The background process seals entries after they were committed, in the order in which it sees them, so that nobody who
writes an entry waits for another. Whoever gets around the database's triggers and rewrites, removes or swaps entries
breaks the chain; who makes all of it anew, or cuts its end, cannot make a seal that somebody keeps elsewhere.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import ColumnElement, String, cast, exists, func, insert, select, text

from webapp.db.database import Instant, db, now, writing
from webapp.db.locks import once_more
from webapp.tables import AuditEntry, AuditSeal

AT_ONCE = 500
"""Entries of one transaction, or of one question."""
LOOKED_BACK = 1000
"""Seals: an entry that was committed later than those with higher numbers is at once found among so many of them."""
SOON = timedelta(minutes=10)
"""Entries are sealed within seconds while the background process runs; after so long something is wrong."""
LONGEST_TRANSACTION = timedelta(hours=1)
"""No change takes so long to be committed: an entry that shows up later was put there afterwards."""
FIRST = "0" * 64
"""Stands for the seal before the first."""
COLUMNS = ("id", "at", "by", "via", "address", "act", "kind", "subject", "before", "after", "reason")
"""Of an entry, under its seal: all of them."""
MOMENT = "%Y-%m-%d %H:%M:%S.%f"


@dataclass(frozen=True)
class Chain:
    """What a look at the whole chain found."""

    length: int
    """Of the part that is whole, from the first seal on."""
    newest: str | None
    """The seal at its end; None of an empty chain."""
    problem: str | None
    """What is wrong first, in words; None when nothing is."""


def seal_of(previous: str, position: int, sealed_at: str, entry: Mapping[str, str | None]) -> str:
    """The seal of an entry, 64 hexadecimal digits.

    Args:
        sealed_at: as ``MOMENT``, in UTC.
        entry: ``COLUMNS`` as text, as the database has them.
    """
    told = json.dumps([previous, position, sealed_at, [entry[name] for name in COLUMNS]], separators=(",", ":"))
    return sha256(told.encode("ascii")).hexdigest()


@once_more
def seal_some(look_at_all: bool = False) -> int:
    """How many entries were sealed, at most ``AT_ONCE``. A second process that does the same does no harm.

    Args:
        look_at_all: also at those far behind the newest seals, which takes longer in a long log.
    """
    with writing():
        last = db.session.execute(select(AuditSeal.position, AuditSeal.seal)
                                  .order_by(AuditSeal.position.desc()).limit(1)).first()
        position, seal = last or (0, FIRST)
        query = select(*_as_texts()).where(_is_unsealed()).order_by(AuditEntry.id).limit(AT_ONCE)
        if not look_at_all:
            query = query.where(AuditEntry.id > _floor())
        at, rows = now(), []
        for found in db.session.execute(query).mappings():
            position += 1
            seal = seal_of(seal, position, at.strftime(MOMENT), _entry(dict(found)))
            rows.append({"position": position, "entry_id": int(found["id"]), "sealed_at": at, "seal": seal})
        if rows:
            db.session.execute(insert(AuditSeal), rows)
    return len(rows)


def unsealed_since() -> datetime | None:
    """When the oldest entry was made that should have been sealed by now; None when there is none.

    Before the first seal ever, that is the first entry: nothing seals as long as the background process does not run.
    """
    return db.session.scalar(select(func.min(AuditEntry.at)).where(
        AuditEntry.id > _floor(), AuditEntry.at < now() - SOON, _is_unsealed()))


def verify() -> Chain:
    """Whether the chain is whole and every entry is as it was sealed, as far as the first that is not."""
    length, seal, sealed_at = 0, FIRST, ""
    highest, highest_before, before = 0, 0, ""
    """Numbers of entries: of all seals so far, and of those of earlier turns; and when the last of these was."""
    seen: set[int] = set()

    def found(problem: str | None) -> Chain:
        return Chain(length, seal if length else None, problem)

    for link in _links():
        position, entry_id = link["position"], link["sealed_id"]
        if position != length + 1:
            return found(f"Seal {length + 1} is missing: the next one that there is has number {position}.")
        if link["id"] is None:
            return found(f"Entry {entry_id} was removed; its seal has number {position}.")
        if entry_id in seen:
            return found(f"Entry {entry_id} was sealed a second time, as number {position}.")
        if seal_of(seal, position, link["sealed_at"], _entry(link)) != link["seal"]:
            return found(f"Entry {entry_id} or its seal, number {position}, was changed.")
        if link["sealed_at"] != sealed_at:
            highest_before, before = highest, sealed_at
        sealed_at = link["sealed_at"]
        if entry_id < highest_before and _is_much_later(before, link["at"]):
            return found(f"Entry {entry_id} was added in between afterwards: it says that it was made at {link['at']}, "
                         f"but was not there yet when others were sealed at {before} (UTC).")
        length, seal, highest = position, link["seal"], max(highest, entry_id)
        seen.add(entry_id)
    waits = db.session.execute(select(AuditEntry.id).where(AuditEntry.at < now() - SOON, _is_unsealed())
                               .order_by(AuditEntry.id).limit(1)).first()
    return found(f"Entry {waits.id} is not sealed, though it is older than {SOON // timedelta(minutes=1)} minutes: "
                 "it was added past the app, its seal was removed, or the background process does not run."
                 if waits else None)


def has_seal(seal: str, length: int) -> bool:
    """Whether a seal that somebody kept is one of the first so many of the chain."""
    return db.session.scalar(select(exists().where(AuditSeal.seal == seal, AuditSeal.position <= length))) or False


def role_that_may_rewrite() -> str | None:
    """The app's role in the database where it could remove the log's triggers; None where it cannot, and on SQLite."""
    if db.session.connection().dialect.name != "postgresql":
        return None
    role: str | None = db.session.scalar(text(
        "SELECT current_user FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace "
        "WHERE pg_class.oid = 'audit_entry'::regclass "
        "AND (pg_has_role(current_user, relowner, 'MEMBER') OR pg_has_role(current_user, nspowner, 'MEMBER'))"))
    return role


def _links() -> Iterator[Mapping[str, Any]]:
    """Every seal in order, beside its entry: all of it null where there is none."""
    last = None
    while True:
        query = select(AuditSeal.position, AuditSeal.entry_id.label("sealed_id"), AuditSeal.seal,
                       _text(AuditSeal.sealed_at.expression).label("sealed_at"), *_as_texts()
                       ).outerjoin(AuditEntry, AuditEntry.id == AuditSeal.entry_id)
        if last is not None:
            query = query.where(AuditSeal.position > last)
        links = db.session.execute(query.order_by(AuditSeal.position).limit(AT_ONCE)).mappings().all()
        yield from links  # type: ignore[misc]  # a mapping of names, which its type does not say
        if len(links) < AT_ONCE:
            return
        last = links[-1]["position"]


def _entry(row: Mapping[str, Any]) -> dict[str, str | None]:
    return {name: row[name] for name in COLUMNS}


def _as_texts() -> list[ColumnElement[Any]]:
    """An entry's columns as the database has them, so that what reads the same but is not is told apart."""
    return [_text(getattr(AuditEntry, name).expression).label(name) for name in COLUMNS]


def _text(column: ColumnElement[Any]) -> ColumnElement[Any]:
    if isinstance(column.type, Instant) and db.session.connection().dialect.name == "postgresql":
        return func.to_char(column, "YYYY-MM-DD HH24:MI:SS.US")
    return cast(column, String)


def _is_unsealed() -> ColumnElement[bool]:
    return ~exists().where(AuditSeal.entry_id == AuditEntry.id)


def _floor() -> ColumnElement[int]:
    """The lowest number among entries that were sealed of late."""
    newest = select(AuditSeal.entry_id).order_by(AuditSeal.position.desc()).limit(LOOKED_BACK).subquery()
    return select(func.coalesce(func.min(newest.c.entry_id), 0)).scalar_subquery()


def _is_much_later(moment: str, than: str | None) -> bool:
    """Whether one is so much later that no transaction can have been open in between; so is any than no moment."""
    try:
        return datetime.strptime(moment, MOMENT) - datetime.strptime(than or "", MOMENT) > LONGEST_TRANSACTION
    except ValueError:
        return True
