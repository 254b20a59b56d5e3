"""The real app on its own database and demand store; only Dagster and MLflow are stood in for."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup, Tag
from flask import Flask, has_app_context, session
from flask.testing import FlaskClient
from flask_migrate import upgrade
from flask_wtf.csrf import generate_csrf
from jinja2 import FileSystemBytecodeCache
from jinja2.bccache import Bucket
from sqlalchemy import update
from typing_extensions import override
from werkzeug.datastructures import ImmutableDict
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset, load_dataset
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.model.serving.pooled_model import PooledModel
from demand_assets.forecasting.model.training.own_model import train
from demand_assets.forecasting.model.training.pooled_model import train_pooled
from demand_assets.forecasting.store.journal import Entry, Journal
from deploy.services import Services as Servers
from tests.services import copy_database
from tests.webapp.fakes import FakeDagster, FakeRegistry, keys_of
from tests.webapp.kept_states import KeptStates
from webapp import create_app
from webapp.accounts.views import SECURITY_SETTINGS, create_user
from webapp.adjustments.adjustments import tell_store
from webapp.background.journal import read_catalogue, read_journal
from webapp.db.database import db, now, writing
from webapp.models.actions import carry_out
from webapp.models.lost_files import LostFiles
from webapp.models.new_pooled_versions import NewPooledVersions
from webapp.models.new_versions import NewVersions
from webapp.models.registry_follower import RegistryFollower
from webapp.retrains.dispatch import follow_sent, send_stored
from webapp.services import Services
from webapp.serving.model_files import ModelFiles
from webapp.settings import Settings
from webapp.stored_forecasts.computing import due_keys, make
from webapp.tables import User, UserSession

DATASET = """\
title = "Test shop"
unit = "units"
currency = "€"
frequency = "D"
horizon = 14

[source]
kind = "simulated"

[[drivers]]
name = "price"
kind = "number"
effect = "decreasing"
unit = "€"

[[drivers]]
name = "promo"
kind = "yes_no"
effect = "increasing"

[[drivers]]
name = "shelf"
kind = "category"
future = "repeat_last"

[training]
scale = "log"
year_features = false
rounds = 30
own_rounds = 10
own_share = 0.5
"""
EMAIL, PASSWORD = "planner@example.com", "a long password"
VIEWER, ADMIN = "viewer@example.com", "admin@example.com"
DAYS = 220
LAST_DAY = date(2026, 6, 30)
KETTLE = RegionItem("north", "kettle")
ODD = RegionItem("süd/west", "a|b: 3.5 % <b>")
REGION_ITEMS = [KETTLE, *(RegionItem("north", f"item {n:02}") for n in range(28)), RegionItem("south", "kettle"), ODD]


def demand_of(units: float, days: int = DAYS) -> pd.DataFrame:
    """Demand that repeats each week, ends on LAST_DAY, and is answered by a price cut in between."""
    dates = pd.date_range(end=LAST_DAY, periods=days)
    week = np.array([0.5, 0.75, 1.0, 1.0, 1.0, 1.25, 1.5])[dates.dayofweek]
    price = np.where(np.arange(days) % 10 < 2, 8.0, 10.0)
    return pd.DataFrame({
        "date": dates, "demand": units * week * np.where(price < 9, 1.5, 1.0), "price": price,
        "promo": np.where(np.arange(days) % 17 == 0, 1.0, 0.0), "shelf": np.where(dates.month > 3, "front", "back")})


@pytest.fixture(autouse=True)
def no_context_is_left() -> Iterator[None]:
    """A context that a test leaves open is that of every command of the tests after it, whichever app they name."""
    yield
    assert not has_app_context(), "this test, or a fixture of it, left the context of an app open"


class TemplatesReadOnce(FileSystemBytecodeCache):
    """What templates were compiled to, for all processes in a folder, and for all apps of one process in its memory."""

    read: ClassVar[dict[str, tuple[str, Any]]] = {}
    """Template -> checksum of its source, code."""

    @override
    def load_bytecode(self, bucket: Bucket) -> None:
        checksum, code = self.read.get(bucket.key, ("", None))
        if checksum == bucket.checksum:
            bucket.code = code
            return
        super().load_bytecode(bucket)
        if bucket.code is not None:
            self.read[bucket.key] = bucket.checksum, bucket.code


@pytest.fixture(scope="session", autouse=True)
def compiled_templates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The pages' templates are compiled once for the apps of all tests; by itself each app compiles its own."""
    before = Flask.jinja_options
    folder = tmp_path_factory.getbasetemp()
    folder = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "templates"  # one for all processes
    folder.mkdir(exist_ok=True)
    cache = TemplatesReadOnce(str(folder))
    Flask.jinja_options = {**before, "bytecode_cache": cache}
    yield
    Flask.jinja_options = before


class RuleCompiledOnce(Rule):
    """A rule of the app's map of URLs, compiled by the first app that has it: each test makes an app of its own."""

    compiled: ClassVar[dict[tuple[object, ...], dict[str, Any]]] = {}

    @override
    def compile(self) -> None:
        known = (self.rule, self.endpoint, self.subdomain, self.build_only, repr(self.defaults), self.map.host_matching)
        if known not in self.compiled:
            before = dict(vars(self))
            super().compile()
            self.compiled[known] = {name: value for name, value in vars(self).items()
                                    if before.get(name) is not value or name == "arguments"}
        vars(self).update(self.compiled[known])


@pytest.fixture(scope="session", autouse=True)
def compiled_rules() -> Iterator[None]:
    """The map of URLs is compiled once for the apps of all tests; it takes most of an app's making."""
    before = Flask.url_rule_class
    Flask.url_rule_class = RuleCompiledOnce
    yield
    Flask.url_rule_class = before


MOST_STATEMENTS = 2000
"""That are kept at once; each takes some ten kilobytes."""


class CompiledOnce(dict[Any, Any]):
    """Statements as SQLAlchemy compiled them, for the databases of all tests; by itself each compiles its own."""

    @override
    def get(self, key: Any, default: Any = None) -> Any:
        return super().get((key[0].name, *key[1:]), default)  # the dialect is each engine's own

    @override
    def __setitem__(self, key: Any, value: Any) -> None:
        if len(self) == MOST_STATEMENTS:
            self.clear()
        super().__setitem__((key[0].name, *key[1:]), value)


@pytest.fixture(scope="session", autouse=True)
def compiled_statements() -> Iterator[None]:
    """What is asked of a database is compiled once for the apps of all tests."""
    before = Flask.default_config
    options = {"execution_options": {"compiled_cache": CompiledOnce()}}
    Flask.default_config = ImmutableDict({**before, "SQLALCHEMY_ENGINE_OPTIONS": options})
    yield
    Flask.default_config = before


QUICK_HASHES = {"argon2__time_cost": 1, "argon2__memory_cost": 8, "argon2__parallelism": 1}


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """Passwords are hashed in a hundredth of the time that the product takes for it, so that a guess costs something.

    What the product takes is tested in ``accounts/test_passwords.py``.
    """
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(SECURITY_SETTINGS, "SECURITY_PASSWORD_HASH_PASSLIB_OPTIONS", QUICK_HASHES)
        yield


@pytest.fixture
def costly_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Apps that are made from here on hash as the product does."""
    monkeypatch.delitem(SECURITY_SETTINGS, "SECURITY_PASSWORD_HASH_PASSLIB_OPTIONS")


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The app's database with every table and nothing in it; to be copied, for all migrations take seconds."""
    app = create_app(settings_in(tmp_path_factory.mktemp("empty")))
    with app.app_context():
        upgrade()
        db.engine.dispose()
    folder: Path = app.extensions["services"].settings.folder
    return folder / "app.db"


@pytest.fixture(scope="session")
def empty_postgres(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Name -> the URL of a new database with every table and nothing in it."""
    servers.add_databases("empty_")
    url = servers.environment("empty_")["WEB_DATABASE_URL"]
    folder = tmp_path_factory.mktemp("empty")
    app = create_app(settings_in(folder).model_copy(update={"web_database_url": url}))
    with app.app_context():
        upgrade()
        db.engine.dispose()
    source = url.rpartition("/")[2]

    def copied(name: str) -> str:
        copy_database(servers, source, name)
        return url.removesuffix(source) + name

    return copied


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Path:
    """A state directory with one planner, a catalogue and demand of every region-item; copied for each test."""
    folder = tmp_path_factory.mktemp("template")
    app = create_app(settings_in(folder))
    services: Services = app.extensions["services"]
    services.store.write_catalogue(REGION_ITEMS)
    for region_item in REGION_ITEMS:
        services.store.write("demand", region_item, demand_of(12.0))
    shutil.copy(empty_database, services.settings.folder)
    with app.app_context():
        create_user(EMAIL, PASSWORD, "planner")
        create_user(VIEWER, PASSWORD, "viewer")
        create_user(ADMIN, PASSWORD, "admin")
        with writing():
            db.session.execute(update(User).values(toured_at=now()))
        read_catalogue(services.store)
    return folder


def settings_in(folder: Path) -> Settings:
    (folder / "shop.toml").write_text(DATASET)
    return Settings(demand_dataset=folder / "shop.toml", demand_state=folder / "var", web_secret_key="x" * 32,
                    dagster_url="http://dagster.test", mlflow_url="http://mlflow.test")


@pytest.fixture
def settings(tmp_path: Path, template: Path, session_cookies: dict[str, str]) -> Settings:
    shutil.copytree(template / "var", tmp_path / "var")
    return settings_in(tmp_path)


@pytest.fixture
def app(settings: Settings) -> Flask:
    """The app; nothing is trained."""
    return create_app(settings)


@pytest.fixture(scope="module")
def template_app(
        tmp_path_factory: pytest.TempPathFactory, template: Path, session_cookies: dict[str, str]) -> Flask:
    """The app for all tests of a file, which leave nothing behind."""
    folder = tmp_path_factory.mktemp("shared")
    shutil.copytree(template / "var", folder / "var")
    return create_app(settings_in(folder))


@pytest.fixture
def shared_app(template_app: Flask, template: Path) -> Iterator[Flask]:
    """The app for all tests of a file, each of which finds the database of the template: an app costs most to make.

    Folders whose tests leave nothing else behind have it as their ``app``.
    """
    yield template_app
    folder = template_app.extensions["services"].settings.folder
    with template_app.app_context():
        db.session.remove()
        db.engine.dispose()
    for path in folder.glob("app.db*"):
        path.unlink()
    for path in (template / "var" / folder.parent.name / "web").glob("app.db*"):
        shutil.copy(path, folder)


@pytest.fixture
def services(app: Flask) -> Services:
    found: Services = app.extensions["services"]
    return found


@pytest.fixture
def anonymous(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="session")
def session_cookies(template: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """E-mail address -> the cookie of somebody who signed in through the form.

    It is good in every copy of the template that ``settings`` makes: to check a password costs more than most tests do.
    The template has the sessions, and nothing else that a sign-in leaves.
    """
    folder = tmp_path_factory.mktemp("sessions")
    shutil.copytree(template / "var", folder / "var")
    app = create_app(settings_in(folder))
    cookies = {}
    for email in (EMAIL, VIEWER, ADMIN):
        client = signed_in(app.test_client(), email)
        assert client.get("/").status_code == 200  # from the first page on the session has a token of forms
        cookies[email] = session_cookie(client)
    columns = [column for column in UserSession.__table__.columns if column.name != "id"]
    with app.app_context():
        rows = [dict(row) for row in db.session.execute(db.select(*columns)).mappings()]
        db.engine.dispose()
    kept = create_app(settings_in(template))
    with kept.app_context():
        with writing():
            db.session.execute(db.insert(UserSession), rows)
        db.engine.dispose()
    return cookies


def session_cookie(client: FlaskClient) -> str:
    """The cookie by which the app knows the client."""
    cookie = client.get_cookie(client.application.config["SESSION_COOKIE_NAME"])
    assert cookie is not None
    return cookie.decoded_value


def with_session(client: FlaskClient, cookie: str) -> FlaskClient:
    """The client, as the app knows who has that cookie."""
    client.set_cookie(client.application.config["SESSION_COOKIE_NAME"], cookie)
    return client


@pytest.fixture
def client(anonymous: FlaskClient, session_cookies: dict[str, str]) -> FlaskClient:
    """Signed in as a planner."""
    return with_session(anonymous, session_cookies[EMAIL])


@pytest.fixture
def viewer(app: Flask, session_cookies: dict[str, str]) -> FlaskClient:
    """Signed in as somebody who may only look."""
    return with_session(app.test_client(), session_cookies[VIEWER])


@pytest.fixture
def admin(app: Flask, session_cookies: dict[str, str]) -> FlaskClient:
    """Signed in as an administrator."""
    return with_session(app.test_client(), session_cookies[ADMIN])


def signed_in(client: FlaskClient, email: str) -> FlaskClient:
    """The client, after the sign-in form."""
    response = post(client, "/sign-in", {"email": email, "password": PASSWORD}, form_on="/sign-in")
    assert response.status_code == 302
    return client


@pytest.fixture
def dagster() -> FakeDagster:
    return FakeDagster(keys=keys_of(sorted(REGION_ITEMS)))


@pytest.fixture
def registry(settings: Settings, tmp_path: Path) -> FakeRegistry:
    return FakeRegistry(tmp_path / "registry", settings.dataset.name)


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("dataset")
    (folder / "shop.toml").write_text(DATASET)
    return load_dataset(folder / "shop.toml")


@pytest.fixture(scope="session")
def pooled(dataset: Dataset) -> PooledModel:
    """The pooled model, version 1, trained on the tests' demand."""
    return train_pooled([KETTLE, ODD], lambda _: demand_of(12.0), dataset).with_version(1)


@pytest.fixture(scope="session")
def model(dataset: Dataset, pooled: PooledModel) -> ForecastModel:
    """A model trained on the tests' demand, standing on version 1 of the pooled model."""
    return train(demand_of(12.0), dataset, pooled, KETTLE)


@dataclass
class Background:
    """The background process, one step at a time."""

    app: Flask
    dagster: FakeDagster
    registry: FakeRegistry
    kept_states: KeptStates | None = None

    @property
    def services(self) -> Services:
        found: Services = self.app.extensions["services"]
        return found

    def once(self, make: Callable[[], None], *of: object) -> None:
        """Have what a function makes of the state that there is; made by the first test of all that begin with this
        state, copied for those after it.

        Args:
            make: a function of a module or of a fixture, of which no two have one name. What it does depends on the
                state alone, so no test may have replaced what it calls.
            of: what it depends on besides.
        """
        if self.kept_states is None:
            make()
        else:
            self.kept_states.reach(f"{make.__module__}.{make.__qualname__} {of}", self.app, self.registry, make)

    def have_stored_forecasts(self) -> None:
        """As ``make_stored_forecasts`` makes them, ``once``."""
        self.once(self.make_stored_forecasts)

    def start_again(self) -> None:
        """As another worker has it, which has loaded no model yet."""
        self.app.extensions["services"] = Services.from_settings(self.services.settings)

    def catalogue(self, *region_items: RegionItem) -> None:
        """The pipeline looks at the source, and the background process reads what it found."""
        self.services.store.write_catalogue(region_items)
        with self.app.app_context():
            read_catalogue(self.services.store)

    def journal(self, *entries: Entry) -> None:
        """The pipeline writes to the journal, and the background process reads it."""
        Journal(self.services.store).write(entries)
        self.read()

    def read(self, sweep: bool = False) -> int:
        with self.app.app_context():
            return read_journal(Journal(self.services.store), sweep)

    def send(self) -> None:
        with self.app.app_context():
            send_stored(self.dagster)

    def follow(self) -> None:
        with self.app.app_context():
            follow_sent(self.dagster)

    def tell_store(self) -> None:
        """Tell the demand store of planners' adjustments."""
        with self.app.app_context():
            tell_store(self.services.store)

    def make_stored_forecasts(self) -> None:
        """Make every stored forecast that is due."""
        with self.app.app_context():
            make(self.services, due_keys(1000))

    def act(self) -> None:
        """Carry out what people asked for of models."""
        with self.app.app_context():
            carry_out(self.registry, self.services, ModelFiles(self.registry, self.services.models))

    def check_cache(self) -> None:
        """Look whether the files of what is in production are still here."""
        with self.app.app_context():
            LostFiles(self.services).look()

    def watch(self, sweep: bool = False) -> None:
        with self.app.app_context():
            files = ModelFiles(self.registry, self.services.models)
            pooled = NewPooledVersions(self.registry, self.services, files)
            pooled.look()
            pooled.announce_wanted()
            follower = RegistryFollower(self.registry, self.services.models)
            while sweep and not follower.sweep():
                pass
            follower.note_swept()
            while follower.is_any_missing:
                follower.ask_for_missing()
            follower.look()
            NewVersions(self.services, files).announce_wanted(seconds=60)
            if sweep:
                pooled.forget_others()


@pytest.fixture(scope="session")
def kept_states(tmp_path_factory: pytest.TempPathFactory) -> KeptStates:
    return KeptStates(tmp_path_factory.mktemp("kept"))


@pytest.fixture
def background(app: Flask, dagster: FakeDagster, registry: FakeRegistry, kept_states: KeptStates) -> Background:
    return Background(app, dagster, registry, kept_states)


@pytest.fixture
def furnished(client: FlaskClient, app: Flask, background: Background, registry: FakeRegistry,
              model: ForecastModel) -> Flask:
    """The app with something on every page."""
    from tests.webapp.furnished import HAND_OVER_FOLDER, furnish  # which leans on what stands here

    def make() -> None:
        furnish(client, app, background, registry, model)

    background.once(make)
    background.services.settings.web_hand_over_folder = HAND_OVER_FOLDER
    return app


@pytest.fixture
def three(background: Background, registry: FakeRegistry, model: ForecastModel) -> None:
    """Versions 1 to 3 of the kettles' model; 3 is in production."""
    def make() -> None:
        for version in (1, 2, 3):
            registry.promote(KETTLE, model)
            background.journal(Entry(KETTLE, "trained", numbers={"version": version, "wape": 0.2}),
                               Entry(KETTLE, "promoted", reason="better", numbers={"version": version}))
        background.watch(sweep=True)

    background.once(make)


def page(response: TestResponse) -> BeautifulSoup:
    return BeautifulSoup(response.data, "html.parser", from_encoding="utf-8")  # a part of a page names no charset


def text_of(found: Tag | BeautifulSoup | None) -> str:
    """The words of an element, with single spaces."""
    assert found is not None
    return " ".join(found.get_text(" ").split())


def hidden(soup: BeautifulSoup, name: str) -> str:
    field = soup.find("input", attrs={"name": name})
    assert isinstance(field, Tag)
    return str(field["value"])


def first_hidden(response: TestResponse, name: str) -> str:
    """The value of the first hidden field of that name on a page, without making a tree of the whole page."""
    field = re.search(rf'<input[^>]* name="{name}"[^>]*>', response.text)
    assert field is not None, response.text
    return hidden(BeautifulSoup(field.group(), "html.parser"), name)


def post(client: FlaskClient, url: str, data: dict[str, Any], form_on: str = "", **more: Any) -> TestResponse:
    """Send a form with the token of the page that it stands on; of any page where none is named.

    That all forms of all pages have the token, ``test_hostile.py`` tests.
    """
    token = first_hidden(client.get(form_on), "csrf_token") if form_on else form_token(client)
    return client.post(url, data={"csrf_token": token, **data}, **more)


def form_token(client: FlaskClient) -> str:
    """What the client's forms hold, without making a page for it if its session has begun with one."""
    app = client.application
    name = app.config["SESSION_COOKIE_NAME"]
    cookie = client.get_cookie(name)
    with app.test_request_context(headers={"Cookie": f"{name}={cookie.decoded_value}"} if cookie else {}):
        if "csrf_token" in session:
            return str(generate_csrf())
    return first_hidden(client.get("/"), "csrf_token")


def ask_for_retrain(client: FlaskClient, keys: list[str], **more: Any) -> TestResponse:
    """Tick region-items in the overview and press Retrain."""
    token = first_hidden(client.get("/"), "token")
    return post(client, "/retrains", {"token": token, "ri": keys, **more})
