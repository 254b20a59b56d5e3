"""The form of an override: what was typed, what it means, and what is wrong with it."""

import json
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from werkzeug.datastructures import MultiDict

from webapp.overrides.overrides import MOST_AT_ONCE, WAYS, Cell, OverrideError, Wanted
from webapp.pages.typed_numbers import AmbiguousNumberError, TypedNumberError, read_number

FIELDS = ("first", "last", "way", "amount", "comment")
CELL_FIELDS = ("date", "way", "amount", "comment", "seen")
MOST_AMOUNT = 1e15
"""Beyond this nothing is read as a number; what is allowed is said where an override is made."""
LONGEST_MARK = 100
"""Characters of ``Cell.seen``."""


@dataclass
class OverrideForm:
    """As it is shown: empty, or as it was typed with its messages."""

    values: dict[str, str] = field(default_factory=dict)
    """By the names of ``FIELDS``, as typed."""
    errors: list[str] = field(default_factory=list)

    def __getitem__(self, name: str) -> str:
        """What was typed; empty where nothing was."""
        return self.values.get(name, "")

    @property
    def is_open(self) -> bool:
        """Whether there is something to see in it."""
        return bool(self.errors)


def parse_override(fields: MultiDict[str, str]) -> tuple[OverrideForm, Wanted | None]:
    """The form as typed, and what it asks for; None where it says what is wrong.

    Args:
        fields: those of ``FIELDS``, and ``token``. The last date may be left out: it is the first then.
    """
    form = OverrideForm({name: fields.get(name, "")[:1000] for name in FIELDS})
    first = _date(form, "first", "The first date")
    last = _date(form, "last", "The last date") if form["last"].strip() else first
    amount = _number(form)
    way = next((one for one in WAYS if one == form["way"]), None)
    if way is None:
        form.errors.append(f"Choose whether it is a value or a percent{_typed(form['way'])}.")
    if first is None or last is None or amount is None or way is None:
        return form, None
    return form, Wanted(first, last, way, amount, " ".join(form["comment"].split()), fields.get("token", ""))


def parse_cells(fields: MultiDict[str, str]) -> list[Cell]:
    """What was typed into a grid, as its script sends it.

    Args:
        fields: ``cells``, a JSON list of objects with ``CELL_FIELDS``, whose ``way`` and ``amount`` are null where an
            override is to be removed; ``comment`` of those that have none of their own.
    Raises: OverrideError: it cannot be read.
    """
    try:
        found = json.loads(fields.get("cells", "") or "[]")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or len(found) > MOST_AT_ONCE:
        raise OverrideError(f"The cells must be a JSON list of at most {MOST_AT_ONCE:,}; open the page again.")
    plain = " ".join(fields.get("comment", "").split())
    return [_cell(one, plain) for one in found]


def _cell(one: Any, comment: str) -> Cell:
    if not isinstance(one, dict) or set(one) != set(CELL_FIELDS):
        raise OverrideError(f"Each cell must be an object with {', '.join(CELL_FIELDS)}; open the page again.")
    at, own, seen, way, amount = (one[name] for name in ("date", "comment", "seen", "way", "amount"))
    if not all(isinstance(text, str) for text in (at, own, seen)) or len(seen) > LONGEST_MARK:
        raise OverrideError("A cell's date, comment and seen must be texts; open the page again.")
    try:
        on = date.fromisoformat(at)
    except ValueError:
        raise OverrideError(f"A cell's date must be one as 2026-01-31{_typed(at)}.") from None
    known = next((each for each in WAYS if each == way), None)
    if known is None:
        if way is not None:
            raise OverrideError(f"A cell's way must be {' or '.join(WAYS)}, or null to remove an override.")
        return Cell(on, None, 0.0, "", seen)
    if isinstance(amount, bool) or not isinstance(amount, int | float) or abs(amount) > MOST_AMOUNT:
        raise OverrideError(f"The amount of {on} must be a number{_typed(str(amount))}.")
    return Cell(on, known, float(amount), " ".join(own.split()) or comment, seen)


def _date(form: OverrideForm, name: str, words: str) -> date | None:
    text = form[name].strip()
    try:
        return date.fromisoformat(text)
    except ValueError:
        form.errors.append(f"{words} must be a date as 2026-01-31{_typed(text)}.")
        return None


def _number(form: OverrideForm) -> float | None:
    try:
        return read_number(form["amount"].strip().removesuffix("%"))
    except AmbiguousNumberError as error:
        form.errors.append(f"The amount cannot be {form['amount'].strip()[:40]!r}. {error}")
    except TypedNumberError:
        form.errors.append(f"The amount must be a number as 1250 or 12.5{_typed(form['amount'])}.")
    return None


def _typed(text: str) -> str:
    return f", not {text.strip()[:40]!r}" if text.strip() else ""
