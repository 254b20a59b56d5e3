"""One cell of a plan as a date or a driver's value; what can mean two things is not guessed."""

import re
from datetime import date, datetime

from demand_assets.forecasting.contract.dataset import Dataset, Driver

LARGEST_NUMBER = 1e12
LONGEST_CATEGORY = 200
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)(e[+-]?\d{1,3})?", re.IGNORECASE)
_THOUSANDS = re.compile(r"[+-]?\d{1,3}([.,'’ ])\d{3}(\1\d{3})*([.,]\d+)?")
_YES, _NO = ("1", "1.0", "yes", "true", "y", "ja"), ("0", "0.0", "no", "false", "n", "nein")

Value = float | bool | str


class CellError(ValueError):
    """What is allowed in a cell, as a sentence."""


def date_of(text: str, monthly: bool) -> date:
    """A date as 2026-01-31 or 31.01.2026; of months as 2026-01 too."""
    text = text.removesuffix(" 00:00:00").removesuffix("T00:00:00")
    for form in ("%Y-%m-%d", "%d.%m.%Y", "%Y/%m/%d", *(("%Y-%m",) if monthly else ())):
        try:
            return datetime.strptime(text, form).date()
        except ValueError:
            continue
    raise CellError("Write the date as 2026-01-31 or 31.01.2026.")


def value_of(text: str, driver: Driver, dataset: Dataset, delimiter: str) -> Value:
    """The value of a cell for that driver."""
    if driver.kind == "yes_no":
        if text.casefold() not in _YES + _NO:
            raise CellError("Write yes or no (or 1 or 0).")
        return text.casefold() in _YES
    if driver.kind == "category":
        if len(text) > LONGEST_CATEGORY:
            raise CellError(f"A category has at most {LONGEST_CATEGORY} characters.")
        return text
    number = text.replace("−", "-")
    for unit in {dataset.currency, driver.unit} - {""}:
        number = number.removesuffix(unit).removeprefix(unit).strip()
    number = _plain(number, delimiter)
    if not _NUMBER.fullmatch(number):
        raise CellError("Write a number such as 9.90 or 9,90.")
    value = float(number.replace(",", "."))
    if not abs(value) <= LARGEST_NUMBER:
        raise CellError(f"Write a number of at most {LARGEST_NUMBER:,.0f}.")
    if driver.name == dataset.price_driver and value <= 0:
        raise CellError("Write a price above 0.")
    return value


def _plain(number: str, delimiter: str) -> str:
    """The number without marks between its thousands.

    ``1,234`` and ``1.234`` can mean two things: the mark that the file's kind does not use for decimals is not guessed.
    """
    match = _THOUSANDS.fullmatch(number)
    if match is None:
        return number
    mark, rest = match[1], match[3] or ""
    if rest.startswith(mark):
        raise CellError("Write a number such as 9.90 or 9,90.")
    if mark in ".," and not match[2] and not rest:
        if number.lstrip("+-").startswith("0") or mark == (
                "," if delimiter == ";" else "."):
            return number
        whole = number.replace(mark, "")
        raise CellError(f"This could mean {whole} or {number.replace(',', '.')}0; write it as one of these.")
    return (number[:-len(rest)] if rest else number).replace(mark, "") + rest
