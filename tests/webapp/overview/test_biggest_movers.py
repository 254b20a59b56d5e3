"""What is new, totals and the heat map."""

from datetime import timedelta

from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.model.serving.pooled_model import PooledModel
from demand_assets.forecasting.model.training.own_model import train
from tests.webapp.adjustments.builders import adjust
from tests.webapp.conftest import KETTLE, Background, demand_of, page, text_of
from tests.webapp.fakes import FakeRegistry
from tests.webapp.overview.builders import cells, judge_all, rows, tell
from webapp import create_app
from webapp.db.database import db, now, writing
from webapp.pages.numbers_and_dates import units
from webapp.region_items.forecast_figures import keep_move, note_moves, note_total
from webapp.stored_forecasts.groups import refresh_due
from webapp.tables import EarlierMove, GroupForecast, RegionItemRow


def test_what_is_new_is_counted_and_each_count_leads_to_it(app: Flask, client: FlaskClient) -> None:
    judge_all(app)
    tell(app, item_00={"demand_at": now()}, item_01={"demand_at": now(), "promoted_at": now()},
         item_02={"decision": "keep", "decided_at": now()}, item_03={"status": "quarantined"})

    told = {text_of(link): str(link["href"]) for link in page(client.get("/")).select("#changes .change-count")}

    assert {words: told[words] for words in ("2 new demand", "1 promoted", "1 model kept",
                                             "1 in quarantine now", "0 retrains failed")}
    assert rows(client, told["2 new demand"])[-2:] == ["north · item 00", "north · item 01"]
    assert [text_of(row.th) for row in page(client.get(told["1 in quarantine now"])).select("#table tbody tr")] == [
        "north · item 03"]


def test_the_largest_moves_and_misses_come_first(app: Flask, client: FlaskClient) -> None:
    judge_all(app)
    tell(app, **{f"item_{n:02}": {"moved": (-1.0) ** n * n, "missed": 20.0 - n, "moved_at": now()} for n in range(12)},
         item_20={"moved": 99.0, "moved_at": now() - timedelta(days=2)})

    ups, downs, misses = ([text_of(row) for row in table.select("tbody tr")]
                          for table in page(client.get("/")).select("#movers table, #misses table"))

    assert (len(ups), ups[0], downs[0]) == (5, "north · item 10 +10.0 –", "north · item 11 −11.0 –")
    assert (len(misses), misses[0]) == (5, "north · item 00 +20.0 –")
    assert text_of(page(client.get("/?since=3")).select_one("#movers tbody tr")) == "north · item 20 +99.0 –"


def test_a_move_is_told_in_money_where_the_price_is_known(app: Flask, client: FlaskClient) -> None:
    judge_all(app)
    tell(app, item_00={"moved": -3.0, "moved_at": now(), "price": 2.5}, item_01={"moved": -2.0, "moved_at": now()})

    assert [text_of(row) for row in page(client.get("/")).select("#movers tbody tr")] == [
        "north · item 00 −3.0 −7.50 –", "north · item 01 −2.0 – –"]


def moves(client: FlaskClient, since: int = 1) -> list[str]:
    return [text_of(row) for row in page(client.get(f"/?since={since}")).select("#movers tbody tr")]


def note(app: Flask, item: str, moved: float | None, total: float = 100.0) -> None:
    """As the background process notes that a forecast moved."""
    with app.app_context(), writing():
        row = db.session.get_one(RegionItemRow, RegionItem("north", item).key)
        row.forecast_model = total
        note_moves(row, moved, None if moved is None else total - moved, None)


def test_what_moved_today_stays_told_whatever_moves_it_after_that(app: Flask, client: FlaskClient) -> None:
    judge_all(app)
    note(app, "item 00", -2253.0)
    note(app, "item 01", 40.0)
    note(app, "item 00", -1.5)
    note(app, "item 00", 0.0)
    note(app, "item 00", None)
    note(app, "item 01", 50.0)

    assert moves(client) == ["north · item 01 +50 100", "north · item 00 −2,253 100"]
    assert "2 forecasts moved 10 % or more" in text_of(page(client.get("/")).select_one("#changes"))
    with app.app_context(), writing():
        for move in db.session.scalars(select(EarlierMove)):
            move.at -= timedelta(days=2)
    assert moves(client) == ["north · item 01 +50.0 100"]
    assert moves(client, since=3)[1] == "north · item 00 −2,253 100"


def test_what_moved_stays_told_where_the_forecast_is_gone_and_made_again(app: Flask, client: FlaskClient) -> None:
    """Its demand was damaged for a while."""
    judge_all(app)
    note(app, "item 00", -2253.0)
    with app.app_context(), writing():
        row = db.session.get_one(RegionItemRow, RegionItem("north", "item 00").key)
        keep_move(row)
        note_total(row, None, None)
    assert moves(client)[0] == "north · item 00 −2,253 –"

    note(app, "item 00", 0.3)

    assert moves(client) == ["north · item 00 0 100", "north · item 00 −2,253 100"]
    assert "1 forecast moved 10 % or more" in text_of(page(client.get("/")).select_one("#changes"))


def test_moves_that_nobody_asks_about_any_more_are_forgotten(app: Flask) -> None:
    for days in range(30):
        note(app, "item 00", 10.0 + days)
        with app.app_context(), writing():
            for move in db.session.scalars(select(EarlierMove)):
                move.at -= timedelta(days=1)

    with app.app_context():
        assert len(db.session.scalars(select(EarlierMove)).all()) <= 11


def test_an_adjustment_does_not_hide_the_move_of_a_new_model(
        app: Flask, client: FlaskClient, background: Background, registry: FakeRegistry, model: ForecastModel,
        dataset: Dataset, pooled: PooledModel) -> None:
    judge_all(app)
    for each in (model, train(demand_of(20.0), dataset, pooled, KETTLE)):
        registry.promote(KETTLE, each)
        background.watch(sweep=True)
        background.make_stored_forecasts()
    (before,) = moves(client)
    adjust(client, units="9.2")
    background.tell_store()
    background.make_stored_forecasts()

    assert before.split()[:4] in [each.split()[:4] for each in moves(client)]


def test_that_nothing_moved_is_told_only_where_there_was_something_to_compare(app: Flask, client: FlaskClient) -> None:
    judge_all(app)
    assert text_of(page(client.get("/")).select_one("#movers")).endswith("No earlier forecast to compare with yet.")

    tell(app, item_00={"moved": 3.0, "moved_at": now() - timedelta(days=9)})

    assert text_of(page(client.get("/")).select_one("#movers")).endswith("No forecast has moved.")
    assert text_of(page(client.get("/")).select_one("#misses")).endswith("No new actuals.")


def sum_up(app: Flask, background: Background) -> None:
    background.have_stored_forecasts()
    with app.app_context():
        refresh_due(background.services, create_app)


def test_totals_tell_region_item_and_all_and_lead_to_their_forecasts(app: Flask, client: FlaskClient,
                                                                     background: Background) -> None:
    assert "No totals yet" in text_of(page(client.get("/totals")))
    sum_up(app, background)
    with app.app_context():
        north = db.session.get_one(GroupForecast, ("region", "north"))
        expected = units(north.total)

    table = page(client.get("/totals"))
    names = [text_of(row.th) for row in table.select("tbody tr")]
    links = [str(link["href"]) for link in table.select("tbody th a")]
    assert names == ["All", "north", "south", "süd/west"]
    assert links[:2] == ["/forecasts?all=1", "/forecasts?region=north"]
    assert cells(BeautifulSoup(f'<div id="table"><table>{table.select("tbody")[-1]}</table></div>', "html.parser"),
                 1)["Forecast"] == expected
    items = page(client.get("/totals?by=item&q=kett"))
    assert [text_of(row.th) for row in items.select("tbody tr")] == ["All", "kettle"]
    assert str(items.select("tbody th a")[1]["href"]) == "/forecasts?item=kettle"
    largest = page(client.get("/totals?sort=-size"))
    assert [text_of(row.th) for row in largest.select("tbody tr")][:2] == ["All", "north"]


def test_the_heat_map_colours_skill_and_leads_to_forecasts(app: Flask, client: FlaskClient) -> None:
    tell(app, kettle={"live_skill": 0.4, "live_periods": 9}, item_00={"live_skill": -0.3}, item_01={"live_skill": 0.0})

    table = page(client.get("/heat-map?q=north")).select_one(".heat-map")
    assert table is not None
    found = {text_of(cell): cell for cell in table.select("td")}
    kettle = found["north · kettle: 40"]
    assert kettle["class"] == ["heat", "heat-5"]
    assert found["north · item 00: −30"]["class"] == ["heat", "heat-0"]
    assert found["north · item 01: 0"]["class"] == ["heat", "heat-2"]
    assert found["north · item 02: –"]["class"] == ["heat"]
    assert str(kettle.a["href"]) == "/forecasts?ri=north%7Ckettle"  # type: ignore[index]
    assert "9 days" in str(kettle.a["title"])  # type: ignore[index]


def test_the_heat_map_shows_the_backtest_until_forecasts_can_be_judged(app: Flask, client: FlaskClient) -> None:
    tell(app, kettle={"wape": 0.3, "wape_seasonal_naive": 0.4})

    soup = page(client.get("/heat-map"))

    assert "north · kettle: 25" in text_of(soup.select_one(".heat-map"))
    assert "on the backtest" in text_of(soup)
    assert [text_of(head) for head in soup.select(".heat-map thead th")] == ["Item", "north", "south", "süd/west"]
    assert "Nothing matches" in text_of(page(client.get("/heat-map?q=nobody")))


def test_a_large_heat_map_is_paged_both_ways(app: Flask, client: FlaskClient, background: Background) -> None:
    background.catalogue(*(RegionItem(f"r{region:02}", f"i{item:02}") for region in range(17) for item in range(41)))

    first, last = page(client.get("/heat-map")), page(client.get("/heat-map?page=99&across=99"))

    assert (len(first.select(".heat-map tbody tr")), len(first.select(".heat-map thead th"))) == (40, 16)
    assert [text_of(row.th) for row in last.select(".heat-map tbody tr")] == ["i40"]
    assert [text_of(head) for head in last.select(".heat-map thead th")] == ["Item", "r15", "r16"]
