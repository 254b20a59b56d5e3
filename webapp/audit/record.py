"""The audit log: every change that somebody makes, added in the transaction that makes it."""

from typing import Any, Literal

from webapp.access import Actor, actor
from webapp.db.database import db
from webapp.language.translations import lazy_gettext as _l
from webapp.tables import AuditEntry

Kind = Literal["user", "token", "setting", "retrain", "model", "override", "adjustment", "predecessor", "scenario",
               "plan", "data", "work", "view", "group"]
KINDS: dict[Kind, str] = {
    "user": _l("users"), "token": _l("API tokens"), "setting": _l("settings"), "retrain": _l("retrains"),
    "model": _l("models"),
    "override": _l("overrides"), "adjustment": _l("adjustments of the past"),
    "predecessor": _l("items that replace others"), "scenario": _l("scenarios"), "plan": _l("published plans"),
    "data": _l("uploaded data"),
    "work": _l("the work list"),
    "view": _l("saved views"),
    "group": _l("groups"),
}
LONGEST_SUBJECT = 520


class OutsideTransactionError(RuntimeError):
    """Something was to be recorded outside ``database.writing``, where it could be lost or stand alone."""


def record(act: str, kind: Kind, subject: str, *, before: dict[str, Any] | None = None,
           after: dict[str, Any] | None = None, reason: str = "", by: Actor | None = None) -> None:
    """Add an entry to the log, in the caller's ``database.writing``: with the change, or not at all.

    Args:
        act: what was done, in a word or two in the past tense, as in ``promoted by hand``.
        subject: which thing, as people name it.
        before: what was changed, as it was, as JSON types; None for something new. Never passwords or tokens.
        after: as it is.
        by: whoever sent this request unless given.
    Raises: OutsideTransactionError.
    """
    if not db.session.connection().get_execution_options().get("writes"):
        raise OutsideTransactionError(f"{act!r} must be recorded where it is done, inside writing()")
    who = by or actor()
    db.session.add(AuditEntry(by=who.email, via=who.via, address=who.address, act=act, kind=kind,
                              subject=subject[:LONGEST_SUBJECT], before=before, after=after, reason=reason))
