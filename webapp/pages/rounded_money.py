"""Money as pages, files and the API have it: rounded once, to the smallest unit of the currency."""

from math import floor, isfinite, log10

from babel.numbers import get_currency_precision
from flask import Flask

from webapp.pages import reader_locale
from webapp.pages.numbers_and_dates import NOTHING
from webapp.services import services

SIGNS = {"₩": "KRW", "₫": "VND", "円": "JPY", "JP¥": "JPY"}
"""Signs of currencies without decimals; ``¥`` may be the yen or the yuan and has two."""
LARGE = 100
"""From which an estimated sum is told without parts of the currency's unit, where it need not agree with a file."""
PRICE_DECIMALS = 2
"""Of a price beyond those of its currency: fuel is sold at 1.789 €."""
PRICE_DIGITS = 4
"""Significant ones that a price keeps at least: a screw may cost 0.0004213 €."""


def decimals_of(currency: str) -> int:
    """Decimals of a currency by its code or its sign: 2 of ``€``, 0 of ``JPY``, 3 of ``KWD``; 2 of others."""
    code = SIGNS.get(currency, currency).upper()
    return get_currency_precision(code)


def rounded_money(value: float | None) -> float | None:
    """A sum in the dataset's currency, rounded; None where it is not known."""
    if value is None or not isfinite(value):
        return None
    return round(float(value), decimals_of(services().dataset.currency)) or 0.0


def rounded_price(value: float | None) -> float | None:
    """The price, or the cost, of one unit, rounded; None where it is not known."""
    if value is None or not isfinite(value):
        return None
    return round(float(value), _most_decimals(value))


def money(value: float | None) -> str:
    """A sum in the dataset's currency as the reader writes it, without the currency."""
    rounded = rounded_money(value)
    return NOTHING if rounded is None else reader_locale.number(rounded, decimals_of(services().dataset.currency))


def about_money(value: float | None) -> str:
    """As ``money``, of what is an estimate and large, without parts of the unit: ``20,743`` dollars are at stake."""
    rounded = rounded_money(value)
    if rounded is None or abs(rounded) < LARGE:
        return money(rounded)
    return reader_locale.number(rounded)


def unit_price(value: float | None) -> str:
    """The price, or the cost, of one unit as the reader writes it, without the currency."""
    rounded = rounded_price(value)
    if rounded is None:
        return NOTHING
    own = len(f"{rounded:.{_most_decimals(rounded)}f}".rstrip("0").partition(".")[2])
    return reader_locale.number(rounded, max(own, decimals_of(services().dataset.currency)))


def in_currency(title: str) -> str:
    """A title with the dataset's currency: ``Revenue, €``; alone where none is declared."""
    currency = services().dataset.currency
    return f"{title}, {currency}" if currency else title


def _most_decimals(value: float) -> int:
    usual = decimals_of(services().dataset.currency) + PRICE_DECIMALS
    return usual if not value else max(usual, PRICE_DIGITS - 1 - floor(log10(abs(value))))


def add_to(app: Flask) -> None:
    """Let templates write money."""
    app.jinja_env.filters.update(money=money, about_money=about_money, unit_price=unit_price)
    app.jinja_env.globals.update(in_currency=in_currency)
