"""Groups of users as they are made, changed and removed: each change and its audit entry in one transaction.

The tables of groups are written here only. What a member may do and sees follows at once, also where they are signed
in: both are read anew for each request.
"""

from collections.abc import Collection, Iterable
from typing import Any, Literal, TypedDict, TypeVar

from sqlalchemy import Select, delete, func, insert, select

from webapp.access import Actor
from webapp.audit.record import record
from webapp.db.chunked import chunked
from webapp.db.database import db, now, writing
from webapp.db.locks import lock_in_order, locked, once_more
from webapp.language.translations import gettext as _
from webapp.tables import GroupRule, RoleName, User, UserGroup, group_members

LONGEST_NAME = 120
MOST_RULES = 200
"""Values of one group; each is looked for in every query of its members."""
MOST_NAMED = 50
"""Members that an entry of the audit log names."""
T = TypeVar("T")
Rule = tuple[str, str]
"""``region``, ``item`` or the name of an attribute, and a value that members see."""


class GroupChangeError(ValueError):
    """Something that cannot be done to a group; the words are for whoever tried."""


class NoSuchGroupError(GroupChangeError):
    """There is no group of that number."""


class NameTakenError(GroupChangeError):
    """There is a group of that name."""


class Change(TypedDict, total=False):
    """What is to be different; all else stays."""

    name: str
    external_id: str | None
    role: RoleName | None
    members: Collection[int]
    """Ids of users: all that it is to have. Those of nobody are left out."""
    add: Collection[int]
    """Ids of users that it is to have besides."""
    remove: Collection[int]
    """Ids of users that it is not to have."""
    provisioned: Literal["kept", "removed"] | None
    """As in the table."""
    rules: Collection[Rule]
    """All that it is to have."""
    add_rules: Collection[Rule]
    """What it is to have besides."""
    remove_rules: Collection[Rule]
    """What it is not to have."""


def facts(group: UserGroup) -> dict[str, Any]:
    """What is recorded of a group before and after a change; of its members how many there are."""
    count = db.session.scalar(select(func.count()).select_from(group_members).where(
        group_members.c.group_id == group.id)) or 0
    found: dict[str, Any] = {"name": group.name, "role": group.role,
                             "sees": [f"{rule.field}: {rule.value}" for rule in group.rules], "members": count}
    return (found | ({"external id": group.external_id} if group.external_id else {})
            | ({"kept by": "the identity provider"} if group.provisioned == "kept" else {}))


def members_of(group_id: int) -> list[User]:
    """The members of a group, by e-mail address."""
    return list(db.session.scalars(select(User).join(group_members, group_members.c.user_id == User.id).where(
        group_members.c.group_id == group_id).order_by(User.email)))


@once_more
def add_group(name: str, by: Actor | None = None, **change: Any) -> UserGroup:
    """A new group, without members and rules unless given.

    Args:
        change: as ``Change``, but for the name.
    Raises: NameTakenError. GroupChangeError: as ``change_group``.
    """
    with writing():
        group = UserGroup(name=_free_name(name, None))
        db.session.add(group)
        db.session.flush()
        moved = _apply(group, Change(**change))  # type: ignore[typeddict-item]  # the caller's names are checked there
        record("created", "group", group.name, after=facts(group) | moved, by=by)
    return group


@once_more
def change_group(group_id: int, change: Change, by: Actor | None = None) -> UserGroup:
    """The group as it is now: with what was to be different, all of it or nothing. Recorded where anything is.

    Raises: NoSuchGroupError. NameTakenError. GroupChangeError: the name is empty or too long, or there are too many
        rules.
    """
    with writing():
        group = _held(group_id, _touched(change))
        _change(group, change, by)
    return group


def change_members(group_id: int, add: Collection[int] = (), remove: Collection[int] = (),
                   by: Actor | None = None) -> UserGroup:
    """The group with some members more and some less; whoever is one already stays so, ids of nobody are left out.

    Raises: NoSuchGroupError.
    """
    return change_group(group_id, Change(add=add, remove=remove), by)


@once_more
def provision(name: str, external_id: str | None, members: Collection[int], by: Actor) -> UserGroup:
    """The group of that name as one that the identity provider keeps from now on: a new one, or the one that was kept
    by hand until now or that the provider removed, with its role, its rules and its members, who become more.

    Raises: NameTakenError: the provider keeps it already. GroupChangeError: as ``change_group``.
    """
    change = Change(external_id=external_id, add=members, provisioned="kept")
    with writing():
        known = db.session.scalar(_of_name(name))
        if known is None:
            group = UserGroup(name=_free_name(name, None))
            db.session.add(group)
            db.session.flush()
            moved = _apply(group, change)
            record("created", "group", group.name, after=facts(group) | moved, by=by)
            return group
        group = _held(known, members)
        if group.provisioned == "kept":
            raise NameTakenError(_("There is already a group %(name)s.", name=group.name))
        _change(group, change, by)
    return group


def release(group_id: int, by: Actor) -> None:
    """Remove a group that the identity provider removed. Where it has a role or rules, only its members go and it is
    kept, so that these hold again for a group of that name: nobody is to see more because a group was made anew.

    Raises: NoSuchGroupError.
    """
    with writing():
        group = _held(group_id, ())
        if group.role is None and not group.rules:
            _remove(group, by)
        else:
            _change(group, Change(external_id=None, members=(), provisioned="removed"), by)


def leave_all(user: User, by: Actor) -> None:
    """Take a user out of every group; each recorded. Inside ``writing`` only, the user's row locked before."""
    numbers = db.session.scalars(select(group_members.c.group_id).where(group_members.c.user_id == user.id).order_by(
        group_members.c.group_id)).all()
    for number in numbers:
        _change(_held(number, ()), Change(remove=(user.id,)), by)


def remove_group(group_id: int, by: Actor | None = None) -> None:
    """Remove a group: its role is its members' no longer, and whoever is in no other group sees what
    ``WEB_WITHOUT_GROUP`` says.

    Raises: NoSuchGroupError.
    """
    with writing():
        _remove(_held(group_id, ()), by)


def _remove(group: UserGroup, by: Actor | None) -> None:
    before = facts(group) | _named("members were", _member_ids(group.id))
    db.session.delete(group)
    record("removed", "group", group.name, before=before, by=by)


def _touched(change: Change) -> set[int]:
    return {*change.get("members", ()), *change.get("add", ()), *change.get("remove", ())}


def _held(group_id: int, users: Collection[int]) -> UserGroup:
    """The group, locked; before it the users, so that none of them is removed meanwhile."""
    for part in chunked(sorted(set(users))):
        lock_in_order(User.id, User.id.in_(part))
    group = locked(UserGroup, group_id)
    if group is None:
        raise NoSuchGroupError(_("There is no group %(group_id)s.", group_id=group_id))
    return group


def _change(group: UserGroup, change: Change, by: Actor | None) -> None:
    """Make the change, and record it where there is any."""
    before = facts(group)
    if "name" in change:
        group.name = _free_name(change["name"], group.id)
    moved = _apply(group, change)
    after = facts(group)
    if after != before or moved:
        group.changed_at = now()
        record("changed", "group", group.name, before=before, after=after | moved, by=by)


def _free_name(name: str, group_id: int | None) -> str:
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME:
        raise GroupChangeError(_("Give the group a name of at most %(longest)s characters.", longest=LONGEST_NAME))
    other = db.session.scalar(_of_name(name))
    if other is not None and other != group_id:
        raise NameTakenError(_("There is already a group %(name)s.", name=name))
    return name


def _of_name(name: str) -> Select[int]:
    return select(UserGroup.id).where(func.lower(UserGroup.name) == " ".join(name.split()).lower())


def _apply(group: UserGroup, change: Change) -> dict[str, Any]:
    """Make all of the change but the name; who came and who went, for the audit log."""
    if "external_id" in change:
        group.external_id = change["external_id"]
    if "role" in change:
        group.role = change["role"]
    if "provisioned" in change:
        group.provisioned = change["provisioned"]
    if {"rules", "add_rules", "remove_rules"} & change.keys():
        there = {(rule.field, rule.value): rule for rule in group.rules}
        wanted = _wanted(change.get("rules", there), change.get("add_rules", ()), change.get("remove_rules", ()))
        if len(wanted) > MOST_RULES:
            raise GroupChangeError(_("A group can have at most %(most)s values. Use attributes that cover more, or a "
                                     "second group.", most=MOST_RULES))
        group.rules = [there.get(one) or GroupRule(group_id=group.id, field=one[0], value=one[1])
                       for one in sorted(wanted)]
    db.session.flush()
    if not {"members", "add", "remove"} & change.keys():
        return {}
    first = change["members"] if "members" in change else _member_ids(group.id)
    return _set_members(group.id, _wanted(first, change.get("add", ()), change.get("remove", ())))


def _wanted(first: Iterable[T], add: Iterable[T], remove: Iterable[T]) -> set[T]:
    return (set(first) | set(add)) - set(remove)


def _member_ids(group_id: int) -> set[int]:
    return set(db.session.scalars(select(group_members.c.user_id).where(group_members.c.group_id == group_id)))


def _set_members(group_id: int, wanted: set[int]) -> dict[str, Any]:
    there = _member_ids(group_id)
    known = {each for part in chunked(sorted(wanted - there))
             for each in db.session.scalars(select(User.id).where(User.id.in_(part)))}
    for part in chunked(sorted(there - wanted)):
        db.session.execute(delete(group_members).where(group_members.c.group_id == group_id,
                                                       group_members.c.user_id.in_(part)))
    for part in chunked(sorted(known)):
        db.session.execute(insert(group_members), [{"group_id": group_id, "user_id": each} for each in part])
    return _named("came", known) | _named("went", there - wanted)


def _named(what: str, users: Collection[int]) -> dict[str, Any]:
    """Some of the users by address, and how many more there are; nothing of none."""
    if not users:
        return {}
    names = list(db.session.scalars(select(User.email).where(User.id.in_(sorted(users)[:MOST_NAMED])).order_by(
        User.email)))
    return {what: names + ([f"and {len(users) - MOST_NAMED} more"] if len(users) > MOST_NAMED else [])}
