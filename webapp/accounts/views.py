"""Who may sign in; the first administrator comes by a link that works once."""

from datetime import timedelta
from typing import Any, cast

import click
from flask import Blueprint, Flask, abort, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_security import current_user
from flask_security.datastore import SQLAlchemyUserDatastore
from flask_security.mail_util import EmailValidateException
from flask_security.utils import hash_password, login_user
from flask_wtf import FlaskForm
from sqlalchemy import select, update
from wtforms import PasswordField, StringField, SubmitField
from wtforms.validators import EqualTo, InputRequired, ValidationError

from webapp.access import Actor, needs
from webapp.accounts.mail import normal_address
from webapp.accounts.password_links import LINK_HOURS, make_link
from webapp.accounts.passwords import SHORTEST_PASSWORD, normal_password, wrong_with
from webapp.accounts.sign_in import first_admin as first_admin_links
from webapp.accounts.token_views import TokenForm, account_page
from webapp.accounts.users import UserChangeError, decide_administrators, has_users
from webapp.audit.record import record
from webapp.db.database import db, writing
from webapp.db.locks import once_more
from webapp.http.choices import one_of
from webapp.http.rate_limits import forgive
from webapp.language.translations import COOKIE, LANGUAGES
from webapp.language.translations import gettext as _
from webapp.language.translations import lazy_gettext as _l
from webapp.services import services
from webapp.tables import RoleName, User

bp = Blueprint("accounts", __name__)

SECURITY_SETTINGS: dict[str, Any] = {
    "SECURITY_PASSWORD_HASH": "argon2",
    "SECURITY_PASSWORD_SCHEMES": ["argon2"],
    "SECURITY_PASSWORD_SINGLE_HASH": ["argon2"],
    "SECURITY_PASSWORD_LENGTH_MIN": SHORTEST_PASSWORD,
    "SECURITY_CHANGEABLE": True,
    "SECURITY_SEND_PASSWORD_CHANGE_EMAIL": False,
    "SECURITY_LOGIN_URL": "/sign-in",
    "SECURITY_LOGOUT_URL": "/sign-out",
    "SECURITY_LOGOUT_METHODS": ["POST"],
    "SECURITY_CHANGE_URL": "/password",
    "SECURITY_POST_LOGIN_VIEW": "/",
    "SECURITY_POST_LOGOUT_VIEW": "/sign-in",
    "SECURITY_POST_CHANGE_VIEW": "/",
    "SECURITY_LOGIN_USER_TEMPLATE": "accounts/sign_in.html",
    "SECURITY_CHANGE_PASSWORD_TEMPLATE": "accounts/password.html",
    "SECURITY_RETURN_GENERIC_RESPONSES": True,
    "SECURITY_CSRF_IGNORE_UNAUTH_ENDPOINTS": False,
    "SECURITY_DEFAULT_REMEMBER_ME": False,
    "SECURITY_API_ENABLED_METHODS": ["session"],
    "SECURITY_CACHE_CONTROL": None,  # it would write `no-store=True`, which says nothing; we say it of every page
    "SECURITY_FRESHNESS": timedelta(minutes=-1),
    "SECURITY_MSG_GENERIC_AUTHN_FAILED": (_l("The e-mail address or the password is wrong."), "error"),
    "SECURITY_MSG_UNAUTHENTICATED": (_l("Please sign in."), "info"),
    "SECURITY_RESET_URL": "/forgotten-password",
    "SECURITY_RESET_PASSWORD_WITHIN": timedelta(hours=1),
    "SECURITY_FORGOT_PASSWORD_TEMPLATE": "accounts/forgotten.html",
    "SECURITY_RESET_PASSWORD_TEMPLATE": "accounts/reset.html",
    "SECURITY_EMAIL_TEMPLATE_PASSWORD_RESET": "accounts/reset_mail",
    "SECURITY_EMAIL_SUBJECT_PASSWORD_RESET": _l("A new password for the demand forecasts"),
    "SECURITY_EMAIL_HTML": False,
    "SECURITY_SEND_PASSWORD_RESET_NOTICE_EMAIL": False,
    "SECURITY_POST_RESET_VIEW": "/sign-in",
    "SECURITY_MSG_PASSWORD_RESET_REQUEST": (
        _l("If someone here has this address, a link to choose a new password is on its way."), "info"),
    "SECURITY_MSG_EMAIL_NOT_PROVIDED": (_l("Email not provided"), "error"),
    "SECURITY_MSG_INVALID_EMAIL_ADDRESS": (_l("Invalid email address"), "error"),
    "SECURITY_MSG_PASSWORD_NOT_PROVIDED": (_l("Password not provided"), "error"),
    "SECURITY_MSG_RETYPE_PASSWORD_MISMATCH": (_l("Passwords do not match"), "error"),
    "SECURITY_MSG_INVALID_PASSWORD": (_l("Invalid password"), "error"),
    "SECURITY_MSG_PASSWORD_IS_THE_SAME": (
        _l("Your new password must be different than your previous password."), "error"),
    "SECURITY_MSG_PASSWORD_CHANGE": (_l("You successfully changed your password."), "success"),
    "SECURITY_MSG_INVALID_RESET_PASSWORD_TOKEN": (_l("Invalid reset password token."), "error"),
    "SECURITY_MSG_PASSWORD_RESET_EXPIRED": (_l("You did not reset your password within %(within)s. "), "error"),
    "SECURITY_MSG_PASSWORD_RESET_NO_LOGIN": (_l("The password is set. Sign in with it."), "success"),
}

LANGUAGE_KEPT = timedelta(days=365)
"""In a browser."""
DEAD = (_l("This link does not work: it was used, is too old, or someone already signs in here. Whoever runs the "
           "machine can create a new one with `flask --app webapp first-admin-link`, or an administrator with "
           "`flask --app webapp create-admin`."))


class AdminForm(FlaskForm):  # type: ignore[misc]  # the package has no types
    """E-mail address and password of a new administrator."""

    email = StringField(_l("E-mail"), [InputRequired(_l("Give an e-mail address."))])
    password = PasswordField(_l("Password"), [InputRequired(_l("Choose a password."))])
    again = PasswordField(_l("Password again"), [EqualTo("password", _l("The two passwords differ."))])
    submit = SubmitField(_l("Create the administrator"))

    def validate_email(self, field: StringField) -> None:
        """It must look like an address."""
        try:
            normal_address(field.data or "")
        except EmailValidateException as error:
            raise ValidationError(_("An e-mail address looks like name@example.com.")) from error

    def validate_password(self, field: PasswordField) -> None:
        """It is one that may be chosen."""
        if wrong := wrong_with(field.data or "", self.email.data or ""):
            raise ValidationError(wrong)


@once_more
def create_user(email: str, password: str, role: RoleName, by: Actor | None = None, is_first: bool = False) -> User:
    """A new user with that role.

    Raises: EmailValidateException: it is no address. ValueError: the address is taken, nobody may choose that password,
        or somebody was to be the first and is not.
    """
    security = current_app.extensions["security"]
    store: SQLAlchemyUserDatastore = security.datastore
    email = normal_address(email)
    password = normal_password(password, email)
    with writing():
        decide_administrators()
        if is_first and has_users():
            raise ValueError("somebody else was first")
        if store.find_user(email=email) is not None:
            raise ValueError(f"{email} may already sign in")
        user = store.create_user(email=email, password=hash_password(password), roles=[role])
        first_admin_links.use_all()
        record("created", "user", email, after={"role": role}, by=by)
    return cast(User, user)


@bp.route("/first-admin/<token>", methods=["GET", "POST"])
def first_admin(token: str) -> ResponseReturnValue:
    """Let the first administrator choose e-mail address and password; once."""
    if not first_admin_links.works(token):
        abort(404, DEAD)
    forgive()
    form = AdminForm()
    if not form.validate_on_submit():
        return render_template("accounts/first_admin.html", form=form), 422 if request.method == "POST" else 200
    first = Actor(form.email.data.strip().lower(), "admin", "first sign-up", request.remote_addr or "")
    try:
        user = create_user(form.email.data, form.password.data, "admin", by=first, is_first=True)
    except ValueError:
        abort(404, DEAD)
    login_user(user, authn_via=["first sign-up"])
    flash(_("Welcome. %(email)s is the administrator.", email=user.email), "success")
    return redirect(url_for("overview.show"))


@bp.get("/account")
@needs("viewer")
def account() -> str:
    """Who is signed in, and what they may do."""
    return account_page(TokenForm())


@bp.post("/language")
def choose_language() -> ResponseReturnValue:
    """Speak that language from now on, or, where none is named, as the browser asks: in this browser, and wherever
    somebody who is signed in signs in."""
    tag = one_of("language", request.form.get("language", ""), ["", *LANGUAGES]) or None
    if current_user.is_authenticated:
        with writing():
            db.session.execute(update(User).where(User.id == cast(User, current_user).id).values(language=tag))
        answer = redirect(url_for("accounts.account", _anchor="language"), 303)
    else:
        answer = redirect(url_for("security.login", next=request.args.get("next")), 303)
    answer.set_cookie(COOKIE, tag or "", max_age=LANGUAGE_KEPT if tag else 0, samesite="Lax", httponly=True,
                      secure=services().settings.web_https)
    return answer


def add_to(app: Flask) -> None:
    """Serve the account page, ask people to sign in, and add the commands ``first-admin-link``, ``create-admin`` and
    ``reset-link`` of ``flask --app webapp``."""
    app.register_blueprint(bp)
    security = app.extensions["security"]

    def sign_in_first(mechanisms: Any, headers: Any = None) -> ResponseReturnValue:
        target = url_for("security.login", next=request.full_path.rstrip("?") if request.method == "GET" else None)
        if request.headers.get("HX-Request"):
            return "", 401, {"HX-Redirect": url_for("security.login")}
        return redirect(target)

    security.unauthn_handler(sign_in_first)

    @app.cli.command("first-admin-link")
    def first_admin_link() -> None:
        """Print the link with which the first administrator signs up; nothing when somebody may sign in."""
        if link := first_admin_links.make_first_admin_link(services().settings):
            click.echo(link)

    @app.cli.command("create-admin")
    @click.option("--email", required=True, help="The address to sign in with.")
    def create_admin(email: str) -> None:
        """Create an administrator; the password comes from WEB_ADMIN_PASSWORD or is asked for."""
        password = services().settings.web_admin_password or click.prompt(
            "Password", hide_input=True, confirmation_prompt=True)
        try:
            user = create_user(email, password, "admin")
        except (ValueError, EmailValidateException) as error:
            raise click.ClickException(str(error)) from error
        click.echo(f"{user.email} may sign in as administrator.")

    @app.cli.command("reset-link")
    @click.option("--email", required=True, help="The address that the person signs in with.")
    def reset_link(email: str) -> None:
        """Print a link with which somebody chooses a new password."""
        try:
            user = db.session.scalar(select(User).where(User.email == normal_address(email)))
            if user is None:
                raise click.ClickException(f"nobody signs in as {email}")
            secret = make_link(user.id)
        except (EmailValidateException, UserChangeError) as error:
            raise click.ClickException(str(error)) from error
        click.echo(f"{services().settings.public_url}/choose-password/{secret}")
        click.echo(f"It works once, for {LINK_HOURS} hours.")
