"""The model registry, as the pipeline and the web app ask it: models are registered in batches and come back whole.

One registered model for each region-item, and the pooled model that they stand on. ``registered_models`` has what is
read of all of them, ``promotions_pins_and_roll_backs`` what changes what is in production.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from typing_extensions import override

from demand_assets.forecasting.contract.region_item import RegionItem, pooled_name
from demand_assets.forecasting.gate.gate import Decision
from demand_assets.forecasting.model.model_files import Contents
from demand_assets.forecasting.model.serving.own_model import ForecastModel, pooled_version
from demand_assets.forecasting.model.serving.pooled_model import PooledModel
from demand_assets.forecasting.registry.entry import CANDIDATE, PRODUCTION
from demand_assets.forecasting.registry.loadable.origin import Origin, loadable
from demand_assets.forecasting.registry.promotions_pins_and_roll_backs import ModelsInProduction
from demand_assets.forecasting.registry.region_item_tags import iso_now
from demand_assets.forecasting.registry.session import NotRegisteredError, RegistryDownError
from demand_assets.forecasting.registry.version_files import (
    VersionFiles,
    check,
    copy,
    damage_is_told,
    local_path,
    seal_old,
    verified,
)
from demand_assets.forecasting.registry.versions import TrainingBatch, decision_tags
from demand_assets.forecasting.store.object_store import ObjectStoreDownError, object_store_errors

_POOLED_KEPT = 3
"""Versions of the pooled model kept in memory: the one in production, and those that older models stand on."""


class Registry(ModelsInProduction):
    """The models of one dataset; the arguments are those of ``RegisteredModels``."""

    def __init__(self, uri: str, dataset: str, artifacts: str | None = None, stock: bool = False) -> None:
        super().__init__(uri, dataset, artifacts, stock)
        self._pooled: dict[int, PooledModel] = {}

    @override
    def __reduce__(self) -> tuple[Any, ...]:
        """Another process gets a registry of its own, with what it has loaded."""
        return opened, (self.session.uri, self.dataset, self.session.artifacts, self.session.stock)

    @contextmanager
    def batch(self, run_name: str, tags: dict[str, str], origin: Origin | None = None,
              pooled_version: int | None = None) -> Iterator[TrainingBatch]:
        """One MLflow run that holds the models trained together; it is closed as failed when the block raises.

        Args:
            origin: what the models are of; without it ``mlflow.pyfunc`` cannot load them.
            pooled_version: what the region-items' models stand on; None for a batch that holds a pooled model.
        """
        client = self.session.client
        run = client.create_run(self.session.experiment, run_name=run_name, tags=tags)
        try:
            batch = TrainingBatch(self.session, run.info.run_id, run.info.artifact_uri)
            if origin:
                folder, code = loadable(self.session, origin, pooled_version)
                batch = replace(batch, folder=folder, code=code, store=origin.store)
            yield batch
        except BaseException:
            client.set_terminated(run.info.run_id, "FAILED")
            raise
        client.set_terminated(run.info.run_id)

    def load(self, region_item: RegionItem, version: int) -> ForecastModel:
        """The model of one version, with the pooled version that it stands on.

        Raises: NotRegisteredError: there is no such version. ModelFilesError: its files are damaged, or not its own.
        """
        name = region_item.model_name(self.dataset)
        with self._files(name, version) as (path, contents):
            pooled = self.load_pooled(pooled_version(path, contents))
            with damage_is_told(name, version):
                return ForecastModel.load(path, pooled, version, contents)

    def adopt(self, region_item: RegionItem, version: int) -> None:
        """Take up a version whose training was cut off after its files were whole: call it the candidate, and date the
        model, so that whoever looks for changes finds it. May be repeated."""
        name = region_item.model_name(self.dataset)
        self.session.set_alias(name, CANDIDATE, version)
        self.session.date(name)

    def discard(self, region_item: RegionItem, version: int) -> None:
        """Remove a version whose training was cut off before its files were whole: nothing can be made of it."""
        self.session.client.delete_model_version(region_item.model_name(self.dataset), str(version))

    def load_pooled(self, version: int) -> PooledModel:
        """One version of the pooled model; kept in memory.

        Raises: as ``load``.
        """
        if version not in self._pooled:
            name = pooled_name(self.dataset)
            with self._files(name, version) as (path, contents), damage_is_told(name, version):
                self._pooled[version] = PooledModel.load(path, version, contents=contents)
            while len(self._pooled) > _POOLED_KEPT:
                self._pooled.pop(next(iter(self._pooled)))
        return self._pooled[version]

    def pooled_production(self) -> int | None:
        """The version of the pooled model that new models stand on; None before the first.

        Raises: RegistryDownError: MLflow does not answer.
        """
        return self._pooled_called(PRODUCTION)

    def pooled_candidate(self) -> int | None:
        """The newest version of the pooled model, promoted or not; None before the first.

        Raises: RegistryDownError: MLflow does not answer.
        """
        return self._pooled_called(CANDIDATE)

    def _pooled_called(self, alias: str) -> int | None:
        from mlflow.exceptions import MlflowException

        self.session.check_up()
        try:
            found = self.session.client.get_model_version_by_alias(pooled_name(self.dataset), alias)
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise RegistryDownError(f"MLflow at {self.session.uri} stopped answering: {error}") from error
        return int(found.version)

    def decide_pooled(self, version: int, decision: Decision) -> None:
        """Write the decision on a version of the pooled model; where it is to promote, move the alias."""
        name = pooled_name(self.dataset)
        for key, value in decision_tags(decision, {"decided_at": iso_now()}).items():
            self.session.set_version_tag(name, version, key, value)
        if decision.verdict == "promote":
            self.session.set_alias(name, PRODUCTION, version)

    @contextmanager
    def _files(self, name: str, version: int) -> Iterator[tuple[Path, Contents]]:
        """The folder with a version's files, where they are on this machine or a copy, and their verified contents."""
        told = VersionFiles.of(self.session.version(name, version))
        local = local_path(told.source)
        if local and local.is_dir():
            yield local, verified(local, name, version, told)
            return
        with tempfile.TemporaryDirectory() as folder:
            fetched = self.fetch(name, version, Path(folder), told)
            yield fetched, verified(fetched, name, version, told)

    def fetch(self, name: str, version: int, folder: Path, told: VersionFiles | None = None) -> Path:
        """Copy a version's files to ``folder/name/version`` unless they are there; checked and whole, or not at all.

        Args:
            told: where they are, as the version itself told it; it is asked unless given, or when given another's.
        Raises: NotRegisteredError: there is no such version, or its files are gone. ModelFilesError: they are damaged,
            or another version's. RegistryDownError: MLflow does not answer.
        """
        import mlflow
        from mlflow.exceptions import MlflowException

        target = folder / name / str(version)
        if target.exists():
            return target
        if told is None or told.version != version:
            with self.session.asked_once():
                told = VersionFiles.of(self.session.version(name, version))
        local = local_path(told.source)
        if local is None:
            self.session.check_up()
        elif not local.is_dir():  # told before the state was moved, perhaps
            with self.session.asked_once():
                told = VersionFiles.of(self.session.version(name, version))
            local = local_path(told.source)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.parent / f".{version}-{uuid4().hex[:8]}"
        temporary.mkdir()
        try:
            if local and local.is_dir():
                check(local, name, version, told)  # before anything of a strange folder is copied
                copied = copy(local, temporary / "files")
            else:
                with object_store_errors():
                    brought = mlflow.artifacts.download_artifacts(
                        artifact_uri=told.source, dst_path=str(temporary), tracking_uri=self.session.uri)
                copied = copy(Path(brought), temporary / "files")
            check(copied, name, version, told)
            seal_old(copied, name, version)
            copied.rename(target)
        except ObjectStoreDownError as error:
            raise RegistryDownError(f"the files of {name} version {version} cannot be reached: {error}") from error
        except (OSError, MlflowException, ImportError) as error:
            if not target.exists():
                raise NotRegisteredError(f"the files of {name} version {version} cannot be fetched: {error}") from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return target


@lru_cache(maxsize=8)
def opened(uri: str, dataset: str, artifacts: str | None, stock: bool) -> Registry:
    """The registry of a process that is sent one again and again; it keeps its connection and its pooled models."""
    return Registry(uri, dataset, artifacts, stock)
