"""The administrators' pages about users: who may sign in, as what, and since when they were last here."""

from collections.abc import Iterator
from typing import cast

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_security.mail_util import EmailValidateException
from flask_wtf import FlaskForm
from sqlalchemy import ColumnElement, not_, or_, select
from wtforms import RadioField, StringField, SubmitField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired

from webapp.access import MAY, ROLE_WORDS, ROLES, actor, needs, own_role_of, role_of
from webapp.accounts import users
from webapp.accounts.password_links import LINK_HOURS, make_link
from webapp.accounts.tokens import tokens_of
from webapp.db.database import db
from webapp.http.choices import one_of
from webapp.language.translations import gettext as _
from webapp.language.translations import lazy_gettext as _l
from webapp.pages.listing import Kind, find_page, in_order, parse_view
from webapp.services import services
from webapp.tables import Role, RoleName, ScimUser, User, UserGroup

bp = Blueprint("users", __name__, url_prefix="/admin")

USERS = Kind({"email": User.email.expression, "made": User.created_at.expression,
              "seen": User.signed_in_at.expression}, "email", filters={"role": ROLES, "state": ("active", "inactive")})


class NewUserForm(FlaskForm):  # type: ignore[misc]  # the package has no types
    """Who is to be let in, and as what."""

    email = StringField(_l("E-mail"), [InputRequired(_l("Give an e-mail address."))])
    role = RadioField(_l("Role"), default=ROLES[0], choices=[
        SelectChoice(role, _l("%(role)s: %(may)s", role=ROLE_WORDS[role], may=MAY[role])) for role in ROLES])
    submit = SubmitField(_l("Add the user"))


@bp.get("")
@needs("admin")
def start() -> ResponseReturnValue:
    """The first of the administrators' pages."""
    return redirect(url_for("users.show"))


@bp.get("/users")
@needs("admin")
def show() -> str:
    """Everybody who may sign in, or might once."""
    view = parse_view(USERS, request.args)
    query = select(User)
    if view.search:
        query = query.where(User.email.contains(view.search.lower(), autoescape=True))
    if view.filters["role"]:
        query = query.where(*_has_role(cast(RoleName, view.filters["role"])))
    if view.filters["state"]:
        query = query.where(User.active == (view.filters["state"] == "active"))
    return render_template("accounts/users/show.html", page=find_page(in_order(query, view, User.id.expression), view),
                           role_of=role_of)


@bp.route("/users/new", methods=["GET", "POST"])
@needs("admin")
def new() -> ResponseReturnValue:
    """Add somebody; the answer shows the link with which they choose their password."""
    form = NewUserForm()
    if form.validate_on_submit():
        try:
            user = users.add_user(form.email.data, cast(RoleName, form.role.data))
        except (EmailValidateException, users.UserChangeError) as error:
            form.email.errors = [str(error)]
        else:
            return _detail(user, secret=make_link(user.id))
    return render_template("accounts/users/new.html", form=form), 422 if request.method == "POST" else 200


@bp.get("/users/<int:user_id>")
@needs("admin")
def detail(user_id: int) -> ResponseReturnValue:
    """One user, and what can be changed about them."""
    return _detail(_user(user_id))


@bp.post("/users/<int:user_id>/role")
@needs("admin")
def change_role(user_id: int) -> ResponseReturnValue:
    """Give a user another role."""
    role = one_of("role", request.form.get("role", ""), ROLES)
    user = _user(user_id)
    try:
        users.change_role(user.id, role)
    except users.UserChangeError as error:
        return _detail(user, error=str(error))
    flash(_("%(email)s is now %(role)s. Their sessions and password links have ended.",
            email=user.email, role=role), "success")
    return redirect(url_for("users.detail", user_id=user_id), 303)


@bp.post("/users/<int:user_id>/active")
@needs("admin")
def set_active(user_id: int) -> ResponseReturnValue:
    """Switch a user off or on."""
    active = one_of("active", request.form.get("active", ""), ("yes", "no"))
    user = _user(user_id)
    try:
        users.set_active(user.id, active == "yes")
    except users.UserChangeError as error:
        return _detail(user, error=str(error))
    flash(_("%(email)s is active again. Earlier sessions stay ended.", email=user.email) if active == "yes" else
          _("%(email)s is deactivated: sessions and links have ended, tokens no longer work.",
            email=user.email), "success")
    return redirect(url_for("users.detail", user_id=user_id), 303)


@bp.post("/users/<int:user_id>/link")
@needs("admin")
def link(user_id: int) -> ResponseReturnValue:
    """Make a link with which a user chooses a password, and show it; this once."""
    user = _user(user_id)
    try:
        return _detail(user, secret=make_link(user.id))
    except users.UserChangeError as error:
        return _detail(user, error=str(error))


@bp.post("/users/<int:user_id>/identity")
@needs("admin")
def forget_identity(user_id: int) -> ResponseReturnValue:
    """Take a user's single sign-on off."""
    user = _user(user_id)
    try:
        users.forget_identity(user.id)
    except users.UserChangeError as error:
        return _detail(user, error=str(error))
    flash(_("The next single sign-on with the verified address %(email)s is taken for this user's.",
            email=user.email), "success")
    return redirect(url_for("users.detail", user_id=user_id), 303)


def _has_role(role: RoleName) -> Iterator[ColumnElement[bool]]:
    """What a user must be for that to be the highest of their own roles and of those that their groups give."""
    for name in ROLES[ROLES.index(role):]:
        has = or_(User.roles.any(Role.name == name), User.groups.any(UserGroup.role == name))
        if name == role != ROLES[0]:
            yield has
        elif name != role:
            yield not_(has)


def _user(user_id: int) -> User:
    return db.session.get(User, user_id) or abort(404, _("There is no user %(user_id)s.", user_id=user_id))


def _detail(user: User, secret: str = "", error: str = "") -> ResponseReturnValue:
    address = (services().settings.web_public_url or request.url_root).rstrip("/")
    link = f"{address}{url_for('links.choose', secret=secret)}" if secret else ""
    return render_template("accounts/users/detail.html", user=user, role=role_of(user), own_role=own_role_of(user),
                           is_self=user.email == actor().email,
                           tokens=tokens_of(user), provisioned=db.session.get(ScimUser, user.id), link=link,
                           error=error, MAY=MAY, LINK_HOURS=LINK_HOURS), (
        422 if error else 200)
