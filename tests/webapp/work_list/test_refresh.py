"""The list of work follows its causes: one entry for each, resolved when it goes, open again when it comes back."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from tests.webapp.conftest import EMAIL, KETTLE, ODD
from tests.webapp.work_list.builders import REJECTED, do, found, move, only, refresh, tell
from webapp.db.database import db, now, writing
from webapp.tables import WorkEntry, WorkRule
from webapp.work_list.refresh import take_up
from webapp.work_list.states import GONE, Cause
from webapp.work_list.thresholds import default_rule


def reject(app: Flask) -> WorkEntry:
    tell(app, **REJECTED)
    refresh(app)
    return only(app, "refused")


def resolved(app: Flask) -> WorkEntry:
    entry = reject(app)
    with app.app_context():
        assert do("resolve", entry, reason="put right").changed == 1
    return only(app, "refused")


def test_a_cause_that_lasts_is_one_entry_however_often_it_is_found(app: Flask) -> None:
    entry = reject(app)

    assert refresh(app) == 0
    assert only(app, "refused").version == entry.version == 1


def test_the_database_takes_no_second_entry_of_a_cause(app: Flask) -> None:
    reject(app)

    with app.app_context(), pytest.raises(IntegrityError), writing():
        db.session.add(WorkEntry(kind="refused", subject=KETTLE.key, due="2026-07-01"))


def test_what_goes_by_itself_is_resolved_whoever_has_it(app: Flask) -> None:
    entry = reject(app)
    with app.app_context():
        do("assign", entry, owner=EMAIL)
    tell(app, quarantine_reason="")

    refresh(app)

    entry = only(app, "refused")
    assert (entry.reason, entry.resolved_by, entry.owner, entry.resolved_at is None) == (GONE, "", EMAIL, False)
    assert refresh(app) == 0


def test_numbers_that_change_change_no_version_so_that_nobody_is_told_of_a_change_of_state(app: Flask) -> None:
    reject(app)
    tell(app, forecast_total=90.0)

    assert refresh(app) == 1
    assert (only(app, "refused").units, only(app, "refused").version) == (90.0, 1)


def test_what_is_resolved_and_lasts_stays_resolved(app: Flask) -> None:
    entry = resolved(app)
    tell(app, forecast_total=500.0)
    refresh(app)

    assert only(app, "refused").resolved_at == entry.resolved_at


def test_what_is_resolved_goes_and_comes_back_is_open_again(app: Flask) -> None:
    entry = resolved(app)
    tell(app, quarantine_reason="")
    refresh(app)
    assert only(app, "refused").reason == "put right"  # nobody's word is written over
    tell(app, **REJECTED)
    refresh(app)

    again = only(app, "refused")
    assert (again.id, again.resolved_at, again.reason, again.resolved_by) == (entry.id, None, "", "")
    assert again.found_at > entry.found_at
    assert again.version > entry.version


def test_another_move_opens_again_what_was_resolved_and_the_same_move_does_not(app: Flask) -> None:
    move(app)
    refresh(app)
    with app.app_context():
        do("resolve", only(app, "moved"), reason="a promotion")
    refresh(app)
    assert only(app, "moved").resolved_at is not None

    move(app, moved=50.0)
    refresh(app)

    assert (only(app, "moved").resolved_at, only(app, "moved").units) == (None, 50.0)


def test_who_saw_one_move_is_told_when_they_resolve_another(app: Flask) -> None:
    move(app)
    refresh(app)
    seen = only(app, "moved")
    move(app, moved=-60.0)
    refresh(app)

    with app.app_context():
        done = do("resolve", seen, reason="a promotion")
        assert (done.changed, len(done.left)) == (0, 1)
    assert only(app, "moved").resolved_at is None


@pytest.mark.parametrize(("again_days", "is_open"), [(0, False), (8, False), (7, True)])
def test_a_rule_opens_again_what_lasts_for_so_many_days(app: Flask, again_days: int, is_open: bool) -> None:
    resolved(app)
    with app.app_context(), writing():
        db.session.add(WorkRule(kind="refused", due_days=1, again_days=again_days, changed_by="a"))
        db.session.execute(update(WorkEntry).values(resolved_at=now() - timedelta(days=7, minutes=1)))

    refresh(app)

    assert (only(app, "refused").resolved_at is None) == is_open


def test_kinds_that_nobody_looked_for_stay_as_they_are(app: Flask) -> None:
    move(app)
    reject(app)
    with app.app_context():
        take_up([], ["refused"])

    assert only(app, "refused").is_caused is False
    assert only(app, "moved").is_caused is True


def test_a_snoozed_entry_whose_cause_goes_is_resolved(app: Flask) -> None:
    entry = reject(app)
    with app.app_context():
        do("snooze", entry, until=now().date() + timedelta(days=3))
    tell(app, quarantine_reason="")
    refresh(app)

    assert (only(app, "refused").reason, only(app, "refused").snoozed_until) == (GONE, None)


def test_a_planner_who_is_quicker_than_the_loop_is_not_overruled(app: Flask) -> None:
    """The loop found the cause before the planner resolved the entry, and writes it down after."""
    entry = reject(app)
    with app.app_context():
        cause = Cause("refused", KETTLE.key, default_rule("refused"), "", 99.0)
        do("resolve", entry, reason="put right")
        take_up([cause], ["refused"])

    assert (only(app, "refused").reason, only(app, "refused").units) == ("put right", 99.0)


def test_many_are_taken_up_in_pieces_and_each_once(app: Flask) -> None:
    rule = default_rule("moved")
    causes = [Cause("moved", f"north|{number}", rule, "1", float(number), rank=float(number)) for number in range(450)]
    with app.app_context():
        assert take_up(causes, ["moved"]) == 450
        assert take_up(causes[:200], ["moved"]) == 250
        assert db.session.scalar(select(func.count()).where(WorkEntry.is_caused)) == 200


def test_a_rule_that_is_switched_off_takes_its_entries_off_the_list(app: Flask) -> None:
    move(app)
    move(app, ODD)
    refresh(app)
    with app.app_context(), writing():
        db.session.add(WorkRule(kind="moved", segment=f"region:{ODD.region}", is_on=False, due_days=1, changed_by="a"))

    refresh(app)

    assert [(entry.subject, entry.resolved_at is None) for entry in found(app, "moved")] == [
        (KETTLE.key, True), (ODD.key, False)]
