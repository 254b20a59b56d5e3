"""Past forecasts: kept as they stood when each period began, read back with their dates, forgotten in time."""

from datetime import date, timedelta

import numpy as np
import pytest
from flask import Flask
from sqlalchemy import update

from demand_assets.forecasting.forecast.totals import Part
from tests.webapp.conftest import KETTLE, LAST_DAY, Background
from webapp.accuracy.past_forecasts import KEPT_ORIGINS, Standing, keep_forecasts, past_forecasts
from webapp.db.database import db, writing
from webapp.region_items.forecast_figures import want_forecast
from webapp.stored_forecasts.computing import stored_forecasts_of
from webapp.tables import ArchivedForecast, RegionItemRow

ODD_DAY = date(2026, 5, 31)


def part_of(units: list[float], origin: date = LAST_DAY) -> Part:
    """A forecast whose 80 % interval goes from half of it to one and a half times."""
    forecast = np.array(units)
    return Part(np.datetime64(origin) + np.arange(1, len(units) + 1), forecast, forecast, (-0.2, -0.5, -0.9),
                (0.2, 0.5, 0.9))


def keep(units: list[float], origin: date = LAST_DAY, served_by: str = "3") -> None:
    with writing():
        keep_forecasts([Standing(KETTLE.key, origin, served_by, part_of(units, origin), np.array([7.0] * len(units)))])


def test_a_past_forecast_is_read_as_it_was_kept(app: Flask) -> None:
    with app.app_context():
        keep([10.0, 20.0], ODD_DAY)
        (past,) = past_forecasts(KETTLE.key)

    assert (past.origin, past.served_by) == (ODD_DAY, "3")
    assert [str(day) for day in past.dates] == ["2026-06-01", "2026-06-02"]
    assert past.forecast.tolist() == [10.0, 20.0]
    assert past.lower.tolist() == [5.0, 10.0]
    assert past.upper.tolist() == [15.0, 30.0]
    assert past.naive.tolist() == [7.0, 7.0]


def test_the_last_forecast_from_an_origin_is_the_one_that_stood(app: Flask) -> None:
    with app.app_context():
        keep([10.0])
        (first,) = past_forecasts(KETTLE.key)
        keep([12.0], served_by="4")

        (past,) = past_forecasts(KETTLE.key)
        assert (past.forecast.tolist(), past.served_by) == ([12.0], "4")
        assert first.since == first.made_at == past.since < past.made_at


def test_what_an_older_version_made_stood_since_it_was_made_last(app: Flask) -> None:
    with app.app_context():
        keep([10.0])
        with writing():
            db.session.execute(update(ArchivedForecast).values(since=None))
        (old,) = past_forecasts(KETTLE.key)
        keep([12.0])

        assert (old.since, past_forecasts(KETTLE.key)[0].since) == (old.made_at, old.made_at)


def test_they_are_read_oldest_first_and_from_a_day_on(app: Flask) -> None:
    days = [LAST_DAY - timedelta(days=back) for back in range(3)]
    with app.app_context():
        for day in days:
            keep([1.0], day)

        assert [past.origin for past in past_forecasts(KETTLE.key)] == days[::-1]


def test_what_is_too_old_is_forgotten(app: Flask) -> None:
    with app.app_context():
        keep([1.0], LAST_DAY - timedelta(days=KEPT_ORIGINS + 1))
        keep([1.0], LAST_DAY - timedelta(days=KEPT_ORIGINS))
        keep([1.0])

        assert [past.origin for past in past_forecasts(KETTLE.key)] == [LAST_DAY - timedelta(days=KEPT_ORIGINS),
                                                                        LAST_DAY]


def test_every_stored_forecast_is_archived_beside_seasonal_naive(app: Flask, background: Background) -> None:
    background.make_stored_forecasts()
    history = background.services.store.read("demand", KETTLE)["demand"]

    with app.app_context():
        (past,) = past_forecasts(KETTLE.key)
        kept = stored_forecasts_of([KETTLE.key])[KETTLE.key]
        assert past.origin == LAST_DAY
        assert past.forecast == pytest.approx(kept.part.forecast, rel=1e-6)
        assert past.upper == pytest.approx(kept.part.interval(0.8)[1], rel=1e-6)
        assert past.naive[:7] == pytest.approx(history.tail(7).to_numpy())
        assert past.naive[7:] == pytest.approx(history.tail(7).to_numpy())


def test_a_stored_forecast_made_again_from_the_same_origin_takes_the_place_of_the_first(app: Flask,
                                                                                 background: Background) -> None:
    background.make_stored_forecasts()
    with app.app_context(), writing():
        want_forecast(db.session.get_one(RegionItemRow, KETTLE.key))
    background.make_stored_forecasts()

    with app.app_context():
        assert len(past_forecasts(KETTLE.key)) == 1
