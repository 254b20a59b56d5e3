"""The pooled model: what it forecasts, how it is announced, and which of its versions are kept."""

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from flask import Flask
from flask.testing import FlaskClient

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.model.serving.pooled_model import PooledModel
from demand_assets.forecasting.store.journal import Entry
from tests.webapp.conftest import (
    KETTLE,
    ODD,
    REGION_ITEMS,
    Background,
    ask_for_retrain,
    demand_of,
    page,
    text_of,
)
from tests.webapp.fakes import FakeRegistry
from webapp.background.loops.registry import RegistryLoop
from webapp.db.database import db, now
from webapp.tables import PooledRow, RegionItemRow

NEW = RegionItem("north", "new lamp")
TOO_SHORT = "too short for a model of its own: 5 periods of demand; training needs 84"


@pytest.fixture
def short(background: Background) -> RegionItem:
    """A region-item with five days of demand, as the pipeline leaves it."""
    background.services.store.write("demand", NEW, demand_of(12.0, days=5))
    background.catalogue(NEW, *REGION_ITEMS)
    background.journal(Entry(NEW, "validated", numbers={"last_date": "2026-06-30"}),
                       Entry(NEW, "kept", reason=TOO_SHORT))
    return NEW


def status(app: Flask, region_item: RegionItem) -> str:
    with app.app_context():
        return db.session.get_one(RegionItemRow, region_item.key).status


def model_card(client: FlaskClient, region_item: RegionItem) -> str:
    return text_of(page(client.get("/forecasts", query_string={"ri": region_item.key})).select_one("#model"))


def pooled_on_disk(background: Background) -> list[str]:
    return sorted(path.name for path in background.services.models.pooled_folder(1).parent.iterdir())


def standing_on(model: ForecastModel, pooled_version: int) -> ForecastModel:
    return replace(model, pooled=model.pooled.with_version(pooled_version))


def test_a_pooled_model_wanted_before_the_clock_was_put_back_is_announced(
        app: Flask, background: Background, registry: FakeRegistry, pooled: PooledModel) -> None:
    registry.promote_pooled(pooled)
    with app.app_context():
        row = db.session.get_one(PooledRow, 1)
        row.wanted_version, row.fetch_after = 1, now() + timedelta(hours=1)
        db.session.commit()

    background.watch()

    with app.app_context():
        assert db.session.get_one(PooledRow, 1).production_version == 1


def test_a_short_region_item_is_forecast_by_the_pooled_model_and_says_so(
        app: Flask, client: FlaskClient, background: Background, registry: FakeRegistry, pooled: PooledModel,
        short: RegionItem) -> None:
    assert status(app, short) == "baseline"
    registry.promote_pooled(pooled)
    background.watch()

    words = model_card(client, short)
    assert "pooled model v1" in words
    assert f"Forecast by the pooled model: it has no model of its own yet: {TOO_SHORT}" in words
    listed = page(client.get("/?status=pooled")).select("tbody tr")
    assert [text_of(row.th) for row in listed] == [str(short)]
    assert text_of(listed[0].select_one(".badge")) == "pooled model"
    assert f"It has no model of its own yet: {TOO_SHORT}" in text_of(listed[0])


def test_region_items_that_come_later_are_pooled_too(app: Flask, background: Background, registry: FakeRegistry,
                                                     pooled: PooledModel) -> None:
    registry.promote_pooled(pooled)
    background.watch()
    background.journal(Entry(KETTLE, "kept", reason="no"))

    assert status(app, KETTLE) == "pooled"
    assert status(app, ODD) == "untrained"


def test_where_seasonal_naive_was_best_the_baseline_stays(app: Flask, client: FlaskClient, background: Background,
                                                          registry: FakeRegistry, pooled: PooledModel) -> None:
    registry.promote_pooled(pooled)
    background.watch()
    background.journal(
        Entry(KETTLE, "trained", numbers={"version": 1, "wape": 0.31, "wape_own": 0.32, "wape_pooled": 0.31,
                                          "wape_seasonal_naive": 0.24, "backtest_units": 84.0}),
        Entry(KETTLE, "kept", reason="worse than seasonal naive"))

    assert status(app, KETTLE) == "baseline"
    assert "baseline" in model_card(client, KETTLE)
    registry.promote_pooled(pooled.with_version(2))
    background.watch()
    assert status(app, KETTLE) == "baseline"


def test_planned_drivers_without_any_demand_are_forecast_once_there_is_a_pooled_model(
        client: FlaskClient, background: Background, registry: FakeRegistry, pooled: PooledModel) -> None:
    background.services.store.write("demand", NEW, pd.DataFrame({
        "date": pd.date_range("2026-07-01", periods=15), "demand": np.nan, "price": 10.0, "promo": 0.0,
        "shelf": "front"}))
    background.catalogue(NEW, *REGION_ITEMS)
    background.journal(Entry(NEW, "kept", reason=TOO_SHORT))

    before = text_of(page(client.get("/forecasts", query_string={"ri": NEW.key})))
    assert "cannot be forecast. It has no demand yet, and no pooled model is here that could forecast it" in before

    registry.promote_pooled(pooled)
    background.watch()
    after = page(client.get("/forecasts", query_string={"ri": NEW.key}))
    assert "no sales known yet" in text_of(after)
    assert float(text_of(after.h2).split()[0]) > 0


def test_own_models_stay_when_the_pooled_model_is_promoted(app: Flask, client: FlaskClient, background: Background,
                                                           registry: FakeRegistry, model: ForecastModel) -> None:
    registry.promote(KETTLE, model)
    background.watch()
    registry.promote_pooled(model.pooled.with_version(2))
    background.watch()

    assert status(app, KETTLE) == "production"
    assert "production v1 promoted" in model_card(client, KETTLE)
    assert "Built on pooled model v1." in model_card(client, KETTLE)


def test_the_pooled_version_is_in_memory_once(background: Background, registry: FakeRegistry,
                                              model: ForecastModel) -> None:
    registry.promote(KETTLE, model)
    registry.promote(ODD, model)
    background.watch()
    models = background.services.models

    assert models.load(KETTLE, 1).pooled is models.load(ODD, 1).pooled
    assert [len(fit.boosters) for fit in models.load_pooled(1).fits] == [1]  # the latest fit alone


def test_a_version_that_cannot_be_loaded_is_not_announced_and_the_page_says_so(
        client: FlaskClient, background: Background, registry: FakeRegistry, pooled: PooledModel,
        short: RegionItem) -> None:
    registry.promote_pooled(pooled)
    background.watch()
    registry.damage_pooled(registry.promote_pooled(pooled.with_version(2)))
    background.watch()

    assert "pooled model v1" in model_card(client, short)
    assert "v2 of the pooled model is in production but cannot forecast here" in text_of(page(client.get("/")))


def test_damaged_files_are_fetched_again_and_meanwhile_something_labelled_forecasts(
        client: FlaskClient, background: Background, registry: FakeRegistry, pooled: PooledModel,
        short: RegionItem) -> None:
    for version in (1, 2):
        registry.promote_pooled(pooled.with_version(version))
        background.watch()
    folder = background.services.models.pooled_folder
    (folder(2) / "pooled.json").write_bytes(b"broken")
    background.start_again()

    words = text_of(page(client.get("/forecasts", query_string={"ri": short.key})))
    assert "v2 of the pooled model is in production, but its files here are damaged and are being fetched" in words
    assert "v1 of the pooled model forecasts until then" in words

    shutil.rmtree(folder(1))
    background.start_again()
    words = text_of(page(client.get("/forecasts", query_string={"ri": short.key})))
    assert "the seasonal-naive baseline forecasts until then" in words

    background.watch()
    words = text_of(page(client.get("/forecasts", query_string={"ri": short.key})))
    assert "damaged" not in words
    assert "pooled model v2" in words


def test_an_own_model_without_the_pooled_version_it_stands_on_waits_for_it(
        client: FlaskClient, background: Background, registry: FakeRegistry, model: ForecastModel) -> None:
    registry.promote(KETTLE, standing_on(model, 1))
    registry.promote_pooled(model.pooled.with_version(2))
    background.watch()
    shutil.rmtree(background.services.models.pooled_folder(1))
    background.start_again()

    words = text_of(page(client.get("/forecasts", query_string={"ri": KETTLE.key})))
    assert "its files here are damaged and are being fetched again; v2 of the pooled model forecasts until" in words
    assert "Forecast by the pooled model until its own can be used again" in words

    background.watch()
    assert "production v1" in model_card(client, KETTLE)


def test_versions_that_nothing_stands_on_are_forgotten_and_no_others(background: Background, registry: FakeRegistry,
                                                                     model: ForecastModel) -> None:
    for version in (1, 2, 3):
        registry.promote(KETTLE, standing_on(model, version))
        background.watch()
    registry.promote_pooled(model.pooled.with_version(4))
    background.watch()
    assert pooled_on_disk(background) == ["1", "2", "3", "4"]

    background.watch(sweep=True)
    assert pooled_on_disk(background) == ["2", "3", "4"]  # of the version before, of production, for those without

    (background.services.models.folder(KETTLE, 2) / "forecast.json").write_bytes(b"broken")
    background.watch(sweep=True)
    assert pooled_on_disk(background) == ["2", "3", "4"]  # what v2 stands on cannot be told


def test_it_forecasts_on_while_mlflow_is_down(client: FlaskClient, background: Background, registry: FakeRegistry,
                                              pooled: PooledModel, short: RegionItem) -> None:
    registry.promote_pooled(pooled)
    background.watch()
    registry.is_down = True
    background.start_again()
    loop = RegistryLoop(background.services, registry)
    with background.app.app_context():
        loop.step()

    assert "pooled model v1" in model_card(client, short)


def test_the_registry_is_asked_for_it_at_the_start_and_then_seldom(background: Background, settings: object,
                                                                   tmp_path: Path) -> None:
    class Counting(FakeRegistry):
        asked = 0

        def pooled_production(self) -> int | None:
            self.asked += 1
            return super().pooled_production()

    registry = Counting(tmp_path / "counting", "shop")
    loop = RegistryLoop(background.services, registry)
    with background.app.app_context():
        for _ in range(5):
            loop.step()
        assert registry.asked == 1
        loop.pooled.again()
        loop.between.again()
        loop.step()
    assert registry.asked == 2


def test_an_open_page_tells_of_a_new_pooled_model_and_of_the_first_own(
        client: FlaskClient, background: Background, registry: FakeRegistry, model: ForecastModel,
        short: RegionItem) -> None:
    def news() -> str:
        response = client.get(str(live["hx-get"]), headers={"HX-Request": "true"})
        return text_of(page(response).select_one("#promoted"))

    live = page(client.get("/forecasts", query_string={"ri": short.key})).select("#result > [data-live]")[0]
    registry.promote_pooled(model.pooled)
    background.watch()
    assert news().startswith("baseline → pooled model v1 , promoted ")

    live = page(client.get("/forecasts", query_string={"ri": short.key})).select("#result > [data-live]")[0]
    registry.promote(short, model)
    background.watch()
    assert news().startswith("pooled model v1 → v1 , promoted ")


def test_a_retrain_says_that_the_pooled_model_stays(client: FlaskClient, background: Background,
                                                    registry: FakeRegistry, pooled: PooledModel) -> None:
    registry.promote_pooled(pooled)
    background.watch()
    retrain = ask_for_retrain(client, [KETTLE.key]).location
    background.send()
    request_id = background.dagster.carried[0].request_id
    background.journal(Entry(KETTLE, "kept", request_id=request_id, reason=TOO_SHORT))

    assert f"the pooled model stays : {TOO_SHORT}" in text_of(page(client.get(retrain)))
