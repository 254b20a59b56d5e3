"""Passwords: how long and how uncommon, as what they are kept, and that a change is recorded with it."""

from functools import wraps
from typing import Any, cast

from flask import Flask, abort, current_app, request
from flask.typing import ResponseReturnValue
from flask_security import current_user
from flask_security.forms import ChangePasswordForm, ResetPasswordForm
from flask_security.password_util import PasswordUtil
from flask_security.recoverable import reset_password_token_status
from flask_security.signals import password_changed, password_reset
from flask_security.utils import verify_password
from wtforms import RadioField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import ValidationError
from zxcvbn import zxcvbn

from webapp.access import Actor, View, actor, role_of
from webapp.accounts.tokens import revoke_tokens, valid_tokens_of
from webapp.accounts.users import end_sessions
from webapp.audit.record import record
from webapp.db.database import writing
from webapp.db.locks import locked
from webapp.http.request_bodies import is_door
from webapp.language.translations import gettext as _
from webapp.language.translations import lazy_gettext as _l
from webapp.tables import User

SHORTEST_PASSWORD, LONGEST_PASSWORD = 10, 200
LEAST_SCORE = 3
"""Of zxcvbn: at least 10^8 guesses by somebody who knows common passwords, names, words, dates and keyboards."""
LOOKED_AT = 40
"""Characters that are looked at for it: of many more, finding out takes seconds."""
FIELDS = ("password", "new_password", "new_password_confirm", "password_confirm", "again", "own_password")
LENGTH = _l("A password has %(shortest_password)s to %(longest_password)s characters.",
            shortest_password=SHORTEST_PASSWORD, longest_password=LONGEST_PASSWORD)
COMMON = (_l("This password is too easy to guess: it is a common one, or like one. Use a few unrelated words."))


def wrong_with(password: str, *known: str) -> str | None:
    """Why nobody may choose this password; None when they may.

    Args:
        known: what anybody would try first, as the e-mail address.
    """
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        return LENGTH
    words = [word for text in known for word in (text, *text.partition("@")[::2])]
    found = zxcvbn(password[:LOOKED_AT], user_inputs=[*words, "demand", "forecast", "forecasts"])
    return COMMON if found["score"] < LEAST_SCORE else None


def normal_password(password: str, *known: str) -> str:
    """A password as its hash is made, so that it is the same on every keyboard.

    Raises: ValueError: nobody may choose it; the words say why.
    """
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise ValueError(f"a password has at least {SHORTEST_PASSWORD} and at most {LONGEST_PASSWORD} characters, this "
                         f"one has {len(password)}")
    normal = cast(str, current_app.extensions["security"]._password_util.normalize(password))
    if wrong := wrong_with(normal, *known):
        raise ValueError(wrong)
    return normal


def is_password_of(user: User, password: str) -> bool:
    """Whether it is the user's; False when they have none."""
    if not user.password or len(password) > LONGEST_PASSWORD:
        return False
    normal = current_app.extensions["security"]._password_util.normalize(password)
    return bool(verify_password(normal, user.password))


class LocalPasswords(PasswordUtil):
    """The same rule in Flask-Security's forms."""

    def validate(self, password: str, is_register: bool, **about: Any) -> tuple[list[str] | None, str]:
        """What is wrong with a new password, and the password as its hash is made."""
        user, normal = about.get("user"), self.normalize(password)
        wrong = wrong_with(normal, user.email if user is not None else "")
        return [wrong] if wrong else None, normal


TOKENS = {"revoke": _l("Revoke them: programs that use them are refused at once"),
          "keep": _l("Keep them: only I have them")}


class AsksAboutTokens:
    """Part of a form that sets a password: whoever has API tokens says what becomes of them."""

    tokens = RadioField(_l("Your API tokens"), choices=[
        SelectChoice(value, words) for value, words in TOKENS.items()], validate_choice=False)

    def owner(self) -> User | None:
        """Whose password the form sets."""
        raise NotImplementedError

    def has_tokens(self) -> bool:
        """Whether there is something to say."""
        owner = self.owner()
        return owner is not None and bool(valid_tokens_of(owner))

    def validate_tokens(self, field: RadioField) -> None:
        """It is said where there are tokens."""
        if self.has_tokens() and field.data not in TOKENS:
            raise ValidationError(_("Your API tokens keep working after the change. Keep or revoke them; revoke them "
                                    "if someone else may know the old password."))


class ChangeForm(AsksAboutTokens, ChangePasswordForm):
    """The present password, a new one twice, and what becomes of one's tokens."""

    def owner(self) -> User | None:
        """Who is signed in."""
        return cast(User, current_user)


class ResetForm(AsksAboutTokens, ResetPasswordForm):
    """A new password by a link in an e-mail."""

    def owner(self) -> User | None:
        """To whom the e-mail went."""
        return cast(User | None, self.user)


def password_is_new(user: User, tokens: str | None) -> None:
    """What ends with the old password: sessions, links, and the tokens if their owner says so. Inside ``writing`` only.

    Args:
        tokens: one of ``TOKENS``; None where there are none.
    """
    end_sessions(user)
    if tokens == "revoke":
        revoke_tokens(user)


def _changed(_app: Flask, user: User, **_about: Any) -> None:
    if request.form.get("tokens") == "revoke":  # sessions and links ended when the new session began
        revoke_tokens(user)
    record("password changed", "user", user.email, by=actor())


def _reset(_app: Flask, user: User, **_about: Any) -> None:
    password_is_new(user, request.form.get("tokens"))
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


def _with_a_password(view: View) -> View:
    """The view of the change of a password, for those who have one."""
    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> ResponseReturnValue:
        if current_user.is_authenticated and not current_user.password:
            abort(403, _("You sign in without a password, so there is none to change. An administrator can create a "
                         "link for you to choose one."))
        return view(*args, **kwargs)

    return guarded


def _user_of_link(token: str) -> User | None:
    """Whose password an e-mailed link resets."""
    status: Any = reset_password_token_status
    return cast(User | None, status(token)[2])


def _refuse_endless() -> None:
    """A password that is longer than any can be is not worth the work of its hash."""
    if is_door() and any(len(value) > LONGEST_PASSWORD for name in FIELDS for value in request.form.getlist(name)):
        abort(422, _("A password has at most %(longest_password)s characters.", longest_password=LONGEST_PASSWORD))


def add_to(app: Flask) -> None:
    """After Flask-Security: its forms for passwords change them and record it, together or not at all."""
    for endpoint in ("security.change_password", "security.reset_password"):
        view = cast(View | None, app.view_functions.get(endpoint))
        if view is not None:
            app.view_functions[endpoint] = _in_one_transaction(view)
    change = cast(View, app.view_functions["security.change_password"])
    app.view_functions["security.change_password"] = _with_a_password(change)
    app.before_request(_refuse_endless)
    app.jinja_env.globals.update(shortest_password=SHORTEST_PASSWORD)
    password_changed.connect(_changed, app)
    password_reset.connect(_reset, app)
