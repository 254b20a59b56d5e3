"""Attributes of items and regions: kept as the demand store has them, and what region-items are found by.

Its table is written here only.
"""

from collections.abc import Iterable, Sequence
from datetime import date

from flask import abort
from sqlalchemy import Select, delete, insert, select
from sqlalchemy.sql.elements import ColumnElement
from werkzeug.datastructures import MultiDict

from demand_assets.forecasting.contract.region_item import RegionItem, known_as
from demand_assets.forecasting.dataset.attributes import AXES, Attribute, Attributes, Axis, as_written
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.prices_and_costs import KINDS
from webapp.db.chunked import chunked
from webapp.db.database import db, writing
from webapp.http.choices import one_of
from webapp.language.translations import gettext as _
from webapp.region_items.forecast_figures import want_forecasts_of, want_totals_of
from webapp.services import services
from webapp.tables import AttributeValue, RegionItemRow

Filter = tuple[str, str]
"""Name of an attribute, or ``region`` or ``item``, and the value that it must have."""
ARGUMENT = "attribute"
"""Of a URL, as ``category:Food``; ``attribute.category=Food`` means the same."""
MOST_FILTERS = 50


def follow(stored: Attributes, dataset: Dataset) -> bool:
    """Whether the app's attributes were others than those stored, which they are now; their totals are due then.

    What was never taken in, or is damaged, changes nothing, also where it cannot be taken in again.
    """
    if dataset.attributes and not (stored.state or stored.items or stored.regions):
        return False
    wanted = {(axis, owner, one.name): as_written(values[one.name]) for one in dataset.attributes for axis in AXES
              if one.of == axis for owner, values in stored.on(axis).items() if one.name in values}
    known = {(row.axis, row.owner, row.name): row.value for row in db.session.execute(
        select(AttributeValue.axis, AttributeValue.owner, AttributeValue.name, AttributeValue.value))}
    db.session.rollback()
    if wanted == known:
        return False
    changed = {key for key in wanted.keys() | known.keys() if wanted.get(key) != known.get(key)}
    in_money = {amount.attribute for kind in KINDS if (amount := dataset.amount(kind)) is not None}
    with writing():
        for axis in AXES:
            want_forecasts_of(axis, sorted({owner for which, owner, name in changed if which == axis
                                            and name in in_money}))
            of_axis = sorted({owner for which, owner, _ in changed if which == axis})
            for owners in chunked(of_axis):
                db.session.execute(delete(AttributeValue).where(
                    AttributeValue.axis == axis, AttributeValue.owner.in_(owners)))
            again = set(of_axis)
            for rows in chunked([{"axis": axis, "owner": owner, "name": name, "value": value}
                                 for (which, owner, name), value in sorted(wanted.items())
                                 if which == axis and owner in again]):
                db.session.execute(insert(AttributeValue), list(rows))
            want_totals_of(axis, of_axis)
    return True


def declared() -> dict[str, Attribute]:
    """The attributes of the dataset by name: levels of hierarchies first, the widest first."""
    dataset = services().dataset
    by_name = {one.name: one for one in dataset.attributes}
    levels = [name for axis in AXES for name in dataset.hierarchies.levels(axis)]
    return {name: by_name[name] for name in [*levels, *by_name]}


def groupable() -> dict[str, Attribute]:
    """Those of ``declared`` that totals are made by: texts and yes/no."""
    return {name: one for name, one in declared().items() if one.kind in ("text", "yes_no")}


def filterable() -> dict[str, tuple[Axis, str]]:
    """What region-items are filtered by -> the axis that has it, and words for it: regions, items, all of
    ``declared``."""
    return {axis: (axis, axis) for axis in AXES} | {name: (one.of, one.title) for name, one in declared().items()}


def parse_filters(fields: MultiDict[str, str]) -> tuple[Filter, ...]:
    """The attributes that a URL or a form asks for, each once; an error page for one that is not declared."""
    given = [text for text in fields.getlist(ARGUMENT) if text]
    found = dict.fromkeys(parsed(text) for text in given)
    for name in fields:
        if name.startswith(f"{ARGUMENT}."):
            found |= dict.fromkeys((one_of(ARGUMENT, name.removeprefix(f"{ARGUMENT}."), list(declared())), text.strip())
                                   for text in fields.getlist(name) if text.strip())
    if len(found) > MOST_FILTERS:
        abort(422, _("At most %(most_filters)s attributes can be filtered at once, not "
                     "%(found)s.", found=len(found), most_filters=MOST_FILTERS))
    return tuple(sorted(found))


def parsed(text: str) -> Filter:
    """The filter that ``category:Food`` or ``region:north`` means; an error page for what is none."""
    name, colon, value = text.partition(":")
    if colon and name in AXES:
        return name, known_as(value)
    names = list(declared())
    if not colon or name not in names:
        typed = repr(text[:60])
        abort(422, _("%(text)s names no attribute. Write it as in category:Food; the attributes are %(names)s.",
                     text=typed, names=", ".join(names)) if names else
              _("%(text)s names no attribute: this dataset has none.", text=typed))
    return name, value


def arguments_of(filters: Iterable[Filter]) -> list[str]:
    """The values of ``ARGUMENT`` that mean these filters."""
    return [f"{name}:{value}" for name, value in filters]


def conditions_of(filters: Sequence[Filter]) -> list[ColumnElement[bool]]:
    """What a region-item must be to have these attributes: one of the values asked for, of each attribute."""
    by_name: dict[str, list[str]] = {}
    for name, value in filters:
        by_name.setdefault(name, []).append(value)
    axes = filterable()
    return [(RegionItemRow.item if axes[name][0] == "item" else RegionItemRow.region).in_(
        values if name in AXES else owners_of(name, values)) for name, values in by_name.items()]


def owners_of(name: str, values: Sequence[str]) -> Select[str]:
    """A query of the items, or regions, whose attribute is one of these values."""
    return select(AttributeValue.owner).where(AttributeValue.name == name, AttributeValue.value.in_(values))


def words_of(filters: Iterable[Filter]) -> list[str]:
    """Each filter in words."""
    titles = filterable()
    return [f"{titles[name][1]} {value}" for name, value in filters]


def attributes_of(region_items: Iterable[RegionItem]) -> dict[RegionItem, dict[str, str]]:
    """Region-item -> attribute -> value as written, in the order of ``declared``; those not known are left out."""
    listed, names = list(region_items), list(declared())
    if not names:
        return {one: {} for one in listed}
    found: dict[tuple[str, str], dict[str, str]] = {}
    for axis in AXES:
        for owners in chunked(sorted({getattr(one, axis) for one in listed})):
            for row in db.session.scalars(select(AttributeValue).where(
                    AttributeValue.axis == axis, AttributeValue.owner.in_(owners))):
                found.setdefault((axis, row.owner), {})[row.name] = row.value
    both = {one: {**found.get(("region", one.region), {}), **found.get(("item", one.item), {})} for one in listed}
    return {one: {name: values[name] for name in names if name in values} for one, values in both.items()}


def typed_value(value: str | None, kind: str) -> str | float | date | None:
    """A value as written as what an attribute of its kind is in files: a number, a date, otherwise text."""
    if value is None:
        return None
    if kind == "date":
        return date.fromisoformat(value)
    return float(value) if kind == "number" else value


def levels(axis: Axis) -> dict[str, str]:
    """What items, or regions, are grouped by -> words for it: their attributes as ``groupable``, then they alone."""
    return {name: one.title for name, one in groupable().items() if one.of == axis} | {axis: axis}


def next_level(kind: str) -> str:
    """What the totals of an attribute consist of: the level below it, or items or regions; empty below these."""
    attribute = declared().get(kind)
    if attribute is None:
        return ""
    levels = services().dataset.hierarchies.levels(attribute.of)
    below = levels[levels.index(kind) + 1:] if kind in levels else ()
    return below[0] if below else attribute.of


def is_within(kind: str, parent: str) -> bool:
    """Whether every group of a kind lies whole in one value of another attribute, or outside of it."""
    above, inner = declared().get(parent), declared().get(kind)
    if above is None or kind == parent:
        return False
    if inner is None:
        return kind == above.of
    levels = services().dataset.hierarchies.levels(above.of)
    return kind in levels and parent in levels and levels.index(parent) < levels.index(kind)
