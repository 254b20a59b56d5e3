"""What the panels of items, regions and time show: the values of one level of each, and how many region-items have them
of those that all other choices leave."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import func, select, true

from demand_assets.forecasting.dataset.attributes import AXES, Axis
from webapp.db.database import db
from webapp.pages.listing import Query
from webapp.pages.long_names import in_full
from webapp.region_items.attributes import ARGUMENT, arguments_of, levels, next_level
from webapp.region_items.overview_table.flags import FLAGS
from webapp.region_items.overview_table.query import View, conditions, kept_of
from webapp.tables import AttributeValue, Catalogue, RegionItemRow

LISTED = 100
"""Values that a panel shows; any other is found by typing a part of it."""
LONGEST_FIND = 200


@dataclass(frozen=True)
class Value:
    """One value of a level."""

    name: str
    count: int
    """Region-items that have it, of those that every choice but this level's leaves."""
    is_ticked: bool


@dataclass(frozen=True)
class Panel:
    """One axis at one of its levels."""

    axis: Axis
    level: str
    levels: dict[str, str]
    """Those that there are, the widest first -> words for them."""
    values: tuple[Value, ...]
    """The most frequent; those that are ticked are always there."""
    more: int
    """How many others there are."""
    below: str
    """The level that a value of this one consists of, on the same axis; empty below the lowest."""
    kept: Sequence[str]
    """The other choices on this axis, as arguments."""
    is_counted: bool = True
    """Whether its values are known; else they are asked for when somebody looks."""

    @property
    def has_short_names(self) -> bool:
        """Whether a short name may stand for a long one among its values: what is shown then may change."""
        return any("(=" in value.name for value in self.values)

    @property
    def field(self) -> str:
        """The argument that says at which level it is."""
        return f"{self.axis}s"

    def drilled(self, view: View, value: str) -> dict[str, object]:
        """What changes of a page's arguments with that value alone of its level, one level down."""
        others = [one for one in view.attributes if one[0] != self.level]
        return {ARGUMENT: arguments_of([*others, (self.level, value)]), self.field: self.below, "page": 1}


def panels_of(view: View, finds: dict[Axis, str]) -> list[Panel]:
    """The panels of items and regions beside what is shown.

    Args:
        finds: axis -> what its values are searched for.
    """
    return [_panel(view, "item", view.items, finds.get("item", "")),
            _panel(view, "region", view.regions, finds.get("region", ""))]


def uncounted() -> list[Panel]:
    """The panels of items and regions beside nothing that they could have ticked, before they are looked at."""
    found = []
    for axis in AXES:
        known = levels(axis)
        level = next(iter(known))
        found.append(Panel(axis, level, known, (), 0, next_level(level), (), is_counted=False))
    return found


def new_counts(view: View, of_all: Mapping[str, int]) -> dict[str, int]:
    """Flag of what is new -> how many region-items have it, of those that items, regions and all else leave.

    Args:
        of_all: the same of all region-items.
    """
    names = [name for name, flag in FLAGS.items() if flag.is_new]
    others = replace(view, flags=tuple(name for name in view.flags if name not in names))
    if not others.is_narrowed:
        return {name: of_all[name] for name in names}
    asked = [func.count().filter(FLAGS[name].which(view.since)) for name in names]
    found = kept_of(others, "new", lambda: db.session.execute(
        select(*asked).select_from(RegionItemRow).where(*conditions(others))).one())
    return dict(zip(names, found, strict=True))


def _panel(view: View, axis: Axis, wanted: str, find: str) -> Panel:
    known = levels(axis)
    level = wanted or next(iter(known))
    others = [one for one in view.attributes if one[0] != level]
    ticked = [value for name, value in view.attributes if name == level]
    of_others = replace(view, attributes=tuple(others))
    query = _sums(axis, level, of_others)
    found, size = _found(query, find) if find else kept_of(
        of_others, ("panel", axis, level), lambda: _most_frequent(query))
    listed = dict(found)
    missing = [name for name in ticked if name not in listed]
    sizes = query.subquery()
    counts = {row[0]: int(row[1]) for row in db.session.execute(
        select(sizes).where(sizes.c.name.in_(missing)))} if missing else {}
    values = (*(Value(name, counts.get(name, 0), True) for name in missing),
              *(Value(name, count, name in ticked) for name, count in found))
    return Panel(axis, level, known, values, max(size - len(listed) - (0 if find else len(counts)), 0),
                 next_level(level), arguments_of(one for one in others if one[0] in known))


def _sums(axis: Axis, level: str, view: View) -> Query:
    """Each value of a level, and how many region-items have it.

    Region-items are summed up by their item, or region, first: values of attributes are joined to those sums. Only the
    catalogue is read where nothing else is asked for, and in a form for which SQLite has an index of what is listed.
    """
    table = RegionItemRow if view.status or view.flags else Catalogue
    owner = Catalogue.item if axis == "item" else Catalogue.region
    sums = select(owner.label("name"), func.count().label("size")).select_from(table).where(
        *conditions(view), Catalogue.in_catalogue == true()).group_by(owner)
    if level == axis:
        return sums
    by_owner = sums.subquery()
    return select(AttributeValue.value.label("name"), func.sum(by_owner.c.size).label("size")).join(
        by_owner, by_owner.c.name == AttributeValue.owner).where(
            AttributeValue.axis == axis, AttributeValue.name == level).group_by(AttributeValue.value)


def _most_frequent(query: Query) -> tuple[list[tuple[str, int]], int]:
    """The values that most region-items have, and how many values there are."""
    sums = query.subquery()
    rows = db.session.execute(select(sums, func.count().over()).order_by(sums.c.size.desc(), sums.c.name).limit(
        LISTED)).all()
    return [(row[0], int(row[1])) for row in rows], rows[0][2] if rows else 0


def _found(query: Query, find: str) -> tuple[list[tuple[str, int]], int]:
    """Of the values that hold each word the most frequent, and how many hold them; databases lower ASCII only."""
    words = find.lower().split()
    rows = [(name, int(size)) for name, size in db.session.execute(query)
            if all(word in in_full(name).lower() for word in words)]
    return sorted(rows, key=lambda row: (-row[1], row[0]))[:LISTED], len(rows)
