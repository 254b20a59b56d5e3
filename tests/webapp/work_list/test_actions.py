"""What people do with tasks: who may, what is told when somebody else was quicker, what the audit log has of it."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from demand_assets.forecasting.contract.region_item import RegionItem
from tests.webapp.conftest import ADMIN, EMAIL, KETTLE, ODD, VIEWER, page, text_of
from tests.webapp.notices.builders import notices
from tests.webapp.work_list.builders import (
    REJECTED,
    do,
    found,
    listed,
    move,
    only,
    refresh,
    send,
    stored_unusual,
    tell,
)
from webapp.db.database import db, writing
from webapp.groups.changes import add_group, change_group
from webapp.tables import Adjustment, AuditEntry, SavedScenario, User, WorkEntry
from webapp.work_list.actions import WorkError, owners


@pytest.fixture
def rejected(app: Flask) -> WorkEntry:
    """The data of the kettles is rejected."""
    tell(app, **REJECTED)
    refresh(app)
    return only(app, "refused")


def dated(fields: dict[str, str | int]) -> dict[str, str]:
    """The fields of a form; a number of days is the day so many after today."""
    return {name: value if isinstance(value, str) else str(date.today() + timedelta(days=value))
            for name, value in fields.items()}


def log(app: Flask, kind: str = "work") -> list[tuple[str, str, str, str]]:
    """Who, what, of what and why of the audit log."""
    with app.app_context():
        return [(one.by, one.act, one.subject, one.reason) for one in db.session.scalars(
            select(AuditEntry).where(AuditEntry.kind == kind).order_by(AuditEntry.id))]


def test_a_task_goes_from_hand_to_hand_and_the_log_tells_how(app: Flask, client: FlaskClient, admin: FlaskClient,
                                                             rejected: WorkEntry) -> None:
    subject = f"Data rejected: {KETTLE}"
    send(client, "take", rejected)
    assert only(app, "refused").owner == EMAIL
    send(client, "assign", only(app, "refused"), owner_wanted=ADMIN, due_wanted=str(date.today() + timedelta(days=4)))
    assert (only(app, "refused").owner, only(app, "refused").due) == (ADMIN, str(date.today() + timedelta(days=4)))
    send(admin, "snooze", only(app, "refused"), until=str(date.today() + timedelta(days=2)))
    assert listed(admin) == []
    assert "snoozed until" in listed(admin, "state=snoozed")[0]
    send(admin, "resolve", only(app, "refused"), reason="put right")
    send(client, "reopen", only(app, "refused"))
    send(client, "release", only(app, "refused"))

    assert only(app, "refused").owner == ""
    assert log(app) == [
        (EMAIL, "taken", subject, ""), (EMAIL, "assigned", subject, ""), (ADMIN, "snoozed", subject, ""),
        (ADMIN, "resolved", subject, "put right"), (EMAIL, "opened again", subject, ""),
        (EMAIL, "given back", subject, "")]


def test_what_was_snoozed_is_seen_again_on_its_day_without_anybodys_doing(app: Flask, client: FlaskClient,
                                                                         rejected: WorkEntry) -> None:
    with app.app_context():
        do("snooze", rejected, until=date.today() + timedelta(days=1))
    assert listed(client) == []
    with app.app_context():
        db.session.get_one(WorkEntry, rejected.id).snoozed_until = str(date.today())
        db.session.commit()

    assert len(listed(client)) == 1
    assert listed(client, "state=snoozed") == []


@pytest.mark.parametrize("first", ["take", "resolve", "snooze"])
@pytest.mark.parametrize("second", ["assign", "resolve", "snooze", "release"])
def test_the_second_of_two_on_the_same_task_is_told_and_changes_nothing(
        app: Flask, client: FlaskClient, admin: FlaskClient, rejected: WorkEntry, first: str, second: str) -> None:
    fields = {"owner_wanted": ADMIN, "until": str(date.today() + timedelta(days=5)), "reason": "nothing to do"}
    send(client, first, rejected, **{**fields, "reason": "put right", "until": str(date.today() + timedelta(days=9))})
    before = only(app, "refused")

    response = send(admin, second, rejected, **fields)

    told = text_of(page(admin.get(response.location)).select_one(".alert-warning"))
    assert f"by {EMAIL}" in told
    assert str(KETTLE) in told
    after = only(app, "refused")
    assert (after.version, after.owner, after.reason, after.snoozed_until) == (
        before.version, before.owner, before.reason, before.snoozed_until)
    assert len(log(app)) == 1


def test_of_many_only_those_that_somebody_changed_are_left(app: Flask, client: FlaskClient, admin: FlaskClient) -> None:
    items = [KETTLE, ODD, RegionItem("south", "kettle")]
    for region_item in items:
        move(app, region_item)
    refresh(app)
    seen = found(app, "moved")
    send(client, "take", seen[1])

    send(admin, "resolve", *seen, reason="a promotion")

    assert [entry.resolved_at is None for entry in found(app, "moved")] == [False, True, False]


@pytest.mark.parametrize(("what", "fields"), [
    ("take", {}), ("assign", {"owner_wanted": ADMIN}), ("resolve", {"reason": "put right"}),
    ("snooze", {"until": 5})], ids=str)
def test_the_same_act_sent_twice_is_done_once_and_warns_of_nothing(
        app: Flask, client: FlaskClient, rejected: WorkEntry, what: str, fields: dict[str, str | int]) -> None:
    send(client, what, rejected, **dated(fields))

    response = send(client, what, rejected, **dated(fields))

    soup = page(client.get(response.location))
    assert soup.select_one("main .alert-warning") is None
    assert only(app, "refused").version == 2
    assert len(log(app)) == 1


@pytest.mark.parametrize(("what", "fields", "words"), [
    ("assign", {"owner_wanted": VIEWER}, "cannot be assigned"),
    ("assign", {"owner_wanted": "x@y"}, "cannot be assigned"),
    ("assign", {}, "Choose whom"), ("snooze", {}, "Give the day"), ("snooze", {"until": 0}, "a day after today"),
    ("snooze", {"until": 400}, "within a year"),
    ("snooze", {"until": "tomorrow"}, "2026-01-31"), ("take", {"due_wanted": "2020-01-01"}, "today or later"),
    ("resolve", {}, "Give a reason"), ("resolve", {"reason": "x" * 501}, "500"), ("accept", {}, "Give a reason"),
    ("burn", {}, "not known here")], ids=str)
def test_what_cannot_be_is_said_and_nothing_is_changed(app: Flask, client: FlaskClient, rejected: WorkEntry,
                                                       what: str, fields: dict[str, str | int], words: str) -> None:
    response = send(client, what, rejected, **dated(fields))

    assert response.status_code == 422
    assert words in text_of(page(response))
    assert only(app, "refused").version == 1


@pytest.mark.parametrize("ticked", [[], ["x"], ["1"], ["1."], ["-1.1"], ["1.1.1"], ["9999999999.1"], ["١.1"]], ids=str)
def test_what_is_no_task_is_refused(client: FlaskClient, rejected: WorkEntry, ticked: list[str]) -> None:
    assert rejected.id == 1
    response = send(client, "take", entry=ticked)

    assert response.status_code == 422


def test_more_than_can_be_changed_at_once_are_refused(app: Flask) -> None:
    with app.app_context(), pytest.raises(WorkError, match=r"At most .* not 1,001"):
        do("reopen", *[WorkEntry(id=number, version=1) for number in range(1, 1002)])


def test_who_may_not_sign_in_any_more_is_given_nothing(app: Flask) -> None:
    with app.app_context():
        assert owners() == [ADMIN, EMAIL]


@pytest.fixture
def unusual(app: Flask) -> Callable[[RegionItem], WorkEntry]:
    """Three days of a region-item were unusual, of which one is too old to be told."""
    def make(region_item: RegionItem) -> WorkEntry:
        stored_unusual(app, "2026-06-16", "2026-06-20", "2026-01-02", region_item=region_item)
        refresh(app)
        return next(entry for entry in found(app, "unusual") if entry.subject == region_item.key)
    return make


def adjusted(app: Flask) -> list[tuple[str, str, float, float, str, str]]:
    with app.app_context():
        return [(one.key, one.date, one.sold, one.adjusted, one.reason, one.made_by) for one in db.session.scalars(
            select(Adjustment).where(Adjustment.removed_at.is_(None)).order_by(Adjustment.key, Adjustment.date))]


def test_all_unusual_sales_of_items_are_accepted_at_once_and_their_tasks_are_done(
        app: Flask, client: FlaskClient, unusual: Callable[[RegionItem], WorkEntry]) -> None:
    unusual(ODD)
    unusual(KETTLE)
    tasks = found(app, "unusual")

    response = send(client, "accept", *tasks, reason="a fair")

    assert "2 tasks resolved, 4 unusual periods adjusted" in text_of(page(client.get(response.location)))
    assert adjusted(app) == [(key, day, 50.0, 10.0, "a fair", EMAIL) for key in sorted([KETTLE.key, ODD.key])
                             for day in ("2026-06-16", "2026-06-20")]
    assert [entry.reason for entry in found(app, "unusual")] == ["a fair", "a fair"]
    assert len(log(app, "adjustment")) == 4
    refresh(app)
    assert [entry.is_caused for entry in found(app, "unusual")] == [False, False]


def test_what_somebody_adjusted_by_hand_stays_as_they_said(
        app: Flask, client: FlaskClient, unusual: Callable[[RegionItem], WorkEntry]) -> None:
    task = unusual(KETTLE)
    with app.app_context():
        db.session.add(Adjustment(key=KETTLE.key, date="2026-06-16", sold=50.0, adjusted=33.0, reason="counted",
                                  made_by=ADMIN))
        db.session.commit()

    send(client, "accept", task, reason="a fair")

    assert [(day, units) for _, day, _, units, _, _ in adjusted(app)] == [("2026-06-16", 33.0), ("2026-06-20", 10.0)]


def test_accepting_what_another_resolved_meanwhile_adjusts_nothing(
        app: Flask, client: FlaskClient, admin: FlaskClient, unusual: Callable[[RegionItem], WorkEntry]) -> None:
    task = unusual(KETTLE)
    send(admin, "resolve", task, reason="a real order")

    response = send(client, "accept", task, reason="a fair")

    assert f"by {ADMIN}" in text_of(page(client.get(response.location)).select_one(".alert-warning"))
    assert adjusted(app) == []


def test_other_tasks_cannot_be_accepted(app: Flask, client: FlaskClient, rejected: WorkEntry) -> None:
    response = send(client, "accept", rejected, reason="a fair")

    assert "only unusual sales can be accepted" in text_of(page(client.get(response.location)))
    assert only(app, "refused").resolved_at is None


def test_nobody_is_given_a_scenario_to_judge_that_holds_what_they_do_not_see(
        app: Flask, client: FlaskClient, admin: FlaskClient) -> None:
    with app.app_context():
        add_group("south", rules=[("region", "south")], members=[db.session.scalars(select(User.id).where(
            User.email == EMAIL)).one()])
        with writing():
            for token, key in (("a" * 32, KETTLE.key), ("b" * 32, "south|kettle")):
                db.session.add(SavedScenario(token=token, name="x", created_by=ADMIN, asked={"keys": [key]}))
                db.session.add(WorkEntry(kind="scenario", subject=token, due="2099-01-01", told={"last": "2026-06-30"}))
    unseen, seen = sorted(found(app, "scenario"), key=lambda entry: entry.subject)

    assert "does not see all of it" in text_of(page(send(admin, "assign", unseen, owner_wanted=EMAIL)))
    send(admin, "assign", seen, owner_wanted=EMAIL)

    assert [entry.owner for entry in sorted(found(app, "scenario"), key=lambda entry: entry.subject)] == ["", EMAIL]
    assert [one for one in notices(app, EMAIL) if "aaaa" in one] == []
    assert [one for one in notices(app, EMAIL) if "bbbb" in one] != []
    with app.app_context():
        change_group(1, {"rules": [("region", "nowhere")]})
    assert "bbbb" not in text_of(page(client.get("/notices")))
