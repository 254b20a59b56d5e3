"""Scenarios as a planner sends them."""

from typing import Any

from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.webapp.conftest import KETTLE, ODD, hidden, page, post, text_of
from webapp.db.database import db
from webapp.scenarios.repository import by_token
from webapp.tables import SavedScenario

CUT = {"change-0-driver": "price", "change-0-action": "percent", "change-0-value": "-20",
       "change-0-first": "2026-07-01", "change-0-last": "2026-07-14"}


def send(client: FlaskClient, form_on: str = "/scenarios/new", **fields: Any) -> TestResponse:
    """Fill in the editor and press its button."""
    soup = page(client.get(form_on))
    more = {"seen": hidden(soup, "seen")} if soup.select_one("[name=seen]") else {}
    url = form_on.split("?")[0]
    return client.post(url, data={"csrf_token": hidden(soup, "csrf_token"), "token": hidden(soup, "token"), **more,
                                  "ri": [KETTLE.key, ODD.key], "horizon": "14", **CUT, **fields})


def saved(client: FlaskClient, **fields: Any) -> str:
    """Save a scenario; the path of its page."""
    response = send(client, **fields)
    assert response.status_code == 303, text_of(page(response))
    return response.headers["Location"]


def shown(client: FlaskClient, path: str) -> BeautifulSoup:
    response = client.get(path)
    assert response.status_code == 200
    return page(response)


def press(client: FlaskClient, path: str, act: str, **fields: str) -> TestResponse:
    return post(client, f"{path}/{act}", {"token": "a" * 32, **fields}, form_on=path)


def scenario_of(app: Flask, path: str) -> SavedScenario:
    with app.app_context():
        found = by_token(path.rsplit("/", 1)[1])
        assert found is not None
        db.session.refresh(found, ["asked", "computed"])
        db.session.expunge(found)
        return found
