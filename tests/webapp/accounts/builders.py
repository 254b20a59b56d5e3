"""What tests of users, sign-in and tokens share."""

from datetime import timedelta
from typing import cast
from urllib.parse import urljoin

from bs4 import BeautifulSoup, Tag
from flask import Flask
from sqlalchemy import select

from tests.webapp.conftest import text_of
from webapp.db.database import db, now, writing
from webapp.tables import User, UserSession


def is_here(location: str) -> bool:
    """Whether a browser stays with the app: it takes backslashes for slashes and drops tabs and line ends."""
    as_read = location.replace("\\", "/").replace("\t", "")
    return urljoin("http://localhost/sign-in", as_read).startswith("http://localhost/")


def id_of(app: Flask, email: str) -> int:
    with app.app_context():
        return db.session.scalars(select(User.id).where(User.email == email)).one()


def age_sessions(app: Flask, email: str, began: timedelta = timedelta(0), seen: timedelta = timedelta(0)) -> None:
    """Let somebody's sessions have begun, and been used last, so long ago."""
    user_id = id_of(app, email)
    with app.app_context(), writing():
        for row in db.session.scalars(select(UserSession).where(UserSession.user_id == user_id)):
            row.began_at, row.seen_at = now() - began, now() - seen


def secret_on(html: str) -> str:
    """The link or token that a page shows this once."""
    return text_of(cast(Tag, BeautifulSoup(html, "html.parser").find(id="secret"))).removeprefix("http://localhost")
