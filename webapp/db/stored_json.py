"""Dataclasses that the database keeps as JSON."""

from functools import cache
from typing import Any, Self

from pydantic import TypeAdapter


class StoredJson:
    """For a dataclass: to JSON and back, checked when it is read."""

    def to_json(self) -> dict[str, Any]:
        """As JSON types."""
        adapter = _adapter(type(self))  # type: ignore[arg-type]  # a class can be hashed, whatever its objects can
        found: dict[str, Any] = adapter.dump_python(self, mode="json")
        return found

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """What ``to_json`` gave.

        Raises: pydantic.ValidationError: it is something else.
        """
        found: Self = _adapter(cls).validate_python(content)  # type: ignore[arg-type]  # a class can be hashed, as in to_json
        return found


@cache
def _adapter(kind: type) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
