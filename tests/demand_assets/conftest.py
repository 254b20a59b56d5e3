"""A small dataset with a pipeline of its own, everything in a temporary directory."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import invalidate_caches
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
