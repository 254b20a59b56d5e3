"""What an override may be: by units or percent, how much, with which comment, of how many periods at once."""

from dataclasses import dataclass
from datetime import date
from math import isfinite
from typing import get_args
from unicodedata import category

from demand_assets.forecasting.forecast.overrides import Way
from webapp.language.translations import gettext as _
from webapp.pages.reader_locale import number

WAYS: tuple[Way, ...] = get_args(Way)
LEAST_PERCENT, MOST_PERCENT = -100.0, 1000.0
MOST_UNITS = 1e12
LONGEST_COMMENT = 500
MOST_AT_ONCE = 20_000
"""Periods of region-items that one form may override."""


class OverrideError(ValueError):
    """What cannot be overridden; the message says what is allowed."""


@dataclass(frozen=True)
class Cell:
    """One period of a grid, as a planner wants its override."""

    date: date
    way: Way | None
    """None: the override is to be removed."""
    amount: float
    """As that of ``WantedOverride``."""
    comment: str
    seen: str
    """``mark_of`` the overrides of the period that the planner saw."""


@dataclass(frozen=True)
class WantedOverride:
    """An override as a planner asks for it."""

    first: date
    last: date
    way: Way
    amount: float
    """Percent for each region-item; or units a period, of all region-items together."""
    comment: str
    token: str
    """Of the form or request: the same one sent twice makes it once."""


def check(wanted: WantedOverride) -> None:
    """Nothing, where an override can be as it is wanted.

    Raises: OverrideError: it cannot; the message says what can.
    """
    if wanted.way not in WAYS:
        raise OverrideError(_("An override by %(way)s is not possible; choose %(ways)s.",
                              way=repr(str(wanted.way)[:40]), ways=f" {_('or')} ".join(WAYS)))
    if not isfinite(wanted.amount):
        raise OverrideError(_("%(amount)s is not a number that can be forecast.", amount=wanted.amount))
    if wanted.way == "value" and not 0 <= wanted.amount <= MOST_UNITS:
        raise OverrideError(_("Units must be from 0 to %(most)s, not %(amount)s.",
                              amount=f"{wanted.amount:,g}", most=f"{MOST_UNITS:,.0f}"))
    if wanted.way == "percent" and (not LEAST_PERCENT <= wanted.amount <= MOST_PERCENT or not wanted.amount):
        raise OverrideError(_("A change must be from %(least)s to %(most)s %% and not 0; %(amount)s %% is not "
                              "possible.", amount=f"{wanted.amount:g}", least=f"{LEAST_PERCENT:g}",
                              most=f"{MOST_PERCENT:g}"))
    if not wanted.comment or len(wanted.comment) > LONGEST_COMMENT:
        raise OverrideError(_("Give a comment of at most %(most)s characters, so that others understand it.",
                              most=LONGEST_COMMENT))
    if any(category(character) == "Cc" for character in wanted.comment):
        raise OverrideError(_("The comment contains control characters. Remove them."))
    if not wanted.token or len(wanted.token) > LONGEST_COMMENT:
        raise OverrideError(_("The form lacks its token; open the page again."))
    if wanted.first > wanted.last:
        raise OverrideError(_("The last date, %(last)s, comes before the first, %(first)s.", last=wanted.last,
                              first=wanted.first))


def too_many(count: int) -> OverrideError:
    """What is said of so many periods of region-items, which are more than ``MOST_AT_ONCE``."""
    return OverrideError(_("At most %(most)s periods of region-items can be overridden at once, not %(num)s. Choose "
                           "fewer region-items or dates.", num=number(count),
                           most=number(MOST_AT_ONCE)))
