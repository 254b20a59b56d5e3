"""The model registry, as the pipeline and the web app ask it.

One registered model for each region-item, and the pooled model that they stand on. Aliases ``candidate`` and
``production`` name versions; tags hold what else is known, each fact its own (``facts``). MLflow does not date alias
moves or tags, so the registered model is dated after each: one query finds what changed.
"""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

import requests

from demand_assets.forecasting.contract.region_item import BadNameError, RegionItem, pooled_name
from demand_assets.forecasting.gate.gate import Decision
from demand_assets.forecasting.model.model_files import Contents
from demand_assets.forecasting.model.serving.own_model import ForecastModel, pooled_version
from demand_assets.forecasting.model.serving.pooled_model import PooledModel
from demand_assets.forecasting.registry.entry import CANDIDATE, EXPIRING, PRODUCTION, RegistryEntry, card_of, entry_of
from demand_assets.forecasting.registry.loadable.origin import Origin, loadable
from demand_assets.forecasting.registry.pins_and_roll_backs import ActRefusedError, checked_act, held_by_pin
from demand_assets.forecasting.registry.region_item_tags import (
    OLD_ENTRY,
    PIN,
    PROMOTION,
    PROMOTIONS_KEPT,
    PROMOTIONS_UP_TO,
    DecisionFact,
    Fact,
    MovedEntry,
    OldEntry,
    Pin,
    Promotion,
    iso_now,
    moment,
)
from demand_assets.forecasting.registry.session import NotRegisteredError, RegistryDownError, Session
from demand_assets.forecasting.registry.version_files import (
    VersionFiles,
    check,
    copy,
    damage_is_told,
    local_path,
    seal_old,
    verified,
)
from demand_assets.forecasting.registry.versions import TAG_LENGTH, TrainingBatch, decision_tags
from demand_assets.forecasting.store.object_store import ObjectStoreDownError, object_store_errors

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel

_LARGEST_PAGE = 1000
MEASURES = ("wape", "rmsse", "bias", "coverage")
"""How the names of what a backtest and the gate measure begin."""
_POOLED_KEPT = 3
"""Versions of the pooled model kept in memory: the one in production, and those that older models stand on."""


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


@dataclass(frozen=True)
class RegisteredVersion:
    """One version of a region-item's model, as its tags tell it."""

    region_item: RegionItem
    version: int
    made_at: datetime
    decided_at: datetime | None
    decision: str
    """``promote``, ``keep`` or none that is known."""
    reason: str
    request_id: str
    run_id: str
    """Of Dagster."""
    numbers: dict[str, Any]
    """Of its backtest and of the gate's decision."""


@dataclass(frozen=True)
class RegisteredPage:
    """Some of all versions."""

    versions: list[RegisteredVersion]
    token: str = ""
    """Asks for the next page; empty when there is none."""


class Registry:
    """The models of one dataset.

    Args:
        uri: MLflow's tracking server, or a database URL to use its store without a server.
        dataset: the dataset's name.
        artifacts: where the artifacts of new experiments go; the server's default unless given.
        stock: whether to use nothing but MLflow's public parts, which is slower.
    """

    def __init__(self, uri: str, dataset: str, artifacts: str | None = None, stock: bool = False) -> None:
        self.session = Session(uri, dataset, artifacts, stock)
        self.dataset = dataset
        self._pooled: dict[int, PooledModel] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process gets a registry of its own, with what it has loaded."""
        return opened, (self.session.uri, self.dataset, self.session.artifacts, self.session.stock)

    def is_up(self) -> bool:
        """Whether the tracking server answers; always true without a server."""
        return self.session.is_up()

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

    def entry(self, region_item: RegionItem) -> RegistryEntry | None:
        """What the registry says of the region-item; None when no model was ever registered for it."""
        found = self.session.model(region_item.model_name(self.dataset))
        if found is None:
            return None
        candidate = found.aliases.get(CANDIDATE)
        if candidate is None or any(str(version.version) == str(candidate) for version in found.latest_versions or ()):
            return entry_of(found, self.dataset)
        try:
            tags = dict(self.session.version(found.name, int(candidate)).tags)
        except NotRegisteredError:
            tags = {}
        return entry_of(found, self.dataset, tags)

    def entries(self) -> list[RegistryEntry]:
        """Everything that is registered.

        Raises: RegistryDownError: MLflow does not answer.
        """
        self.session.check_up()
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
            found = self.session.client.search_registered_models(
                max_results=size, order_by=["last_updated_timestamp DESC"], page_token=token or None)
        except (MlflowException, requests.RequestException) as error:
            raise RegistryDownError(f"MLflow at {self.session.uri} does not answer: {error}") from error
        times = [int(model.last_updated_timestamp) for model in found]
        entries = [(changed, entry) for changed, model in zip(times, found, strict=True)
                   if (entry := entry_of(model, self.dataset))]
        return Page(entries, max(times, default=0), min(times, default=0), found.token or "")

    def is_registered(self, region_item: RegionItem) -> bool:
        """Whether there is a model of the region-item: people may delete or rename one.

        Raises: RegistryDownError: MLflow does not answer.
        """
        from mlflow.exceptions import MlflowException

        try:
            return self.session.model(region_item.model_name(self.dataset)) is not None
        except (MlflowException, requests.RequestException) as error:
            raise RegistryDownError(f"MLflow at {self.session.uri} does not answer: {error}") from error

    def versions(self, region_item: RegionItem) -> list["ModelVersion"]:
        """All versions of the region-item's model, newest first."""
        name = region_item.model_name(self.dataset)
        found = self.session.client.search_model_versions(f"name='{name}'", max_results=1000)
        return sorted(found, key=lambda version: -int(version.version))

    def registered(self, token: str = "") -> RegisteredPage:
        """Some of all versions of region-items' models, in one query; or those behind an earlier page.

        Raises: RegistryDownError: MLflow does not answer.
        """
        return self._registered(None, token)

    def made_for(self, tag: Literal["request_id", "dagster_run_id"], value: str, token: str = "") -> RegisteredPage:
        """Some of the versions of region-items' models that one retrain made, in one query; or those behind an earlier
        page. None of a value with a quotation mark, for which MLflow cannot be asked.

        Raises: RegistryDownError: MLflow does not answer.
        """
        if "'" in value:
            return RegisteredPage([])
        return self._registered(f"tags.{tag} = '{value}'", token)

    def all_made_for(self, tag: Literal["request_id", "dagster_run_id"], value: str) -> Iterator[RegisteredVersion]:
        """All versions that one retrain made, page by page; the more there are, the longer it takes.

        Raises: RegistryDownError: MLflow does not answer.
        """
        page = self.made_for(tag, value)
        yield from page.versions
        while page.token:
            page = self.made_for(tag, value, page.token)
            yield from page.versions

    def _registered(self, which: str | None, token: str) -> RegisteredPage:
        with self.session.asked_once():
            found = self.session.client.search_model_versions(which, max_results=_LARGEST_PAGE,
                                                              page_token=token or None)
        return RegisteredPage([one for version in found if (one := registered_version(version, self.dataset))],
                              found.token or "")

    def tags(self, region_item: RegionItem, version: int) -> dict[str, str]:
        """The tags of one version.

        Raises: NotRegisteredError: there is no such version.
        """
        return dict(self.session.version(region_item.model_name(self.dataset), version).tags)

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

    def record_decision(self, region_item: RegionItem, version: int, decision: Decision, request_id: str,
                        before: RegistryEntry | None = None, is_told: bool = False) -> Decision:
        """Write the gate's decision on the version; where it is to promote, move the alias; date the model at last.

        Each step may be repeated: a crash between any two is mended by calling it again.

        Args:
            request_id: the retrain request that led to it.
            before: what the registry says now; looked up unless given.
            is_told: whether the version bears the decision's tags since it was registered.
        Returns: the decision, or that production is kept where it was pinned in the very moment of the promotion.
        """
        name = region_item.model_name(self.dataset)
        before = before or self.entry(region_item) or RegistryEntry(region_item, name, None, None)
        if before.is_old:
            self.move_old_entry(name)
        if not is_told:
            self._tell(name, version, decision, request_id)
        if decision.verdict != "promote":
            self.session.date(name)
            return decision
        replaced = before.previous if before.production == version else before.production
        after = self._promoted(name, version, Promotion(at=iso_now(), replaced=replaced))
        self._forget_promotions(after)
        now = entry_of(after, self.dataset)
        pinned = now and now.pinned_version
        if now is None or before.pinned_by or not pinned or now.production != version or pinned == version:
            return decision
        kept = held_by_pin(now, decision)
        self.session.set_alias(name, PRODUCTION, pinned)
        self._tell(name, version, kept, request_id)
        self.session.delete_tag(name, f"{PROMOTION}{version}")
        self.session.date(name)
        return kept

    def roll_back(self, region_item: RegionItem, version: int, replaced: int | None, by: str, reason: str) -> None:
        """Put an older version in production again: recorded on it, the alias moved, the model dated.

        What the gate decided last stays decided, so that the version that is left is not judged and promoted again.
        Each step may be repeated, as those of ``record_decision``. A pin ends.

        Args:
            replaced: the version that is rolled back from.
            by: who asked.
        Raises: ActRefusedError: another version is in production meanwhile. NotRegisteredError: there is no such
            version. RegistryDownError: MLflow does not answer.
        """
        with self.session.asked_once():
            entry, now = self._known(region_item), iso_now()
            checked_act(entry, version, replaced)
            self.session.version(entry.name, version)
            words = json.dumps({"by": by, "reason": reason, "at": now, "from": replaced, "to": version},
                               ensure_ascii=False)[:TAG_LENGTH]
            self.session.set_version_tag(entry.name, version, "rolled_back", words)
            if EXPIRING in self.session.version(entry.name, version).tags:
                raise ActRefusedError(f"v{version} is being removed, as it is old and nothing stands on it; choose "
                                      "another version, or retrain")
            after = self._promoted(entry.name, version, Promotion(at=now, replaced=replaced, by=by, reason=reason))
            if entry.pinned_by:
                self._write(entry.name, PIN, Pin(at=now))
                after = self.session.date(entry.name)
            self._forget_promotions(after)

    def pin(self, region_item: RegionItem, version: int, by: str, reason: str) -> None:
        """Let the gate keep the version in production whatever comes, until it is unpinned.

        Raises: ActRefusedError: another version is in production. NotRegisteredError: no model is registered.
            RegistryDownError: MLflow does not answer.
        """
        with self.session.asked_once():
            before = self._known(region_item)
            checked_act(before, version)
            self._write(before.name, PIN, Pin(at=iso_now(), version=version, by=by, reason=reason))
            after = entry_of(self.session.date(before.name), self.dataset)
            if after is not None and after.production != version:  # promoted between the two
                self._write(before.name, PIN, Pin(at=iso_now()))
                self.session.date(before.name)
                checked_act(after, version)

    def unpin(self, region_item: RegionItem) -> None:
        """Let the gate decide on candidates again.

        Raises: NotRegisteredError: no model is registered. RegistryDownError: MLflow does not answer.
        """
        with self.session.asked_once():
            entry = self._known(region_item)
            self._write(entry.name, PIN, Pin(at=iso_now()))
            self.session.date(entry.name)

    def move_old_entry(self, name: str) -> None:
        """Move facts that are still in the registered model's description to a tag, and empty the description.

        May be done by any number of processes at once and be broken off anywhere: all write the same tag, which only
        ever gives way to tags of single facts. A description that a person wrote or changed is left alone.
        """
        found = self.session.model(name)
        if found is None or OldEntry.of(found.description) is None:
            return
        described = str(found.description)
        before = entry_of(found, self.dataset)
        moved = MovedEntry.of(described, before.production if before else None)
        if not _holds(found, moved):
            self._write(name, OLD_ENTRY, moved)
        again = self.session.model(name)
        if again is not None and again.description == described:
            self.session.models.update_registered_model(name, "")

    def _promoted(self, name: str, version: int, promotion: Promotion) -> "RegisteredModel":
        """Write down how the version comes to be in production, put it there, and date the model; as it is then."""
        return self.session.promote(name, PRODUCTION, version, f"{PROMOTION}{version}", promotion.written())

    def _write(self, name: str, key: str, fact: Fact) -> None:
        self.session.set_tag(name, key, fact.written())

    def _tell(self, name: str, version: int, decision: Decision, request_id: str) -> None:
        for key, value in decision_tags(decision, {"decided_at": iso_now(), "request_id": request_id}).items():
            self.session.set_version_tag(name, version, key, value)

    def _forget_promotions(self, found: "RegisteredModel") -> None:
        """Let go of what is noted of versions that were in production long ago; what their own tags tell stays."""
        noted = [int(number) for key in found.tags if key.startswith(PROMOTION) and (
            number := key.removeprefix(PROMOTION)).isdecimal()]
        if len(noted) <= PROMOTIONS_UP_TO:
            return
        named = {int(version) for version in found.aliases.values()}
        for number in sorted(set(noted) - named)[:-PROMOTIONS_KEPT]:
            self.session.delete_tag(found.name, f"{PROMOTION}{number}")

    def _known(self, region_item: RegionItem) -> RegistryEntry:
        found = self.entry(region_item)
        if found is None:
            raise NotRegisteredError(f"no model is registered for {region_item}")
        if found.is_old:
            self.move_old_entry(found.name)
        return found


def registered_version(version: "ModelVersion", dataset: str) -> RegisteredVersion | None:
    """What a version tells of itself; None when it is of no region-item of the dataset.

    Tags that people edited so that they cannot be read are as if they were not there.
    """
    try:
        _, region_item = RegionItem.from_model_name(version.name)
    except BadNameError:
        return None
    if region_item.model_name(dataset) != version.name:
        return None
    tags = dict(version.tags)
    try:
        told = DecisionFact.of(tags)
        measured = json.loads(tags.get("decision_numbers") or "{}")
    except ValueError:
        told, measured = None, {}
    numbers = card_of(tags)
    return RegisteredVersion(
        region_item, int(version.version), datetime.fromtimestamp(version.creation_timestamp / 1000, UTC),
        moment(told.at) if told and told.at else None, told.verdict if told else "", told.reason if told else "",
        tags.get("request_id", ""), tags.get("dagster_run_id", ""),
        {**numbers, **{name: value for name, value in (measured if isinstance(measured, dict) else {}).items()
                       if name not in ("decided_at", "request_id") and _is_meant(name, value)}})


def _is_meant(name: str, value: object) -> bool:
    """Whether a measured number is one; what is no measure may be a text."""
    return value is None or isinstance(value, int | float) or (
        isinstance(value, str) and not name.startswith(MEASURES))


def _holds(found: "RegisteredModel", moved: MovedEntry) -> bool:
    """Whether the old entry was moved already, whatever was in production when that was done."""
    text = found.tags.get(OLD_ENTRY)
    if not text:
        return False
    try:
        return MovedEntry.model_validate_json(text).description == moved.description
    except ValueError:
        return False


@lru_cache(maxsize=8)
def opened(uri: str, dataset: str, artifacts: str | None, stock: bool) -> Registry:
    """The registry of a process that is sent one again and again; it keeps its connection and its pooled models."""
    return Registry(uri, dataset, artifacts, stock)
