"""By what order-up-to quantities are made, as far as the dataset file says so."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field

from demand_assets.forecasting.dataset.attributes import Attribute
from demand_assets.forecasting.dataset.strict_entry import Name, StrictEntry

Entry = Literal["lead_time", "review_period", "service_level"]
ENTRIES: tuple[Entry, ...] = ("lead_time", "review_period", "service_level")
SERVICE_LEVELS = (50.0, 99.9)
"""Percent: the lowest and the highest service level that can be asked for."""
MOST_PERIODS = 400
"""Of a lead time, and of a review period."""


class OrderUpTo(StrictEntry):
    """For each entry a number, for all region-items, or the name of an attribute of kind number."""

    lead_time: Annotated[int, Field(strict=True, ge=0, le=MOST_PERIODS)] | Name | None = None
    """Periods from an order until it has come."""
    review_period: Annotated[int, Field(strict=True, ge=1, le=MOST_PERIODS)] | Name | None = None
    """Periods from one order to the next."""
    service_level: Annotated[float, Field(strict=True, ge=SERVICE_LEVELS[0], le=SERVICE_LEVELS[1])] | Name | None = None
    """Percent of order cycles in which nothing is short."""

    def number(self, entry: Entry) -> float | None:
        """What holds for all region-items; None where the file says nothing of it, or names an attribute."""
        value = getattr(self, entry)
        return None if value is None or isinstance(value, str) else float(value)

    def attribute(self, entry: Entry) -> str | None:
        """The attribute that tells it; None where none does."""
        value = getattr(self, entry)
        return value if isinstance(value, str) else None

    def check(self, attributes: Iterable[Attribute]) -> None:
        """Check that the attributes that it names are there.

        Raises: ValueError: one is not, or is of another kind.
        """
        there = [one.name for one in attributes if one.kind == "number"]
        for entry in ENTRIES:
            name = self.attribute(entry)
            if name is not None and name not in there:
                raise ValueError(f"order_up_to.{entry} names the attribute {name!r}, which is none of kind 'number'; "
                                 f"there {'is' if len(there) == 1 else 'are'} {', '.join(there) or 'none'}")
