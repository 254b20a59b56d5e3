"""Sessions: rows that a cookie names. They end with the row: at sign-out, with a new password or role, with their age,
and when nobody uses them."""

import logging
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask, current_app, flash, g, request, session
from flask_login import user_logged_out
from flask_security import current_user
from flask_security.signals import user_authenticated
from flask_security.utils import logout_user, set_request_attr
from sqlalchemy import bindparam, delete, or_, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import joinedload

from webapp.access import Actor, note_signed_in, role_of
from webapp.accounts.tokens import digest_of
from webapp.accounts.users import forget_sessions
from webapp.administration.app_settings import LONGEST_SESSION_HOURS, app_settings
from webapp.audit.record import record
from webapp.db.conflicts import is_conflict
from webapp.db.database import db, now, writing
from webapp.http.rate_limits import forgive
from webapp.language.translations import lazy_gettext as _l
from webapp.tables import User, UserSession

log = logging.getLogger(__name__)

SESSION_ID = "sid"
"""Where the cookie keeps the session's id."""
GOES_ON = ("_user_id", "_fresh", "_id", "_flashes")
"""What of the cookie before a sign-in is kept; its token of forms is not."""
USE_NOTED = timedelta(minutes=5)
BY_ITSELF = "X-By-Itself"
"""A header of what an open page asks without its reader (static/app.js): that is no use of a session."""
LONGEST_BROWSER = 200
_WITH_ROLES, _WITH_GROUPS = (joinedload(UserSession.user).joinedload(each) for each in (User.roles, User.groups))
"""What every page asks of who looks at it is one question."""
_OF_COOKIE = select(UserSession).where(
    UserSession.digest == bindparam("digest"), UserSession.began_at > bindparam("began"),
    UserSession.seen_at > bindparam("seen")).options(_WITH_ROLES, _WITH_GROUPS)
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
"""Before any session."""
ENDED = _l("Your session has ended. Please sign in again.")
NOT_KEPT = _l("You were signed in with an earlier version of this app. Please sign in once more.")


def sessions_of(user_id: int) -> Sequence[UserSession]:
    """A user's sessions that have not ended, the newest first."""
    query = select(UserSession).where(UserSession.user_id == user_id, ~_is_over())
    return db.session.scalars(query.order_by(UserSession.id.desc())).all()


def this_session() -> UserSession | None:
    """The session of this request; None when nobody is signed in."""
    found: UserSession | None = g.get("user_session")
    return found


def end_session(user_id: int, session_id: int) -> bool:
    """End one session of a user; recorded. False when they have none of that number."""
    with writing():
        row = db.session.scalar(select(UserSession).where(UserSession.id == session_id, UserSession.user_id == user_id))
        if row is None:
            return False
        record("session ended", "user", row.user.email, before=_facts(row))
        db.session.execute(delete(UserSession).where(UserSession.id == session_id))
    return True


def end_all_sessions(user_id: int) -> None:
    """Sign a user out everywhere; recorded."""
    with writing():
        ended = len(db.session.execute(delete(UserSession).where(UserSession.user_id == user_id).returning(
            UserSession.id)).all())
        record("signed out everywhere", "user", db.session.get_one(User, user_id).email, before={"sessions": ended})


def _is_over() -> Any:
    ends = _ends()
    return or_(UserSession.began_at <= ends["began"], UserSession.seen_at <= ends["seen"])


def _ends() -> dict[str, datetime]:
    """What began, or was used last, at these moments or before is over."""
    settings = app_settings()
    idle = now() - timedelta(hours=settings.idle_hours) if settings.idle_hours else LONG_AGO
    return {"began": now() - timedelta(hours=settings.session_hours), "seen": idle}


def _facts(row: UserSession) -> dict[str, Any]:
    return {"began": row.began_at.isoformat(timespec="minutes"), "way": row.way, "address": row.address}


def _load(uniquifier: str) -> User | None:
    """Who has the session that the cookie names; for Flask-Login."""
    secret = session.get(SESSION_ID)
    if not isinstance(secret, str) or not secret:
        return None
    row = db.session.scalars(_OF_COOKIE, {"digest": digest_of(secret), **_ends()}).unique().one_or_none()
    if row is None or row.user.fs_uniquifier != uniquifier or not row.user.active:
        return None
    g.user_session = row
    set_request_attr("fs_authn_via", "session")
    set_request_attr("fs_paa", row.began_at.timestamp())
    note_signed_in(row.user)
    return row.user


def _began(_app: Flask, user: User, authn_via: list[str] | None = None, **_about: Any) -> None:
    """A sign-in begins a session with an id and a token of forms of its own, and ends the one before in this browser.

    A cookie that remembers forever is not made: the session itself stays, as long as it may.
    """
    forgive()
    way, before = (authn_via or ["link"])[0], session.get(SESSION_ID)
    is_permanent = session.pop("_remember", None) == "set" or (way == "change" and session.permanent)
    kept = {name: session[name] for name in GOES_ON if name in session}
    session.clear()
    g.pop("csrf_token", None)
    secret = secrets.token_urlsafe(32)
    session.update(kept, **{SESSION_ID: secret})
    session.permanent = is_permanent
    row = UserSession(digest=digest_of(secret), user_id=user.id, way=way, address=request.remote_addr or "",
                      browser=request.user_agent.string[:LONGEST_BROWSER])
    if way == "change":  # in the transaction that changes the password
        forget_sessions(user)
        db.session.add(row)
        db.session.flush()
        return
    by = Actor(user.email, role_of(user), way, request.remote_addr or "")
    with writing():
        person = db.session.get_one(User, row.user_id)
        if person.signed_in_at is not None and person.toured_at is None:
            person.toured_at = now()  # the tour is for the first time
        person.signed_in_at = now()
        old = select(UserSession.id).where(_is_over()).with_for_update(skip_locked=True)
        db.session.execute(delete(UserSession).where(UserSession.id.in_(old)))
        if isinstance(before, str):
            db.session.execute(delete(UserSession).where(UserSession.digest == digest_of(before)))
        db.session.add(row)
        record("signed in", "user", by.email, by=by)
    log.info("%s signed in by %s from %s", by.email, way, by.address)


def _ended(_app: Flask, user: Any, **_about: Any) -> None:
    """A sign-out ends the session where it is kept; what is left of the cookie opens nothing."""
    secret, kept = session.get(SESSION_ID), session.get("_flashes")
    session.clear()
    g.pop("csrf_token", None)
    if kept:
        session["_flashes"] = kept
    if not isinstance(secret, str):
        return
    with writing():
        row = db.session.scalar(select(UserSession).where(UserSession.digest == digest_of(secret)))
        if row is not None:
            who = Actor(row.user.email, role_of(row.user), "browser", request.remote_addr or "")
            if user.is_authenticated:
                record("signed out", "user", who.email, before=_facts(row), by=who)
            db.session.execute(delete(UserSession).where(UserSession.id == row.id))
    g.pop("user_session", None)


def _end_or_note() -> None:
    """Say that a session has ended, else note that it is used."""
    if current_app.config["REMEMBER_COOKIE_NAME"] in request.cookies:
        session["_remember"] = "clear"
    if request.endpoint == "static" or "_user_id" not in session:
        return
    if not current_user.is_authenticated:
        words = ENDED if SESSION_ID in session else NOT_KEPT
        logout_user()
        flash(str(words), "info")
    elif (row := this_session()) is not None and BY_ITSELF not in request.headers and abs(
            now() - row.seen_at) > USE_NOTED:
        _note_use(row.id)


def _note_use(session_id: int) -> None:
    """Never waits for whoever ends the session meanwhile; a note that cannot be taken now is taken later."""
    try:
        with writing():
            free = select(UserSession.id).where(UserSession.id == session_id).with_for_update(skip_locked=True)
            db.session.execute(update(UserSession).where(UserSession.id.in_(free.scalar_subquery())).values(
                seen_at=now()))
    except DBAPIError as error:
        if not is_conflict(error):
            raise


def add_to(app: Flask) -> None:
    """After Flask-Security, whose own tokens open nothing here: a session in the table does, or a token of the API."""
    app.config["PERMANENT_SESSION_LIFETIME"] = timedelta(hours=LONGEST_SESSION_HOURS)
    manager: Any = app.extensions["security"].login_manager
    manager.user_loader(_load)
    manager.request_loader(lambda _request: None)
    user_authenticated.connect(_began, app)
    user_logged_out.connect(_ended, app)
    app.before_request(_end_or_note)
