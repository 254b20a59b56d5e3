"""What the registry says of one region-item: its versions, the promotions, the pin that is in force."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime
from functools import partial
from math import isfinite
from typing import TYPE_CHECKING, Any, TypeVar

from demand_assets.forecasting.contract.region_item import BadNameError, RegionItem, escape
from demand_assets.forecasting.model.serving.own_model import ModelCard
from demand_assets.forecasting.registry.region_item_tags import (
    OLD_ENTRY,
    PIN,
    PROMOTION,
    BadFactError,
    DecisionFact,
    MovedEntry,
    OldEntry,
    Pin,
    Promotion,
    moment,
)
from demand_assets.forecasting.registry.version_files import VersionFiles
from demand_assets.forecasting.telemetry.tracing import TRACEPARENT

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel

CANDIDATE, PRODUCTION = "candidate", "production"
"""Aliases."""
EXPIRING = "expiring"
"""Tag of a version that is about to be removed, so that nobody puts it in production any more."""
UNREADABLE = "somebody unknown"

Read = TypeVar("Read")


@dataclass(frozen=True)
class VersionFacts:
    """What the newest version tells of itself; it comes with the registered model."""

    version: int
    created_at: str
    """ISO."""
    request_id: str = ""
    run_id: str = ""
    """Of Dagster."""
    numbers: dict[str, float | str] = field(default_factory=dict)
    """Of its card: what its backtest measured, and of which demand it is."""
    traceparent: str = ""
    """Of the run that made it; empty of versions of before."""

    @classmethod
    def of(cls, version: "ModelVersion") -> "VersionFacts":
        """What a version tells."""
        tags = dict(version.tags)
        numbers = card_of(tags)
        created = datetime.fromtimestamp(int(version.creation_timestamp) / 1000, UTC)
        return cls(int(version.version), created.isoformat(),
                   tags.get("request_id", ""), tags.get("dagster_run_id", ""), numbers, tags.get(TRACEPARENT, ""))


TEXTS = {each.name: each.type is str for each in fields(ModelCard)}
"""Of a model's card, each field of which is a tag of its version: whether it is a text, also where that looks like a
number, as a hash may."""


DATES = ("trained_from", "trained_to")
"""Of a model's card."""


def card_of(tags: Mapping[str, str]) -> dict[str, float | str]:
    """What a version's tags hold of its card; what was not measured, and what people wrote there that is no number or
    no date where one is meant, are left out."""
    found = {name: _card_value(name, tags.get(name, ""), is_text) for name, is_text in TEXTS.items()}
    return {name: value for name, value in found.items() if value is not None}


def _card_value(name: str, text: str, is_text: bool) -> float | str | None:
    if text in ("", "None") or text[0] in "{[(":
        return None
    if not is_text:
        for kind in (int, float):
            with suppress(ValueError, OverflowError):
                return value if isfinite(value := kind(text)) else None
        return None
    if name in DATES:
        try:
            date.fromisoformat(text[:10])
        except ValueError:
            return None
    return text


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
    """When production was put there, ISO; None when that is not written down."""
    decided_at: str | None = None
    decided: int | None = None
    """The candidate, when the gate decided on it and what it decided was carried out."""
    decision: str = ""
    """The gate's decision on the candidate: ``promote``, ``keep`` or none that is known here."""
    reason: str = ""
    pinned_by: str = ""
    """Who pinned a version; empty when none is pinned."""
    pinned_reason: str = ""
    pinned_at: str | None = None
    pinned_version: int | None = None
    """Which; None when none is pinned, or it is not said which."""
    rolled_back: dict[str, Any] = field(default_factory=dict)
    """How production was put there by hand: ``by``, ``reason``, ``at``, ``from`` (a version); empty when it was not."""
    problem: str = ""
    """What is wrong in the registry and should be put right there; nothing else waits for it."""
    files: VersionFiles | None = None
    """Of production, where the version itself came with the answer: it does when it is the newest."""
    newest: VersionFacts | None = None
    """The newest version, whether or not anything else names it; None when the model has none."""
    is_old: bool = False
    """Whether its facts are still in the description."""


def entry_of(found: "RegisteredModel", dataset: str, candidate_tags: dict[str, str] | None = None,
             ) -> RegistryEntry | None:
    """The entry of a registered model; None when the model is not of a region-item of this dataset.

    Args:
        candidate_tags: of the candidate, where they were asked for; else they are known when it is the newest version.
    """
    if not found.name.startswith(f"{escape(dataset)}."):
        return None
    try:
        _, region_item = RegionItem.from_model_name(found.name)
    except BadNameError:
        return None
    if region_item.model_name(dataset) != found.name:  # made by hand, and its name is another's, written otherwise
        return None
    return _Reading(found, region_item, candidate_tags).entry()


class _Reading:
    """Reads one registered model; what cannot be read is a problem and otherwise as if it were not there."""

    def __init__(self, found: "RegisteredModel", region_item: RegionItem,
                 candidate_tags: dict[str, str] | None) -> None:
        self._found, self._region_item = found, region_item
        aliases = {alias: int(version) for alias, version in found.aliases.items()}
        self._production, self._candidate = aliases.get(PRODUCTION), aliases.get(CANDIDATE)
        self._newest = {int(version.version): version for version in found.latest_versions or ()}
        if candidate_tags is None and self._candidate in self._newest:
            candidate_tags = dict(self._newest[self._candidate].tags)
        self._candidate_tags = candidate_tags
        self._problems: list[str] = []

    def entry(self) -> RegistryEntry:
        found, production, candidate = self._found, self._production, self._candidate
        old, old_production, is_old = self._old()
        promotions = self._promotions()
        if production is not None and production not in promotions and old and old_production == production and (
                moved := old.promotion()):
            promotions[production] = moved
        promotion = promotions.get(production) if production is not None else None
        if promotion is None and not self._problems and (
                production is not None or any(self._is_dated(each.at) for each in promotions.values())):
            self._problems.append(_by_hand(production))
        pin = self._pin(old, old_production)
        if pin and pin.version is not None and pin.version != production:
            self._problems.append(
                f"v{pin.version} is pinned by {pin.by}, but {f'v{production}' if production else 'no version'} is in "
                "production: roll back to the pinned version, or take the pin off")
        told = self._told(candidate, promotions, old)
        version = self._newest.get(production) if production is not None else None
        newest = self._newest[max(self._newest)] if self._newest else None
        return RegistryEntry(
            region_item=self._region_item, name=found.name, production=production, candidate=candidate,
            previous=promotion.replaced if promotion else None, promoted_at=promotion.at if promotion else None,
            decided_at=told.at if told else None, decided=candidate if told else None,
            decision=told.verdict if told else "", reason=told.reason if told else "",
            pinned_by=pin.by if pin else "", pinned_reason=pin.reason if pin else "", pinned_at=pin.at if pin else None,
            pinned_version=pin.version if pin else None,
            rolled_back={"by": promotion.by, "reason": promotion.reason, "at": promotion.at,
                         "from": promotion.replaced} if promotion and promotion.by else {},
            problem="; ".join(self._problems), files=VersionFiles.of(version) if version else None,
            newest=VersionFacts.of(newest) if newest else None, is_old=is_old)

    def _guarded(self, read: Callable[[], Read]) -> Read | None:
        try:
            return read()
        except BadFactError as error:
            self._problems.append(str(error))
            return None

    def _old(self) -> tuple[OldEntry | None, int | None, bool]:
        """The entry of the old form, what it says was in production, and whether it is still the description."""
        tag = self._found.tags.get(OLD_ENTRY)
        moved = self._guarded(lambda: MovedEntry.read(OLD_ENTRY, tag)) if tag else None
        described = OldEntry.of(self._found.description)
        if described is None:
            return (OldEntry.of(moved.description), moved.production, False) if moved else (None, None, False)
        again = moved and moved == MovedEntry.of(str(self._found.description), moved.production)
        return described, moved.production if moved and again else self._production, True

    def _promotions(self) -> dict[int, Promotion]:
        promotions = {}
        for key, text in self._found.tags.items():
            number = key.removeprefix(PROMOTION)
            if key.startswith(PROMOTION) and number.isdecimal() and (
                    read := self._guarded(partial(Promotion.read, key, text))):
                promotions[int(number)] = read
        return promotions

    def _pin(self, old: OldEntry | None, old_production: int | None) -> Pin | None:
        """The pin that is in force; one that cannot be read holds until somebody puts it right or takes it off."""
        text = self._found.tags.get(PIN)
        pin = self._guarded(lambda: Pin.read(PIN, text)) if text else None
        if text and pin is None:
            return Pin(at="1970-01-01T00:00:00+00:00", by=UNREADABLE, reason="the pin cannot be read")
        before = old.pin(old_production) if old else None
        if pin is None or (before and before.at > pin.at):
            pin = before
        return pin if pin and pin.by else None

    def _told(self, candidate: int | None, promotions: dict[int, Promotion], old: OldEntry | None,
              ) -> DecisionFact | None:
        """The decision on the candidate, unless it is to promote and a crash came before it was carried out."""
        tags = self._candidate_tags
        if candidate is None or tags is None:
            return None
        told = self._guarded(lambda: DecisionFact.of(tags))
        is_done = told is not None and (
            told.verdict == "keep" or candidate == self._production or bool(old and old.decided == candidate)
            or any(each.replaced == candidate for each in promotions.values())
            or (candidate in promotions and self._is_dated(promotions[candidate].at)))
        return told if is_done else None

    def _is_dated(self, at: str) -> bool:
        """Whether the registered model was dated since: the last step of what was begun then."""
        return moment(at).timestamp() * 1000 <= int(self._found.last_updated_timestamp)


def _by_hand(production: int | None) -> str:
    if production is None:
        return ("no version is in production any more: the alias was removed, or its version deleted, in MLflow; "
                "retrain, or set the alias again")
    return (f"v{production} is in production by an alias that was set in MLflow, not by the gate or an administrator, "
            "so since when and why is not known")
