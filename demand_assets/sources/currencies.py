"""Amounts of money as text: the currency beside a number, by its code or by its sign."""

import re
from functools import cache

import pyarrow as pa
import pyarrow.compute as pc
from babel.numbers import get_currency_symbol, list_currencies

_LANGUAGES = ("en", "de", "fr", "es", "pt_BR", "sv", "da", "pl", "cs", "hu", "tr", "ru", "uk", "bg", "ja", "zh",
              "en_IN", "de_CH")
"""Whose signs of currencies are read."""
_COLLOQUIAL = {"€": "EUR", "Euro": "EUR", "euro": "EUR", "$": "USD", "US$": "USD", "TL": "TRY", "Rs": "INR",
               "Rs.": "INR", "lei": "RON", "Lei": "RON", "руб": "RUB", "руб.": "RUB", "р.": "RUB", "Fr.": "CHF",
               "SFr.": "CHF", "sFr.": "CHF", "kr": "kr", "kr.": "kr", "Kr": "kr", "zl": "PLN", "zł": "PLN", "￥": "¥",
               "¥": "¥"}
_NUMBER = r"[\d.,'’\p{Zs}]*\d[\d.,]*"
_MORE_THAN_A_NUMBER = r"[\p{L}\p{Sc}].*\d|\d.*[\p{L}\p{Sc}]"
_SPACE = r"\p{Zs}*"


@cache
def _codes() -> dict[str, str]:
    """Whatever stands for a currency -> one word for it."""
    found = {code: code for code in list_currencies()}
    for code in list_currencies():
        for language in _LANGUAGES:
            sign = get_currency_symbol(code, language)
            if not sign.isascii() or len(sign) > 1 or not sign.isalpha():  # 12 F may be anything
                found.setdefault(sign, code)
    return found | _COLLOQUIAL


@cache
def _patterns() -> tuple[str, str]:
    names = "|".join(re.escape(name) for name in sorted(_codes(), key=lambda one: (-len(one), one)))
    mark = rf"(?P<mark>{names}|\p{{Sc}})"
    return (rf"^(?P<sign>[+\-−–(]?){_SPACE}{mark}{_SPACE}(?P<number>[+\-−–]?{_NUMBER}(?:[-)]|[-−–—]{{1,2}})?)$",
            rf"^(?P<sign>[+\-−–(]?){_SPACE}(?P<number>{_NUMBER}[-−–—]{{0,2}}){_SPACE}{mark}\)?$")


def currency_named(text: str) -> str | None:
    """The one word for a currency that stands alone; None where it is none."""
    return _codes().get(text.strip())


def currencies_of(values: pa.ChunkedArray) -> frozenset[str]:
    """The currencies beside the numbers of a column."""
    found: set[str] = set()
    values = values.filter(pc.fill_null(pc.match_substring_regex(values, _MORE_THAN_A_NUMBER), False))
    if not len(values):
        return frozenset()
    for pattern in _patterns():
        marks = pc.struct_field(pc.extract_regex(values, pattern), "mark")
        found |= {_codes().get(mark, mark) for mark in pc.unique(marks).to_pylist() if mark}
    return frozenset(found)


def without_currency(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column with the numbers alone where a currency stands beside them."""
    for pattern in _patterns():
        parts = pc.extract_regex(values, pattern)
        sign, number = pc.struct_field(parts, "sign"), pc.struct_field(parts, "number")
        is_closed = pc.and_(pc.equal(sign, "("), pc.invert(pc.ends_with(number, ")")))
        alone = pc.binary_join_element_wise(sign, number, pc.if_else(is_closed, ")", ""), "")
        values = pc.coalesce(alone, values)
    return values
