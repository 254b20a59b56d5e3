"""Registries on a real MLflow store without a server, and the product's own acts on them."""

import shutil
from pathlib import Path
from zlib import crc32

import pytest

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.gate.gate import Decision
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.model.serving.pooled_model import PooledModel
from demand_assets.forecasting.model.training.own_model import train
from demand_assets.forecasting.registry.registry import Registry
from tests.demand_assets.forecasting.conftest import KETTLES, pooled_over, quick, weekly_demand

PROMOTE = Decision("promote", "better", {"wape": 0.1})


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory, empty_mlflow: Path) -> str:
    return f"sqlite:///{shutil.copy(empty_mlflow, tmp_path_factory.mktemp('mlflow'))}"


@pytest.fixture
def stock() -> bool:
    """Whether only MLflow's public parts are used."""
    return False


@pytest.fixture
def registry(uri: str, tmp_path: Path, request: pytest.FixtureRequest, stock: bool) -> Registry:
    return Registry(uri, f"shop {crc32(request.node.nodeid.encode())}", str(tmp_path / "artifacts"), stock)


@pytest.fixture(scope="session")
def pooled(weekly: Dataset) -> PooledModel:
    return pooled_over({KETTLES: weekly_demand(60)}, quick(weekly))


@pytest.fixture(scope="session")
def own(weekly: Dataset, pooled: PooledModel) -> ForecastModel:
    """The kettles' model, which stands on the pooled one; trained once, as no test changes it."""
    return train(weekly_demand(60), quick(weekly), pooled, KETTLES)


@pytest.fixture
def model(registry: Registry, pooled: PooledModel, own: ForecastModel) -> ForecastModel:
    """Stands on the pooled model that the registry holds as version 1."""
    with registry.batch("pooled", {}) as batch:
        assert batch.register_pooled(pooled, {}) == 1
    return own


def register(registry: Registry, one: RegionItem, model: ForecastModel) -> int:
    """Register a model; its version."""
    with registry.batch("training", {}) as batch:
        return batch.register(one, model, {"request_id": "r1"})


def promoted(registry: Registry, one: RegionItem, model: ForecastModel) -> int:
    """Register a model and put it in production; its version."""
    version = register(registry, one, model)
    registry.record_decision(one, version, PROMOTE, "r1")
    return version
