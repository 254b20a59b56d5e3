"""A token for each rendering of a form, so that sending it twice does one thing."""

from uuid import uuid4

from flask import Flask, abort, request

from webapp.language.translations import gettext as _

LENGTH = 32
"""Characters of a token."""


def new_form_token() -> str:
    """A token for one rendering of a form; the same form sent twice makes one request."""
    return uuid4().hex


def sent_form_token() -> str:
    """The token of the form that was sent; an error page where it has none."""
    token = request.form.get("token", "")
    if len(token) != LENGTH or not token.isascii() or not token.isalnum():
        abort(422, _("This form is not complete. Reload the page and send it again."))
    return token


def add_to(app: Flask) -> None:
    """Let templates put tokens into forms."""
    app.jinja_env.globals.update(new_form_token=new_form_token)
