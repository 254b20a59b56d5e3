"""Sums of groups: made of what was judged of their region-items, once for each thing that was judged."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import func, select

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.forecast.totals import Part
from demand_assets.forecasting.store.journal import Entry
from tests.services import Services as Running
from tests.webapp.attribute_builders import CATEGORY, declare, take_in
from tests.webapp.conftest import KETTLE, LAST_DAY, Background, demand_of
from tests.webapp.value_added.builders import ANNA, WEEK, WEEK_BEFORE, Judged, sum_up, tell
from webapp import create_app
from webapp.access import COMMAND
from webapp.db.database import db, writing
from webapp.overrides.overrides import place
from webapp.overrides.wanted_override import WantedOverride
from webapp.settings import Settings
from webapp.stored_forecasts.computing import make
from webapp.tables import ArchivedForecast, JudgedForecasts, Override, ValueAdded
from webapp.value_added.comparing import Question, compare

SOUTH, PAN = RegionItem("south", "kettle"), RegionItem("north", "item 01")


def rows(app: Flask) -> dict[tuple[str, str, str, str], tuple[int, float, float]]:
    """Kind, name, bucket and planner -> rows compared, error of the model and of the plan, one period ahead."""
    with app.app_context():
        return {(one.kind, one.name, one.bucket, one.planner): (one.rows, one.model_error, one.plan_error)
                for one in db.session.scalars(select(ValueAdded).where(ValueAdded.lead == 1))}


def test_every_group_is_the_sum_of_its_region_items(app: Flask) -> None:
    declare(app, (CATEGORY,), ())
    take_in(app, {"kettle": {"category": "Kitchen"}})
    tell(app, Judged(10, 13, 12), Judged(10, 13, 11, override=15, by=ANNA))
    tell(app, Judged(20, 13, 25), region_item=SOUTH)
    tell(app, Judged(5, 5, 6, bucket=WEEK_BEFORE), region_item=PAN)

    assert sum_up(app)

    assert rows(app) == {
        ("all", "", WEEK, ""): (3, 8, 12), ("all", "", WEEK, ANNA): (1, 1, 5), ("all", "", WEEK_BEFORE, ""): (1, 1, 1),
        ("region", "north", WEEK, ""): (2, 3, 7), ("region", "north", WEEK, ANNA): (1, 1, 5),
        ("region", "south", WEEK, ""): (1, 5, 5), ("region", "north", WEEK_BEFORE, ""): (1, 1, 1),
        ("item", "kettle", WEEK, ""): (3, 8, 12), ("item", "kettle", WEEK, ANNA): (1, 1, 5),
        ("item", "item 01", WEEK_BEFORE, ""): (1, 1, 1),
        ("category", "Kitchen", WEEK, ""): (3, 8, 12), ("category", "Kitchen", WEEK, ANNA): (1, 1, 5)}


def test_the_same_is_summed_up_once_and_corrections_replace_it(app: Flask) -> None:
    tell(app, Judged(10, 13, 12))
    assert sum_up(app)
    before = rows(app)

    assert not sum_up(app)
    assert rows(app) == before

    tell(app, Judged(11, 13, 12))
    assert sum_up(app)
    assert rows(app)["all", "", WEEK, ""] == (1, 1, 1)


def test_a_closed_bucket_stays_as_it_was_and_an_old_one_is_let_go(app: Flask) -> None:
    tell(app, Judged(10, 13, 12))
    sum_up(app)

    later = LAST_DAY + timedelta(days=60)
    tell(app, Judged(10, 13, 19, bucket=str(later - timedelta(days=later.weekday()))), origin=str(later))
    sum_up(app)
    assert rows(app)["all", "", WEEK, ""] == (1, 2, 2)

    tell(app, origin=str(LAST_DAY + timedelta(days=3 * 366 + 10)))
    sum_up(app)
    assert ("all", "", WEEK, "") not in rows(app)


def test_nothing_is_summed_up_before_anything_is_judged(app: Flask) -> None:
    assert not sum_up(app)
    with app.app_context():
        assert compare(Question("region", 1, None)).total is None


def test_an_override_on_a_sum_is_judged_on_each_region_item_as_it_was_spread(
        app: Flask, background: Background) -> None:
    """30 for both kettles on Sunday 28 June, forecast as 10 and 20: 10 and 20. Sold were 18 of each."""
    sunday = date(2026, 6, 28)
    made_at = datetime(2026, 6, 28, 6, tzinfo=UTC)
    parts = {}
    with app.app_context():
        services = app.extensions["services"]
        for one, units in ((KETTLE, 9.0), (SOUTH, 18.0)):
            table = np.array([[units] * 3, [units - 1] * 3, [units + 1] * 3, [12.0] * 3], dtype="<f4")
            with writing():
                db.session.add(ArchivedForecast(key=one.key, origin="2026-06-27", made_at=made_at, served_by="1",
                                                content=table.tobytes()))
            parts[one.key] = _part(units, sunday)
        place(WantedOverride(sunday, sunday, "value", 30.0, "a fair", "form"), parts, COMMAND)
        with writing():
            for one in db.session.scalars(select(Override)):
                one.made_at = made_at - timedelta(hours=1)
        make(services, [KETTLE.key, SOUTH.key])
        assert db.session.scalar(select(func.count()).select_from(JudgedForecasts)) == 2

    sum_up(app)

    with app.app_context():
        found = compare(Question("planner", 1, None))
        (one,) = found.rows
        assert (one.name, one.rows, one.overridden) == (COMMAND.email, 2, 2)
        assert one.sums["sold"] == 36
        assert (one.error("model"), one.error("plan"), one.error("naive")) == (9, 8 + 2, 12)
        assert one.gained == -1
        whole = compare(Question("region", 1, None)).total
        assert whole is not None
        assert (whole.rows, whole.periods) == (6, 6)  # Sunday to Tuesday, judged by the forecast of Saturday
        four_ahead = compare(Question("period", 4, None)).rows
        assert [(one.name, one.rows, one.sums["no_forecast"]) for one in four_ahead] == [
            ("2026-06-22", 0, 2), ("2026-06-29", 0, 4)]


def test_what_was_forecast_yesterday_is_judged_when_demand_comes(app: Flask, background: Background) -> None:
    whole = demand_of(12.0)
    services = app.extensions["services"]
    for periods in (-2, -1, None):
        demand = whole.iloc[:periods]
        services.store.write("demand", KETTLE, demand)
        background.journal(Entry(KETTLE, "validated", numbers={
            "rows": len(demand), "quarantined": 0, "last_date": str(demand["date"].iloc[-1].date())}))
        with app.app_context():
            make(services, [KETTLE.key])
    sum_up(app)

    with app.app_context():
        (north,) = compare(Question("region", 1, None)).rows
        assert (north.rows, north.sums["sold"]) == (2, 6.0 + 9.0)  # Monday and Tuesday
        assert north.error("model") == north.error("naive") == abs(6 - 9) + abs(9 - 9)  # as a week before, at 8 and 10
        four_ahead = compare(Question("region", 4, None)).rows[0]
        assert (four_ahead.rows, four_ahead.periods, four_ahead.sums["no_forecast"]) == (0, 2, 2)
        assert four_ahead.wape("model") is None


def _part(units: float, first: date) -> Part:
    return Part(np.array([first], dtype="datetime64[D]"), np.array([units]), np.array([1.0]), (-1.0,), (1.0,))


def test_it_is_the_same_on_postgresql(settings: Settings, servers: Running) -> None:
    servers.add_databases("value_added_")
    url = servers.environment("value_added_")["WEB_DATABASE_URL"]
    app = create_app(settings.model_copy(update={"web_database_url": url}))
    with app.app_context():
        upgrade()
    tell(app, Judged(10, 13, 12, price=2.0), Judged(10, 13, 11, override=15, by=ANNA, price=2.0))
    tell(app, Judged(20, 13, 25), region_item=SOUTH)
    sum_up(app)
    assert not sum_up(app)
    tell(app, Judged(20, 13, 24), region_item=SOUTH)
    assert sum_up(app)

    with app.app_context():
        found = compare(Question("region", 1, 4))
        assert [(one.name, one.rows, one.error("model"), one.gained, one.gained_money) for one in found.rows] == [
            ("north", 2, 3, -4, -8), ("south", 1, 4, None, None)]
        assert [one.name for one in compare(Question("item", 1, None, sort="error")).rows] == ["kettle"]
        by_name = Question("region", 1, None, sort="name")
        assert [one.name for one in compare(by_name, 5, after="north").rows] == ["south"]
        (planner,) = compare(Question("planner", 1, None, "region", "north")).rows
        assert (planner.name, planner.gained) == (ANNA, -4)
        assert [one.name for one in compare(Question("lead", 1, None)).rows] == ["1"]
        db.session.remove()
        db.engine.dispose()


@pytest.mark.parametrize("frequency", ["D", "W", "M", "Q"])
def test_newest_buckets_are_counted_back_by_what_they_are(app: Flask, frequency: str) -> None:
    since = {"D": "2026-06-01", "W": "2026-06-01", "M": "2026-03-01", "Q": "2025-07-01"}[frequency]
    newest = {"D": WEEK, "W": WEEK, "M": "2026-06-01", "Q": "2026-06-01"}[frequency]
    tell(app, Judged(10, 13, 12, bucket=newest))
    sum_up(app)
    services = app.extensions["services"]
    app.extensions["services"] = type(services)(**{**vars(services), "dataset": services.dataset.model_copy(
        update={"frequency": frequency})})
    try:
        with app.app_context():
            assert compare(Question("period", 1, 4)).since == since
    finally:
        app.extensions["services"] = services
