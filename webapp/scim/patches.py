"""What a PATCH asks for, in the shapes that providers send: of a resource's attributes, and of a group's members.

Members are not patched one after the other: of 10,000, each that is removed would be looked for among all.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, cast

from scim2_models import (
    Context,
    InvalidPathException,
    InvalidSyntaxException,
    InvalidValueException,
    PatchOp,
    PatchOperation,
    PayloadTooLargeException,
)
from scim2_models.path import CompareOperator, Comparison, FilterNode, LogicalExpr, LogicalOperator

from webapp.scim.resources import POLICY, Group, User

MOST_OPERATIONS = 1000
MOST_MEMBERS = 10_000
"""Of one request."""
Kept = TypeVar("Kept", User, Group)


@dataclass
class MemberChange:
    """What becomes of the members of a group: all of them, where they are replaced, then some more and some less. Ids
    as the provider sends them."""

    replaced: set[str] | None = None
    """None where those there are stay."""
    added: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)

    def add(self, ids: set[str]) -> None:
        """After what is asked already, add some."""
        self.added |= ids
        self.removed -= ids

    def remove(self, ids: set[str]) -> None:
        """After what is asked already, take some away."""
        self.removed |= ids
        self.added -= ids

    def replace(self, ids: set[str]) -> None:
        """After what is asked already, have these and no others."""
        self.replaced, self.added, self.removed = ids, set(), set()


def parse(kind: type[Kept], body: dict[str, Any]) -> Sequence[PatchOperation[Any]]:
    """The operations of a PATCH.

    Raises: pydantic.ValidationError: it is none. PayloadTooLargeException: there are too many.
    """
    names = {name.lower(): name for name in body}
    given = body.get(names.get("operations", "Operations"))
    if isinstance(given, list):
        if len(given) > MOST_OPERATIONS:
            raise PayloadTooLargeException(
                detail=f"{len(given):,} operations in one request; at most {MOST_OPERATIONS:,} are carried out")
        body = {**body, names.get("operations", "Operations"): [part for one in given for part in _with_paths(one)]}
    made: Any = PatchOp
    patch = made[kind].model_validate(body, scim_ctx=Context.RESOURCE_PATCH_REQUEST, scim_policy=POLICY)
    return cast(Sequence[PatchOperation[Any]], patch.operations or [])


def apply(resource: Kept, operations: Sequence[PatchOperation[Any]]) -> Kept:
    """The resource itself, with the operations carried out on it.

    Raises: SCIMException: one of them cannot be; the resource is as it was.
    """
    if operations:
        made: Any = PatchOp
        with POLICY:
            made[type(resource)](operations=list(operations)).patch(resource)
    return resource


def apart(operations: Sequence[PatchOperation[Any]]) -> tuple[list[PatchOperation[Any]], MemberChange | None]:
    """Of a PATCH of a group, what concerns other things than its members, and what becomes of these; None where they
    are not spoken of.

    Raises: SCIMException: what is said of members cannot be done.
    """
    others: list[PatchOperation[Any]] = []
    change = MemberChange()
    spoken = False
    for one in operations:
        if one.path is not None and one.path.parts[:1] and one.path.parts[0].lower() == "members":
            spoken = True
            _of_members(change, one)
        elif one.path is None and isinstance(one.value, dict):
            rest = {name: value for name, value in one.value.items() if name.lower() != "members"}
            for name in one.value.keys() - rest.keys():
                spoken = True
                _write(change, one.op.value, one.value[name])
            if rest:
                others.append(one.model_copy(update={"value": rest}))
        else:
            others.append(one)
    return others, change if spoken else None


def member_ids(value: Any) -> set[str]:
    """The ids of members as they are sent: objects with ``value``, alone or in a list.

    Raises: InvalidValueException: something else is there, or a group in the group. PayloadTooLargeException.
    """
    entries = value if isinstance(value, list) else [value]
    if len(entries) > MOST_MEMBERS:
        raise PayloadTooLargeException(
            detail=f"{len(entries):,} members in one request; at most {MOST_MEMBERS:,} are taken")
    return set(map(_member_id, entries))


def _member_id(entry: Any) -> str:
    if not isinstance(entry, dict):
        raise InvalidValueException(detail="a member is an object with a value, the id of a user")
    fields = {name.lower(): value for name, value in entry.items()}
    if str(fields.get("type") or "User").lower() != "user":
        raise InvalidValueException(detail="members are users; groups in groups are not kept here")
    found = fields.get("value")
    if not isinstance(found, str) or not found:
        raise InvalidValueException(detail="a member is an object with a value, the id of a user")
    return found


def _of_members(change: MemberChange, one: PatchOperation[Any]) -> None:
    path = one.path
    assert path is not None
    if len(path.parts) > 1:
        raise InvalidPathException(detail=f"{str(path)[:80]!r}: of members only the whole is changed")
    if path.value_filter is None:
        _write(change, one.op.value, one.value)
    elif one.op is PatchOperation.Op.remove:
        change.remove(set(_compared(path.value_filter)))
    else:
        raise InvalidPathException(detail="members are added and replaced without a filter")


def _write(change: MemberChange, op: Literal["add", "remove", "replace"], value: Any) -> None:
    """Members that are named by the value of an operation; without any, removing is of all."""
    if op == "add":
        change.add(member_ids(value))
    elif op == "replace" or value is None:
        change.replace(set() if value is None else member_ids(value))
    else:
        change.remove(member_ids(value))


def _compared(node: FilterNode) -> Iterator[str]:
    """The ids of a filter of members: one, or several joined by ``or``."""
    if isinstance(node, LogicalExpr) and node.op is LogicalOperator.or_:
        for term in node.terms:
            yield from _compared(term)
    elif (isinstance(node, Comparison) and node.op is CompareOperator.eq and isinstance(node.value, str)
            and node.attr_path.attr.lower() == "value" and node.attr_path.sub_attr is None):
        yield node.value
    else:
        raise InvalidPathException(detail=f"{str(node)[:80]!r}: members are chosen by value eq \"…\"")


def _with_paths(one: Any) -> list[Any]:
    """An operation without a path whose value names attributes by paths with filters, as Entra sends them, as one
    operation for each of these and one for the rest."""
    if not isinstance(one, dict):
        raise InvalidSyntaxException(detail="an operation is an object")
    fields = {name.lower(): name for name in one}
    value = one.get(fields.get("value", "value"))
    if one.get(fields.get("path", "path")) or not isinstance(value, dict):
        return [one]
    chosen = {name: what for name, what in value.items() if "[" in name}
    rest = {name: what for name, what in value.items() if "[" not in name}
    op = one.get(fields.get("op", "op"))
    return ([{"op": op, "value": rest}] if rest or not chosen else []) + [
        {"op": op, "path": name, "value": what} for name, what in chosen.items()]
