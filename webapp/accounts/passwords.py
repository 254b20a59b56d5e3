"""Passwords: how long, as what they are kept, and that a change is recorded with it."""

from functools import wraps
from typing import Any, cast

from flask import Flask, abort, current_app, request
from flask.typing import ResponseReturnValue
from flask_security import current_user
from flask_security.recoverable import reset_password_token_status
from flask_security.signals import password_changed, password_reset

from webapp.access import Actor, View, actor, role_of
from webapp.audit.record import record
from webapp.db.database import writing
from webapp.db.locks import locked
from webapp.tables import User

SHORTEST_PASSWORD, LONGEST_PASSWORD = 10, 200
FORMS = ("security", "accounts", "links")
"""Blueprints whose forms take passwords."""
FIELDS = ("password", "new_password", "new_password_confirm", "password_confirm", "again")


def normal_password(password: str) -> str:
    """A password as its hash is made, so that it is the same on every keyboard.

    Raises: ValueError: it is too short or too long.
    """
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise ValueError(f"a password has at least {SHORTEST_PASSWORD} and at most {LONGEST_PASSWORD} characters, this "
                         f"one has {len(password)}")
    return cast(str, current_app.extensions["security"]._password_util.normalize(password))


def _changed(_app: Flask, user: User, **_about: Any) -> None:
    record("password changed", "user", user.email, by=actor())


def _reset(_app: Flask, user: User, **_about: Any) -> None:
    record("password set", "user", user.email,
           by=Actor(user.email, role_of(user), "e-mailed link", request.remote_addr or ""))


def _in_one_transaction(view: View) -> View:
    """The view of a form that writes, with what it records."""
    @wraps(view)
    def whole(*args: Any, **kwargs: Any) -> ResponseReturnValue:
        if request.method != "POST":
            return view(*args, **kwargs)
        with writing():
            user = _user_of_link(kwargs["token"]) if "token" in kwargs else current_user
            if user is not None and user.is_authenticated:
                locked(User, user.id)  # as it is now, so that a link works once and the old password is the newest
            return view(*args, **kwargs)

    return whole


def _user_of_link(token: str) -> User | None:
    """Whose password an e-mailed link resets."""
    status: Any = reset_password_token_status
    return cast(User | None, status(token)[2])


def _refuse_endless() -> None:
    """A password that is longer than any can be is not worth the work of its hash."""
    if (request.endpoint or "").partition(".")[0] in FORMS and any(
            len(value) > LONGEST_PASSWORD for name in FIELDS for value in request.form.getlist(name)):
        abort(422, f"A password has at most {LONGEST_PASSWORD} characters.")


def add_to(app: Flask) -> None:
    """After Flask-Security: its forms for passwords change them and record it, together or not at all."""
    for endpoint in ("security.change_password", "security.reset_password"):
        view = cast(View | None, app.view_functions.get(endpoint))
        if view is not None:
            app.view_functions[endpoint] = _in_one_transaction(view)
    app.before_request(_refuse_endless)
    password_changed.connect(_changed, app)
    password_reset.connect(_reset, app)
