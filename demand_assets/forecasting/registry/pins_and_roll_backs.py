"""What a pin keeps in production whatever the gate says, and when a roll back or a pin is refused."""

from demand_assets.forecasting.gate.gate import Decision
from demand_assets.forecasting.registry.entry import RegistryEntry


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
