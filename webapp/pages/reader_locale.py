"""How the reader writes numbers and dates: by the language that was chosen, else by the browser's Accept-Language.
Downloads are the same for all."""

import re
from collections.abc import Callable
from copy import copy
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import lru_cache
from typing import Literal

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton, format_time
from babel.numbers import NumberPattern
from flask import Request, has_request_context, request

from webapp.language.translations import chosen

ENGLISH = Locale("en")
FOUND = "demand.reader_locales"
"""In a request's environment: the locales that were found for it with their signs, by the language that was chosen."""
Signs = dict[int, str]
"""For ``str.translate``: what stands in a locale for the signs of a number as Python writes it."""
NO_BREAK = "\u00a0"
_request: Callable[[], Request] = request._get_current_object  # type: ignore[attr-defined]
"""What ``request`` stands for, without a look through the proxy."""


def reader_locale() -> Locale:
    """The reader's first language that is known; English where none is, and outside a request. Where a language was
    chosen that one, as in the country that the browser asks it for."""
    return _of_reader()[0]


def _of_reader() -> tuple[Locale, Signs | None]:
    """The reader's locale, and its signs; of a request they are looked up once, for a page writes thousands of
    numbers."""
    wanted = chosen()
    if not has_request_context():
        locale = Locale(wanted) if wanted else ENGLISH
        return locale, _signs(locale)
    known: dict[str | None, tuple[Locale, Signs | None]] = _request().environ.setdefault(FOUND, {})
    found = known.get(wanted)
    if found is None:
        locale = _locale_of_request(wanted)
        found = known[wanted] = locale, _signs(locale)
    return found


def _locale_of_request(wanted: str | None) -> Locale:
    """As ``reader_locale``, by what the browser asks for."""
    for tag, quality in request.accept_languages:
        if quality > 0 and (found := _known(tag)) and wanted in (None, found.language):
            return found
    return Locale(wanted) if wanted else ENGLISH


def reader_tag() -> str:
    """The reader's locale as browsers name it, as in ``de-CH``: scripts format by the same."""
    return str(reader_locale()).replace("_", "-")


def number(value: float, decimals: int = 0) -> str:
    """A finite number with so many decimals, grouped as the reader groups."""
    locale, signs = _of_reader()
    if signs is None:
        return _by_pattern(value, locale, decimals)
    return f"{Decimal(str(value)):,.{decimals}f}".translate(signs)


def percent(value: float, decimals: int = 0) -> str:
    """A finite share as percent, the sign where the reader puts it; one that follows the number stands off it."""
    return _percent(value, decimals, reader_locale())


def day(value: date) -> str:
    """A date, as in ``Jun 30, 2026`` or ``30.06.2026``."""
    return _day(value.date() if isinstance(value, datetime) else value, reader_locale())


def weekday(value: date) -> str:
    """A date with its day of the week, as in ``Tue, Jun 30, 2026`` or ``mar. 30 juin 2026``."""
    return _weekday(value.date() if isinstance(value, datetime) else value, reader_locale())


def month(value: date) -> str:
    """The month of a date, as in ``June 2026``."""
    return _month(value.replace(day=1), reader_locale())


def quarter(value: date) -> str:
    """The quarter of a date, as in ``Q3 2026``."""
    return _quarter(value.replace(day=1), reader_locale())


def clock(at: datetime) -> str:
    """The time of a moment in UTC, to the minute."""
    return f"{_time(at.astimezone(UTC).time().replace(second=0, microsecond=0), reader_locale())} UTC"


@lru_cache(maxsize=1000)
def _known(tag: str) -> Locale | None:
    """The locale of a language tag, or of its beginning: of ``de-XY`` that is German."""
    while tag:
        try:
            return Locale.parse(tag, sep="-")
        except (ValueError, UnknownLocaleError):
            tag = tag.rpartition("-")[0]
    return None


@lru_cache(maxsize=10_000)
def _percent(value: float, decimals: int, locale: Locale) -> str:
    text: str = _pattern(locale, decimals, "percent").apply(value, locale)
    return re.sub(r"(?<=\d)(?=[%٪])", NO_BREAK, text)


@lru_cache(maxsize=10_000)
def _day(value: date, locale: Locale) -> str:
    return format_date(value, "medium", locale=locale)


@lru_cache(maxsize=10_000)
def _weekday(value: date, locale: Locale) -> str:
    return format_skeleton("yMMMEd", value, locale=locale)


@lru_cache(maxsize=1000)
def _month(value: date, locale: Locale) -> str:
    return format_skeleton("yMMMM", value, locale=locale)


@lru_cache(maxsize=1000)
def _quarter(value: date, locale: Locale) -> str:
    return format_skeleton("yQQQ", value, locale=locale)


@lru_cache(maxsize=10_000)
def _time(at: time, locale: Locale) -> str:
    return format_time(at, "short", locale=locale)


@lru_cache(maxsize=1000)
def _signs(locale: Locale) -> Signs | None:
    """What stands in the locale for the signs of a number as Python writes it, which takes a tenth of a pattern's time;
    None where digits are not grouped by threes.

    They are read off one number that is written by the pattern.
    """
    found = re.fullmatch(r"(\D+)1(\D+)234(?:\2)567(\D+)5", _by_pattern(-1234567.5, locale, 1))
    return str.maketrans(dict(zip("-,.", found.groups(), strict=True))) if found else None


def _by_pattern(value: float, locale: Locale, decimals: int) -> str:
    text: str = _pattern(locale, decimals).apply(value, locale)
    return text


@lru_cache(maxsize=1000)
def _pattern(locale: Locale, decimals: int, kind: Literal["decimal", "percent"] = "decimal") -> NumberPattern:
    pattern: NumberPattern = copy((locale.decimal_formats if kind == "decimal" else locale.percent_formats)[None])
    pattern.frac_prec = (decimals, decimals)
    return pattern
