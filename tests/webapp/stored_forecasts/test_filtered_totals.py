"""Totals of what is filtered: the sums and intervals of exactly those region-items, on the page and in the figures."""

from datetime import date
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from demand_assets.forecasting.forecast.totals import Bounds, over_all
from tests.webapp.attribute_builders import CATEGORY, DEPARTMENT, FRESH, SIZE, declare, take_in
from tests.webapp.conftest import EMAIL, KETTLE, Background, page, text_of
from tests.webapp.overview.builders import judge_all
from webapp import create_app
from webapp.access import Actor
from webapp.db.database import db, now
from webapp.overrides.applied import parts_ahead
from webapp.overrides.overrides import place
from webapp.overrides.wanted_override import WantedOverride
from webapp.pages.numbers_and_dates import units
from webapp.region_items.open_overrides import with_open_overrides
from webapp.stored_forecasts import filtered_totals
from webapp.stored_forecasts.computing import stored_forecasts_of
from webapp.stored_forecasts.groups import refresh_due
from webapp.tables import Catalogue, ForecastFigures, GroupForecast, Production

ITEMS: dict[str, dict[str, Any]] = {
    "kettle": {"department": "Kitchen", "category": "Kettles", "fresh": True},
    "item 01": {"department": "Kitchen", "category": "Pans"},
    "item 02": {"department": "Garden", "category": "Rakes"},
    "item 03": {"department": "Kitchen", "category": "Pans"}}


@pytest.fixture
def summed(app: Flask, background: Background) -> Background:
    def make() -> None:
        judge_all(app)
        take_in(app, ITEMS, {"north": {"size": 1.0}})
        background.make_stored_forecasts()
        with app.app_context():
            refresh_due(app.extensions["services"], create_app)

    declare(app, (CATEGORY, DEPARTMENT, FRESH, SIZE))
    background.once(make)
    return background


def lines(client: FlaskClient, url: str) -> dict[str, tuple[str, str, int]]:
    """Name of each line -> forecast, interval and region-items."""
    return {text_of(row.th.a or row.th): _cells(row) for row in page(client.get(url)).select("tbody tr")}


def _cells(row: BeautifulSoup) -> tuple[str, str, int]:
    cells = {str(cell["data-label"]).split()[0]: text_of(cell) for cell in row.select("td")}
    interval = next(text_of(cell) for cell in row.select("td") if "interval" in str(cell["data-label"]))
    return cells["Forecast"].split(" model")[0], interval, int(cells["Region-items"])


def told(found: Bounds, size: int) -> tuple[str, str, int]:
    return units(found.forecast), f"{units(found.lower)} – {units(found.upper)}", size


def of(app: Flask, *keys: str) -> tuple[str, str, int]:
    """What a line must say of these region-items, from their stored forecasts one by one."""
    with app.test_request_context():
        parts = with_open_overrides({key: kept.part for key, kept in stored_forecasts_of(keys).items()})
        return told(over_all(parts.values()), len(keys))


def test_a_combination_of_filters_has_the_interval_of_its_own_sum(app: Flask, client: FlaskClient,
                                                                  summed: Background) -> None:
    found = lines(client, "/totals?attribute=department:Kitchen&attribute=region:north&by=category")

    assert found == {"All that match": of(app, "north|item 01", "north|item 03", "north|kettle"),
                     "Kettles": of(app, "north|kettle"), "Pans": of(app, "north|item 01", "north|item 03")}
    both = lines(client, "/totals?attribute=region:north&attribute=category:Kettles&attribute=category:Rakes&by=item")
    assert both == {"All that match": of(app, "north|item 02", "north|kettle"), "item 02": of(app, "north|item 02"),
                    "kettle": of(app, "north|kettle")}
    overview = page(client.get("/?attribute=department:Kitchen&attribute=region:north")).select_one(
        "[data-figure=total]")
    assert found["All that match"][1].replace(" – ", " to ") in text_of(overview)


def test_overrides_are_in_it(app: Flask, client: FlaskClient, summed: Background) -> None:
    url = "/totals?attribute=department:Kitchen&attribute=region:north"
    before = lines(client, url)
    with app.test_request_context():
        place(WantedOverride(date(2026, 7, 1), date(2026, 7, 7), "percent", 100.0, "a fair", "a form"),
              parts_ahead([KETTLE.key]), Actor(EMAIL, "planner", "browser"))

    found = lines(client, url)
    assert found["north"] == of(app, "north|item 01", "north|item 03", "north|kettle")
    assert found["north"][1] != before["north"][1]


@pytest.mark.parametrize("filtered", [{"status": "baseline"}, {"flag": "new_demand"}])
def test_any_filter_of_the_panels_counts(app: Flask, client: FlaskClient, summed: Background,
                                         filtered: dict[str, str]) -> None:
    keys = [KETTLE.key, "north|item 01"]
    with app.app_context():
        rows = select(Catalogue.id).where(Catalogue.key.in_(keys))
        db.session.execute(update(Catalogue).values(demand_at=None))
        db.session.execute(update(Catalogue).where(Catalogue.key.in_(keys)).values(demand_at=now()))
        db.session.execute(update(Production).values(status="pooled"))
        db.session.execute(update(Production).where(Production.id.in_(rows)).values(status="baseline"))
        db.session.commit()

    soup = page(client.get("/totals", query_string=filtered))
    assert _cells(soup.select("tbody tr")[0]) == of(app, *keys)
    link = str(soup.select("tbody th a")[0]["href"])
    assert sorted(text_of(row) for row in page(client.get(link)).select("#selection tbody th")) == [
        "north · item 01", "north · kettle"]
    assert lines(client, "/totals?flag=pinned") == {}
    assert "No region matches." in text_of(page(client.get("/totals?flag=pinned")).main)


def test_whole_totals_have_the_stored_interval_and_what_has_no_value_its_own(
        app: Flask, client: FlaskClient, summed: Background) -> None:
    with app.app_context():
        stored = {name: told(Bounds(row.total, row.lower, row.upper), row.size) for name in ("Kettles", "Pans")
                  if (row := db.session.get_one(GroupForecast, ("category", name)))}
        rest = list(db.session.scalars(select(Catalogue.key).where(Catalogue.item.not_in(list(ITEMS)))))
    assert lines(client, "/totals?by=category")["without product group"] == of(app, *rest)
    within = lines(client, "/totals?by=category&attribute=department:Kitchen")
    assert {name: within[name] for name in stored} == stored
    narrowed = lines(client, "/totals?by=category&attribute=region:north")
    assert narrowed["Pans"] == stored["Pans"], "all of them are in the north"
    assert narrowed["Kettles"] == of(app, KETTLE.key) != stored["Kettles"]
    assert narrowed["without product group"] == of(app, *(key for key in rest if key.startswith("north")))


def test_what_is_being_summed_again_is_read_anew(app: Flask, client: FlaskClient, summed: Background) -> None:
    with app.app_context():
        db.session.execute(update(ForecastFigures).values(groups_due=1))
        db.session.execute(update(GroupForecast).values(lower=0.0, upper=1.0))
        db.session.commit()

    assert lines(client, "/totals?attribute=region:north&by=category")["Pans"] == of(
        app, "north|item 01", "north|item 03")


def test_of_too_many_region_items_the_page_says_that_it_has_no_interval(
        app: Flask, client: FlaskClient, summed: Background, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filtered_totals, "MOST", 2)
    url = "/totals?attribute=department:Kitchen&attribute=region:north&by=category"
    words = "open their forecast for it"

    found = lines(client, url)
    assert [found[name][1] for name in ("All that match", "Kettles")] == ["–", of(app, KETTLE.key)[1]]
    assert found["Pans"][1] != "–", "which is stored"
    assert words in page(client.get(url)).text
    assert words not in page(client.get("/totals")).text
    assert client.get(str(page(client.get(url)).select_one("tbody th a")["href"])).status_code == 200


def test_totals_are_searched_sorted_and_paged_within_what_is_filtered(client: FlaskClient, summed: Background) -> None:
    url = "/totals?by=item&attribute=region:north&attribute=department:Kitchen"

    assert list(lines(client, f"{url}&q=item")) == ["All that match", "item 01", "item 03"]
    assert list(lines(client, f"{url}&sort=-name"))[1:] == ["kettle", "item 03", "item 01"]
    assert list(lines(client, f"{url}&page=9"))[1:] == ["item 01", "item 03", "kettle"]
