"""New versions for the registry: models written as MLflow model folders and registered, many of them to an MLflow run.

Written without ``log_model``, which infers requirements for seconds (docs/decisions/0005-models-are-written-without-
log-model.md).
"""

import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from demand_assets.forecasting.contract.clock import Clock
from demand_assets.forecasting.contract.region_item import RegionItem, pooled_name
from demand_assets.forecasting.gate.gate import Decision
from demand_assets.forecasting.model.own import BOOSTER_FILE, ForecastModel
from demand_assets.forecasting.model.pooled import PooledModel
from demand_assets.forecasting.registry.entry import CANDIDATE
from demand_assets.forecasting.registry.facts import iso_now
from demand_assets.forecasting.registry.files import SEALED, local_path, seal
from demand_assets.forecasting.registry.session import Session

TAG_LENGTH = 5000


@dataclass(frozen=True)
class TrainingBatch:
    """Registers the models that one MLflow run holds; may be sent to other processes, which register in it too."""

    session: Session
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
        identity = {"dataset": self.session.dataset, "region": region_item.region, "item": region_item.item}
        card = {key: str(value) for key, value in asdict(model.card).items()}
        decided = decision_tags(decision, {"decided_at": iso_now(), "request_id": tags.get("request_id", "")}) if (
            decision) else {}
        return self._added(
            region_item.model_name(self.session.dataset), f"models/{region_item.path}", identity, is_known,
            {**identity, **card, "recipe": json.dumps(model.recipe.to_json()), **tags, **decided},
            lambda folder: _save(model, folder), model.card.data_hash, clock or Clock())

    def register_pooled(self, model: PooledModel, tags: dict[str, str]) -> int:
        """Store the pooled model as a new version with alias ``candidate``; the version's number."""
        card = {key: json.dumps(value)[:TAG_LENGTH] for key, value in model.card.items()}
        return self._added(
            pooled_name(self.session.dataset), "pooled", {"dataset": self.session.dataset}, False,
            {**card, "recipe": json.dumps(model.recipe.to_json()), **tags}, model.save, "", Clock())

    def _added(self, name: str, path: str, identity: dict[str, str], is_known: bool, tags: dict[str, str],
               save: Callable[[Path], None], data_hash: str, clock: Clock) -> int:
        """Register a version, then store its files, which say its number, and only then call it the candidate."""
        with clock("register"):
            version = self._numbered(name, path, identity, is_known, tags)
        with clock("log"):
            artifacts = local_path(self.artifact_uri)
            with tempfile.TemporaryDirectory() as temporary:
                folder = artifacts / path if artifacts else Path(temporary) / "model"
                folder.mkdir(parents=True)
                save(folder)
                seal(folder, name, version, data_hash)
                if not artifacts:
                    self.session.client.log_artifacts(self.run_id, str(folder), path)
        with clock("register"):
            self.session.set_alias(name, CANDIDATE, version)
        return version

    def _numbered(self, name: str, path: str, identity: dict[str, str], is_known: bool, tags: dict[str, str]) -> int:
        from mlflow.exceptions import MlflowException

        client = self.session.client
        if not is_known:
            try:
                client.create_registered_model(name, tags=identity)
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
        added = client.create_model_version(name, f"{self.artifact_uri}/{path}", self.run_id,
                                            tags={**tags, SEALED: "in the files"})
        return int(added.version)


def decision_tags(decision: Decision, evidence: dict[str, str]) -> dict[str, str]:
    """What is written on a version of the gate's decision on it."""
    return {"decision": f"{decision.verdict}: {decision.reason}"[:TAG_LENGTH],
            "decision_numbers": json.dumps({**decision.numbers, **evidence})[:TAG_LENGTH]}


def _save(model: ForecastModel, folder: Path) -> None:
    """An MLflow model folder with the booster as UBJSON, its signature, and our details beside it."""
    model.save(folder)
    used = tuple(model.feature_names[place] for place in model.pooled.columns)
    own = {"model_uuid": uuid4().hex, "model_size_bytes": (folder / BOOSTER_FILE).stat().st_size,
           "utc_time_created": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}"}
    for name, text in _model_folder(used).items():
        if name == "MLmodel":
            for field, stand_in in _STAND_INS.items():
                text = text.replace(str(stand_in), str(own[field]))
        (folder / name).write_text(text)


_STAND_INS: dict[str, Any] = {"model_uuid": "5ca1ab1e0ddba11c0ffee0ddba11ca11", "model_size_bytes": 7_234_567_890_123,
                              "utc_time_created": "1971-02-03 04:05:06.070809"}
"""What stands in the MLmodel file that all models with the same features are written from, in place of what differs:
MLflow writes such a file in 13 ms, the text is replaced in none."""


@lru_cache(maxsize=4)
def _model_folder(features: tuple[str, ...]) -> dict[str, str]:
    """The files that MLflow writes beside a booster with these features: as it writes them itself, once."""
    import mlflow.xgboost
    import xgboost as xgb
    from mlflow.models import Model, ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    signature = ModelSignature(inputs=Schema([ColSpec(DataType.float, name) for name in features]),
                               outputs=Schema([ColSpec(DataType.float)]))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "model"
        empty = xgb.train({"nthread": 1}, xgb.DMatrix(np.zeros((1, 1)), np.zeros(1)), num_boost_round=1)
        mlflow.xgboost.save_model(empty, str(folder), signature=signature, model_format="ubj",
                                  pip_requirements=[f"xgboost=={installed_version('xgboost-cpu')}"])
        described = Model.load(str(folder))
        for field, stand_in in _STAND_INS.items():
            setattr(described, field, stand_in)
        described.save(str(folder / "MLmodel"))
        return {file.name: file.read_text() for file in folder.iterdir() if file.name != BOOSTER_FILE}
