"""The administrators' pages of groups, and what their members are told of them."""

from threading import Thread

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select

from tests.webapp.api.conftest import Program, token_for
from tests.webapp.conftest import EMAIL, page, post, text_of
from webapp.db.database import db
from webapp.groups.changes import change_group
from webapp.tables import GroupRule, UserGroup


def made(admin: FlaskClient, name: str = "North") -> str:
    """The address of a new group."""
    response = post(admin, "/admin/groups", {"name": name}, form_on="/admin/groups")
    assert response.status_code == 303, response.text
    return response.headers["Location"]


def test_a_group_is_made_and_its_members_see_what_it_says(admin: FlaskClient, app: Flask) -> None:
    at = made(admin)
    post(admin, f"{at}/rules", {"field": "region", "value": "north"}, form_on=at)
    post(admin, f"{at}/rules", {"field": "item", "value": "kettle"}, form_on=at)
    post(admin, f"{at}/members", {"add": EMAIL}, form_on=at)

    assert "1 of 31 region-items" in text_of(page(admin.get(at)).select_one("#rules"))
    listed = text_of(page(admin.get("/admin/groups")).select_one("#list"))
    assert "North 1 – item kettle, region north 1 of 31" in listed
    with app.test_client() as planner:
        token = token_for(app, "planner")
        told = Program(app, token).told("/region-items")
        assert [row["key"] for row in told["region_items"]] == ["north|kettle"]
        assert planner.get("/").status_code == 302


def test_what_cannot_be_said_of_a_group_changes_nothing(admin: FlaskClient, app: Flask) -> None:
    at = made(admin)
    for path, fields in (("", {"name": ""}), ("", {"name": "x", "role": "king"}), ("/members", {"add": "no@body.com"}),
                         ("/rules", {"field": "region", "value": "nowhere"}),
                         ("/rules", {"field": "sky", "value": "x"})):
        assert post(admin, f"{at}{path}", fields, form_on=at).status_code == 422
    assert post(admin, "/admin/groups", {"name": "NORTH"}, form_on=at).status_code == 422

    with app.app_context():
        assert db.session.scalars(select(UserGroup.name)).all() == ["North"]
        assert db.session.scalars(select(GroupRule)).all() == []


def test_two_administrators_who_save_at_once_lose_no_value(admin: FlaskClient, app: Flask) -> None:
    at = made(admin)
    with app.app_context():
        number, engine = db.session.scalars(select(UserGroup.id)).one(), db.engine

    def by_somebody_else() -> None:
        with app.app_context():
            change_group(number, {"add_rules": [("item", "kettle")]})

    others = [Thread(target=by_somebody_else)]

    @event.listens_for(engine, "before_cursor_execute")
    def between(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if others and "region_item" in statement:  # the value is looked up
            other = others.pop()
            other.start()
            other.join()

    assert post(admin, f"{at}/rules", {"field": "region", "value": "north"}).status_code == 303

    with app.app_context():
        assert sorted(db.session.scalars(select(GroupRule.value))) == ["kettle", "north"]


def test_a_value_is_taken_away_and_the_group_removed(admin: FlaskClient, app: Flask) -> None:
    at = made(admin)
    post(admin, f"{at}/rules", {"field": "region", "value": "north"}, form_on=at)
    assert "members would see everything" in text_of(page(admin.get(at)).select_one("#rules"))
    post(admin, f"{at}/rules", {"remove": "region:north"}, form_on=at)
    assert "Everything: the group has no rule." in text_of(page(admin.get(at)).select_one("#rules"))
    post(admin, at, {"name": "Northern", "role": "admin"}, form_on=at)
    post(admin, f"{at}/members", {"add": EMAIL}, form_on=at)
    assert EMAIL in text_of(page(admin.get("/admin/users?role=admin")).select_one("#list"))
    post(admin, f"{at}/members", {"remove": EMAIL}, form_on=at)
    post(admin, f"{at}/remove", {}, form_on=at)

    assert admin.get(at).status_code == 404
    with app.app_context():
        assert db.session.scalars(select(UserGroup)).all() == []


def test_the_account_page_says_what_one_sees(admin: FlaskClient, client: FlaskClient) -> None:
    assert text_of(page(client.get("/account")).select_one("#sees")) == "every region-item"
    at = made(admin)
    post(admin, f"{at}/rules", {"field": "region", "value": "south"}, form_on=at)
    post(admin, f"{at}/members", {"add": EMAIL}, form_on=at)

    assert text_of(page(client.get("/account")).select_one("#sees")) == "1 of 31 region-items: region south"


def test_programs_of_administrators_list_groups(admin: FlaskClient, app: Flask) -> None:
    at = made(admin)
    post(admin, f"{at}/rules", {"field": "region", "value": "north"}, form_on=at)

    [group] = Program(app, token_for(app, "admin")).told("/groups")["groups"]

    assert (group["name"], group["sees"], group["region_items"], group["members"]) == (
        "North", {"region": ["north"]}, 29, [])


def test_without_a_group_nothing_is_seen_where_that_is_set(
        admin: FlaskClient, client: FlaskClient, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.extensions["services"].settings, "web_without_group", "nothing")
    told = text_of(page(admin.get("/admin/groups")).select_one("#list"))
    assert "only administrators see region-items" in told
    assert "people in none see nothing" in text_of(page(admin.get("/admin/groups")))
    assert "31" in text_of(page(admin.get("/")).select_one("main"))

    seen = text_of(page(client.get("/")).select_one("#sees"))
    assert "You see 0 of 31 region-items: you are in no group yet." in seen
    assert client.get("/forecasts?ri=north%7Ckettle").status_code == 404
    assert Program(app, token_for(app, "planner")).told("/region-items")["region_items"] == []

    at = made(admin)
    post(admin, f"{at}/members", {"add": EMAIL}, form_on=at)
    assert client.get("/forecasts?ri=north%7Ckettle").status_code == 200
    assert "Those in no other group then see nothing." in text_of(page(admin.get(at)))
