"""What loops write down of systems: seldom while it is the same, at once when it is not."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import event, select

from webapp.db.database import db
from webapp.systems import signs_of_life as module
from webapp.systems.outages import outages
from webapp.systems.signs_of_life import NOTED_EVERY, SILENT, Heard, note_store_down
from webapp.tables import SystemState


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []
    monkeypatch.setattr(module, "note", lambda *told: found.append(told))
    return found


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(module, "monotonic", found)
    return found


@pytest.fixture
def commits(app: Flask) -> Iterator[list[object]]:
    """Grows with each."""
    found: list[object] = []
    counted = found.append
    with app.app_context():
        engine = db.engine
    event.listen(engine, "commit", counted)
    yield found
    event.remove(engine, "commit", counted)


def moments() -> dict[str, datetime]:
    found = {state.name: state.checked_at for state in db.session.scalars(select(SystemState))}
    db.session.rollback()
    return found


def test_what_is_as_it_was_is_written_once_a_turn_and_all_together(app: Flask, clock: Clock,
                                                                   commits: list[object]) -> None:
    heard = [Heard(name) for name in ("store", "mlflow", "dagster")]
    with app.app_context():
        for one in heard:
            one.well()
        first, commits[:] = moments(), []
        for _ in range(60):
            clock.now += 0.5
            for one in heard:
                one.well()
        found = moments()

    assert len(commits) == 2
    assert all(found[one] > first[one] for one in ("store", "mlflow", "dagster"))


def test_nobody_speaks_for_what_was_not_heard_lately(app: Flask, clock: Clock) -> None:
    heard, silent = Heard("mlflow"), Heard("dagster")
    with app.app_context():
        heard.well()
        silent.well()
        first = moments()
        for _ in range(10):
            clock.now += 7.5
            heard.well()

        assert moments()["dagster"] == first["dagster"]


def test_nobody_speaks_for_what_fails(app: Flask, clock: Clock) -> None:
    heard, failing = Heard("mlflow"), Heard("dagster")
    with app.app_context():
        heard.well()
        failing.well()
        failing.failed("no answer")
        clock.now += 15.0
        heard.well()
        assert [outage.name for outage in outages()] == ["dagster"]

        failing.well()
        assert outages() == []


def test_what_another_wrote_down_as_failed_meanwhile_is_not_overlooked(app: Flask, clock: Clock) -> None:
    heard, other = Heard("mlflow"), Heard("store")
    with app.app_context():
        heard.well()
        other.well()
        note_store_down(OSError("gone"))  # by whoever read it
        clock.now += 15.0
        heard.well()
        assert [outage.name for outage in outages()] == ["store"]

        other.well()
        assert outages() == []


def test_what_changed_is_written_at_once(app: Flask, noted: list[tuple[object, ...]]) -> None:
    heard = Heard("mlflow")

    with app.app_context():
        heard.well()
        heard.failed("no answer")
        heard.well()

    assert noted == [("mlflow", True), ("mlflow", False, "no answer"), ("mlflow", True)]


def test_a_note_that_is_late_is_no_outage() -> None:
    assert SILENT >= 3 * NOTED_EVERY
    assert timedelta(minutes=1) >= SILENT + NOTED_EVERY  # what ends is shown within a minute


def test_pages_tell_it(app: Flask) -> None:
    heard = Heard("mlflow")
    with app.app_context():
        heard.failed("no answer")
        assert [outage.name for outage in outages()] == ["mlflow"]
        heard.well()
        assert outages() == []
