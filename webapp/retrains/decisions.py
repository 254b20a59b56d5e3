"""Why the region-items of a retrain were decided as they were: each reason once, with how many it was given for.

The reasons of one kind are one sentence with other numbers in it. It is said with the numbers that all of them have; in
place of the others stands "…".
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, func, select

from webapp.db.database import db
from webapp.retrains.progress import STATES
from webapp.tables import Retrain, RetrainItem

ELSE = "…"
_NUMBER = re.compile(r"(\d{4}-\d{2}-\d{2}|\d+(?:[.,]\d+)*(?: %)?|…)")


@dataclass
class Decision:
    """A state, and a reason that some region-items in it have."""

    state: str
    count: int = 0
    """Region-items."""
    sentence: str = ""
    """As it is stored, in English; empty where there is none."""
    masked: set[str] = field(default_factory=set)
    """The reasons with each digit as 0."""

    @property
    def id(self) -> str:
        """The same for this state and kind of reason in any retrain."""
        kind = f"{self.state}: {kind_of(self.sentence)}"
        return hashlib.sha1(kind.encode(), usedforsecurity=False).hexdigest()[:12]


def decisions_of(retrain: Retrain, state: str = "") -> list[Decision]:
    """What came of a retrain, the states as its bar shows them, the most frequent reason of each first.

    Args:
        state: only those of it; empty for all.
    """
    query = select(RetrainItem.state, RetrainItem.reason, func.count()).where(RetrainItem.retrain_id == retrain.id)
    if state:
        query = query.where(RetrainItem.state == state)
    found: dict[tuple[str, str], Decision] = {}
    for of_state, reason, count in db.session.execute(query.group_by(RetrainItem.state, RetrainItem.reason)):
        decision = found.setdefault((of_state, kind_of(reason)), Decision(of_state, sentence=reason))
        decision.sentence = shared_sentence([decision.sentence, reason])
        decision.count += count
        decision.masked.add(re.sub(r"\d", "0", reason))
    return sorted(found.values(), key=lambda one: (STATES.index(one.state), -one.count, one.sentence))


def is_of(decision: Decision) -> ColumnElement[bool]:
    """Whether a region-item of a retrain has this state and reason."""
    masked: ColumnElement[str] = RetrainItem.reason.expression
    for digit in "123456789":
        masked = func.replace(masked, digit, "0")
    return (RetrainItem.state == decision.state) & masked.in_(sorted(decision.masked))


def shared_sentence(sentences: Sequence[str]) -> str:
    """What sentences of one kind say, with ``ELSE`` for each number that is not the same in all of them."""
    parts = [_NUMBER.split(sentence) for sentence in sentences]
    return "".join(each[0] if len(set(each)) == 1 else ELSE for each in zip(*parts, strict=True))


def kind_of(sentence: str) -> str:
    """The sentence with ``ELSE`` for each of its numbers."""
    return _NUMBER.sub(ELSE, sentence)
