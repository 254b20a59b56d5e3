"""Who asks is known wherever a page is drawn, also where no view is reached: what they do not see is told nowhere."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.webapp.conftest import EMAIL
from webapp.db.database import db, now, writing
from webapp.groups.changes import add_group
from webapp.tables import SystemState, User

MET = "the demand of north|kettle cannot be read"
"""By a loop of the background process."""
WAYS = ("GET /", "GET /systems", "GET /account", "GET /password", "POST /password", "GET /no-such-page", "PUT /",
        "POST /overrides", "GET /retrains/99999", "GET /?view=%00")
"""Answers of views, of the library behind sign-ins, and errors of before there is a view."""


@pytest.mark.parametrize("way", WAYS)
def test_what_a_loop_met_is_told_to_those_only_who_see_everything(
        app: Flask, client: FlaskClient, viewer: FlaskClient, way: str) -> None:
    method, address = way.split(" ", 1)
    with app.app_context():
        add_group("south", rules=[("region", "south")], members=[db.session.scalars(select(User.id).where(
            User.email == EMAIL)).one()])
        with writing():
            db.session.add(SystemState(name="loop:store", is_up=False, checked_at=now(), since=now(), message=MET))

    assert MET in viewer.open(address, method=method).text
    assert MET not in client.open(address, method=method).text
