"""What a sensor remembers from tick to tick: how far its work is done, and what it asked for and has not seen done yet.

A run that a sensor asks for may be refused, fail, be cancelled or deleted. So a cursor moves on only when the work is
seen to be done; until then it is asked for again, after a pause that grows.
"""

import json
from dataclasses import asdict, dataclass, replace
from datetime import timedelta

from pydantic import TypeAdapter, ValidationError

FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=6)
"""Between the first failure and the next try, and at most; the pause doubles in between."""
LONGEST_ID = 19
"""Digits of an event's id that a database takes for certain."""


@dataclass(frozen=True)
class Cursor:
    """How far the work is done, and what has been asked for beyond."""

    done: str = ""
    """A source's fingerprint, or the id of an event; all up to here is done."""
    wanted: str = ""
    """Up to where work was asked for and not seen done; empty when nothing is open."""
    since: int = 0
    """An event; what was made for the work that is open is younger."""
    tries: int = 0
    """Times that what is wanted was asked for."""
    asked_at: float = 0.0
    """When it was asked for last, in seconds since 1970."""
    asks: int = 0
    """Runs that were ever asked for, in groups: makes the keys of runs differ, also when a source goes back."""

    @classmethod
    def read(cls, text: str | None) -> "Cursor":
        """The cursor that Dagster kept.

        Any other text is how far the work is done: earlier versions wrote such, and an engineer may on Dagster's page.
        """
        try:
            return TypeAdapter(cls).validate_json(text or "")
        except ValidationError:
            return cls(done=text or "")

    @property
    def last_event(self) -> int:
        """The id of the event up to which all is done."""
        return event_id(self.done)

    def text(self) -> str:
        """As Dagster keeps it."""
        return json.dumps(asdict(self))

    def ask(self, wanted: str, now: float, since: int = 0) -> "Cursor":
        """The cursor after asking; what was asked for before and is not done yet counts one more try."""
        tries = self.tries + 1 if wanted == self.wanted else 1
        return replace(self, wanted=wanted, since=since, tries=tries, asked_at=now, asks=self.asks + 1)

    def finish(self, done: str, since: int = 0) -> "Cursor":
        """The cursor when all up to here is done, and nothing is open."""
        return Cursor(done=done, since=since, asks=self.asks)

    def waits(self, now: float) -> float:
        """Seconds until what failed may be asked for again; 0 when it may. A clock that was set back does not wait."""
        passed = now - self.asked_at
        return max(0.0, pause_after(self.tries).total_seconds() - passed) if self.tries and passed >= 0 else 0.0


def event_id(text: str) -> int:
    """The id that a part of a cursor holds; 0 where it is empty, or an engineer wrote there what is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < LONGEST_ID else 0


def pause_after(tries: int) -> timedelta:
    """How long to wait after so many tries that failed, at least one."""
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(tries - 1, 20))
