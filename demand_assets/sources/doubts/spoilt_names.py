"""Names that a spreadsheet or a wrong encoding has spoilt: numbers cut short, dates made of names, UTF-8 misread."""

import re
from collections.abc import Collection

from demand_assets.forecasting.contract.region_item import one_form

_SHORTENED = re.compile(r"[+-]?\d([.,]\d+)?[eE]\+\d{2,3}")
"""A long number as a spreadsheet shows it, most of its digits gone."""
_LAST_EUROPEAN = "\u017f"
"""Of the Latin letters; beyond them are what signs beside capitals may look like, as in NESCAFÉ®."""
_DATE_CELL = re.compile(r"\d{4}-\d{2}-\d{2} 00:00:00")


def why_spoilt(what: str, name: str, names: Collection[str]) -> str:
    """Why a name is refused that something spoilt; empty where it is as it was written.

    Args:
        what: region or item.
        names: all that the source has.
    """
    if _SHORTENED.fullmatch(name):
        return (f"{what} {name!r} is a long number of which a spreadsheet has kept some digits only. Give the "
                "column the format text, or 0, in the spreadsheet, fill it in again and export again")
    whole = _read_as_utf_8(name)
    if whole and whole in names:
        return (f"{what} {name!r} is {whole!r}, written in UTF-8 and read as something else before it came "
                "here. Correct it where the file is written")
    return ""


def dates_in_words(ours: str, names: Collection[str]) -> list[str]:
    """What is told of names of which a spreadsheet made dates."""
    return [f"The {ours} {name!r} is a date in a spreadsheet, which makes dates of names such as 1-3 and MAR1."
            " Give the column the format text, and type the name again." for name in sorted(names)
            if _DATE_CELL.fullmatch(name)]


def misread_in_words(ours: str, names: Collection[str]) -> list[str]:
    """What is told of names that look like UTF-8 read as something else, where none is written right."""
    found = [(name, whole) for name in sorted(names)
             if (whole := _read_as_utf_8(name)) and whole not in names and max(whole) <= _LAST_EUROPEAN]
    if not found:
        return []
    others = f" So may {len(found) - 1} more be." if len(found) > 1 else ""
    return [f"The {ours} {found[0][0]!r} may be {found[0][1]!r}, written in UTF-8 and read as something else before it "
            f"came here.{others} Correct it where the file is written."]


def _read_as_utf_8(name: str) -> str:
    """The name that UTF-8 text read as Windows-1252 or Latin-1 was; empty where it was none."""
    for encoding in ("cp1252", "latin-1"):
        try:
            whole = name.encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
        return one_form(whole) if whole != name else ""
    return ""
