import csv
import io
from dataclasses import replace
from datetime import date, timedelta

import pandas as pd
import pytest
from flask import Flask
from flask.testing import FlaskClient
from openpyxl import load_workbook
from sqlalchemy import func, select

from demand_assets.forecasting.contract.source import Catalogue
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.drivers import Driver
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.store.journal import Entry
from tests.webapp.conftest import KETTLE, ODD, REGION_ITEMS, Background, demand_of, page, text_of
from tests.webapp.fakes import FakeRegistry
from webapp.background.journal import take_up
from webapp.data_quality import data_loads
from webapp.data_quality.freshness import oldest_behind, periods_behind
from webapp.db.database import db, writing
from webapp.services import Services, services
from webapp.tables import DataLoad, DataLoadRun, RefusedRule, RegionItemRow

REFUSED = pd.DataFrame({
    "row": [2, 4, 9], "date": ["2026-06-01", "31.06.2026", "2026-06-03"], "column": ["demand", "date", "demand"],
    "value": ["-3", "31.06.2026", "=1+1"], "rule": ["negative", "unreadable_date", "not_a_number"],
    "message": ["Demand -3 is below 0.", "31.06.2026 is no date.", "=1+1 is no number."]})


def look(key_of: int | None = None, at: str = "2026-07-01T02:00:00.000+00:00", run: str = "run-one-of-dagster",
         quarantined: str = "", **refused: int) -> Entry:
    region_item = KETTLE if key_of is None else REGION_ITEMS[key_of]
    return Entry(region_item, "quarantined" if quarantined else "validated", run_id=run, reason=quarantined, at=at,
                 numbers={"rows": 100, "quarantined": sum(refused.values()), "quarantined_by_rule": refused,
                          "last_date": "2026-06-30"})


def names(client: FlaskClient, url: str) -> list[str]:
    return [text_of(row.select_one("th a")) for row in page(client.get(url)).select("tbody tr")]


def csv_of(client: FlaskClient, url: str) -> list[list[str]]:
    response = client.get(url)
    assert response.status_code == 200
    return list(csv.reader(io.StringIO(response.data.decode("utf-8-sig"))))


def test_refused_values_are_counted_by_rule_in_words(client: FlaskClient, background: Background) -> None:
    background.journal(look(0, negative=3), look(1, negative=1, absurd=2))

    soup = page(client.get("/data"))
    told = {text_of(row.th): [text_of(cell) for cell in row.select("td")] for row in soup.select("tbody tr")}
    assert told["demand is negative"] == ["4", "2"]
    assert told["demand is many times anything seen before"] == ["2", "1"]
    assert "demand is infinite" not in told
    assert "demand is infinite" in [text_of(one) for one in soup.select("#clean-rules li")]
    assert "6 rejected rows in 2 region-items" in text_of(soup)


def test_one_of_each_is_told_as_one(client: FlaskClient, background: Background) -> None:
    background.journal(look(0, quarantined="40 of its 100 rows are in quarantine", negative=1), look(1))

    tiles = [text_of(one) for one in page(client.get("/data")).select(".tile")]

    assert tiles[:2] == ["1 rejected row in 1 region-item", "1 region-item on older data"]
    assert tiles[3] == "1 region-item stale · 0 late"


def test_the_first_line_says_whether_all_data_is_good(client: FlaskClient, background: Background) -> None:
    assert page(client.get("/data")).select_one("#verdict") is None  # no load yet
    yesterday = str(date.today() - timedelta(days=1))
    fine = [look(place) for place in range(len(REGION_ITEMS))]
    for one in fine:
        one.numbers["last_date"] = yesterday
    background.journal(*fine)

    good = page(client.get("/data"))
    count = len(REGION_ITEMS)
    assert text_of(good.select_one("#verdict")) == f"All data is good: {count} of {count} region-items up to date."
    assert good.select("a[download]") == []  # no rule rejected anything

    background.journal(look(0, at="2026-07-02T02:00:00.000+00:00", negative=3))

    other = page(client.get("/data"))
    assert text_of(other.select_one("#verdict")) == f"{count - 1} of {count} region-items up to date."
    assert len(other.select("a[download]")) == 2


def test_what_was_not_used_is_told(client: FlaskClient, background: Background, app: Flask) -> None:
    told = look(0, absurd=2)
    told.numbers.update(units_read=1000.0, units_refused=250.0, periods=90, unknown_periods=7, repeated=3,
                        newest_refused=2)
    older = look(0, at="2026-06-30T02:00:00.000+00:00", absurd=1)
    older.numbers.update(units_read=10.0, units_refused=10.0, periods=1, unknown_periods=1)
    background.journal(older, told, look(1))
    with app.app_context():
        services().store.write_source_notes(Catalogue(
            (), None, (("north", "", "item '' is empty", 4),), (("south.xls", "save it as .xlsx"),), ("A total.",)))

    lines = [text_of(line) for line in page(client.get("/data")).select("#not-used li")]

    assert lines == [
        "Newest demand rejected: 1 region-item. Forecasts begin where demand is known.", "A total.",
        "Units rejected: 25.0 % of all.", "Periods without known demand: 7 of 90.",
        'Identical rows left out: 3. If each is a sale, set several_rows = "sum" under [rules] .',
        "Name left out: region “north”, item “” (4 rows): item '' is empty", "Not read: south.xls: save it as .xlsx"]


def test_periods_out_of_stock_are_told_of_all_and_of_each(client: FlaskClient, background: Background, app: Flask,
                                                          services: Services) -> None:
    told = look(0)
    told.numbers.update(periods=90, unknown_periods=0, censored_periods=9)
    background.journal(told, look(1))

    soup = page(client.get("/data"))
    of_kettle = text_of(page(client.get("/data/quarantine?ri=north%7Ckettle")).select_one("#out-of-stock"))

    assert [text_of(line) for line in soup.select("#not-used li")] == [
        "Periods out of stock: 9 of 90, of 1 region-item. Demand there was at least what was sold."]
    assert "Out of stock in 9 of 90 days (10.0 %)" in of_kettle
    assert page(client.get("/data/quarantine?ri=north%7Citem+00")).select_one("#out-of-stock") is None
    assert "Out of stock" not in text_of(page(client.get("/data/loads/run-one-of-dagster")).thead)

    declared = services.dataset.model_copy(update={"columns": services.dataset.columns.model_copy(
        update={"stock": "on_hand"})})
    app.extensions["services"] = replace(services, dataset=declared)
    rows = [text_of(row) for row in page(client.get("/data/loads/run-one-of-dagster")).select("tbody tr")]
    assert sorted("9 of 90 (10.0 %)" in row for row in rows) == [False, True]
    assert csv_of(client, "/data/loads/run-one-of-dagster?format=csv")[0][-2:] == ["Periods out of stock", "Periods"]


def test_a_default_that_the_past_contradicts_is_told_while_it_does(client: FlaskClient, background: Background,
                                                                   app: Flask, services: Services) -> None:
    drivers = [Driver(name="discount", kind="yes_no", future="given", default=True, label="On offer"),
               Driver(name="footfall", kind="number", future="given", default=1200),
               Driver(name="price", kind="number")]
    app.extensions["services"] = replace(services, dataset=services.dataset.model_copy(update={
        "drivers": tuple(drivers)}))
    both, one, none = look(0), look(1), look(2)
    both.numbers.update(contradicted=["discount", "footfall", "gone"])
    one.numbers.update(contradicted=["footfall", "price"])
    background.journal(both, one, none)

    lines = [text_of(line) for line in page(client.get("/data")).select("#contradicted li")]

    assert [line.partition(" planned,")[0] for line in lines] == ["On offer: “yes” is", "footfall: “1,200” is"]
    assert "the last year of 1 region-item was" in lines[0]
    assert "the last year of 2 region-items was" in lines[1]
    background.journal(look(0, at="2026-07-02T02:00:00.000+00:00"), look(1, at="2026-07-02T02:00:00.000+00:00"))
    assert page(client.get("/data")).select_one("#contradicted") is None


def test_before_any_load_every_part_says_what_to_do(client: FlaskClient) -> None:
    for part in ("", "/region-items", "/loads", "/drift"):
        assert page(client.get(f"/data{part}")).select_one(".empty .lead"), part


def test_only_the_newest_load_counts(app: Flask, client: FlaskClient, background: Background) -> None:
    background.journal(look(negative=3), look(at="2026-07-02T02:00:00.000+00:00", absurd=1))

    assert names(client, "/data/region-items?rule=negative") == []
    assert names(client, "/data/region-items?rule=absurd") == [str(KETTLE)]
    with app.app_context():
        assert db.session.scalar(select(func.sum(RefusedRule.values))) == 1


def test_region_items_are_searched_filtered_sorted_and_paged(client: FlaskClient, background: Background) -> None:
    background.journal(*(look(place, negative=place + 1) for place in range(30)),
                       look(30, quarantined="40 of its 100 rows are in quarantine", negative=40))

    assert names(client, "/data/region-items")[:2] == [str(REGION_ITEMS[30]), str(REGION_ITEMS[29])]
    assert len(names(client, "/data/region-items")) == 25
    assert len(names(client, "/data/region-items?page=2")) == 6
    assert names(client, "/data/region-items?page=99") == names(client, "/data/region-items?page=2")
    assert names(client, "/data/region-items?sort=refused&dir=asc")[0] == str(KETTLE)
    assert names(client, "/data/region-items?q=süd") == [str(ODD)]
    assert names(client, "/data/region-items?kept=yes") == [str(ODD)]
    row = text_of(page(client.get("/data/region-items?kept=yes")).select_one("tbody tr"))
    assert "40.0 %" in row
    assert "40 of its 100 rows are in quarantine" in row


@pytest.mark.parametrize("url", [
    "/data/region-items?sort=nothing", "/data/region-items?rule=nothing", "/data/region-items?page=0",
    "/data/region-items?size=7", "/data/loads?dir=up", "/data/freshness?state=nothing", "/data?format=pdf",
    "/data/quarantine", "/data/drift/region-item"])
def test_what_there_is_not_is_refused_with_what_there_is(client: FlaskClient, url: str) -> None:
    response = client.get(url)

    assert response.status_code == 422
    assert page(response).select_one(".lead")


@pytest.mark.parametrize("url", ["/data/quarantine?ri=no|body", "/data/drift/region-item?ri=x", "/data/loads/none"])
def test_unknown_region_items_and_loads_are_not_found(client: FlaskClient, url: str) -> None:
    assert client.get(url).status_code == 404


def test_a_run_is_summed_up_and_lists_its_region_items(client: FlaskClient, background: Background) -> None:
    background.journal(look(0, negative=2), look(1), look(2, quarantined="too much was refused", absurd=5),
                       look(3, run="another-run-of-dagster"))

    listed = page(client.get("/data/loads?sort=refused"))
    told = [text_of(cell) for cell in listed.select("tbody tr")[-1].select("td")]
    assert told[:4] == ["3", "1", "300", "7"]
    assert len(names(client, "/data/loads/run-one-of-dagster")) == 3
    assert names(client, "/data/loads/run-one-of-dagster?refused=yes") == [str(REGION_ITEMS[2]), str(KETTLE)]
    assert names(client, "/data/loads/run-one-of-dagster?kept=yes") == [str(REGION_ITEMS[2])]
    assert len(names(client, "/data/loads?refused=yes")) == 1


def test_loads_of_one_day_without_a_run_are_one_load(client: FlaskClient, background: Background) -> None:
    background.journal(look(0, run=""), look(1, run="", at="2026-07-01T03:00:00.000+00:00"))

    assert len(names(client, "/data/loads")) == 1
    assert len(names(client, "/data/loads/2026-07-01")) == 2


def test_a_run_that_was_begun_again_counts_a_region_item_once(app: Flask, client: FlaskClient,
                                                            background: Background) -> None:
    background.journal(look(0, negative=5), look(1, quarantined="too dirty", negative=7))
    background.journal(look(0, at="2026-07-01T03:00:00.000+00:00", negative=2))
    background.journal(look(1, at="2026-07-01T04:00:00.000+00:00"), look(1, at="2026-07-01T05:00:00.000+00:00"))

    with app.app_context():
        run = db.session.scalars(select(DataLoadRun)).one()
        assert (run.region_items, run.kept, run.rows_read, run.refused_rows, run.refused) == (
            2, 0, 200, 2, {"negative": 2})
    assert names(client, "/data/loads/run-one-of-dagster") == [str(REGION_ITEMS[0]), str(REGION_ITEMS[1])]


def test_the_same_journal_read_again_counts_nothing_twice(app: Flask, background: Background) -> None:
    entries = [look(place, negative=1) for place in range(3)]
    background.journal(*entries)

    with app.app_context(), writing():
        take_up(entries)
    with app.app_context():
        run = db.session.scalars(select(DataLoadRun)).one()
        assert (run.region_items, run.refused_rows, run.refused) == (3, 3, {"negative": 3})
        assert db.session.scalar(select(func.count()).select_from(DataLoad)) == 3


def test_older_loads_than_the_kept_ones_are_forgotten_and_stay_so(app: Flask, background: Background) -> None:
    days = [f"2026-07-{day:02}T02:00:00.000+00:00" for day in range(1, data_loads.LOADS_KEPT + 4)]
    entries = [look(at=at, run=f"run-{at}", negative=1) for at in days]
    background.journal(*entries)

    for _ in range(2):
        with app.app_context():
            kept = db.session.scalars(select(DataLoad.at).order_by(DataLoad.at)).all()
            assert kept == days[-data_loads.LOADS_KEPT:]
            assert set(db.session.scalars(select(DataLoadRun.region_items))) == {1}
        with app.app_context(), writing():
            take_up(entries)


def test_sums_of_older_runs_are_forgotten(app: Flask, background: Background, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_loads, "RUNS_KEPT", 2)
    background.journal(*(look(at=f"2026-07-0{day}T02:00:00.000+00:00", run=f"run {day}") for day in range(1, 6)))

    with app.app_context():
        assert set(db.session.scalars(select(DataLoadRun.run_id))) == {"run 4", "run 5"}


def test_refused_rows_are_shown_with_row_date_value_and_rule(client: FlaskClient, services: Services,
                                                             background: Background) -> None:
    services.store.write("quarantine", KETTLE, REFUSED)
    background.journal(look(negative=1, unreadable_date=1, not_a_number=1))
    url = f"/data/quarantine?ri={KETTLE.key}"

    rows = [text_of(row) for row in page(client.get(url)).select("tbody tr")]
    assert rows[0] == "2 2026-06-01 Demand -3 demand is negative Demand -3 is below 0."
    assert len(rows) == 3
    assert len(page(client.get(f"{url}&rule=negative")).select("tbody tr")) == 1
    assert csv_of(client, f"{url}&format=csv")[3] == ["9", "2026-06-03", "demand", "'=1+1", "not_a_number",
                                                      "'=1+1 is no number."]
    sheet = load_workbook(io.BytesIO(client.get(f"{url}&rule=not_a_number&format=xlsx").data)).active
    assert (sheet["D2"].value, sheet["D2"].data_type) == ("=1+1", "s")


def test_a_region_item_without_refused_rows_says_so(client: FlaskClient) -> None:
    assert "has not been loaded yet" in text_of(page(client.get(f"/data/quarantine?ri={KETTLE.key}")))


def test_while_the_demand_store_is_down_the_page_says_what_still_works(client: FlaskClient, services: Services,
                                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: object) -> None:
        raise OSError("no answer")

    monkeypatch.setattr(services.store, "read", down)
    response = client.get(f"/data/quarantine?ri={KETTLE.key}")

    assert response.status_code == 503
    assert "The demand store does not answer" in text_of(page(response))
    assert client.get("/data/region-items").status_code == 200


def test_each_list_is_downloaded_as_it_is_filtered(client: FlaskClient, background: Background) -> None:
    background.journal(*(look(place, negative=1) for place in range(30)), look(30, absurd=2))

    rows = csv_of(client, "/data/region-items?rule=absurd&format=csv")
    assert [row[:5] for row in rows[1:]] == [
        [ODD.region, ODD.item, "2", "100", "demand is many times anything seen before: 2"]]
    assert len(csv_of(client, "/data/region-items?size=25&page=2&format=csv")) == 32
    assert len(csv_of(client, "/data/loads?format=csv")) == 2
    assert len(csv_of(client, "/data/loads/run-one-of-dagster?refused=yes&format=csv")) == 32
    assert len(csv_of(client, "/data/freshness?q=kettle&format=csv")) == 3
    assert len(csv_of(client, "/data?format=csv")) == 20


def set_drift(app: Flask, **drift: float) -> None:
    with app.app_context(), writing():
        for place, value in enumerate(drift.values()):
            row = db.session.get_one(RegionItemRow, REGION_ITEMS[place].key)
            row.drift, row.drifted = value, list(drift)[place]


def test_the_largest_drift_comes_first_and_the_threshold_is_named(app: Flask, client: FlaskClient) -> None:
    set_drift(app, demand=0.1, price=0.7)

    soup = page(client.get("/data/drift"))
    assert [text_of(row) for row in soup.select("tbody tr")] == [
        f"{REGION_ITEMS[1]} 0.70 drifted price –",
        f"{REGION_ITEMS[0]} 0.10 demand –"]
    assert "Above 0.25 a model is" in text_of(soup)
    assert names(client, "/data/drift?over=yes") == [str(REGION_ITEMS[1])]


def test_old_and_new_distributions_stand_side_by_side(client: FlaskClient, background: Background, services: Services,
                                                      registry: FakeRegistry, model: ForecastModel) -> None:
    registry.promote(KETTLE, model)
    background.watch()
    later = demand_of(12.0).assign(demand=lambda table: 3 * table["demand"])
    later["date"] += pd.Timedelta(days=len(later))
    services.store.write("demand", KETTLE, pd.concat([demand_of(12.0), later.head(30)], ignore_index=True))

    soup = page(client.get(f"/data/drift/region-item?ri={KETTLE.key}"))

    sections = soup.select("section")
    assert text_of(sections[0].h2).startswith("Demand: index ")
    assert text_of(sections[0].h2).endswith("drifted")
    assert {text_of(section.h2).split(":")[0] for section in sections} == {"Demand", "Price", "Promo"}
    shares = [[float(text_of(cell).removesuffix(" %")) for cell in row.select("td")]
              for row in sections[0].select("tbody tr")]
    assert sum(before for before, _ in shares) == pytest.approx(100, abs=0.5)
    assert sum(after for _, after in shares) == pytest.approx(100, abs=0.5)
    assert shares[-1][1] > 60
    promo = next(section for section in sections if text_of(section.h2).startswith("Promo"))
    assert [text_of(heading) for heading in promo.select("tbody th")] == ["no", "yes"]
    assert soup.select_one("script[src*=echarts]")


def test_without_a_training_or_new_demand_drift_says_why_it_says_nothing(
        client: FlaskClient, background: Background, registry: FakeRegistry, model: ForecastModel) -> None:
    url = f"/data/drift/region-item?ri={KETTLE.key}"
    assert "no model of its own" in text_of(page(client.get(url)))

    registry.promote(KETTLE, model)
    background.watch()
    soup = page(client.get(url))
    assert "0 days of demand came since the training of v1; from 7 days on" in text_of(soup)
    assert not soup.select("script[src*=echarts]")


def dataset_of(dataset: Dataset, frequency: str) -> Dataset:
    return dataset.model_copy(update={"frequency": frequency, "horizon": 4})


@pytest.mark.parametrize(("frequency", "last", "behind"), [
    ("D", "2026-06-29", 0), ("D", "2026-06-30", 0), ("D", "2026-06-27", 2), ("W", "2026-06-22", 0),
    ("W", "2026-06-15", 1), ("W", "2026-06-17", 0), ("M", "2026-05-01", 0), ("M", "2025-05-01", 12),
    ("Q", "2026-01-01", 0), ("Q", "2025-10-01", 1), ("Q", "2024-04-01", 7)])
def test_periods_behind_today_count_only_those_that_are_over(dataset: Dataset, frequency: str, last: str,
                                                             behind: int) -> None:
    assert periods_behind(dataset_of(dataset, frequency), date.fromisoformat(last), date(2026, 6, 30)) == behind


@pytest.mark.parametrize("frequency", ["D", "W", "M", "Q"])
@pytest.mark.parametrize("behind", [0, 1, 5, 13])
def test_the_oldest_period_so_far_behind_is_the_bound(dataset: Dataset, frequency: str, behind: int) -> None:
    used, today = dataset_of(dataset, frequency), date(2026, 3, 1)

    oldest = oldest_behind(used, behind, today)

    assert periods_behind(used, oldest, today) == behind
    assert periods_behind(used, oldest - timedelta(days=1), today) == behind + 1


def test_the_stalest_come_first_and_each_state_can_be_filtered(app: Flask, client: FlaskClient) -> None:
    today = date.today()
    with app.app_context(), writing():
        for place, age in enumerate((1, 3, 15)):
            db.session.get_one(RegionItemRow, REGION_ITEMS[place].key).last_date = str(today - timedelta(days=age))

    assert names(client, "/data/freshness")[:3] == [str(REGION_ITEMS[place]) for place in (2, 1, 0)]
    for state, place in (("current", 0), ("late", 1), ("stale", 2)):
        assert names(client, f"/data/freshness?state={state}") == [str(REGION_ITEMS[place])]
    assert len(csv_of(client, "/data/freshness?state=none&format=csv")) == len(REGION_ITEMS) - 3 + 1
    told = text_of(page(client.get("/data/freshness?state=stale")).select_one("tbody tr"))
    assert "14 days stale" in told
