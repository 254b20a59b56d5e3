"""How the reader writes numbers and dates, by the browser's Accept-Language. Words stay English, downloads the same."""

import re
from copy import copy
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Literal

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton, format_time
from babel.numbers import NumberPattern
from flask import has_request_context, request

ENGLISH = Locale("en")
NO_BREAK = "\u00a0"


def reader_locale() -> Locale:
    """The reader's first language that is known; English where none is, and outside a request."""
    if has_request_context():
        for tag, quality in request.accept_languages:
            if quality > 0 and (found := _known(tag)):
                return found
    return ENGLISH


def reader_tag() -> str:
    """The reader's locale as browsers name it, as in ``de-CH``: scripts format by the same."""
    return str(reader_locale()).replace("_", "-")


def number(value: float, decimals: int = 0) -> str:
    """A finite number with so many decimals, grouped as the reader groups."""
    locale = reader_locale()
    text: str = _pattern(str(locale), decimals, "decimal").apply(value, locale)
    return text


def percent(value: float, decimals: int = 0) -> str:
    """A finite share as percent, the sign where the reader puts it; one that follows the number stands off it."""
    locale = reader_locale()
    text: str = _pattern(str(locale), decimals, "percent").apply(value, locale)
    return re.sub(r"(?<=\d)(?=[%٪])", NO_BREAK, text)


def day(value: date) -> str:
    """A date, as in ``Jun 30, 2026`` or ``30.06.2026``."""
    return format_date(value, "medium", locale=reader_locale())


def weekday(value: date) -> str:
    """A date with its day of the week, as in ``Tue, Jun 30, 2026``."""
    return f"{format_date(value, 'EEE', locale=reader_locale())}, {day(value)}"


def month(value: date) -> str:
    """The month of a date, as in ``June 2026``."""
    return format_skeleton("yMMMM", value, locale=reader_locale())


def clock(at: datetime) -> str:
    """The time of a moment in UTC, to the minute."""
    return f"{format_time(at.astimezone(UTC), 'short', locale=reader_locale())} UTC"


@lru_cache(maxsize=1000)
def _known(tag: str) -> Locale | None:
    """The locale of a language tag, or of its beginning: of ``de-XY`` that is German."""
    while tag:
        try:
            return Locale.parse(tag, sep="-")
        except (ValueError, UnknownLocaleError):
            tag = tag.rpartition("-")[0]
    return None


@lru_cache(maxsize=1000)
def _pattern(locale: str, decimals: int, kind: Literal["decimal", "percent"]) -> NumberPattern:
    known = Locale.parse(locale)
    pattern: NumberPattern = copy((known.decimal_formats if kind == "decimal" else known.percent_formats)[None])
    pattern.frac_prec = (decimals, decimals)
    return pattern
