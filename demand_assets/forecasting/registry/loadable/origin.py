"""What models are of, told to MLflow once for a batch, so that they can be loaded and asked elsewhere.

The code that forecasts lies beside the pooled model, and stays as long as anything stands on that; where demand is, and
which dataset a run was trained on, are told by the experiment and the run.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from demand_assets.forecasting.contract.region_item import RegionItem, pooled_name
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.registry.loadable.model_folders import MLMODEL, ModelFolder, own_folder, pooled_folder
from demand_assets.forecasting.registry.loadable.shipped_code import ShippedCode, shipped_code
from demand_assets.forecasting.registry.loadable.store_note import DEMAND_STORE, noted
from demand_assets.forecasting.registry.session import Session
from demand_assets.forecasting.registry.version_files import local_path
from demand_assets.forecasting.registry.versions import POOLED_PATH, PYFUNC

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion


@dataclass(frozen=True)
class Origin:
    """What models are trained on."""

    dataset: Dataset
    store: str
    """Where the demand is: a path or a URL."""
    example: RegionItem
    """Some region-item of the dataset, for MLflow's input examples."""


def loadable(session: Session, origin: Origin, pooled_version: int | None) -> tuple[ModelFolder, ShippedCode | None]:
    """What lies beside each model of a batch, and the code that is to lie beside a pooled model in it; where the demand
    is is noted by the way.

    Args:
        pooled_version: what the batch's models stand on: the code is put beside that version, where it does not lie
            yet. None for a batch that holds a pooled model.
    """
    tell_store(session, origin)
    code = shipped_code(origin.dataset)
    if pooled_version is None:
        return pooled_folder(origin.dataset, code.name, origin.store), code
    name = pooled_name(session.dataset)
    _ship(session, session.version(name, pooled_version), code, origin)
    return own_folder(origin.dataset, code.name, f"models:/{name}/{pooled_version}", origin.store), None


def tell_store(session: Session, origin: Origin) -> None:
    """Note where the demand is, for whoever loads a model elsewhere."""
    found = session.client.get_experiment(session.experiment)
    note = noted(origin.store, found.artifact_location)
    if found.tags.get(DEMAND_STORE) != note:
        session.client.set_experiment_tag(session.experiment, DEMAND_STORE, note)


def put(session: Session, version: "ModelVersion", path: str, write: Callable[[Path], None]) -> None:
    """Add files to those of a version, each whole or not there; the ``MLmodel`` last, which says that the others are.

    Args:
        path: of the version's folder among the artifacts of its run.
        write: writes the files into a folder.
    """
    folder = local_path(version.source)
    with tempfile.TemporaryDirectory(dir=folder and folder.parent) as temporary:
        made = Path(temporary)
        write(made)
        if folder is None:
            session.client.log_artifacts(str(version.run_id), str(made), path)
            return
        for file in sorted(made.iterdir(), key=lambda file: file.name == MLMODEL):
            file.rename(folder / file.name)


def _ship(session: Session, pooled: "ModelVersion", code: ShippedCode, origin: Origin) -> None:
    """Put the code beside a version of the pooled model, unless it lies there; of one that was made before models could
    be loaded, also what lets MLflow load that one."""
    folder = local_path(pooled.source)
    there = {file.name for file in folder.iterdir()} if folder else {
        Path(file.path).name for file in session.client.list_artifacts(str(pooled.run_id), POOLED_PATH)}
    is_of_before = MLMODEL not in there
    if code.file in there and not is_of_before:
        return

    def write(made: Path) -> None:
        (made / code.file).write_bytes(code.content)
        if is_of_before:
            pooled_folder(origin.dataset, code.name, origin.store).write(made, origin.example, 0)

    put(session, pooled, POOLED_PATH, write)
    if is_of_before:
        session.set_version_tag(pooled.name, int(pooled.version), PYFUNC, code.name)
