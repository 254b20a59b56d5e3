"""Groups as the identity provider sees them: a group of the app of the same name is the provider's, with the role and
the rules that it has here."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

from scim2_models import (
    InvalidValueException,
    Meta,
    NotFoundException,
    PatchOperation,
    UniquenessException,
)
from sqlalchemy import ColumnElement, false, func, or_, select

from webapp.access import actor
from webapp.db.chunked import chunked
from webapp.db.database import db
from webapp.groups import changes
from webapp.groups.changes import Change, GroupChangeError, NameTakenError, NoSuchGroupError
from webapp.scim.addresses import address_of
from webapp.scim.ids import id_of, number_of
from webapp.scim.patches import MemberChange, apart, apply, member_ids
from webapp.scim.resources import Group, Member
from webapp.scim.users import shown
from webapp.tables import User, UserGroup, group_members

LONGEST_EXTERNAL_ID = 255
MOST_MEMBERS_OF_PAGE = 20_000
"""A page of groups with their members ends before there are more, and has one group at least."""
TOLD = 3
"""Ids that are wrong, of those that an error names."""


def find(group_id: str, with_members: bool = True) -> Group:
    """One group.

    Raises: NotFoundException.
    """
    group = db.session.get(UserGroup, _number(group_id), populate_existing=True)
    if group is None or group.provisioned == "removed":
        raise _unknown(group_id)
    return _resource(group, _members_of([group.id]).get(group.id, []) if with_members else None)


def page(which: Sequence[ColumnElement[bool]], start: int, count: int,
         with_members: bool) -> tuple[int, list[Group]]:
    """How many groups there are of which something holds (``CONDITIONS``), and a part of them, by their ids; fewer
    than are asked for where they have very many members.

    Args:
        start: number of the first, from 1.
    """
    query = select(UserGroup).where(or_(UserGroup.provisioned.is_(None), UserGroup.provisioned != "removed"), *which)
    total = db.session.scalar(select(func.count()).select_from(query.with_only_columns(UserGroup.id).subquery())) or 0
    found = db.session.scalars(query.order_by(UserGroup.id).offset(start - 1).limit(count)).all()
    if not with_members:
        return total, [_resource(group, None) for group in found]
    sizes: dict[int, int] = dict(db.session.execute(
        select(group_members.c.group_id, func.count()).where(group_members.c.group_id.in_([one.id for one in found]))
        .group_by(group_members.c.group_id)).all())
    fitting: list[UserGroup] = []
    members = 0
    for group in found:
        members += sizes.get(group.id, 0)
        if fitting and members > MOST_MEMBERS_OF_PAGE:
            break
        fitting.append(group)
    there = _members_of([group.id for group in fitting])
    return total, [_resource(group, there.get(group.id, [])) for group in fitting]


def create(wanted: Group) -> str:
    """The id of a group: a new one, which gives no role, or the one of that name that is kept by hand until now, whose
    members stay and become more.

    Raises: UniquenessException: the provider has a group of that name already. InvalidValueException,
        PayloadTooLargeException.
    """
    members = _known(member_ids(_dumped(wanted)))
    external_id = _external_id(wanted)
    name = wanted.display_name or ""
    try:
        return id_of("group", changes.provision(name, external_id, members, actor()).id)
    except NameTakenError as error:
        raise UniquenessException(detail=f"{error} Find it by its displayName, and change that one.") from error
    except GroupChangeError as error:
        raise InvalidValueException(detail=str(error)) from error


def replace(group_id: str, wanted: Group) -> None:
    """Make of a group what is wanted, with these members and no others.

    Raises: NotFoundException, UniquenessException, InvalidValueException, PayloadTooLargeException.
    """
    _change(group_id, Change(name=wanted.display_name or "", external_id=_external_id(wanted),
                             members=_known(member_ids(_dumped(wanted)))))


def patch(group_id: str, operations: Sequence[PatchOperation[Any]]) -> None:
    """Change some of a group; of its members some or all.

    Raises: NotFoundException, UniquenessException, InvalidValueException, PayloadTooLargeException, another
        SCIMException: an operation cannot be carried out.
    """
    others, members = apart(operations)
    is_now = find(group_id, with_members=False)
    wanted = apply(is_now.model_copy(deep=True), others)
    change = Change()
    if wanted.display_name != is_now.display_name:
        change["name"] = wanted.display_name or ""
    if wanted.external_id != is_now.external_id:
        change["external_id"] = _external_id(wanted)
    if members is not None:
        _say(change, members)
    _change(group_id, change)


def remove(group_id: str) -> None:
    """Take a group away: one that has a role or rules here stays, without members, and is found again by its name.

    Raises: NotFoundException.
    """
    find(group_id, with_members=False)
    _carried_out(group_id, lambda number: changes.release(number, actor()))


def _say(change: Change, members: MemberChange) -> None:
    if members.replaced is not None:
        change["members"] = _known(members.replaced)
    change["add"] = _known(members.added)
    change["remove"] = {number for one in members.removed if (number := number_of("user", one)) is not None}


def _change(group_id: str, change: Change) -> None:
    find(group_id, with_members=False)
    _carried_out(group_id, lambda number: changes.change_group(number, {**change, "provisioned": "kept"}, actor()))


def _carried_out(group_id: str, work: Callable[[int], Any]) -> None:
    try:
        work(_number(group_id))
    except NoSuchGroupError as error:
        raise _unknown(group_id) from error
    except NameTakenError as error:
        raise UniquenessException(detail=str(error)) from error
    except GroupChangeError as error:
        raise InvalidValueException(detail=str(error)) from error


def _known(ids: Collection[str]) -> set[int]:
    """The numbers of users.

    Raises: InvalidValueException: one of them is of no user.
    """
    numbers = {one: number_of("user", one) for one in ids}
    there: set[int] = set()
    for part in chunked(sorted(number for number in numbers.values() if number is not None)):
        there.update(db.session.scalars(select(User.id).where(*shown(), User.id.in_(part))))
    if wrong := sorted(one for one, number in numbers.items() if number not in there):
        more = f" and {len(wrong) - TOLD} more" if len(wrong) > TOLD else ""
        names = ", ".join(repr(one[:40]) for one in wrong[:TOLD])
        raise InvalidValueException(detail=f"There is no user {names}{more}")
    return there


def _dumped(wanted: Group) -> list[dict[str, Any]]:
    return [{"value": member.value, "type": member.type} for member in wanted.members or []]


def _external_id(wanted: Group) -> str | None:
    found = (wanted.external_id or "").strip()
    if len(found) > LONGEST_EXTERNAL_ID or not found.isprintable():
        raise InvalidValueException(detail=f"externalId has at most {LONGEST_EXTERNAL_ID} characters, none of control")
    return found or None


def _members_of(groups: Sequence[int]) -> dict[int, list[Member]]:
    query = select(group_members.c.group_id, group_members.c.user_id)
    found: dict[int, list[Member]] = {}
    users = address_of("Users")
    for group, number in db.session.execute(
            query.where(group_members.c.group_id.in_(groups)).order_by(group_members.c.user_id)):
        one = id_of("user", number)
        found.setdefault(group, []).append(Member.model_construct(value=one, ref=f"{users}/{one}", type="User"))
    return found


def _resource(group: UserGroup, members: list[Member] | None) -> Group:
    """A group as the provider sees it.

    Args:
        members: None where nobody asks for them.
    """
    own = id_of("group", group.id)
    return Group(id=own, external_id=group.external_id, display_name=group.name, members=members or None,
                 meta=Meta(resource_type="Group", created=group.made_at, last_modified=group.changed_at,
                           location=f"{address_of('Groups')}/{own}"))


def _number(group_id: str) -> int:
    return number_of("group", group_id) or 0


def _unknown(group_id: str) -> NotFoundException:
    return NotFoundException(detail=f"There is no group {group_id[:40]!r}.")


def _with_id(text: str) -> ColumnElement[bool]:
    number = number_of("group", text)
    return false() if number is None else UserGroup.id == number


def _with_member(text: str) -> ColumnElement[bool]:
    number = number_of("user", text)
    return UserGroup.id.in_(select(group_members.c.group_id).where(group_members.c.user_id == (number or 0)))


def _named(text: str) -> ColumnElement[bool]:
    name = " ".join(text.split())
    return or_(UserGroup.name == name, func.lower(UserGroup.name) == name.lower())


CONDITIONS = {"displayname": _named, "id": _with_id, "members": _with_member,
              "externalid": lambda text: UserGroup.external_id == text}
