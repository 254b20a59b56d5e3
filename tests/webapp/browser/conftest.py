"""The real app behind a real server, seen by a real browser; only Dagster and MLflow are stood in for."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pandas as pd
import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, StorageState
from sqlalchemy import select
from werkzeug.serving import make_server

from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.store.journal import Entry
from tests.webapp.browser.screens import FAIR, LONG_SALE, RUN, SALE
from tests.webapp.conftest import (
    ADMIN,
    EMAIL,
    KETTLE,
    ODD,
    PASSWORD,
    REGION_ITEMS,
    Background,
    demand_of,
    settings_in,
)
from tests.webapp.fakes import FakeDagster, FakeRegistry, keys_of
from tests.webapp.value_added.builders import Judged, sum_up
from tests.webapp.value_added.builders import tell as tell_judged
from webapp import create_app
from webapp.access import Actor
from webapp.accounts.tokens import make_token
from webapp.db.database import db, now, writing
from webapp.notices.events import Told, tell
from webapp.notices.webhooks import make_webhook
from webapp.overrides.applied import parts_ahead
from webapp.overrides.overrides import place
from webapp.overrides.wanted_override import WantedOverride
from webapp.published_plans.publishing import WantedPlan, publish
from webapp.published_plans.readiness import WORDS as WRONG
from webapp.published_plans.readiness import Readiness
from webapp.retrains.requests import store
from webapp.scenarios.queue import compute_or_want
from webapp.scenarios.repository import archive, create
from webapp.scenarios.request import ScenarioRequest, ScopedDriverChange
from webapp.services import Services
from webapp.stored_forecasts.groups import refresh_due
from webapp.systems import signs_of_life
from webapp.systems.signs_of_life import note
from webapp.tables import ArchivedForecast, Override, RegionItemRow, StoredForecast, User
from webapp.value_added.targets import set_target
from webapp.value_added.verdicts import refresh_verdicts
from webapp.work_list.refresh import refresh_of_rows

REFUSED = pd.DataFrame({
    "row": range(2, 42), "date": "2026-06-01", "column": "demand", "value": "-3", "rule": "negative",
    "message": "Demand -3 is below 0; allowed is 0 or more. Correct the source."})


@dataclass(frozen=True)
class Site:
    """The app as it is served."""

    app: Flask
    url: str


@pytest.fixture(autouse=True)
def systems_stay_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """No background process runs beside the site to note them again."""
    monkeypatch.setattr(signs_of_life, "SILENT", timedelta(hours=2))


@pytest.fixture(scope="session")
def site(template: Path, tmp_path_factory: pytest.TempPathFactory, model: ForecastModel,
         browser: Browser) -> Iterator[Site]:
    """The app with something on every screen, on a free port."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(template / "var", folder / "var")
    settings = settings_in(folder)
    app = create_app(settings)
    registry = FakeRegistry(folder / "registry", settings.dataset.name)
    fill(Background(app, FakeDagster(keys=keys_of(sorted(REGION_ITEMS))), registry), model)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Site(app, f"http://127.0.0.1:{server.port}")
    server.shutdown()
    thread.join()
    server.server_close()


def fill(background: Background, model: ForecastModel) -> None:
    """A promoted model that has drifted since, loads with refused rows, a retrain, systems that answer."""
    services: Services = background.services
    measured = {"wape": 0.1, "wape_seasonal_naive": 0.2, "coverage_80": 0.8}
    for version in (1, 2):
        background.registry.promote(KETTLE, model, measured)
        background.journal(Entry(KETTLE, "trained", numbers={"version": version, **measured}),
                           Entry(KETTLE, "promoted", reason="better", numbers={"version": version, **measured}))
    background.watch(sweep=True)
    background.make_stored_forecasts()
    later = demand_of(36.0, 30)
    later["date"] = pd.date_range(demand_of(1.0)["date"].iloc[-1] + pd.Timedelta(days=1), periods=30)
    services.store.write("demand", KETTLE, pd.concat([demand_of(12.0), later], ignore_index=True))
    services.store.write("quarantine", ODD, REFUSED)
    numbers: dict[str, Any] = {"rows": 100, "quarantined": 40, "quarantined_by_rule": {"negative": 30, "absurd": 10},
                               "last_date": str(date.today() - timedelta(days=20))}
    fine = {"rows": 100, "quarantined": 0, "quarantined_by_rule": {},
            "last_date": str(date.today() - timedelta(days=1))}
    background.journal(
        *(Entry(each, "validated", run_id=RUN, numbers=fine) for each in REGION_ITEMS[:-1]),
        Entry(ODD, "quarantined", run_id=RUN, reason="40 of its 100 rows are in quarantine", numbers=numbers),
        *(Entry(each, "kept", reason="WAPE 30.0 % is worse than that of seasonal naive") for each in REGION_ITEMS[1:]))
    with background.app.app_context():
        for owner in db.session.scalars(select(User)).all():
            make_token(owner, "night job", "viewer", now() + timedelta(days=30))
        for name in ("dagster", "mlflow", "store", "sync"):
            note(name, True)
        store("t" * 32, [KETTLE.key, ODD.key], EMAIL)
        refresh_due(services, create_app)
        for token, days, name in ((SALE, 7, "Sale of 7 days"),
                                  (LONG_SALE, 14, "Sale of 14 days, prepared for the stores along the coast")):
            change = ScopedDriverChange("price", "percent", -20.0, date(2026, 7, 1), date(2026, 7, days))
            create(token, name, "for all",
                   ScenarioRequest((KETTLE.key, ODD.key), 14, (change,)), EMAIL)
            compute_or_want(services, token)
        create(FAIR, "A fair", "", ScenarioRequest((KETTLE.key,), 14, (
            ScopedDriverChange("price", "percent", -20.0, date(2026, 8, 1), date(2026, 8, 10)),)), EMAIL)
        compute_or_want(services, FAIR)
        archive(FAIR, True)
        publish(WantedPlan("Week 31", "for the factory", "p" * 32, Readiness.all_of(WRONG)))
        override_some()
        with writing():
            for place, each in enumerate(REGION_ITEMS):
                row = db.session.get_one(RegionItemRow, each.key)
                row.drift, row.drifted = place / 50, "price"
        refresh_of_rows(services)
        make_webhook("chat of the planners", "https://chat.example.com/hooks/1", ["data", "retrain"])
        with writing():
            tell(Told("data", "data 1", "New data of 1 region-item was rejected", f"/data/loads/{RUN}"), [EMAIL], False)

    judge_some(background.app)


def judge_some(app: Flask) -> None:
    """Two weeks of the kettle, with an override that gained and one that lost; and what came of scenarios."""
    tell_judged(app, *(Judged(120, 150, 130, override=units, by=by, price=9.9, bucket=bucket, lead=lead)
                       for lead in (1, 4) for bucket, units, by in (
                           ("2026-07-20", 125.0, EMAIL), ("2026-07-27", 180.0, "somebody.who.left@example.com"))),
                origin="2026-07-30")
    sum_up(app)
    with app.app_context():
        set_target("", 0.2, 0.05, 0.1)
        refresh_verdicts(app.extensions["services"])


def override_some() -> None:
    """Overrides of the kettle: of days ahead, published, and of a known one for which it can be told whether that
    helped."""
    place(WantedOverride(date(2026, 8, 1), date(2026, 8, 7), "percent", 25.0, "school begins", "a form"),
          parts_ahead([KETTLE.key]), Actor(EMAIL, "planner", "browser"))
    publish(WantedPlan("Week 31, corrected", "", "q" * 32, Readiness.all_of(WRONG)))
    units = np.array([[20.0], [15.0], [25.0], [18.0]], dtype="<f4")
    with writing():
        db.session.add(ArchivedForecast(key=KETTLE.key, origin="2026-07-29", made_at=now(), served_by="1",
                                        content=units.tobytes()))
        db.session.add(Override(batch="b", key=KETTLE.key, date="2026-07-30", way="value", amount=40.0,
                                comment="a large order", made_by=EMAIL, made_at=now() - timedelta(days=1)))
        stored = db.session.get_one(StoredForecast, KETTLE.key)
        stored.origin, stored.served_by = "2026-07-30", "1"


@pytest.fixture(scope="session")
def signed_in(site: Site, browser: Browser) -> StorageState:
    """What a browser holds once the planner has signed in."""
    return held_after_signing_in(site, browser, EMAIL)


@pytest.fixture(scope="session")
def admin_signed_in(site: Site, browser: Browser) -> StorageState:
    """What a browser holds once an administrator has signed in."""
    return held_after_signing_in(site, browser, ADMIN)


def held_after_signing_in(site: Site, browser: Browser, email: str) -> StorageState:
    context = browser.new_context(base_url=site.url)
    page = context.new_page()
    page.goto("/sign-in")
    page.locator("[name=email]").fill(email)
    page.locator("[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.locator("#account-menu").wait_for()
    held = context.storage_state()
    context.close()
    return held


@pytest.fixture(scope="session")
def axe() -> Any:
    """The accessibility check."""
    from axe_playwright_python.sync_playwright import Axe

    return Axe()


@pytest.fixture
def planner(site: Site, signed_in: StorageState, browser: Browser) -> Iterator[BrowserContext]:
    """A fresh browser in which the planner is signed in: of one who reads English and writes numbers as in Germany."""
    context = browser.new_context(base_url=site.url, storage_state=signed_in, locale="en-DE",
                                  viewport={"width": 1440, "height": 900})
    yield context
    context.close()


@pytest.fixture
def page(planner: BrowserContext) -> Page:
    return planner.new_page()
