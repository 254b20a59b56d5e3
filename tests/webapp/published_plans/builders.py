"""What tests of published plans share."""

from datetime import date, timedelta

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.store.journal import Entry
from tests.webapp.conftest import Background, hidden, page
from tests.webapp.fakes import FakeRegistry
from webapp.administration.app_settings import AppSettings, change_settings
from webapp.db.database import db, writing
from webapp.tables import PublishedPlan


def published_row(app: Flask, last_known: date, days: int = 14) -> None:
    """A published plan of the days after that one, without its numbers."""
    with app.app_context(), writing():
        db.session.add(PublishedPlan(
            token="p" * 32, name="Week 27", published_by="boss@example.com", digest="", unit="units", horizon=days,
            dates=[str(last_known + timedelta(days=lead)) for lead in range(1, days + 1)], size=2, overrides=0,
            total=0.0, lower=0.0, upper=0.0, model=0.0))


def lock(app: Flask, periods: int, binds: str = "planners") -> None:
    """An administrator locks so many periods."""
    with app.app_context():
        change_settings(AppSettings(locked_periods=periods, lock_binds=binds))  # type: ignore[arg-type]  # a text


def promoted(background: Background, registry: FakeRegistry, model: ForecastModel, *region_items: RegionItem) -> None:
    """Each has a model of its own in production and a stored forecast; all others the baseline's."""
    def make() -> None:
        for each in region_items:
            registry.promote(each, model)
            background.journal(Entry(each, "promoted", numbers={"version": 1}))
        background.watch(sweep=True)
        background.make_stored_forecasts()

    background.once(make, region_items)


def published(client: FlaskClient, name: str = "Week 27", **fields: str) -> TestResponse:
    """Fill in the form and press its button."""
    soup = page(client.get("/published-plans/new"))
    sent = {"csrf_token": hidden(soup, "csrf_token"), "token": hidden(soup, "token"), "seen": hidden(soup, "seen"),
            "name": name, **fields}
    return client.post("/published-plans/new", data=sent)
