"""Groups of users, for administrators."""

from datetime import datetime

from pydantic import Field
from sqlalchemy import select

from webapp.access import sees_of_group
from webapp.api.conventions.operations import answers, needs, resource
from webapp.api.conventions.paging import page_of
from webapp.api.conventions.shapes import PageQuery, ResponsePart
from webapp.groups.changes import members_of
from webapp.personal.seen_region_items import count_seen
from webapp.tables import RoleName, UserGroup

bp = resource("groups", "Groups of users: the role that they give, and which region-items their members see.")


class UserGroupResponse(ResponsePart):
    """A group."""

    id: int
    name: str
    external_id: str | None = Field(description="By which another system knows it")
    role: RoleName | None = Field(description="That members have at least; null: it gives none")
    members: list[str] = Field(description="By e-mail address")
    sees: dict[str, list[str]] = Field(description="Field -> the values that members see: one of the values of each "
                                                   "field; empty: everything")
    region_items: int = Field(description="How many these are now")
    made_at: datetime
    changed_at: datetime


class UserGroupPage(ResponsePart):
    """Groups, oldest first."""

    groups: list[UserGroupResponse]
    next: str | None


@bp.get("/groups", responses=answers(UserGroupPage))
@needs("admin")
def list_groups(query: PageQuery) -> UserGroupPage:
    """Groups of users, oldest first; they are made and changed on the administrators' pages."""
    rows, following = page_of(select(UserGroup), UserGroup.id.expression, int, query.limit, query.cursor)
    return UserGroupPage(groups=[_told(one) for one in rows], next=following)


def _told(group: UserGroup) -> UserGroupResponse:
    of = sees_of_group(group)
    return UserGroupResponse.model_validate({
        "id": group.id, "name": group.name, "external_id": group.external_id, "role": group.role,
        "members": [user.email for user in members_of(group.id)],
        "sees": {field: list(values) for field, values in of[0].items()} if of else {},
        "region_items": count_seen(of), "made_at": group.made_at, "changed_at": group.changed_at})
