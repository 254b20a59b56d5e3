"""The scenario form: its fields follow the dataset's drivers; what was typed becomes a Scenario or messages."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from werkzeug.datastructures import MultiDict

from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.driver_kinds import Action
from demand_assets.forecasting.dataset.drivers import Driver
from demand_assets.forecasting.whatif.scenario import Change, Scenario
from webapp.language.translations import gettext as _
from webapp.pages.typed_numbers import AmbiguousNumberError, TypedNumberError, read_number
from webapp.scenarios.plans.plan_files import LARGEST_NUMBER, LONGEST_CATEGORY

MOST_CHANGES = 50


@dataclass
class ChangeRow:
    """One change as it was typed, with what is wrong with it."""

    number: int
    driver: Driver
    action: str
    value: str
    first: str
    last: str
    errors: dict[str, str] = field(default_factory=dict, init=False)

    @property
    def prefix(self) -> str:
        """What the names of its fields begin with."""
        return f"change-{self.number}-"

    @property
    def actions(self) -> tuple[Action, ...]:
        """What can be done to its driver."""
        return self.driver.of_kind.actions


@dataclass(frozen=True)
class ScenarioForm:
    """All changes as typed; a scenario when nothing is wrong."""

    rows: list[ChangeRow]
    errors: list[str]
    changes: tuple[Change, ...]

    @property
    def is_valid(self) -> bool:
        """Whether every change can be read."""
        return not self.errors and not any(row.errors for row in self.rows)

    @property
    def problems(self) -> dict[str, str]:
        """What is wrong, by the name of its field."""
        return {f"{row.prefix}{name}": words for row in self.rows for name, words in row.errors.items()}

    @property
    def scenario(self) -> Scenario:
        """The scenario; call only when valid."""
        return Scenario(self.changes)

    @property
    def next_number(self) -> int:
        """A number that no row has."""
        return max((row.number for row in self.rows), default=-1) + 1

    def query(self) -> dict[str, str]:
        """The fields as arguments of a URL."""
        return {f"{row.prefix}{name}": value for row in self.rows for name, value in (
            ("driver", row.driver.name), ("action", row.action), ("value", row.value), ("first", row.first),
            ("last", row.last))}


def new_row(number: int, driver: Driver, dates: Sequence[date]) -> ChangeRow:
    """An empty change of that driver over all dates."""
    value = "1" if driver.kind == "yes_no" else ""
    return ChangeRow(number, driver, driver.of_kind.actions[0], value, dates[0].isoformat(), dates[-1].isoformat())


def parse_scenario(fields: MultiDict[str, str], dataset: Dataset, dates: Sequence[date]) -> ScenarioForm:
    """What the fields say; rows of undeclared drivers are refused as a whole.

    Args:
        fields: ``change-<number>-driver``, ``-action``, ``-value``, ``-first``, ``-last`` for each change.
        dates: the periods of the forecast.
    """
    numbers = sorted({int(part) for name in fields if name.startswith("change-") and name.endswith("-driver")
                      and (part := name.removeprefix("change-").removesuffix("-driver")).isascii()
                      and part.isdigit() and len(part) < 7})
    removed = fields.get("drop", "")
    errors, rows, changes = [], [], []
    if len(numbers) > MOST_CHANGES:
        errors.append(_("A scenario has at most %(most)s changes; these are %(num)s.", most=MOST_CHANGES,
                        num=len(numbers)))
        numbers = numbers[:MOST_CHANGES]
    for number in numbers:
        prefix = f"change-{number}-"
        name = fields.get(f"{prefix}driver", "")
        if str(number) == removed:
            continue
        if name not in dataset.driver_names:
            errors.append(_("%(name)s is not a driver of %(dataset)s; its drivers are %(drivers)s.", name=repr(name),
                            dataset=dataset.title, drivers=", ".join(dataset.driver_names) or _("none")))
            continue
        typed = {part: fields.get(f"{prefix}{part}", "").strip() for part in ("action", "value", "first", "last")}
        row = ChangeRow(number, dataset.driver(name), **typed)
        rows.append(row)
        if change := _change(row, dates, dataset.price_driver):
            changes.append(change)
    return ScenarioForm(rows, errors, tuple(changes))


def _change(row: ChangeRow, dates: Sequence[date], price: str | None) -> Change | None:
    """The change that a row describes; None, with the row's errors set, when it describes none."""
    action = next((action for action in row.actions if action == row.action), None)
    if action is None:
        row.errors["action"] = _("Choose one of: %(choices)s.", choices=", ".join(row.actions))
    value = _value(row, price)
    first, last = _date(row, "first"), _date(row, "last")
    if first and last:
        if first > last:
            row.errors["last"] = _("The last day (%(last)s) lies before the first (%(first)s).", last=last, first=first)
        elif last < dates[0] or first > dates[-1]:
            row.errors["first"] = _("The forecast runs from %(first)s to %(last)s; these dates touch none of it.",
                                    first=dates[0], last=dates[-1])
    if row.errors or action is None or value is None or first is None or last is None:
        return None
    return Change(row.driver.name, action, value, max(first, dates[0]), min(last, dates[-1]))


def _value(row: ChangeRow, price: str | None) -> float | bool | str | None:
    driver, text = row.driver, row.value
    if driver.kind == "yes_no":
        if text not in ("0", "1"):
            row.errors["value"] = _("Choose yes or no.")
            return None
        return text == "1"
    if driver.kind == "category":
        if not text or len(text) > LONGEST_CATEGORY:
            row.errors["value"] = _("Choose a value.")
            return None
        return text
    try:
        value = read_number(text)
        if abs(value) > LARGEST_NUMBER:
            raise TypedNumberError(text)
    except AmbiguousNumberError as error:
        row.errors["value"] = str(error)
        return None
    except TypedNumberError:
        row.errors["value"] = _("Give a number, not %(text)s.", text=repr(text[:40])) if text else _("Give a number.")
        return None
    if row.action == "percent" and value < -100:
        row.errors["value"] = _("It cannot fall by more than 100 percent.")
        return None
    is_free = (row.action == "set" and value <= 0) or (row.action == "percent" and value == -100)
    if row.driver.name == price and is_free:
        row.errors["value"] = _("A price is above 0.")
        return None
    return value


def _date(row: ChangeRow, name: str) -> date | None:
    text = row.first if name == "first" else row.last
    try:
        return date.fromisoformat(text)
    except ValueError:
        row.errors[name] = _("Give a date like 2026-01-31, not %(text)s.", text=repr(text[:40])) if text else _(
            "Give a date like 2026-01-31.")
        return None
