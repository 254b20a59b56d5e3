"""Skill of every region-item as a table of regions by items, coloured."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, distinct, func, select

from webapp.db.database import db
from webapp.language.translations import lazy_gettext
from webapp.pages.listing import place_of
from webapp.region_items.overview_table.query import View, conditions, kept_of
from webapp.tables import RegionItemRow

Measure = Literal["live", "backtest"]
MEASURES: dict[Measure, str] = {"live": lazy_gettext("forecasts as they stood"), "backtest": lazy_gettext("backtest")}
ITEMS_AT_ONCE, REGIONS_AT_ONCE = 40, 15
EDGES = (-0.2, -0.05, 0.05, 0.2, 0.35)
"""Skill at which one colour ends and the next begins."""
LEVELS = (lazy_gettext("below −20 %"), lazy_gettext("−20 to −5 %"), lazy_gettext("−5 to 5 %"),
          lazy_gettext("5 to 20 %"), lazy_gettext("20 to 35 %"), lazy_gettext("above 35 %"))


@dataclass(frozen=True)
class HeatView:
    """Which heat map is shown; the URL says it."""

    of: View
    """Which region-items, and the page of items."""
    measure: Measure
    across: int = 1
    """Page of regions."""

    def query(self, **changes: object) -> dict[str, Any]:
        """The URL's arguments for this view with changes; of other region-items the first regions are shown."""
        others = {name: value for name, value in changes.items() if name not in ("skill", "across")}
        across = changes.get("across", 1 if others.get("page") == 1 else self.across)
        found = self.of.query(**others) | {"skill": str(changes.get("skill", self.measure))}
        return found | ({} if str(across) == "1" else {"across": str(across)})


@dataclass(frozen=True)
class Cell:
    """One region-item."""

    key: str
    skill: float | None
    """1 minus its error over that of seasonal naive; None where it is not known."""
    periods: int
    """That a live skill stands on."""

    @property
    def level(self) -> int | None:
        """Place of its colour in ``LEVELS``."""
        return None if self.skill is None else bisect_right(EDGES, self.skill)


@dataclass(frozen=True)
class HeatMap:
    """One page of the table: some items by some regions."""

    regions: Sequence[str]
    items: Sequence[str]
    cells: Mapping[tuple[str, str], Cell]
    """By region and item; those that do not match, or that there are not, are left out."""
    page: int
    """Of the items, as ``across`` of the regions."""
    pages: int
    across: int
    pages_across: int
    all_items: int
    all_regions: int


def heat_map(view: View, measure: Measure, across: int) -> HeatMap:
    """The page that is asked for, or the last one when more are asked for than there are.

    Args:
        view: which region-items, and the page of items.
        across: page of regions.
    """
    where = conditions(view)
    regions = kept_of(view, "regions", lambda: db.session.scalars(
        select(RegionItemRow.region).where(*where).group_by(RegionItemRow.region)
        .order_by(func.min(RegionItemRow.position))).all())
    all_items = kept_of(view, "items", lambda: db.session.scalar(
        select(func.count(distinct(RegionItemRow.item))).where(*where)) or 0)
    down = place_of(view.page, all_items, ITEMS_AT_ONCE)
    right = place_of(across, len(regions), REGIONS_AT_ONCE)
    items = kept_of(view, ("items", down.before), lambda: db.session.scalars(
        select(RegionItemRow.item).where(*where).group_by(RegionItemRow.item)
        .order_by(RegionItemRow.item).limit(ITEMS_AT_ONCE).offset(down.before)).all())
    shown = regions[right.before:right.before + REGIONS_AT_ONCE]
    rows = db.session.execute(select(
        RegionItemRow.key, RegionItemRow.region, RegionItemRow.item, RegionItemRow.live_periods,
        _skill(measure)).where(*where, RegionItemRow.region.in_(shown), RegionItemRow.item.in_(items)))
    cells = {(row[1], row[2]): Cell(row[0], row[4], row[3]) for row in rows}
    return HeatMap(shown, items, cells, down.number, down.pages, right.number, right.pages, all_items, len(regions))


def _skill(measure: Measure) -> ColumnElement[float | None]:
    if measure == "live":
        return RegionItemRow.live_skill.expression
    return 1 - RegionItemRow.wape / func.nullif(RegionItemRow.wape_seasonal_naive, 0)
