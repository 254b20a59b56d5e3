"""Filters as identity providers send them: values that are equal to something, joined by ``and``. Anything else is
refused, so that nothing is answered for another question than the one that was asked."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from scim2_models import InvalidFilterException
from scim2_models.path import AttrPath, CompareOperator, Comparison, FilterNode, LogicalExpr, LogicalOperator, ValuePath
from sqlalchemy import ColumnElement, and_, false

LONGEST = 1000
"""Characters."""
MOST_TERMS = 10
Conditions = Mapping[str, Callable[[str], ColumnElement[bool]]]
"""Attribute, in lower case -> what holds of rows in which it has a value."""


def conditions(tree: FilterNode, known: Conditions) -> Sequence[ColumnElement[bool]]:
    """What holds of the rows that a filter is for.

    Raises: InvalidFilterException: it is of another kind than those that are supported.
    """
    terms = list(_terms(tree))
    if len(terms) > MOST_TERMS:
        raise InvalidFilterException(detail=f"a filter has at most {MOST_TERMS} parts here, this one {len(terms)}")
    return [_condition(term, known) for term in terms]


def _terms(node: FilterNode) -> Iterator[FilterNode]:
    if isinstance(node, LogicalExpr) and node.op is LogicalOperator.and_:
        for term in node.terms:
            yield from _terms(term)
    else:
        yield node


def _condition(node: FilterNode, known: Conditions) -> ColumnElement[bool]:
    if isinstance(node, Comparison):
        return _equal(node.attr_path, node, known)
    if isinstance(node, ValuePath) and node.attr_path.attr.lower() in known and node.attr_path.sub_attr is None:
        values: list[ColumnElement[bool]] = []
        has_value = False
        for term in _terms(node.val_filter):
            if not isinstance(term, Comparison) or term.op is not CompareOperator.eq or term.attr_path.sub_attr:
                raise _unsupported(node, known)
            if term.attr_path.attr.lower() == "value":
                values.append(_equal(AttrPath(node.attr_path.attr, "value", node.attr_path.uri), term, known))
                has_value = True
            elif (term.attr_path.attr.lower(), node.attr_path.attr.lower()) != ("type", "emails"):
                raise _unsupported(node, known)
            elif term.value != "work":  # the one address that is kept is for work
                values.append(false())
        if has_value:
            return and_(*values)
    raise _unsupported(node, known)


def _equal(path: AttrPath, comparison: Comparison, known: Conditions) -> ColumnElement[bool]:
    name = path.attr.lower()
    is_plain = path.sub_attr is None or (path.sub_attr.lower() == "value" and name in ("emails", "members"))
    if (comparison.op is not CompareOperator.eq or not isinstance(comparison.value, str) or not is_plain
            or name not in known):
        raise _unsupported(comparison, known)
    return known[name](comparison.value)


def _unsupported(node: FilterNode, known: Mapping[str, Any]) -> InvalidFilterException:
    return InvalidFilterException(detail=(
        f"{str(node)[:100]!r} is not supported here: a filter compares {', '.join(sorted(known))} with a text by eq; "
        "several are joined by and"))
