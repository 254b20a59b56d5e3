"""A small dataset with a pipeline of its own, everything in a temporary directory."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import invalidate_caches
from pathlib import Path

import dagster as dg
import pytest

from demand_assets.dagster_instance.instance import open_instance, prepare_home
from demand_assets.defs.partitions import sync_partitions
from demand_assets.defs.resources import PipelineResource, open_pipeline
from demand_assets.forecasting.contract.dagster_names import TAKEN_IN_ASSETS
from demand_assets.forecasting.registry.moved_files import prepare_models
from demand_assets.pipeline.outcomes import RequestedBy
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


PINNED = """
[training]
scale = "log"
drivers = "boosted"
year_features = false
rounds = 30
own_rounds = 10
own_share = 0.5
"""
"""What makes models fast, where a test is not about how they are chosen; to be added to the dataset file."""


def settings_in(folder: Path, training: str = "") -> Settings:
    """Settings of a weekly dataset of two regions and two items, everything in that folder."""
    file = folder / "shop.toml"
    file.write_text(DATASET + training)
    return Settings(dataset=file, state=folder / "var", cores=1, mlflow_url=None)


def begin(settings: Settings, empty_mlflow: Path) -> Pipeline:
    """The pipeline of these settings, which goes on with what is in the state directory; with nothing, where it is not
    there."""
    if not settings.state.exists():
        (settings.folder / "mlflow").mkdir(parents=True)
        shutil.copy(empty_mlflow, settings.folder / "mlflow" / "mlflow.db")
    return open_pipeline(settings)


def copy_state(state: Path, settings: Settings) -> None:
    """Let the pipeline of these settings go on from a copy of that state directory, which nobody writes to now."""
    shutil.copytree(state, settings.state)
    prepare_models(settings.folder / "mlflow")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a weekly dataset of two regions and two items."""
    return settings_in(tmp_path)


@pytest.fixture
def pipeline(settings: Settings, empty_mlflow: Path) -> Pipeline:
    """The dataset's pipeline, with nothing done yet but what a fixture named by ``usefixtures`` has copied."""
    return begin(settings, empty_mlflow)


@pytest.fixture(scope="session")
def pooled_state(tmp_path_factory: pytest.TempPathFactory, empty_mlflow: Path) -> Path:
    """A state directory with all demand taken in and a pooled model, made fast, and no journal; to be copied."""
    settings = settings_in(tmp_path_factory.mktemp("pooled"), PINNED)
    pipeline = begin(settings, empty_mlflow)
    list(pipeline.carry(pipeline.source.catalogue().region_items, TAKEN_IN_ASSETS, RequestedBy()))
    pipeline.pool(RequestedBy())
    shutil.rmtree(Path(settings.demand_store_url) / "journal")
    return settings.state


@pytest.fixture
def pooled(settings: Settings, pooled_state: Path) -> None:
    """The pipeline begins with all demand taken in and a pooled model; for ``usefixtures``, which comes before it."""
    copy_state(pooled_state, settings)


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


@contextmanager
def instance_of(settings: Settings, pipeline: Pipeline, empty_dagster: Path) -> Iterator[dg.DagsterInstance]:
    """A Dagster instance that knows the region-items as partitions; in a state that has one already, that one."""
    home = settings.folder / "dagster"
    if not home.exists():
        shutil.copytree(empty_dagster, home)
    prepare_home(home)
    with open_instance(home) as instance:
        sync_partitions(instance, pipeline.source.catalogue().region_items)
        yield instance


@pytest.fixture
def instance(settings: Settings, pipeline: Pipeline, empty_dagster: Path) -> Iterator[dg.DagsterInstance]:
    """A Dagster instance that knows the region-items as partitions."""
    with instance_of(settings, pipeline, empty_dagster) as instance:
        yield instance


ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def installed_examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the packages in ``docs/examples`` are installed into, as pip and uv do."""
    folder = tmp_path_factory.mktemp("site")
    subprocess.run([Path(sys.prefix) / "bin" / "uv", "pip", "install", "--quiet", "--offline", "--no-index",
                    "--no-deps", "--no-build-isolation", "--python", sys.executable, "--target", folder,
                    *sorted(file.parent for file in (ROOT / "docs" / "examples").glob("*/pyproject.toml"))], check=True)
    return folder


@pytest.fixture
def examples(installed_examples: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same folder, from which this process imports."""
    monkeypatch.syspath_prepend(str(installed_examples))
    return installed_examples


@pytest.fixture
def plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """Group, name, source code -> the folder of a package whose class ``Offered`` is plugged in by that name."""
    made: list[str] = []

    def plug(group: str, name: str, code: str, package: str = "acme-plugin") -> Path:
        module = package.replace("-", "_")
        folder = tmp_path / "site" / package
        info = folder / f"{module}-1.2.dist-info"
        info.mkdir(parents=True)
        (folder / f"{module}.py").write_text(code)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {module}:Offered\n")
        monkeypatch.syspath_prepend(str(folder))
        invalidate_caches()
        made.append(module)
        return folder

    yield plug
    for module in made:
        sys.modules.pop(module, None)
