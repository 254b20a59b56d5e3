"""What follows the registry; and what an administrator asks for of a model, on the page that asks for a yes."""

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.sql.elements import ColumnElement
from werkzeug.test import TestResponse

from demand_assets.forecasting.contract.region_item import RegionItem
from tests.webapp.conftest import KETTLE, Background, hidden, page, post
from webapp.db.database import db
from webapp.models.new_versions import NewVersions
from webapp.models.registry_follower import RegistryFollower
from webapp.serving.model_files import ModelFiles
from webapp.tables import RegionItemRow


def follower_of(background: Background) -> RegistryFollower:
    """What follows the registry, and has seen everything there is."""
    made = RegistryFollower(background.registry, background.services.models)
    while not made.sweep():
        pass
    return made


def new_versions_of(background: Background) -> NewVersions:
    """What announces versions."""
    return NewVersions(background.services, ModelFiles(background.registry, background.services.models))


def where(app: Flask, condition: ColumnElement[bool]) -> set[RegionItem]:
    """The region-items of which a condition holds."""
    with app.app_context():
        return {row.region_item for row in db.session.scalars(select(RegionItemRow).where(condition))}


def announced(app: Flask) -> set[RegionItem]:
    """Those with a model in production."""
    return where(app, RegionItemRow.production_version.is_not(None))


def form(kind: str, version: int | None = None) -> str:
    """The address of the page that asks whether one is sure."""
    return f"/models/act?ri=north%7Ckettle&kind={kind}" + (f"&version={version}" if version else "")


def ask(client: FlaskClient, kind: str, version: int | None = None, reason: str = "too high", token: str = "",
        **more: str) -> TestResponse:
    """Open the page that asks whether one is sure, and say yes."""
    soup = page(client.get(form(kind, version)))
    fields = {"token": token or hidden(soup, "token"), "ri": KETTLE.key, "kind": kind, "reason": reason, **more}
    return post(client, "/models/act", fields | ({"version": str(version)} if version else {}))
