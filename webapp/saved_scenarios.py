"""Saved scenarios: stored once, found again, changed by one person at a time, archived and brought back."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Select, func, or_, select

from webapp.asked_scenarios import Asked, selection_words
from webapp.database import db, now, writing
from webapp.scenario_results import Result
from webapp.tables import SavedScenario

LONGEST_NAME, LONGEST_DESCRIPTION = 120, 4000
PAGE_SIZE = 25
SHOWN = {"all": "everyone's", "mine": "mine", "archived": "archived"}


class ChangedMeanwhileError(RuntimeError):
    """Somebody else changed the scenario since the form was opened; the message says who and when."""


@dataclass(frozen=True)
class View:
    """Which scenarios are listed; the URL carries it."""

    search: str = ""
    show: str = "all"
    page: int = 1

    def query(self, **changes: object) -> dict[str, str]:
        """The URL's arguments for this view with changes; defaults are left out."""
        values = {"q": self.search, "show": self.show, "page": self.page, **changes}
        plain = {"q": "", "show": "all", "page": 1}
        return {name: str(value) for name, value in values.items() if value != plain[name]}


@dataclass(frozen=True)
class Page:
    """One page of the scenarios that match, newest first."""

    scenarios: Sequence[SavedScenario]
    matching: int
    number: int
    pages: int


def find_page(view: View, email: str) -> Page:
    """The page that a view asks for, or the last one when it asks for more than there are."""
    query = _matching(view, email)
    count = db.session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0
    pages = max(1, -(-count // PAGE_SIZE))
    number = min(view.page, pages)
    found = db.session.scalars(query.limit(PAGE_SIZE).offset((number - 1) * PAGE_SIZE)).all()
    return Page(found, count, number, pages)


def count_all() -> int:
    """How many there are, archived ones too."""
    return db.session.scalar(select(func.count(SavedScenario.id))) or 0


def by_tokens(tokens: Sequence[str]) -> list[SavedScenario]:
    """The scenarios of these links, in their order; those that there are not are left out."""
    found = {each.token: each for each in db.session.scalars(
        select(SavedScenario).where(SavedScenario.token.in_(tokens)))}
    return [found[token] for token in dict.fromkeys(tokens) if token in found]


def by_token(token: str) -> SavedScenario | None:
    """The scenario of a link; None when there is none."""
    return next(iter(by_tokens([token])), None)


def create(token: str, name: str, description: str, asked: Asked, by: str, copied_from: int | None = None) -> bool:
    """Store a scenario under its form's token, unless the same form already did; whether it is new."""
    with writing():
        if db.session.scalar(select(SavedScenario.id).where(SavedScenario.token == token)) is not None:
            return False
        db.session.add(SavedScenario(token=token, name=name, description=description, created_by=by,
                                     asked=asked.to_json(), size=len(asked.keys),
                                     selection=selection_words(asked.keys), copied_from=copied_from))
    return True


def change(token: str, seen: str, name: str, description: str, asked: Asked, by: str) -> bool:
    """Store what a form changed; whether it must be computed again.

    Args:
        seen: ``stamp`` of the scenario when the form was opened.
    Raises: ChangedMeanwhileError: it is not as the form showed it any more.
    """
    with writing():
        scenario = _one(token)
        if stamp(scenario) != seen:
            who = scenario.changed_by or scenario.created_by
            raise ChangedMeanwhileError(f"{who} changed this scenario on {scenario.changed_at:%Y-%m-%d at %H:%M} UTC, "
                                        "after you opened it here.")
        same = scenario.asked == asked.to_json()
        scenario.name, scenario.description, scenario.changed_by = name, description, by
        scenario.changed_at = now()
        if not same:
            scenario.asked, scenario.size = asked.to_json(), len(asked.keys)
            scenario.selection, scenario.problem, scenario.wanted_at = selection_words(asked.keys), "", None
            _forget_result(scenario)
        return not same


def duplicate(source: SavedScenario, token: str, by: str) -> None:
    """Store a copy of what it asks, without its result; once for each token."""
    name = f"{source.name[:LONGEST_NAME - 7]} (copy)"
    create(token, name, source.description, Asked.from_json(source.asked), by, source.id)


def archive(token: str, is_archived: bool) -> None:
    """Archive a scenario or bring it back."""
    with writing():
        _one(token).archived_at = now() if is_archived else None


def want(token: str) -> None:
    """Let the background process compute it; asked once however often it is wanted."""
    with writing():
        scenario = _one(token)
        if scenario.wanted_at is None:
            scenario.wanted_at, scenario.attempts, scenario.done, scenario.problem = now(), 0, 0, ""


def keep_result(token: str, seen: str, result: Result | None, problem: str = "") -> bool:
    """Write down what was computed, or why it could not be; whether it still is what the scenario asks.

    Where it could not be computed, an earlier result stays.

    Args:
        seen: ``stamp`` of the scenario when it was read.
    """
    with writing():
        scenario = _one(token)
        if stamp(scenario) != seen:
            return False
        scenario.wanted_at, scenario.problem = None, problem
        if result is not None:
            scenario.computed, scenario.computed_at = result.to_json(), now()
            scenario.summary, scenario.made_with = result.summary.to_json(), result.made_with
    return True


def stamp(scenario: SavedScenario) -> str:
    """When it was changed last: a form that carries another is too old."""
    return scenario.changed_at.isoformat()


def first_wanted() -> SavedScenario | None:
    """The scenario that has waited longest to be computed; None when none waits."""
    return db.session.scalar(select(SavedScenario).where(SavedScenario.wanted_at.is_not(None)).order_by(
        SavedScenario.wanted_at, SavedScenario.id).limit(1))


def begin_attempt(token: str) -> int:
    """Note that computing begins; which attempt it is."""
    with writing():
        scenario = _one(token)
        scenario.attempts, scenario.done = scenario.attempts + 1, 0
        return scenario.attempts


def forget_attempt(token: str) -> None:
    """Do not count the last attempt: it could not begin."""
    with writing():
        _one(token).attempts -= 1


def note_done(token: str, done: int) -> None:
    """Note how many region-items are computed."""
    with writing():
        _one(token).done = done


def _matching(view: View, email: str) -> Select[SavedScenario]:
    query = select(SavedScenario)
    for word in view.search.split():
        query = query.where(or_(*(func.lower(column).contains(word.lower(), autoescape=True) for column in (
            SavedScenario.name, SavedScenario.description, SavedScenario.created_by))))
    if view.show == "mine":
        query = query.where(SavedScenario.created_by == email)
    is_archived = SavedScenario.archived_at.is_not(None)
    query = query.where(is_archived if view.show == "archived" else ~is_archived)
    return query.order_by(SavedScenario.changed_at.desc(), SavedScenario.id.desc())


def _one(token: str) -> SavedScenario:
    return db.session.scalars(select(SavedScenario).where(SavedScenario.token == token)).one()


def _forget_result(scenario: SavedScenario) -> None:
    scenario.computed, scenario.computed_at, scenario.summary, scenario.made_with = {}, None, {}, {}
