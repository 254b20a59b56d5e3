"""Numbers as people type them: one rule for forms, plans and overrides. What can mean two numbers is not guessed."""

import re
from collections.abc import Iterable
from math import isfinite, nan
from typing import Literal

from webapp.language.translations import gettext as _
from webapp.language.translations import lazy_gettext as _l

NO_NUMBER = _l("Write a number such as 9.90 or 9,90.")
SHOWN = 40
"""Characters of what was typed that an error repeats."""
Mark = Literal[".", ","]

_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)(e[+-]?\d{1,3})?", re.IGNORECASE)
_GROUPED = re.compile(r"(\d{1,3})([.,'’ ])\d{3}(?:\2\d{3})*([.,]\d+)?")


def _shows(mark: Mark, other: Mark) -> re.Pattern[str]:
    return re.compile(rf"\d*[{mark}](\d{{1,2}}|\d{{4,}})|0*[{mark}]\d+|\d{{4,}}[{mark}]\d*|"
                      rf"\d{{1,3}}([{other}'’ ]\d{{3}})+[{mark}]\d*|\d{{1,3}}([{other}]\d{{3}}){{2,}}")


_DECIMAL: dict[Mark, re.Pattern[str]] = {".": _shows(".", ","), ",": _shows(",", ".")}
"""What shows that a mark stands before decimals."""
_SPACES = re.compile("[\u00a0\u2009\u202f]")
"""With which some languages part thousands."""


class TypedNumberError(ValueError):
    """What was typed is no number that can be used; the message is a sentence that says what to write."""


class AmbiguousNumberError(TypedNumberError):
    """What was typed could mean two numbers; the message names both."""


def read_number(text: str, decimal_mark: Mark | None = ".", is_settled: bool = False) -> float:
    """The number that a text means; a finite one.

    ``9.90`` and ``9,90`` are the same; thousands may be parted as in ``1,234.5``, ``1.234,5``, ``1'234`` or ``1 234``.
    A single mark before exactly three digits is a decimal mark only where that is known; else it could part thousands.

    Args:
        decimal_mark: the mark that is known to stand before decimals: browsers and programs write a point, and in a
            table its column tells (``decimal_mark_of``). None where it is not known.
        is_settled: whether the other mark is known to part thousands then.
    Raises: TypedNumberError.
    """
    plain = _SPACES.sub(" ", text).strip().replace("−", "-")
    sign = plain[:1] if plain[:1] in ("+", "-") else ""
    plain = sign + _without_thousands(plain.removeprefix(sign), sign, decimal_mark, is_settled)
    value = float(plain.replace(",", ".")) if _NUMBER.fullmatch(plain) else nan
    if not isfinite(value):
        raise TypedNumberError(str(NO_NUMBER))
    return value


def decimal_mark_of(texts: Iterable[str]) -> Mark | None:
    """The mark that stands before decimals in a column, told by those of its texts that can mean one number only; None
    where none does, or where they contradict each other."""
    found: set[Mark] = set()
    for text in texts:
        plain = _SPACES.sub(" ", text).strip().lstrip("+-−")
        for mark, pattern in _DECIMAL.items():
            if pattern.fullmatch(plain):
                found.add(mark)
    return found.pop() if len(found) == 1 else None


def _without_thousands(digits: str, sign: str, decimal_mark: Mark | None, is_settled: bool) -> str:
    """The digits without marks between thousands."""
    mantissa, power, exponent = digits.lower().partition("e")
    match = _GROUPED.fullmatch(mantissa)
    if match is None:
        return digits
    first, mark, decimals = match[1], match[2], match[3] or ""
    if decimals.startswith(mark):
        raise TypedNumberError(str(NO_NUMBER))
    whole = mantissa[:-len(decimals)] if decimals else mantissa
    if mark in ".," and not decimals and whole.count(mark) == 1:
        if mark == decimal_mark or first == "0":
            return digits
        if is_settled and decimal_mark is not None:
            return whole.replace(mark, "") + power + exponent
        readings = [f"{sign}{number}{power}{exponent}"[:SHOWN]
                    for number in (whole.replace(mark, ""), f"{whole.replace(mark, '.')}0")]
        raise AmbiguousNumberError(_("This could mean %(one)s or %(other)s; write it as one of these.",
                                     one=readings[0], other=readings[1]))
    return whole.replace(mark, "") + decimals + power + exponent
