"""What an identity provider changes, for the tests that kill a process in the middle of it."""

from datetime import timedelta

from sqlalchemy import select

from tests.webapp.account_changes import BOSS, found
from tests.webapp.conftest import PASSWORD
from webapp.accounts.tokens import make_token as make_api_token
from webapp.accounts.views import create_user
from webapp.db.database import db, now
from webapp.groups.changes import add_group
from webapp.scim import groups, patches, users
from webapp.scim.ids import id_of
from webapp.scim.resources import Group, Member, User
from webapp.scim.tokens import make_token
from webapp.tables import UserGroup

JANE, GROUP = "jane@example.com", "Buyers"


def token() -> None:
    make_token("Entra", now() + timedelta(days=30))


def make() -> None:
    users.create(User(user_name=JANE, external_id="e-1"))


def jane() -> str:
    return id_of("user", found(JANE).id)


def somebody() -> None:
    create_user(BOSS, PASSWORD, "admin")
    make()
    make_api_token(found(JANE), "nightly", "viewer", now() + timedelta(days=1))


def deactivate() -> None:
    users.change(jane(), lambda is_now: is_now.model_copy(update={"active": False, "display_name": "Jane"}))


def remove() -> None:
    users.remove(jane())


def make_group() -> None:
    groups.create(Group(display_name=GROUP, external_id="g-1", members=[Member(value=jane())]))


def somebody_in_a_group() -> None:
    somebody()
    make_group()


def group_by_hand() -> None:
    somebody()
    add_group(GROUP, role="planner", members=[found(BOSS).id])


def kept_group_with_a_role() -> None:
    group_by_hand()
    make_group()


def group_id() -> str:
    return id_of("group", db.session.scalars(select(UserGroup.id)).one())


def patch_group() -> None:
    groups.patch(group_id(), patches.parse(Group, {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [
            {"op": "replace", "value": {"displayName": "Sellers", "externalId": "g-2"}},
            {"op": "remove", "path": f'members[value eq "{jane()}"]'}]}))


def remove_group() -> None:
    groups.remove(group_id())
