"""What the registry says of one region-item, and what decisions and acts of people make of that.

Everything but the aliases is kept as JSON in the registered model's description, so that one query shows it.
"""

from dataclasses import asdict, dataclass, field, replace
from math import isfinite
from typing import Any

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.gate.gate import Decision

NOT_DESCRIBED = ("region_item", "name", "production", "candidate")
"""Names and aliases, which the registry holds itself."""


class ActRefusedError(RuntimeError):
    """What a person asked for cannot be done any more; the message says why."""


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
    """When production was promoted, ISO, UTC."""
    decided_at: str | None = None
    decided: int | None = None
    """The version that the gate decided on last."""
    decision: str = ""
    """The last decision of the gate: ``promote``, ``keep`` or none yet."""
    reason: str = ""
    summary: dict[str, Any] = field(default_factory=dict)
    """The production version's card."""
    source: str = ""
    """Where the production version's files are; empty when it was promoted before this was noted."""
    pinned_by: str = ""
    """Who pinned the version in production; empty when it is not pinned."""
    pinned_reason: str = ""
    pinned_at: str | None = None
    rolled_back: dict[str, Any] = field(default_factory=dict)
    """How production came to be an older version, while it is: ``by``, ``reason``, ``at``, ``from``."""


def described(entry: RegistryEntry) -> dict[str, Any]:
    """What the registered model's description holds of the entry."""
    return {name: value for name, value in asdict(entry).items() if name not in NOT_DESCRIBED}


def decided(entry: RegistryEntry, version: int, decision: Decision, card: dict[str, Any], source: str,
            at: str) -> RegistryEntry:
    """The entry after a decision of the gate on a version.

    Args:
        card: the version's card; shown of it when it is promoted, as is where its files are.
    """
    after = replace(entry, decided=version, decision=decision.verdict, reason=decision.reason, decided_at=at)
    if decision.verdict != "promote":
        return after
    return replace(_serving(after, version, entry.production, card, source, at), rolled_back={})


def rolled_back(entry: RegistryEntry, version: int, replaced: int | None, by: str, reason: str, card: dict[str, Any],
                source: str, at: str) -> RegistryEntry:
    """The entry after a roll back to a version; a pin of the version that is left ends.

    Raises: ActRefusedError: neither of the two versions is in production.
    """
    if entry.production not in (version, replaced):
        raise ActRefusedError(f"v{entry.production} is in production meanwhile, not v{replaced}")
    after = replace(_serving(entry, version, replaced, card, source, at),
                    rolled_back={"by": by, "reason": reason, "at": at, "from": replaced})
    return unpinned(after)


def pinned(entry: RegistryEntry, version: int, by: str, reason: str, at: str) -> RegistryEntry:
    """The entry with its production version pinned.

    Raises: ActRefusedError: another version is in production.
    """
    if entry.production != version:
        raise ActRefusedError(f"v{entry.production} is in production meanwhile, not v{version}")
    return replace(entry, pinned_by=by, pinned_reason=reason, pinned_at=at)


def unpinned(entry: RegistryEntry) -> RegistryEntry:
    """The entry with nothing pinned."""
    return replace(entry, pinned_by="", pinned_reason="", pinned_at=None)


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


def _serving(entry: RegistryEntry, version: int, replaced: int | None, card: dict[str, Any], source: str,
             at: str) -> RegistryEntry:
    return replace(entry, promoted_at=at, summary={key: _json_value(value) for key, value in card.items()},
                   previous=replaced if replaced != version else entry.previous, source=source)


def _json_value(value: Any) -> Any:
    """The value, or None for a number that JSON does not know."""
    return None if isinstance(value, float) and not isfinite(value) else value
