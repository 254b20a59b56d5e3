"""What came of scenarios, by hand: of the kettles 18, 6 and 9 were sold from 28 to 30 June, at a price of 10."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from demand_assets.forecasting.forecast.totals import Bounds
from tests.webapp.conftest import EMAIL, KETTLE, LAST_DAY, ODD, Background, demand_of, page, text_of
from webapp.db.database import db, now, writing
from webapp.region_items.catalogue import Catalogue
from webapp.scenarios.request import ScenarioRequest, ScopedDriverChange
from webapp.scenarios.result import LineItemResult, PeriodResult, PlanAndScenario, Result
from webapp.tables import Override, SavedScenario, ScenarioVerdict
from webapp.value_added.verdicts import Verdict, judge_scenario, refresh_verdicts, verdict_of

DAYS = tuple(LAST_DAY - timedelta(days=back) for back in (2, 1, 0))
PLAN, SAID = (15.0, 5.0, 10.0), (18.0, 8.0, 9.0)
SAID_IN_ALL = Bounds(35.0, 30.0, 40.0)
NOTHING = PlanAndScenario(*(Bounds(0.0, 0.0, 0.0) for _ in range(3)))


def change(driver: str, action: Any, value: float | bool | str, first: date = DAYS[0]) -> ScopedDriverChange:
    return ScopedDriverChange(driver, action, value, first, DAYS[-1])


def line(key: str = KETTLE.key, prices: Sequence[float] = (), said: tuple[float, ...] = SAID) -> LineItemResult:
    return LineItemResult(key, "1", DAYS[0] - timedelta(days=1), True, NOTHING, None, DAYS, PLAN, said,
                          tuple(prices), tuple(prices), {})


def scenario_of(*changes: ScopedDriverChange, lines: Sequence[LineItemResult] = (), token: str = "a" * 32,
                said: Bounds = SAID_IN_ALL, days: Sequence[date] = DAYS, revenue: Bounds | None = None,
                **more: Any) -> SavedScenario:
    """A scenario that was computed on the morning of 28 June, of a plan of 30 (28 to 32)."""
    in_money = None if revenue is None else PlanAndScenario(Bounds(300.0, 280.0, 320.0), revenue, Bounds(0.0, 0.0, 0.0))
    units = PlanAndScenario(Bounds(30.0, 28.0, 32.0), said, Bounds(5.0, 0.0, 10.0))
    result = Result(units, in_money, tuple(PeriodResult(at, NOTHING, None) for at in days), tuple(lines or [line()]),
                    {}, True, 0, (), (), (), (), (), 0)
    asked = ScenarioRequest(tuple(one.key for one in result.lines), 3, changes)
    return SavedScenario(token=token, name="Sale", created_by=EMAIL, asked=asked.to_json(), computed=result.to_json(),
                         computed_at=datetime(2026, 6, 28, 6, tzinfo=UTC), summary=result.summary.to_json(), size=1,
                         **more)


def judged(app: Flask, *changes: ScopedDriverChange, **more: Any) -> Verdict:
    with app.app_context():
        return judge_scenario(app.extensions["services"], scenario_of(*changes, **more))


def applied(days: Sequence[date], removed_at: datetime | None = None) -> None:
    with writing():
        db.session.add_all([Override(batch="b", key=KETTLE.key, date=str(at), way="value", amount=9.0, comment="",
                                     made_by=EMAIL, removed_at=removed_at, scenario="a" * 32) for at in days])


def refreshed(app: Flask) -> int:
    with app.app_context():
        return refresh_verdicts(app.extensions["services"])


@pytest.fixture
def known(app: Flask, background: Background) -> None:
    """The app knows until when demand is known."""
    with app.app_context(), writing():
        for row in db.session.scalars(select(Catalogue)):
            row.last_date = str(LAST_DAY)


def test_what_was_said_is_held_against_what_was_sold(app: Flask) -> None:
    found = judged(app, change("price", "set", 10.0))

    assert (found.sold, found.known, found.rows) == (33.0, 3, 3)
    assert (found.place, found.plan_place, found.nearer) == ("inside", "above", "scenario")
    assert [(one.date, one.plan, one.scenario, one.sold) for one in found.periods] == [
        (DAYS[0], 15, 18, 18), (DAYS[1], 5, 8, 6), (DAYS[2], 10, 9, 9)]
    assert judged(app, change("price", "set", 10.0), said=Bounds(40.0, 36.0, 44.0)).place == "below"


def test_drivers_that_came_are_told_from_those_that_did_not(app: Flask) -> None:
    def came(*changes: ScopedDriverChange, **more: Any) -> list[tuple[str, int, int, int]]:
        return [(one.driver, one.asked, one.came, one.unknown) for one in judged(app, *changes, **more).drivers]

    assert came(change("price", "set", 10.0)) == [("price", 3, 3, 0)]
    assert came(change("price", "set", 8.0)) == [("price", 3, 0, 0)]
    assert came(change("price", "percent", -10.0), lines=[line(prices=(10.0, 9.0, 9.0))]) == [("price", 3, 1, 0)]
    assert came(change("price", "percent", -10.0)) == [("price", 3, 0, 3)]  # of what, is not kept
    assert came(change("price", "set", 20.0), change("price", "percent", -50.0)) == [("price", 3, 3, 0)]
    assert came(change("promo", "set", True), change("shelf", "set", "front", DAYS[2])) == [
        ("promo", 3, 0, 0), ("shelf", 1, 1, 0)]
    assert judged(app, change("promo", "set", True)).drivers_came == "none"
    assert judged(app, change("price", "percent", -10.0)).drivers_came == "unknown"
    assert judged(app, change("promo", "set", True), change("price", "set", 10.0)).drivers_came == "some"


def test_whether_the_plan_followed_it_is_what_held_when_demand_came(app: Flask) -> None:
    assert judged(app, change("price", "set", 10.0)).applied == "none"
    with app.app_context():
        applied(DAYS[:1], removed_at=now())
        assert judged(app, change("price", "set", 10.0)).applied == "none"
        applied(DAYS[:2])
        found = judged(app, change("price", "set", 10.0))
        assert (found.applied, found.stood, found.changed) == ("some", 2, 3)
        applied(DAYS[2:])
    assert judged(app, change("price", "set", 10.0)).applied == "all"


def test_no_total_is_held_against_an_interval_when_some_demand_is_unknown(app: Flask, background: Background) -> None:
    odd = demand_of(12.0)
    odd.loc[odd.index[-2], "demand"] = np.nan
    background.services.store.write("demand", ODD, odd)

    found = judged(app, change("price", "set", 10.0), lines=[line(), line(ODD.key)])
    gone = judged(app, change("price", "set", 10.0), lines=[line(), line("nowhere|kettle")])

    assert (found.place, found.known, found.rows) == (None, 5, 6)
    assert (found.sold, found.scenario_of_known, found.plan_of_known) == (33 + 27, 35 + 27, 30 + 25)
    assert (gone.place, gone.known, gone.rows, gone.revenue_came) == (None, 3, 6, None)
    background.services.store.write("demand", ODD, demand_of(12.0))


def test_revenue_is_told_where_it_was_said_and_every_price_came(app: Flask) -> None:
    found = judged(app, change("price", "set", 10.0), revenue=Bounds(350.0, 340.0, 360.0))

    assert (found.revenue_came, found.revenue_place) == (330.0, "below")
    assert judged(app, change("price", "set", 10.0)).revenue_place is None


@pytest.mark.usefixtures("known")
def test_it_is_judged_once_it_is_over_and_again_when_newer_demand_came(app: Flask) -> None:
    ahead = [at + timedelta(days=2) for at in DAYS]
    with app.app_context(), writing():
        db.session.add_all([scenario_of(change("price", "set", 10.0)),
                            scenario_of(change("price", "set", 10.0), token="b" * 32, days=ahead)])

    assert (refreshed(app), refreshed(app)) == (1, 0)
    with app.app_context():
        one, other = db.session.scalars(select(SavedScenario).order_by(SavedScenario.token))
        found = verdict_of(one)
        assert found is not None
        assert found[0].place == "inside"
        assert verdict_of(other) is None
        with writing():
            one.computed_at = now()  # it says something else now
        assert verdict_of(one) is None
    assert refreshed(app) == 1

    for days, again in ((1, 1), (90, 1), (91, 0)):  # by then demand is what it is
        with app.app_context(), writing():
            for other in db.session.scalars(select(SavedScenario).where(SavedScenario.token == "b" * 32)):
                db.session.delete(other)
            for row in db.session.scalars(select(Catalogue)):
                row.last_date = str(LAST_DAY + timedelta(days=days))
        assert refreshed(app) == (0 if days > 60 else again)


@pytest.mark.usefixtures("known")
def test_the_pages_say_what_came_of_it_and_to_whom_it_belongs(app: Flask, client: FlaskClient,
                                                              viewer: FlaskClient) -> None:
    with app.app_context(), writing():
        db.session.add_all([scenario_of(change("promo", "set", True)),
                            scenario_of(change("price", "set", 10.0), token="b" * 32, is_private=True)])
    assert refreshed(app) == 2

    told = text_of(page(client.get(f"/scenarios/{'a' * 32}")).select_one("#verdict"))
    listed = [text_of(row) for row in page(viewer.get("/value-added/scenarios")).select("#judged tbody tr")]

    assert "Sold within its interval : 33 units. It expected 35 (30 – 40, 80 %). The plan then was 30 (28 – 32)" in told
    assert "sales were above its interval" in told
    assert "Not applied: the plan did not follow it. 0 of 3 rows" in told
    assert "Its drivers were not as assumed. promo: 0 of 3 as assumed." in told
    assert len(listed) == 1
    assert "Not applied" in listed[0]
    assert len(page(client.get("/value-added/scenarios")).select("#judged tbody tr")) == 2
    assert "not as assumed" not in text_of(page(client.get(f"/scenarios/{'b' * 32}")).select_one("#verdict"))
    assert client.get("/value-added/scenarios?format=csv").text.count("Sale") == 2
    with app.app_context():
        assert len(db.session.scalars(select(ScenarioVerdict)).all()) == 2


def test_before_any_is_over_the_page_says_so(client: FlaskClient) -> None:
    assert "No scenario is over yet" in text_of(page(client.get("/value-added/scenarios")))
