"""Region-items whose demand is damaged: missing with the reason, while their neighbours go on."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.store.journal import Entry
from tests.demand_assets.damage import CONTENTS, PLACES
from tests.webapp.conftest import EMAIL, KETTLE, LAST_DAY, ODD, REGION_ITEMS, Background, demand_of, page, post, text_of
from tests.webapp.fakes import FakeRegistry
from webapp.adjustments.adjustments import WantedAdjustment, adjust
from webapp.background.loops.store import StoreLoop
from webapp.background.loops.stored_forecast import StoredForecastLoop
from webapp.db.database import db
from webapp.tables import RegionItemRow, StoredForecast

QUERY = f"ri={KETTLE.key}&ri=north|item 01"


def file_of(background: Background, region_item: RegionItem, kind: str = "demand/{}.parquet") -> Path:
    return Path(background.services.settings.store_url) / kind.format(region_item.path)


def no_worker(*_args: object) -> Flask:
    raise AssertionError("so few stored forecasts are made in this process")


def look(background: Background) -> None:
    """One turn of the loops that read the demand store."""
    with background.app.app_context():
        StoreLoop(background.services).step()
        StoredForecastLoop(background.services, no_worker).step()


@pytest.fixture
def forecasts(background: Background, registry: FakeRegistry, model: ForecastModel) -> None:
    """The kettles have a model of their own, and all have a stored forecast."""
    def make() -> None:
        registry.promote(KETTLE, model)
        background.watch()
        background.make_stored_forecasts()

    background.once(make)


@pytest.mark.parametrize("damage", CONTENTS)
def test_a_damaged_file_is_told_and_costs_no_neighbour(client: FlaskClient, background: Background, forecasts: None,
                                                       damage: Callable[[bytes], bytes]) -> None:
    path = file_of(background, KETTLE)
    path.write_bytes(damage(path.read_bytes()))
    background.start_again()

    shown = page(client.get(f"/forecasts?{QUERY}"))

    assert "Its file is damaged" in text_of(shown)
    assert "item 01" in text_of(shown.select_one("main"))
    assert client.get(f"/forecasts?ri={KETTLE.key}").status_code == 200


@pytest.mark.parametrize("damage", PLACES)
def test_what_stands_in_the_files_place_is_told_the_same(client: FlaskClient, background: Background, forecasts: None,
                                                         damage: Callable[[Path], None]) -> None:
    damage(file_of(background, ODD))
    background.start_again()

    assert "Its file is damaged" in text_of(page(client.get(f"/forecasts?{QUERY}&ri={ODD.key}")))


def test_every_page_that_reads_demand_answers_while_a_file_is_damaged(client: FlaskClient, background: Background,
                                                                      forecasts: None) -> None:
    client.get(f"/forecasts?{QUERY}")  # held in memory from here on, in part
    file_of(background, KETTLE).write_bytes(b"")
    file_of(background, KETTLE, "quarantine/{}.parquet").parent.mkdir(parents=True, exist_ok=True)
    file_of(background, KETTLE, "quarantine/{}.parquet").write_bytes(b"?")
    for again in (False, True):
        if again:
            background.start_again()
        for url in ("/", "/totals", "/heat-map", f"/forecasts?{QUERY}", f"/forecasts?ri={KETTLE.key}",
                    f"/forecasts/why?{QUERY}", f"/forecasts/why?ri={KETTLE.key}",
                    f"/forecasts/download?{QUERY}&format=csv",
                    f"/models/region-item?ri={KETTLE.key}", f"/data/region-items?ri={KETTLE.key}",
                    f"/data/drift/region-item?ri={KETTLE.key}", "/data", "/overrides", f"/scenarios/new?{QUERY}"):
            answer = client.get(url)
            assert answer.status_code in (200, 503), (url, answer.text)
            assert answer.status_code == 200 or "damaged" in answer.text, url


def test_a_scenario_over_a_damaged_file_answers_for_the_others(client: FlaskClient, background: Background,
                                                               forecasts: None) -> None:
    file_of(background, KETTLE).write_bytes(b"")
    background.start_again()

    answer = post(client, "/forecasts", {
        "ri": [KETTLE.key, "north|item 01"], "driver-0": "price", "first-0": "2026-07-01", "last-0": "2026-07-05",
        "kind-0": "set", "value-0": "8"}, form_on=f"/forecasts?{QUERY}")

    assert answer.status_code in (200, 302)
    assert "Its file is damaged" in text_of(page(client.get(f"/forecasts?{QUERY}")))


def test_a_damaged_file_is_noted_for_the_pipeline_and_forecast_from_again_when_it_is_mended(
        app: Flask, client: FlaskClient, background: Background, forecasts: None) -> None:
    store = background.services.store
    file_of(background, KETTLE).write_bytes(b"")
    background.start_again()
    client.get(f"/forecasts?{QUERY}")

    look(background)

    assert [damage.key for damage in store.damages()] == [KETTLE.key]
    with app.app_context():
        assert db.session.get(StoredForecast, KETTLE.key) is None
        assert db.session.get(StoredForecast, ODD.key) is not None
        assert not db.session.get_one(RegionItemRow, KETTLE.key).forecast_due
    store.write("demand", KETTLE, demand_of(12.0))
    background.journal(Entry(KETTLE, "validated", numbers={"last_date": str(LAST_DAY)}))
    look(background)
    with app.app_context():
        assert db.session.get(StoredForecast, KETTLE.key) is not None
    assert "damaged" not in text_of(page(client.get(f"/forecasts?{QUERY}")))


def test_one_damaged_file_among_many_stops_no_turn_of_the_loops(app: Flask, background: Background,
                                                                forecasts: None) -> None:
    file_of(background, REGION_ITEMS[3]).write_bytes(b"PAR1")
    background.journal(*(Entry(one, "validated") for one in REGION_ITEMS))

    look(background)

    with app.app_context():
        assert db.session.query(StoredForecast).count() == len(REGION_ITEMS) - 1
        assert not db.session.query(RegionItemRow).filter(RegionItemRow.forecast_due).count()


@pytest.mark.parametrize("has_any", [True, False])
def test_damaged_adjustments_are_written_again_from_the_rows_here(
        app: Flask, client: FlaskClient, background: Background, forecasts: None, has_any: bool) -> None:
    store = background.services.store
    if has_any:
        with app.app_context():
            adjust(WantedAdjustment(KETTLE.key, date(2026, 6, 1), 7.0, "a fair"), 12.0, EMAIL)
        background.tell_store()
    before = store.adjustments(KETTLE)
    path = file_of(background, KETTLE, "adjustments/{}.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"{")
    background.start_again()
    assert "Its file is damaged" in text_of(page(client.get(f"/forecasts?{QUERY}")))

    for _ in range(3):
        look(background)

    assert (len(before), store.adjustments(KETTLE)) == (int(has_any), before)
    assert store.damages() == []
    assert "damaged" not in text_of(page(client.get(f"/forecasts?{QUERY}")))
