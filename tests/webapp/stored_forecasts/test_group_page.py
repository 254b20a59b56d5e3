"""Totals by attributes, on the page and in the API, down their levels."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.webapp.attribute_builders import CATEGORY, DEPARTMENT, FRESH, SIZE, declare, take_in
from tests.webapp.conftest import Background, page, text_of
from tests.webapp.money_builders import LANDED, declare_money
from tests.webapp.overview.builders import judge_all
from webapp import create_app
from webapp.stored_forecasts.groups import refresh_due


@pytest.fixture
def totals(app: Flask, background: Background) -> None:
    def make() -> None:
        judge_all(app)
        take_in(app, {"kettle": {"department": "Kitchen", "category": "Kettles", "fresh": True},
                      "item 01": {"department": "Kitchen", "category": "Pans"},
                      "item 02": {"department": "Garden", "category": "Rakes"}}, {"north": {"size": 1.0}})
        background.make_stored_forecasts()

    declare(app, (CATEGORY, DEPARTMENT, FRESH, SIZE))
    background.once(make)
    with app.app_context():
        refresh_due(app.extensions["services"], create_app)


def lines(client: FlaskClient, url: str) -> dict[str, str]:
    """Name of each total below that of all -> its link."""
    return {text_of(row.th.a): str(row.th.a["href"]) for row in page(client.get(url)).select("tbody tr:not(#rest)")[1:]}


@pytest.mark.usefixtures("totals")
def test_totals_are_made_by_each_level_and_each_consists_of_the_next(client: FlaskClient) -> None:
    found = page(client.get("/totals?by=department"))

    assert [text_of(link) for link in found.select("[aria-label='Totals by'] a")] == [
        "By region", "By item", "By department", "By product group", "By fresh"]
    assert list(lines(client, "/totals?by=department")) == ["Garden", "Kitchen"]
    down = [str(link["href"]) for link in found.select("tbody th a.small")]
    assert list(lines(client, down[1])) == ["Kettles", "Pans"]
    further = [str(link["href"]) for link in page(client.get(down[1])).select("tbody th a.small")]
    assert list(lines(client, further[0])) == ["kettle"]
    assert "Only: department Kitchen" in page(client.get(down[1])).text
    assert text_of(page(client.get(lines(client, down[1])["Kettles"])).h1) == "product group Kettles"


@pytest.mark.usefixtures("totals")
@pytest.mark.parametrize("asked", ["by=size", "by=colour", "by=category&within=nonsense", "attribute=nonsense",
                                   "flag=nonsense", "items=chain"])
def test_totals_that_there_are_not_are_refused_in_words(client: FlaskClient, asked: str) -> None:
    assert client.get(f"/totals?{asked}").status_code == 422


@pytest.mark.usefixtures("totals")
def test_a_value_that_there_is_not_has_no_parts(client: FlaskClient) -> None:
    response = client.get("/totals?by=item&within=category:Spoons")

    assert response.status_code == 200
    assert "No item matches." in text_of(page(response).main)


@pytest.mark.usefixtures("totals")
def test_the_page_of_a_value_tells_last_year_and_the_sum_of_its_members(client: FlaskClient) -> None:
    found = page(client.get("/totals?by=category&q=pan"))

    assert [text_of(row.th.a) for row in found.select("tbody tr")[1:]] == ["Pans"]
    assert "1 total by product group" in found.text


@pytest.mark.usefixtures("totals")
def test_what_has_no_value_is_the_last_line_and_what_is_searched_for_has_none(client: FlaskClient) -> None:
    found = page(client.get("/totals?by=fresh"))
    sizes = [int(text_of(row.select("td")[-1])) for row in found.select("tbody tr")]

    assert text_of(found.select_one("#rest th")) == "without fresh"
    assert sizes[0] == sum(sizes[1:]) > sizes[-1] > 0
    for asked in ("by=region", "by=item", "by=fresh&q=yes", "by=category&within=department:Kitchen"):
        assert page(client.get(f"/totals?{asked}")).select_one("#rest") is None, asked


@pytest.mark.usefixtures("totals")
@pytest.mark.parametrize("money", [{}, {"cost": {"attribute": "landed"}}, None])
def test_each_line_has_a_cell_for_each_heading(app: Flask, client: FlaskClient, money: dict[str, Any] | None) -> None:
    """With a price, a cost, or neither."""
    attributes = (*app.extensions["services"].dataset.attributes, LANDED)
    declare_money(app, money or {}, drivers=money is not None, attributes=attributes)
    found = page(client.get("/totals?by=fresh"))

    assert found.select_one("#rest") is not None
    assert {len(row.find_all(["th", "td"], recursive=False)) for row in found.select("tbody tr")} == {
        len(found.select("thead th"))}
    assert [" ".join(str(cell["data-label"]).split()) for cell in found.select("#rest td")] == [
        text_of(head) for head in found.select("thead th")[1:]]
