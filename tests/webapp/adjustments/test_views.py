"""Adjustments: recorded with who and when, told to the demand store once, removed but never forgotten."""

from datetime import date

import pytest
from flask import Flask
from flask.testing import FlaskClient

from demand_assets.forecasting.store.demand_store import DemandStore
from tests.webapp.adjustments.builders import DAY, DAY_IN_WORDS, PAGE, adjust, find_store_down, remove
from tests.webapp.conftest import EMAIL, KETTLE, Background, demand_of, page, post, text_of
from tests.webapp.forecasts.builders import chart_on
from webapp.db.database import db, writing
from webapp.region_items.forecast_figures import want_forecast
from webapp.stored_forecasts.computing import due_keys
from webapp.tables import Adjustment, RegionItemRow, StoredForecast


def made(app: Flask) -> list[Adjustment]:
    with app.app_context():
        return list(db.session.query(Adjustment).order_by(Adjustment.id))


def in_store(background: Background) -> dict[date, float]:
    return background.services.store.adjustments(KETTLE)


def test_an_unusual_day_is_marked_listed_and_offered_with_what_would_be_usual(
        client: FlaskClient, background: Background) -> None:
    demand = demand_of(12.0)
    demand.loc[demand["date"] == DAY, "demand"] = 200.0
    background.services.store.write("demand", KETTLE, demand)

    soup = page(client.get(f"{PAGE}&adjust={DAY}"))

    chart = chart_on(soup)
    assert [chart["dates"][place] for place in chart["outliers"]] == [DAY]
    assert text_of(soup.select_one("#unusual tbody tr")) == f"{DAY_IN_WORDS} 200 9 Adjust"
    assert soup.select_one("#adjust-date")["value"] == DAY  # type: ignore[index]
    assert float(str(soup.select_one("#adjust-units")["value"])) == pytest.approx(9, abs=0.2)  # type: ignore[index]


def test_what_is_unusual_is_kept_with_the_stored_forecast_and_looked_for_again_in_newer_demand(
        client: FlaskClient, background: Background) -> None:
    demand = demand_of(12.0)
    demand.loc[demand["date"] == DAY, "demand"] = 200.0
    background.services.store.write("demand", KETTLE, demand)
    before = text_of(page(client.get(PAGE)).select_one("#unusual"))
    background.make_stored_forecasts()
    with background.app.app_context():
        kept = db.session.get_one(StoredForecast, KETTLE.key).unusual
    assert [row["date"] for row in kept["rows"]] == [DAY]
    assert text_of(page(client.get(PAGE)).select_one("#unusual")) == before

    demand.loc[demand["date"] == "2026-06-28", "demand"] = 300.0
    background.services.store.write("demand", KETTLE, demand)
    with background.app.app_context(), writing():
        want_forecast(db.session.get_one(RegionItemRow, KETTLE.key))

    rows = page(client.get(PAGE)).select("#unusual tbody tr")
    assert [text_of(row).split(" ")[4] for row in rows] == ["300", "200"]


def test_it_is_recorded_and_then_told_to_the_store(client: FlaskClient, app: Flask, background: Background) -> None:
    assert adjust(client).status_code == 303
    row = made(app)[0]
    assert (row.date, row.sold, row.adjusted, row.reason, row.made_by) == (DAY, 9.0, 40.0, "a large order", EMAIL)
    assert in_store(background) == {}
    assert "taking effect" in text_of(page(client.get(PAGE)).select_one("#adjusted"))

    background.make_stored_forecasts()
    background.tell_store()

    soup = page(client.get(PAGE))
    assert in_store(background) == {date(2026, 6, 16): 40.0}
    assert text_of(soup.select_one("#adjusted tbody tr")).startswith(f"{DAY_IN_WORDS} 9 40 a large order {EMAIL}")
    assert "taking effect" not in text_of(soup.select_one("#adjusted"))
    assert [units for _, units in chart_on(soup)["adjusted"]] == [40.0]
    with app.app_context():
        assert due_keys(10) == [KETTLE.key]


def test_the_forecast_uses_it_while_the_history_stays(client: FlaskClient, background: Background) -> None:
    before = chart_on(page(client.get(PAGE)))
    adjust(client, date="2026-06-30", units="100")
    background.tell_store()

    after = chart_on(page(client.get(PAGE)))

    assert after["demand"] == before["demand"]
    assert after["plan"][-8] == 100.0  # the baseline repeats the same weekday of the last week: 30 June and 7 July
    assert before["plan"][-8] != 100.0


def test_an_open_page_is_told_when_it_takes_effect(client: FlaskClient, background: Background) -> None:
    adjust(client)
    url = str(page(client.get(PAGE)).select_one("#result > [data-live]")["hx-get"])  # type: ignore[index]
    assert client.get(url, headers={"HX-Request": "true"}).status_code == 204

    background.tell_store()

    assert client.get(url, headers={"HX-Request": "true"}).status_code == 200


def test_the_same_form_twice_is_one_adjustment_and_another_value_replaces_it(client: FlaskClient, app: Flask,
                                                                             background: Background) -> None:
    adjust(client)
    adjust(client)
    assert len(made(app)) == 1

    adjust(client, units="20,5")
    background.tell_store()

    old, new = made(app)
    assert (old.removed_by, new.removed_at, new.adjusted) == (EMAIL, None, 20.5)
    assert in_store(background) == {date(2026, 6, 16): 20.5}


def test_a_removed_one_stays_recorded(client: FlaskClient, app: Flask, background: Background) -> None:
    adjust(client)
    background.tell_store()

    assert remove(client).status_code == 303
    assert remove(client).status_code == 303  # a second click
    background.tell_store()

    assert in_store(background) == {}
    assert made(app)[0].removed_by == EMAIL
    assert f"removed by {EMAIL}" in text_of(page(client.get(PAGE)).select_one("#removed"))
    assert remove(client, 99).status_code == 404


def test_what_the_store_could_not_be_told_is_told_later(client: FlaskClient, app: Flask, background: Background,
                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    adjust(client)

    find_store_down(app, background, monkeypatch)
    assert made(app)[0].is_due
    background.tell_store()

    assert in_store(background) == {date(2026, 6, 16): 40.0}
    assert not made(app)[0].is_due


def test_one_removed_while_the_file_was_written_is_written_again(client: FlaskClient, background: Background,
                                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    adjust(client)
    usual = DemandStore.write_adjustments

    def slow(*given: object) -> None:
        usual(*given)  # type: ignore[arg-type]
        monkeypatch.setattr(DemandStore, "write_adjustments", usual)
        remove(client)

    monkeypatch.setattr(DemandStore, "write_adjustments", slow)
    background.tell_store()
    background.tell_store()

    assert in_store(background) == {}


@pytest.mark.parametrize(("fields", "status", "message"), [
    ({"units": ""}, 422, "Give a number of units."),
    ({"units": "many"}, 422, "Give a number of units, not 'many'."),
    ({"units": "nan"}, 422, "Give a number of units"),
    ({"units": "1,234"}, 422, "This could mean 1234 or 1.2340"),
    ({"units": "-1"}, 422, "Units must be from 0 to 1,000,000,000,000, not"),
    ({"units": "1e300"}, 422, "Units must be from 0 to 1,000,000,000,000, not 1e+300"),
    ({"units": "9"}, 422, "is what was sold on 2026-06-16"),
    ({"date": "16.6.2026"}, 422, "Give a date like 2026-01-31, not '16.6.2026'."),
    ({"date": "2026-07-09"}, 422, "The demand of 2026-07-09 is not known"),
    ({"date": "1990-01-01"}, 422, "is not known, so there is nothing to adjust"),
    ({"reason": "  "}, 422, "Give a reason"),
    ({"reason": "x" * 501}, 422, "at most 500 characters"),
    ({"ri": "north|nothing"}, 404, "There is no region-item"),
])
def test_what_cannot_be_adjusted_is_told(client: FlaskClient, app: Flask, fields: dict[str, str], status: int,
                                         message: str) -> None:
    response = adjust(client, **fields)

    assert response.status_code == status
    assert message in text_of(page(response).main)
    assert made(app) == []


def test_it_needs_a_planner_and_a_form_of_ours(client: FlaskClient, app: Flask) -> None:
    fields = {"ri": KETTLE.key, "date": DAY, "units": "1", "reason": "x"}

    assert client.post("/adjustments", data=fields).status_code == 400
    assert post(app.test_client(), "/adjustments", fields, form_on="/sign-in").status_code == 302
    assert made(app) == []


def test_all_that_is_unusual_is_adjusted_at_once_with_one_reason(app: Flask, client: FlaskClient,
                                                                background: Background) -> None:
    spiked = demand_of(12.0)
    spiked.loc[[150, 160, 170], "demand"] = 900.0
    background.services.store.write("demand", KETTLE, spiked)
    adjust(client, date=str(spiked["date"][150].date()), units="33")
    listed = page(client.get(PAGE)).select("#outliers table:not(#adjusted) tbody tr")
    assert f"Adjust all {len(listed)} to usual" in client.get(PAGE).text

    assert post(client, "/adjustments/accept", {"ri": KETTLE.key, "reason": " "}, form_on=PAGE).status_code == 422
    post(client, "/adjustments/accept", {"ri": KETTLE.key, "reason": "a fair"}, form_on=PAGE)

    after = page(client.get(PAGE))
    assert after.select_one("#accept-all") is None
    told = {one.date: one.reason for one in made(app)}
    assert {str(row.th.get_text()) for row in listed if row.th} == {
        text_of(row.th) for row in after.select("#adjusted tbody tr") if "a fair" in text_of(row)}
    assert list(told.values()).count("a large order") == 1  # what was said by hand stays
