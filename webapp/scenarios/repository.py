"""Saved scenarios: stored once, found again, changed by one person at a time, archived and brought back.

A private one is there for its creator alone: for anybody else, administrators too, it is as if it never was.
"""

import re
from collections.abc import Sequence
from itertools import count
from typing import Any

from flask import has_request_context
from sqlalchemy import ColumnElement, func, or_, select, true

from webapp.access import actor
from webapp.audit.record import record
from webapp.db.database import db, now, writing
from webapp.db.locks import once_more
from webapp.language.translations import gettext as _
from webapp.language.translations import in_language, lazy_gettext
from webapp.pages.listing import Kind, Query, View, in_order
from webapp.personal.seen_region_items import everything, sees_everything
from webapp.region_items.labels import selection_words
from webapp.scenarios import states
from webapp.scenarios.request import ScenarioRequest
from webapp.tables import SavedScenario

LONGEST_NAME, LONGEST_DESCRIPTION = 120, 4000
_COPY = re.compile(r" \(copy(?: \d+)?\)$")
"""What the name of a copy ends with."""
RECORDED_TOKEN = 8
"""Characters of its link by which the audit log knows a scenario, whatever it is called; too few to open it."""
RECORDED_CHANGES = 5
SHOWN = {"all": lazy_gettext("everyone's"), "mine": lazy_gettext("mine"), "archived": lazy_gettext("archived")}
SCENARIOS = Kind({"changed": SavedScenario.changed_at.expression}, "changed", descending=True,
                 filters={"show": tuple(SHOWN)})


class NotYoursError(RuntimeError):
    """Only who created a scenario may make it private or share it; the message says so."""


class ChangedMeanwhileError(RuntimeError):
    """Somebody else changed the scenario since the form was opened; the message says who and when."""


def count_all() -> int:
    """How many there are for whoever asks, archived ones too."""
    return db.session.scalar(select(func.count(SavedScenario.id)).where(_is_open_to_asker())) or 0


def count_unseen() -> int:
    """How many that are open to whoever asks are not there for them, since they hold region-items that they do not
    see."""
    if sees_everything():
        return 0
    seen = count_all()
    with everything():
        return count_all() - seen


def open_scenarios(email: str) -> list[SavedScenario]:
    """All that somebody may open and that are not archived."""
    return list(db.session.scalars(select(SavedScenario).where(
        _is_open_to(email), SavedScenario.archived_at.is_(None)).order_by(SavedScenario.id)))


def by_tokens(tokens: Sequence[str]) -> list[SavedScenario]:
    """The scenarios of these links, in their order; those that there are not, or not for whoever asks, are left out."""
    found = {each.token: each for each in db.session.scalars(
        select(SavedScenario).where(SavedScenario.token.in_(tokens), _is_open_to_asker()))}
    return [found[token] for token in dict.fromkeys(tokens) if token in found]


def by_token(token: str) -> SavedScenario | None:
    """The scenario of a link; None when there is none."""
    return next(iter(by_tokens([token])), None)


def original_of(scenario: SavedScenario) -> SavedScenario | None:
    """What it was copied from, where that is open to whoever asks."""
    if scenario.copied_from is None:
        return None
    return db.session.scalar(select(SavedScenario).where(SavedScenario.id == scenario.copied_from,
                                                         _is_open_to_asker()))


@once_more
def create(token: str, name: str, description: str, asked: ScenarioRequest, by: str,
           copied_from: SavedScenario | None = None,
           is_private: bool = False) -> bool:
    """Store a scenario under its form's token, unless the same form already did; whether it is new."""
    with writing():
        if db.session.scalar(select(SavedScenario.id).where(SavedScenario.token == token)) is not None:
            return False
        scenario = SavedScenario(token=token, name=name, description=description, created_by=by,
                                 asked=asked.to_json(), size=len(asked.keys), is_private=is_private,
                                 selection=_stored_selection(asked),
                                 copied_from=copied_from.id if copied_from else None)
        db.session.add(scenario)
        copy = {"copy of": recorded_name(copied_from)} if copied_from else {}
        record("duplicated" if copied_from else "created", "scenario", recorded_name(scenario),
               after=_facts(scenario, is_told=not is_private) | copy)
    return True


def change(token: str, seen: str, name: str, description: str, asked: ScenarioRequest, by: str,
           is_private: bool | None = None) -> bool:
    """Store what a form changed; whether it must be computed again.

    Args:
        seen: ``states.stamp`` of the scenario when the form was opened.
        is_private: as it is unless given.
    Raises: ChangedMeanwhileError: it is not as the form showed it any more. NotYoursError.
    """
    with writing():
        scenario = states.hold(token)
        if states.stamp(scenario) != seen:
            who = scenario.changed_by or scenario.created_by
            raise ChangedMeanwhileError(_(
                "%(person)s changed this scenario on %(date)s at %(time)s UTC, after you opened it here.", person=who,
                date=f"{scenario.changed_at:%Y-%m-%d}", time=f"{scenario.changed_at:%H:%M}"))
        if is_private is not None and is_private != scenario.is_private and scenario.created_by != by:
            raise NotYoursError(_("Only %(person)s, who created this scenario, can make it private.",
                                  person=scenario.created_by))
        same, was_private = scenario.asked == asked.to_json(), scenario.is_private
        is_private = was_private if is_private is None else is_private
        before = _facts(scenario, is_told=not (was_private or is_private))
        scenario.name, scenario.description, scenario.changed_by = name, description, by
        scenario.changed_at = now()
        if not same:
            scenario.asked, scenario.size = asked.to_json(), len(asked.keys)
            scenario.selection = _stored_selection(asked)
            states.note_changed(scenario)
        if is_private != was_private:
            record("made private" if is_private else "shared", "scenario", recorded_name(scenario, as_shared=True),
                   before={"private": was_private}, after={"private": is_private})
            scenario.is_private = is_private
        after = _facts(scenario, is_told=not (was_private or is_private))
        if after != before or not same:
            record("changed", "scenario", recorded_name(scenario), before=before, after=after)
        return not same


def duplicate(source: SavedScenario, token: str, by: str) -> None:
    """Store a copy of what it asks, without its result; once for each token. A copy of a private one is private."""
    create(token, _name_of_copy(source.name, by), source.description, ScenarioRequest.from_json(source.asked), by,
           source, source.is_private)


def original_name(name: str) -> str:
    """The name without what says that it is a copy."""
    return _COPY.sub("", name)


def _name_of_copy(name: str, by: str) -> str:
    """``First (copy)``, and ``First (copy 2)`` where that is taken, of ``First`` and of its copies alike."""
    original = original_name(name)
    taken = set(db.session.scalars(select(SavedScenario.name).where(
        _is_open_to(by), SavedScenario.name.like("% (copy%)"))))
    for number in count(1):
        ending = " (copy)" if number == 1 else f" (copy {number})"
        copy = f"{original[:LONGEST_NAME - len(ending)]}{ending}"
        if copy not in taken:
            break
    return copy


def archive(token: str, is_archived: bool) -> None:
    """Archive a scenario or bring it back."""
    with writing():
        scenario = states.hold(token)
        if states.archive(scenario, is_archived):
            record("archived" if is_archived else "brought back", "scenario", recorded_name(scenario),
                   before={"archived": not is_archived}, after={"archived": is_archived})


def recorded_name(scenario: SavedScenario, as_shared: bool = False) -> str:
    """What the audit log calls a scenario: by its name, unless that is its creator's own business."""
    name = scenario.name if as_shared or not scenario.is_private else "a private scenario"
    return f"{name} ({scenario.token[:RECORDED_TOKEN]})"


def _stored_selection(asked: ScenarioRequest) -> str:
    with in_language(None):
        return selection_words(asked.keys)


def matching(view: View, email: str) -> Query:
    """The scenarios that a view asks for, those changed last first; of private ones, those of that person.

    Args:
        view: of the kind ``SCENARIOS``.
    """
    query = select(SavedScenario).where(_is_open_to(email))
    for word in view.search.split():
        query = query.where(or_(*(func.lower(column).contains(word.lower(), autoescape=True) for column in (
            SavedScenario.name, SavedScenario.description, SavedScenario.created_by))))
    if view.filters["show"] == "mine":
        query = query.where(SavedScenario.created_by == email)
    is_archived = SavedScenario.archived_at.is_not(None)
    query = query.where(is_archived if view.filters["show"] == "archived" else ~is_archived)
    return in_order(query, view, SavedScenario.id.desc())


def _is_open_to(email: str) -> ColumnElement[bool]:
    return or_(SavedScenario.is_private.is_(False), SavedScenario.created_by == email)


def _is_open_to_asker() -> ColumnElement[bool]:
    """Open to whoever sent this request; the background process and commands see all."""
    return _is_open_to(actor().email) if has_request_context() else true()


def _facts(scenario: SavedScenario, is_told: bool) -> dict[str, Any]:
    """What the audit log says of a scenario; only how large it is where it was private or is."""
    asked = ScenarioRequest.from_json(scenario.asked)
    size: dict[str, Any] = {"region-items": len(asked.keys), "horizon": asked.horizon,
                            "changes of drivers": len(asked.changes), "rows of a plan": len(asked.plan)}
    if not is_told:
        return size
    changes = [f"{each.driver} {each.action} {each.value} from {each.first} to {each.last}" for each in asked.changes]
    return {"name": scenario.name, "description": scenario.description[:200], **size,
            "changes": changes[:RECORDED_CHANGES]}
