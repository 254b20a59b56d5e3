"""Adjustments, made and removed on the forecast page."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from demand_assets.forecasting.store.demand_store import DemandStore
from tests.webapp.conftest import KETTLE, Background, post
from webapp.adjustments.adjustments import tell_store

DAY, DAY_IN_WORDS = "2026-06-16", "Tue, Jun 16, 2026"
"""A Tuesday, on which 9 units are sold."""
PAGE = f"/forecasts?ri={KETTLE.key}"


def adjust(client: FlaskClient, **fields: str) -> TestResponse:
    return post(client, "/adjustments", {"ri": KETTLE.key, "date": DAY, "units": "40", "reason": "a large order",
                                         **fields}, form_on=PAGE)


def remove(client: FlaskClient, adjustment_id: int = 1) -> TestResponse:
    return post(client, f"/adjustments/{adjustment_id}/remove", {}, form_on=PAGE)


def find_store_down(app: Flask, background: Background, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store is to be told while it does not answer; afterwards it answers again."""
    def down(*_: object) -> None:
        raise OSError("no answer")

    with monkeypatch.context() as broken:
        broken.setattr(DemandStore, "write_adjustments", down)
        with app.app_context(), pytest.raises(OSError, match="no answer"):
            tell_store(background.services.store)
