"""The ids of resources: no id of a group is one of a user, so that none is taken for the other among members."""

from typing import Literal

LARGEST = 2**31 - 1
Kind = Literal["user", "group"]


def id_of(kind: Kind, number: int) -> str:
    """The id of a row."""
    return f"{kind}-{number}"


def number_of(kind: Kind, text: str) -> int | None:
    """The number of the row that an id names; None where it names none of that kind."""
    start, _, digits = text.partition("-")
    if start != kind or not digits.isascii() or not digits.isdigit() or digits.startswith("0"):
        return None
    return int(digits) if len(digits) <= len(str(LARGEST)) and int(digits) <= LARGEST else None
