"""The administrators' page about the identity provider: where it sends users, and the tokens with which it may."""

from collections.abc import Iterable
from datetime import timedelta

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_security import current_user
from flask_wtf import FlaskForm
from sqlalchemy import func, select

from webapp.access import needs, role_of
from webapp.accounts.token_views import MakesAToken, has_just_signed_in
from webapp.accounts.tokens import ends_at
from webapp.db.database import db, now
from webapp.language.translations import gettext as _
from webapp.scim.addresses import address_of
from webapp.scim.tokens import all_tokens, is_valid, make_token, revoke_token
from webapp.tables import ScimToken, ScimUser, User, UserGroup

bp = Blueprint("scim_tokens", __name__, url_prefix="/admin/scim")


class ScimTokenForm(MakesAToken, FlaskForm):  # type: ignore[misc]  # the package has no types
    """A new token of the identity provider."""

    def names_in_use(self) -> Iterable[str]:
        """Of the identity provider's."""
        return [token.name for token in all_tokens() if is_valid(token)]


@bp.get("")
@needs("admin")
def show() -> str:
    """The provider's tokens, and what it keeps."""
    return _page(ScimTokenForm())


@bp.post("")
@needs("admin")
def make() -> ResponseReturnValue:
    """Make a token and show it; this once."""
    form = ScimTokenForm()
    if not form.validate_on_submit():
        return _page(form), 422
    _token, secret = make_token(form.name.data, now() + timedelta(days=form.days.data) if form.days.data else None)
    form.name.data = ""
    return _page(form, secret)


@bp.post("/<int:token_id>/revoke")
@needs("admin")
def revoke(token_id: int) -> ResponseReturnValue:
    """Let a token open nothing any more."""
    token = db.session.get(ScimToken, token_id) or abort(404, _("There is no token %(token_id)s.", token_id=token_id))
    name = token.name
    revoke_token(token.id)
    flash(_("The token %(name)s no longer works.", name=name), "success")
    return redirect(url_for("scim_tokens.show"), 303)


def _page(form: ScimTokenForm, secret: str = "") -> str:
    tokens = all_tokens()
    makers = db.session.scalars(select(User).where(User.email.in_({token.made_by for token in tokens})))
    kept = (db.session.scalar(select(func.count()).select_from(ScimUser).where(ScimUser.removed_at.is_(None))) or 0,
            db.session.scalar(select(func.count()).select_from(UserGroup).where(UserGroup.provisioned == "kept")) or 0)
    return render_template(
        "scim/tokens.html", form=form, secret=secret, tokens=tokens, is_valid=is_valid, ends_at=ends_at,
        administrators={user.email for user in makers if user.active and role_of(user) == "admin"}, kept=kept,
        address=address_of(), is_on=any(map(is_valid, tokens)),
        is_proven=bool(current_user.password) or has_just_signed_in())
