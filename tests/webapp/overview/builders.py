"""The overview's table: rows set, and read from the page."""

from typing import Any

from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from demand_assets.forecasting.contract.region_item import RegionItem
from tests.webapp.conftest import page, text_of
from webapp.db.database import db, writing
from webapp.tables import RegionItemRow


def rows(client: FlaskClient, url: str) -> list[str]:
    return [text_of(row.th) for row in page(client.get(url)).select("#table tbody tr")]


def tell(app: Flask, **told: dict[str, Any]) -> None:
    """Set columns of the rows of these items of the north."""
    with app.app_context(), writing():
        for item, values in told.items():
            row = db.session.get_one(RegionItemRow, RegionItem("north", item.replace("_", " ")).key)
            for name, value in values.items():
                setattr(row, name, value)


def judge_all(app: Flask) -> None:
    """The first training is over."""
    with app.app_context(), writing():
        for row in db.session.scalars(select(RegionItemRow)):
            row.status = "baseline"


def cells(soup: BeautifulSoup, row: int = 0) -> dict[str, str]:
    """Heading -> words of a row of the table."""
    found = soup.select("#table tbody tr")[row]
    return {str(cell["data-label"]): text_of(cell) for cell in found.select("[data-label]")}
