"""Overrides on the forecast page, in totals and downloads, in their list, for each role."""

import io
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from openpyxl import load_workbook
from werkzeug.test import TestResponse

from tests.webapp.conftest import (
    ADMIN,
    EMAIL,
    KETTLE,
    ODD,
    REGION_ITEMS,
    Background,
    demand_of,
    hidden,
    page,
    post,
    text_of,
)
from tests.webapp.forecasts.builders import ask, change, chart_on
from tests.webapp.overrides.builders import rows_of
from webapp import create_app
from webapp.db.database import db, writing
from webapp.forecasts import query
from webapp.overrides import applied
from webapp.region_items.open_overrides import open_overrides
from webapp.stored_forecasts.groups import refresh_due
from webapp.tables import AuditEntry, Override, RegionItemRow

PAGE = f"/forecasts?ri={KETTLE.key}"
LAST_WEEK = demand_of(12.0)["demand"].tail(7).tolist()
"""What the baseline forecasts of 1 to 7 July."""


def override(client: FlaskClient, **fields: Any) -> TestResponse:
    """Fill in the form of the kettle's page and send it."""
    form_on = fields.pop("form_on", PAGE)
    plain = {"ri": [KETTLE.key], "first": "2026-07-01", "last": "2026-07-02", "way": "value", "amount": "20",
             "comment": "a fair nearby", "token": uuid4().hex}
    return post(client, "/overrides", {**plain, **fields}, form_on=form_on)


def show(client: FlaskClient, **args: Any) -> BeautifulSoup:
    response = client.get("/forecasts", query_string={"ri": KETTLE.key, "horizon": "7", **args})
    assert response.status_code == 200, text_of(page(response))
    return page(response)


def total(soup: BeautifulSoup) -> float:
    return float(text_of(soup.select_one("#totals h2")).split(" ")[0].replace(",", ""))


def column(soup: BeautifulSoup, title: str) -> list[str]:
    """A column of the table by period."""
    titles = [text_of(cell) for cell in soup.select("#by-period thead th")]
    return [text_of(row.find_all(["th", "td"])[titles.index(title)]) for row in soup.select("#by-period tbody tr")]


def test_an_override_is_in_the_total_and_the_models_forecast_stays_beside_it(client: FlaskClient) -> None:
    response = override(client)
    assert response.status_code == 303

    soup = show(client)

    assert total(soup) == pytest.approx(sum(LAST_WEEK[2:]) + 40, abs=0.1)
    words = text_of(soup.select_one("#with-overrides"))
    assert words.startswith("Includes 2 overrides; the model alone:")
    assert float(words.split("alone: ")[1].split(" ")[0]) == pytest.approx(sum(LAST_WEEK), abs=0.1)
    assert column(soup, "Override")[:3] == ["20 units", "20 units", ""]
    assert column(soup, "Forecast")[:3] == ["20.0", "20.0", column(soup, "Model")[2]]
    assert [float(units) for units in column(soup, "Model")] == pytest.approx(LAST_WEEK, abs=0.05)


def test_of_a_sum_it_is_told_how_many_are_overridden(client: FlaskClient) -> None:
    override(client, way="percent", amount="10")

    assert column(show(client, ri=[KETTLE.key, ODD.key]), "Override")[:3] == ["1 override", "1 override", ""]
    assert column(show(client), "Override")[0] == "10 % more"


@pytest.mark.parametrize("units", ["500", "0.5", "333.33"])
def test_units_spread_over_region_items_are_listed_as_they_were_typed(client: FlaskClient, units: str) -> None:
    both = [KETTLE.key, ODD.key]
    override(client, ri=both, amount=units)

    row = show(client, ri=both).select_one("#overridden tbody tr")

    assert f"{units} units together" in text_of(row)
    assert " to " not in text_of(row)
    alone = text_of(show(client).select_one("#overridden tbody tr"))
    assert "together" not in alone
    assert f"{units} units" not in alone


def test_the_wide_table_has_the_override_too(client: FlaskClient) -> None:
    override(client)

    rows = {text_of(row.th): [text_of(cell) for cell in row.find_all("td")]
            for row in show(client, layout="measures").select("#by-measure tbody tr")}

    assert rows["Override"][:3] == ["20 units", "20 units", ""]
    assert rows["Forecast"][:2] == ["20.0", "20.0"]


def test_the_chart_marks_what_is_overridden(client: FlaskClient) -> None:
    assert "model" not in chart_on(show(client))
    override(client, way="percent", amount="−50 %")

    chart = chart_on(show(client))

    assert [chart["dates"][place] for place in chart["overridden"]] == ["2026-07-01", "2026-07-02"]
    assert chart["model"][-7:] == pytest.approx(LAST_WEEK, abs=0.01)
    assert chart["plan"][-7:] == pytest.approx([LAST_WEEK[0] / 2, LAST_WEEK[1] / 2, *LAST_WEEK[2:]], abs=0.01)


def test_the_switch_shows_the_forecast_without_overrides(client: FlaskClient) -> None:
    override(client)

    soup = show(client, overrides="0")

    assert total(soup) == pytest.approx(sum(LAST_WEEK), abs=0.1)
    assert "Without its 2 overrides. With overrides" in text_of(soup.select_one("#with-overrides"))
    assert [float(units) for units in column(soup, "Model")] == pytest.approx(LAST_WEEK, abs=0.05)
    assert "Forecast" not in text_of(soup.select_one("#by-period thead"))
    assert "overrides=0" in str(soup.select_one("[data-copy-link]")["data-copy-link"])  # type: ignore[index]


def test_a_value_for_a_region_is_spread_and_its_total_is_the_sum_of_its_parts(client: FlaskClient) -> None:
    override(client, ri=[KETTLE.key, ODD.key], amount="100", form_on=f"{PAGE}&ri={ODD.key}")

    each = [total(show(client, ri=one.key)) for one in (KETTLE, ODD)]
    both = show(client, ri=[KETTLE.key, ODD.key])

    assert total(both) == pytest.approx(sum(each), abs=0.2) == pytest.approx(200 + 2 * sum(LAST_WEEK[2:]), abs=0.2)
    assert [float(text_of(row.find_all("td")[2])) for row in both.select("#by-region-item tbody tr")] == pytest.approx(
        each, abs=0.1)
    assert column(both, "Override")[0] == "2 overrides"
    assert "spread over the region-items in proportion to their forecasts" in text_of(both.select_one("#override"))
    assert "Includes 4 overrides" in text_of(both.select_one("#with-overrides"))


def test_a_group_read_from_the_stored_forecasts_includes_overrides(client: FlaskClient, background: Background,
                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    background.have_stored_forecasts()
    monkeypatch.setattr(query, "MOST_REGION_ITEMS", 5)
    monkeypatch.setattr(applied, "MOST_REGION_ITEMS", 5)
    args = {"ri": [], "region": "north", "horizon": "7"}
    model = total(show(client, **args))

    response = override(client, ri=[], region="north", way="percent", amount="100", form_on="/forecasts?region=north")
    assert response.status_code == 303, text_of(page(response))

    assert total(show(client, **args)) == pytest.approx(model + 29 * sum(LAST_WEEK[:2]), rel=0.001)
    assert "Includes 58 overrides" in text_of(show(client, **args).select_one("#with-overrides"))
    assert total(show(client, overrides="0", **args)) == model


def test_a_group_puts_the_largest_first_as_shown_and_compares_each_number_with_its_own_last_year(
        app: Flask, client: FlaskClient, background: Background, monkeypatch: pytest.MonkeyPatch) -> None:
    background.have_stored_forecasts()
    small = REGION_ITEMS[7]
    with app.app_context(), writing():
        row = db.session.get_one(RegionItemRow, small.key)
        row.last_year = row.forecast_model
    override(client, ri=[small.key], way="value", amount="5000", form_on=f"/forecasts?ri={small.key}")
    with app.app_context():
        refresh_due(background.services, create_app)
    monkeypatch.setattr(query, "MOST_REGION_ITEMS", 5)

    def listed(**args: str) -> list[list[str]]:
        soup = show(client, ri=[], region="north", horizon="14", **args)
        heads = [text_of(head) for head in soup.select("#by-region-item thead th")]
        assert ("Model" in heads, "Forecast" in heads) == (True, "overrides" not in args)
        return [[text_of(cell) for cell in row.find_all(["th", "td"])]
                for row in soup.select("#by-region-item tbody tr")]

    first = listed()[0]
    assert first[0] == str(small)
    assert float(first[2].replace(",", "")) > 10_000
    assert first[-1].startswith("+")
    model = {row[0]: row for row in listed(overrides="0")}[str(small)]
    assert (model[2], model[-1]) == (first[3], "0.0 %")
    north: dict[str, Any] = {"ri": [], "region": "north", "horizon": "14"}
    assert "since then" in text_of(show(client, **north).select_one("#last-year"))
    assert "since then" not in text_of(show(client, overrides="0", **north).select_one("#last-year"))


def test_a_scenario_is_compared_with_the_models_plan_and_says_so(client: FlaskClient) -> None:
    plain = ask(client, **change())
    override(client)

    soup = ask(client, **change())

    for name in ("#totals h2", "#difference"):
        assert text_of(soup.select_one(name)) == text_of(plain.select_one(name))
    assert "compared with the model's plan, without its 2 overrides" in text_of(soup.select_one("#with-overrides"))


@pytest.mark.parametrize(("fields", "words"), [
    ({"amount": "much"}, "The amount must be a number like 1250 or 12.5, not 'much'"),
    ({"amount": "nan"}, "The amount must be a number like 1250 or 12.5, not 'nan'"),
    ({"amount": "1,000"}, "The amount cannot be '1,000'. This could mean 1000 or 1.0000"),
    ({"amount": "1_000"}, "not '1_000'"),
    ({"comment": "a\x07b"}, "contains control characters"),
    ({"amount": "-5"}, "must be from 0 to 1,000,000,000,000, not"),
    ({"first": "tomorrow"}, "The first date must be a date like 2026-01-31, not 'tomorrow'"),
    ({"last": "<b>"}, "The last date must be a date"),
    ({"way": "guess"}, "Choose whether it is a value or a percent, not 'guess'"),
    ({"first": "2026-06-30"}, "from 2026-07-01 to 2026-07-14, not from 2026-06-30 to 2026-07-02"),
    ({"last": "2027-07-02"}, "Only periods ahead can be overridden"),
    ({"comment": "  "}, "Give a comment"),
])
def test_a_wrong_form_says_what_is_wrong_and_loses_nothing(client: FlaskClient, fields: dict[str, str],
                                                           words: str) -> None:
    typed = {"amount": "20", "comment": "a fair <b>nearby</b>", **fields}

    response = override(client, **typed)
    soup = page(response)

    assert response.status_code == 422
    assert words in text_of(soup.select_one("#override-errors"))
    for name in ("amount", "comment"):
        assert soup.select_one(f"#override [name={name}]")["value"] == typed[name]  # type: ignore[index]
    assert soup.select_one("#override[open]")
    assert not soup.select("#overrides b")


def test_a_double_click_overrides_once(client: FlaskClient, app: Flask) -> None:
    token = hidden(BeautifulSoup(str(show(client).select_one("#override form")), "html.parser"), "token")
    override(client, token=token)

    second = override(client, token=token)

    assert second.status_code == 303
    assert "Already recorded" in client.get(second.location).text
    with app.app_context():
        assert db.session.query(Override).count() == 2
        assert db.session.query(AuditEntry).filter_by(kind="override").count() == 1


def test_the_page_tells_who_when_why_and_takes_back(client: FlaskClient, app: Flask) -> None:
    override(client)
    row = show(client).select("#overridden tbody tr")[0]
    assert text_of(row.select_one("[data-label=Comment]")) == "a fair nearby"
    assert text_of(row.select_one("[data-label=Override]")) == "20 units"
    assert EMAIL in text_of(row.select_one("[data-label=By]"))

    response = post(client, str(row.form["action"]), {"ri": KETTLE.key, "horizon": "7"}, form_on=PAGE)  # type: ignore[index]

    assert response.status_code == 303
    assert response.location.startswith("/forecasts?")
    assert "None of these days is overridden" in text_of(show(client).select_one("#overrides"))
    with app.app_context():
        assert open_overrides([KETTLE.key]) == {}


def test_one_day_of_several_is_removed(client: FlaskClient) -> None:
    override(client)
    remove = show(client).select("#overridden li form")[1]

    post(client, str(remove["action"]), {"ri": KETTLE.key}, form_on=PAGE)

    assert column(show(client), "Override")[:2] == ["20 units", ""]


def test_what_was_made_for_more_says_how_many_it_takes_back(client: FlaskClient) -> None:
    override(client, ri=[KETTLE.key, ODD.key], form_on=f"{PAGE}&ri={ODD.key}")

    assert text_of(show(client).select_one("#overridden form button")) == "Undo all 4"


def test_a_viewer_sees_overrides_and_cannot_change_them(client: FlaskClient, viewer: FlaskClient, app: Flask) -> None:
    override(client)
    soup = show(viewer)

    assert "Includes 2 overrides" in text_of(soup.select_one("#with-overrides"))
    assert "a fair nearby" in text_of(soup.select_one("#overrides"))
    assert not soup.select("#overrides form, #override")
    assert not page(viewer.get("/overrides")).select("#list form")
    assert override(viewer, amount="1").status_code == 403
    with app.app_context():
        batch = open_overrides([KETTLE.key])[KETTLE.key][0].batch
    assert post(viewer, f"/overrides/batches/{batch}/undo", {}, form_on=PAGE).status_code == 403


def test_an_admin_may_override_too(admin: FlaskClient) -> None:
    override(admin)

    assert ADMIN in text_of(show(admin).select_one("#overridden"))


def test_what_is_not_there_cannot_be_taken_back(client: FlaskClient) -> None:
    for url in ("/overrides/99/remove", f"/overrides/batches/{'0' * 32}/undo"):
        assert post(client, url, {}, form_on=PAGE).status_code == 404


def test_files_have_model_override_and_final_and_their_names_say_so(client: FlaskClient) -> None:
    override(client)
    override(client, first="2026-07-03", last="2026-07-03", way="percent", amount="10")
    both = f"/forecasts/download?ri={KETTLE.key}&ri={ODD.key}&horizon=3&format=csv"

    response = client.get(f"{both}&of=region-items")
    rows, sums = rows_of(response), rows_of(client.get(both))

    assert "_with-overrides_by_region-item.csv" in response.headers["Content-Disposition"]
    assert [row["Override, units"] for row in rows] == ["20.0", "20.0", "", "", "", ""]
    assert [row["Override, %"] for row in rows] == ["", "", "10.0", "", "", ""]
    assert [float(row["Model, units"]) for row in rows] == pytest.approx(LAST_WEEK[:3] * 2)
    assert [float(row["Forecast, units"]) for row in rows] == pytest.approx(
        [20, 20, 1.1 * LAST_WEEK[2], *LAST_WEEK[:3]])
    for row in sums:
        for title in ("Forecast, units", "Model, units"):
            parts = [float(each[title]) for each in rows if each["Date"] == row["Date"]]
            assert sum(parts) == pytest.approx(float(row[title]), abs=1e-3)
    assert [row["Override"] for row in sums] == ["1 override"] * 3


def test_files_without_overrides_say_so(client: FlaskClient) -> None:
    override(client)

    response = client.get(f"/forecasts/download?ri={KETTLE.key}&horizon=3&format=csv&overrides=0")

    assert "_without-overrides.csv" in response.headers["Content-Disposition"]
    assert not [title for title in rows_of(response)[0] if "verride" in title]


def test_the_excel_file_tells_both_totals(client: FlaskClient) -> None:
    override(client)

    response = client.get(f"/forecasts/download?ri={KETTLE.key}&horizon=7&format=xlsx")
    told = {row[0].value: row[1].value for row in load_workbook(io.BytesIO(response.data))["About"].iter_rows()}

    assert told["Total, units"] == pytest.approx(40 + sum(LAST_WEEK[2:]))
    assert told["Model total, units"] == pytest.approx(sum(LAST_WEEK))
    assert str(told["Overrides"]).startswith("2 overrides included")


@pytest.fixture
def several(client: FlaskClient, admin: FlaskClient, background: Background) -> FlaskClient:
    """The kettle's two days by the planner, one of them replaced by the administrator, and one day of the odd one."""
    override(client)
    override(admin, last="2026-07-01", amount="30", comment="=1+1")
    override(client, ri=[ODD.key], first="2026-07-03", last="2026-07-03", form_on=f"/forecasts?ri={ODD.key}")
    background.make_stored_forecasts()
    return client


def test_the_list_is_filtered(several: FlaskClient) -> None:
    for arguments, rows in (
            ({}, 4), ({"state": "open"}, 3), ({"state": "removed"}, 1), ({"state": "past"}, 0), ({"planner": ADMIN}, 1),
            ({"planner": EMAIL, "state": "open"}, 2), ({"q": "süd"}, 1), ({"q": "north kettle"}, 3),
            ({"q": "nothing"}, 0)):
        response = several.get("/overrides", query_string=arguments)

        assert response.status_code == 200, arguments
        assert len(page(response).select("#list tbody tr")) == rows, arguments
        if not rows:
            assert "No override matches" in response.text


def test_the_list_is_paged_sorted_and_downloaded_safely(several: FlaskClient, client: FlaskClient) -> None:
    override(client, ri=[one.key for one in REGION_ITEMS[:10]], last="2026-07-14",
             form_on="/forecasts?" + "&".join(f"ri={one.key}" for one in REGION_ITEMS[:10]))

    soup = page(several.get("/overrides?state=open&sort=date&dir=asc"))
    rows = rows_of(several.get("/overrides?state=open&sort=date&dir=asc&format=csv"))

    assert [text_of(row.select("td")[1]) for row in soup.select("#list tbody tr")] == ["140", "1"]
    opened = page(several.get(str(soup.select("#list tbody td a")[0]["href"])))
    assert len(opened.select("#list tbody tr")) == 25
    assert "140 overrides" in text_of(opened)
    assert len(rows) == 141
    assert rows[0]["Date"] == "2026-07-01"
    assert {row["State"] for row in rows} == {"open"}
    assert {row["Comment"] for row in rows_of(several.get(f"/overrides?planner={ADMIN}&format=csv"))} == {"'=1+1"}


@pytest.mark.parametrize("url", ["/overrides?state=lost", "/overrides?planner=nobody@example.com",
                                 "/overrides?page=0", "/overrides/helped?by=moon", "/overrides/helped?lead=0",
                                 "/overrides/helped?lead=15", "/overrides/helped?planner=nobody@example.com"])
def test_an_address_that_names_what_there_is_not_is_refused(client: FlaskClient, url: str) -> None:
    assert client.get(url).status_code == 422


def test_an_override_is_removed_from_the_list(several: FlaskClient) -> None:
    forms = page(several.get("/overrides?state=open")).select("#list form")
    assert len(forms) == 3

    response = post(several, str(forms[0]["action"]), {"on": "list", "state": "open"}, form_on="/overrides")

    assert response.location == "/overrides?state=open"
    assert len(page(several.get("/overrides?state=open")).select("#list tbody tr")) == 2


def test_without_any_override_the_list_says_where_they_are_made(client: FlaskClient) -> None:
    assert "No overrides yet" in client.get("/overrides").text


def test_a_selection_costs_few_questions(client: FlaskClient, app: Flask, counted: Callable[[], int]) -> None:
    override(client, ri=[one.key for one in REGION_ITEMS], form_on="/forecasts?all=1", all="1")
    client.get("/forecasts?all=1")
    before = counted()

    client.get("/forecasts?all=1")

    assert counted() - before < 40


@pytest.fixture
def counted(app: Flask) -> Callable[[], int]:
    """How many questions the database was asked so far."""
    from sqlalchemy import event

    asked: list[str] = []
    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    return lambda: len(asked)
