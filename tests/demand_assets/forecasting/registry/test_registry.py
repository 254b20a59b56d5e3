"""The registry on a real MLflow store, without a server."""

import pickle

import pytest

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.model.serving.pooled_model import PooledModel
from demand_assets.forecasting.registry.registry import Registry
from demand_assets.forecasting.registry.session import NotRegisteredError, RegistryDownError
from tests.demand_assets.forecasting.conftest import KETTLES
from tests.demand_assets.forecasting.registry.conftest import PROMOTE, register

ODD = RegionItem("Nörd/|:.", "v1.5 ~ 'L' %")


@pytest.fixture(params=[False, True], ids=["quick", "stock"])
def stock(request: pytest.FixtureRequest) -> bool:
    """As the product runs by itself, and on nothing but MLflow's public parts."""
    return bool(request.param)


@pytest.mark.parametrize("one", [KETTLES, ODD], ids=["plain", "odd"])
def test_a_version_comes_back_whole(registry: Registry, model: ForecastModel, one: RegionItem) -> None:
    version = register(registry, one, model)

    loaded = registry.load(one, version)

    assert loaded.card == model.card
    assert loaded.booster.save_raw() == model.booster.save_raw()
    assert registry.entry(one).candidate == 1
    assert registry.entry(one).production is None
    assert registry.tags(one, 1)["region"] == one.region


def test_another_process_gets_a_registry_that_keeps_what_it_loaded(registry: Registry, model: ForecastModel) -> None:
    sent = [pickle.loads(pickle.dumps(registry)) for _ in range(2)]

    assert sent[0] is sent[1]
    assert sent[0].load(KETTLES, register(registry, KETTLES, model)).card == model.card


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
