"""What is wrong with a plan that would be published now."""

import time
from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from flask import Flask
from sqlalchemy import update

from tests.webapp.conftest import Background
from webapp.data_quality.freshness import oldest_behind
from webapp.db.database import db, writing
from webapp.published_plans.readiness import readiness
from webapp.services import services
from webapp.tables import StoredForecast


@pytest.fixture(params=["Pacific/Kiritimati", "Etc/GMT+12"])
def far_away(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The server's clock is in a place of which one at least has another date than Greenwich, at any moment."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("far_away")
def test_a_forecast_is_too_old_by_the_servers_date_as_on_the_page_of_fresh_demand(app: Flask, ready: Background,
                                                                                  ) -> None:
    told = []
    for days in (0, 1):
        with app.app_context():
            dataset = services().dataset
            oldest = oldest_behind(dataset, dataset.horizon - 1, date.today())
            with writing():
                db.session.execute(update(StoredForecast).values(origin=str(oldest - timedelta(days=days))))
            told.append("stale" in [one.kind for one in readiness().found])

    assert told == [False, True]
