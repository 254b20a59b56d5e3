"""Roll back, pin and unpin: stored first, carried out by the background process, shown until and after they are done.

An act may be carried out twice without harm, so that a crash anywhere loses nothing and breaks nothing.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from sqlalchemy import select

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.model.model_files import ModelFilesError
from demand_assets.forecasting.registry.promotions_pins_and_roll_backs import ActRefusedError
from demand_assets.forecasting.registry.session import NotRegisteredError
from demand_assets.forecasting.store.stored_files import NotInStoreError
from webapp.access import Actor
from webapp.audit.record import record
from webapp.db.database import db, now, writing
from webapp.db.locks import locked_one, once_more
from webapp.language.translations import gettext as _
from webapp.models.versions import version_of
from webapp.services import Services
from webapp.serving.model_files import ModelFiles
from webapp.tables import ModelAction, ModelVersion, RegionItemRow

log = logging.getLogger(__name__)

Kind = Literal["roll_back", "pin", "unpin", "fetch"]
KINDS: tuple[Kind, ...] = ("roll_back", "pin", "unpin")
"""What changes what is in production; for administrators."""
SHOWN = 20
WORDS: dict[str, tuple[str, str]] = {
    "roll_back": ("roll back", "rolled back"), "promote": ("promotion", "promoted by hand"), "pin": ("pin", "pinned"),
    "unpin": ("end of the pin", "unpinned")}
"""In the audit log: what is asked for or refused, and what is done."""


class ActingRegistry(Protocol):
    """What is asked of the model registry here; every method raises RegistryDownError when it does not answer."""

    def roll_back(self, region_item: RegionItem, version: int, replaced: int | None, by: str, reason: str) -> None:
        """Put an older version in production again. Raises: ActRefusedError, NotRegisteredError."""

    def pin(self, region_item: RegionItem, version: int, by: str, reason: str) -> None:
        """Let the gate keep the version in production. Raises: ActRefusedError, NotRegisteredError."""

    def unpin(self, region_item: RegionItem) -> None:
        """Let the gate decide again. Raises: NotRegisteredError."""


class NotPossibleError(ValueError):
    """Something that cannot be done to a model as it is now; the words are for whoever asked."""


class NoSuchVersionError(ValueError):
    """A region-item's model has no version of that number."""


@dataclass(frozen=True)
class StoredAct:
    """What became of what was asked for."""

    act: ModelAction
    is_new: bool
    """False when the same form stored it before."""
    waits: bool = False
    """Whether another act on the same region-item is to be carried out first, so that nothing was stored."""


def version_for(row: RegionItemRow, kind: Kind, number: int | None) -> ModelVersion | None:
    """The version that an act is about; None for the end of a pin, which is about none.

    Raises: NotPossibleError. NoSuchVersionError: also of no number.
    """
    if row.production_version is None:
        raise NotPossibleError(_("%(region_item)s has no model of its own in production, so this cannot be done.",
                                 region_item=row.region_item))
    if kind == "unpin":
        if not row.pinned_by:
            raise NotPossibleError(_("The model of %(region_item)s is not pinned.", region_item=row.region_item))
        return None
    found = version_of(row.key, number) if number is not None else None
    if found is None:
        raise NoSuchVersionError(f"{row.region_item} has no version {number}")
    if kind == "pin" and number != row.production_version:
        raise NotPossibleError(_("Only the version in production can be pinned, and that is v%(version)s.",
                                 version=row.production_version))
    if kind == "roll_back" and number == row.production_version:
        raise NotPossibleError(_("v%(version)s is in production already.", version=number))
    return found


@once_more
def store_act(token: str, key: str, kind: Kind, version: int | None, reason: str, by: str,
              also_pin: bool = False) -> StoredAct:
    """Store what a person asks for, unless the same form already did or another act on the region-item waits.

    Args:
        token: of the form.
        version: rolled back to, pinned or fetched.
        also_pin: whether the version that is rolled back to is pinned at once.
    """
    with writing():
        row = locked_one(RegionItemRow, key)  # acts on a region-item's model are asked for one after the other
        same = db.session.scalar(select(ModelAction).where(ModelAction.token == token))
        if same is not None:
            return StoredAct(same, False)
        waiting = db.session.scalar(select(ModelAction).where(ModelAction.key == key, ModelAction.state == "stored"))
        if waiting is not None:
            return StoredAct(waiting, False, waits=True)
        shared = {"key": key, "version": version, "reason": reason, "asked_by": by, "asked_at": now(),
                  "state": "stored", "problem": ""}
        act = ModelAction(token=token, kind=kind, version_before=row.production_version, **shared)
        db.session.add(act)
        if also_pin:
            db.session.add(ModelAction(token=f"{token}-pin", kind="pin", version_before=version, **shared))
        if kind in KINDS:
            record(f"{WORDS[_word(act)][0]} asked", "model", str(RegionItem.from_key(key)),
                   before={"version": row.production_version, "pinned": bool(row.pinned_by)},
                   after={"version": version or row.production_version,
                          "pinned": kind == "pin" or also_pin or (kind != "unpin" and bool(row.pinned_by))},
                   reason=reason)
        db.session.flush()
    return StoredAct(act, True)


def acts_of(key: str) -> Sequence[ModelAction]:
    """The newest acts on a region-item's model, newest first; without those that only fetched files."""
    return db.session.scalars(select(ModelAction).where(ModelAction.key == key, ModelAction.kind.in_(KINDS))
                              .order_by(ModelAction.id.desc()).limit(SHOWN)).all()


def waiting_fetches(key: str) -> dict[int | None, ModelAction]:
    """Version -> act that fetches its files, for those that wait or were refused last."""
    acts = db.session.scalars(select(ModelAction).where(ModelAction.key == key, ModelAction.kind == "fetch")
                              .order_by(ModelAction.id.desc()).limit(SHOWN)).all()
    newest: dict[int | None, ModelAction] = {}
    for act in acts:
        newest.setdefault(act.version, act)
    return {version: act for version, act in newest.items() if act.state != "done"}


def carry_out(registry: ActingRegistry, services: Services, files: ModelFiles) -> bool:
    """Carry out what is stored, oldest first; whether there was something.

    Raises: RegistryDownError: the registry does not answer; what is left is carried out later.
    """
    ids = db.session.scalars(select(ModelAction.id).where(ModelAction.state == "stored").order_by(ModelAction.id)).all()
    db.session.rollback()
    for act_id in ids:
        act = db.session.get_one(ModelAction, act_id)
        db.session.expunge(act)
        db.session.rollback()
        problem = _carried_out(act, registry, services, files)
        with writing():
            kept = locked_one(ModelAction, act_id)
            kept.state, kept.problem, kept.done_at = "refused" if problem else "done", problem, now()
            _record_outcome(kept)
        log.info("%s of %s to v%s, asked by %s: %s", act.kind, act.key, act.version, act.asked_by, problem or "done")
    return bool(ids)


def _word(act: ModelAction) -> str:
    """Its name in ``WORDS``: to put a newer version in production is no roll back."""
    is_newer = act.kind == "roll_back" and (act.version or 0) > (act.version_before or 0)
    return "promote" if is_newer else act.kind


def _record_outcome(act: ModelAction) -> None:
    """What became of an act, as done by whoever asked for it."""
    if act.kind not in KINDS:
        return
    asked, done = WORDS[_word(act)]
    record(f"{asked} refused" if act.problem else done, "model", str(RegionItem.from_key(act.key)),
           before={"version": act.version_before} if act.kind == "roll_back" and not act.problem else None,
           after={"why": act.problem} if act.problem else {"version": act.version or act.version_before},
           reason=act.reason, by=Actor(act.asked_by, "admin", "background"))


def _carried_out(act: ModelAction, registry: ActingRegistry, services: Services, files: ModelFiles) -> str:
    """Do it; why it cannot be done, or nothing."""
    region_item = RegionItem.from_key(act.key)
    try:
        if act.kind == "unpin":
            registry.unpin(region_item)
            return ""
        if act.version is None:
            return "it names no version"
        if act.kind == "pin":
            registry.pin(region_item, act.version, act.asked_by, act.reason)
            return ""
        model = files.whole(region_item, act.version)
        services.forecaster.forecast(region_item, model)
        if act.kind == "roll_back":
            registry.roll_back(region_item, act.version, act.version_before, act.asked_by, act.reason)
    except (ActRefusedError, NotRegisteredError, NotInStoreError, ModelFilesError, ValueError, OSError) as error:
        return str(error)
    return ""
