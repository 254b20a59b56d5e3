"""A state that is copied is the one that would have been made, and is copied only where the same would be made."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from demand_assets.forecasting.model.serving.own_model import ForecastModel
from tests.webapp.attribute_builders import SIZE, declare
from tests.webapp.conftest import EMAIL, KETTLE, ODD, Background, demand_of, settings_in, with_session
from tests.webapp.fakes import FakeDagster, FakeRegistry
from tests.webapp.kept_states import KeptStates
from webapp import create_app
from webapp.db.database import db, writing
from webapp.tables import RegionItemRow, Setting, StoredForecast

CHANGES: dict[str, Callable[[Background, ForecastModel], object]] = {
    "demand": lambda background, _: background.services.store.write("demand", KETTLE, demand_of(13.0)),
    "a version": lambda background, model: background.registry.promote(ODD, model),
    "an attribute": lambda background, _: declare(background.app, (SIZE,)),
    "a row": lambda background, _: announce(background.app),
}


@pytest.fixture
def kept_states(tmp_path_factory: pytest.TempPathFactory) -> KeptStates:
    """None that other tests have made."""
    return KeptStates(tmp_path_factory.mktemp("kept"))


@pytest.fixture
def another(tmp_path: Path, template: Path, kept_states: KeptStates, session_cookies: dict[str, str]) -> Background:
    """That of an app which begins as every test's does."""
    folder = tmp_path / "another"
    shutil.copytree(template / "var", folder / "var")
    app = create_app(settings_in(folder))
    return Background(app, FakeDagster(), FakeRegistry(folder / "registry", "shop"), kept_states)


def announce(app: Flask) -> None:
    with app.app_context(), writing():
        db.session.add(Setting(name="announcement", value="closed on Friday", changed_by="ada"))


def promoting(background: Background, model: ForecastModel, times: list[int]) -> Callable[[], None]:
    def make() -> None:
        times.append(1)
        background.registry.promote(KETTLE, model)
        background.services.store.write("demand", ODD, demand_of(70.0))
        background.watch()
        background.make_stored_forecasts()

    return make


def told(background: Background) -> tuple[object, ...]:
    """What database, demand store and registry say."""
    demand = background.services.store.read("demand", ODD)["demand"].sum()
    entry = background.registry.page(5).entries[0][1]
    with background.app.app_context():
        stored = dict(db.session.execute(select(StoredForecast.key, StoredForecast.content)).tuples().all())
        return db.session.get_one(RegionItemRow, KETTLE.key).production_version, entry.production, stored, demand


def test_a_copy_is_what_was_made_and_stands_alone(
        background: Background, another: Background, model: ForecastModel, session_cookies: dict[str, str]) -> None:
    times: list[int] = []
    background.once(promoting(background, model, times))
    another.once(promoting(another, model, times))

    assert times == [1]
    assert told(another) == told(background)

    shutil.rmtree(background.registry.folder)
    shutil.rmtree(background.services.settings.demand_state)
    another.start_again()
    another.watch(sweep=True)
    another.registry.promote(KETTLE, model)
    another.watch()
    client = with_session(another.app.test_client(), session_cookies[EMAIL])
    assert client.get("/forecasts?ri=north%7Ckettle").status_code == 200
    with another.app.app_context():
        assert db.session.get_one(RegionItemRow, KETTLE.key).production_version == 2


@pytest.mark.parametrize("change", CHANGES)
def test_what_begins_with_another_state_is_made(background: Background, another: Background, model: ForecastModel,
                                                change: str) -> None:
    times: list[int] = []
    background.once(promoting(background, model, times))
    CHANGES[change](another, model)
    another.once(promoting(another, model, times))

    assert times == [1, 1]


def test_what_is_made_of_something_else_is_made(background: Background) -> None:
    times: list[str] = []

    def make() -> None:
        times.append("made")

    for of in (KETTLE, ODD, KETTLE):
        background.once(make, of)

    assert times == ["made", "made"]
