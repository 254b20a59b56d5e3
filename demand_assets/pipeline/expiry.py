"""What of a dataset's past is let go, and when: the journal, what was measured, versions that nothing stands on.

The numbers are settings (``DEMAND_KEEP_…``), told together in docs/expiry.md. Each part may be broken off anywhere and
done again; what is noted in the demand store before anything is removed is finished by the next expiry.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from demand_assets.forecasting.registry import expiry as registry_expiry
from demand_assets.forecasting.registry.expiry import KeepingRule, ListedVersion
from demand_assets.forecasting.registry.moved_files import at_home
from demand_assets.forecasting.registry.registry import Registry
from demand_assets.forecasting.store.demand_store import DemandStore
from demand_assets.forecasting.store.journal import Entry, Journal
from demand_assets.forecasting.store.stored_files import NotInStoreError
from demand_assets.pipeline.monitor import FOLDER as MONITORING
from demand_assets.settings import Settings

NOTED = "expiry.json"
"""In the demand store: the versions that are being removed."""
TOGETHER = 100
"""Versions that are noted, removed and told of together."""
MOST_VERSIONS = 20_000
"""Versions that one expiry removes, some ten minutes' worth; the next goes on."""
HALF_WRITTEN = timedelta(days=1)
"""No file takes so long to be written: its writer was killed."""


@dataclass(frozen=True)
class Expired:
    """What was let go."""

    what: str
    """In words."""
    count: int
    size: int
    """Bytes that were freed; of rows in databases it is not known."""

    def __str__(self) -> str:
        return f"{self.count} {self.what}, {self.size / 2**20:.1f} MB"


def expire_journal(store: DemandStore, settings: Settings, now: datetime) -> Expired:
    """Entries that are too old; of each region-item the newest entry of each step stays."""
    count, size = 0, 0
    if settings.keep_journal_days:
        count, size = Journal(store).expire(now - timedelta(days=settings.keep_journal_days))
    return Expired("journal files", count, size)


def expire_measurements(store: DemandStore, settings: Settings, now: datetime) -> Expired:
    """What was measured of production too long ago to be a reason to retrain."""
    if not settings.keep_monitoring_days:
        return Expired("measurements", 0, 0)
    oldest = f"{(now - timedelta(days=settings.keep_monitoring_days)).astimezone(UTC):%Y%m%dT%H%M%S}"
    old = {name: size for name, size in store.sizes(MONITORING).items() if name < oldest}
    store.remove_files(MONITORING, old)
    return Expired("measurements", len(old), sum(old.values()))


def expire_half_written(store: DemandStore, now: datetime) -> Expired:
    """What writers left half written that were killed."""
    return Expired("half written files", *store.remove_half_written((now - HALF_WRITTEN).timestamp()))


def expire_versions(store: DemandStore, registry: Registry, settings: Settings, now: datetime) -> list[Expired]:
    """Versions of models that nothing stands on, with their files, and the runs of MLflow that held them.

    Raises: RegistryDownError: MLflow does not answer.
    """
    registry.session.check_up()
    if not (settings.keep_versions and settings.keep_versions_days):
        return [Expired("versions", 0, 0), Expired("runs of MLflow", 0, 0)]
    kept = KeepingRule(settings.keep_versions, now - timedelta(days=settings.keep_versions_days))
    versions = registry_expiry.listed(registry)
    folders = Counter(one.source for found in versions.values() for one in found)
    size = _finish(store, registry, folders)
    spare = registry_expiry.spare(registry, versions, kept)
    going = spare[:MOST_VERSIONS]
    leaving = {(one.name, one.version) for one in spare}
    for one in (one for found in versions.values() for one in found):
        if one.is_expiring and (one.name, one.version) not in leaving:
            registry_expiry.unmark(registry, one)
    gone: list[ListedVersion] = []
    for start in range(0, len(going), TOGETHER):
        some = going[start:start + TOGETHER]
        _note(store, some)
        removed = [one for one in some if registry_expiry.remove(registry, one)]
        folders.subtract(one.source for one in removed)
        size += sum(_free(one.source, one.run_id, folders) for one in removed)
        _tell(store, registry, {(one.name, one.version) for one in removed})
        gone += removed
    store.remove_bytes(NOTED)
    left = {(one.name, one.version) for one in gone}
    named = registry_expiry.run_ids(one for found in versions.values() for one in found
                                    if (one.name, one.version) not in left)
    runs = registry_expiry.remove_runs(registry, named, kept)
    return [Expired("versions", len(gone), size), Expired("runs of MLflow", runs, 0)]


def _note(store: DemandStore, versions: Sequence[ListedVersion]) -> None:
    store.write_bytes(NOTED, json.dumps([[one.name, one.version, one.source, one.run_id]
                                         for one in versions]).encode())


def _finish(store: DemandStore, registry: Registry, folders: Mapping[str, int]) -> int:
    """The bytes freed by finishing what an expiry began that was broken off: files of versions that went, and the word
    of it."""
    try:
        noted = json.loads(store.read_bytes(NOTED))
    except NotInStoreError:
        return 0
    gone = [one for one in noted if not registry_expiry.is_there(registry, one[0], one[1])]
    # Noted before the state was moved or copied here, perhaps: never of the folder that it comes from.
    at = registry.session.artifacts
    size = sum(_free(at_home(source, at) if at else source, run_id, folders) for _, _, source, run_id in gone)
    _tell(store, registry, {(name, version) for name, version, *_ in gone})
    store.remove_bytes(NOTED)
    return size


def _free(source: str, run_id: str, folders: Mapping[str, int]) -> int:
    """The bytes freed by removing a version's files; nothing where another version that stays has the same folder."""
    return 0 if folders.get(source, 0) > 0 else registry_expiry.remove_files(source, run_id)


def _tell(store: DemandStore, registry: Registry, gone: set[tuple[str, int]]) -> None:
    """Write to the journal which versions of region-items went."""
    by_name: dict[str, list[int]] = defaultdict(list)
    for name, version in sorted(gone):
        by_name[name].append(version)
    Journal(store).write(Entry(one, "expired", numbers={"versions": versions}) for name, versions in by_name.items()
                         if (one := registry_expiry.region_item_of(name, registry.dataset)))
