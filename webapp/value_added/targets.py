"""Targets and tolerance bands of the plan's accuracy and bias, as administrators set them for all or for a segment."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import select

from webapp.administration.segment_rules import keep_rule, remove_rule_of
from webapp.db.database import db
from webapp.language.translations import gettext as _
from webapp.tables import AccuracyTarget
from webapp.value_added.comparing import ComparedRows

LARGEST = 10.0
Reached = Literal["reached", "tolerated", "missed"]
Held = Literal["within", "too high", "too low"]


class TargetError(ValueError):
    """A target that cannot be; the message says what can."""


@dataclass(frozen=True)
class Target:
    """What is wanted of a segment's plan."""

    segment: str
    """Empty of the target for all."""
    wape: float
    tolerance: float
    bias: float

    def accuracy_of(self, one: ComparedRows) -> Reached | None:
        """Whether the plan's WAPE is as wanted; None where it is not known."""
        wape = one.wape("plan")
        if wape is None:
            return None
        return "reached" if wape <= self.wape else "tolerated" if wape <= self.wape + self.tolerance else "missed"

    def bias_of(self, one: ComparedRows) -> Held | None:
        """Whether the plan's bias is within its band; None where it is not known."""
        bias = one.bias("plan")
        if bias is None:
            return None
        return "within" if abs(bias) <= self.bias else "too high" if bias > 0 else "too low"


def targets() -> list[AccuracyTarget]:
    """All of them: the one for all first, then by segment."""
    return list(db.session.scalars(select(AccuracyTarget).order_by(AccuracyTarget.segment)))


@dataclass(frozen=True)
class Targets:
    """The targets as they are now."""

    by_segment: Mapping[str, Target]

    def of(self, kind: str, name: str) -> Target | None:
        """The target of a group: its own, else the one for all; None where nobody set one."""
        return self.by_segment.get(f"{kind}:{name}") or self.by_segment.get("")


def current() -> Targets:
    """The targets as they are now."""
    return Targets({row.segment: Target(row.segment, row.wape, row.tolerance, row.bias) for row in targets()})


def set_target(segment: str, wape: float, tolerance: float, bias: float) -> bool:
    """Keep a target, in place of the one that the segment has; whether that changes anything.

    Args:
        segment: as ``segments.parsed_segment`` gives it.
        wape, tolerance, bias: as in ``AccuracyTarget``.
    Raises:
        TargetError: the numbers cannot be.
        TooManyRulesError: it would be one more than there may be.
    """
    for words, value, least in ((_("WAPE"), wape, 0.001), (_("Tolerance"), tolerance, 0.0), (_("Bias"), bias, 0.0)):
        if not least <= value <= LARGEST:
            raise TargetError(_("%(name)s must be from %(least)s %% to %(most)s %%, not %(value)s %%.", name=words,
                                value=f"{100 * value:g}", least=f"{100 * least:g}", most=f"{100 * LARGEST:g}"))
    wanted: dict[str, float] = {"wape": wape, "tolerance": tolerance, "bias": bias}
    return keep_rule(AccuracyTarget, {"segment": segment}, wanted, "target set", named(segment))


def remove_target(target_id: int) -> AccuracyTarget | None:
    """Remove a target; None where there is none."""
    return remove_rule_of(AccuracyTarget, target_id, ("wape", "tolerance", "bias"), "target removed",
                          lambda row: named(row.segment))


def named(segment: str) -> str:
    """A target as people name it: ``accuracy target: region:north``."""
    return f"accuracy target: {segment or 'all'}"
