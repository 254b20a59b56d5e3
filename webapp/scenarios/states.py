"""Every state of a saved scenario, and every step from one to the next; nothing else in the app changes them.

``docs/scenarios.md`` has them as a drawing. A scenario asks something (its selection, horizon and changes) and has a
result of that, none yet, or a reason why there is none. ``stale`` is not stored: whether something else would be
computed now is found each time it is shown (``staleness``). Archiving is apart from all this: an archived scenario is
computed like any other.

Every function that changes a state is part of the caller's transaction (``writing``), in which ``hold`` keeps others
away from the scenario. A step that the table does not know raises IllegalStepError. What was computed of something that
the scenario does not ask any more, or by an attempt that another has overtaken, is dropped.
"""

from collections.abc import Mapping
from typing import Literal

from sqlalchemy import select

from webapp.db.database import db, now
from webapp.scenarios.fingerprint import Fingerprint
from webapp.scenarios.result import Result
from webapp.tables import SavedScenario

State = Literal["draft", "wanted", "computing", "computed", "stale", "failed"]
Event = Literal["changed", "wanted", "begun", "put_back", "given_up", "computed", "failed", "outdated", "caught_up"]

ANY: tuple[State, ...] = ("draft", "wanted", "computing", "computed", "stale", "failed")
WAITING: tuple[State, ...] = ("wanted", "computing")
STEPS: Mapping[Event, Mapping[State, State]] = {
    "changed": dict.fromkeys(ANY, "draft"),
    "wanted": dict.fromkeys(("draft", "computed", "stale", "failed"), "wanted"),
    "begun": dict.fromkeys(WAITING, "computing"),
    "put_back": {"computing": "wanted"},
    "given_up": {"computing": "failed"},
    "computed": dict.fromkeys(ANY, "computed"),
    "failed": dict.fromkeys(ANY, "failed"),
    "outdated": {"computed": "stale"},
    "caught_up": {"stale": "computed"},
}
"""Event -> what becomes of a scenario in each state."""
MOST_ATTEMPTS = 3
"""The background process gives a scenario up after it broke off so often while it was computed."""


class IllegalStepError(RuntimeError):
    """A scenario was to take a step that its state does not allow."""


def state_of(scenario: SavedScenario, is_outdated: bool = False) -> State:
    """The state of a scenario.

    Args:
        is_outdated: whether something else than its result would be computed now.
    """
    if scenario.wanted_at is not None:
        return "computing" if scenario.attempts else "wanted"
    if scenario.problem:
        return "failed"
    if scenario.computed_at is None:
        return "draft"
    return "stale" if is_outdated else "computed"


def is_waiting(scenario: SavedScenario) -> bool:
    """Whether the background process is to compute it, or is computing it."""
    return state_of(scenario) in WAITING


def hold(token: str) -> SavedScenario:
    """The scenario as it is now; nobody else changes it until the transaction ends.

    Raises: sqlalchemy.exc.NoResultFound: there is none.
    """
    return db.session.scalars(select(SavedScenario).where(SavedScenario.token == token).with_for_update(key_share=True)
                              .execution_options(populate_existing=True)).one()


def stamp(scenario: SavedScenario) -> str:
    """When it was changed last: a form or a result that carries another is too old."""
    return scenario.changed_at.isoformat()


def note_changed(scenario: SavedScenario) -> None:
    """Forget the result, and that it was to be computed: it asks something else now. Called by ``repository``."""
    _step(scenario, "changed")
    scenario.wanted_at, scenario.attempts, scenario.done, scenario.problem = None, 0, 0, ""
    scenario.computed, scenario.computed_at, scenario.summary, scenario.made_with = {}, None, {}, {}
    scenario.made_of = {}


def want(scenario: SavedScenario) -> None:
    """Let the background process compute it; asked once however often it is wanted. Called by ``queue``."""
    if is_waiting(scenario):
        return
    _step(scenario, "wanted")
    scenario.wanted_at, scenario.attempts, scenario.done, scenario.problem = now(), 0, 0, ""


def begin(scenario: SavedScenario) -> int | None:
    """The number of the attempt that begins now; None when it is given up instead. Called by ``queue``."""
    if scenario.attempts >= MOST_ATTEMPTS:
        _step(scenario, "given_up")
        scenario.wanted_at = None
        scenario.problem = (f"Computing it broke off {MOST_ATTEMPTS} times. The log of the background process says "
                            "why.")
        return None
    _step(scenario, "begun")
    scenario.attempts, scenario.done = scenario.attempts + 1, 0
    return scenario.attempts


def note_done(scenario: SavedScenario, attempt: int, done: int) -> None:
    """Note how many region-items an attempt has computed. Called by ``queue``."""
    if _is_of(scenario, attempt):
        scenario.done = done


def put_back(scenario: SavedScenario, attempt: int) -> None:
    """Let it wait again, as if nobody had begun: the demand store cannot be read now. Called by ``queue``."""
    if _is_of(scenario, attempt):
        _step(scenario, "put_back")
        scenario.attempts, scenario.done = 0, 0


def end(scenario: SavedScenario, seen: str, result: Result | str, attempt: int | None = None,
        made_of: Fingerprint | None = None) -> bool:
    """Keep what was computed; whether that still is what the scenario asks. Called by ``queue``.

    Args:
        seen: ``stamp`` of the scenario when it was read.
        result: or why there is none; an earlier result stays then.
        attempt: of the background process; None for what was computed while its sender waited.
        made_of: what the result was made of.
    """
    if attempt is not None and not _is_of(scenario, attempt):
        return False
    if stamp(scenario) != seen:
        if attempt is not None:
            put_back(scenario, attempt)  # nothing broke off
        return False
    if isinstance(result, str):
        _step(scenario, "failed")
        scenario.wanted_at, scenario.problem = None, result
    else:
        _step(scenario, "computed")
        scenario.wanted_at, scenario.problem = None, ""
        scenario.computed, scenario.computed_at = result.to_json(), now()
        scenario.summary, scenario.made_with = result.summary.to_json(), result.made_with
        scenario.made_of = made_of.to_json() if made_of else {}
    return True


def archive(scenario: SavedScenario, is_archived: bool) -> bool:
    """Archive it or bring it back; whether that changes anything. Called by ``repository``."""
    if (scenario.archived_at is not None) == is_archived:
        return False
    scenario.archived_at = now() if is_archived else None
    return True


def _is_of(scenario: SavedScenario, attempt: int) -> bool:
    """Whether the attempt is the one that is computing it now."""
    return state_of(scenario) == "computing" and scenario.attempts == attempt


def _step(scenario: SavedScenario, event: Event) -> None:
    before = state_of(scenario)
    if before not in STEPS[event]:
        events = [each for each, leads in STEPS.items() if before in leads]
        raise IllegalStepError(f"The scenario {scenario.token} is {before}: it cannot be {event}. From there it can "
                               f"be: {', '.join(events)}.")
