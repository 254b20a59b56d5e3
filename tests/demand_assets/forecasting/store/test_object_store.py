"""The demand store and the registry's files in an object store."""

import multiprocessing
from pathlib import Path

import fsspec
import mlflow
import pandas as pd
import pytest

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.forecast.forecaster import Forecaster
from demand_assets.forecasting.gate.gate import Decision
from demand_assets.forecasting.model.training.own_model import train
from demand_assets.forecasting.registry.loadable.completion import complete
from demand_assets.forecasting.registry.loadable.origin import Origin
from demand_assets.forecasting.registry.registry import Registry
from demand_assets.forecasting.registry.session import NotRegisteredError
from demand_assets.forecasting.store.demand_store import DemandStore
from demand_assets.forecasting.store.journal import Entry, Journal
from demand_assets.forecasting.store.object_store import ObjectStoreDownError
from demand_assets.forecasting.store.stored_files import DamagedFileError, NotInStoreError
from demand_assets.forecasting.whatif.scenario import PLAN
from tests.demand_assets.damage import CONTENTS
from tests.demand_assets.forecasting.conftest import KETTLES, pooled_over, weekly_demand

KETTLE, PAN = RegionItem("north", "kettle"), RegionItem("south", "pan")


@pytest.fixture
def url(services, monkeypatch, request) -> str:
    for name, value in services.environment().items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    return f"s3://demand/{request.node.name}"


def test_what_is_not_there_is_said_so(url):
    store = DemandStore(url)

    assert store.read_catalogue() == []
    assert not store.has("demand", KETTLE)
    assert store.names("journal") == []
    with pytest.raises(NotInStoreError):
        store.read("demand", KETTLE)


def test_another_writer_is_seen_at_once(url):
    reader, writer = DemandStore(url), DemandStore(url)
    assert Journal(reader).files_after("") == []

    Journal(writer).write([Entry(KETTLE, "started")])
    writer.write_catalogue([KETTLE])

    read = Journal(reader)
    assert [entry.region_item for name in read.files_after("") for entry in read.read(name)] == [KETTLE]
    assert reader.read_catalogue() == [KETTLE]


@pytest.mark.parametrize("damage", CONTENTS)
def test_a_damaged_object_is_as_good_as_missing_until_it_is_written_again(url, damage):
    store, demand = DemandStore(url), weekly_demand(20)
    for one in (KETTLE, PAN):
        store.write("demand", one, demand)
    name = f"demand/{KETTLE.path}.parquet"
    store.write_bytes(name, damage(store.read_bytes(name)))

    with pytest.raises(DamagedFileError) as caught:
        store.read("demand", KETTLE)
    assert store.note_damage(caught.value)
    assert len(store.read("demand", PAN)) == len(demand)
    (noted,) = store.damages()
    store.write("demand", KETTLE, demand)
    assert (noted.key, store.is_whole(noted)) == (KETTLE.key, True)
    store.forget_damage(noted)
    assert store.damages() == []


def _read(store: DemandStore, answers) -> None:
    answers.put(store.read_catalogue())


def test_a_forked_process_reads_with_a_client_of_its_own(url):
    store = DemandStore(url)
    store.write_catalogue([KETTLE])
    context = multiprocessing.get_context("fork")
    answers = context.Queue()

    child = context.Process(target=_read, args=(store, answers))
    child.start()

    assert answers.get(timeout=30) == [KETTLE]
    child.join(10)


def test_an_object_store_that_is_down_is_said_so(url, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    fsspec.get_filesystem_class("s3").clear_instance_cache()

    with pytest.raises(ObjectStoreDownError, match=r"does not answer as it should: .*127\.0\.0\.1:1"):
        DemandStore(url).read_catalogue()
    with pytest.raises(OSError, match="does not answer"):
        DemandStore(url).names("journal")


def test_a_model_and_its_pooled_model_come_back_whole(url, weekly, tmp_path):
    pooled = pooled_over({KETTLES: weekly_demand(60)}, weekly)
    registry = Registry(f"sqlite:///{tmp_path}/mlflow.db", "shop", artifacts=f"{url}/models")
    with registry.batch("training", {}) as batch:
        assert batch.register_pooled(pooled, {}) == 1
        model = train(weekly_demand(60), weekly, pooled, KETTLES)
        batch.register(KETTLES, model, {})

    assert registry.load(KETTLES, 1).booster.save_raw() == model.booster.save_raw()

    s3 = fsspec.filesystem("s3")
    s3.rm(f"{url}/models", recursive=True)
    with pytest.raises(NotRegisteredError, match=r"the files of .* version 1 cannot be fetched"):
        registry.load(KETTLES, 1)


def test_models_of_today_and_of_before_are_loaded_from_it(url, weekly, tmp_path):
    store, pooled = DemandStore(f"{url}/demand"), pooled_over({KETTLES: weekly_demand(60)}, weekly)
    store.write("demand", KETTLES, weekly_demand(60))
    registry = Registry(f"sqlite:///{tmp_path}/mlflow.db", "shop", artifacts=f"{url}/models")
    origin, promote, asked = Origin(weekly, store.url, KETTLES), Decision("promote", "so"), pd.DataFrame(
        {"region": ["north"], "item": ["kettle"]})
    model = train(weekly_demand(60), weekly, pooled, KETTLES)
    with registry.batch("before", {}) as batch:
        registry.decide_pooled(batch.register_pooled(pooled, {}), promote)
        registry.record_decision(KETTLES, batch.register(KETTLES, model, {}), promote, "")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(registry.session.uri)
    try:
        assert complete(registry, origin) == 1
        answers = [mlflow.pyfunc.load_model(f"models:/shop.{name}@production").predict(asked)
                   for name in ("north.kettle", "pooled")]
        with registry.batch("today", {}, origin, 1) as batch:
            registry.record_decision(KETTLES, batch.register(KETTLES, model, {}), promote, "")
        wanted = Path(mlflow.pyfunc.get_model_dependencies("models:/shop.north.kettle/2")).read_text()
        answers.append(mlflow.pyfunc.load_model("models:/shop.north.kettle/2").predict(asked))
    finally:
        mlflow.set_tracking_uri(before)

    assert {"s3fs", "boto3", "xgboost-cpu"} <= {line.split("==")[0] for line in wanted.split()}
    forecaster = Forecaster(weekly, store)
    forecasts = [forecaster.forecast(KETTLES, one, scenario=PLAN) for one in (model, pooled, model)]
    assert [answer["upper"].tolist() for answer in answers] == [
        forecast.columns["upper_80"].tolist() for forecast in forecasts]
