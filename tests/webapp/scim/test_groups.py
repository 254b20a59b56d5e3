"""Groups that the identity provider keeps, in the shapes that Entra ID and Okta send."""

from threading import Thread
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert, select

from tests.webapp.conftest import ADMIN, EMAIL, VIEWER
from tests.webapp.scim.builders import (
    JANE,
    Provider,
    entra_user,
    group,
    group_of,
    hand_made_group,
    newest,
    refused,
    user_of,
)
from webapp.access import role_of
from webapp.db.database import db, writing
from webapp.scim import groups as scim_groups
from webapp.scim.patches import MOST_MEMBERS, MOST_OPERATIONS
from webapp.tables import User


def ids(app: Flask, *emails: str) -> list[str]:
    return [f"user-{user_of(app, email).id}" for email in emails]


def members(provider: Provider, path: str) -> set[str]:
    return {one["value"] for one in provider.told(path).get("members", [])}


def test_a_group_made_by_the_provider_gives_no_role_until_an_administrator_says_so(
        app: Flask, provider: Provider) -> None:
    [viewer] = ids(app, VIEWER)
    assert provider.found('displayName eq "Planners"', "Groups") == []

    made = provider.made("Groups", group("Planners", viewer, externalId="8aa1a0c0"))

    assert (made["displayName"], made["externalId"]) == ("Planners", "8aa1a0c0")
    assert made["members"] == [{"value": viewer, "$ref": f"http://localhost/scim/v2/Users/{viewer}", "type": "User"}]
    assert provider.found('displayName eq "planners"', "Groups") == [made]
    assert provider.found('externalId eq "8aa1a0c0"', "Groups") == [made]
    assert role_of(user_of(app, VIEWER)) == "viewer"
    entry = newest(app, "group")
    assert (entry.by, entry.via, entry.act, entry.subject) == ("SCIM token Entra", "SCIM", "created", "Planners")


def test_a_group_of_the_same_name_is_that_group_with_its_role(app: Flask, provider: Provider) -> None:
    number = hand_made_group(app, "Planners", [EMAIL], role="planner")
    [viewer] = ids(app, VIEWER)

    made = provider.made("Groups", group("planners", viewer))

    assert made["id"] == f"group-{number}"
    assert role_of(user_of(app, VIEWER)) == "planner"
    assert group_of(app, "Planners")[1] == [EMAIL, VIEWER]  # whoever was put in by hand is not thrown out unasked
    refused(provider.ask("POST", "/Groups", group("PLANNERS")), 409, "uniqueness")


def test_a_group_that_was_found_by_its_name_is_taken_over_with_the_first_change(app: Flask, provider: Provider) -> None:
    number = hand_made_group(app, "Planners", [EMAIL], role="planner")
    [found] = provider.found('displayName eq "Planners"', "Groups")
    assert group_of(app, "Planners")[0].provisioned is None

    [viewer] = ids(app, VIEWER)
    provider.patched(f"/Groups/{found['id']}", {"op": "add", "path": "members", "value": [{"value": viewer}]})

    assert found["id"] == f"group-{number}"
    assert group_of(app, "Planners")[0].provisioned == "kept"
    assert group_of(app, "Planners")[1] == [EMAIL, VIEWER]


OPERATIONS: dict[str, tuple[list[dict[str, Any]], set[str]]] = {
    "Entra adds": ([{"op": "Add", "path": "members", "value": [{"$ref": None, "value": "B"}, {"value": "C"}]}],
                   {"A", "B", "C"}),
    "Entra adds who is there": ([{"op": "Add", "path": "members", "value": [{"value": "A"}, {"value": "A"}]}], {"A"}),
    "Entra removes by value": ([{"op": "Remove", "path": "members", "value": [{"value": "A"}]}], set()),
    "Entra removes by filter": ([{"op": "Remove", "path": 'members[value eq "A"]'}], set()),
    "Okta adds, then removes": ([{"op": "add", "path": "members", "value": [{"value": "B", "display": "b@x.com"}]},
                                 {"op": "remove", "path": 'members[value eq "A"]'}], {"B"}),
    "Okta replaces": ([{"op": "replace", "path": "members", "value": [{"value": "B"}, {"value": "C"}]}], {"B", "C"}),
    "replaced in a value": ([{"op": "replace", "value": {"members": [{"value": "C"}], "displayName": "Buyers"}}],
                            {"C"}),
    "added in a value": ([{"op": "add", "value": {"Members": [{"value": "C"}]}}], {"A", "C"}),
    "all removed": ([{"op": "remove", "path": "members"}], set()),
    "replaced by none": ([{"op": "replace", "path": "members", "value": []}], set()),
    "removed by one or another": ([{"op": "remove", "path": 'members[value eq "A" or value eq "B"]'}], set()),
    "added and removed": ([{"op": "add", "path": "members", "value": {"value": "B"}},
                           {"op": "remove", "path": "members", "value": [{"value": "B"}]}], {"A"}),
    "removed and added": ([{"op": "remove", "path": 'members[value eq "A"]'},
                           {"op": "add", "path": "members", "value": [{"value": "A"}]}], {"A"}),
    "replaced, then added": ([{"op": "replace", "path": "members", "value": [{"value": "B"}]},
                              {"op": "add", "path": "members", "value": [{"value": "C"}]}], {"B", "C"}),
    "removed who is not there": ([{"op": "remove", "path": 'members[value eq "user-99999"]'}], {"A"}),
    "by its full name": ([{"op": "add", "path": "urn:ietf:params:scim:schemas:core:2.0:Group:members",
                           "value": [{"value": "B", "type": "User"}]}], {"A", "B"}),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_members_come_and_go(app: Flask, provider: Provider, name: str) -> None:
    operations, left = OPERATIONS[name]
    names = dict(zip("ABC", ids(app, VIEWER, EMAIL, ADMIN), strict=True))
    made = provider.made("Groups", group("Buyers", names["A"]))

    response = provider.patched(f"/Groups/{made['id']}", *_with_ids(operations, names))

    assert response.status_code == 204, response.text
    assert response.data == b""
    assert members(provider, f"/Groups/{made['id']}") == {names[one] for one in left}
    assert provider.told(f"/Groups/{made['id']}")["displayName"] == "Buyers"


def _with_ids(value: Any, names: dict[str, str]) -> Any:
    """The same with ids of users in place of letters."""
    if isinstance(value, dict):
        return {name: names.get(one, one) if name == "value" and isinstance(one, str) else _with_ids(one, names)
                for name, one in value.items()}
    if isinstance(value, list):
        return [_with_ids(one, names) for one in value]
    if isinstance(value, str):
        for letter, id_ in names.items():
            value = value.replace(f'"{letter}"', f'"{id_}"')
    return value


def test_the_role_of_a_group_comes_and_goes_with_membership(app: Flask, provider: Provider) -> None:
    hand_made_group(app, "Bosses", role="admin")
    [found] = provider.found('displayName eq "Bosses"', "Groups")
    made = provider.made("Users", entra_user())

    provider.patched(f"/Groups/{found['id']}", {"op": "Add", "path": "members", "value": [{"value": made["id"]}]})
    assert role_of(user_of(app, JANE)) == "admin"
    assert newest(app, "group").after is not None
    assert newest(app, "group").after["came"] == [JANE]  # type: ignore[index]  # as above

    provider.patched(f"/Groups/{found['id']}", {"op": "Remove", "path": f'members[value eq "{made["id"]}"]'})
    assert role_of(user_of(app, JANE)) == "viewer"
    assert newest(app, "group").after["went"] == [JANE]  # type: ignore[index]  # as above


def test_okta_replaces_a_group_whole(app: Flask, provider: Provider) -> None:
    first, second = ids(app, VIEWER, EMAIL)
    made = provider.made("Groups", group("Buyers", first, externalId="x"))

    response = provider.ask("PUT", f"/Groups/{made['id']}", {**group("The buyers", second), "id": made["id"]})

    assert response.status_code == 200, response.text
    assert response.json is not None
    assert response.json["displayName"] == "The buyers"
    assert [one["value"] for one in response.json["members"]] == [second]
    assert "externalId" not in response.json


def test_a_group_is_renamed_but_not_to_another_groups_name(app: Flask, provider: Provider) -> None:
    made = provider.made("Groups", group("Buyers"))
    hand_made_group(app, "Bosses", role="admin")

    response = provider.patched(f"/Groups/{made['id']}", {"op": "Replace", "value": {
        "id": made["id"], "displayName": "New"}})
    assert response.status_code == 204, response.text
    assert provider.told(f"/Groups/{made['id']}")["displayName"] == "New"
    refused(provider.patched(f"/Groups/{made['id']}", {"op": "replace", "path": "displayName", "value": "bosses"}), 409,
            "uniqueness")


def test_a_removed_group_without_role_or_rules_is_gone(app: Flask, provider: Provider) -> None:
    made = provider.made("Groups", group("Buyers", *ids(app, VIEWER)))

    assert provider.ask("DELETE", f"/Groups/{made['id']}").status_code == 204

    refused(provider.ask("GET", f"/Groups/{made['id']}"), 404)
    refused(provider.ask("DELETE", f"/Groups/{made['id']}"), 404)
    assert user_of(app, VIEWER).groups == []
    assert newest(app, "group").act == "removed"
    assert provider.made("Groups", group("Buyers"))["id"] != made["id"]


@pytest.mark.parametrize("what", [{"role": "planner"}, {"rules": [("region", "north")]}])
def test_a_removed_group_keeps_its_role_and_rules_for_the_next_of_its_name(
        app: Flask, provider: Provider, what: dict[str, Any]) -> None:
    number = hand_made_group(app, "Northerners", [EMAIL], **what)
    [found] = provider.found('displayName eq "Northerners"', "Groups")

    assert provider.ask("DELETE", f"/Groups/{found['id']}").status_code == 204

    for response in (provider.ask("GET", f"/Groups/{found['id']}"),
                     provider.ask("PUT", f"/Groups/{found['id']}", group("X")),
                     provider.patched(f"/Groups/{found['id']}", {"op": "remove", "path": "members"})):
        refused(response, 404)
    assert provider.found('displayName eq "Northerners"', "Groups") == []
    assert group_of(app, "Northerners")[1] == []
    again = provider.made("Groups", group("Northerners", *ids(app, VIEWER)))
    assert again["id"] == f"group-{number}"
    kept, there = group_of(app, "Northerners")
    assert (kept.role, [(rule.field, rule.value) for rule in kept.rules], there) == (
        what.get("role"), what.get("rules", []), [VIEWER])


@pytest.mark.parametrize(("wrong", "words"), [
    ([{"value": "user-99999"}], "user-99999"), ([{"value": "1"}], "'1'"), ([{"value": "group-1"}], "group-1"),
    ([{"value": None}], "id of a user"), ([{"display": "Jane"}], "id of a user"),
    ([{"value": "user-1", "type": "Group"}], "groups in groups"), ([{"value": {"a": 1}}], ""), (["user-1"], ""),
    ("user-1", ""), ([None], ""), ([[]], ""),
])
def test_members_who_are_no_users_are_refused_whole(
        app: Flask, provider: Provider, wrong: Any, words: str) -> None:
    made = provider.made("Groups", group("Buyers", *ids(app, VIEWER)))
    before = newest(app, "group").id
    for response in (
            provider.patched(f"/Groups/{made['id']}", {"op": "replace", "path": "displayName", "value": "Changed"},
                             {"op": "add", "path": "members", "value": wrong}),
            provider.ask("PUT", f"/Groups/{made['id']}", {**group("Changed"), "members": wrong}),
            provider.ask("POST", "/Groups", {**group("Another"), "members": wrong})):
        assert words in refused(response, 400, "invalidValue")
    assert newest(app, "group").id == before
    assert provider.told(f"/Groups/{made['id']}") == made


@pytest.mark.parametrize(("operation", "scim_type"), [
    ({"op": "add", "path": 'members[value eq "user-1"]', "value": [{"value": "user-2"}]}, "invalidPath"),
    ({"op": "remove", "path": 'members[display sw "a"]'}, "invalidPath"),
    ({"op": "remove", "path": 'members[value eq "user-1"].display'}, "invalidPath"),
    ({"op": "replace", "path": "members.value", "value": "user-1"}, "invalidPath"),
    ({"op": "add", "path": "members", "value": None}, "invalidValue"),
    ({"op": "replace", "path": "displayName", "value": None}, "mutability"),
    ({"op": "replace", "path": "displayName", "value": ""}, "invalidValue"),
    ({"op": "replace", "path": "displayName", "value": "x" * 121}, "invalidValue"),
    ({"op": "replace", "path": "externalId", "value": "x" * 256}, "invalidValue"),
    ({"op": "replace", "value": {"id": "group-99"}}, "mutability"),
])
def test_patches_of_groups_that_cannot_be_carried_out(
        app: Flask, provider: Provider, operation: dict[str, Any], scim_type: str) -> None:
    made = provider.made("Groups", group("Buyers", *ids(app, VIEWER)))

    refused(provider.patched(f"/Groups/{made['id']}", {"op": "remove", "path": "members"}, operation), 400, scim_type)

    assert provider.told(f"/Groups/{made['id']}") == made


def test_ten_thousand_members_at_once_and_no_more(app: Flask, provider: Provider) -> None:
    with app.app_context(), writing():
        db.session.execute(insert(User), [{"email": f"p{number:05}@example.com", "fs_uniquifier": f"{number}"}
                                          for number in range(MOST_MEMBERS)])
        numbers = db.session.scalars(select(User.id).where(User.email.startswith("p0"))).all()
    all_of_them = [f"user-{number}" for number in numbers]
    made = provider.made("Groups", group("Everybody", *all_of_them))
    assert len(made["members"]) == MOST_MEMBERS
    entry = newest(app, "group")
    assert entry.after is not None
    assert len(str(entry.after)) < 3000  # the log names some of them

    gone = [{"op": "Remove", "path": f'members[value eq "{one}"]'} for one in all_of_them[:MOST_OPERATIONS]]
    assert provider.patched(f"/Groups/{made['id']}", *gone).status_code == 204

    assert len(provider.told(f"/Groups/{made['id']}")["members"]) == MOST_MEMBERS - MOST_OPERATIONS
    assert "members" not in provider.told(f"/Groups/{made['id']}", excludedAttributes="members")
    one_more = [*all_of_them, *ids(app, VIEWER)]
    refused(provider.ask("PUT", f"/Groups/{made['id']}", group("Everybody", *one_more)), 413)
    refused(provider.patched(f"/Groups/{made['id']}", *gone, gone[0]), 413)
    assert len(provider.told(f"/Groups/{made['id']}")["members"]) == MOST_MEMBERS - MOST_OPERATIONS


def test_a_page_of_groups_ends_before_it_has_too_many_members(
        app: Flask, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    everybody = ids(app, VIEWER, EMAIL, ADMIN)
    for number in range(4):
        provider.made("Groups", group(f"Group {number}", *everybody))
    monkeypatch.setattr(scim_groups, "MOST_MEMBERS_OF_PAGE", 7)

    first = provider.told("/Groups")
    assert (first["totalResults"], first["itemsPerPage"]) == (4, 2)
    assert provider.told("/Groups", startIndex=3)["itemsPerPage"] == 2
    assert provider.told("/Groups", excludedAttributes="members")["itemsPerPage"] == 4
    assert provider.told("/Groups", attributes="displayName")["itemsPerPage"] == 4


def test_who_is_in_which_group(app: Flask, provider: Provider) -> None:
    first, second = ids(app, VIEWER, EMAIL)
    made = provider.made("Groups", group("Buyers", first))
    other = provider.made("Groups", group("Sellers", first, second))

    assert [one["id"] for one in provider.found(f'members[value eq "{first}"]', "Groups")] == [made["id"], other["id"]]
    assert [one["id"] for one in provider.found(f'members.value eq "{second}"', "Groups")] == [other["id"]]
    [one] = provider.found(f'id eq "{made["id"]}" and members eq "{first}"', "Groups")
    assert one["id"] == made["id"]
    assert provider.found(f'id eq "{made["id"]}" and members eq "{second}"', "Groups") == []
    assert provider.found('members eq "group-1"', "Groups") == []


def test_changes_at_the_same_moment_are_all_there(app: Flask, provider: Provider) -> None:
    everybody = [provider.made("Users", entra_user(f"p{number}@example.com"))["id"] for number in range(8)]
    made = provider.made("Groups", group("Buyers", *everybody[:4]))
    answers: list[int] = []

    def change(member: str, op: str) -> None:
        answers.append(provider.patched(f"/Groups/{made['id']}", {"op": op, "path": "members", "value": [
            {"value": member}]}).status_code)

    threads = [Thread(target=change, args=(one, "remove" if number < 4 else "add"))
               for number, one in enumerate(everybody)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == [204] * 8
    assert members(provider, f"/Groups/{made['id']}") == set(everybody[4:])
