"""A scenario is applied to the plan: what stands in its way is told before and decided, and one act takes it back."""

from datetime import date

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update
from werkzeug.test import TestResponse

from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.store.journal import Entry
from tests.webapp.audit.builders import entries_of_act
from tests.webapp.conftest import ADMIN, EMAIL, KETTLE, LAST_DAY, ODD, Background, hidden, page, post, text_of
from tests.webapp.fakes import FakeRegistry
from tests.webapp.published_plans.builders import lock, published_row
from tests.webapp.scenario_forms import press, saved, scenario_of, shown
from webapp.access import Actor
from webapp.db.database import db, writing
from webapp.overrides.applied import parts_ahead
from webapp.overrides.overrides import place, undo
from webapp.overrides.wanted_override import WantedOverride
from webapp.region_items.open_overrides import open_overrides, with_open_overrides
from webapp.scenarios.result import LineItemResult, Result
from webapp.stored_forecasts.computing import make
from webapp.tables import Override, StoredForecast

BEN = Actor("ben@example.com", "planner", "browser")


@pytest.fixture
def path(client: FlaskClient, background: Background, registry: FakeRegistry, model: ForecastModel) -> str:
    """A scenario of two region-items that is up to date; the path of its page."""
    for each in (KETTLE, ODD):
        registry.promote(each, model)
        background.journal(Entry(each, "promoted", numbers={"version": 1}))
    background.watch(sweep=True)
    with background.app.app_context():
        make(background.services, [KETTLE.key, ODD.key])
    return saved(client, name="Summer sale")


def applied(client: FlaskClient, path: str, **fields: str) -> TestResponse:
    """Open the page, decide, and press its button."""
    soup = page(client.get(f"{path}/apply"))
    return client.post(f"{path}/apply", data={
        "csrf_token": hidden(soup, "csrf_token"), "token": hidden(soup, "token"), "seen": hidden(soup, "seen"),
        **fields})


def lines(app: Flask, path: str) -> tuple[LineItemResult, ...]:
    return Result.from_json(scenario_of(app, path).computed).lines


def planned(app: Flask) -> dict[str, list[float]]:
    """Key -> the plan's units of each period."""
    with app.app_context():
        return {key: part.forecast.tolist()
                for key, part in with_open_overrides(parts_ahead([KETTLE.key, ODD.key])).items()}


def held(app: Flask) -> dict[tuple[str, str], tuple[str, float, str, str]]:
    with app.app_context():
        return {(one.key, one.date): (one.way, one.amount, one.made_by, one.scenario)
                for each in open_overrides([KETTLE.key, ODD.key]).values() for one in each}


def overridden(app: Flask, amount: float = 50.0, key: str = KETTLE.key, way: str = "percent",
               at: date = date(2026, 7, 2)) -> None:
    with app.app_context():
        place(WantedOverride(at, at, way, amount, "a fair", f"{at} {amount}"), parts_ahead([key]), BEN)  # type: ignore[arg-type]


def test_the_plan_becomes_what_the_scenario_said_and_says_by_which(app: Flask, client: FlaskClient, path: str) -> None:
    before, found = planned(app), {line.key: line.scenario for line in lines(app, path)}

    response = applied(client, path)

    assert response.headers["Location"] == path
    assert planned(app) == {key: pytest.approx(units, rel=1e-6) for key, units in found.items()}
    assert planned(app) != before
    assert {one[2:] for one in held(app).values()} == {(EMAIL, path.rsplit("/", 1)[1])}
    link = shown(client, f"/forecasts?ri={KETTLE.key}").select_one(f"#overridden a[href='{path}']")
    assert text_of(link) == "Scenario “Summer sale”"
    assert "applied it to the plan" in text_of(shown(client, path).select_one(".applied"))
    assert shown(client, path).select_one("#stale") is None
    press(client, path, "compute")
    assert shown(client, path).select_one("#stale") is None
    [entry] = entries_of_act(app, "overridden")
    assert entry.after is not None
    assert (entry.after["overrides"]["count"], "Summer sale" in entry.after["scenario"]) == (28, True)


def test_one_act_takes_all_back_and_what_somebody_changed_since_is_kept_and_told(
        app: Flask, client: FlaskClient, path: str) -> None:
    overridden(app)
    before = held(app)
    applied(client, path, overrides="replace")
    overridden(app, 70.0, at=date(2026, 7, 3))
    with app.app_context():
        batch = db.session.scalar(select(Override.batch).where(Override.scenario != ""))

    response = post(client, f"/overrides/batches/{batch}/undo", {"on": "scenario"}, form_on=path)

    assert response.headers["Location"] == path
    words = text_of(shown(client, path).main)
    assert "Undone: 27 overrides. What was there before applies again." in words
    assert "1 override of it had been changed since; what is there now stays." in words
    assert held(app) == before | {(KETTLE.key, "2026-07-03"): ("percent", 70.0, BEN.email, "")}


@pytest.mark.parametrize(("decided", "factor", "more"), [("keep", 1.5, 0.0), ("replace", 0.0, 1.0), ("add", 1.5, 1.0)])
def test_an_override_that_is_there_already_is_told_and_becomes_what_the_planner_decides(
        app: Flask, client: FlaskClient, path: str, decided: str, factor: float, more: float) -> None:
    overridden(app)
    line = next(one for one in lines(app, path) if one.key == KETTLE.key)
    told = text_of(shown(client, f"{path}/apply").select_one("#existing"))
    at, model = line.dates.index(date(2026, 7, 2)), line.plan[line.dates.index(date(2026, 7, 2))]

    undecided = applied(client, path)
    response = applied(client, path, overrides=decided)

    assert "1 override there already" in told
    assert "a fair" in told
    assert undecided.status_code == 422
    assert "overridden already" in text_of(page(undecided).select_one("#error"))
    assert response.status_code == 303
    units = line.scenario[at] if not factor else factor * model + more * (line.scenario[at] - model)
    assert planned(app)[KETTLE.key][at] == pytest.approx(units, rel=1e-5)
    assert planned(app)[ODD.key] == pytest.approx(
        next(one for one in lines(app, path) if one.key == ODD.key).scenario, rel=1e-6)


def test_a_region_item_whose_model_changed_since_is_told_and_left_out_or_included(
        app: Flask, client: FlaskClient, path: str, background: Background, registry: FakeRegistry,
        model: ForecastModel) -> None:
    registry.promote(KETTLE, model)
    background.journal(Entry(KETTLE, "promoted", numbers={"version": 2}))
    background.watch(sweep=True)
    with app.app_context():
        make(background.services, [KETTLE.key])

    told = text_of(shown(client, f"{path}/apply").select_one("#changed"))
    undecided = applied(client, path)
    left = applied(client, path, changed="leave")

    assert "north · kettle: forecast by v2 now, by v1 then" in told
    assert "Something changed since" in text_of(page(undecided).select_one("#error"))
    assert left.status_code == 303
    assert {key for key, _ in held(app)} == {ODD.key}
    assert applied(client, path, changed="include", overrides="keep").status_code == 303
    assert {key for key, _ in held(app)} == {KETTLE.key, ODD.key}


def test_a_new_dataset_file_counts_for_every_region_item(app: Flask, client: FlaskClient, path: str) -> None:
    with app.app_context(), writing():
        scenario = scenario_of(app, path)
        db.session.execute(update(type(scenario)).values(made_of=scenario.made_of | {"dataset": "another"}))

    response = applied(client, path, changed="leave")

    assert "nothing is left to override" in text_of(page(response).select_one("#error"))
    assert held(app) == {}


def test_what_was_decided_of_another_sight_is_asked_again(app: Flask, client: FlaskClient, path: str) -> None:
    soup = page(client.get(f"{path}/apply"))
    overridden(app)
    before = held(app)

    response = client.post(f"{path}/apply", data={
        "csrf_token": hidden(soup, "csrf_token"), "token": hidden(soup, "token"), "seen": hidden(soup, "seen"),
        "overrides": "replace"})

    assert response.status_code == 409
    assert "changed since you opened the page" in text_of(page(response).select_one("#error"))
    assert held(app) == before
    assert page(response).select_one("#existing") is not None


def test_the_same_form_twice_applies_it_once(app: Flask, client: FlaskClient, path: str) -> None:
    soup = page(client.get(f"{path}/apply"))
    fields = {name: hidden(soup, name) for name in ("csrf_token", "token", "seen")}

    first, again = (client.post(f"{path}/apply", data=fields) for _ in range(2))

    assert (first.status_code, again.status_code) == (303, 303)
    assert "Already applied" in text_of(shown(client, path).main)
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Override)) == 28


def test_periods_that_are_known_by_now_and_region_items_that_left_are_told_and_left_out(
        app: Flask, client: FlaskClient, path: str, background: Background) -> None:
    with app.app_context(), writing():
        db.session.execute(update(StoredForecast).where(StoredForecast.key == ODD.key).values(origin="2026-07-04"))
    background.catalogue(ODD)

    words = text_of(shown(client, f"{path}/apply").select_one("#left-out"))
    response = applied(client, path, changed="include")

    assert "4 days left out: the demand is known by now." in words
    assert "1 region-item left the dataset: north · kettle." in words
    assert response.status_code == 303
    assert sorted(held(app)) == [(ODD.key, f"2026-07-{day:02}") for day in range(5, 15)]


def test_locked_periods_are_left_out_and_told(app: Flask, client: FlaskClient, admin: FlaskClient, path: str) -> None:
    published_row(app, LAST_DAY)
    lock(app, 3)

    words = text_of(shown(client, f"{path}/apply").select_one("#left-out"))
    applied(client, path)

    assert "6 days left out. Periods until 2026-07-03 are locked, since “Week 27” was published" in words
    assert min(at for _, at in held(app)) == "2026-07-04"
    assert page(admin.get(f"{path}/apply")).select_one("#left-out li") is None


def test_a_lock_that_came_later_keeps_the_overrides_under_it_when_all_is_taken_back(
        app: Flask, client: FlaskClient, path: str) -> None:
    applied(client, path)
    published_row(app, LAST_DAY)
    lock(app, 3)
    with app.app_context():
        batch = db.session.scalar(select(Override.batch).limit(1))

    post(client, f"/overrides/batches/{batch}/undo", {"on": "scenario"}, form_on=path)

    assert "6 overrides of it are in locked periods and stay." in text_of(shown(client, path).main)
    assert sorted({at for _, at in held(app)}) == ["2026-07-01", "2026-07-02", "2026-07-03"]
    with app.app_context():
        assert undo(batch or "", Actor(ADMIN, "admin", "browser")) == 6


def test_one_that_is_private_or_not_computed_is_not_applied(app: Flask, client: FlaskClient, path: str) -> None:
    own = saved(client, name="Mine", private="1")

    assert "Share it first" in text_of(shown(client, f"{own}/apply").select_one("#problem"))
    assert client.post(f"{own}/apply", data={
        "csrf_token": hidden(page(client.get(f"{path}/apply")), "csrf_token"), "token": "b" * 32}).status_code == 422
    with app.app_context(), writing():
        db.session.execute(update(type(scenario_of(app, path))).values(computed_at=None))
    assert "Compute it first" in text_of(shown(client, f"{path}/apply").select_one("#problem"))
    assert held(app) == {}
