"""The bell and its page, and how people choose to be told."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.webapp.conftest import ADMIN, EMAIL, VIEWER, page, post, text_of
from tests.webapp.notices.builders import TOLD, notices, say
from tests.webapp.work_list.builders import REJECTED, only, refresh, send, tell
from webapp.notices.events import Told


def bell(client: FlaskClient) -> str:
    return text_of(page(client.get("/account")).select_one("#bell"))


def test_the_bell_counts_what_is_not_read_yet_of_whoever_looks(app: Flask, client: FlaskClient,
                                                              viewer: FlaskClient) -> None:
    assert bell(client) == "Notices"
    say(app, EMAIL)
    say(app, EMAIL, told=Told("data", "data run-2", "Again", "/data"))
    assert (bell(client), bell(viewer)) == ("Notices 2 unread", "Notices")
    rows = [text_of(row) for row in page(client.get("/notices")).select("#list li.list-group-item")]
    assert [row.split(" new ")[0] for row in rows] == ["Again", TOLD.text]

    newest = page(client.get("/notices")).select_one("[name=newest]")["value"]  # type: ignore[index]
    say(app, EMAIL, told=Told("data", "data run-3", "Meanwhile", "/data"))
    post(client, "/notices/read", {"newest": newest}, form_on="/notices")

    assert bell(client) == "Notices 1 unread"  # what the page did not show yet


@pytest.mark.parametrize("newest", ["", "x", "-1", "9" * 12])
def test_a_form_that_names_no_notice_reads_none(app: Flask, client: FlaskClient, newest: str) -> None:
    say(app, EMAIL)
    post(client, "/notices/read", {"newest": newest}, form_on="/notices")

    assert bell(client) == "Notices 1 unread"


def test_who_wants_not_to_be_told_is_not(app: Flask, client: FlaskClient) -> None:
    chosen = {"assigned": "bell", "retrain": "daily", "promoted": "mail", "data": "off"}
    post(client, "/notices/choices", chosen, form_on="/notices")
    say(app, EMAIL, ADMIN)

    assert (notices(app, EMAIL), notices(app, ADMIN)) == ([], [TOLD.text])
    shown = {str(one["name"]): str(one.select_one("[selected]")["value"])  # type: ignore[index]
             for one in page(client.get("/notices")).select("select[name]")}
    assert shown == chosen | {"published": "bell"}  # which a form of yesterday does not send
    assert post(client, "/notices/choices", {**chosen, "data": "loudly"}, form_on="/notices").status_code == 422


def test_who_is_given_a_task_is_told_once_for_each_act_and_who_takes_it_is_not(
        app: Flask, client: FlaskClient, admin: FlaskClient) -> None:
    tell(app, **REJECTED)
    refresh(app)
    send(client, "take", only(app, "refused"))
    assert notices(app, EMAIL) == []
    task = only(app, "refused")
    for _ in range(2):
        send(client, "assign", task, owner_wanted=ADMIN)
    send(admin, "assign", only(app, "refused"), owner_wanted=EMAIL)
    send(client, "assign", only(app, "refused"), owner_wanted=ADMIN)

    assert notices(app, ADMIN) == [f"Data rejected: north · kettle is assigned to you by {EMAIL}"] * 2
    assert notices(app, EMAIL) == [f"Data rejected: north · kettle is assigned to you by {ADMIN}"]
    assert notices(app, VIEWER) == []
