"""Names of regions and items that are perhaps one, written in two ways: which are taken for one, and which are told."""

import re
import unicodedata
from collections.abc import Collection, Mapping

_SHOWN = 5
"""Names that are told one by one."""
_AS_FORMULA = re.compile(r'="(.*)"')
"""A text as spreadsheets are made to keep it one: ="007"."""
_DIRECTIONS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Marks of the direction of writing, which cannot be seen."""
_WHOLE_AS_FRACTION = re.compile(r"(-?\d+)[.,]0+")


def same_names(names: Collection[str]) -> dict[str, str]:
    """Name -> the one that it is read as: those that are written in another way too, such as 10.0 beside 10, and those
    that are written as a formula."""
    spellings: dict[str, list[str]] = {}
    for name in names:
        match = _WHOLE_AS_FRACTION.fullmatch(name)
        spellings.setdefault(match[1] if match else _bare(name), []).append(name)
    return {name: one for one, several in spellings.items() for name in several
            if name != one and (len(several) > 1 or _AS_FORMULA.fullmatch(name))}


def same_in_words(ours: str, same: Mapping[str, str]) -> list[str]:
    """What is told of names that are read as others.

    Args:
        ours: region or item.
        same: as ``same_names`` found them.
    """
    formulas = sorted(filter(_AS_FORMULA.fullmatch, same))
    told = [f"{len(formulas)} {ours}s are written as formulas, as {formulas[0]!r}, and read as "
            f"{same[formulas[0]]!r}."] if formulas else []
    return told + [f"The {ours} {one!r} is also written {name!r}; both are read as {one!r}."
                   for name, one in sorted(same.items()) if name not in formulas]


def look_alike(ours: str, names: Collection[str]) -> list[str]:
    """Words for names that differ in capitals, in the number of spaces between words, in zeros before a number, which
    a spreadsheet leaves out, or in the script or the width of their letters and digits only."""
    alike: dict[str, list[str]] = {}
    for name in sorted(names):
        plain = name if name.isascii() else "".join(map(_in_plain_digits, unicodedata.normalize("NFKC", name)))
        alike.setdefault(" ".join(plain.casefold().split()).lstrip("0") or "0", []).append(name)
    pairs = [several for several in alike.values() if len(several) > 1]
    if not pairs:
        return []
    shown = "; ".join(" and ".join(map(repr, several)) for several in pairs[:_SHOWN])
    more = f"; and {len(pairs) - _SHOWN} more" if len(pairs) > _SHOWN else ""
    return [f"These {ours}s differ in capitals, spaces, zeros before a number or the width of letters and digits only, "
            f"and are taken for different ones: {shown}{more}. If they are one, write them alike at the source."]


def _in_plain_digits(letter: str) -> str:
    return str(digit) if (digit := unicodedata.decimal(letter, None)) is not None else letter


def _bare(name: str) -> str:
    """The name without what makes a text of it in a spreadsheet, and without marks that cannot be seen."""
    match = _AS_FORMULA.fullmatch(name)
    return _DIRECTIONS.sub("", match[1] if match else name).strip() or name
