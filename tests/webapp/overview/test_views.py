from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.store.journal import Entry
from tests.webapp.conftest import KETTLE, ODD, REGION_ITEMS, Background, ask_for_retrain, page, post, text_of
from tests.webapp.fakes import FakeRegistry
from tests.webapp.overview.builders import cells, rows, tell
from webapp.db.database import db, now, writing
from webapp.tables import RegionItemRow


def test_region_items_are_paged_region_major_and_the_url_carries_the_page(client: FlaskClient) -> None:
    expected = [str(region_item) for region_item in sorted(REGION_ITEMS)]

    assert rows(client, "/") == expected[:25]
    assert rows(client, "/?page=2") == expected[25:]
    assert rows(client, "/?page=99") == expected[25:]


def test_search_finds_regions_and_items_in_any_case(client: FlaskClient) -> None:
    assert rows(client, "/?q=KETTLE+north") == ["north · kettle"]
    assert rows(client, "/?q=SÜD") == [str(ODD)]
    assert rows(client, "/?q=%25+3.5") == [str(ODD)]
    assert "Nothing matches" in text_of(page(client.get("/?q=nobody")))


def test_names_are_shown_as_they_are_and_never_as_markup(client: FlaskClient) -> None:
    soup = page(client.get("/?q=süd"))

    assert soup.select("tbody b") == []
    assert text_of(soup.select_one("tbody th")) == "süd/west · a|b: 3.5 % <b>"


def test_sorting_puts_the_unknown_last_both_ways(client: FlaskClient, background: Background, registry: FakeRegistry,
                                                 model: ForecastModel) -> None:
    registry.promote(REGION_ITEMS[3], model, {"wape": 0.5})
    registry.promote(REGION_ITEMS[5], model, {"wape": 0.1})
    background.watch()

    assert rows(client, "/?sort=wape")[:2] == [str(REGION_ITEMS[5]), str(REGION_ITEMS[3])]
    assert rows(client, "/?sort=-wape")[:2] == [str(REGION_ITEMS[3]), str(REGION_ITEMS[5])]


def test_the_table_asks_again_until_a_first_promotion_is_seen_in_the_registry(
        app: Flask, client: FlaskClient, background: Background, registry: FakeRegistry, model: ForecastModel) -> None:
    with app.app_context(), writing():
        for row in db.session.scalars(select(RegionItemRow)):
            row.status = "baseline"
    background.journal(Entry(KETTLE, "promoted", numbers={"version": 1}))
    decided = page(client.get("/")).select_one("#table")
    registry.promote(KETTLE, model)
    background.watch()
    seen = page(client.get("/")).select_one("#table")

    assert decided is not None
    assert seen is not None
    assert decided.has_attr("hx-get")
    assert not seen.has_attr("hx-get")


def test_a_promoted_version_on_its_way_is_said_and_waited_for(app: Flask, client: FlaskClient) -> None:
    with app.app_context(), writing():
        for row in db.session.scalars(select(RegionItemRow)):
            row.status = "baseline"
        kettle = db.session.get_one(RegionItemRow, KETTLE.key)
        kettle.wanted_version, kettle.fetch_after = 7, now()

    arriving = page(client.get("/?size=50"))
    with app.app_context(), writing():
        db.session.get_one(RegionItemRow, KETTLE.key).fetch_after = None
    arrived = page(client.get("/?size=50"))

    assert "v7 is being fetched from the registry" in text_of(arriving)
    assert arriving.select_one("#table").has_attr("data-live")
    assert not arrived.select_one("#table").has_attr("data-live")


def test_each_status_says_why(client: FlaskClient, background: Background, registry: FakeRegistry,
                              model: ForecastModel) -> None:
    kept, refused, busy, plain = REGION_ITEMS[1:5]
    registry.promote(KETTLE, model, {"wape": 0.123, "wape_seasonal_naive": 0.2})
    background.watch()
    background.journal(
        Entry(kept, "kept", reason="WAPE 30.0 % is worse than seasonal naive with 20.0 %"),
        Entry(refused, "quarantined", reason="3 of 5 rows were refused", numbers={
            "quarantined_by_rule": {"negative demand": 2, "duplicate": 1}, "quarantined_rows": 3}),
        Entry(busy, "started", run_id="run1"),
        Entry(plain, "validated", numbers={"last_date": "2026-06-30", "quarantined_by_rule": {"gap": 1}}))

    words = {text_of(row.th): text_of(row) for row in page(client.get("/?size=50")).select("tbody tr")}
    assert "in production" in words[str(KETTLE)]
    assert "v1 just now" in words[str(KETTLE)]
    assert "12.3 %" in words[str(KETTLE)]
    assert "20.0 %" in words[str(KETTLE)]
    assert "worse than seasonal naive" in words[str(kept)]
    assert "3 of 5 rows were refused" in words[str(refused)]
    assert "retraining" in words[str(busy)]
    assert "1 row rejected" in words[str(plain)]
    assert "Jun 30, 2026" in words[str(plain)]


def test_first_training_shows_how_far_it_is_and_asks_again_until_it_is_over(client: FlaskClient,
                                                                            background: Background) -> None:
    background.journal(*(Entry(each, "kept", reason="no") for each in REGION_ITEMS[:4]))
    soup = page(client.get("/"))
    assert f"4 of {len(REGION_ITEMS)} region-items trained" in text_of(soup)
    assert soup.select_one("#table")["hx-trigger"] == "every 3s"  # type: ignore[index]

    background.journal(*(Entry(each, "kept", reason="no") for each in REGION_ITEMS[4:]))
    soup = page(client.get("/"))
    assert "First training" not in text_of(soup)
    assert not soup.select_one("#table").has_attr("hx-get")  # type: ignore[union-attr]


def test_a_selection_leads_to_its_forecasts(client: FlaskClient) -> None:
    response = post(client, "/forecasts/selection", {"ri": [KETTLE.key, ODD.key]})

    assert response.status_code == 303
    assert page(client.get(response.location)).h1.text == "2 region-items, summed"  # type: ignore[union-attr]


def test_all_that_match_can_be_selected_beyond_the_page(client: FlaskClient) -> None:
    response = post(client, "/forecasts/selection", {"everything": "1", "q": "item", "ri": [KETTLE.key]})

    assert page(client.get(response.location)).h1.text == "28 region-items, summed"  # type: ignore[union-attr]


def test_an_empty_selection_is_refused(client: FlaskClient) -> None:
    assert post(client, "/forecasts/selection", {}).status_code == 422
    assert post(client, "/retrains", {"token": "a" * 32}).status_code == 422


def test_region_items_that_left_the_source_disappear(client: FlaskClient, background: Background) -> None:
    background.catalogue(RegionItem("east", "new"), KETTLE)

    assert rows(client, "/") == ["east · new", "north · kettle"]


def test_before_the_first_look_at_the_source_the_page_says_so(client: FlaskClient, background: Background) -> None:
    background.catalogue()

    assert "No region-items yet" in text_of(page(client.get("/")))


def test_several_columns_sort_one_after_the_other(app: Flask, client: FlaskClient) -> None:
    tell(app, item_03={"live_wape": 0.2, "forecast_total": 5.0}, item_04={"live_wape": 0.2, "forecast_total": 9.0},
         item_05={"live_wape": 0.4, "forecast_total": 1.0})

    assert rows(client, "/?sort=live_wape,-total")[:3] == ["north · item 04", "north · item 03", "north · item 05"]
    assert rows(client, "/?sort=-live_wape&sort=total")[:3] == ["north · item 05", "north · item 03", "north · item 04"]


def test_a_heading_sorts_by_it_alone_or_after_the_others(client: FlaskClient) -> None:
    heading = page(client.get("/?sort=-total&same=1")).select_one("#by-live_wape")
    again = page(client.get("/?sort=-total")).select_one("#by-total")

    assert (heading["href"], heading["data-add"]) == (  # type: ignore[index]
        "/?sort=live_wape&same=1", "/?sort=-total,live_wape&same=1")
    assert (again["href"], again["data-add"]) == ("/?sort=total", "/?sort=total")  # type: ignore[index]


def test_moves_are_sorted_by_size(app: Flask, client: FlaskClient) -> None:
    tell(app, item_03={"moved": 5.0}, item_04={"moved": -9.0})

    assert rows(client, "/?sort=-moved")[:2] == ["north · item 04", "north · item 03"]


def test_each_column_says_what_is_known_and_why_not(app: Flask, client: FlaskClient) -> None:
    known = {"forecast_total": 1234.0, "forecast_lower": 1000.0, "forecast_upper": 1500.0, "change_on_last_year": 0.25,
             "last_year": 987.0, "live_wape": 0.2, "live_skill": 0.3, "live_bias": -0.04, "live_periods": 12,
             "live_from": "archive", "last_date": "2026-06-30", "moved": -7.0, "moved_at": now(), "missed": 3.0}
    tell(app, item_00=known, item_01={"forecast_total": 5.0, "forecast_lower": 4.0, "forecast_upper": 6.0})
    url = "/?columns=last_date,total,change,live_wape,live_skill,live_bias,moved,missed&q=item+0"

    told, untold, nothing = (cells(page(client.get(url)), row) for row in range(3))
    assert told == {"Last period": "Jun 30, 2026", "Forecast": "1,234 1,000 – 1,500", "vs last year": "+25.0 %",
                    "WAPE": "20.0 % 12 days", "Skill": "+30.0 %", "Bias": "−4.0 %", "Moved": "−7 just now",
                    "Missed": "+3"}
    assert (untold["WAPE"], untold["vs last year"]) == ("– no actuals yet", "– no last year")
    assert (nothing["WAPE"], nothing["Forecast"]) == ("– no forecast yet", "–")


def test_columns_are_chosen_in_the_url(client: FlaskClient) -> None:
    assert list(cells(page(client.get("/?columns=volume&columns=drift")))) == ["Sold lately", "Drift"]
    assert list(cells(page(client.get("/?columns=drift,volume")))) == ["Drift", "Sold lately"]


def test_flags_find_what_they_say(app: Flask, client: FlaskClient, background: Background) -> None:
    long_ago = now() - timedelta(days=5)
    tell(app, item_00={"drift": 0.3}, item_01={"quarantined_rows": 2}, item_02={"forecast_total": 9.0},
         item_03={"pinned_by": "a@example.com"}, item_04={"last_date": "2026-06-29"}, item_05={"demand_at": now()},
         item_06={"promoted_at": now()}, item_07={"decision": "keep", "decided_at": now()},
         item_08={"moved": -1.0, "moved_of": 10.0, "forecast_model": 50.0, "moved_at": now(), "production_version": 1},
         item_09={"moved": 0.9, "moved_of": 10.0, "forecast_model": 5.0, "moved_at": now(), "production_version": 1},
         item_10={"demand_at": long_ago}, item_11={"last_date": "2026-06-30"})
    background.journal(Entry(RegionItem("north", "item 12"), "failed", reason="no memory"))
    ask = ask_for_retrain(client, [RegionItem("north", "item 13").key])
    assert ask.status_code == 303

    for flag, item in (("drifting", 0), ("refused_rows", 1), ("stand_in", 2), ("pinned", 3), ("stale", 4),
                       ("new_demand", 5), ("promoted", 6), ("kept", 7), ("moved", 8), ("failed", 12),
                       ("retrain_running", 13)):
        assert rows(client, f"/?flag={flag}") == [f"north · item {item:02}"], flag
    assert rows(client, "/?flag=new_demand&since=7") == ["north · item 05", "north · item 10"]
    assert rows(client, "/?flag=new_demand&flag=pinned") == []


@pytest.mark.parametrize(("allowed", "drifting"), [
    (0.25, ["north · item 00"]), (0.1, ["north · item 00", "north · item 01"]), (0.5, [])])
def test_what_drifts_is_what_the_dataset_file_calls_so(app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch,
                                                       allowed: float, drifting: list[str]) -> None:
    tell(app, item_00={"drift": 0.3, "drifted": "price"}, item_01={"drift": 0.2, "drifted": "price"})
    known = app.extensions["services"]
    retraining = known.dataset.retraining.model_copy(update={"drift": allowed})
    monkeypatch.setitem(app.extensions, "services", replace(
        known, dataset=known.dataset.model_copy(update={"retraining": retraining})))

    assert rows(client, "/?flag=drifting") == drifting
    badges = [each.text for each in page(client.get("/")).select(".badge.text-bg-warning")]
    assert badges == ["price drifts"] * len(drifting)


def test_the_selection_of_all_that_match_keeps_to_the_flags(app: Flask, client: FlaskClient) -> None:
    tell(app, item_00={"pinned_by": "a@example.com"}, item_01={"pinned_by": "a@example.com"})
    form = page(client.get("/?flag=pinned")).select_one("#selection")
    assert form is not None
    carried = {field["name"]: field["value"] for field in form.select("input[type=hidden]")}

    response = client.post("/forecasts/selection", data={**carried, "everything": "1"})

    assert page(client.get(response.location)).h1.text == "2 region-items, summed"  # type: ignore[union-attr]


def test_what_the_url_names_and_there_is_not_is_refused(client: FlaskClient) -> None:
    for url in ("/?sort=nothing", "/?columns=nothing", "/?flag=nothing", "/?status=nothing", "/?since=2", "/?size=7",
                "/?page=0", "/totals?by=nothing", "/totals?sort=nothing", "/heat-map?skill=nothing",
                "/heat-map?across=x"):
        assert client.get(url).status_code == 422, url


def test_the_address_that_htmx_is_told_leads_to_what_is_shown(client: FlaskClient) -> None:
    asked = {"HX-Request": "true", "HX-Target": "table", "HX-Trigger": "filters"}
    response = client.get("/?q=north&status=&sort=-total&sort=&page=9&size=25", headers=asked)
    polled = client.get("/?q=north", headers={**asked, "HX-Trigger": "table"})

    assert response.headers["HX-Push-Url"] == "/?q=north&sort=-total&page=2"
    assert "HX-Push-Url" not in polled.headers


def test_demand_in_grams_is_not_shown_as_zero(app: Flask, client: FlaskClient) -> None:
    tell(app, item_00={"forecast_total": 0.0421, "forecast_lower": 0.03, "forecast_upper": 0.0512, "last_demand": 0.003,
                       "moved": -0.0024, "moved_at": now()})

    shown = cells(page(client.get("/?q=item+00&columns=total,last_demand,moved")))

    assert [words.split(" ")[0] for words in shown.values()] == ["0.042", "0.003", "−0.0024"]
    assert shown["Forecast"] == "0.042 0.03 – 0.051"
