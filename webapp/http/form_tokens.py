"""A token for each rendering of a form, so that sending it twice does one thing."""

from uuid import uuid4

from flask import Flask


def new_form_token() -> str:
    """A token for one rendering of a form; the same form sent twice makes one request."""
    return uuid4().hex


def add_to(app: Flask) -> None:
    """Let templates put tokens into forms."""
    app.jinja_env.globals.update(new_form_token=new_form_token)
