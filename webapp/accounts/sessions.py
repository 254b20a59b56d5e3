"""Sessions: noted when they begin, ended when they are too old; "stay signed in" keeps one beyond the browser's end."""

import logging
import time
from datetime import timedelta
from typing import Any

from flask import Flask, current_app, flash, request, session
from flask_security.signals import user_authenticated
from flask_security.utils import logout_user

from webapp.administration.app_settings import LONGEST_SESSION_HOURS, app_settings
from webapp.db.database import db, now, writing
from webapp.tables import User

log = logging.getLogger(__name__)

BEGAN = "fs_paa"
"""Where Flask-Security keeps when somebody last proved who they are, in seconds."""


def _began(_app: Flask, user: User, authn_via: list[str] | None = None, **_about: Any) -> None:
    """Note a sign-in. A cookie that remembers forever is not made: the session itself stays, as long as it may."""
    way = (authn_via or ["link"])[0]
    remembered = session.pop("_remember", None) == "set"
    if way == "change":
        return  # the same session goes on with the new password
    session.permanent = remembered
    user_id, email = user.id, user.email
    with writing():
        db.session.get_one(User, user_id).signed_in_at = now()
    log.info("%s signed in by %s from %s", email, way, request.remote_addr)


def _end_old() -> None:
    if current_app.config["REMEMBER_COOKIE_NAME"] in request.cookies:
        session["_remember"] = "clear"
    if request.endpoint == "static" or "_user_id" not in session:
        return
    began = session.get(BEGAN)
    if not isinstance(began, int | float) or time.time() - began > app_settings().session_hours * 3600:
        logout_user()
        flash("Your session has ended. Please sign in again.", "info")


def add_to(app: Flask) -> None:
    """After Flask-Security."""
    app.config["PERMANENT_SESSION_LIFETIME"] = timedelta(hours=LONGEST_SESSION_HOURS)
    user_authenticated.connect(_began, app)
    app.before_request(_end_old)
