"""Programs publish the plan and read what was published."""

import pytest
from flask import Flask
from sqlalchemy import func, select

from demand_assets.forecasting.model.serving.own_model import ForecastModel
from tests.webapp.api.conftest import Program, token_for
from tests.webapp.conftest import ODD, REGION_ITEMS, Background
from tests.webapp.fakes import FakeRegistry
from tests.webapp.published_plans.builders import promoted
from webapp.db.database import db
from webapp.tables import PublishedPlan

PLAN = {"name": "Week 27", "accept": ["stale"]}


@pytest.fixture
def planning(app: Flask, background: Background, registry: FakeRegistry, model: ForecastModel) -> Program:
    promoted(background, registry, model, ODD)
    return Program(app, token_for(app, "planner"))


def test_a_plan_is_published_listed_and_read_page_by_page(
        planning: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webapp.published_plans.plan_tables.PER_PART", 7)

    created = planning.post("/published-plans", PLAN)
    pages, cursor = [], ""
    while cursor is not None:
        pages.append(planning.told(f"/published-plans/1/forecasts?limit=10{f'&cursor={cursor}' if cursor else ''}"))
        cursor = pages[-1]["next"]

    assert (created.status_code, created.headers["Location"]) == (201, "/api/v1/published-plans/1")
    told = created.json
    assert told is not None
    assert (told["region_items"], told["first"], told["last"]) == (len(REGION_ITEMS), "2026-07-01", "2026-07-14")
    assert told["wrong"] == {"stale": len(REGION_ITEMS)}
    assert planning.told("/published-plans")["plans"] == [told] == [planning.told("/published-plans/newest")]
    assert [len(page["region_items"]) for page in pages] == [10, 10, 10, 1]
    found = [one for page in pages for one in page["region_items"]]
    assert [one["key"] for one in found] == [one.key for one in sorted(REGION_ITEMS)]
    assert sum(each["forecast"] for one in found for each in one["periods"]) == pytest.approx(
        told["total"]["forecast"])


def test_its_file_is_the_one_of_the_page(planning: Program) -> None:
    planning.post("/published-plans", PLAN)

    response = planning.get("/published-plans/1/file?format=csv")

    assert response.mimetype == "text/csv"
    assert response.text.count("\n") == 1 + 14 * len(REGION_ITEMS)


@pytest.mark.parametrize("accept", [[], ["due"]])
def test_what_is_wrong_and_not_accepted_refuses_it(app: Flask, planning: Program, accept: list[str]) -> None:
    response = planning.post("/published-plans", {"name": "Week 27", "accept": accept})

    assert response.status_code == 409
    assert "send accept with these of: stale" in response.text
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(PublishedPlan)) == 0


def test_a_request_sent_again_publishes_once(planning: Program) -> None:
    first, again = (planning.post("/published-plans", PLAN, Idempotency_Key="nightly-2026-07-01") for _ in range(2))

    assert first.json == again.json
    assert len(planning.told("/published-plans")["plans"]) == 1


def test_before_the_first_there_is_no_newest(planning: Program) -> None:
    assert planning.get("/published-plans/newest").status_code == 404
    assert planning.get("/published-plans/1/forecasts").status_code == 404


def test_a_scenario_is_applied_and_taken_back(planning: Program) -> None:
    scenario = planning.post("/scenarios", {"keys": [ODD.key], "changes": [{
        "driver": "price", "action": "percent", "value": -20, "first": "2026-07-01", "last": "2026-07-14"}]}).json
    assert scenario is not None
    path = f"/scenarios/{scenario['token']}/apply"

    made = planning.post(path, {})
    undecided, unknown = planning.post(path, {}), planning.post("/scenarios/" + "f" * 32 + "/apply", {})

    assert made.json is not None
    assert (made.status_code, made.json["overrides"], made.json["replaced"]) == (201, 14, 0)
    assert (undecided.status_code, "overridden already" in undecided.text) == (409, True)
    assert planning.ask("DELETE", f"/override-batches/{made.json['batch']}").json == {
        "batch": made.json["batch"], "overrides": 14}
    assert unknown.status_code == 404
