"""The whole life of a user whom the identity provider keeps, in the shapes that Entra ID and Okta send."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from tests.webapp.conftest import ADMIN, EMAIL, PASSWORD, VIEWER, post, signed_in, with_session
from tests.webapp.scim.builders import (
    JANE,
    Provider,
    entra_user,
    group,
    group_of,
    newest,
    okta_user,
    refused,
    user_of,
)
from webapp.access import role_of
from webapp.accounts.password_links import choose_password, find_link, make_link
from webapp.accounts.sign_in.identities import Identity, NotLetInError
from webapp.accounts.sign_in.identities import user_of as let_in
from webapp.accounts.tokens import actor_of, make_token
from webapp.accounts.views import create_user
from webapp.db.database import db, now, writing
from webapp.groups.changes import add_group
from webapp.tables import ScimUser, User, UserSession


def only_admin(app: Flask) -> str:
    """The SCIM id of the one administrator there is."""
    return f"user-{user_of(app, ADMIN).id}"


def test_a_user_made_by_entra_is_a_viewer_without_a_password(app: Flask, provider: Provider) -> None:
    assert provider.found(f'userName eq "{JANE}"') == []

    made = provider.made("Users", entra_user())

    assert {name: made[name] for name in ("userName", "externalId", "active", "displayName", "name", "emails")} == {
        "userName": JANE, "externalId": "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef", "active": True,
        "displayName": "Jane Doe", "name": {"formatted": "Jane Doe", "familyName": "Doe", "givenName": "Jane"},
        "emails": [{"value": JANE, "type": "work", "primary": True}]}
    assert made["meta"]["location"] == f"http://localhost/scim/v2/Users/{made['id']}"
    user = user_of(app, JANE)
    assert (role_of(user), user.password, user.active) == ("viewer", None, True)
    assert provider.told(f"/Users/{made['id']}") == made
    assert provider.found(f'userName eq "{JANE.upper()}"') == [made]
    assert provider.found(f'externalId eq "{made["externalId"]}" and userName eq "{JANE}"') == [made]
    entry = newest(app)
    assert (entry.by, entry.via, entry.act, entry.subject) == ("SCIM token Entra", "SCIM", "created", JANE)
    assert entry.after is not None
    assert entry.after["external id"] == made["externalId"]


def test_what_okta_sends_besides_is_passed_over(app: Flask, provider: Provider) -> None:
    provider.mimetype = "application/json"

    made = provider.made("Users", okta_user())

    assert "password" not in made
    assert "locale" not in made
    assert user_of(app, JANE).password is None
    assert "1mz050nq" not in str(newest(app).after)


@pytest.mark.parametrize("operation", [
    {"op": "Replace", "path": "active", "value": "False"},
    {"op": "Replace", "path": "active", "value": False},
    {"op": "replace", "value": {"active": False}},
    {"op": "replace", "value": {"active": "False", "unheard": {"of": 1}}},
    {"op": "Add", "path": "urn:ietf:params:scim:schemas:core:2.0:User:active", "value": "false"},
])
def test_deactivating_ends_sessions_links_and_tokens_at_once(
        app: Flask, provider: Provider, operation: dict[str, Any]) -> None:
    person = user_of(app, EMAIL)
    client = signed_in(app.test_client(), EMAIL)
    with app.app_context():
        token = make_token(db.session.get_one(User, person.id), "nightly", "viewer", now() + timedelta(days=1))[1]
        link = make_link(person.id)

    response = provider.patched(f"/Users/user-{person.id}", operation)

    assert response.status_code == 200, response.text
    assert response.json is not None
    assert response.json["active"] is False
    assert client.get("/").location.startswith("/sign-in")
    with app.app_context():
        assert actor_of(token, "10.0.0.1") is None
        assert find_link(link) is None
        assert not db.session.scalars(select(UserSession).where(UserSession.user_id == person.id)).all()
    entry = newest(app)
    assert (entry.act, entry.by) == ("deactivated", "SCIM token Entra")
    assert entry.before is not None
    assert entry.after is not None
    assert (entry.before["active"], entry.after["active"]) == (True, False)


def test_reactivated_they_sign_in_again(app: Flask, provider: Provider) -> None:
    path = f"/Users/user-{user_of(app, EMAIL).id}"
    provider.patched(path, {"op": "Replace", "path": "active", "value": "False"})

    provider.patched(path, {"op": "Replace", "path": "active", "value": "True"})

    assert signed_in(app.test_client(), EMAIL).get("/").status_code == 200
    assert newest(app).act == "signed in"


def test_okta_replaces_a_user_whole(app: Flask, provider: Provider) -> None:
    made = provider.made("Users", okta_user())

    response = provider.ask("PUT", f"/Users/{made['id']}", {**okta_user(), "id": made["id"], "active": False, "name": {
        "givenName": "Janet"}, "displayName": None})

    assert response.status_code == 200, response.text
    assert response.json is not None
    assert response.json["name"] == {"givenName": "Janet"}
    assert "displayName" not in response.json
    assert response.json["active"] is False
    provider.ask("PUT", f"/Users/{made['id']}", {"schemas": okta_user()["schemas"], "userName": JANE})
    assert not user_of(app, JANE).active  # nothing was said of it


def test_entra_changes_several_attributes_by_paths_in_one_value(provider: Provider) -> None:
    made = provider.made("Users", entra_user())

    response = provider.patched(f"/Users/{made['id']}", {"op": "Replace", "value": {
        "displayName": "Jane Roe", "name.familyName": "Roe", 'emails[type eq "work"].value': "roe@example.com"}},
        {"op": "Remove", "path": "name.formatted"},
        {"op": "Add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", "value": "IT"})

    assert response.status_code == 200, response.text
    assert response.json is not None
    assert response.json["displayName"] == "Jane Roe"
    assert response.json["name"] == {"familyName": "Roe", "givenName": "Jane"}
    assert response.json["emails"][0]["value"] == "roe@example.com"


def test_nothing_new_is_nothing_written(app: Flask, provider: Provider) -> None:
    made = provider.made("Users", entra_user())
    before = newest(app).id

    provider.patched(f"/Users/{made['id']}", {"op": "Replace", "path": "active", "value": "True"})
    provider.ask("PUT", f"/Users/{made['id']}", entra_user())

    assert newest(app).id == before
    assert provider.told(f"/Users/{made['id']}") == made


def test_somebody_who_is_here_already_is_found_and_taken_over(app: Flask, provider: Provider) -> None:
    [found] = provider.found(f'userName eq "{EMAIL}"')
    detail = refused(provider.ask("POST", "/Users", entra_user(EMAIL)), 409, "uniqueness")
    assert "userName" in detail

    provider.patched(f"/Users/{found['id']}", {"op": "Add", "path": "externalId", "value": "e-7"})

    assert provider.found('externalId eq "e-7"')[0]["id"] == found["id"]
    entry = newest(app)
    assert (entry.act, entry.reason) == ("changed", "taken over by the identity provider")
    assert role_of(user_of(app, EMAIL)) == "planner"
    assert signed_in(app.test_client(), EMAIL).get("/").status_code == 200


@pytest.mark.parametrize("taken", [
    {"userName": JANE.upper(), "emails": [{"value": "other@example.com"}]},
    {"userName": "other@example.com", "emails": [{"value": JANE.upper(), "primary": True}]},
    {"userName": "other", "emails": [{"value": f" {EMAIL} "}]},
])
def test_no_two_have_a_name_or_an_address(provider: Provider, taken: dict[str, Any]) -> None:
    provider.made("Users", entra_user())

    refused(provider.ask("POST", "/Users", entra_user(**taken)), 409, "uniqueness")

    other = provider.made("Users", entra_user("third@example.com"))
    if taken["userName"].lower() == JANE:
        refused(provider.patched(f"/Users/{other['id']}", {"op": "replace", "path": "userName", "value": JANE.upper()}),
                409, "uniqueness")


def test_a_name_that_is_no_address_needs_one(app: Flask, provider: Provider) -> None:
    refused(provider.ask("POST", "/Users", {**entra_user("jane.doe"), "emails": []}), 400, "invalidValue")

    made = provider.made("Users", {**entra_user("jane.doe"), "emails": [
        {"type": "home", "value": "home@example.com"}, {"type": "work", "value": "Work@Example.com"}]})

    assert made["userName"] == "jane.doe"
    assert user_of(app, "work@example.com").active
    assert provider.found('emails[type eq "work"].value eq "WORK@example.com"') == [made]
    assert provider.found('emails[type eq "home"].value eq "work@example.com"') == []


def test_another_address_before_the_first_sign_in_is_the_one_to_sign_in_with(app: Flask, provider: Provider) -> None:
    made = provider.made("Users", entra_user())

    provider.patched(f"/Users/{made['id']}", {"op": "replace", "path": 'emails[type eq "work"].value',
                                              "value": "roe@example.com"})

    assert user_of(app, "roe@example.com").active
    with app.app_context():
        assert let_in(Identity("https://id.example.com 1", "roe@example.com"), "").email == "roe@example.com"
    other = provider.made("Users", entra_user("other@example.com"))
    refused(provider.patched(f"/Users/{other['id']}", {
        "op": "replace", "path": 'emails[type eq "work"].value', "value": "roe@example.com"}), 409, "uniqueness")


def test_another_address_later_is_told_and_what_they_made_stays_theirs(app: Flask, provider: Provider) -> None:
    [found] = provider.found(f'userName eq "{EMAIL}"')

    response = provider.patched(f"/Users/{found['id']}", {"op": "replace", "value": {
        "userName": "married@example.com", "active": False, 'emails[type eq "work"].value': "married@example.com"}})

    assert response.status_code == 200, response.text  # that they are deactivated counts more than their name
    assert not user_of(app, EMAIL).active
    assert provider.found('userName eq "married@example.com"')[0]["emails"][0]["value"] == "married@example.com"
    assert provider.found(f'userName eq "{EMAIL}"') == []
    refused(provider.ask("POST", "/Users", entra_user(EMAIL)), 409, "uniqueness")  # nobody else gets what is theirs


def test_a_user_without_a_password_signs_in_by_single_sign_on_or_a_link(app: Flask, provider: Provider) -> None:
    made = provider.made("Users", entra_user())
    provider.made("Users", entra_user("joe@example.com"))
    with app.app_context():
        person = let_in(Identity("https://id.example.com jane", JANE), "10.0.0.1")
        assert f"user-{person.id}" == made["id"]
        secret = make_link(user_of(app, "joe@example.com").id)
        assert choose_password(secret, PASSWORD, "10.0.0.1") == "joe@example.com"
    provider.patched(f"/Users/{made['id']}", {"op": "replace", "path": "active", "value": False})
    with app.app_context(), pytest.raises(NotLetInError):
        let_in(Identity("https://id.example.com jane", JANE), "10.0.0.1")


def test_the_last_administrator_stays(app: Flask, provider: Provider) -> None:
    path = f"/Users/{only_admin(app)}"
    before = newest(app).id
    for response in (provider.patched(path, {"op": "replace", "path": "active", "value": False}),
                     provider.ask("DELETE", path),
                     provider.ask("PUT", path, {**entra_user(ADMIN), "active": False})):
        assert "last administrator" in refused(response, 409)
    assert newest(app).id == before
    assert user_of(app, ADMIN).active
    with app.app_context():
        create_user("second@example.com", PASSWORD, "admin")

    assert provider.patched(path, {"op": "replace", "path": "active", "value": False}).status_code == 200
    second = f"/Users/user-{user_of(app, 'second@example.com').id}"
    refused(provider.patched(second, {"op": "replace", "path": "active", "value": False}), 409)


def test_an_administrator_by_a_group_does_not_count_as_the_last(app: Flask, provider: Provider) -> None:
    made = provider.made("Users", entra_user())
    with app.app_context():
        add_group("Bosses", role="admin", members=[int(made["id"].removeprefix("user-"))])
    assert role_of(user_of(app, JANE)) == "admin"

    refused(provider.patched(f"/Users/{only_admin(app)}", {"op": "replace", "path": "active", "value": False}), 409)

    off = {"op": "replace", "path": "active", "value": False}
    assert provider.patched(f"/Users/{made['id']}", off).status_code == 200


def test_removed_a_user_is_gone_for_the_provider_and_deactivated_here(app: Flask, provider: Provider) -> None:
    made = provider.made("Users", entra_user())
    provider.made("Groups", group("Buyers", made["id"]))
    with app.app_context(), writing():
        db.session.get_one(User, int(made["id"].removeprefix("user-"))).identity = "https://id.example.com jane"

    assert provider.ask("DELETE", f"/Users/{made['id']}").status_code == 204

    refused(provider.ask("GET", f"/Users/{made['id']}"), 404)
    refused(provider.ask("DELETE", f"/Users/{made['id']}"), 404)
    refused(provider.patched(f"/Users/{made['id']}", {"op": "replace", "path": "active", "value": True}), 404)
    assert provider.found(f'userName eq "{JANE}"') == []
    user = user_of(app, JANE)
    assert (user.active, user.identity, user.password, user.groups) == (False, None, None, [])
    assert group_of(app, "Buyers")[1] == []
    assert newest(app).act == "removed"


def test_hired_again_they_are_who_they_were(app: Flask, provider: Provider) -> None:
    made = provider.made("Users", entra_user())
    provider.ask("DELETE", f"/Users/{made['id']}")

    again = provider.made("Users", entra_user(externalId="another"))

    assert again["id"] == made["id"]
    assert again["externalId"] == "another"
    assert newest(app).act == "created again"
    with app.app_context():
        assert let_in(Identity("https://id.example.com new", JANE), "").active


def test_removed_and_reactivated_by_hand_the_provider_sees_them_again(
        app: Flask, provider: Provider, session_cookies: dict[str, str]) -> None:
    admin = with_session(app.test_client(), session_cookies[ADMIN])
    made = provider.made("Users", entra_user())
    provider.ask("DELETE", f"/Users/{made['id']}")
    number = made["id"].removeprefix("user-")

    post(admin, f"/admin/users/{number}/active", {"active": "yes"}, f"/admin/users/{number}")

    assert provider.told(f"/Users/{made['id']}")["active"] is True
    provider.patched(f"/Users/{made['id']}", {"op": "replace", "path": "externalId", "value": "x"})
    assert provider.found(f'userName eq "{JANE}"')[0]["externalId"] == "x"


@pytest.mark.parametrize(("body", "status", "scim_type"), [
    ({"userName": None}, 400, "invalidValue"), ({"userName": ""}, 400, "invalidValue"),
    ({"userName": "   ", "emails": [{"value": "a@b"}]}, 400, "invalidValue"),
    ({"userName": 7}, 400, "invalidValue"), ({"userName": ["a@b"]}, 400, "invalidValue"),
    ({"userName": "x" * 256 + "@example.com"}, 400, "invalidValue"),
    ({"userName": "a\x07@example.com"}, 400, "invalidValue"),
    ({"externalId": "x" * 256}, 400, "invalidValue"), ({"name": "Jane"}, 400, "invalidValue"),
    ({"name": {"givenName": "x" * 300}}, 400, "invalidValue"), ({"emails": "a@b"}, 400, "invalidValue"),
    ({"emails": [{"value": "no address"}]}, 400, "invalidValue"), ({"active": "perhaps"}, 400, "invalidValue"),
    ({"active": [False]}, 400, "invalidValue"), ({"schemas": ["urn:other"]}, 400, "invalidSyntax"),
])
def test_what_no_user_may_be(app: Flask, provider: Provider, body: dict[str, Any], status: int, scim_type: str) -> None:
    before = newest(app).id

    refused(provider.ask("POST", "/Users", {**entra_user(), **body}), status, scim_type)

    assert newest(app).id == before


@pytest.mark.parametrize(("operation", "status", "scim_type"), [
    ({"op": "replace", "path": "active", "value": None}, 400, "invalidValue"),
    ({"op": "remove", "path": "active"}, 400, "invalidValue"),
    ({"op": "replace", "path": "userName", "value": None}, 400, "mutability"),
    ({"op": "remove", "path": "userName"}, 400, "mutability"),
    ({"op": "replace", "path": "id", "value": "user-1"}, 400, "mutability"),
    ({"op": "replace", "value": {"id": "user-1"}}, 400, "mutability"),
    ({"op": "add", "path": "groups", "value": [{"value": "group-1"}]}, 400, "mutability"),
    ({"op": "remove"}, 400, "noTarget"), ({"op": "steal", "path": "active"}, 400, "invalidValue"),
    ({"op": "replace", "path": "active"}, 400, "invalidValue"),
    ({"path": "active", "value": False}, 400, "invalidValue"),
    ({"op": "replace", "path": "emails[type eq", "value": "x"}, 400, "invalidPath"),
    ({"op": "replace", "path": 7, "value": "x"}, 400, "invalidValue"),
])
def test_patches_that_cannot_be_carried_out_change_nothing(
        app: Flask, provider: Provider, operation: dict[str, Any], status: int, scim_type: str) -> None:
    made = provider.made("Users", entra_user())
    before = newest(app).id

    response = provider.patched(f"/Users/{made['id']}", {"op": "replace", "path": "displayName", "value": "Changed"},
                                operation)

    refused(response, status, scim_type)
    assert newest(app).id == before
    assert provider.told(f"/Users/{made['id']}") == made


@pytest.mark.parametrize("id_", ["1", "user-0", "user-01", "user-99999", "user-²", "user--1", "user-1e3", "group-1",
                                 "user-99999999999999999999", "user-1;DROP", "%2e%2e"])
def test_ids_of_nobody(provider: Provider, id_: str) -> None:
    refused(provider.ask("GET", f"/Users/{id_}"), 404)
    refused(provider.patched(f"/Users/{id_}", {"op": "replace", "path": "active", "value": False}), 404)
    refused(provider.ask("DELETE", f"/Users/{id_}"), 404)


def test_pages_of_users_are_whole_and_bounded(app: Flask, provider: Provider) -> None:
    with app.app_context(), writing():
        db.session.add_all(User(email=f"p{number:04}@example.com") for number in range(250))
    total = 253  # and the three that every test has

    first = provider.told("/Users", count=1000)
    second = provider.told("/Users", startIndex=201, count="1000")

    assert (first["totalResults"], first["startIndex"], first["itemsPerPage"]) == (total, 1, 200)
    assert (second["startIndex"], second["itemsPerPage"]) == (201, 53)
    assert len({one["id"] for page in (first, second) for one in page["Resources"]}) == total
    assert provider.told("/Users", count=0)["Resources"] == []
    assert provider.told("/Users", count=-3)["totalResults"] == total
    assert provider.told("/Users", startIndex=-3, count=2)["startIndex"] == 1
    assert provider.told("/Users", startIndex=10**30, count=2)["Resources"] == []
    refused(provider.ask("GET", "/Users", query_string={"count": "many"}), 400, "invalidValue")


def test_only_the_attributes_that_are_asked_for(provider: Provider) -> None:
    made = provider.made("Users", entra_user())

    assert provider.told(f"/Users/{made['id']}", attributes="userName").keys() == {"schemas", "id", "userName"}
    assert "emails" not in provider.told(f"/Users/{made['id']}", excludedAttributes="emails,meta")
    [one] = provider.told("/Users", attributes="id", filter=f'userName eq "{JANE}"')["Resources"]
    assert one.keys() == {"schemas", "id"}


def test_a_user_says_which_groups_they_are_in(provider: Provider) -> None:
    made = provider.made("Users", entra_user())
    buyers = provider.made("Groups", group("Buyers", made["id"]))

    assert provider.told(f"/Users/{made['id']}")["groups"] == [
        {"value": buyers["id"], "$ref": buyers["meta"]["location"], "display": "Buyers"}]


def test_what_was_never_said_of_somebody_is_not_kept(app: Flask, provider: Provider) -> None:
    assert [one["userName"] for one in provider.told("/Users")["Resources"]] == [EMAIL, VIEWER, ADMIN]
    with app.app_context():
        assert not db.session.scalars(select(ScimUser)).all()
