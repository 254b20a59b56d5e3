"""What loops write down of systems: seldom while it is the same, at once when it is not."""

from datetime import timedelta

import pytest
from flask import Flask

from webapp.systems import signs_of_life as module
from webapp.systems.outages import outages
from webapp.systems.signs_of_life import NOTED_EVERY, SILENT, Heard


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []
    monkeypatch.setattr(module, "note", lambda *told: found.append(told))
    return found


def test_what_is_as_it_was_is_written_once_a_turn(monkeypatch: pytest.MonkeyPatch,
                                                  noted: list[tuple[object, ...]]) -> None:
    clock = Clock()
    monkeypatch.setattr(module, "monotonic", clock)
    heard = Heard("mlflow")

    for _ in range(61):
        heard.well()
        clock.now += 0.5

    assert noted == [("mlflow", True)] * 3


def test_what_changed_is_written_at_once(noted: list[tuple[object, ...]]) -> None:
    heard = Heard("mlflow")

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
