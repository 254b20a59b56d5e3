"""The page behind a link that works once: choose a password."""

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import PasswordField, SubmitField
from wtforms.validators import EqualTo, InputRequired, Length

from webapp.accounts.passwords import LONGEST_PASSWORD, SHORTEST_PASSWORD
from webapp.accounts.sign_in_links import LINK_HOURS, choose_password, find_link

bp = Blueprint("links", __name__)

DEAD = (f"This link does not work: links work once, for {LINK_HOURS} hours, and only the newest of a person does. "
        "Ask an administrator for a new one.")


class PasswordForm(FlaskForm):  # type: ignore[misc]  # the package has no types
    """A new password, twice."""

    password = PasswordField("Password", [InputRequired("Choose a password."), Length(
        SHORTEST_PASSWORD, LONGEST_PASSWORD, f"A password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters.")])
    again = PasswordField("Password again", [EqualTo("password", "The two passwords differ.")])
    submit = SubmitField("Set the password")


@bp.route("/choose-password/<secret>", methods=["GET", "POST"])
def choose(secret: str) -> ResponseReturnValue:
    """Let the person for whom the link was made choose a password; once."""
    link = find_link(secret)
    if link is None:
        abort(404, DEAD)
    form = PasswordForm()
    if not form.validate_on_submit():
        return render_template("accounts/choose_password.html", form=form, email=link.user.email), (
            422 if request.method == "POST" else 200)
    if choose_password(secret, form.password.data, request.remote_addr or "") is None:
        abort(404, DEAD)
    flash("The password is set. Sign in with it.", "success")
    return redirect(url_for("security.login"))
