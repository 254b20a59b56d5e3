"""Downloads: the numbers of the page, as numbers, in files that say what they are and compute nothing."""

import csv
import io
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask.testing import FlaskClient
from openpyxl import Workbook, load_workbook
from werkzeug.test import TestResponse

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from tests.webapp.conftest import KETTLE, ODD, REGION_ITEMS, Background, demand_of, page, text_of
from tests.webapp.fakes import FakeRegistry
from tests.webapp.forecasts.builders import change, chart_on
from webapp.forecasts import query

URL = "/forecasts/download"


def csv_rows(response: TestResponse) -> list[dict[str, str]]:
    assert response.status_code == 200, text_of(page(response))
    return list(csv.DictReader(io.StringIO(response.data.decode("utf-8-sig"))))


def book(response: TestResponse) -> Workbook:
    assert response.status_code == 200, text_of(page(response))
    return load_workbook(io.BytesIO(response.data))


def facts(found: Workbook) -> dict[str, Any]:
    return {str(what): value for what, value in found["About"].iter_rows(min_row=2, values_only=True)}


def get(client: FlaskClient, **args: Any) -> TestResponse:
    return client.get(URL, query_string={"ri": KETTLE.key, "horizon": "3", "format": "csv", **args})


def test_csv_by_period_has_the_numbers_of_the_page(client: FlaskClient) -> None:
    chart = chart_on(page(client.get("/forecasts", query_string={"ri": KETTLE.key, "horizon": "3", "coverage": "95"})))

    response = get(client, coverage="95")
    rows = csv_rows(response)

    assert [row["Date"] for row in rows] == chart["dates"][-3:]
    for title, name in (("Forecast, units", "plan"), ("95 % from, units", "lower"), ("95 % to, units", "upper")):
        assert [float(row[title]) for row in rows] == pytest.approx(chart[name][-3:], abs=0.01)
    assert "forecast_shop_north-kettle_2026-07-01_2026-07-03_with-overrides.csv" in response.headers[
        "Content-Disposition"]


def test_csv_by_region_item_adds_up_to_the_sum(client: FlaskClient) -> None:
    keys = [KETTLE.key, ODD.key]
    rows = csv_rows(get(client, ri=keys, of="region-items"))
    sums = csv_rows(get(client, ri=keys))

    assert len(rows) == 6
    for row in sums:
        parts = [float(each["Forecast, units"]) for each in rows if each["Date"] == row["Date"]]
        assert sum(parts) == pytest.approx(float(row["Forecast, units"]), abs=1e-3)
    assert {(row["Region"], row["Item"]) for row in rows} == {("north", "kettle"), ("süd/west", "a|b: 3.5 % <b>")}


def test_excel_has_a_sheet_for_each_table_and_one_that_says_what_it_is(
        client: FlaskClient, background: Background, registry: FakeRegistry, model: ForecastModel) -> None:
    registry.promote(KETTLE, model)
    background.watch()

    found = book(get(client, ri=[KETTLE.key, ODD.key], format="xlsx", **change(last="2026-07-02")))

    assert found.sheetnames == ["By period", "By region-item and period", "About"]
    heading, first = list(found["By period"].iter_rows(max_row=2, values_only=True))
    assert heading[:6] == ("Date", "Plan, units", "80 % from, units", "80 % to, units", "Scenario, units",
                           "Difference, units")
    assert first[0] == datetime(2026, 7, 1)
    assert first[5] == pytest.approx(first[4] - first[1], abs=1e-3)
    titles, *rows = found["By region-item and period"].iter_rows(values_only=True)
    assert [row[titles.index("Forecast by")] for row in rows] == ["v1"] * 3 + ["baseline"] * 3
    told = facts(found)
    assert (told["Selection"], told["Horizon, days"], told["Units"]) == ("2 region-items, summed", 3, "units")
    assert told["Scenario"] == "price percent -20.0 from 2026-07-01 to 2026-07-02"
    assert "change-0-value=-20" in told["Link"]


def test_names_that_a_spreadsheet_would_compute_stay_texts(client: FlaskClient, background: Background) -> None:
    evil = RegionItem("=1+1", "@SUM(A1)")
    background.services.store.write("demand", evil, demand_of(3.0))
    background.catalogue(evil, *REGION_ITEMS)

    row = csv_rows(get(client, ri=[evil.key], of="region-items"))[0]
    sheet = book(get(client, ri=[evil.key], format="xlsx"))["By region-item and period"]

    assert (row["Region"], row["Item"]) == ("'=1+1", "'@SUM(A1)")
    assert [(cell.value, cell.data_type, cell.quotePrefix) for cell in sheet[2][:2]] == [
        ("=1+1", "s", True), ("@SUM(A1)", "s", True)]


def test_a_large_group_is_downloaded_from_its_stored_forecasts(client: FlaskClient, background: Background,
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    background.have_stored_forecasts()
    monkeypatch.setattr(query, "MOST_REGION_ITEMS", 5)

    rows = csv_rows(get(client, ri=[], all="1", of="region-items"))
    told = facts(book(get(client, ri=[], all="1", format="xlsx")))

    assert len(rows) == 3 * len(REGION_ITEMS)
    assert told["Total, units"] == pytest.approx(sum(float(row["Forecast, units"]) for row in rows))
    assert told["Selection"] == "All region-items"


@pytest.mark.parametrize(("args", "message"), [
    ({"format": "pdf"}, "format 'pdf' is not known here"),
    ({"format": ""}, "Say what to download"),
    ({"of": "drivers"}, "Say what to download"),
    ({"ri": []}, "Choose at least one region-item first."),
    (change(value="ten"), "The scenario of this address cannot be computed"),
])
def test_what_cannot_be_downloaded_is_told(client: FlaskClient, args: dict[str, Any], message: str) -> None:
    response = get(client, **args)

    assert response.status_code == 422
    assert message in text_of(page(response).main)


def test_a_file_is_the_same_whatever_language_the_reader_speaks(client: FlaskClient) -> None:
    german = {"Accept-Language": "de"}
    asked = {"ri": [KETTLE.key, ODD.key], "horizon": "3", "format": "csv", "past": "1"}

    for of in ("periods", "region-items"):
        files = [client.get(URL, query_string={**asked, "of": of}, headers=headers) for headers in ({}, german)]
        assert csv_rows(files[0]) == csv_rows(files[1])
    shown = page(client.get("/forecasts", query_string=asked, headers=german))
    assert [text_of(head) for head in shown.select("#by-period thead th")][:3] == ["Datum", "Verkauft", "Prognose"]


def test_deciles_are_in_files_that_are_asked_for_them(client: FlaskClient, background: Background,
                                                      registry: FakeRegistry, model: ForecastModel) -> None:
    registry.promote(KETTLE, model)
    background.watch()
    names = [f"p{tenth}0, units" for tenth in range(1, 10)]

    plain, periods = csv_rows(get(client)), csv_rows(get(client, deciles="1"))
    each = csv_rows(get(client, deciles="1", of="region-items"))

    assert [{name: value for name, value in row.items() if name not in names} for row in periods] == plain
    for row, alone in zip(periods, each, strict=True):
        deciles = [float(row[name]) for name in names]
        assert deciles == sorted(deciles)
        assert deciles[0] < float(row["Forecast, units"]) < deciles[8]
        assert [alone[name] for name in names] == [row[name] for name in names]
    found = book(get(client, ri=[KETTLE.key, ODD.key], format="xlsx", deciles="1", **change(last="2026-07-02")))
    heading, *rows = found["By period"].iter_rows(values_only=True)
    assert heading[-18:] == (*names, *(f"Scenario {name}" for name in names))
    assert rows[0][-10] != rows[0][-1]  # the scenario changes the first two days
    assert facts(found)["Deciles"].startswith("p10 to p90: ")
    assert "retrain" not in facts(found)["Deciles"]
    assert "deciles=1" in text_of_links(page(client.get("/forecasts", query_string={"ri": KETTLE.key})))


def test_deciles_that_are_not_known_are_empty_and_the_file_says_so(
        client: FlaskClient, background: Background, registry: FakeRegistry, model: ForecastModel) -> None:
    registry.promote(KETTLE, replace(model, calibration=replace(model.calibration, spread=None)))
    background.watch()

    found = book(get(client, format="xlsx", deciles="1"))

    for sheet in ("By period", "By region-item and period"):
        _, *rows = found[sheet].iter_rows(values_only=True)
        assert {row[-9:] for row in rows} == {(None,) * 9}
    assert facts(found)["Deciles"].endswith("Not known of 1 region-item, whose models were trained before there were "
                                            "deciles, nor of sums with them; a retrain adds them")


def text_of_links(found: BeautifulSoup) -> str:
    """The addresses of the page's links."""
    return " ".join(str(link["href"]) for link in found.find_all("a", href=True))
