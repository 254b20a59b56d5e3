"""The four figures: true, as on the pages of totals, and of what is shown."""

from datetime import timedelta

import pandas as pd
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from demand_assets.forecasting.forecast.totals import over_all
from demand_assets.forecasting.store.journal import Entry
from tests.webapp.conftest import KETTLE, LAST_DAY, Background, demand_of, page, text_of
from tests.webapp.overview.builders import judge_all, tell
from webapp import create_app
from webapp.db.database import db, writing
from webapp.overview import top_figures
from webapp.overview.top_figures import Figures, sparkline
from webapp.pages.numbers_and_dates import share, units
from webapp.stored_forecasts.by_period import SumByPeriod
from webapp.stored_forecasts.computing import stored_forecasts_of
from webapp.stored_forecasts.groups import refresh_due
from webapp.tables import ForecastFigures, GroupForecast, RegionItemRow


def figure(client: FlaskClient, name: str, path: str = "/", **headers: str) -> str:
    return text_of(page(client.get(path, headers=headers)).select_one(f"[data-figure={name}]"))


@pytest.fixture
def summed(app: Flask, background: Background) -> Background:
    def make() -> None:
        background.make_stored_forecasts()
        with app.app_context():
            refresh_due(background.services, create_app)
        judge_all(app)

    background.once(make)
    return background


def test_before_anything_is_forecast_they_say_so(app: Flask, client: FlaskClient) -> None:
    judge_all(app)

    assert figure(client, "total") == "Next 14 days not forecast yet"
    assert figure(client, "change") == "vs last year not forecast yet"
    assert figure(client, "wape") == "Accuracy, newest 28 forecasts no actuals yet"
    assert figure(client, "work") == "Needs you 0 tasks 0 overdue · 0 yours"


def test_the_total_is_that_of_the_page_of_totals_and_of_its_periods(app: Flask, client: FlaskClient,
                                                                    summed: Background) -> None:
    with app.app_context():
        row = db.session.get_one(GroupForecast, ("all", ""))
        by_period = SumByPeriod.from_json(row.by_period).column("forecast")
        assert sum(by_period.values()) == pytest.approx(row.total)
        assert (len(by_period), row.total) == (14, pytest.approx(sum(
            db.session.scalars(select(RegionItemRow.forecast_total)).all())))  # type: ignore[arg-type]
        expected = units(row.total)

    assert figure(client, "total").startswith(f"Next 14 days {expected} units")
    total = page(client.get("/totals")).select_one("[data-label=Forecast]")
    assert text_of(total) == expected
    assert page(client.get("/")).select_one("[data-figure=total] svg") is not None


def test_they_are_of_what_is_shown_also_when_a_filter_is_changed_on_the_page(
        app: Flask, client: FlaskClient, summed: Background) -> None:
    with app.app_context():
        expected = units(sum(db.session.scalars(select(RegionItemRow.forecast_total).where(
            RegionItemRow.item == "kettle")).all()))  # type: ignore[arg-type]
    changed = {"HX-Request": "true", "HX-Target": "table", "HX-Trigger": "filters"}

    for found in (figure(client, "total", "/?q=kettle"), figure(client, "total", "/?q=kettle", **changed)):
        assert found.startswith(f"Next 14 days of these {expected} units")
    assert page(client.get("/?q=kettle", headers=changed)).select_one("#figures[hx-swap-oob]") is not None
    assert page(client.get("/?q=kettle", headers={**changed, "HX-Trigger": "by-total"})).select_one("#figures") is None
    assert figure(client, "total", "/?q=nobody").endswith("no region-item matches")


def test_last_year_is_of_those_whose_last_year_is_known(app: Flask, client: FlaskClient) -> None:
    judge_all(app)
    tell(app, item_10={"forecast_total": 120.0, "last_year": 100.0},
         item_11={"forecast_total": 60.0, "last_year": 50.0},
         item_12={"forecast_total": 5.0, "last_year": None})

    assert figure(client, "change", "/?q=item+1") == (
        "vs last year +20.0 % 180 vs 150 sold · 1 region-item left out (no last year)")
    assert figure(client, "change", "/?q=item+11") == "vs last year +20.0 % 60 vs 50 sold"
    tell(app, item_11={"last_year_out_of_stock": 2})
    assert figure(client, "change", "/?q=item+11").endswith("60 vs at least 50 sold")


@pytest.mark.parametrize("path", ["/", "/?q=item+1", "/?attribute=region:north"])
def test_each_figure_leads_to_what_it_is_made_of(app: Flask, client: FlaskClient, summed: Background,
                                                 path: str) -> None:
    tell(app, item_10={"last_year": 100.0})
    with app.app_context(), writing():
        row = db.session.get_one(GroupForecast, ("all", ""))
        row.compared, row.last_year, row.compared_size = 120.0, 100.0, 1

    links = page(client.get(path)).select(".figure a")

    assert {link.find_parent("div", class_="figure")["data-figure"] for link in links} >= {  # type: ignore[index]
        "total", "change"}
    for link in (one for one in links if one["href"] != "#table"):
        assert client.get(str(link["href"])).status_code == 200
    (change,) = (str(link["href"]) for link in links if "sort=-change" in str(link["href"]))
    assert text_of(page(client.get(change)).select_one("#table"))


def test_accuracy_weighs_region_items_by_what_was_sold(app: Flask, client: FlaskClient) -> None:
    judge_all(app)
    tell(app, item_00={"live_error": 10.0, "live_sold": 100.0, "forecast_total": 1.0},
         item_01={"live_error": 30.0, "live_sold": 60.0, "forecast_total": 1.0}, item_02={"forecast_total": 1.0})

    assert figure(client, "wape", "/?q=item").startswith("Accuracy, newest 28 forecasts 25.0 % WAPE")
    assert "2 of 3 region-items" in figure(client, "wape", "/?q=item")


def test_a_day_later_the_accuracy_is_that_of_the_region_items_table(app: Flask, client: FlaskClient,
                                                                    summed: Background) -> None:
    demand = demand_of(12.0)
    new = demand.tail(2).assign(date=pd.date_range(LAST_DAY, periods=3)[1:], demand=[30.0, 10.0])
    summed.services.store.write("demand", KETTLE, pd.concat([demand, new], ignore_index=True))
    summed.journal(Entry(KETTLE, "validated", numbers={"last_date": str(LAST_DAY + timedelta(days=2))}))
    summed.make_stored_forecasts()
    with app.app_context():
        refresh_due(summed.services, create_app)
        wape = db.session.scalars(select(RegionItemRow.live_wape).where(RegionItemRow.key == KETTLE.key)).one()
    judge_all(app)

    assert wape is not None
    assert figure(client, "wape").startswith(f"Accuracy, newest 28 forecasts {' '.join(share(wape).split())} WAPE")
    assert "1 of 31" in figure(client, "wape")


def test_weeks_of_accuracy_end_at_the_newest_period() -> None:
    days = {f"2026-06-{day:02}": [10.0, 1.0 if day > 23 else 2.0] for day in range(15, 31)}

    weeks = Figures(by_period=SumByPeriod(1, {}, days)).weekly_wape  # type: ignore[arg-type]

    assert list(weeks) == ["2026-06-16", "2026-06-23", "2026-06-30"]
    assert list(weeks.values()) == pytest.approx([0.2, 0.2, 0.1])


def test_a_small_chart_needs_two_numbers_and_begins_at_zero() -> None:
    assert sparkline({"a": 1.0}) is None
    line = sparkline({"a": 0.0, "b": 10.0}, {"a": 5.0, "b": 5.0})
    assert line is not None
    assert (line.points, line.beside) == ("0.0,31.0 120.0,1.0", "0.0,16.0 120.0,16.0")


def test_one_whole_region_or_item_has_the_interval_of_its_total(client: FlaskClient, summed: Background) -> None:
    for filtered in ("region:north", "item:kettle"):
        name, _, value = filtered.partition(":")
        with summed.app.app_context():
            row = db.session.get_one(GroupForecast, (name, value))
            bounds = f": {units(row.lower)} to {units(row.upper)}"
        assert bounds in figure(client, "total", f"/?attribute={filtered}")


def test_what_is_filtered_has_the_interval_of_its_own_total(app: Flask, client: FlaskClient,
                                                            summed: Background) -> None:
    with app.app_context():
        one = db.session.scalars(select(RegionItemRow).where(RegionItemRow.key == KETTLE.key)).one()
        alone = f": {units(one.forecast_lower)} to {units(one.forecast_upper)}"
        keys = list(db.session.scalars(select(RegionItemRow.key).where(RegionItemRow.search.contains("1"))))
        found = over_all([kept.part for kept in stored_forecasts_of(keys).values()])
        several = f": {units(found.lower)} to {units(found.upper)}"

    assert len(keys) > 5
    assert alone in figure(client, "total", "/?attribute=region:north&attribute=item:kettle")
    assert several in figure(client, "total", "/?q=item+1")
    with app.app_context():
        db.session.execute(update(ForecastFigures).values(groups_due=1))
        db.session.commit()
    assert " to " in figure(client, "total", "/?attribute=region:north"), "it is being summed again"


def test_of_more_than_are_read_at_once_no_interval_is_told(client: FlaskClient, summed: Background,
                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(top_figures, "READ_AT_ONCE", 2)

    assert " to " in figure(client, "total", "/?q=kettle")
    assert " to " not in figure(client, "total", "/?q=item+1")
    assert " to " in figure(client, "total", "/?attribute=region:north"), "which is stored"
