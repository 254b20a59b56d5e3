"""Numbers, yes and no, and categories as sources write them; what cannot be read is marked."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.contract.periods import Mask
from demand_assets.forecasting.contract.source import is_whole
from demand_assets.forecasting.series.gapped import Floats

MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "nat", "<na>"})
_YES = frozenset(["1", "1.0", "true", "t", "yes", "y", "on", "ja", "oui", "sí", "si", "sim", "tak", "ano", "да",
                  "wahr", "vrai", "verdadero", "verdadeiro", "vero", "evet", "igen", "kyllä", "da", "так", "ναι", "áno",
                  "예", "はい", "是"])
_NO = frozenset(["0", "0.0", "false", "f", "no", "n", "off", "nein", "non", "não", "nao", "nee", "nej", "nie", "ne",
                 "нет", "falsch", "faux", "falso", "hayır", "hayir", "nem", "ei", "nu", "ні", "όχι",
                 "아니오", "いいえ", "否"])
"""In small letters; single letters of other languages than English may be anything."""
_PERCENT = re.compile(r"(?P<before>[+\-−]?[0-9]+([.,][0-9]*)?)\s*[%％٪]|[%％٪]\s*(?P<after>[+\-−]?[0-9]+([.,][0-9]*)?)")
_MAY_BE_TWO = re.compile(r"[1-9][0-9]{0,2}[.,][0-9]{3}")


def read_numbers(column: "pd.Series[Any]", percents: bool = False) -> tuple[Floats, Mask]:
    """The numbers of a column, NaN where there is none, and where something else stands than a number.

    Args:
        percents: whether a text such as 5 % is a number, 5. One that may be two, as 1,234 %, is none, nor is any beside
            numbers other than 0 that have no percent sign, which may be shares.
    """
    if pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype):
        return column.to_numpy(dtype=np.float64, na_value=np.nan, copy=True), np.zeros(len(column), dtype=bool)
    parts = by_value(column, _number_or_percent_of if percents and not _has_plain(column) else _number_of,
                      (np.nan, False))
    return (np.array([part[0] for part in parts.read], dtype=np.float64)[parts.codes],
            np.array([part[1] for part in parts.read], dtype=bool)[parts.codes])


def _has_plain(column: "pd.Series[Any]") -> bool:
    """Whether numbers other than 0 stand there without a percent sign."""
    _, distinct = distinct_values(column)
    numbers = [_number_of(value)[0] for value in distinct]
    return any(np.isfinite(number) and number for number in numbers)


def read_yes_no(column: "pd.Series[Any]") -> tuple[Floats, Mask]:
    """1 for yes, 0 for no, NaN where nothing stands, and where something else stands."""
    if pd.api.types.is_bool_dtype(column.dtype) and not column.hasnans:
        return column.to_numpy(dtype=np.float64, copy=True), np.zeros(len(column), dtype=bool)
    parts = by_value(column, _yes_no_of, (np.nan, False))
    return (np.array([part[0] for part in parts.read], dtype=np.float64)[parts.codes],
            np.array([part[1] for part in parts.read], dtype=bool)[parts.codes])


def read_categories(column: "pd.Series[Any]") -> npt.NDArray[np.object_]:
    """Text without white space around it; None where nothing stands. A whole number is written without ".0"."""
    parts = by_value(column, _category_of, None)
    words = np.empty(len(parts.read), dtype=object)
    words[:] = parts.read
    return np.asarray(words[parts.codes])


@dataclass(frozen=True)
class ByValue:
    """A column of which each distinct value was read once."""

    read: list[Any]
    codes: npt.NDArray[np.integer[Any]]


def by_value(column: "pd.Series[Any]", read: Callable[[Any], Any], missing: Any) -> ByValue:
    """Read each distinct value once."""
    codes, distinct = distinct_values(column)
    return ByValue([*(read(value) for value in distinct), missing], codes)  # code -1, missing, takes the last


def distinct_values(column: "pd.Series[Any]") -> "tuple[npt.NDArray[np.integer[Any]], pd.Index[Any]]":
    """The place of each row's value among the distinct ones, -1 where it is missing, and these, as objects."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes, categories = column.cat.codes.to_numpy(), column.cat.categories.astype(object)
        is_there = np.bincount(codes[codes >= 0], minlength=len(categories)) > 0
        if is_there.all():
            return codes, categories
        return np.append(np.cumsum(is_there) - 1, -1)[codes], categories[is_there]
    values = column.astype(object)
    try:
        return pd.factorize(values)
    except TypeError:  # lists and other values that cannot be compared
        return pd.factorize(values.map(str))


def percent_of(value: str) -> float | None:
    """The number of percent that a text says; None where it says none, or may say two."""
    found = _PERCENT.fullmatch(value.strip())
    if found is None:
        return None
    written = found["before"] or found["after"]
    if _MAY_BE_TWO.fullmatch(written.lstrip("+-−")):
        return None
    return float(written.replace(",", ".").replace("−", "-"))


def _number_or_percent_of(value: Any) -> tuple[float, bool]:
    percent = percent_of(value) if isinstance(value, str) else None
    return _number_of(value) if percent is None else (percent, False)


def _number_of(value: Any) -> tuple[float, bool]:
    if isinstance(value, bool | np.bool_):
        return np.nan, True
    if isinstance(value, str):
        value = value.strip()
        if value.lower() in MISSING:
            return np.nan, False
        if "_" in value or not value.isascii():  # float() would read 1_000 and digits of other scripts
            return np.nan, True
    try:
        return float(value), False
    except (TypeError, ValueError):
        return np.nan, True
    except OverflowError:
        return np.inf, False


def _yes_no_of(value: Any) -> tuple[float, bool]:
    if str(value).strip().lower() in MISSING:
        return np.nan, False
    said = said_yes(str(value))
    return (np.nan, True) if said is None else (float(said), False)


def said_yes(text: str) -> bool | None:
    """Whether a text says yes or no, in one of many languages; None where it says neither."""
    word = unicodedata.normalize("NFC", text).strip().lower()
    return True if word in _YES else False if word in _NO else None


def _category_of(value: Any) -> str | None:
    if is_whole(value):
        return str(int(value))
    text = str(value).strip()
    return text or None
