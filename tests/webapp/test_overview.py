from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from demand_assets.forecasting.journal import Entry
from demand_assets.forecasting.model import ForecastModel
from demand_assets.forecasting.region_item import RegionItem
from tests.webapp.conftest import KETTLE, ODD, REGION_ITEMS, Background, page, post, text_of
from tests.webapp.fakes import FakeRegistry
from webapp.database import db, now, writing
from webapp.tables import RegionItemRow


def rows(client: FlaskClient, url: str) -> list[str]:
    return [text_of(row.th) for row in page(client.get(url)).select("tbody tr")]


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
        Entry(kept, "kept", reason="WAPE 0.300 is worse than seasonal naive with 0.200"),
        Entry(refused, "quarantined", reason="3 of 5 rows were refused", numbers={
            "quarantined_by_rule": {"negative demand": 2, "duplicate": 1}, "quarantined_rows": 3}),
        Entry(busy, "started", run_id="run1"),
        Entry(plain, "validated", numbers={"last_date": "2026-06-30", "quarantined_by_rule": {"gap": 1}}))

    words = {text_of(row.th): text_of(row) for row in page(client.get("/?size=50")).select("tbody tr")}
    assert "in production v1" in words[str(KETTLE)]
    assert "12.3 %" in words[str(KETTLE)]
    assert "20.0 %" in words[str(KETTLE)]
    assert "worse than seasonal naive" in words[str(kept)]
    assert "3 of 5 rows were refused" in words[str(refused)]
    assert "retraining" in words[str(busy)]
    assert "1 row quarantined" in words[str(plain)]
    assert "2026-06-30" in words[str(plain)]


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
