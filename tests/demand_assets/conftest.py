"""A small dataset with a pipeline of its own, everything in a temporary directory."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from demand_assets.dagster_instance.instance import open_instance, prepare_home
from demand_assets.defs.partitions import sync_partitions
from demand_assets.defs.resources import PipelineResource, open_pipeline
from demand_assets.pipeline.run import Pipeline
from demand_assets.settings import Settings

DATASET = """
name = "shop"
frequency = "W"
horizon = 4

[source]
kind = "simulated"
regions = 2
items = 2
years = 2
today = "2026-06-01"

[[drivers]]
name = "price"
kind = "number"
effect = "decreasing"

[[drivers]]
name = "promo"
kind = "yes_no"
effect = "increasing"
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a weekly dataset of two regions and two items."""
    file = tmp_path / "shop.toml"
    file.write_text(DATASET)
    return Settings(dataset=file, state=tmp_path / "var", cores=1, mlflow_url=None)


@pytest.fixture
def pipeline(settings: Settings, empty_mlflow: Path) -> Pipeline:
    """The dataset's pipeline, with nothing done yet."""
    (settings.folder / "mlflow").mkdir(parents=True)
    shutil.copy(empty_mlflow, settings.folder / "mlflow" / "mlflow.db")
    return open_pipeline(settings)


@pytest.fixture
def resource(settings: Settings, pipeline: Pipeline) -> PipelineResource:
    """The same pipeline as Dagster opens it."""
    return PipelineResource(dataset=str(settings.dataset), state=str(settings.state))


@pytest.fixture(scope="session")
def empty_dagster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dagster's home before the first run; to be copied, for the making of its tables takes a while."""
    home = tmp_path_factory.mktemp("dagster")
    prepare_home(home)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        sync_partitions(instance, [])
    return home


@pytest.fixture
def instance(settings: Settings, pipeline: Pipeline, empty_dagster: Path) -> Iterator[dg.DagsterInstance]:
    """A Dagster instance that knows the region-items as partitions."""
    home = settings.folder / "dagster"
    shutil.copytree(empty_dagster, home)
    prepare_home(home)
    with open_instance(home) as instance:
        sync_partitions(instance, pipeline.source.catalogue().region_items)
        yield instance
