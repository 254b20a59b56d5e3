"""The model registry. The only file that imports mlflow, and only when it is first asked.

One registered model for each region-item, and the pooled model that they stand on. Aliases ``candidate`` and
``production`` name versions; the registered model's description holds, as JSON, what the web app shows of the version
in production. MLflow does not date alias moves, so the description is written after each: that dates the registered
model, and one query finds what changed.
"""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from importlib.metadata import version as installed_version
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import requests

from demand_assets.forecasting.model import ForecastModel, pooled_version
from demand_assets.forecasting.object_store import ObjectStoreDownError, object_store_errors
from demand_assets.forecasting.pooled import PooledModel
from demand_assets.forecasting.promotion import Decision
from demand_assets.forecasting.region_item import BadNameError, RegionItem, escape, pooled_name

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel

CANDIDATE, PRODUCTION = "candidate", "production"
_FIRST_PAGE, _NEXT_PAGES, _SWEEP_PAGES = 20, 200, 1000
"""Models asked for at a time: most looks find nothing new, and a look costs MLflow about as much as it returns."""
_OVERLAP_MS = 60_000
_TAG_LENGTH = 5000
_POOLED_KEPT = 3
"""Versions of the pooled model kept in memory: the one in production, and those that older models stand on."""


class RegistryDownError(RuntimeError):
    """MLflow cannot be reached."""


class NotRegisteredError(LookupError):
    """No such model, version or alias."""


@dataclass(frozen=True)
class RegistryEntry:
    """What the registry says of one region-item."""

    region_item: RegionItem
    name: str
    production: int | None
    candidate: int | None
    previous: int | None = None
    """The version that production replaced."""
    promoted_at: str | None = None
    """When production was promoted, ISO, UTC."""
    decided_at: str | None = None
    decision: str = ""
    """The last decision of the gate: ``promote``, ``keep`` or none yet."""
    reason: str = ""
    summary: dict[str, Any] = field(default_factory=dict)
    """The production version's card."""


class Registry:
    """The models of one dataset.

    Args:
        uri: MLflow's tracking server, or a database URL to use its store without a server.
        dataset: the dataset's name.
        artifacts: where the artifacts of new experiments go; the server's default unless given.
    """

    def __init__(self, uri: str, dataset: str, artifacts: str | None = None) -> None:
        self._uri = uri
        self._dataset = dataset
        self._artifacts = artifacts
        self._pooled: dict[int, PooledModel] = {}

    def is_up(self) -> bool:
        """Whether the tracking server answers; always true without a server."""
        if not self._uri.startswith("http"):
            return True
        try:
            return requests.get(f"{self._uri}/health", timeout=2).ok
        except requests.RequestException:
            return False

    @contextmanager
    def batch(self, run_name: str, tags: dict[str, str]) -> Iterator["TrainingBatch"]:
        """One MLflow run that holds the models trained together; it is closed as failed when the block raises."""
        run = self._client.create_run(self._experiment, run_name=run_name, tags=tags)
        batch = TrainingBatch(self._client, run.info.run_id, run.info.artifact_uri, self._dataset)
        try:
            yield batch
        except BaseException:
            self._client.set_terminated(run.info.run_id, "FAILED")
            raise
        self._client.log_metric(run.info.run_id, "models", batch.registered)
        self._client.set_terminated(run.info.run_id)

    def entry(self, region_item: RegionItem) -> RegistryEntry | None:
        """What the registry says of the region-item; None when no model was ever registered for it."""
        from mlflow.exceptions import MlflowException

        try:
            found = self._client.get_registered_model(region_item.model_name(self._dataset))
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise
        return self._entry(found)

    def entries_since(self, watermark: int) -> tuple[list[RegistryEntry], int]:
        """What changed since the watermark, and the new watermark (milliseconds); 0 asks for everything.

        One small query where little changed; those of the last minute before the watermark come again.
        Raises: RegistryDownError: MLflow does not answer.
        """
        from mlflow.exceptions import MlflowException

        if not self.is_up():
            raise RegistryDownError(f"MLflow does not answer at {self._uri}")
        try:
            return self._changed_since(watermark)
        except (MlflowException, requests.RequestException) as error:
            raise RegistryDownError(f"MLflow at {self._uri} stopped answering: {error}") from error

    def _changed_since(self, watermark: int) -> tuple[list[RegistryEntry], int]:
        entries: list[RegistryEntry] = []
        newest, token = watermark, None
        size = _FIRST_PAGE if watermark else _SWEEP_PAGES
        while True:
            page = self._client.search_registered_models(
                max_results=size, order_by=["last_updated_timestamp DESC"], page_token=token)
            for found in page:
                changed = int(found.last_updated_timestamp)
                if changed < watermark - _OVERLAP_MS:
                    return entries, newest
                newest = max(newest, changed)
                if entry := self._entry(found):
                    entries.append(entry)
            token, size = page.token, max(size, _NEXT_PAGES)
            if not token:
                return entries, newest

    def versions(self, region_item: RegionItem) -> list["ModelVersion"]:
        """All versions of the region-item's model, newest first."""
        name = region_item.model_name(self._dataset)
        found = self._client.search_model_versions(f"name='{name}'", max_results=1000)
        return sorted(found, key=lambda version: -int(version.version))

    def tags(self, region_item: RegionItem, version: int) -> dict[str, str]:
        """The tags of one version.

        Raises: NotRegisteredError: there is no such version.
        """
        return dict(self._version(region_item.model_name(self._dataset), version).tags)

    def load(self, region_item: RegionItem, version: int) -> ForecastModel:
        """The model of one version, with the pooled version that it stands on.

        Raises: NotRegisteredError: there is no such version. ModelFilesError: its files are damaged.
        """
        with tempfile.TemporaryDirectory() as folder:
            path = self.fetch(region_item.model_name(self._dataset), version, Path(folder))
            return ForecastModel.load(path, self.load_pooled(pooled_version(path)), version)

    def load_pooled(self, version: int) -> PooledModel:
        """One version of the pooled model; kept in memory.

        Raises: as ``load``.
        """
        if version not in self._pooled:
            with tempfile.TemporaryDirectory() as folder:
                path = self.fetch(pooled_name(self._dataset), version, Path(folder))
                self._pooled[version] = PooledModel.load(path, version)
            while len(self._pooled) > _POOLED_KEPT:
                self._pooled.pop(next(iter(self._pooled)))
        return self._pooled[version]

    def pooled_production(self) -> int | None:
        """The version of the pooled model that new models stand on; None before the first.

        Raises: RegistryDownError: MLflow does not answer.
        """
        from mlflow.exceptions import MlflowException

        if not self.is_up():
            raise RegistryDownError(f"MLflow does not answer at {self._uri}")
        try:
            found = self._client.get_model_version_by_alias(pooled_name(self._dataset), PRODUCTION)
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise RegistryDownError(f"MLflow at {self._uri} stopped answering: {error}") from error
        return int(found.version)

    def decide_pooled(self, version: int, decision: Decision) -> None:
        """Write the decision on a version of the pooled model; where it is to promote, move the alias."""
        name = pooled_name(self._dataset)
        evidence = {**decision.numbers, "decided_at": _now()}
        for key, value in (("decision", f"{decision.verdict}: {decision.reason}"),
                           ("decision_numbers", json.dumps(evidence))):
            self._client.set_model_version_tag(name, str(version), key, value[:_TAG_LENGTH])
        if decision.verdict == "promote":
            self._client.set_registered_model_alias(name, PRODUCTION, str(version))
        self._client.set_model_version_tag(name, str(version), "decision_applied", "yes")

    def fetch(self, name: str, version: int, folder: Path) -> Path:
        """Copy a version's files to ``folder/name/version`` unless they are there, whole or not at all.

        Raises: NotRegisteredError: there is no such version, or its files are gone. RegistryDownError: MLflow does
            not answer.
        """
        import mlflow
        from mlflow.exceptions import MlflowException

        target = folder / name / str(version)
        if target.exists():
            return target
        if not self.is_up():
            raise RegistryDownError(f"MLflow does not answer at {self._uri}")
        source = self._version(name, version).source
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.parent / f".{version}-{uuid4().hex[:8]}"
        temporary.mkdir()
        try:
            local = _local_path(source)
            if local and local.is_dir():
                copied = shutil.copytree(local, temporary / "files")
            else:
                with object_store_errors():
                    copied = Path(mlflow.artifacts.download_artifacts(
                        artifact_uri=source, dst_path=str(temporary), tracking_uri=self._uri))
            copied.rename(target)
        except ObjectStoreDownError as error:
            raise RegistryDownError(f"the files of {name} version {version} cannot be reached: {error}") from error
        except (OSError, MlflowException) as error:
            if not target.exists():
                raise NotRegisteredError(f"the files of {name} version {version} cannot be fetched: {error}") from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return target

    def record_decision(self, region_item: RegionItem, version: int, decision: Decision, request_id: str,
                        card: dict[str, Any], before: RegistryEntry | None = None) -> None:
        """Write the gate's decision on the version; where it is to promote, move the alias and then date the model.

        Each step may be repeated: a crash between any two is mended by calling it again.

        Args:
            request_id: the retrain request that led to it.
            card: the version's card, shown of it when it is promoted.
            before: what the registry says now; looked up unless given.
        """
        name, now = region_item.model_name(self._dataset), _now()
        before = before or self.entry(region_item)
        evidence = {**decision.numbers, "decided_at": now, "request_id": request_id}
        for key, value in (("decision", f"{decision.verdict}: {decision.reason}"),
                           ("decision_numbers", json.dumps(evidence))):
            self._client.set_model_version_tag(name, str(version), key, value[:_TAG_LENGTH])
        served = asdict(before) if before else {}
        description = {"decision": decision.verdict, "reason": decision.reason, "decided_at": now,
                       "promoted_at": served.get("promoted_at"), "previous": served.get("previous"),
                       "summary": served.get("summary", {})}
        if decision.verdict == "promote":
            replaced = served.get("production")
            description |= {"promoted_at": now, "summary": {key: _json_value(value) for key, value in card.items()},
                            "previous": replaced if replaced != version else served.get("previous")}
            self._client.set_registered_model_alias(name, PRODUCTION, str(version))
        self._client.update_registered_model(name, description=json.dumps(description, ensure_ascii=False))
        self._client.set_model_version_tag(name, str(version), "decision_applied", "yes")

    def _entry(self, found: "RegisteredModel") -> RegistryEntry | None:
        """The entry of a registered model; None when it is not of this dataset."""
        if not found.name.startswith(f"{escape(self._dataset)}."):
            return None
        try:
            _, region_item = RegionItem.from_model_name(found.name)
        except BadNameError:
            return None
        described = json.loads(found.description) if found.description else {}
        aliases = {alias: int(version) for alias, version in found.aliases.items()}
        return RegistryEntry(region_item=region_item, name=found.name, production=aliases.get(PRODUCTION),
                             candidate=aliases.get(CANDIDATE), **described)

    def _version(self, name: str, version: int) -> "ModelVersion":
        from mlflow.exceptions import MlflowException

        try:
            return self._client.get_model_version(name, str(version))
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                raise NotRegisteredError(f"{name} has no version {version}") from error
            raise

    @cached_property
    def _client(self) -> "MlflowClient":
        from mlflow import MlflowClient

        return MlflowClient(self._uri, registry_uri=self._uri)

    @cached_property
    def _experiment(self) -> str:
        found = self._client.get_experiment_by_name(self._dataset)
        if found:
            return str(found.experiment_id)
        return str(self._client.create_experiment(self._dataset, artifact_location=self._artifacts))


class TrainingBatch:
    """Registers the models that one MLflow run holds."""

    def __init__(self, client: "MlflowClient", run_id: str, artifact_uri: str, dataset: str) -> None:
        self._client = client
        self._run_id = run_id
        self._artifact_uri = artifact_uri
        self._dataset = dataset
        self.registered = 0

    def register(self, region_item: RegionItem, model: ForecastModel, tags: dict[str, str]) -> int:
        """Store the model as a new version with alias ``candidate``; the version's number.

        Args:
            tags: of the version, beside the region-item, the card and the recipe.
        """
        name = region_item.model_name(self._dataset)
        identity = {"dataset": self._dataset, "region": region_item.region, "item": region_item.item}
        with tempfile.TemporaryDirectory() as folder:
            _save(model, Path(folder) / "model")
            self._client.log_artifacts(self._run_id, str(Path(folder) / "model"), f"models/{region_item.path}")
        card = {key: str(value) for key, value in asdict(model.card).items()}
        return self._added(name, f"models/{region_item.path}", identity,
                             {**identity, **card, "recipe": json.dumps(model.recipe.to_json()), **tags})

    def register_pooled(self, model: PooledModel, tags: dict[str, str]) -> int:
        """Store the pooled model as a new version with alias ``candidate``; the version's number."""
        with tempfile.TemporaryDirectory() as folder:
            model.save(Path(folder))
            self._client.log_artifacts(self._run_id, folder, "pooled")
        card = {key: json.dumps(value)[:_TAG_LENGTH] for key, value in model.card.items()}
        return self._added(pooled_name(self._dataset), "pooled", {"dataset": self._dataset},
                             {**card, "recipe": json.dumps(model.recipe.to_json()), **tags})

    def _added(self, name: str, path: str, identity: dict[str, str], tags: dict[str, str]) -> int:
        from mlflow.exceptions import MlflowException

        try:
            self._client.create_registered_model(name, tags=identity)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        version = self._client.create_model_version(name, f"{self._artifact_uri}/{path}", self._run_id, tags=tags)
        self._client.set_registered_model_alias(name, CANDIDATE, version.version)
        self.registered += 1
        return int(version.version)


def _save(model: ForecastModel, folder: Path) -> None:
    """An MLflow model folder with the booster as UBJSON, its signature, and our details beside it."""
    import mlflow.xgboost
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    signature = ModelSignature(inputs=Schema([ColSpec(DataType.float, name) for name in model.feature_names]),
                               outputs=Schema([ColSpec(DataType.float)]))
    mlflow.xgboost.save_model(model.booster, str(folder), signature=signature, model_format="ubj",
                              pip_requirements=[f"xgboost=={installed_version('xgboost-cpu')}"])
    model.save(folder)


def _local_path(uri: str | None) -> Path | None:
    """The path that an artifact URI names on this machine, or None when it is elsewhere."""
    parsed = urlsplit(uri or "unknown:")
    return Path(unquote(parsed.path)) if parsed.scheme == "file" else Path(parsed.path) if not parsed.scheme else None


def _json_value(value: Any) -> Any:
    """The value, or None for a number that JSON does not know."""
    return None if isinstance(value, float) and not isfinite(value) else value


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
