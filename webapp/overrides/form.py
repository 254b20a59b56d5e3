"""The form of an override: what was typed, what it means, and what is wrong with it."""

import json
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from werkzeug.datastructures import MultiDict

from webapp.language.translations import gettext as _
from webapp.overrides.wanted_override import MOST_AT_ONCE, WAYS, Cell, OverrideError, WantedOverride
from webapp.pages.reader_locale import number
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


def parse_override(fields: MultiDict[str, str]) -> tuple[OverrideForm, WantedOverride | None]:
    """The form as typed, and what it asks for; None where it says what is wrong.

    Args:
        fields: those of ``FIELDS``, and ``token``. The last date may be left out: it is the first then.
    """
    form = OverrideForm({name: fields.get(name, "")[:1000] for name in FIELDS})
    first = _date(form, "first")
    last = _date(form, "last") if form["last"].strip() else first
    amount = _number(form)
    way = next((one for one in WAYS if one == form["way"]), None)
    if way is None:
        form.errors.append(_("Choose whether it is a value or a percent, not %(typed)s.", typed=_typed(form["way"]))
                           if form["way"].strip() else _("Choose whether it is a value or a percent."))
    if first is None or last is None or amount is None or way is None:
        return form, None
    return form, WantedOverride(first, last, way, amount, " ".join(form["comment"].split()), fields.get("token", ""))


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
        raise OverrideError(_("The cells must be a JSON list of at most %(most)s; open the page again.",
                              most=number(MOST_AT_ONCE)))
    plain = " ".join(fields.get("comment", "").split())
    return [_cell(one, plain) for one in found]


def _cell(one: Any, comment: str) -> Cell:
    if not isinstance(one, dict) or set(one) != set(CELL_FIELDS):
        raise OverrideError(_("Each cell must be an object with %(fields)s; open the page again.",
                              fields=", ".join(CELL_FIELDS)))
    at, own, seen, way, amount = (one[name] for name in ("date", "comment", "seen", "way", "amount"))
    if not all(isinstance(text, str) for text in (at, own, seen)) or len(seen) > LONGEST_MARK:
        raise OverrideError(_("A cell's date, comment and seen must be texts; open the page again."))
    try:
        on = date.fromisoformat(at)
    except ValueError:
        raise OverrideError(_("A cell's date must be like 2026-01-31, not %(typed)s.", typed=_typed(at))
                            if at.strip() else _("A cell's date must be like 2026-01-31.")) from None
    known = next((each for each in WAYS if each == way), None)
    if known is None:
        if way is not None:
            raise OverrideError(_("A cell's way must be %(ways)s, or null to remove an override.",
                                  ways=f" {_('or')} ".join(WAYS)))
        return Cell(on, None, 0.0, "", seen)
    if isinstance(amount, bool) or not isinstance(amount, int | float) or abs(amount) > MOST_AMOUNT:
        raise OverrideError(_("The amount of %(date)s must be a number, not %(typed)s.", date=on,
                              typed=_typed(str(amount))) if str(amount).strip() else
                            _("The amount of %(date)s must be a number.", date=on))
    return Cell(on, known, float(amount), " ".join(own.split()) or comment, seen)


def _date(form: OverrideForm, name: Literal["first", "last"]) -> date | None:
    text = form[name].strip()
    try:
        return date.fromisoformat(text)
    except ValueError:
        form.errors.append({
            ("first", False): _("The first date must be a date like 2026-01-31."),
            ("first", True): _("The first date must be a date like 2026-01-31, not %(typed)s.", typed=_typed(text)),
            ("last", False): _("The last date must be a date like 2026-01-31."),
            ("last", True): _("The last date must be a date like 2026-01-31, not %(typed)s.", typed=_typed(text)),
        }[name, bool(text)])
        return None


def _number(form: OverrideForm) -> float | None:
    try:
        return read_number(form["amount"].strip().removesuffix("%"))
    except AmbiguousNumberError as error:
        form.errors.append(_("The amount cannot be %(typed)s. %(problem)s", typed=_typed(form["amount"]),
                             problem=error))
    except TypedNumberError:
        form.errors.append(_("The amount must be a number like 1250 or 12.5, not %(typed)s.", typed=_typed(
            form["amount"])) if form["amount"].strip() else _("The amount must be a number like 1250 or 12.5."))
    return None


def _typed(text: str) -> str:
    return repr(text.strip()[:40])
