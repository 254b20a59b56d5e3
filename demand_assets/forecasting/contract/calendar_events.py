"""Events of a calendar's tables, as a source answers them and the store keeps them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any


@dataclass(frozen=True)
class Event:
    """An event on the days from ``first`` to ``last``, both included."""

    first: date
    last: date
    region: str | None = None
    """None: all regions."""
    yearly: bool = False

    def to_json(self) -> list[Any]:
        """As JSON types."""
        return [str(self.first), str(self.last), self.region, self.yearly]

    @classmethod
    def from_json(cls, fields: Sequence[Any]) -> "Event":
        """What ``to_json`` gave."""
        first, last, region, yearly = fields
        return cls(date.fromisoformat(first), date.fromisoformat(last), region, bool(yearly))


EventTables = Mapping[str, Sequence[Event]]
"""The events of each entry that is a table, by the entry's name."""
