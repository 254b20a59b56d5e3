"""A result is stale as soon as anything that it was made of is another, and says what; else it stays up to date."""

from collections.abc import Callable
from datetime import date

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.store.journal import Entry
from tests.webapp.adjustments.builders import adjust, remove
from tests.webapp.conftest import EMAIL, KETTLE, ODD, REGION_ITEMS, Background, demand_of, text_of
from tests.webapp.fakes import FakeRegistry
from tests.webapp.scenario_forms import press, saved, shown
from webapp.access import Actor
from webapp.db.database import db, writing
from webapp.overrides.applied import parts_ahead
from webapp.overrides.overrides import place, undo
from webapp.overrides.wanted_override import WantedOverride
from webapp.services import Services
from webapp.settings import Settings
from webapp.tables import SavedScenario

PLANNER = Actor(EMAIL, "planner", "browser")


@pytest.fixture
def background_with_model(background: Background, registry: FakeRegistry, model: ForecastModel) -> Background:
    def make() -> None:
        for each in (KETTLE, ODD):
            registry.promote(each, model)
            background.journal(Entry(each, "promoted", numbers={"version": 1}))
        background.watch(sweep=True)
        background.make_stored_forecasts()

    background.once(make)
    return background


def adjusted(client: FlaskClient, background: Background, units: str = "90") -> None:
    adjust(client, date="2026-06-29", units=units)
    background.tell_store()
    background.make_stored_forecasts()


def overridden(app: Flask, key: str = KETTLE.key, first: date = date(2026, 7, 2), amount: float = 25.0,
               form: str = "f" * 32) -> str:
    with app.app_context():
        return place(WantedOverride(first, first, "percent", amount, "a fair", form), parts_ahead([key]), PLANNER).batch


def stale(client: FlaskClient, path: str) -> str:
    """What the page says changed; empty while it is up to date."""
    found = shown(client, path).select_one("#stale")
    assert ("stale" in text_of(shown(client, "/scenarios").table)) == (found is not None)
    return text_of(found) if found else ""


@pytest.mark.parametrize("horizon", ["14", "5"])
def test_an_adjustment_that_changes_the_plan_makes_it_stale_until_it_is_computed_again(
        client: FlaskClient, background_with_model: Background, horizon: str) -> None:
    path = saved(client, horizon=horizon)
    assert stale(client, path) == ""
    adjusted(client, background_with_model)

    assert "1 region-item has another plan by the same model" in stale(client, path)
    assert str(KETTLE) in stale(client, path)
    press(client, path, "compute")
    assert stale(client, path) == ""


def test_an_adjustment_that_is_removed_again_leaves_it_as_it_was(
        client: FlaskClient, app: Flask, background_with_model: Background) -> None:
    path = saved(client)
    adjusted(client, background_with_model)
    remove(client, 1)
    background_with_model.tell_store()
    background_with_model.make_stored_forecasts()

    assert stale(client, path) == ""


def test_demand_that_is_corrected_makes_it_stale(client: FlaskClient, background_with_model: Background) -> None:
    path = saved(client)
    corrected = demand_of(12.0)
    corrected.loc[corrected.index[-3:], "demand"] *= 4
    background_with_model.services.store.write("demand", ODD, corrected)
    background_with_model.journal(Entry(ODD, "validated", numbers={"rows": 220, "last_date": "2026-06-30"}))
    background_with_model.make_stored_forecasts()

    assert str(ODD) in stale(client, path)


def test_forecasts_that_are_made_again_and_are_the_same_leave_it_fresh(
        client: FlaskClient, background_with_model: Background) -> None:
    path = saved(client, horizon="7")
    for each in REGION_ITEMS:
        background_with_model.journal(Entry(each, "validated", numbers={"rows": 220, "last_date": "2026-06-30"}))
    background_with_model.make_stored_forecasts()

    assert stale(client, path) == ""


def test_an_override_in_its_periods_makes_it_stale_and_one_outside_does_not(
        client: FlaskClient, app: Flask, background_with_model: Background) -> None:
    path = saved(client, horizon="5")
    overridden(app, first=date(2026, 7, 10))
    overridden(app, key=REGION_ITEMS[3].key, form="g" * 32)
    assert stale(client, path) == ""

    batch = overridden(app, form="h" * 32)
    assert "Overrides of 1 region-item in these days were made, changed or undone" in stale(client, path)
    with app.app_context():
        undo(batch, PLANNER)
    assert stale(client, path) == ""
    overridden(app, form="i" * 32)
    press(client, path, "compute")
    assert stale(client, path) == ""
    overridden(app, amount=26.0, form="j" * 32)
    assert "Overrides of 1 region-item" in stale(client, path)


@pytest.mark.parametrize("change", [
    lambda text: text.replace('effect = "decreasing"', 'effect = "none"'),
    lambda text: text.replace('currency = "€"', 'currency = "CHF"'),
    lambda text: f"{text}\n[rules]\nstale_periods = 30\n",
])
def test_a_dataset_file_that_says_something_else_makes_it_stale(
        client: FlaskClient, app: Flask, background_with_model: Background, change: Callable[[str], str]) -> None:
    path = saved(client)
    settings = background_with_model.services.settings
    file = settings.demand_dataset
    file.write_text(change(file.read_text()))
    app.extensions["services"] = Services.from_settings(Settings(
        demand_dataset=file, demand_state=settings.demand_state, web_secret_key="x" * 32,
        dagster_url=settings.dagster_url, mlflow_url=settings.mlflow_url))

    assert "The dataset file was changed" in stale(client, path)


def test_a_result_of_an_older_version_is_judged_by_what_it_has(
        client: FlaskClient, app: Flask, background_with_model: Background) -> None:
    path = saved(client)
    with app.app_context(), writing():
        db.session.execute(update(SavedScenario).values(made_of={}))
    adjusted(client, background_with_model)

    assert stale(client, path) == ""
