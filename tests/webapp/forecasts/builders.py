"""The forecast page: asked for, and what it draws."""

import json
from typing import Any

from bs4 import BeautifulSoup
from flask.testing import FlaskClient

from tests.webapp.conftest import KETTLE, page, post, text_of


def change(number: int = 0, **fields: str) -> dict[str, str]:
    """The fields of one change of the scenario form."""
    plain = {"driver": "price", "action": "percent", "value": "-20", "first": "2026-07-01", "last": "2026-07-14"}
    return {f"change-{number}-{name}": value for name, value in {**plain, **fields}.items()}


def ask(client: FlaskClient, htmx: bool = False, **fields: object) -> BeautifulSoup:
    response = post(client, "/forecasts", {"ri": [KETTLE.key], "horizon": "14", **fields},
                    headers={"HX-Request": "true"} if htmx else {})
    assert response.status_code == 200, text_of(page(response))
    return page(response)


def chart_on(soup: BeautifulSoup) -> dict[str, Any]:
    """What the page's chart draws."""
    drawn: dict[str, Any] = json.loads(text_of(soup.select_one("script.chart-data")))
    return drawn
