"""The editor's form: a selection, a horizon, changes and a plan, as typed and as what they mean."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date

import pandas as pd
from sqlalchemy import func, select
from werkzeug.datastructures import FileStorage, MultiDict

from demand_assets.forecasting.contract.periods import period_range
from demand_assets.forecasting.contract.region_item import RegionItem, known_as
from webapp.db.database import db
from webapp.language.translations import gettext as _
from webapp.language.translations import in_language
from webapp.pages import reader_locale
from webapp.region_items.labels import selection_words
from webapp.scenarios.editor.driver_changes import ScenarioForm, new_row, parse_scenario
from webapp.scenarios.editor.selection import selected, ticks_of
from webapp.scenarios.plans.plan import DriverPlan, named_region_items, plan_text, read_plan
from webapp.scenarios.plans.plan_files import MOST_BYTES, PlanFileError, text_of_upload
from webapp.scenarios.repository import LONGEST_DESCRIPTION, LONGEST_NAME, original_name
from webapp.scenarios.request import ScenarioRequest, ScopedDriverChange, action_words, dates_ahead
from webapp.services import Services
from webapp.serving.selection_sizes import MOST_OF_A_SCENARIO
from webapp.tables import RegionItemRow, StoredForecast

MOST_TOLD = 3
"""Changes told in a suggested name."""


@dataclass
class Only:
    """Where a change counts; nothing ticked means everywhere."""

    regions: list[str] = field(default_factory=list)
    items: list[str] = field(default_factory=list)


@dataclass
class Editor:
    """The form as typed."""

    name: str
    description: str
    keys: list[str]
    """The selection, region-major."""
    picked: list[str]
    """Those of it that were picked one by one."""
    regions: list[str]
    items: list[str]
    everything: bool
    horizon: int
    dates: list[date]
    """The periods that changes can touch."""
    form: ScenarioForm
    only: dict[int, Only]
    plan_text: str
    plan: DriverPlan
    is_private: bool
    """Whether it shall be there for its creator alone."""
    good_rows: bool
    errors: list[str]

    @property
    def is_valid(self) -> bool:
        """Whether it can be stored."""
        return not self.errors and self.form.is_valid and (self.good_rows or not self.plan.errors)

    @property
    def asked(self) -> ScenarioRequest:
        """What it asks; call only when valid."""
        changes = []
        for row, change in zip(self.form.rows, self.form.changes, strict=True):
            only = self.only_of(row.number)
            changes.append(ScopedDriverChange(change.driver, change.action, change.value, change.first, change.last,
                                       tuple(only.regions), tuple(only.items)))
        return ScenarioRequest(tuple(self.keys), self.horizon, tuple(changes), self.plan.rows, self.plan.refused)

    def only_of(self, number: int) -> Only:
        """Where a change counts."""
        return self.only.get(number, Only())

    @property
    def selected_regions(self) -> list[str]:
        """The regions of the selection."""
        return list(dict.fromkeys(RegionItem.from_key(key).region for key in self.keys))

    @property
    def selected_items(self) -> list[str]:
        """The items of the selection."""
        return sorted({RegionItem.from_key(key).item for key in self.keys})


def parse_editor(services: Services, fields: MultiDict[str, str], upload: FileStorage | None = None,
                 is_link: bool = False) -> Editor:
    """What the fields say, with a message for everything that is wrong.

    Args:
        fields: ``name``, ``description``, ``ri`` (keys), ``region``, ``item``, ``everything``, ``horizon``,
            those of ``parse_scenario`` with ``change-<number>-region`` and ``-item``, ``plan``, ``private``
            and ``use``.
        upload: a file with a plan, in place of the pasted one. Where nothing is selected, the region-items that a plan
            names are.
        is_link: what a change leaves out is as it is when a change is added.
    """
    errors: list[str] = []
    horizon = _horizon(services, fields, errors)
    keys, picked = selected(fields, errors)
    text = fields.get("plan", "")
    try:
        if upload is not None and upload.filename:
            text = text_of_upload(upload.stream.read(MOST_BYTES + 1), upload.filename[:80])
        if text.strip() and not keys and not errors:
            keys, picked = _named_by(text, services, errors)
    except PlanFileError as error:
        errors.append(_("The plan cannot be read. %(problem)s", problem=error))
    dates = dates_ahead(services, keys, horizon)
    ahead = sorted({day for days in dates.values() for day in days}) or _any_dates(services, horizon)
    form = parse_scenario(_completed(fields, services, ahead) if is_link else fields, services.dataset, ahead)
    only = {row.number: Only(_names(fields, f"{row.prefix}region"), _names(fields, f"{row.prefix}item"))
            for row in form.rows}
    if fields.get("add") in services.dataset.driver_names:
        form.rows.append(new_row(form.next_number, services.dataset.driver(fields["add"]), ahead))
    plan = DriverPlan((), ())
    if text.strip() and not errors:
        try:
            plan = read_plan(text, services.dataset, dates, _in_dataset()) if dates else plan
            if not dates:
                errors.append(_("None of the selection can be forecast yet: no demand of it is stored. Select "
                                "others."))
            elif not plan.rows and not plan.errors:
                errors.append(_("The plan holds no row with a value. Fill in a cell under %(drivers)s in a line below "
                                "the first.", drivers=_any_of(services)))
        except PlanFileError as error:
            errors.append(_("The plan cannot be read. %(problem)s", problem=error))
    return Editor(
        _clean(fields.get("name", "")), _clean(fields.get("description", "")), keys, picked,
        _names(fields, "region"), _names(fields, "item"), bool(fields.get("everything")), horizon, ahead, form,
        only, text, plan, bool(fields.get("private")), fields.get("use") == "good", errors)


def _names(fields: MultiDict[str, str], field: str) -> list[str]:
    return [known_as(name) for name in fields.getlist(field)]


def check_complete(editor: Editor, services: Services) -> None:
    """Add what is missing before it can be stored."""
    if not editor.keys and not editor.errors:
        editor.errors.append(_("Nothing is selected. Tick regions, items or single region-items."))
    if len(editor.name) > LONGEST_NAME or len(editor.description) > LONGEST_DESCRIPTION:
        editor.errors.append(_("A name has at most %(name)s characters, a description %(description)s.",
                               name=LONGEST_NAME, description=reader_locale.number(LONGEST_DESCRIPTION)))
    if not editor.form.rows and not editor.plan_text.strip():
        editor.errors.append(_("Nothing is changed. Add a change of a driver, or paste or upload a plan."))
    if editor.good_rows and not editor.plan.rows and not editor.form.rows and not editor.errors:
        editor.errors.append(_("No row of the plan can be used."))
    selected = [RegionItem.from_key(key) for key in editor.keys]
    for row in editor.form.rows:
        only = editor.only_of(row.number)
        if selected and not any((not only.regions or one.region in only.regions)
                                and (not only.items or one.item in only.items) for one in selected):
            editor.errors.append(_("The change of %(driver)s affects nothing selected: its items in its regions are "
                                   "not among it.", driver=row.driver.title))
    if editor.is_valid and not editor.name:
        with in_language(None):  # it is stored
            editor.name = suggested_name(editor.asked, services)


def name_anew(editor: Editor, stored: ScenarioRequest, name: str, services: Services) -> None:
    """Give it the name of what it asks now, where it has the one that was suggested for what it asked before.

    Args:
        stored: what it asked before.
        name: what it was called then, which may say that it is a copy.
    """
    with in_language(None):  # it is stored
        before = suggested_name(stored, services)
        original = original_name(name)
        is_suggested = original == before or (len(name) == LONGEST_NAME and original != name
                                              and before.startswith(original))
        if is_suggested and editor.name == name and editor.asked != stored:
            editor.name = suggested_name(editor.asked, services)


def suggested_name(asked: ScenarioRequest, services: Services) -> str:
    """A name for one that was left without: what is changed, and where."""
    told = list(dict.fromkeys(action_words(change, services.dataset) for change in asked.changes))
    if asked.plan:
        told.append("a plan of " + ", ".join(services.dataset.driver(name).title for name in asked.plan_drivers))
    more = f" and {len(told) - MOST_TOLD} more" if len(told) > MOST_TOLD else ""
    return f"{', '.join(told[:MOST_TOLD])}{more}: {selection_words(asked.keys)}"[:LONGEST_NAME]


def fields_of(asked: ScenarioRequest, name: str, description: str, is_private: bool = False) -> MultiDict[str, str]:
    """The fields of the form that asks this."""
    fields = MultiDict([("name", name), ("description", description), ("horizon", str(asked.horizon)),
                        ("plan", plan_text(asked.plan)), *ticks_of(asked.keys)])
    for number, change in enumerate(asked.changes):
        value = str(int(change.value)) if isinstance(change.value, bool) else f"{change.value:.12g}" if isinstance(
            change.value, float) else change.value
        for part, text in (("driver", change.driver), ("action", change.action), ("value", value),
                           ("first", change.first.isoformat()), ("last", change.last.isoformat())):
            fields.add(f"change-{number}-{part}", text)
        for part, names in (("region", change.regions), ("item", change.items)):
            for one in names:
                fields.add(f"change-{number}-{part}", one)
    if is_private:
        fields.add("private", "1")
    return fields


def _completed(fields: MultiDict[str, str], services: Services, dates: Sequence[date]) -> MultiDict[str, str]:
    """The fields with what changes leave out."""
    found = MultiDict(fields)
    for name, driver in fields.items():
        number = name.removeprefix("change-").removesuffix("-driver")
        if name == f"change-{number}-driver" and number.isdecimal() and driver in services.dataset.driver_names:
            plain = new_row(int(number[:6]), services.dataset.driver(driver), dates)
            for part, value in (("action", plain.action), ("value", plain.value), ("first", plain.first),
                                ("last", plain.last)):
                found.setdefault(f"change-{number}-{part}", value)
    return found


def _named_by(text: str, services: Services, errors: list[str]) -> tuple[list[str], list[str]]:
    """The region-items that a plan names, twice: they are the selection where nothing else is, picked one by one."""
    known = list(db.session.scalars(select(RegionItemRow.key).where(RegionItemRow.in_catalogue).order_by(
        RegionItemRow.position)))
    named = set(named_region_items(text, services.dataset, known))
    if not named:
        example = RegionItem.from_key(known[0]) if known else None
        errors.append(_("Nothing is selected, and the plan names no region-item of the dataset. Tick regions, items or "
                        "single region-items, or name them in columns region and item, as in %(region)s and %(item)s.",
                        region=example.region, item=example.item) if example else
                      _("Nothing is selected, and the plan names no region-item of the dataset. Tick regions, items or "
                        "single region-items, or name them in columns region and item."))
    elif len(named) > MOST_OF_A_SCENARIO:
        errors.append(_("The plan names %(num)s region-items; a scenario holds at most %(most)s. Make two scenarios of "
                        "it.", num=reader_locale.number(len(named)), most=MOST_OF_A_SCENARIO))
        named = set()
    keys = [key for key in known if key in named]
    return keys, keys


def _in_dataset() -> Callable[[str], bool]:
    """Whether a key is one of the dataset's; they are read when the first is asked about."""
    known: set[str] = set()

    def is_in_dataset(key: str) -> bool:
        if not known:
            known.update(db.session.scalars(select(RegionItemRow.key).where(RegionItemRow.in_catalogue)))
        return key in known

    return is_in_dataset


def _any_of(services: Services) -> str:
    return f" {_('or')} ".join(services.dataset.driver_names) or _("a driver")


def _horizon(services: Services, fields: MultiDict[str, str], errors: list[str]) -> int:
    longest = services.dataset.horizon
    text = fields.get("horizon", "").strip() or str(longest)
    if text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= longest:
        return int(text)
    errors.append(_("The horizon must be a whole number from 1 to %(longest)s, not %(asked)s.",
                    asked=repr(text[:40]), longest=longest))
    return longest


def _any_dates(services: Services, horizon: int) -> list[date]:
    """The periods that most forecasts cover; from today on while there are none."""
    origin = db.session.scalar(select(func.max(StoredForecast.origin))) or date.today().isoformat()
    return [at.date() for at in period_range(pd.Timestamp(origin), horizon + 1, services.dataset.frequency)[1:]]


def _clean(text: str) -> str:
    """The text without characters that no one types."""
    return "".join(character for character in text.replace("\r\n", "\n").strip()
                   if character == "\n" or character.isprintable())
