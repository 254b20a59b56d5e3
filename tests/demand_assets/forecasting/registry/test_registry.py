"""The registry on a real MLflow store, without a server."""

import json
import pickle
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from demand_assets.forecasting.contract.dataset import Dataset
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.gate.gate import Decision
from demand_assets.forecasting.model.own import ForecastModel
from demand_assets.forecasting.model.pooled import PooledModel
from demand_assets.forecasting.model.training.own import train
from demand_assets.forecasting.registry.entry import RegistryEntry, held_by_pin, pinned, unpinned
from demand_assets.forecasting.registry.registry import NotRegisteredError, Registry, RegistryDownError
from tests.demand_assets.forecasting.conftest import KETTLES, pooled_over, weekly_demand

ODD = RegionItem("Nörd/|:.", "v1.5 ~ 'L' %")
PROMOTE = Decision("promote", "better", {"wape": 0.1})


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"


@pytest.fixture
def registry(uri: str, tmp_path: Path, request: pytest.FixtureRequest) -> Registry:
    dataset = "".join(character for character in request.node.name if character.isalnum())[-40:]
    return Registry(uri, dataset, artifacts=str(tmp_path / "artifacts"))


@pytest.fixture
def pooled(weekly: Dataset) -> PooledModel:
    return pooled_over({KETTLES: weekly_demand(60)}, weekly)


@pytest.fixture
def model(weekly: Dataset, registry: Registry, pooled: PooledModel) -> ForecastModel:
    """Stands on the pooled model that the registry holds as version 1."""
    with registry.batch("pooled", {}) as batch:
        assert batch.register_pooled(pooled, {}) == 1
    return train(weekly_demand(60), weekly, pooled, KETTLES)


def register(registry: Registry, one: RegionItem, model: ForecastModel) -> int:
    with registry.batch("training", {}) as batch:
        return batch.register(one, model, {"request_id": "r1"})


def promote(registry: Registry, one: RegionItem, version: int, model: ForecastModel) -> None:
    registry.record_decision(one, version, PROMOTE, "r1", asdict(model.card))


@pytest.mark.parametrize("one", [KETTLES, ODD], ids=["plain", "odd"])
def test_a_version_comes_back_whole(registry: Registry, model: ForecastModel, one: RegionItem) -> None:
    version = register(registry, one, model)

    loaded = registry.load(one, version)

    assert loaded.card == model.card
    assert loaded.booster.save_raw() == model.booster.save_raw()
    assert registry.entry(one).candidate == 1
    assert registry.entry(one).production is None
    assert registry.tags(one, 1)["region"] == one.region


def test_nothing_is_pickled_and_the_signature_is_kept(registry: Registry, model: ForecastModel, tmp_path: Path) -> None:
    register(registry, KETTLES, model)

    folder = registry.fetch(KETTLES.model_name(registry.dataset), 1, tmp_path / "cache")

    assert {"model.ubj", "forecast.json", "MLmodel"} <= {file.name for file in folder.iterdir()}
    assert not [file for file in folder.iterdir() if file.suffix in (".pkl", ".pickle")]
    assert "signature" in (folder / "MLmodel").read_text()


def test_mlflow_itself_reads_every_model_folder(registry: Registry, model: ForecastModel, tmp_path: Path) -> None:
    import mlflow.xgboost
    import yaml

    folders = [registry.fetch(one.model_name(registry.dataset), register(registry, one, model), tmp_path)
               for one in (KETTLES, ODD)]

    described = [yaml.safe_load((folder / "MLmodel").read_text()) for folder in folders]
    assert described[0]["model_uuid"] != described[1]["model_uuid"]
    assert described[0]["model_size_bytes"] == (folders[0] / "model.ubj").stat().st_size
    used = [model.feature_names[place] for place in model.pooled.columns]
    assert [column["name"] for column in json.loads(described[0]["signature"]["inputs"])] == used
    rows = pd.DataFrame(np.ones((2, len(used)), dtype=np.float32), columns=used)
    answered = mlflow.pyfunc.load_model(str(folders[0])).predict(rows)
    assert np.ravel(answered) == pytest.approx(model.booster.inplace_predict(rows.to_numpy()))
    assert mlflow.xgboost.load_model(str(folders[1])).save_raw() == model.booster.save_raw()


def test_another_process_gets_a_registry_that_keeps_what_it_loaded(registry: Registry, model: ForecastModel) -> None:
    sent = [pickle.loads(pickle.dumps(registry)) for _ in range(2)]

    assert sent[0] is sent[1]
    assert sent[0].load(KETTLES, register(registry, KETTLES, model)).card == model.card


def test_promotion_remembers_what_it_replaced(registry: Registry, model: ForecastModel) -> None:
    for _ in range(2):
        promote(registry, KETTLES, register(registry, KETTLES, model), model)

    entry = registry.entry(KETTLES)

    assert (entry.production, entry.previous, entry.candidate) == (2, 1, 2)
    assert entry.summary["trained_to"] == model.card.trained_to
    assert registry.tags(KETTLES, 2)["decision"] == "promote: better"
    assert json.loads(registry.tags(KETTLES, 2)["decision_numbers"])["wape"] == 0.1


def test_promoting_twice_is_promoting_once(registry: Registry, model: ForecastModel) -> None:
    for _ in range(2):
        promote(registry, KETTLES, register(registry, KETTLES, model), model)

    promote(registry, KETTLES, 2, model)

    assert (registry.entry(KETTLES).production, registry.entry(KETTLES).previous) == (2, 1)


def test_keeping_leaves_production_and_says_why(registry: Registry, model: ForecastModel) -> None:
    promote(registry, KETTLES, register(registry, KETTLES, model), model)
    promoted_at = registry.entry(KETTLES).promoted_at

    registry.record_decision(KETTLES, register(registry, KETTLES, model), Decision("keep", "worse"), "r2", {})

    entry = registry.entry(KETTLES)
    assert (entry.production, entry.candidate, entry.decision, entry.reason) == (1, 2, "keep", "worse")
    assert entry.promoted_at == promoted_at


def test_a_promotion_dates_the_model_and_says_where_its_files_are(registry: Registry, model: ForecastModel) -> None:
    version = register(registry, KETTLES, model)
    before = registry.page(10)

    promote(registry, KETTLES, version, model)

    after = registry.page(10)
    assert after.newest > before.newest
    assert [entry.region_item for entry in registry.entries()] == [KETTLES]
    assert after.entries[0][1].source == registry.versions(KETTLES)[0].source


def test_other_datasets_are_left_out(registry: Registry, model: ForecastModel, uri: str) -> None:
    register(registry, KETTLES, model)

    assert Registry(uri, "another").entries() == []


def test_what_is_not_there_is_said(registry: Registry) -> None:
    assert registry.entry(RegionItem("no", "where")) is None
    with pytest.raises(NotRegisteredError, match="version 9"):
        registry.tags(RegionItem("no", "where"), 9)


def test_a_server_that_is_down_is_said() -> None:
    with pytest.raises(RegistryDownError, match="does not answer at"):
        Registry("http://127.0.0.1:9", "shop").entries()


def test_the_pooled_model_is_a_version_like_the_others(registry: Registry, pooled: PooledModel) -> None:
    with registry.batch("pooled", {}) as batch:
        version = batch.register_pooled(pooled, {"asked_by": "a test"})
    before = registry.pooled_production()
    registry.decide_pooled(version, PROMOTE)

    assert before is None
    assert registry.pooled_production() == version == 1
    assert registry.load_pooled(1).card == pooled.card
    assert registry.entries() == []


def test_a_model_is_loaded_with_the_pooled_version_it_stands_on(registry: Registry, model: ForecastModel,
                                                                pooled: PooledModel, uri: str) -> None:
    version = register(registry, KETTLES, model)
    with registry.batch("a newer pooled model", {}) as batch:
        registry.decide_pooled(batch.register_pooled(pooled, {}), PROMOTE)

    loaded = registry.load(KETTLES, version)

    assert registry.pooled_production() == 2
    assert loaded.pooled.version == loaded.card.pooled_version == 1


def test_a_roll_back_is_written_on_the_version_and_leaves_what_was_decided(registry: Registry,
                                                                           model: ForecastModel) -> None:
    for _ in range(2):
        promote(registry, KETTLES, register(registry, KETTLES, model), model)

    registry.roll_back(KETTLES, 1, 2, "ada@example.com", "v2 is too high", asdict(model.card))

    told = json.loads(registry.tags(KETTLES, 1)["rolled_back"])
    assert (told["by"], told["reason"], told["from"], told["to"]) == ("ada@example.com", "v2 is too high", 2, 1)
    entry = registry.entry(KETTLES)
    assert (entry.decided, entry.decision) == (2, "promote")
    assert entry.summary["trained_to"] == model.card.trained_to
    assert entry.source == registry.versions(KETTLES)[1].source


def test_a_decision_leaves_the_pin(registry: Registry, model: ForecastModel) -> None:
    promote(registry, KETTLES, register(registry, KETTLES, model), model)
    registry.pin(KETTLES, 1, "ada@example.com", "Christmas")

    registry.record_decision(KETTLES, register(registry, KETTLES, model), Decision("keep", "pinned"), "r2", {})

    assert registry.entry(KETTLES).pinned_reason == "Christmas"


def test_a_pin_keeps_what_serves_and_tells_the_candidates_merit() -> None:
    entry = pinned(RegistryEntry(KETTLES, "shop.north.kettles", 1, 2), 1, "ada@example.com", "Christmas", "2026-11-23")

    held = held_by_pin(entry, PROMOTE)

    assert held.verdict == "keep"
    assert held.reason == "pinned by ada@example.com: Christmas; the candidate would have been promoted: better"
    assert held.numbers == PROMOTE.numbers
    assert "would not have been promoted either: worse" in held_by_pin(entry, Decision("keep", "worse")).reason
    assert held_by_pin(unpinned(entry), PROMOTE) is PROMOTE
    assert held_by_pin(None, PROMOTE) is PROMOTE
