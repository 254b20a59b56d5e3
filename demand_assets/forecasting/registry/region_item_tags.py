"""What is written down of a region-item in the registry, each fact as one tag, so that no writer overwrites another's.

What belongs to a version names it: a fact is used only of the version that it is of, whatever the aliases say
meanwhile. The registered model has a tag ``promotion.<version>`` for each version that was put in production lately,
and ``pin``. The gate's decision is on the version that it is on, as are the model's card and where its files are.

A description is for people. Until now it held all of this as JSON; such a description moves to the tag ``old_entry``.
"""

import json
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

PROMOTION, PIN, OLD_ENTRY = "promotion.", "pin", "old_entry"
"""Tags of the registered model."""
LONGEST_TAG = 5000
"""Characters that MLflow's tables hold of a registered model's tag."""
LONGEST_REASON = 2000
PROMOTIONS_KEPT, PROMOTIONS_UP_TO = 5, 10
"""Once more than the second number are noted of a region-item, the older ones go until the first number is left."""


def moment(text: str) -> datetime:
    """The moment of an ISO text; UTC when it names no zone.

    Raises: ValueError: it is none.
    """
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def iso_now() -> str:
    """The present moment, ISO, UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _zoned(text: str) -> str:
    parsed = moment(text)
    if not 1970 <= parsed.year <= 2200:
        raise ValueError(f"{text!r} is no moment at which anything was done here")
    return parsed.astimezone(UTC).isoformat(timespec="milliseconds")


def _storable(text: str) -> str:
    """The text without NUL, which databases refuse; halves of characters are refused when it is read."""
    return text.replace("\0", "")


Moment = Annotated[str, AfterValidator(_zoned)]
"""ISO; UTC unless it names a zone."""
Text = Annotated[str, AfterValidator(_storable)]
Reason = Annotated[Text, AfterValidator(lambda text: text[:LONGEST_REASON])]
Version = Annotated[int, Field(ge=1, lt=2**31)]
Verdict = Literal["promote", "keep"]


class BadFactError(ValueError):
    """A tag that somebody edited so that it cannot be read."""


class Fact(BaseModel):
    """Something that is written down as one tag; what a later version of the product adds is passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    @classmethod
    def read(cls, key: str, text: str) -> Self:
        """The fact that a tag holds.

        Raises: BadFactError: it holds something else.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            found = error.errors()[0]
            place = ".".join(str(part) for part in found["loc"])
            raise BadFactError(f"the tag {key!r} in MLflow cannot be read ({place + ': ' if place else ''}"
                               f"{found['msg']}); put it right there, or remove it") from error

    def written(self) -> str:
        """The fact as a tag's value."""
        return json.dumps(self.model_dump(), ensure_ascii=False)


class Promotion(Fact):
    """How a version came to be in production."""

    at: Moment
    replaced: Version | None = None
    """The version that it replaced."""
    by: Text = ""
    """Who put it there by hand; empty when the gate promoted it."""
    reason: Reason = ""


class Pin(Fact):
    """A version that the gate is to keep in production."""

    at: Moment
    version: Version | None = None
    by: Text = ""
    """Who pinned it; empty when the pin was taken off."""
    reason: Reason = ""


class DecisionFact(BaseModel):
    """The gate's decision on a version, as the version's tags ``decision`` and ``decision_numbers`` tell it."""

    verdict: Verdict
    reason: Text
    at: Moment | None = None

    @classmethod
    def of(cls, tags: dict[str, str]) -> Self | None:
        """What the tags of a version tell; None when the gate did not decide on it yet.

        Raises: BadFactError: they were edited so that they cannot be read.
        """
        told = tags.get("decision")
        if told is None:
            return None
        verdict, _, reason = told.partition(":")
        try:
            numbers = json.loads(tags.get("decision_numbers") or "{}")
            at = numbers.get("decided_at") if isinstance(numbers, dict) else None
            return cls(verdict=verdict.strip(), reason=reason.strip(), at=at)  # type: ignore[arg-type]  # checked there
        except ValueError as error:
            raise BadFactError(f"the tags 'decision' and 'decision_numbers' of a version in MLflow cannot be read: "
                               f"{told[:80]!r}; the decision starts with 'promote:' or 'keep:'") from error


class _OldRollBack(BaseModel):
    model_config = ConfigDict(extra="ignore")

    by: Text
    reason: Text
    at: Moment
    from_: Version | None = Field(alias="from")


class OldEntry(BaseModel):
    """What a registered model's description held, as JSON, when all facts were kept there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    previous: Version | None
    promoted_at: Moment | None
    decided_at: Moment | None
    decided: Version | None
    decision: Text
    reason: Text
    summary: dict[str, Any]
    source: str = ""
    pinned_by: Text = ""
    pinned_reason: Text = ""
    pinned_at: Moment | None = None
    rolled_back: _OldRollBack | Annotated[dict[str, Any], Field(max_length=0)] = {}

    @classmethod
    def of(cls, description: str | None) -> Self | None:
        """The entry that the description is; None when a person wrote it, or changed it to something else."""
        if not description or not description.lstrip().startswith("{"):
            return None
        try:
            return cls.model_validate_json(description)
        except ValidationError:
            return None

    def promotion(self) -> Promotion | None:
        """How the version that was in production came to be there; None when none was."""
        if self.promoted_at is None:
            return None
        if isinstance(self.rolled_back, _OldRollBack):
            return Promotion(at=self.promoted_at, replaced=self.rolled_back.from_ or self.previous,
                             by=self.rolled_back.by, reason=self.rolled_back.reason)
        return Promotion(at=self.promoted_at, replaced=self.previous)

    def pin(self, production: int | None) -> Pin | None:
        """What was pinned, which was always what was in production; None when nothing was."""
        if not self.pinned_by:
            return None
        return Pin(at=self.pinned_at or self.promoted_at or "1970-01-01T00:00:00+00:00", version=production,
                   by=self.pinned_by, reason=self.pinned_reason)


class MovedEntry(Fact):
    """An old entry that was moved out of the description, word for word unless that is too long."""

    production: Version | None
    """What was in production then."""
    description: str

    @classmethod
    def of(cls, description: str, production: int | None) -> Self:
        """The tag's content for a description that is an ``OldEntry``."""
        whole = cls(production=production, description=description)
        if len(whole.written()) <= LONGEST_TAG:
            return whole
        told: dict[str, Any] = json.loads(description)
        told |= {"summary": {}, "source": "", "reason": str(told["reason"])[:500]}
        if told.get("pinned_reason"):
            told["pinned_reason"] = str(told["pinned_reason"])[:500]
        return cls(production=production, description=json.dumps(told, ensure_ascii=False))
