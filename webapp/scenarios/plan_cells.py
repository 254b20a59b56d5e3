"""One cell of a plan as a date or a driver's value; what can mean two things is not guessed."""

from datetime import date, datetime

from demand_assets.forecasting.contract.dataset import Dataset, Driver
from webapp.pages.typed_numbers import TypedNumberError, read_number

LARGEST_NUMBER = 1e12
LONGEST_CATEGORY = 200
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
    try:
        value = read_number(number, "," if delimiter == ";" else ".")
    except TypedNumberError as error:
        raise CellError(str(error)) from error
    if abs(value) > LARGEST_NUMBER:
        raise CellError(f"Write a number of at most {LARGEST_NUMBER:,.0f}.")
    if driver.name == dataset.price_driver and value <= 0:
        raise CellError("Write a price above 0.")
    return value
