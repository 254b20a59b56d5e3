"""Loops that fail, hang, die and come back; and what is told of them."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from demand_assets.forecasting.store.file_events import FileEvents
from tests.webapp.background.supervised import supervised, until
from tests.webapp.conftest import page, text_of
from webapp.audit.seals import seal_some
from webapp.background import supervision
from webapp.background.pacing import QUIET
from webapp.background.supervision import LONGEST_PAUSE_SECONDS, Loop, Supervised, why
from webapp.db.database import db, now
from webapp.systems.signs_of_life import LOOP
from webapp.tables import SystemState


def loop(name: str, step: Callable[[], None], **changes: float) -> Loop:
    return Loop(name, lambda: step, **{"seconds": 0.01, "first_pause_seconds": 0.05, **changes})


def banner(client: FlaskClient) -> str:
    return text_of(page(client.get("/systems")).select_one("#systems"))


class Step:
    """What a loop does: counts its turns, and raises what it is told to."""

    def __init__(self) -> None:
        self.turns = 0
        self.error: BaseException | None = None

    def __call__(self) -> None:
        self.turns += 1
        if self.error is not None:
            raise self.error


@pytest.mark.parametrize(("error", "words"), [
    (ValueError("a wrong number"), "an unexpected error (ValueError: a wrong number)"),
    (MemoryError(), "the machine has too little memory"),
    (SystemExit(3), "an unexpected error (SystemExit: 3)"),
    (KeyboardInterrupt(), "an unexpected error (KeyboardInterrupt)"),
    (GeneratorExit(), "an unexpected error (GeneratorExit)"),
    (OSError(28, "No space left on device"), "a file or a connection failed: No space left on device"),
    (OperationalError("SELECT secret", {"digest": "secret"}, ValueError("secret")),
     "the app's database does not do what it is asked (ValueError)"),
])
def test_a_loop_fails_alone_is_named_and_goes_on(app: Flask, client: FlaskClient, error: BaseException,
                                                 words: str) -> None:
    broken, well = Step(), Step()
    broken.error = error
    with app.app_context():
        seal_some()  # no loop here does; what the accounts' making wrote may be long ago
    with supervised(app, loop("forecasts", broken), loop("dagster", well)) as (_, ended):
        until(lambda: "Updating stored forecasts does not work" in banner(client))
        told, turns = banner(client), (well.turns, broken.turns)
        health = client.get("/health")
        until(lambda: well.turns > turns[0] + 20 and broken.turns > turns[1])
        assert words in told
        assert "It is tried again at" in told
        assert "secret" not in told
        assert "Sending" not in told
        assert (health.status_code, health.json["status"]) == (200, "degraded")  # type: ignore[index]
        assert [one["name"] for one in health.json["loops_not_working"]] == ["forecasts"]  # type: ignore[index]
        assert ended == []

        broken.error = None
        until(lambda: banner(client) == "")
        assert client.get("/health").json == {"status": "ok", "db": "ok"}


def test_a_loop_is_made_anew_after_a_failure(app: Flask) -> None:
    made: list[Step] = []

    def begin() -> Step:
        made.append(Step())
        made[-1].error = ValueError("broken") if len(made) < 3 else None
        return made[-1]

    with supervised(app, Loop("store", begin, 0.01, first_pause_seconds=0.01)):
        until(lambda: len(made) == 3 and made[2].turns > 5)

    assert [step.turns for step in made[:2]] == [1, 1]


def test_a_loop_that_cannot_even_begin_is_tried_again(app: Flask, client: FlaskClient) -> None:
    tries: list[int] = []

    def begin() -> Step:
        tries.append(1)
        raise ImportError("a broken file")

    with supervised(app, Loop("registry", begin, 0.01, first_pause_seconds=0.01)):
        until(lambda: "Taking up new models does not work" in banner(client) and len(tries) > 2)


def test_pauses_grow_up_to_a_limit_and_begin_anew_only_when_it_worked_for_a_while(app: Flask) -> None:
    one = Supervised(loop("store", Step(), first_pause_seconds=1.0), app, Event())

    assert [one.failed(ValueError()) for _ in range(4)] == [1.0, 2.0, 4.0, 8.0]
    one.worked()
    assert one.failed(ValueError()) == 16.0
    for _ in range(2000):
        one.failed(ValueError())
    assert one.failed(ValueError()) == LONGEST_PAUSE_SECONDS


def test_a_loop_that_hangs_is_named_and_the_others_go_on_until_it_comes_back(app: Flask, client: FlaskClient) -> None:
    hold, well = Event(), Step()
    with supervised(app, loop("registry", lambda: (hold.wait(60), None)[1], patience_seconds=0.2),
                    loop("dagster", well)):
        until(lambda: "Taking up new models does not work" in banner(client))
        turns = well.turns
        assert "it is stuck" in banner(client)
        until(lambda: well.turns > turns)
        hold.set()
        until(lambda: banner(client) == "")


def test_a_loop_that_never_comes_back_ends_the_process_so_that_it_is_started_again(app: Flask) -> None:
    hold = Event()
    with supervised(app, loop("registry", lambda: (hold.wait(60), None)[1], patience_seconds=0.1,
                              longest_step_seconds=0.3)) as (stop, ended):
        until(lambda: bool(ended))
        assert (ended, stop.is_set()) == ([False], True)
        hold.set()


def test_it_stops_at_once_while_a_loop_pauses(app: Flask) -> None:
    broken = Step()
    broken.error = ValueError("broken")
    with supervised(app, loop("store", broken, first_pause_seconds=250.0)) as (stop, ended):
        until(lambda: broken.turns == 1)
        stop.set()
        until(lambda: ended == [True])


def test_while_the_database_is_down_loops_wait_and_what_happened_is_told_afterwards(
        app: Flask, client: FlaskClient) -> None:
    is_down, step = Event(), Step()

    def asks() -> None:
        step()
        db.session.execute(db.select(SystemState)).all()

    with app.app_context():
        engine = db.engine

    @event.listens_for(engine, "before_cursor_execute")
    def _refuse(*_given: object) -> None:
        if is_down.is_set():
            raise OperationalError("", {}, ConnectionRefusedError("no database"))

    with supervised(app, loop("store", asks)) as (_, ended):
        until(lambda: step.turns > 2)
        is_down.set()
        turns = step.turns
        until(lambda: step.turns > turns + 2)
        for url, says in (("/", "database does not answer"), ("/retrains", "database does not answer"),
                          ("/api/v1/region-items", "database does not answer"), ("/health", "does not answer")):
            answer = client.get(url, headers={"Authorization": "Bearer demand_x"} if "api" in url else {})
            assert (answer.status_code, says in answer.text) == (503, True), url
        step.error = ValueError("and something else")
        is_down.clear()
        until(lambda: "and something else" in banner(client))
        step.error = None
        until(lambda: banner(client) == "")
        assert ended == []


def test_what_a_process_before_told_stays_until_this_one_knows_better(app: Flask, client: FlaskClient) -> None:
    hold, at = Event(), now() - timedelta(hours=1)
    with app.app_context():
        db.session.add_all([
            SystemState(name=LOOP + "store", is_up=False, checked_at=at, since=at, message="it broke", retry_at=at),
            SystemState(name=LOOP + "of old", is_up=False, checked_at=at, since=at, message="it broke")])
        db.session.commit()

    with supervised(app, loop("store", lambda: (hold.wait(60), None)[1])):
        until(lambda: "it broke" in banner(client))
        hold.set()
        until(lambda: banner(client) == "")
    with app.app_context():
        assert db.session.get(SystemState, LOOP + "of old") is None


def test_nothing_is_written_while_all_loops_work(app: Flask) -> None:
    step, writes = Step(), list[str]()
    with app.app_context():
        engine = db.engine
    with supervised(app, loop("store", step)):
        until(lambda: _state(app, "store") is not None)

        @event.listens_for(engine, "before_cursor_execute")
        def _count(_c: object, _cursor: object, statement: str, *_given: object) -> None:
            if statement.startswith(("INSERT", "UPDATE", "DELETE")) and "loop:" in str(_given):
                writes.append(statement)

        turns = step.turns
        until(lambda: step.turns > turns + 100)
    assert writes == []


def _state(app: Flask, name: str) -> SystemState | None:
    with app.app_context():
        return db.session.get(SystemState, LOOP + name)


def test_errors_of_many_lines_are_told_in_one() -> None:
    assert why(ValueError("first\nsecond")) == "an unexpected error (ValueError: first)"


class Quiet:
    """What a loop does that finds nothing; what it is told to do at its next turn comes first."""

    def __init__(self) -> None:
        self.turns = 0
        self.writes: Path | None = None

    def __call__(self) -> float:
        self.turns += 1
        if self.writes is not None:
            self.writes.write_text("x")
            self.writes = None
        return QUIET


def test_a_quiet_loop_takes_its_next_step_when_something_is_written(
        app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "QUIET_SECONDS", 600.0)
    step, file = Quiet(), tmp_path / "app.db"
    quiet = Loop("store", lambda: step, 0.01, wake=FileEvents().wake(lambda: [file]))
    with supervised(app, quiet):
        until(lambda: step.turns == 1)
        file.write_text("x")
        until(lambda: step.turns >= 2)
        step.writes = file
        file.write_text("y")  # in the turn after this one it writes itself, as another process might just then
        until(lambda: step.writes is None)
        until(lambda: step.turns >= 4)


def test_a_quiet_loop_whom_nobody_tells_turns_as_ever(
        app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "QUIET_SECONDS", 600.0)
    monkeypatch.setattr(supervision, "UNTOLD_SECONDS", 0.01)
    step = Quiet()
    quiet = Loop("store", lambda: step, 0.01, wake=FileEvents().wake(lambda: None))
    with supervised(app, quiet, Loop("audit", lambda: Quiet(), 0.01)):
        until(lambda: step.turns > 5)
