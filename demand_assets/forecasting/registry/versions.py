"""New versions for the registry: models written as MLflow model folders and registered, many of them to an MLflow run.

Written without ``log_model``, which infers requirements for seconds (docs/decisions/0005-models-are-written-without-
log-model.md).
"""

import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import numpy as np

from demand_assets.forecasting.contract.clock import Clock
from demand_assets.forecasting.contract.region_item import RegionItem, pooled_name
from demand_assets.forecasting.gate.gate import Decision
from demand_assets.forecasting.model.own import BOOSTER_FILE, ForecastModel
from demand_assets.forecasting.model.pooled import PooledModel

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from demand_assets.forecasting.registry.registry import Registry

CANDIDATE = "candidate"
TAG_LENGTH = 5000


@dataclass(frozen=True)
class TrainingBatch:
    """Registers the models that one MLflow run holds; may be sent to other processes, which register in it too."""

    registry: "Registry"
    run_id: str
    artifact_uri: str

    def register(self, region_item: RegionItem, model: ForecastModel, tags: dict[str, str], is_known: bool = False,
                 decision: Decision | None = None, clock: Clock | None = None) -> int:
        """Store the model as a new version with alias ``candidate``; the version's number.

        Args:
            tags: of the version, beside the region-item, the card and the recipe.
            is_known: whether the region-item has a registered model already; it is tried out unless said.
            decision: the gate's, where it is known already; written on the version, and to be recorded next.
            clock: is told where the time goes.
        """
        dataset, clock = self.registry.dataset, clock or Clock()
        identity = {"dataset": dataset, "region": region_item.region, "item": region_item.item}
        with clock("log"), self._folder(_path(region_item)) as folder:
            _save(model, folder)
        card = {key: str(value) for key, value in asdict(model.card).items()}
        decided = decision_tags(decision, {"decided_at": iso_now(), "request_id": tags.get("request_id", "")}) if (
            decision) else {}
        tags = {**identity, **card, "recipe": json.dumps(model.recipe.to_json()), **tags, **decided}
        with clock("register"):
            return self._added(region_item.model_name(dataset), _path(region_item), identity, is_known, tags)

    def source(self, region_item: RegionItem) -> str:
        """Where the files of the region-item's model are."""
        return f"{self.artifact_uri}/{_path(region_item)}"

    def register_pooled(self, model: PooledModel, tags: dict[str, str]) -> int:
        """Store the pooled model as a new version with alias ``candidate``; the version's number."""
        with self._folder("pooled") as folder:
            folder.mkdir(parents=True)
            model.save(folder)
        card = {key: json.dumps(value)[:TAG_LENGTH] for key, value in model.card.items()}
        return self._added(pooled_name(self.registry.dataset), "pooled", {"dataset": self.registry.dataset}, False,
                           {**card, "recipe": json.dumps(model.recipe.to_json()), **tags})

    @contextmanager
    def _folder(self, path: str) -> Iterator[Path]:
        """A folder that is not there yet; what is in it at the end are the run's artifacts at that path."""
        artifacts = local_path(self.artifact_uri)
        if artifacts:
            yield artifacts / path
            return
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary) / "model"
            yield folder
            self._client.log_artifacts(self.run_id, str(folder), path)

    def _added(self, name: str, path: str, identity: dict[str, str], is_known: bool, tags: dict[str, str]) -> int:
        from mlflow.exceptions import MlflowException

        if not is_known:
            try:
                self._client.create_registered_model(name, tags=identity)
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
        version = self._client.create_model_version(name, f"{self.artifact_uri}/{path}", self.run_id, tags=tags)
        self.registry.models.set_registered_model_alias(name, CANDIDATE, version.version)
        return int(version.version)

    @property
    def _client(self) -> "MlflowClient":
        return self.registry.client


def _path(region_item: RegionItem) -> str:
    return f"models/{region_item.path}"


def decision_tags(decision: Decision, evidence: dict[str, str]) -> dict[str, str]:
    """What is written on a version of the gate's decision on it."""
    return {"decision": f"{decision.verdict}: {decision.reason}"[:TAG_LENGTH],
            "decision_numbers": json.dumps({**decision.numbers, **evidence})[:TAG_LENGTH]}


def iso_now() -> str:
    """The present moment, ISO, UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def local_path(uri: str | None) -> Path | None:
    """The path that an artifact URI names on this machine, or None when it is elsewhere."""
    parsed = urlsplit(uri or "unknown:")
    return Path(unquote(parsed.path)) if parsed.scheme == "file" else Path(parsed.path) if not parsed.scheme else None


def _save(model: ForecastModel, folder: Path) -> None:
    """An MLflow model folder with the booster as UBJSON, its signature, and our details beside it."""
    folder.mkdir(parents=True)
    model.save(folder)
    size = (folder / BOOSTER_FILE).stat().st_size
    used = tuple(model.feature_names[place] for place in model.pooled.columns)
    for name, text in _model_folder(used).items():
        if name == "MLmodel":
            text = _OF_ONE_MODEL.sub(lambda found: f"{found[1]}: " + {
                "model_uuid": uuid4().hex, "model_size_bytes": str(size),
                "utc_time_created": f"'{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}'"}[found[1]], text)
        (folder / name).write_text(text)


_OF_ONE_MODEL = re.compile(r"^(model_uuid|model_size_bytes|utc_time_created): .*$", re.MULTILINE)
"""What differs between the MLmodel files of two boosters with the same features."""


@lru_cache(maxsize=4)
def _model_folder(features: tuple[str, ...]) -> dict[str, str]:
    """The files that MLflow writes beside a booster with these features: as it writes them itself, once."""
    import mlflow.xgboost
    import xgboost as xgb
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    signature = ModelSignature(inputs=Schema([ColSpec(DataType.float, name) for name in features]),
                               outputs=Schema([ColSpec(DataType.float)]))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "model"
        empty = xgb.train({"nthread": 1}, xgb.DMatrix(np.zeros((1, 1)), np.zeros(1)), num_boost_round=1)
        mlflow.xgboost.save_model(empty, str(folder), signature=signature, model_format="ubj",
                                  pip_requirements=[f"xgboost=={installed_version('xgboost-cpu')}"])
        return {file.name: file.read_text() for file in folder.iterdir() if file.name != BOOSTER_FILE}
