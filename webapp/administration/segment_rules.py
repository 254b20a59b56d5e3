"""Rules that people make for all region-items or for a segment of them: kept and removed, each in one transaction with
its entry in the audit log. What a rule may say is checked by those who have it."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from sqlalchemy import delete, func, select

from webapp.access import actor
from webapp.audit.record import record
from webapp.db.database import LARGEST_ID, db, now, writing
from webapp.db.locks import insert_absent, locked_one, locked_rows, once_more
from webapp.language.translations import gettext as _

MOST = 200
"""Rules of a table."""


class TooManyRulesError(ValueError):
    """There are as many rules as there may be."""


class _Rule(Protocol):
    id: Any
    changed_by: Any
    changed_at: Any


Row = TypeVar("Row", bound=_Rule)


@once_more
def keep_rule(table: type[Row], place: Mapping[str, str], wanted: Mapping[str, Any], act: str, name: str) -> bool:
    """Keep a rule, in place of the one that there is; whether that changes anything.

    Args:
        place: the columns that tell rules apart, as the segment.
        wanted: what the rule says.
        act: in the audit log, as ``rule set``.
        name: of the rule, there.
    Raises: TooManyRulesError: it would be one more than there may be.
    """
    rules: Any = table  # each table of rules is one of the app's own
    with writing():
        new = insert_absent(rules, [{**place, **wanted, "changed_by": actor().email}])
        row = locked_rows(select(rules).filter_by(**place), rules.id)[0]
        if new and (db.session.scalar(select(func.count()).select_from(rules)) or 0) > MOST:
            raise TooManyRulesError(_("There are already %(most)s of these, the maximum. Remove some first.",
                                      most=MOST))
        before = None if new else {column: getattr(row, column) for column in wanted}
        if before == wanted:
            return False
        for column, value in wanted.items():
            setattr(row, column, value)
        row.changed_by, row.changed_at = actor().email, now()
        record(act, "setting", name, before=before, after=dict(wanted))
    return True


@once_more
def remove_rule_of(table: type[Row], rule_id: int, columns: tuple[str, ...], act: str,
                   name: Callable[[Row], str]) -> Row | None:
    """Remove a rule, so that the next that fits counts; what it was, or None where there is none.

    Args:
        columns: what a rule of the table says, for the audit log.
    """
    rules: Any = table
    if not 0 < rule_id <= LARGEST_ID:
        return None
    with writing():
        if db.session.get(rules, rule_id) is None:
            return None
        row: Row = locked_one(rules, rule_id)
        record(act, "setting", name(row), before={column: getattr(row, column) for column in columns})
        db.session.execute(delete(rules).where(rules.id == rule_id))
        db.session.expunge(row)
    return row
