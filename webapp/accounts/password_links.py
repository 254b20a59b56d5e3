"""Links that work once, with which people choose a password: made by an administrator, kept as digests only."""

import secrets
from datetime import timedelta

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_security.utils import hash_password
from flask_wtf import FlaskForm
from sqlalchemy import delete, select
from wtforms import PasswordField, SubmitField
from wtforms.validators import EqualTo, InputRequired, ValidationError

from webapp.access import Actor, actor, role_of
from webapp.accounts.passwords import AsksAboutTokens, normal_password, password_is_new, wrong_with
from webapp.accounts.tokens import digest_of
from webapp.accounts.users import UserChangeError
from webapp.audit.record import record
from webapp.db.database import db, now, writing
from webapp.db.locks import locked_one
from webapp.http.rate_limits import forgive
from webapp.language.translations import gettext as _
from webapp.language.translations import lazy_gettext as _l
from webapp.tables import SignInLink, User

bp = Blueprint("links", __name__)

LINK_HOURS = 72
DEAD = (_l("This link does not work: links work once, within %(link_hours)s hours, and only the newest one of each "
           "person. Ask an administrator for a new one.", link_hours=LINK_HOURS))


def make_link(user_id: int) -> str:
    """The secret of a new link for a user; older ones stop working. Recorded.

    Raises: UserChangeError: the user is switched off.
    """
    secret = secrets.token_urlsafe(32)
    with writing():
        user = locked_one(User, user_id)
        if not user.active:
            raise UserChangeError(_("%(email)s is deactivated. Reactivate the account first.", email=user.email))
        db.session.execute(delete(SignInLink).where(SignInLink.user_id == user_id, SignInLink.used_at.is_(None)))
        link = SignInLink(digest=digest_of(secret), user_id=user_id, made_by=actor().email,
                          expires_at=now() + timedelta(hours=LINK_HOURS))
        db.session.add(link)
        record("link made", "user", user.email, after={"expires": link.expires_at.isoformat(timespec="minutes")})
    return secret


def find_link(secret: str) -> SignInLink | None:
    """A link that works; None when it never did, was used, expired, or was replaced."""
    link = db.session.scalar(select(SignInLink).where(SignInLink.digest == digest_of(secret)))
    works = link is not None and link.used_at is None and link.expires_at > now() and link.user.active
    return link if works else None


def choose_password(secret: str, password: str, address: str, tokens: str | None = None) -> str | None:
    """Set the password of the link's user, whose sessions end; their e-mail address, None when the link does not work.

    Args:
        tokens: what becomes of the user's API tokens, as in ``passwords.TOKENS``; None where they have none.
    Raises: ValueError: nobody may choose that password.
    """
    hashed = hash_password(normal_password(password))
    with writing():
        owner = db.session.scalar(select(SignInLink.user_id).where(SignInLink.digest == digest_of(secret)))
        if owner is None:
            return None
        locked_one(User, owner)  # whoever makes, uses or takes off a link of theirs holds it
        link = find_link(secret)
        if link is None:
            return None
        link.used_at, user = now(), link.user
        email, user.password = user.email, hashed
        password_is_new(user, tokens)
        record("password set", "user", email, by=Actor(email, role_of(user), "one-time link", address))
    return email


class PasswordForm(AsksAboutTokens, FlaskForm):  # type: ignore[misc]  # the package has no types
    """A new password, twice, and what becomes of the tokens of whose it is."""

    password = PasswordField(_l("Password"), [InputRequired(_l("Choose a password."))])
    again = PasswordField(_l("Password again"), [EqualTo("password", _l("The two passwords differ."))])
    submit = SubmitField(_l("Set the password"))

    def __init__(self, user: User) -> None:
        super().__init__()
        self.user = user

    def owner(self) -> User:
        """For whom the link was made."""
        return self.user

    def validate_password(self, field: PasswordField) -> None:
        """It is one that may be chosen."""
        if wrong := wrong_with(field.data or "", self.user.email):
            raise ValidationError(wrong)


@bp.route("/choose-password/<secret>", methods=["GET", "POST"])
def choose(secret: str) -> ResponseReturnValue:
    """Let the person for whom the link was made choose a password; once."""
    link = find_link(secret)
    if link is None:
        abort(404, DEAD)
    forgive()
    form = PasswordForm(link.user)
    if not form.validate_on_submit():
        return render_template("accounts/choose_password.html", form=form, email=link.user.email), (
            422 if request.method == "POST" else 200)
    if choose_password(secret, form.password.data, request.remote_addr or "", form.tokens.data) is None:
        abort(404, DEAD)
    flash(_("The password is set. Sign in with it."), "success")
    return redirect(url_for("security.login"))
