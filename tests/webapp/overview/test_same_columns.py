"""What says the same in every row is said once."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.webapp.conftest import page, text_of
from tests.webapp.overview.builders import tell
from webapp.db.database import db, writing
from webapp.tables import RegionItemRow


@pytest.fixture(autouse=True)
def alike(app: Flask) -> None:
    """All are in production with version 1 and have demand until one day; forecasts differ."""
    with app.app_context(), writing():
        for place, row in enumerate(db.session.scalars(select(RegionItemRow).order_by(RegionItemRow.position))):
            row.status, row.production_version, row.last_date, row.forecast_total = "production", 1, "2026-06-30", place


def heads(client: FlaskClient, path: str) -> list[str]:
    return [text_of(head) for head in page(client.get(path)).select("#table thead th")][1:]


def told(client: FlaskClient, path: str) -> str:
    found = page(client.get(path)).select_one("#same")
    return text_of(found) if found else ""


def test_such_columns_are_left_out_and_named_with_what_they_say(client: FlaskClient) -> None:
    assert heads(client, "/") == ["Region · item ↑", "Forecast"]
    assert told(client, "/") == (
        "The same in every row: Status in production , Last period Jun 30, 2026 , vs last year no last year , "
        "WAPE no actuals yet , Skill no actuals yet , Bias no actuals yet , Backtest WAPE no backtest , Version v1 . "
        "Show these columns")


def test_they_can_be_shown(client: FlaskClient) -> None:
    (link,) = page(client.get("/?q=north")).select("#same a")

    assert "Version" in heads(client, str(link["href"]))
    assert told(client, str(link["href"])) == ""


def test_one_row_on_another_page_is_enough_for_a_column(app: Flask, client: FlaskClient) -> None:
    """A column never comes and goes from page to page."""
    tell(app, item_27={"live_bias": 0.1, "pinned_by": "boss@example.com"})

    assert heads(client, "/") == heads(client, "/?page=2")
    assert {"Bias", "Status"} < set(heads(client, "/"))
    assert "Bias" not in heads(client, "/?q=item+0")


@pytest.mark.parametrize("path", ["/?sort=-live_bias", "/?columns=last_date,live_bias", "/?q=item+03"])
def test_what_is_asked_for_is_shown(client: FlaskClient, path: str) -> None:
    assert "Bias" in " ".join(heads(client, path))


def test_a_flag_is_enough_for_the_status(app: Flask, client: FlaskClient) -> None:
    tell(app, item_27={"quarantined_rows": 2})

    assert "Status" in heads(client, "/")
