"""What ends a retrain, whatever order messages come in."""

import ast
import random
from datetime import timedelta
from itertools import permutations, product
from pathlib import Path
from typing import Any, cast

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.store.journal import Entry, Journal, Step
from tests.webapp.conftest import KETTLE, ODD, REGION_ITEMS, Background, ask_for_retrain, page, post, text_of
from tests.webapp.drawings import arrows
from tests.webapp.fakes import FakeDagster, keys_of
from webapp.background.journal import read_journal
from webapp.dagster_client import DagsterDownError
from webapp.db.database import db, now, writing
from webapp.retrains import request_and_item_states as states
from webapp.retrains.request_and_item_states import (
    DECIDED,
    ITEM_STEPS,
    REQUEST_STEPS,
    IllegalStepError,
    note_entry,
    standing,
)
from webapp.tables import OPEN_STATES, JournalFile, Retrain, RetrainItem

ROOT = Path(__file__).parents[3]
FINAL: tuple[Step, ...] = ("promoted", "kept", "quarantined", "failed")


def item_of(state: str = "queued", is_presumed: bool = False) -> RetrainItem:
    return RetrainItem(retrain_id=1, key=KETTLE.key, position=0, state=state, open_slot=1 if state in OPEN_STATES else
                       None, closed_by_us=is_presumed, at="", run_id="", reason="", numbers={})


def entry(step: Step, second: int = 0, version: int = 1, run: str = "run1") -> Entry:
    return Entry(KETTLE, step, "request", run, f"{step} {run}", {"version": version},
                 f"2026-06-30T10:00:{second:02}.000+00:00")


def drawn(heading: str) -> set[tuple[str, str, str]]:
    """From, event and to of each arrow of a drawing."""
    return arrows("retrains.md", heading, {"open": OPEN_STATES})


@pytest.mark.parametrize(("heading", "steps", "begins"), [
    ("A region-item of a retrain", ITEM_STEPS, {("[*]", "asked", "queued")}),
    ("A request", REQUEST_STEPS, {("[*]", "asked", "stored"), ("[*]", "asked_in_dagster", "sent")})])
def test_the_drawing_shows_every_step_and_no_other(heading: str, steps: Any, begins: set[tuple[str, str, str]]) -> None:
    found = drawn(heading)

    told = {(before, event, after) for event, leads in steps.items() for before, after in leads.items()}
    assert {arrow for arrow in found if arrow[2] != "[*]"} == told | begins


def test_decided_region_items_are_drawn_as_ends_and_nothing_leads_out_of_them() -> None:
    ends = {before for before, _, after in drawn("A region-item of a retrain") if after == "[*]"}

    assert ends == set(DECIDED)
    assert not {before for leads in ITEM_STEPS.values() for before in leads} & set(DECIDED)


def test_nothing_else_changes_the_states() -> None:
    told = []
    for path in (ROOT / "webapp").rglob("*.py"):
        if path.relative_to(ROOT).as_posix() in (
                "webapp/retrains/request_and_item_states.py", "webapp/models/actions.py", "webapp/notices/sending.py",
                "webapp/administration/segment_rules.py"):
            continue  # an act on a model and a delivery have states of their own, a rule has none
        for node in ast.walk(ast.parse(path.read_text())):
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            names = {part.attr for target in targets if target is not None for part in ast.walk(target)
                     if isinstance(part, ast.Attribute)}
            called = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
            of_retrains = isinstance(node, ast.Call) and any(
                isinstance(each, ast.Name) and each.id in ("Retrain", "RetrainItem") for each in node.args)
            if (names & {"state", "closed_by_us", "open_slot"} or called in ("Retrain", "RetrainItem", "setattr")
                    or (called in ("update", "insert", "delete") and of_retrains)):
                told.append(f"{path}:{getattr(node, 'lineno', 0)}")
    assert told == []


@pytest.mark.parametrize("messages", list(permutations(
    [entry("started", 1), entry("trained", 2), entry("promoted", 3)])))
def test_in_whatever_order_messages_come_the_decision_stands(messages: tuple[Entry, ...]) -> None:
    item = item_of()
    for each in (*messages, *messages):
        note_entry(item, each)

    assert (item.state, item.version, item.reason, item.open_slot) == ("promoted", 1, "promoted run1", None)


@pytest.mark.parametrize(("first", "second"), list(product(FINAL, FINAL)))
@pytest.mark.parametrize("second_at", [1, 9])
def test_the_first_decision_stays_and_another_runs_stands_beside_it(first: Step, second: Step, second_at: int) -> None:
    item = item_of("judging")
    note_entry(item, entry(first, 5, version=4))
    decided_at = item.finished_at
    for _ in range(2):
        note_entry(item, entry("started", second_at, 5, "run2"))
        note_entry(item, entry("trained", second_at, 5, "run2"))
        note_entry(item, entry(second, second_at, 5, "run2"))

    assert (item.state, item.version, item.reason, item.run_id) == (first, 4, f"{first} run1", "run1")
    assert item.finished_at == decided_at
    repeated = item.repeated
    assert (repeated.get("state"), repeated.get("version")) == ((second, 5) if second_at == 9 else (None, None))


@pytest.mark.parametrize("state", ["failed", "cancelled"])
@pytest.mark.parametrize("word", FINAL)
def test_what_was_only_presumed_gives_way_to_the_pipelines_word_once(state: str, word: Step) -> None:
    item = item_of(state, is_presumed=True)
    note_entry(item, entry("started", 1))
    note_entry(item, entry("trained", 2))
    assert standing(item) == f"presumed_{state}"

    note_entry(item, entry(word, 3))
    note_entry(item, entry("kept", 4, run="run2"))
    assert standing(item) == word


def test_another_run_of_what_was_refused_stands_beside_the_count_of_repeated_rows() -> None:
    """The pipeline counts rows under a name that once stood for the other run."""
    item = item_of("training")
    for second, run in ((3, "run1"), (5, "run2")):
        note_entry(item, Entry(KETTLE, "quarantined", "request", run, "refused", {"repeated": 3, "rows": 9},
                               f"2026-06-30T10:00:{second:02}.000+00:00"))
    note_entry(item, Entry(KETTLE, "kept", "request", "run3", "no better", {"version": 4, "repeated": 3},
                           "2026-06-30T10:00:07.000+00:00"))

    assert (item.state, item.numbers["repeated"], item.repeated["state"]) == ("quarantined", 3, "kept")
    item.numbers = {"repeated": {"state": "kept", "at": "2026-06-30T10:00:07.000+00:00"}}
    assert item.repeated["state"] == "kept"  # as it was stored once


def test_the_page_of_a_retrain_tells_of_no_other_run_where_rows_were_repeated(
        app: Flask, client: FlaskClient, background: Background) -> None:
    ask_for_retrain(client, [KETTLE.key])
    with app.app_context():
        request_id = stored(app).request_id
    background.journal(Entry(KETTLE, "quarantined", request_id, "run1", "refused", {"repeated": 3, "rows": 9}))

    assert "Another run" not in text_of(page(client.get("/retrains/1")))


def test_steps_count_and_not_a_clock_that_was_put_back() -> None:
    item = item_of()
    for step, second in (("started", 50), ("validated", 40), ("trained", 30), ("kept", 20)):
        note_entry(item, entry(cast(Step, step), second))

    assert (item.state, item.open_slot) == ("kept", None)


def test_of_several_candidates_the_newest_is_judged() -> None:
    item = item_of()
    note_entry(item, entry("trained", 9, version=5, run="run2"))
    note_entry(item, entry("trained", 1, version=4))

    assert (item.state, item.version) == ("judging", 5)


def test_numbers_that_no_database_takes_are_left_out() -> None:
    item = item_of()
    note_entry(item, Entry(KETTLE, "trained", numbers={"version": 1, "wape": float("nan"), "bias": float("inf")}))

    assert item.numbers == {"version": 1}


def test_any_messages_in_any_order_leave_one_decision_and_it_never_changes() -> None:
    chance = random.Random(8)
    steps: tuple[Step, ...] = ("started", "validated", "trained", *FINAL, "monitored")
    for _ in range(300):
        item, decided = item_of(), ""
        for _ in range(12):
            note_entry(item, entry(chance.choice(steps), chance.randrange(60), chance.randrange(1, 4),
                                   chance.choice(["run1", "run2"])))
            assert decided in ("", item.state)
            decided = item.state if standing(item) in DECIDED else ""
            assert (item.open_slot is None) == (item.state not in OPEN_STATES)


def stored(app: Flask) -> Retrain:
    """The newest request."""
    found = db.session.scalar(select(Retrain).order_by(Retrain.id.desc()).limit(1))
    assert found is not None
    return found


def told(client: FlaskClient, number: int = 1) -> tuple[str, dict[str, str]]:
    """The state of a retrain and of its region-items, as its page has them."""
    soup = page(client.get(f"/retrains/{number}/progress"))
    return text_of(soup.select_one(".badge")), {
        text_of(row.th): text_of(row.select_one(".badge")) for row in soup.select("tbody tr")}


def let_time_pass(app: Flask, seconds: float) -> None:
    """Let the run have ended that long ago."""
    with app.app_context():
        for retrain in db.session.scalars(select(Retrain).where(Retrain.ended_at.is_not(None))):
            assert retrain.ended_at is not None
            retrain.ended_at -= timedelta(seconds=seconds)
        db.session.commit()


def test_a_step_that_no_state_allows_raises_with_what_is_allowed(app: Flask, client: FlaskClient) -> None:
    ask_for_retrain(client, [KETTLE.key])
    with app.app_context(), pytest.raises(IllegalStepError, match="by a planner"), writing():
        states.grow(stored(app), ODD.key, has_slot=True)


def test_cancelled_while_it_is_sent_it_is_stopped_in_dagster(app: Flask, client: FlaskClient, background: Background,
                                                             dagster: FakeDagster) -> None:
    ask_for_retrain(client, keys_of([KETTLE, ODD]))
    launch = dagster.launch_backfill

    def cancelled_meanwhile(*args: Any) -> Any:
        post(client, "/retrains/1/cancel", {})
        return launch(*args)

    dagster.launch_backfill = cancelled_meanwhile  # type: ignore[method-assign]
    background.send()
    assert told(client)[0] == "running"
    background.follow()
    let_time_pass(app, 20)
    background.follow()

    assert (dagster.carried[0].state, told(client)[0]) == ("cancelled", "cancelled")
    with app.app_context():
        request_id = stored(app).request_id
    background.journal(Entry(KETTLE, "promoted", request_id, numbers={"version": 3}))
    assert told(client) == ("finished", {str(KETTLE): "promoted", str(ODD): "cancelled"})


@pytest.mark.parametrize("is_failed_in_dagster", [True, False])
def test_a_run_that_ends_otherwise_because_a_person_cancelled_it_is_cancelled(
        app: Flask, client: FlaskClient, background: Background, dagster: FakeDagster,
        is_failed_in_dagster: bool) -> None:
    ask_for_retrain(client, [KETTLE.key])
    background.send()
    post(client, "/retrains/1/cancel", {})
    if is_failed_in_dagster:
        dagster.carried[0].state = "failed"
    else:
        dagster.carried.clear()  # an engineer deleted it
    background.follow()
    let_time_pass(app, 20)
    background.follow()

    assert told(client) == ("cancelled", {str(KETTLE): "cancelled"})


def test_dagsters_word_changes_nothing_that_the_gate_decided(app: Flask, client: FlaskClient, background: Background,
                                                             dagster: FakeDagster) -> None:
    ask_for_retrain(client, keys_of([KETTLE, ODD]))
    background.send()
    with app.app_context():
        request_id = stored(app).request_id
    background.journal(Entry(KETTLE, "promoted", request_id, numbers={"version": 3}), Entry(ODD, "trained", request_id))
    dagster.carried[0].state = "failed"
    background.follow()
    let_time_pass(app, 20)
    background.follow()
    assert told(client) == ("running", {str(KETTLE): "promoted", str(ODD): "being judged"})

    background.journal(Entry(ODD, "kept", request_id))
    background.follow()
    assert told(client) == ("finished", {str(KETTLE): "promoted", str(ODD): "kept"})


def test_a_run_that_was_deleted_in_dagster_is_told_as_that(app: Flask, client: FlaskClient, background: Background,
                                                           dagster: FakeDagster) -> None:
    ask_for_retrain(client, [KETTLE.key])
    background.send()
    dagster.carried.clear()
    background.follow()
    let_time_pass(app, 20)
    background.follow()

    assert told(client)[0] == "failed"
    said = text_of(page(client.get("/retrains/1")).select_one(".failures"))
    assert "1 region-item failed. Its run was deleted in Dagster before it was started. Retry to train it." in said
    assert "retry them above" in said


def test_what_the_page_and_the_api_count_are_the_states(app: Flask, client: FlaskClient, background: Background,
                                                        dagster: FakeDagster) -> None:
    background.journal(*(Entry(each, "kept", at="2026-06-30T10:00:00.000+00:00") for each in REGION_ITEMS))
    ask_for_retrain(client, keys_of([KETTLE, ODD]))
    background.send()
    dagster.carried[0].state = "failed"
    background.follow()
    let_time_pass(app, 20)
    background.follow()

    assert told(client) == ("failed", {str(KETTLE): "failed", str(ODD): "failed"})
    overview = [text_of(link) for link in page(client.get("/")).select("#changes .change-count")]
    assert "2 retrains failed" in overview
    shown = page(client.get("/retrains/1"))
    assert "The training could not start. Nothing has changed: the last model still serves." in text_of(
        shown.select_one(".failures"))
    assert "0 of 2 done, 2 failed." in text_of(shown)
    assert "2 of 2 done" not in text_of(shown)


@pytest.mark.parametrize(("begun", "told_as"), [
    (False, "The training could not start (the code server did not answer for 1 min 00 s). Nothing has changed"),
    (True, "The training was cut off (the code server did not answer for 1 min 00 s). Nothing has changed")])
def test_a_failure_says_its_cause_what_it_means_and_what_to_do(
        app: Flask, client: FlaskClient, background: Background, dagster: FakeDagster, begun: bool,
        told_as: str) -> None:
    ask_for_retrain(client, [KETTLE.key])
    background.send()
    if begun:
        with app.app_context():
            request_id = stored(app).request_id
        background.journal(Entry(KETTLE, "started", request_id))
    dagster.carried[0].state = "failed"
    dagster.carried[0].failure = ("dagster._core.errors.DagsterUserCodeUnreachableError: User code server request "
                                  "timed out due to taking longer than 60 seconds to complete.")
    background.follow()
    let_time_pass(app, 20)
    background.follow()

    said = text_of(page(client.get("/retrains/1")).select_one(".failures"))
    assert told_as in said
    assert "Retry it; if it fails again, tell an engineer: the run's log in Dagster says more." in said
    with app.app_context():
        assert db.session.scalars(select(RetrainItem.reason)).one().startswith(told_as)


def test_a_failure_whose_time_comes_while_dagster_answers_still_says_its_cause(
        app: Flask, client: FlaskClient, background: Background, dagster: FakeDagster,
        monkeypatch: pytest.MonkeyPatch) -> None:
    """The questions take a while; nothing is closed before Dagster was asked why, and the journal was read."""
    ask_for_retrain(client, [KETTLE.key])
    background.send()
    dagster.carried[0].state, dagster.carried[0].failure = "failed", "Exceeded maximum runtime of 7200 seconds"
    background.follow()
    state = dagster.state
    with monkeypatch.context() as slow:
        slow.setattr(dagster, "state", lambda sent, request_id: (let_time_pass(app, 20), state(sent, request_id))[1])
        background.follow()
    with app.app_context():
        assert db.session.scalars(select(RetrainItem.state)).one() == "queued"

    background.follow()

    assert "it took longer than 2 h 00 min" in text_of(page(client.get("/retrains/1")).select_one(".failures"))


def test_what_dagster_refuses_while_it_has_not_loaded_the_definitions_is_sent_again(
        app: Flask, client: FlaskClient, background: Background, dagster: FakeDagster) -> None:
    ask_for_retrain(client, [KETTLE.key])
    keys, dagster.keys = dagster.keys, []
    asked = dagster.partition_keys
    dagster.partition_keys = lambda: keys  # type: ignore[method-assign]  # the code server went in between

    def not_loaded() -> None:
        raise DagsterDownError("Dagster answers, but its code location is not loaded")

    dagster.check = not_loaded  # type: ignore[method-assign]
    with pytest.raises(DagsterDownError):
        background.send()
    with app.app_context():
        assert (stored(app).state, stored(app).problem) == (
            "stored", "Dagster answers, but its code location is not loaded")

    dagster.keys, dagster.partition_keys = keys, asked  # type: ignore[method-assign]
    del dagster.check
    with app.app_context():
        stored(app).next_attempt_at = None
        db.session.commit()
    background.send()

    with app.app_context():
        assert stored(app).state == "sent"


def test_a_request_that_dagster_refuses_is_refused_and_says_why(app: Flask, client: FlaskClient, background: Background,
                                                                dagster: FakeDagster) -> None:
    ask_for_retrain(client, [KETTLE.key])
    dagster.keys.remove(KETTLE.key)
    asked = dagster.partition_keys
    dagster.partition_keys = lambda: [*asked(), KETTLE.key]  # type: ignore[method-assign]  # it went in between
    background.send()

    with app.app_context():
        assert stored(app).state == "refused"
    assert told(client) == ("failed", {str(KETTLE): "failed"})
    assert "could not be found" in text_of(page(client.get("/retrains/1")).select_one(".alert-danger"))


def test_two_background_processes_send_a_request_once(app: Flask, client: FlaskClient, background: Background,
                                                      dagster: FakeDagster) -> None:
    ask_for_retrain(client, [KETTLE.key])
    launch = dagster.launch_backfill

    def other_at_once(*args: Any) -> Any:
        dagster.launch_backfill = launch  # type: ignore[method-assign]
        background.send()  # the other one looks while this one waits for Dagster
        return launch(*args)

    dagster.launch_backfill = other_at_once  # type: ignore[method-assign]
    background.send()

    assert len(dagster.carried) == 1
    assert told(client)[0] == "running"


def test_two_background_processes_read_an_entry_once(app: Flask, background: Background) -> None:
    journal = Journal(background.services.store)
    journal.write([Entry(KETTLE, "started", "sensor-1", "run1")])
    journal.write([Entry(KETTLE, "kept", "sensor-1", "run1")])
    read = journal.read

    class Slow(Journal):
        def read(self, name: str) -> Any:
            background.read()  # the other one is quicker
            return read(name)

    with app.app_context():
        read_journal(Slow(background.services.store))
        assert [item.state for item in db.session.scalars(select(RetrainItem))] == ["kept"]
        assert len(db.session.scalars(select(JournalFile)).all()) == 2


def test_a_retrain_whose_end_is_told_before_its_beginning_does_not_stay_open(app: Flask, client: FlaskClient,
                                                                             background: Background) -> None:
    background.journal(Entry(KETTLE, "promoted", "sensor-1", "run1", numbers={"version": 2}, asked_by="sensor: age"))
    background.journal(Entry(KETTLE, "trained", "sensor-1", "run1", numbers={"version": 2}, asked_by="sensor: age"))

    assert told(client) == ("promoted", {str(KETTLE): "promoted"})


def test_entries_of_unknown_requests_and_region_items_change_nothing(app: Flask, client: FlaskClient,
                                                                     background: Background) -> None:
    ask_for_retrain(client, [KETTLE.key])
    with app.app_context():
        request_id = stored(app).request_id
    background.journal(Entry(ODD, "promoted", request_id, numbers={"version": 2}),
                       Entry(RegionItem("east", "nowhere"), "failed", request_id),
                       Entry(KETTLE, "promoted", "", "run of nobody", numbers={"version": 2}))

    assert told(client) == ("waiting to be sent", {str(KETTLE): "queued"})
    assert client.get("/retrains/2").status_code == 404


def test_a_clock_that_is_put_back_holds_nothing_up(app: Flask, client: FlaskClient, background: Background,
                                                   dagster: FakeDagster) -> None:
    ask_for_retrain(client, [KETTLE.key])
    with app.app_context():
        stored(app).next_attempt_at = now() + timedelta(days=1)
        db.session.commit()
    background.send()
    assert told(client)[0] == "running"

    dagster.carried[0].state = "failed"
    background.follow()
    let_time_pass(app, -86_400)  # seen ended before the clock went back a day
    background.follow()
    let_time_pass(app, 20)
    background.follow()
    assert told(client)[0] == "failed"


def test_a_training_in_parts_goes_on_after_it_seemed_finished(app: Flask, client: FlaskClient,
                                                              background: Background) -> None:
    first, second = REGION_ITEMS[:2]
    for region_item in (first, second):
        background.journal(Entry(region_item, "trained", "train-1", "run1", numbers={"version": 1}))
        background.journal(Entry(region_item, "kept", "train-1", "run1"))
        assert told(client)[0] == "kept"

    assert told(client)[1] == {str(first): "kept", str(second): "kept"}
