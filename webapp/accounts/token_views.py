"""API tokens on pages: one's own, shown once when made; everybody's for administrators."""

from collections.abc import Iterable
from datetime import timedelta
from typing import cast

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_security import current_user
from flask_wtf import FlaskForm
from sqlalchemy import or_, select
from wtforms import PasswordField, SelectField, StringField, SubmitField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, ValidationError

from webapp.access import MAY, ROLES, actor, needs, role_words
from webapp.accounts.browsers import browser_words
from webapp.accounts.passwords import is_password_of
from webapp.accounts.sessions import sessions_of, this_session
from webapp.accounts.sign_in.single_sign_on import ONCE_MORE
from webapp.accounts.tokens import ends_at, is_valid, make_token, revoke_token, tokens_of
from webapp.administration.app_settings import app_settings
from webapp.db.database import db, now
from webapp.http.rate_limits import forgive
from webapp.language.translations import gettext as _
from webapp.language.translations import lazy_gettext as _l
from webapp.language.translations import ngettext as _n
from webapp.pages.listing import Kind, find_page, in_order, parse_view
from webapp.tables import ApiToken, RoleName, User

bp = Blueprint("tokens", __name__)

LONGEST_NAME = 80
TOKENS = Kind({"made": ApiToken.made_at.expression, "owner": User.email.expression, "name": ApiToken.name.expression,
               "used": ApiToken.used_at.expression}, "made", descending=True, filters={"state": ("open", "revoked")})
DAYS = {30: _l("30 days"), 90: _l("90 days"), 365: _l("a year"), 0: _l("until it is revoked")}


PROVEN = timedelta(minutes=10)
"""Who has no password makes tokens for so long after the provider was told to ask them anew."""


def days_allowed() -> dict[int, str]:
    """How long a new token may last, with words for it; 0 for no end."""
    settings = app_settings()
    if settings.token_days:
        longest = settings.token_days
        return {**{days: words for days, words in DAYS.items() if 0 < days < longest},
                longest: _n("%(num)s day", "%(num)s days", longest)}
    return {days: words for days, words in DAYS.items() if days or settings.endless_tokens}


def has_just_signed_in() -> bool:
    """Whether the provider of single sign-on has just said who this is, for those who have no password to show."""
    here = this_session()
    return here is not None and here.way == ONCE_MORE and abs(now() - here.began_at) < PROVEN


class MakesAToken:
    """Part of a form that makes a token: its name, how long it lasts, and that whoever asks is who is signed in."""

    name = StringField(_l("Name"), [InputRequired(_l("Give it a name.")), Length(1, LONGEST_NAME)], filters=[
        lambda text: " ".join((text or "").split())])
    days = SelectField(_l("Expires"), coerce=int)
    own_password = PasswordField(_l("Your password"))
    submit = SubmitField(_l("Create a token"))

    def __init__(self) -> None:
        super().__init__()
        self.days.choices = [SelectChoice(str(days), words) for days, words in days_allowed().items()]

    def validate_own_password(self, field: PasswordField) -> None:
        """It is theirs; of who has none, that the provider has just let them in."""
        user = cast(User, current_user)
        if user.password:
            if not is_password_of(user, field.data or ""):
                raise ValidationError(_("That is not your password."))
        elif not has_just_signed_in():
            raise ValidationError(_("Your sign-in is older than %(value)s minutes. Sign in again, then make the "
                                    "token.", value=PROVEN.seconds // 60))
        forgive()

    def names_in_use(self) -> Iterable[str]:
        """Of tokens that still work, from which the new one is to be told apart."""
        raise NotImplementedError

    def validate_name(self, field: StringField) -> None:
        """It can be read, and no other token that still works has it."""
        if not (field.data or "").isprintable():
            raise ValidationError(_("A name cannot contain control characters."))
        if field.data in self.names_in_use():
            raise ValidationError(_("You have a token of this name. Revoke it first, or choose another name."))


class TokenForm(MakesAToken, FlaskForm):  # type: ignore[misc]  # the package has no types
    """A new token of who is signed in."""

    role = SelectField(_l("Role"))

    def __init__(self) -> None:
        super().__init__()
        self.role.choices = [SelectChoice(role, role_words(role)) for role in ROLES[:ROLES.index(actor().role) + 1]]

    def names_in_use(self) -> Iterable[str]:
        """Of their own."""
        return [token.name for token in tokens_of(current_user) if is_valid(token)]


def account_page(form: TokenForm, secret: str = "") -> str:
    """The page of who is signed in, with a token's text just after it was made."""
    return render_template("accounts/account.html", by=actor(), may_do=MAY[actor().role], form=form, secret=secret,
                           tokens=tokens_of(current_user), is_valid=is_valid, ends_at=ends_at,
                           sessions=sessions_of(current_user.id), here=this_session(),
                           browser_words=browser_words,
                           is_proven=bool(current_user.password) or has_just_signed_in())


@bp.post("/account/tokens")
@needs("viewer")
def make() -> ResponseReturnValue:
    """Make a token and show it; this once."""
    form = TokenForm()
    if not form.validate_on_submit():
        return account_page(form), 422
    ends = now() + timedelta(days=form.days.data) if form.days.data else None
    _token, secret = make_token(cast(User, current_user), form.name.data, cast(RoleName, form.role.data), ends)
    form.name.data = ""
    return account_page(form, secret)


@bp.post("/account/tokens/<int:token_id>/revoke")
@needs("viewer")
def revoke_own(token_id: int) -> ResponseReturnValue:
    """Let a token of one's own open nothing any more; nobody else's is found here."""
    token = db.session.get(ApiToken, token_id)
    if token is None or token.user_id != current_user.id:
        abort(404, _("You have no token %(token_id)s.", token_id=token_id))
    return _revoked(token, url_for("accounts.account"))


@bp.get("/admin/tokens")
@needs("admin")
def show() -> str:
    """Everybody's tokens."""
    view = parse_view(TOKENS, request.args)
    query = select(ApiToken).join(ApiToken.user)
    if view.search:
        query = query.where(or_(User.email.contains(view.search.lower(), autoescape=True),
                                ApiToken.name.contains(view.search, autoescape=True),
                                ApiToken.starts_with.startswith(view.search, autoescape=True)))
    if view.filters["state"]:
        revoked = ApiToken.revoked_at.is_not(None)
        query = query.where(revoked if view.filters["state"] == "revoked" else ~revoked)
    page = find_page(in_order(query, view, ApiToken.id.desc()), view)
    return render_template("accounts/users/tokens.html", page=page,
                           is_valid=is_valid, ends_at=ends_at)


@bp.post("/admin/tokens/<int:token_id>/revoke")
@needs("admin")
def revoke(token_id: int) -> ResponseReturnValue:
    """Let anybody's token open nothing any more."""
    token = db.session.get(ApiToken, token_id) or abort(404, _("There is no token %(token_id)s.", token_id=token_id))
    return _revoked(token, url_for("tokens.show"))


def _revoked(token: ApiToken, back: str) -> ResponseReturnValue:
    name = token.name
    revoke_token(token.id)
    flash(_("The token %(name)s no longer works.", name=name), "success")
    return redirect(back, 303)
