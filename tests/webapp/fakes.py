"""Dagster and the model registry as the app sees them, in memory; ``test_fakes.py`` holds them to the real ones."""

import shutil
from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from demand_assets.forecasting.contract.region_item import RegionItem, pooled_name
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.model.serving.pooled_model import PooledModel
from demand_assets.forecasting.registry.entry import RegistryEntry, VersionFacts
from demand_assets.forecasting.registry.promotions_pins_and_roll_backs import checked_act
from demand_assets.forecasting.registry.region_item_tags import iso_now
from demand_assets.forecasting.registry.registered_models import Page, RegisteredPage, RegisteredVersion
from demand_assets.forecasting.registry.session import NotRegisteredError, RegistryDownError
from demand_assets.forecasting.registry.version_files import VersionFiles, check, seal
from webapp.dagster_client import CarrierState, DagsterDownError, DagsterRefusedError, DagsterUnsureError, Sent
from webapp.db.database import now


@dataclass
class Carried:
    """A run or a backfill."""

    sent: Sent
    request_id: str
    keys: list[str]
    state: CarrierState = "waiting"
    failure: str = ""
    """Why it failed, as the run's log says."""


@dataclass
class FakeDagster:
    """Dagster without runs that do anything: a test says how they go."""

    keys: list[str] = field(default_factory=list)
    is_down: bool = False
    answer_gets_lost: bool = False
    """The next launch happens, but its answer never comes."""
    carried: list[Carried] = field(default_factory=list)
    is_starting: bool = False
    """Runs are about to start, so that Dagster cannot stop them yet."""

    def check(self) -> None:
        self._answer()

    def find(self, request_id: str) -> Sent | None:
        self._answer()
        return next((each.sent for each in self.carried if each.request_id == request_id), None)

    def partition_keys(self) -> list[str]:
        self._answer()
        return list(self.keys)

    def launch_backfill(self, request_id: str, keys: Sequence[str], title: str) -> Sent:
        return self._launch(Sent("backfill", f"backfill{len(self.carried)}"), request_id, keys)

    def launch_run(self, request_id: str, keys: Sequence[str]) -> Sent:
        return self._launch(Sent("run", f"run{len(self.carried)}"), request_id, keys)

    def partitions(self, backfill_id: str) -> list[str]:
        self._answer()
        return list(self._one(backfill_id).keys)

    def state(self, sent: Sent, request_id: str) -> CarrierState:
        self._answer()
        return self._one(sent.id).state

    def why_failed(self, sent: Sent, request_id: str) -> str:
        self._answer()
        failed = [each.failure for each in self.carried if each.request_id == request_id and each.state == "failed"]
        return failed[-1] if failed else ""

    def run_state(self, run_id: str) -> CarrierState:
        self._answer()
        return self._one(run_id).state

    def cancel(self, sent: Sent, request_id: str) -> bool:
        self._answer()
        one = self._one(sent.id)
        is_stopped = one.state in ("waiting", "running") and not self.is_starting
        if is_stopped:
            one.state = "cancelled"
        return is_stopped

    def link(self, sent: Sent) -> str:
        return f"http://dagster.test/{sent.carrier}/{sent.id}"

    def _launch(self, sent: Sent, request_id: str, keys: Sequence[str]) -> Sent:
        self._answer()
        if unknown := set(keys) - set(self.keys):
            raise DagsterRefusedError(f"Dagster refuses: Partition keys {sorted(unknown)} could not be found")
        self.carried.append(Carried(sent, request_id, list(keys)))
        if self.answer_gets_lost:
            self.answer_gets_lost = False
            raise DagsterUnsureError("Dagster did not answer in time")
        return sent

    def _one(self, sent_id: str) -> Carried:
        for each in self.carried:
            if each.sent.id == sent_id:
                return each
        raise DagsterRefusedError(f"Dagster refuses: {sent_id} could not be found")

    def _answer(self) -> None:
        if self.is_down:
            raise DagsterDownError("Dagster cannot be reached")


class FakeRegistry:
    """The registry's entries and files, in a folder."""

    def __init__(self, folder: Path, dataset: str) -> None:
        self.folder = folder
        self._dataset = dataset
        self._entries: dict[str, tuple[int, RegistryEntry]] = {}
        self._clock = 1_700_000_000_000
        self._pooled_production: int | None = None
        self.is_down = False
        self.answers_for = 1000
        """Models that it is quick enough for; asked for more, it does not answer in time."""
        self.fetched: list[tuple[str, int]] = []
        self.pages_asked: list[int] = []
        self.made: dict[tuple[str, str], list[RegisteredVersion]] = {}
        """Tag and its value -> versions that bear it, besides those that are promoted and kept here."""
        self.requests_asked: list[tuple[str, str, str]] = []

    def contents(self) -> dict[str, Any]:
        """All that it knows, but for where its files are."""
        return {name: value for name, value in vars(self).items() if name != "folder"}

    def become(self, other: "FakeRegistry") -> None:
        """Know what the other knows, and have copies of its files."""
        shutil.rmtree(self.folder, ignore_errors=True)
        if other.folder.exists():
            shutil.copytree(other.folder, self.folder)
        vars(self).update(deepcopy({name: value for name, value in vars(other).items() if name != "folder"}))
        self._entries = {name: (clock, other._with_files_in(self.folder, entry))
                         for name, (clock, entry) in self._entries.items()}

    def _with_files_in(self, folder: Path, entry: RegistryEntry) -> RegistryEntry:
        """The entry, as if this registry's files were in another folder."""
        if entry.files is None:
            return entry
        source = Path(entry.files.source)
        return replace(entry, files=replace(entry.files, source=str(folder / source.relative_to(self.folder))))

    def promote(self, region_item: RegionItem, model: ForecastModel, summary: dict[str, Any] | None = None,
                decided_at: str | None = None, request_id: str = "") -> int:
        """Register the model as the next version and put it in production; its version.

        Args:
            summary: what its card holds in place of what the model's holds.
            request_id: of the retrain that asked for it, which the registry then tells of.
        The pooled version that it stands on is registered too, where it is not.
        """
        name = region_item.model_name(self._dataset)
        self._add_pooled(model.pooled)
        before = self._entries[name][1] if name in self._entries else None
        before = before or RegistryEntry(region_item, name, None, None)
        version = (before.candidate or 0) + 1
        target = self.folder / name / str(version)
        target.mkdir(parents=True)
        replace(model, card=replace(model.card, **summary or {})).save(target)
        seal(target, name, version, model.card.data_hash)
        at = iso_now()
        self._set(replace(
            before, production=version, candidate=version, previous=before.production, promoted_at=at,
            decided=version, decided_at=decided_at or at, decision="promote", reason="better", rolled_back={},
            files=VersionFiles(version, str(target), model.card.data_hash, sealed=True),
            newest=VersionFacts(version, at, request_id) if request_id else None))
        return version

    def promote_pooled(self, model: PooledModel) -> int:
        """Register the pooled model under its version, where it is not, and put it in production; its version."""
        self._pooled_production = self._add_pooled(model)
        return self._pooled_production

    def pooled_production(self) -> int | None:
        self._answer()
        return self._pooled_production

    def _add_pooled(self, model: PooledModel) -> int:
        assert model.version is not None
        target = self.folder / pooled_name(self._dataset) / str(model.version)
        if not target.exists():
            target.mkdir(parents=True)
            model.save(target)
            seal(target, pooled_name(self._dataset), model.version, "")
        return model.version

    def keep(self, region_item: RegionItem, reason: str) -> None:
        """Record that a new candidate was judged and not promoted."""
        entry = self._entries[region_item.model_name(self._dataset)][1]
        self._set(replace(entry, candidate=(entry.candidate or 0) + 1, decided=(entry.candidate or 0) + 1,
                          decision="keep", reason=reason, files=None))

    def roll_back(self, region_item: RegionItem, version: int, replaced: int | None, by: str, reason: str) -> None:
        entry, at = self._known(region_item), iso_now()
        checked_act(entry, version, replaced)
        if not (self.folder / entry.name / str(version)).exists():
            raise NotRegisteredError(f"{entry.name} has no version {version}")
        self._set(replace(_unpinned(entry), production=version, previous=replaced, promoted_at=at, files=None,
                          rolled_back={"by": by, "reason": reason, "at": at, "from": replaced}))

    def pin(self, region_item: RegionItem, version: int, by: str, reason: str) -> None:
        entry = self._known(region_item)
        checked_act(entry, version)
        self._set(replace(entry, pinned_by=by, pinned_reason=reason, pinned_at=iso_now(), pinned_version=version))

    def unpin(self, region_item: RegionItem) -> None:
        self._set(_unpinned(self._known(region_item)))

    def move_old_entry(self, name: str) -> None:
        """Nothing: no entry here is of the old form."""

    def _known(self, region_item: RegionItem) -> RegistryEntry:
        self._answer()
        name = region_item.model_name(self._dataset)
        if name not in self._entries:
            raise NotRegisteredError(f"no model is registered for {region_item}")
        return self._entries[name][1]

    def damage(self, region_item: RegionItem, version: int) -> None:
        """Break the files of one version."""
        (self.folder / region_item.model_name(self._dataset) / str(version) / "model.ubj").write_bytes(b"broken")

    def damage_pooled(self, version: int) -> None:
        """Break the files of one version of the pooled model."""
        (self.folder / pooled_name(self._dataset) / str(version) / "pooled.json").write_bytes(b"broken")

    def delete(self, region_item: RegionItem) -> None:
        """Delete the model, as people may in MLflow."""
        entry = self._entries.pop(region_item.model_name(self._dataset))[1]
        shutil.rmtree(self.folder / entry.name)

    def is_registered(self, region_item: RegionItem) -> bool:
        self._answer()
        return region_item.model_name(self._dataset) in self._entries

    def page(self, size: int, token: str = "") -> Page:
        self._answer()
        self.pages_asked.append(size)
        if size > self.answers_for:
            raise RegistryDownError("MLflow does not answer: read timeout")
        start = int(token or 0)
        newest_first = sorted(self._entries.values(), key=lambda changed: -changed[0])
        found = newest_first[start:start + size]
        times = [at for at, _ in found]
        return Page(found, max(times, default=0), min(times, default=0),
                    str(start + size) if start + size < len(newest_first) else "")

    def registered(self, token: str = "") -> RegisteredPage:
        self._answer()
        start = int(token or 0)
        found = [one for entry in self._entries.values() for one in self._registered(entry[1])]
        return RegisteredPage(found[start:start + 2], str(start + 2) if start + 2 < len(found) else "")

    def made_for(self, tag: str, value: str, token: str = "") -> RegisteredPage:
        self._answer()
        self.requests_asked.append((tag, value, token))
        start, found = int(token or 0), self.made.get((tag, value), [])
        return RegisteredPage(found[start:start + 2], str(start + 2) if start + 2 < len(found) else "")

    def expire(self, region_item: RegionItem, version: int) -> None:
        """Remove a version, as the pipeline does with old ones that nothing stands on."""
        shutil.rmtree(self.folder / region_item.model_name(self._dataset) / str(version))

    def _registered(self, entry: RegistryEntry) -> list[RegisteredVersion]:
        folder = self.folder / entry.name
        return [RegisteredVersion(entry.region_item, int(path.name), now(), None, "", "", "", "", {})
                for path in sorted(folder.iterdir(), key=lambda path: int(path.name))]

    def fetch(self, name: str, version: int, folder: Path, told: VersionFiles | None = None) -> Path:
        self._answer()
        source, target = self.folder / name / str(version), folder / name / str(version)
        if not source.exists():
            raise NotRegisteredError(f"{name} has no version {version}")
        if not target.exists():
            check(source, name, version, told)
            self.fetched.append((name, version))
            shutil.copytree(source, target)
        return target

    def _set(self, entry: RegistryEntry) -> None:
        self._clock += 1000
        self._entries[entry.name] = (self._clock, entry)

    def _answer(self) -> None:
        if self.is_down:
            raise RegistryDownError("MLflow does not answer")


def _unpinned(entry: RegistryEntry) -> RegistryEntry:
    return replace(entry, pinned_by="", pinned_reason="", pinned_at=None, pinned_version=None)


def keys_of(region_items: Iterable[RegionItem]) -> list[str]:
    """The region-items' keys."""
    return [region_item.key for region_item in region_items]
