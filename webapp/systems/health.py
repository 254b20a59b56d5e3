"""Is the app well? For launchers, load balancers and whoever starts it again."""

from typing import Any

from flask import Blueprint, Response, jsonify
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from webapp.audit.seals import unsealed_since
from webapp.db.database import db
from webapp.language.translations import ENGLISH, in_language
from webapp.systems import outages as state
from webapp.systems.signs_of_life import LOOP
from webapp.tables import User

bp = Blueprint("health", __name__)


@bp.get("/health")
def health() -> tuple[Response, int]:
    """For launchers and load balancers: 200 when the app and its database answer.

    Nobody has to sign in, so it names the loops of the background process that do not work, but not what they met,
    since when that process is silent as a whole, and since when entries of the audit log wait to be sealed.
    """
    try:
        db.session.execute(select(User.id).limit(1))
        outages = state.outages()
        unsealed = unsealed_since()
    except SQLAlchemyError:
        return jsonify(status="down", db="the database does not answer or has no tables: flask db upgrade"), 503
    loops = [_told(outage) for outage in outages if outage.is_loop]
    behind = {"audit_log_not_sealed_since": unsealed.isoformat(timespec="seconds")} if unsealed else {}
    if silent := next((outage.since for outage in outages if outage.name == "sync"), None):
        behind["background_process_silent_since"] = silent.isoformat(timespec="seconds")
    if loops or behind:
        return jsonify(status="degraded", db="ok", loops_not_working=loops, **behind), 200
    return jsonify(status="ok", db="ok"), 200


@bp.get("/health/live")
def live() -> Response:
    """200 while this process answers at all: for who starts it again when it does not."""
    return jsonify(status="live")


@bp.get("/health/ready")
def ready() -> tuple[Response, int]:
    """200 when pages can be made: the database answers and has its tables; for who sends requests here."""
    try:
        db.session.execute(select(User.id).limit(1))
    except SQLAlchemyError:
        return jsonify(status="not ready", why="the database does not answer or has no tables"), 503
    return jsonify(status="ready"), 200


def _told(outage: state.Outage) -> dict[str, Any]:
    return {"name": outage.name.removeprefix(LOOP), "does": _in_english(outage),
            "since": outage.since.isoformat(timespec="seconds"),
            "retry_at": outage.retry_at.isoformat(timespec="seconds") if outage.retry_at else None}


def _in_english(outage: state.Outage) -> str:
    """For programs, whatever they ask for."""
    with in_language(ENGLISH):
        return str(outage.title)
