"""The states of a scenario, whoever computes it and whatever happens meanwhile."""

import ast
from datetime import timedelta
from pathlib import Path
from typing import get_args

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.webapp.conftest import Background, text_of
from tests.webapp.drawings import arrows
from tests.webapp.scenario_forms import press, saved, send, shown
from webapp.db.database import db, writing
from webapp.scenarios import queue
from webapp.scenarios.queue import compute_wanted, want
from webapp.scenarios.staleness import WORD_OF, WORDS
from webapp.scenarios.states import (
    ANY,
    MOST_ATTEMPTS,
    STEPS,
    IllegalStepError,
    State,
    begin,
    end,
    hold,
    note_done,
    put_back,
    stamp,
    state_of,
)
from webapp.tables import SavedScenario

WEBAPP = Path(__file__).parents[3] / "webapp"
ONLY_HERE = {"wanted_at", "archived_at", "computed_at", "made_with"}
ONLY_HERE_OF_SCENARIOS = {"attempts", "done", "problem", "computed", "summary"}


def scenario() -> SavedScenario:
    """The only one."""
    return db.session.scalars(select(SavedScenario)).one()


def told(client: FlaskClient, path: str) -> str:
    """Its state, as the list shows it."""
    return text_of(shown(client, "/scenarios").select_one(f'tr:has([href="{path}"]) .badge'))


def test_the_drawing_shows_every_step_and_no_other() -> None:
    steps = {(before, event, after) for event, leads in STEPS.items() for before, after in leads.items()}

    assert arrows("scenarios.md", "Its states", {"any": ANY}) == steps | {("[*]", "created", "draft")}
    assert set(ANY) == set(get_args(State)) == set(WORD_OF)
    assert set(WORD_OF.values()) == set(WORDS)


def test_what_is_only_found_when_it_is_shown_makes_no_difference_to_what_is_stored() -> None:
    for event, leads in STEPS.items():
        if event not in ("outdated", "caught_up"):
            assert leads.get("computed") == leads.get("stale")


def test_nothing_else_changes_the_states() -> None:
    found = []
    for path in WEBAPP.rglob("*.py"):
        place = path.relative_to(WEBAPP).as_posix()
        if place == "scenarios/states.py":
            continue
        names = ONLY_HERE | (ONLY_HERE_OF_SCENARIOS if "scenario" in place else set())
        for node in ast.walk(ast.parse(path.read_text())):
            targets = node.targets if isinstance(node, ast.Assign) else (
                [node.target] if isinstance(node, ast.AugAssign) else [])
            found += [f"{place}:{part.lineno}" for target in targets for part in ast.walk(target)
                      if isinstance(part, ast.Attribute) and part.attr in names]
    assert found == []


def test_each_state_is_told_by_its_word(client: FlaskClient, app: Flask, background: Background) -> None:
    path = saved(client)
    token = path.rsplit("/", 1)[1]
    assert told(client, path) == "up to date"
    with app.app_context():
        want(token)
        assert state_of(scenario()) == "wanted"
        with writing():
            begin(hold(token))
        assert state_of(scenario()) == "computing"
    assert told(client, path) == "being computed"

    with app.app_context():
        assert compute_wanted(background.services)
    assert told(client, path) == "up to date"


def test_the_result_of_an_attempt_that_another_overtook_is_dropped(client: FlaskClient, app: Flask) -> None:
    token = saved(client).rsplit("/", 1)[1]
    with app.app_context():
        want(token)
        with writing():
            first, second = begin(hold(token)), begin(hold(token))
            assert (first, second) == (1, 2)
            found = hold(token)
            note_done(found, 1, 30)
            assert not end(found, stamp(found), "the first one's", 1)
            put_back(found, 1)
            assert (state_of(found), found.done, found.problem) == ("computing", 0, "")
            assert end(found, stamp(found), "the second one's", 2)
            assert not end(found, stamp(found), "the first one's", 1)
        assert (state_of(scenario()), scenario().problem) == ("failed", "the second one's")


def test_what_waits_for_the_background_process_is_not_overwritten_by_it_once_computed(
        client: FlaskClient, app: Flask, background: Background, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(client)
    token = path.rsplit("/", 1)[1]
    compute = queue.compute

    def at_once_meanwhile(*args: object) -> object:
        monkeypatch.setattr(queue, "compute", compute)
        press(client, path, "compute")
        raise queue.ScenarioError("too late")

    monkeypatch.setattr(queue, "compute", at_once_meanwhile)
    with app.app_context():
        want(token)
        assert compute_wanted(background.services)

    assert told(client, path) == "up to date"


def test_one_that_is_renamed_while_it_is_computed_goes_on_waiting_and_is_not_given_up(
        client: FlaskClient, app: Flask) -> None:
    token = saved(client).rsplit("/", 1)[1]
    with app.app_context():
        want(token)
        for _ in range(MOST_ATTEMPTS + 2):
            with writing():
                found = hold(token)
                attempt, seen = begin(found), stamp(found)
                found.changed_at += timedelta(seconds=1)
                assert not end(found, seen, "old", attempt)
                assert state_of(found) == "wanted"


def test_one_that_is_changed_meanwhile_is_a_draft_again(client: FlaskClient, app: Flask, background: Background,
                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(client)
    token = path.rsplit("/", 1)[1]
    compute = queue.compute

    def changed_meanwhile(*args: object) -> object:
        monkeypatch.setattr(queue, "compute", compute)
        monkeypatch.setattr(queue, "MOST_AT_ONCE", 0)
        send(client, f"{path}/edit", **{"change-0-value": "-40"})
        return compute(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(queue, "compute", changed_meanwhile)
    with app.app_context():
        want(token)
        assert compute_wanted(background.services)
        db.session.expire_all()
        assert (state_of(scenario()), scenario().attempts, scenario().computed) == ("wanted", 0, {})
        assert compute_wanted(background.services)
        assert not compute_wanted(background.services)
    assert told(client, path) == "up to date"


def test_a_step_that_no_state_allows_raises_with_what_is_allowed(client: FlaskClient, app: Flask) -> None:
    token = saved(client).rsplit("/", 1)[1]
    with app.app_context(), pytest.raises(IllegalStepError, match="is computed: it cannot be begun"), writing():
        begin(hold(token))


def test_archiving_twice_keeps_the_first_moment_and_the_state(client: FlaskClient, app: Flask) -> None:
    path = saved(client)
    press(client, path, "archive")
    with app.app_context():
        first = scenario().archived_at
    press(client, path, "archive")

    with app.app_context():
        assert (scenario().archived_at, state_of(scenario())) == (first, "computed")
