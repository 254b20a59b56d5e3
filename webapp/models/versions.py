"""The versions of a region-item's model: from the journal, with who asked for each, and from the registry."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isfinite
from typing import Any, Literal

from sqlalchemy import delete, func, or_, select, tuple_

from demand_assets.forecasting.registry.entry import RegistryEntry, VersionFacts
from demand_assets.forecasting.registry.registered_models import RegisteredVersion
from demand_assets.forecasting.store.journal import Entry
from webapp.db.chunked import chunked
from webapp.db.database import db, now
from webapp.db.locks import insert_absent
from webapp.pages.listing import place_of
from webapp.tables import RUN, ModelVersion, RegionItemRow, Retrain

DECISIONS = {"promoted": "promote", "kept": "keep"}
EVENTS: Mapping[str, Literal["promoted", "kept"]] = {"promote": "promoted", "keep": "kept"}
"""The registry's word for a decision -> what becomes of a region-item of a retrain by it."""
VERSIONS_A_PAGE, DECISIONS_A_PAGE = 20, 25
LATE = timedelta(minutes=1)
"""For so long what the journal tells of a version may be newer than what the registry was asked."""
LEFT_OUT = ("backtest_sums", "version", "request_id", "verdict")


@dataclass(frozen=True)
class VersionWithRetrain:
    """A version or decision, with the retrain that it came of."""

    version: ModelVersion
    retrain: Retrain | None
    """None when the journal does not tell."""
    row: RegionItemRow


@dataclass(frozen=True)
class VersionPage:
    """Some versions, newest first."""

    found: list[VersionWithRetrain]
    matching: int
    number: int
    pages: int


def note_versions(entries: Sequence[Entry]) -> None:
    """Write what the entries tell of versions; part of the caller's transaction. Twice the same changes nothing."""
    told = [(entry, int(entry.numbers["version"])) for entry in entries
            if entry.step in ("trained", *DECISIONS) and entry.numbers.get("version") is not None]
    versions: dict[tuple[str, int], ModelVersion] = {}
    keys, numbers = sorted({entry.region_item.key for entry, _ in told}), {number for _, number in told}
    for part in chunked(keys):
        versions |= {(found.key, found.version): found for found in db.session.scalars(
            select(ModelVersion).where(ModelVersion.key.in_(part),
                                       ModelVersion.version.in_(numbers)))}
    for entry, number in told:
        at = entry.region_item.key, number
        if at not in versions:
            versions[at] = ModelVersion(key=at[0], version=number, decision="", reason="", request_id="", run_id="",
                                        numbers={})
            db.session.add(versions[at])
        _apply(versions[at], entry)


def forget_expired(entries: Sequence[Entry]) -> None:
    """Forget the versions that the entries tell were removed from the registry; part of the caller's transaction."""
    for entry in entries:
        if entry.step == "expired":
            db.session.execute(delete(ModelVersion).where(
                ModelVersion.key == entry.region_item.key, ModelVersion.version.in_(entry.numbers["versions"])))


def note_registered(found: Sequence[RegisteredVersion]) -> None:
    """Write down versions that the journal did not tell of, as the registry has them; part of the caller's
    transaction. What the journal told is left as it is."""
    insert_absent(ModelVersion, [{
        "key": one.region_item.key, "version": one.version, "trained_at": one.made_at, "decided_at": one.decided_at,
        "decision": one.decision, "reason": one.reason, "request_id": one.request_id[:64], "run_id": one.run_id[:64],
        "numbers": {name: value for name, value in one.numbers.items() if name not in LEFT_OUT and _is_told(value)}}
        for one in found])


def forget_unregistered(registered: Mapping[str, Set[int]], before: datetime) -> int:
    """How many versions were forgotten that the registry does not have; part of the caller's transaction.

    Args:
        registered: key -> versions, of every region-item.
        before: when the registry was begun to be asked; what was trained or decided since is left.
    """
    gone = [(key, version) for key, version, trained_at, decided_at in db.session.execute(select(
        ModelVersion.key, ModelVersion.version, ModelVersion.trained_at, ModelVersion.decided_at))
        if version not in registered.get(key, ()) and all(at is None or at < before for at in (trained_at, decided_at))]
    for part in chunked(gone):
        db.session.execute(delete(ModelVersion).where(tuple_(ModelVersion.key, ModelVersion.version).in_(part)))
    return len(gone)


def follow_registry(entries: Sequence[RegistryEntry]) -> None:
    """Let the versions follow the registry where the journal does not tell: who made or removed them was cut off.

    Part of the caller's transaction, which holds the region-items' rows. What the journal tells, also later, stays.
    """
    known: dict[str, dict[int, ModelVersion]] = {entry.region_item.key: {} for entry in entries}
    for part in chunked(sorted(known)):
        for version in db.session.scalars(select(ModelVersion).where(ModelVersion.key.in_(part))):
            known[version.key][version.version] = version
    for entry in entries:
        here, named = known[entry.region_item.key], _named(entry)
        for version in [each for number, each in here.items() if number not in named]:
            if entry.newest and _is_gone(version, entry.newest):
                db.session.delete(version)
        db.session.add_all(_registered(entry.region_item.key, number, entry) for number in named - here.keys())


def _is_gone(version: ModelVersion, newest: VersionFacts) -> bool:
    """Whether a version that nothing in the registry names was removed there: its training was cut off halfway."""
    if version.decision or version.trained_at is None or now() - version.trained_at < LATE:
        return False
    is_same = version.request_id == newest.request_id if newest.request_id else (
        bool(newest.run_id) and version.run_id == newest.run_id)
    return version.version > newest.version or is_same


def _named(entry: RegistryEntry) -> set[int]:
    """The versions that an entry tells of."""
    newest = entry.newest.version if entry.newest else None
    return {version for version in (entry.production, entry.candidate, entry.previous, newest) if version is not None}


def _registered(key: str, number: int, entry: RegistryEntry) -> ModelVersion:
    version = ModelVersion(key=key, version=number, decision="", reason="", request_id="", run_id="", numbers={})
    if entry.newest and entry.newest.version == number:
        newest = entry.newest
        version.trained_at, version.request_id = datetime.fromisoformat(newest.created_at), newest.request_id[:64]
        version.run_id, version.numbers = newest.run_id[:64], {**newest.numbers}
    if entry.decided == number:
        version.decision, version.reason = entry.decision, entry.reason
        version.decided_at = datetime.fromisoformat(entry.decided_at) if entry.decided_at else None
    elif number in (entry.production, entry.previous):
        version.decision = "promote"
    return version


def _apply(version: ModelVersion, entry: Entry) -> None:
    numbers = {name: value for name, value in entry.numbers.items() if name not in LEFT_OUT and _is_told(value)}
    at = datetime.fromisoformat(entry.at)
    if entry.step == "trained":
        version.trained_at, version.request_id, version.run_id = at, entry.request_id, entry.run_id
        version.numbers = {**numbers, **version.numbers}
    elif entry.numbers.get("request_id", entry.request_id) == entry.request_id:  # else it tells another retrain's end
        version.decided_at, version.decision, version.reason = at, DECISIONS[entry.step], entry.reason
        version.numbers = {**version.numbers, **numbers}
        version.request_id = version.request_id or entry.request_id
        version.run_id = version.run_id or entry.run_id


def _is_told(value: Any) -> bool:
    return not isinstance(value, float) or isfinite(value)


def versions_of(row: RegionItemRow, number: int = 1) -> VersionPage:
    """A page of a region-item's versions, newest first."""
    return _page(row.key, "", "", number, VERSIONS_A_PAGE)


def find_decisions(search: str, decision: str, number: int) -> VersionPage:
    """A page of the gate's decisions, newest first; of region-items whose name holds every word of ``search``."""
    return _page("", search, decision, number, DECISIONS_A_PAGE)


def version_of(key: str, version: int) -> ModelVersion | None:
    """One version; None when the journal does not tell of it."""
    return db.session.get(ModelVersion, (key, version))


def all_versions(key: str) -> list[int]:
    """The numbers of all versions of a region-item's model, newest first."""
    return list(db.session.scalars(select(ModelVersion.version).where(ModelVersion.key == key)
                                   .order_by(ModelVersion.version.desc())))


def _page(key: str, search: str, decision: str, number: int, size: int) -> VersionPage:
    query = select(ModelVersion, Retrain, RegionItemRow).select_from(RegionItemRow).join(
        ModelVersion, RegionItemRow.key == ModelVersion.key).outerjoin(Retrain, or_(
            Retrain.request_id == ModelVersion.request_id, Retrain.request_id == RUN + ModelVersion.run_id))
    if key:
        query = query.where(ModelVersion.key == key).order_by(ModelVersion.version.desc())
    else:
        query = query.where(ModelVersion.decided_at.is_not(None)).order_by(
            ModelVersion.decided_at.desc(), RegionItemRow.position)
    for word in search.lower().split():
        query = query.where(RegionItemRow.search.contains(word, autoescape=True))
    if decision == "pinned":
        query = query.where(RegionItemRow.pinned_by != "", RegionItemRow.production_version == ModelVersion.version)
    elif decision:
        query = query.where(ModelVersion.decision == decision)
    matching = db.session.scalar(select(func.count()).select_from(
        query.order_by(None).with_only_columns(ModelVersion.key, ModelVersion.version).distinct().subquery())) or 0
    place = place_of(number, matching, size)
    found = db.session.execute(query.limit(size).offset(place.before)).all()
    return VersionPage([VersionWithRetrain(version, retrain, row) for version, retrain, row in found], matching,
                       place.number,
                       place.pages)
