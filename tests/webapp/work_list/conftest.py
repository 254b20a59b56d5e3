"""One app for all tests of a file, with the database of the template anew for each: the making of an app costs most."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from webapp.db.database import db
from webapp.services import Services


@pytest.fixture
def app(template_app: Flask, template: Path) -> Iterator[Flask]:
    """The app; nothing is trained."""
    yield template_app
    services: Services = template_app.extensions["services"]
    folder = services.settings.folder
    with template_app.app_context():
        db.session.remove()
        db.engine.dispose()
    for path in folder.glob("app.db*"):
        path.unlink()
    for path in (template / folder.relative_to(services.settings.demand_state.resolve().parent)).glob("app.db*"):
        shutil.copy(path, folder)
