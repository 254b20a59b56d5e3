"""Answers for which every row must be looked at, kept in each process until one of the tables that they are of is
written, and for those only who see the same rows."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from threading import Lock
from typing import TypeVar, cast

from flask import Flask, current_app
from sqlalchemy import Select

from webapp.db.database import db
from webapp.db.revisions import Group, revision
from webapp.personal.seen_region_items import mark, sees_everything

MOST = 1000
"""Answers kept at once; those asked for least lately are let go."""
FEW = 1000
"""Keys found that are kept at once; where there are more, each is asked for."""
Answer = TypeVar("Answer")


class KeptAnswers:
    """The newest answer to each question, and the revision that it is of. Nobody changes an answer."""

    def __init__(self) -> None:
        self._answers: OrderedDict[Hashable, tuple[str, object]] = OrderedDict()
        self._lock = Lock()

    def find(self, question: Hashable, of: str) -> tuple[object] | None:
        """The answer of that revision, alone in a tuple; None where there is none."""
        with self._lock:
            found = self._answers.get(question)
            if found is None or found[0] != of:
                return None
            self._answers.move_to_end(question)
            return found[1],

    def keep(self, question: Hashable, of: str, answer: object) -> None:
        """Keep an answer in place of the one before."""
        with self._lock:
            self._answers[question] = of, answer
            self._answers.move_to_end(question)
            while len(self._answers) > MOST:
                self._answers.popitem(last=False)


def kept(group: Group, question: Hashable, ask: Callable[[], Answer]) -> Answer:
    """What a question to the database is answered with; asked anew after each commit that wrote into the group's
    tables.

    Args:
        question: with everything that the answer depends on but those tables and who asks: two questions that are equal
            have one answer for all who see the same.
        ask: reads tables of the group and no other; its answer is shared, and must not be changed.
    """
    of = _revision(group)
    if of is None:
        return ask()
    answers: KeptAnswers = current_app.extensions["kept_answers"]
    name = (group, mark(), question)
    found = answers.find(name, of)
    if found is None:
        answer = ask()
        if _revision(group, anew=True) == of:  # else a commit came in between, which it may know of
            answers.keep(name, of, answer)
        return answer
    return cast(Answer, found[0])


def kept_among(group: Group, question: Hashable, find: Select[str], keys: Sequence[str]) -> Sequence[str]:
    """Those of the keys of region-items that a query finds, or all of them: nothing need be asked of the others.

    Args:
        question: as of ``kept``.
        find: keys, of tables of the group.
    """
    if _revision(group) is None:
        return keys
    found = kept(group, question, lambda: frozenset(db.session.scalars(find.distinct().limit(FEW + 1))))
    return [key for key in keys if key in found] if len(found) <= FEW else keys


def _revision(group: Group, anew: bool = False) -> str | None:
    """For whoever asks: of what they may see as well."""
    of = revision(group, anew)
    if of is None or sees_everything():
        return of
    return f"{of} {revision('seen', anew)}"


def add_to(app: Flask) -> None:
    """Keep answers in this process."""
    app.extensions["kept_answers"] = KeptAnswers()
