"""What is in production and why: promotions by the gate, pins and roll backs by people, and when these are refused.

Each is written down as a fact of its own before the alias moves. Every step may be repeated: a crash between any two is
mended by doing it again.
"""

import json
from typing import TYPE_CHECKING

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.gate.gate import Decision
from demand_assets.forecasting.registry.entry import EXPIRING, PRODUCTION, RegistryEntry, entry_of
from demand_assets.forecasting.registry.region_item_tags import (
    OLD_ENTRY,
    PIN,
    PROMOTION,
    PROMOTIONS_KEPT,
    PROMOTIONS_UP_TO,
    Fact,
    MovedEntry,
    OldEntry,
    Pin,
    Promotion,
    iso_now,
)
from demand_assets.forecasting.registry.registered_models import RegisteredModels
from demand_assets.forecasting.registry.session import NotRegisteredError
from demand_assets.forecasting.registry.versions import TAG_LENGTH, decision_tags

if TYPE_CHECKING:
    from mlflow.entities.model_registry import RegisteredModel


class ActRefusedError(RuntimeError):
    """What a person asked for cannot be done any more; the message says why."""


def checked_act(entry: RegistryEntry, version: int, *also: int | None) -> None:
    """Nothing, when what is in production is the version that the act is on, or one of the others given.

    Raises: ActRefusedError: another version is.
    """
    if entry.production != version and entry.production not in also:
        raise ActRefusedError(f"v{entry.production} is in production meanwhile, not v{also[0] if also else version}")


def held_by_pin(entry: RegistryEntry | None, decision: Decision) -> Decision:
    """The gate's decision where a person may have pinned what serves: then it stays, and the candidate's merit is told.

    Args:
        decision: what the gate says of the candidate by itself.
    """
    if entry is None or not entry.pinned_by:
        return decision
    merit = "would have been promoted" if decision.verdict == "promote" else "would not have been promoted either"
    return Decision("keep", f"pinned by {entry.pinned_by}: {entry.pinned_reason}; the candidate {merit}: "
                            f"{decision.reason}", decision.numbers)


class ModelsInProduction(RegisteredModels):
    """Which version of each region-item's model is in production, and its changes."""

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


def _holds(found: "RegisteredModel", moved: MovedEntry) -> bool:
    """Whether the old entry was moved already, whatever was in production when that was done."""
    text = found.tags.get(OLD_ENTRY)
    if not text:
        return False
    try:
        return MovedEntry.model_validate_json(text).description == moved.description
    except ValueError:
        return False
