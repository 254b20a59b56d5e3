"""Sentences on the forecast page and in the API: their numbers are those that stand beside them."""

import re
from datetime import date
from typing import Any

import numpy as np
import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient

from demand_assets.forecasting.model.serving.own_model import ForecastModel
from tests.webapp.conftest import KETTLE, ODD, REGION_ITEMS, Background, demand_of, page, text_of
from tests.webapp.fakes import FakeRegistry
from tests.webapp.forecasts.builders import change
from webapp.db.database import db, now, writing
from webapp.tables import ArchivedForecast

OTHER = REGION_ITEMS[1]


@pytest.fixture
def promoted(background: Background, registry: FakeRegistry, model: ForecastModel) -> None:
    registry.promote(KETTLE, model)
    registry.promote(ODD, model)
    background.watch()


def seen(client: FlaskClient, path: str = "/forecasts", **args: Any) -> BeautifulSoup:
    response = client.get(path, query_string={"ri": KETTLE.key, "horizon": "7", **args})
    assert response.status_code == 200
    return page(response)


def last_year_in(soup: BeautifulSoup) -> float:
    """Units that were sold in the same week of last year, as the sentence has them."""
    told = text_of(soup.select_one("#in-words"))
    [sold] = re.findall(r"than in the same 7 days last year \((\S+) sold", told)
    return float(sold.replace(",", ""))


def sums(soup: BeautifulSoup) -> dict[str, str]:
    """The last line of the page's table of contributions: heading -> what stands there, without its sign."""
    table = soup.select("#why table")[0]
    return {text_of(heading).lower(): text_of(cell).lstrip("+−") for heading, cell in zip(
        table.select("thead th"), table.select("tfoot th, tfoot td"), strict=True)}


def test_the_parts_are_those_of_the_table_to_the_digit(client: FlaskClient, promoted: None) -> None:
    soup = seen(client, why="1")
    told, written = text_of(soup.select_one("#in-words")), sums(soup)
    usual = re.search(r"usual level of (\S+) units", told)
    named = re.findall(r"(\d[\d.,]*)(?: units)? for (\w[\w ]*?)(?:,| and|;|\.)", told)

    assert usual
    assert usual.group(1) == written["usual level"]
    assert named
    assert all(written[name] == units for units, name in named)


def test_a_difference_is_that_of_the_totals_to_the_digit(client: FlaskClient, promoted: None) -> None:
    soup = seen(client, why="1", **change(last="2026-07-07"))
    difference = re.match(r"[+−](\S+) units \([+−](.+)\)", text_of(soup.select_one("#difference")))
    told = text_of(soup.select_one("#in-words"))
    (units, name), *_ = re.findall(r"(\d[\d.,]*) units for (\w+)", told)

    assert difference
    assert f"gives {difference.group(1)} units more than the plan" in told
    assert difference.group(2) in told
    assert name == "price"
    assert units == sums(soup)["price"]


def test_parts_are_asked_for_after_the_page(client: FlaskClient, promoted: None) -> None:
    soup = seen(client)
    place = soup.select_one("#in-words")
    assert place is not None
    assert "the model adds" not in text_of(place)
    assert "in the same 7 days last year" in text_of(place) or "last year is not known" in text_of(place)

    answer = client.get(str(place["hx-get"]))
    assert "the model adds" in text_of(page(answer)).lower()
    assert page(answer).select_one("[hx-get]") is None  # once


def test_those_that_were_sold_a_year_ago_are_beside_it_alone(
        background: Background, client: FlaskClient, promoted: None) -> None:
    background.services.store.write("demand", KETTLE, demand_of(12.0, 400))
    old = text_of(seen(client).select_one("#in-words"))

    told = text_of(page(client.get("/forecasts", query_string={
        "ri": [KETTLE.key, ODD.key], "horizon": "7"})).select_one("#in-words"))

    assert told.startswith("For the 1 of 2 region-items that sold in the same 7 days last year, ")
    [(more, sold)] = re.findall(r"^(\S+) \S+ than in the same 7 days last year \((\S+) sold", old)
    [(_forecast, *both)] = re.findall(r"(\S+) units are forecast: (\S+) \S+ than the (\S+) sold", told)
    assert both == [more, sold]


def test_each_is_beside_what_it_sold_a_year_before_its_own_forecast(
        background: Background, client: FlaskClient, promoted: None) -> None:
    """Of two the one whose demand ended a year ago comes first; the other's last year is that of its own dates."""
    going = demand_of(12.0, 800)
    going["demand"] *= np.linspace(1, 3, len(going))
    background.services.store.write("demand", KETTLE, demand_of(12.0, 800).iloc[:-371])
    background.services.store.write("demand", ODD, going)
    alone = [last_year_in(seen(client, ri=one.key)) for one in (KETTLE, ODD)]

    both = last_year_in(seen(client, ri=[KETTLE.key, ODD.key]))

    assert both == pytest.approx(sum(alone), abs=1)  # each of the three is rounded


def test_without_a_model_there_are_no_parts_and_nothing_is_asked_for(client: FlaskClient) -> None:
    place = seen(client).select_one("#in-words")

    assert place is not None
    assert "hx-get" not in place.attrs
    assert "Seasonal naive repeats past demand: the forecast has no parts." in text_of(place)


def test_what_the_baseline_forecasts_is_in_none_of_the_parts(client: FlaskClient, promoted: None) -> None:
    told = text_of(seen(client, ri=[KETTLE.key, OTHER.key], why="1").select_one("#in-words"))

    assert re.search(r"\+[\d.,]+ units are in none of the parts, of 1 region-item without parts\.", told)


def test_what_was_forecast_and_came(app: Flask, client: FlaskClient) -> None:
    with app.app_context(), writing():
        db.session.add(ArchivedForecast(
            key=KETTLE.key, origin=str(date(2026, 6, 28)), made_at=now(), served_by="1",
            content=np.array([[20.0, 30.0], [15.0, 20.0], [25.0, 40.0], [18.0, 18.0]], dtype="<f4").tobytes()))
    soup = seen(client, past="1")
    rows = {text_of(row.th): [text_of(cell) for cell in row.find_all("td")] for row in soup.select(
        "#by-period tbody.past tr")}
    (sold, forecast), *_ = [(cells[0], cells[1]) for cells in rows.values() if cells[1]]
    told = text_of(soup.select_one("#miss"))

    assert told.startswith("Over 1 day with a forecast, the models had 20 units, without overrides, and ")
    assert f"({forecast} by the models, {sold} sold)" in told


def test_no_selection_is_no_question(client: FlaskClient) -> None:
    assert client.get("/forecasts/in-words").status_code == 422
    assert client.get("/forecasts/in-words?ri=nobody").status_code == 404
