"""The form of an override: what was typed, what it means, and what is wrong with it."""

from dataclasses import dataclass, field
from datetime import date

from werkzeug.datastructures import MultiDict

from webapp.overrides.overrides import WAYS, Wanted
from webapp.pages.typed_numbers import AmbiguousNumberError, TypedNumberError, read_number

FIELDS = ("first", "last", "way", "amount", "comment")


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
