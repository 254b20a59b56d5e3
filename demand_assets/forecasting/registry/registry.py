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
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import requests

from demand_assets.forecasting.contract.region_item import BadNameError, RegionItem, escape, pooled_name
from demand_assets.forecasting.gate.gate import Decision
from demand_assets.forecasting.model.own import ForecastModel, pooled_version
from demand_assets.forecasting.model.pooled import PooledModel
from demand_assets.forecasting.registry.entry import RegistryEntry, decided, described, pinned, rolled_back, unpinned
from demand_assets.forecasting.registry.versions import (
    CANDIDATE,
    TAG_LENGTH,
    TrainingBatch,
    decision_tags,
    iso_now,
    local_path,
)
from demand_assets.forecasting.store.object_store import ObjectStoreDownError, object_store_errors

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel

PRODUCTION = "production"
_LARGEST_PAGE = 1000
_POOLED_KEPT = 3
"""Versions of the pooled model kept in memory: the one in production, and those that older models stand on."""


class RegistryDownError(RuntimeError):
    """MLflow cannot be reached."""


class NotRegisteredError(LookupError):
    """No such model, version or alias."""


@dataclass(frozen=True)
class Page:
    """Some of the registered models, in the order in which they changed last, newest first."""

    entries: list[tuple[int, RegistryEntry]]
    """Those of this dataset's region-items, with the time of their last change in milliseconds."""
    newest: int = 0
    oldest: int = 0
    """Times of the first and last model of the page, whatever it is of; 0 when there is none."""
    token: str = ""
    """Asks for the next page; empty when there is none."""


def ask_once() -> None:
    """Let what this process asks MLflow fail soon, instead of being asked again and again for minutes."""
    from mlflow.environment_variables import MLFLOW_HTTP_REQUEST_MAX_RETRIES, MLFLOW_HTTP_REQUEST_TIMEOUT

    MLFLOW_HTTP_REQUEST_MAX_RETRIES.set(0)  # type: ignore[no-untyped-call]
    MLFLOW_HTTP_REQUEST_TIMEOUT.set(15)  # type: ignore[no-untyped-call]


class Registry:
    """The models of one dataset.

    Args:
        uri: MLflow's tracking server, or a database URL to use its store without a server.
        dataset: the dataset's name.
        artifacts: where the artifacts of new experiments go; the server's default unless given.
    """

    def __init__(self, uri: str, dataset: str, artifacts: str | None = None) -> None:
        self._uri = uri
        self.dataset = dataset
        self._artifacts = artifacts
        self._pooled: dict[int, PooledModel] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process gets a registry of its own, with what it has loaded."""
        return opened, (self._uri, self.dataset, self._artifacts)

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
        run = self.client.create_run(self._experiment, run_name=run_name, tags=tags)
        try:
            yield TrainingBatch(self, run.info.run_id, run.info.artifact_uri)
        except BaseException:
            self.client.set_terminated(run.info.run_id, "FAILED")
            raise
        self.client.set_terminated(run.info.run_id)

    def entry(self, region_item: RegionItem) -> RegistryEntry | None:
        """What the registry says of the region-item; None when no model was ever registered for it."""
        from mlflow.exceptions import MlflowException

        try:
            found = self.client.get_registered_model(region_item.model_name(self.dataset))
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise
        return self._entry(found)

    def entries(self) -> list[RegistryEntry]:
        """Everything that is registered.

        Raises: RegistryDownError: MLflow does not answer.
        """
        if not self.is_up():
            raise RegistryDownError(f"MLflow does not answer at {self._uri}")
        page = self.page(_LARGEST_PAGE)
        entries = page.entries
        while page.token:
            page = self.page(_LARGEST_PAGE, page.token)
            entries += page.entries
        return [entry for _, entry in entries]

    def page(self, size: int, token: str = "") -> Page:
        """The models that changed last, in one query and nothing else; or those behind an earlier page.

        Raises: RegistryDownError: MLflow does not answer; soon only in a process that called ``ask_once``.
        """
        from mlflow.exceptions import MlflowException

        try:
            found = self.client.search_registered_models(
                max_results=size, order_by=["last_updated_timestamp DESC"], page_token=token or None)
        except (MlflowException, requests.RequestException) as error:
            raise RegistryDownError(f"MLflow at {self._uri} does not answer: {error}") from error
        times = [int(model.last_updated_timestamp) for model in found]
        entries = [(changed, entry) for changed, model in zip(times, found, strict=True)
                   if (entry := self._entry(model))]
        return Page(entries, max(times, default=0), min(times, default=0), found.token or "")

    def versions(self, region_item: RegionItem) -> list["ModelVersion"]:
        """All versions of the region-item's model, newest first."""
        name = region_item.model_name(self.dataset)
        found = self.client.search_model_versions(f"name='{name}'", max_results=1000)
        return sorted(found, key=lambda version: -int(version.version))

    def tags(self, region_item: RegionItem, version: int) -> dict[str, str]:
        """The tags of one version.

        Raises: NotRegisteredError: there is no such version.
        """
        return dict(self._version(region_item.model_name(self.dataset), version).tags)

    def load(self, region_item: RegionItem, version: int) -> ForecastModel:
        """The model of one version, with the pooled version that it stands on.

        Raises: NotRegisteredError: there is no such version. ModelFilesError: its files are damaged.
        """
        with self._files(region_item.model_name(self.dataset), version) as path:
            return ForecastModel.load(path, self.load_pooled(pooled_version(path)), version)

    def load_pooled(self, version: int) -> PooledModel:
        """One version of the pooled model; kept in memory.

        Raises: as ``load``.
        """
        if version not in self._pooled:
            with self._files(pooled_name(self.dataset), version) as path:
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
            found = self.client.get_model_version_by_alias(pooled_name(self.dataset), PRODUCTION)
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise RegistryDownError(f"MLflow at {self._uri} stopped answering: {error}") from error
        return int(found.version)

    def decide_pooled(self, version: int, decision: Decision) -> None:
        """Write the decision on a version of the pooled model; where it is to promote, move the alias."""
        name = pooled_name(self.dataset)
        for key, value in decision_tags(decision, {"decided_at": iso_now()}).items():
            self.client.set_model_version_tag(name, str(version), key, value)
        if decision.verdict == "promote":
            self.models.set_registered_model_alias(name, PRODUCTION, str(version))

    @contextmanager
    def _files(self, name: str, version: int) -> Iterator[Path]:
        """A folder with a version's files: where they are, or a copy.

        Raises: as ``fetch``.
        """
        local = local_path(self._version(name, version).source)
        if local and local.is_dir():
            yield local
            return
        with tempfile.TemporaryDirectory() as folder:
            yield self.fetch(name, version, Path(folder))

    def fetch(self, name: str, version: int, folder: Path, source: str = "") -> Path:
        """Copy a version's files to ``folder/name/version`` unless they are there, whole or not at all.

        Args:
            source: where they are; MLflow is asked unless given.
        Raises: NotRegisteredError: there is no such version, or its files are gone. RegistryDownError: MLflow does
            not answer.
        """
        import mlflow
        from mlflow.exceptions import MlflowException

        target = folder / name / str(version)
        if target.exists():
            return target
        local = local_path(source) if source else None
        if local is None:
            if not self.is_up():
                raise RegistryDownError(f"MLflow does not answer at {self._uri}")
            source = source or str(self._version(name, version).source)
            local = local_path(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.parent / f".{version}-{uuid4().hex[:8]}"
        temporary.mkdir()
        try:
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
                        card: dict[str, Any], before: RegistryEntry | None = None, is_told: bool = False,
                        source: str = "") -> None:
        """Write the gate's decision on the version; where it is to promote, move the alias and then date the model.

        Each step may be repeated: a crash between any two is mended by calling it again.

        Args:
            request_id: the retrain request that led to it.
            card: the version's card, shown of it when it is promoted.
            before: what the registry says now; looked up unless given.
            is_told: whether the version bears the decision's tags since it was registered.
            source: where the version's files are; looked up unless given.
        """
        name, now = region_item.model_name(self.dataset), iso_now()
        before = before or self.entry(region_item) or RegistryEntry(region_item, name, None, None)
        if not is_told:
            for key, value in decision_tags(decision, {"decided_at": now, "request_id": request_id}).items():
                self.client.set_model_version_tag(name, str(version), key, value)
        if decision.verdict == "promote":
            source = source or str(self._version(name, version).source)
            self.models.set_registered_model_alias(name, PRODUCTION, str(version))
        after = decided(before, version, decision, card, source, now)
        self.models.update_registered_model(name, json.dumps(described(after), ensure_ascii=False))

    def roll_back(self, region_item: RegionItem, version: int, replaced: int | None, by: str, reason: str,
                  card: dict[str, Any]) -> None:
        """Put an older version in production again: recorded on it, the alias moved, the model dated.

        What the gate decided last stays decided, so that the version that is left is not judged and promoted again.
        Each step may be repeated, as those of ``record_decision``.

        Args:
            replaced: the version that is rolled back from.
            by: who asked.
            card: the version's card.
        Raises: ActRefusedError: another version is in production meanwhile. NotRegisteredError: there is no such
            version. RegistryDownError: MLflow does not answer.
        """
        with self._asked_once():
            entry, now = self._known(region_item), iso_now()
            source = str(self._version(entry.name, version).source)
            after = rolled_back(entry, version, replaced, by, reason, card, source, now)
            words = json.dumps({"by": by, "reason": reason, "at": now, "from": replaced, "to": version},
                               ensure_ascii=False)[:TAG_LENGTH]
            self.client.set_model_version_tag(entry.name, str(version), "rolled_back", words)
            self.models.set_registered_model_alias(entry.name, PRODUCTION, str(version))
            self.models.update_registered_model(entry.name, json.dumps(described(after), ensure_ascii=False))

    def pin(self, region_item: RegionItem, version: int, by: str, reason: str) -> None:
        """Let the gate keep the version in production whatever comes, until it is unpinned.

        Raises: ActRefusedError: another version is in production. NotRegisteredError: no model is registered.
            RegistryDownError: MLflow does not answer.
        """
        with self._asked_once():
            after = pinned(self._known(region_item), version, by, reason, iso_now())
            self.models.update_registered_model(after.name, json.dumps(described(after), ensure_ascii=False))

    def unpin(self, region_item: RegionItem) -> None:
        """Let the gate decide on candidates again.

        Raises: NotRegisteredError: no model is registered. RegistryDownError: MLflow does not answer.
        """
        with self._asked_once():
            after = unpinned(self._known(region_item))
            self.models.update_registered_model(after.name, json.dumps(described(after), ensure_ascii=False))

    def _known(self, region_item: RegionItem) -> RegistryEntry:
        found = self.entry(region_item)
        if found is None:
            raise NotRegisteredError(f"no model is registered for {region_item}")
        return found

    @contextmanager
    def _asked_once(self) -> Iterator[None]:
        """What MLflow's silence means, said as ``page`` says it."""
        from mlflow.exceptions import MlflowException

        if not self.is_up():
            raise RegistryDownError(f"MLflow does not answer at {self._uri}")
        try:
            yield
        except (MlflowException, requests.RequestException) as error:
            raise RegistryDownError(f"MLflow at {self._uri} stopped answering: {error}") from error

    def _entry(self, found: "RegisteredModel") -> RegistryEntry | None:
        """The entry of a registered model; None when it is not of this dataset."""
        if not found.name.startswith(f"{escape(self.dataset)}."):
            return None
        try:
            _, region_item = RegionItem.from_model_name(found.name)
        except BadNameError:
            return None
        told = json.loads(found.description) if found.description else {}
        aliases = {alias: int(version) for alias, version in found.aliases.items()}
        return RegistryEntry(region_item=region_item, name=found.name, production=aliases.get(PRODUCTION),
                             candidate=aliases.get(CANDIDATE), **told)

    def _version(self, name: str, version: int) -> "ModelVersion":
        from mlflow.exceptions import MlflowException

        try:
            return self.client.get_model_version(name, str(version))
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                raise NotRegisteredError(f"{name} has no version {version}") from error
            raise

    @cached_property
    def client(self) -> "MlflowClient":
        """MLflow's own client."""
        from mlflow import MlflowClient

        return MlflowClient(self._uri, registry_uri=self._uri)

    @cached_property
    def models(self) -> Any:
        """MLflow's client of registered models only; it has no public name and no types, and a test holds it.

        ``MlflowClient`` looks before each change whether a name is a prompt's, which doubles the queries.
        """
        from mlflow.tracking._model_registry.client import ModelRegistryClient

        return ModelRegistryClient(self._uri, self._uri)  # type: ignore[no-untyped-call]

    @cached_property
    def _experiment(self) -> str:
        found = self.client.get_experiment_by_name(self.dataset)
        if found:
            return str(found.experiment_id)
        return str(self.client.create_experiment(self.dataset, artifact_location=self._artifacts))


@lru_cache(maxsize=8)
def opened(uri: str, dataset: str, artifacts: str | None) -> Registry:
    """The registry of a process that is sent one again and again; it keeps its connection and its pooled models."""
    return Registry(uri, dataset, artifacts)
