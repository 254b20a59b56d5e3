"""Which versions nothing stands on any more, and their removal from the registry.

A version goes when it is neither among the newest of its model nor young, and nothing names it: no alias, no pin, no
note of a promotion, from which one rolls back, and of the pooled model no version of a region-item that stays. A person
may roll back to a version in the very moment in which it goes. So both write first and look then: the expiry marks the
version and looks whether it was rolled back to, the roll back notes itself on the version and looks for the mark. At
least one of the two sees the other and gives way.
"""

import logging
import os
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from demand_assets.forecasting.contract.region_item import BadNameError, RegionItem, pooled_name
from demand_assets.forecasting.registry.entry import EXPIRING, entry_of
from demand_assets.forecasting.registry.private_mlflow import remove_version
from demand_assets.forecasting.registry.region_item_tags import PROMOTION
from demand_assets.forecasting.registry.registry import Registry
from demand_assets.forecasting.registry.session import NotRegisteredError, Session
from demand_assets.forecasting.registry.version_files import local_path
from demand_assets.forecasting.store.object_store import object_store_errors

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel

log = logging.getLogger(__name__)

A_PAGE = 1000
NEWEST_AT_LEAST = 3
"""Of each model these stay whatever is set: a run may be judging one of them, or building on it, at this moment."""
A_RUN_LASTS = timedelta(days=7)
"""After which an MLflow run that was never closed counts as one whose process was killed."""
OURS = "dagster_run_id"
"""Tag of the MLflow runs that trainings made; other runs in the experiment are left alone."""
COLLECT_SECONDS = 600


@dataclass(frozen=True)
class KeepingRule:
    """What is kept of each model without being named."""

    newest: int
    """Versions."""
    since: datetime
    """Versions made later than this."""


@dataclass(frozen=True)
class ListedVersion:
    """One version, as a listing tells it."""

    name: str
    version: int
    made_at: datetime
    source: str
    run_id: str
    pooled: int | None
    """The version of the pooled model that it stands on; None when it does not say, or is one itself."""
    rolled_back: str
    """What it says of the last roll back to it; empty when there was none."""
    is_expiring: bool
    """Whether an expiry that was broken off marked it."""


def region_item_of(name: str, dataset: str) -> RegionItem | None:
    """The region-item whose registered model is called so; None when it is none of the dataset's."""
    try:
        _, found = RegionItem.from_model_name(name)
    except BadNameError:
        return None
    return found if found.model_name(dataset) == name else None


def listed(registry: Registry) -> dict[str, list[ListedVersion]]:
    """Every version that there is, also of other datasets and by hand, by the name of the model, newest first."""
    found: dict[str, list[ListedVersion]] = defaultdict(list)
    for version in _versions(registry):
        found[version.name].append(_found(version))
    return {name: sorted(versions, key=lambda one: -one.version) for name, versions in found.items()}


def spare(registry: Registry, versions: Mapping[str, Sequence[ListedVersion]],
          kept: KeepingRule) -> list[ListedVersion]:
    """The versions that nothing stands on: those of region-items first, oldest first, then those of the pooled model.

    Of the pooled model none, when a version that stays does not say what it stands on.
    """
    pooled = pooled_name(registry.dataset)
    own = {name: found for name, found in versions.items() if region_item_of(name, registry.dataset)}
    going: list[ListedVersion] = []
    for model in models(registry):
        if model.name in own:
            going += _spare(own[model.name], _named(model, registry.dataset), kept)
    going.sort(key=lambda one: (one.made_at, one.name))
    leaving = {(one.name, one.version) for one in going}
    stand_on = {one.pooled for found in own.values() for one in found if (one.name, one.version) not in leaving}
    if pooled in versions and None not in stand_on:
        found = registry.session.model(pooled)
        named = _named(found, registry.dataset) if found else set[int | None]()
        going += _spare(versions[pooled], {*named, *stand_on}, kept)
    return going


def remove(registry: Registry, one: ListedVersion) -> bool:
    """Remove the version from the registry, unless it came to be named meanwhile; whether it is gone."""
    from mlflow.exceptions import MlflowException

    session = registry.session
    try:
        session.set_version_tag(one.name, one.version, EXPIRING, "removed soon: nothing stands on it")
        now = session.version(one.name, one.version)
        model = session.model(one.name)
        named = _named(model, registry.dataset) if model else {None}
        if one.version in named or None in named or (
                now.tags.get("rolled_back", "") != one.rolled_back) or _is_stood_on(registry, one):
            session.client.delete_model_version_tag(one.name, str(one.version), EXPIRING)
            return False
        if not session.stock and "://" in session.uri and not session.uri.startswith("http"):
            return remove_version(session.uri, one.name, one.version)
        for key in now.tags:
            if key != EXPIRING:
                session.client.delete_model_version_tag(one.name, str(one.version), key)
        session.client.delete_model_version(one.name, str(one.version))
    except NotRegisteredError:
        pass  # an expiry that was broken off, or a person, removed it before
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
    return True


def remove_files(source: str, run_id: str) -> int:
    """The bytes that the removal of a version's files freed: those of a folder that a training made, and no other."""
    if not run_id or run_id not in source.split("/"):
        return 0
    folder = local_path(source)
    if folder is not None:
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        shutil.rmtree(folder, ignore_errors=True)
        return size
    import fsspec

    with object_store_errors():
        files, root = fsspec.core.url_to_fs(source)
        files.invalidate_cache()
        if not files.exists(root):
            return 0
        size = int(files.du(root))
        files.rm(root, recursive=True)
        return size


def unmark(registry: Registry, one: ListedVersion) -> None:
    """Let the version be put in production again, which an expiry marked that was broken off and which stays now."""
    registry.session.client.delete_model_version_tag(one.name, str(one.version), EXPIRING)


def is_there(registry: Registry, name: str, version: int) -> bool:
    """Whether the registry has the version."""
    try:
        registry.session.version(name, version)
    except NotRegisteredError:
        return False
    return True


def remove_runs(registry: Registry, named: Collection[str], kept: KeepingRule) -> int:
    """How many runs of MLflow were removed that held models, all of which are gone.

    Args:
        named: the runs that versions name which stay.
    """
    def is_spare(run: "Run") -> bool:
        return run.info.run_id not in named and _is_over(run) and (
            _moment(run.info.end_time or run.info.start_time) < kept.since)

    going = [run for run in _runs(registry.session) if is_spare(run)]
    for run in going:
        registry.session.client.delete_run(run.info.run_id)
    marked = [run for run in _runs(registry.session, deleted=True) if is_spare(run)]
    if _collect(registry.session, [run.info.run_id for run in marked]):
        for run in marked:
            folder = local_path(run.info.artifact_uri)
            if folder is not None and folder.parent.name == run.info.run_id:
                shutil.rmtree(folder.parent, ignore_errors=True)
    return len(going)


def _collect(session: Session, run_ids: Sequence[str]) -> bool:
    """Whether MLflow removed for good what is marked as deleted: through its own command, which needs its database."""
    if not run_ids or session.uri.startswith("http"):
        return False
    for start in range(0, len(run_ids), A_PAGE):
        some = run_ids[start:start + A_PAGE]
        done = subprocess.run(
            [sys.executable, "-m", "mlflow", "gc", "--run-ids", ",".join(some)], check=False, capture_output=True,
            text=True, timeout=COLLECT_SECONDS, env={**os.environ, "MLFLOW_TRACKING_URI": session.uri})
        if done.returncode:
            log.warning("`mlflow gc` could not remove %d runs, which are tried again: %s", len(some),
                        done.stderr.strip()[-500:])
            return False
    return True


def _spare(versions: Sequence[ListedVersion], named: Collection[int | None], kept: KeepingRule) -> list[ListedVersion]:
    older = versions[max(kept.newest, NEWEST_AT_LEAST):]
    return [one for one in older if one.version not in named and one.made_at < kept.since and None not in named]


def _named(model: "RegisteredModel", dataset: str) -> set[int | None]:
    """The versions that the registered model names: by any alias, a pin, what was replaced, a note of a promotion.

    None is among them where it cannot be read which version is pinned: then none may go.
    """
    named: set[int | None] = {int(version) for version in model.aliases.values()}
    named |= {int(number) for key in model.tags if key.startswith(PROMOTION) and (
        number := key.removeprefix(PROMOTION)).isdecimal()}
    if entry := entry_of(model, dataset):
        named |= {version for version in (entry.previous, entry.decided) if version is not None}
        if entry.pinned_by:
            named.add(entry.pinned_version)
    return named


def _is_stood_on(registry: Registry, one: ListedVersion) -> bool:
    """Whether a version of a region-item was built meanwhile on a version of the pooled model that was to go."""
    if one.name != pooled_name(registry.dataset):
        return False
    return any(_found(version).pooled == one.version for version in _versions(registry) if version.name != one.name
               and region_item_of(version.name, registry.dataset))


def _found(version: "ModelVersion") -> ListedVersion:
    pooled = version.tags.get("pooled_version", "")
    return ListedVersion(version.name, int(version.version), _moment(version.creation_timestamp), str(version.source),
                         version.run_id or "", int(pooled) if pooled.isdecimal() else None,
                         version.tags.get("rolled_back", ""), EXPIRING in version.tags)


def _versions(registry: Registry) -> Iterator["ModelVersion"]:
    """All versions of whatever model of the tracking server."""
    return _every(registry.session.client.search_model_versions)


def models(registry: Registry) -> Iterator["RegisteredModel"]:
    """All models of the tracking server."""
    return _every(registry.session.client.search_registered_models)


def _every(search: Callable[..., Any]) -> Iterator[Any]:
    """All that a search of MLflow finds, page by page."""
    token: str | None = None
    while True:
        page = search(max_results=A_PAGE, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _runs(session: Session, deleted: bool = False) -> Iterator["Run"]:
    """The dataset's runs that trainings made, those that are marked as deleted or the others."""
    from mlflow.entities import ViewType

    token: str | None = None
    while True:
        page = session.client.search_runs(
            [session.experiment], run_view_type=ViewType.DELETED_ONLY if deleted else ViewType.ACTIVE_ONLY,
            max_results=A_PAGE, page_token=token)
        yield from (run for run in page if OURS in run.data.tags)
        token = page.token
        if not token:
            return


def _is_over(run: "Run") -> bool:
    return run.info.status not in ("RUNNING", "SCHEDULED") or (
        _moment(run.info.start_time) < datetime.now(UTC) - A_RUN_LASTS)


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def run_ids(versions: Iterable[ListedVersion]) -> set[str]:
    """The MLflow runs that hold these versions."""
    return {one.run_id for one in versions if one.run_id}
