"""The source's names for our columns, and how its dates are written: the entries ``[columns]`` of the dataset file."""

from datetime import date
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, field_validator

from demand_assets.forecasting.dataset.strict_entry import StrictEntry

_WITH_YEAR = ("%Y", "%y", "%G", "%c", "%x")
"""What says the year in a format of dates."""


def _is_iso(value: str) -> str:
    date.fromisoformat(value)
    return value


IsoDate = Annotated[str, AfterValidator(_is_iso)]
"""A date as text, as in ``2024-01-31``."""


class Columns(StrictEntry):
    """The source's names for our columns; drivers name their own."""

    date: str = "date"
    region: str | None = "region"
    """Empty when the source has one region only, which is then called ``all``."""
    item: str | None = "item"
    """Empty when the source has one item only, which is then called ``all``."""
    demand: str = "demand"
    stock: str | None = Field(default=None, min_length=1)
    """Units on hand at the end of the period: 0 and less is out of stock."""
    available: str | None = Field(default=None, min_length=1)
    """Whether the item could be bought throughout the period: yes or no, or the share of it, 0 to 1. Anything but yes
    and 1 is out of stock."""
    drivers: dict[str, str] = Field(default={})
    """Driver name -> column of the source, where they differ. ``{item}`` and ``{region}`` in the column's name stand
    for the row's own, as in ``price = "price{item}"`` for a table with one price column for each item."""
    expressions: dict[str, str] = Field(default={})
    """Column of ours -> an expression over the source's columns, as in ``demand = "exp(logmove)"``."""
    date_start: IsoDate | None = None
    """The date of period 0, when the date column counts periods (1, 2, 3 …) and holds no dates."""
    date_format: str | None = None
    """How dates are written, as in ``%d/%m/%Y``; ISO 8601 (2024-01-31) unless given."""
    week_dated: Literal["first_day", "last_day"] = "first_day"
    """Which day of a week its date is; weeks that are dated on their last are shown by their first."""
    time_zone: str | None = None
    """The time zone whose days, weeks and months stamps stand for, as in ``Europe/Berlin``; stamps that name none are
    taken as UTC then. Unless given, the date of a stamp counts as it is written."""

    @field_validator("time_zone")
    @classmethod
    def _is_zone(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                ZoneInfo(value)
            except (ValueError, OSError, ZoneInfoNotFoundError):
                raise ValueError(f"{value!r} is no time zone; write one as in 'Europe/Berlin' or 'UTC'") from None
        return value

    @field_validator("date_format")
    @classmethod
    def _has_year(cls, value: str | None) -> str | None:
        if value is not None and not any(part in value for part in _WITH_YEAR):
            raise ValueError(f"{value!r} says no year, and without one dates would all be of 1900; deliver the year in "
                             "the same column, as in 31.01.2024 and '%d.%m.%Y'")
        return value

    @field_validator("region", "item", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if value == "" else value
