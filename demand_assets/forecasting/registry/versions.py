"""New versions for the registry: models written as MLflow model folders and registered, many of them to an MLflow run.

Written without ``log_model``, which infers requirements for seconds (docs/decisions/0005-models-are-written-without-
log-model.md), and loadable by ``mlflow.pyfunc`` all the same (docs/decisions/0053-models-are-models.md).
"""

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from time import time
from uuid import uuid4

from demand_assets.forecasting.contract.clock import Clock
from demand_assets.forecasting.contract.region_item import RegionItem, pooled_name
from demand_assets.forecasting.gate.gate import Decision
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.model.serving.pooled_model import PooledModel
from demand_assets.forecasting.registry.entry import CANDIDATE
from demand_assets.forecasting.registry.loadable.model_folders import ModelFolder
from demand_assets.forecasting.registry.loadable.shipped_code import ShippedCode
from demand_assets.forecasting.registry.region_item_tags import iso_now
from demand_assets.forecasting.registry.session import Session
from demand_assets.forecasting.registry.version_files import SEALED, local_path, seal

TAG_LENGTH = 5000
PYFUNC = "pyfunc"
"""Tag of a version that ``mlflow.pyfunc`` loads as a forecasting model: the name of the code shipped for it, which
tells its content. A version without it is of before, and loads as the booster that it is, if at all."""
POOLED_PATH = "pooled"
"""Of a pooled model's folder among the artifacts of its run."""
UNKNOWN = RegionItem("a region", "an item")
"""In an input example, where no region-item is known."""


@dataclass(frozen=True)
class TrainingBatch:
    """Registers the models that one MLflow run holds; may be sent to other processes, which register in it too."""

    session: Session
    run_id: str
    artifact_uri: str
    folder: ModelFolder | None = None
    """What lies beside each model so that MLflow loads it; nothing where the dataset is not at hand."""
    code: ShippedCode | None = None
    """What is to lie beside a pooled model of this batch; nothing where it lies there already."""
    store: str = ""
    """Where the demand is that the models learn from."""

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
            model.save, model.card.data_hash, region_item, clock or Clock())

    def register_pooled(self, model: PooledModel, tags: dict[str, str], example: RegionItem | None = None) -> int:
        """Store the pooled model as a new version with alias ``candidate``; the version's number.

        Args:
            example: a region-item for MLflow's input example.
        """
        card = {key: json.dumps(value)[:TAG_LENGTH] for key, value in model.card.items()}

        def save(folder: Path) -> None:
            model.save(folder)
            if self.code:
                (folder / self.code.file).write_bytes(self.code.content)

        return self._added(
            pooled_name(self.session.dataset), POOLED_PATH, {"dataset": self.session.dataset}, False,
            {**card, "recipe": json.dumps(model.recipe.to_json()), **tags}, save, "", example or UNKNOWN, Clock())

    def tell(self, metrics: Mapping[str, float], demand_hash: str, region_items: int) -> None:
        """Note on the run what is known of the whole batch, where MLflow filters runs by it and draws it.

        Args:
            metrics: those that are no number are left out.
            demand_hash: a fingerprint of the demand that the batch learned from.
            region_items: whose demand that is.
        """
        from mlflow.entities import Dataset, DatasetInput, Metric

        now = int(time() * 1000)
        self.session.client.log_batch(self.run_id, [
            Metric(name, float(value), now, 0) for name, value in metrics.items() if isfinite(value)])
        if self.store:
            self.session.client.log_inputs(self.run_id, [DatasetInput(Dataset(
                self.session.dataset, demand_hash, "local", json.dumps({"uri": self.store}),
                profile=json.dumps({"region_items": region_items})))])

    def _added(self, name: str, path: str, identity: dict[str, str], is_known: bool, tags: dict[str, str],
               save: Callable[[Path], None], data_hash: str, example: RegionItem, clock: Clock) -> int:
        """Register a version, then store its files, which say its number, and only then call it the candidate."""
        sealed = uuid4().hex[:16]
        with clock("register"):
            version = self._numbered(name, path, identity, is_known, {**tags, SEALED: sealed})
        with clock("log"):
            artifacts = local_path(self.artifact_uri)
            with tempfile.TemporaryDirectory() as temporary:
                folder = artifacts / path if artifacts else Path(temporary) / "model"
                folder.mkdir(parents=True)
                save(folder)
                if self.folder:
                    self.folder.write(folder, example, sum(file.stat().st_size for file in folder.iterdir()))
                seal(folder, name, version, data_hash, sealed)
                if not artifacts:
                    self.session.client.log_artifacts(self.run_id, str(folder), path)
        with clock("register"):
            self.session.set_alias(name, CANDIDATE, version)
        return version

    def _numbered(self, name: str, path: str, identity: dict[str, str], is_known: bool, tags: dict[str, str]) -> int:
        from mlflow.exceptions import MlflowException

        tags = {**tags, **({PYFUNC: self.folder.code} if self.folder else {})}
        if rows := self.session.rows:
            return rows.add_version(name, identity, f"{self.artifact_uri}/{path}", self.run_id, tags)
        client = self.session.client  # not before: a worker that needs none is spared what it imports
        if not is_known:
            try:
                client.create_registered_model(name, tags=identity)
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
        return int(client.create_model_version(name, f"{self.artifact_uri}/{path}", self.run_id, tags=tags).version)


def decision_tags(decision: Decision, evidence: dict[str, str]) -> dict[str, str]:
    """What is written on a version of the gate's decision on it."""
    return {"decision": f"{decision.verdict}: {decision.reason}"[:TAG_LENGTH],
            "decision_numbers": json.dumps({**decision.numbers, **evidence})[:TAG_LENGTH]}
