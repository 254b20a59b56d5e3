"""Adjustments, made and removed on the forecast page."""

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.webapp.conftest import KETTLE, post

DAY, DAY_IN_WORDS = "2026-06-16", "Tue, Jun 16, 2026"
"""A Tuesday, on which 9 units are sold."""
PAGE = f"/forecasts?ri={KETTLE.key}"


def adjust(client: FlaskClient, **fields: str) -> TestResponse:
    return post(client, "/adjustments", {"ri": KETTLE.key, "date": DAY, "units": "40", "reason": "a large order",
                                         **fields}, form_on=PAGE)


def remove(client: FlaskClient, adjustment_id: int = 1) -> TestResponse:
    return post(client, f"/adjustments/{adjustment_id}/remove", {}, form_on=PAGE)
