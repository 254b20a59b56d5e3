"""The list of work for programs: read by all, worked down by those who may, and never over somebody's head."""

from datetime import date, timedelta

from flask import Flask

from tests.webapp.api.conftest import Program
from tests.webapp.conftest import ADMIN, EMAIL, KETTLE, ODD
from tests.webapp.work_list.builders import REJECTED, do, move, only, refresh, tell


def test_a_task_is_read_assigned_snoozed_and_resolved(app: Flask, planning: Program, viewing: Program) -> None:
    tell(app, **REJECTED)
    move(app, ODD)
    refresh(app)
    (task,) = viewing.told("/work?kind=refused")["tasks"]
    assert {name: task[name] for name in ("version", "title", "key", "why", "units", "state", "owner")} == {
        "version": 1, "title": "Data rejected", "key": KETTLE.key, "why": "the price is negative", "units": 84.0,
        "state": "open", "owner": ""}
    seen = [{"id": task["id"], "version": 1}]
    assert viewing.post("/work/acts", {"act": "take", "tasks": seen}).status_code == 403

    made = planning.post("/work/acts", {"act": "assign", "tasks": seen, "owner": ADMIN})

    assert made.json == {"changed": 1, "adjusted_periods": 0, "unfit": 0, "left": []}
    assert planning.post("/work/acts", {"act": "assign", "tasks": seen, "owner": ADMIN}).json["changed"] == 0
    assert [one["id"] for one in viewing.told(f"/work?state=assigned&owner={ADMIN}")["tasks"]] == [task["id"]]
    until = str(date.today() + timedelta(days=3))
    planning.post("/work/acts", {"act": "snooze", "tasks": [{"id": task["id"], "version": 2}], "until": until})
    assert planning.told(f"/work/{task['id']}")["snoozed_until"] == until
    planning.post("/work/acts", {"act": "resolve", "tasks": [{"id": task["id"], "version": 3}], "reason": "put right"})
    now_told = planning.told(f"/work/{task['id']}")
    assert (now_told["state"], now_told["resolved_by"], now_told["reason"]) == ("resolved", EMAIL, "put right")
    assert [one["key"] for one in viewing.told("/work?state=open")["tasks"]] == [ODD.key]


def test_what_somebody_changed_meanwhile_is_left_and_what_cannot_be_is_said(app: Flask, planning: Program) -> None:
    tell(app, **REJECTED)
    move(app)
    refresh(app)
    rejected, moved = only(app, "refused"), only(app, "moved")
    with app.app_context():
        do("assign", rejected, owner=ADMIN)
    both = [{"id": rejected.id, "version": 1}, {"id": moved.id, "version": 1}]

    answer = planning.post("/work/acts", {"act": "resolve", "tasks": both, "reason": "nothing to do"}).json

    assert (answer["changed"], [(one["id"], one["owner"], one["version"]) for one in answer["left"]]) == (
        1, [(rejected.id, ADMIN, 2)])
    alone = planning.post("/work/acts", {"act": "resolve", "tasks": both[:1], "reason": "nothing to do"})
    assert (alone.status_code, "version 2" in alone.json["detail"]) == (409, True)
    for asked in ({"act": "resolve", "tasks": both}, {"act": "burn", "tasks": both}, {"act": "take", "tasks": []},
                  {"act": "snooze", "tasks": both, "until": "2020-01-01"},
                  {"act": "take", "tasks": [{"id": 0, "version": 1}]}):
        assert planning.post("/work/acts", asked).status_code == 422, asked
    assert planning.get("/work?kind=luck").status_code == 422
    assert planning.get("/work/999").status_code == 404
