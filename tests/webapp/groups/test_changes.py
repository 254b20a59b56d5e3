"""Groups are made, changed and removed, and what they give holds at once."""

import pytest
from flask import Flask
from sqlalchemy import select

from tests.webapp.conftest import ADMIN, EMAIL, VIEWER
from webapp.access import own_role_of, role_of
from webapp.accounts.users import UserChangeError, change_role, set_active
from webapp.db.database import db
from webapp.groups.changes import (
    MOST_RULES,
    GroupChangeError,
    NameTakenError,
    NoSuchGroupError,
    add_group,
    change_group,
    change_members,
    members_of,
    remove_group,
)
from webapp.tables import AuditEntry, User, UserGroup


def user(email: str) -> User:
    return db.session.scalars(select(User).where(User.email == email)).one()


def test_a_group_is_made_changed_and_removed_and_each_is_recorded(app: Flask) -> None:
    with app.app_context():
        group = add_group("  North ", external_id="okta-1", rules=[("region", "north")], members=[user(EMAIL).id, 999])
        assert (group.name, group.external_id, group.role) == ("North", "okta-1", None)
        assert [member.email for member in members_of(group.id)] == [EMAIL]
        change_group(group.id, {"name": "The north", "rules": [("region", "north"), ("item", "kettle")]})
        change_group(group.id, {"name": "The north"})
        change_members(group.id, add=[user(VIEWER).id], remove=[user(EMAIL).id])
        number = group.id
        remove_group(number)

        told = list(db.session.scalars(select(AuditEntry).where(AuditEntry.kind == "group").order_by(AuditEntry.id)))
        assert [entry.act for entry in told] == ["created", "changed", "changed", "removed"]
        assert told[1].after == {"name": "The north", "role": None, "sees": ["item: kettle", "region: north"],
                                 "members": 1, "external id": "okta-1"}
        assert told[2].after is not None
        assert (told[2].after["came"], told[2].after["went"]) == ([VIEWER], [EMAIL])
        assert told[3].before is not None
        assert told[3].before["members were"] == [VIEWER]
        with pytest.raises(NoSuchGroupError):
            remove_group(number)
        assert add_group("Another").id > number


def test_what_no_group_may_be(app: Flask) -> None:
    with app.app_context():
        first, second = add_group("North").id, add_group("South").id
        with pytest.raises(NameTakenError):
            add_group("NORTH")
        with pytest.raises(NameTakenError):
            change_group(second, {"name": "north", "role": "admin"})
        with pytest.raises(GroupChangeError):
            add_group(" ")
        with pytest.raises(GroupChangeError):
            change_group(first, {"rules": [("item", str(number)) for number in range(MOST_RULES + 1)]})

        assert db.session.get_one(UserGroup, second).role is None
        assert change_group(first, {"name": "north"}).name == "north"


def test_the_role_is_the_highest_of_ones_own_and_of_the_groups(app: Flask) -> None:
    with app.app_context():
        group = add_group("Bosses", role="admin", members=[user(VIEWER).id])
        assert (role_of(user(VIEWER)), own_role_of(user(VIEWER))) == ("admin", "viewer")
        change_group(group.id, {"role": "viewer", "members": [user(EMAIL).id]})

        assert (role_of(user(VIEWER)), role_of(user(EMAIL))) == ("viewer", "planner")


def test_who_is_administrator_by_a_group_does_not_stand_for_the_last_one(app: Flask) -> None:
    with app.app_context():
        add_group("Bosses", role="admin", members=[user(EMAIL).id])
        with pytest.raises(UserChangeError, match="last administrator"):
            change_role(user(ADMIN).id, "viewer")

        set_active(user(EMAIL).id, False)
        change_role(user(EMAIL).id, "viewer")

        assert (role_of(user(EMAIL)), own_role_of(user(EMAIL))) == ("admin", "viewer")
