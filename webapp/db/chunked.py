"""Long lists of values in pieces that one query may hold."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

Value = TypeVar("Value")

AT_ONCE = 500
"""Values in one query; databases allow only so many parameters."""


def chunked(values: Sequence[Value], size: int = AT_ONCE) -> Iterator[Sequence[Value]]:
    """The values in their order, at most ``size`` at a time."""
    return (values[start:start + size] for start in range(0, len(values), size))
