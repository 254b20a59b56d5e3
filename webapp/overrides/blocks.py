"""The list of overrides with one line for those that were made together: 28 days of two region-items are one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import case, func

from webapp.db.database import db
from webapp.language.translations import gettext as _
from webapp.overrides.applied import override_amount
from webapp.overrides.overrides import is_ahead
from webapp.pages.listing import Page, Query, View, find_page, in_order
from webapp.pages.numbers_and_dates import amount
from webapp.tables import Override, RegionItemRow

_HOLDS = case((Override.removed_at.is_(None), 1), else_=0)
_POSITION = func.min(RegionItemRow.position)
_LAST = func.max(Override.id)
_ORDER: dict[str, Any] = {"region_item": _POSITION, "date": func.min(Override.date),
                          "made_at": func.min(Override.made_at), "planner": Override.made_by.expression}
"""What lines are sorted by, for each column of the list."""


@dataclass(frozen=True)
class Block:
    """Overrides that were made together, in the same way and with the same comment; those of them that a list shows."""

    batch: str
    way: str
    comment: str
    made_by: str
    scenario: str
    holds: bool
    """False: all of them were undone or replaced."""
    size: int
    region_items: int
    key: str
    """One of its region-items."""
    first: str
    last: str
    """Periods, ISO text."""
    least: float
    most: float
    together: float
    """Units of all of them."""
    made_at: datetime
    removed_by: str
    removed_at: datetime | None
    """The last time."""
    id: int
    """Of one of them."""
    ahead: int = 0
    """Of those that hold, how many have a period that is not known yet."""

    @property
    def amounts(self) -> str:
        """What they do: ``10 % more``, ``12 to 15 units``, of several region-items ``500 units in all``."""
        if self.way == "value" and self.region_items > 1:
            return _("%(amount)s in all", amount=override_amount(self.way, self.together))
        if amount(self.least) == amount(self.most):
            return override_amount(self.way, self.least)
        if self.way == "value" or self.least > 0 or self.most < 0:
            nearest, furthest = sorted((self.least, self.most), key=abs)
            return _("%(least)s to %(most)s", least=amount(abs(nearest)), most=override_amount(self.way, furthest))
        return _("%(least)s to %(most)s", least=override_amount(self.way, self.least),
                 most=override_amount(self.way, self.most))

    @property
    def states(self) -> list[tuple[str, int]]:
        """Each state that some of them have, and how many."""
        found = (("open", self.ahead), ("past", self.size - self.ahead)) if self.holds else (("removed", self.size),)
        return [(state, count) for state, count in found if count]


def find_blocks(query: Query, view: View) -> Page:
    """A page of ``Block``.

    Args:
        query: of the overrides that match, joined with their region-items.
    """
    alike = (Override.batch, Override.way, Override.comment, Override.made_by, Override.scenario, _HOLDS)
    blocks = query.order_by(None).with_only_columns(
        *alike, func.count(), func.count(Override.key.distinct()), func.min(Override.key), func.min(Override.date),
        func.max(Override.date), func.min(Override.amount), func.max(Override.amount), func.sum(Override.amount),
        func.min(Override.made_at), func.max(Override.removed_by), func.max(Override.removed_at), _LAST,
    ).group_by(*alike)
    page = find_page(in_order(blocks, view, _LAST, _ORDER), view)
    ahead = _ahead(query, [row[0] for row in page.rows])
    found = [Block(*row) for row in page.rows]
    rows = [replace(one, ahead=ahead.get((one.batch, one.way, one.comment), 0)) if one.holds else one for one in found]
    return Page(rows, page.matching, page.view, page.pages)


def _ahead(query: Query, batches: Sequence[str]) -> dict[tuple[str, str, str], int]:
    """Of the overrides that hold, how many lie ahead, for batch, way and comment."""
    kind = (Override.batch, Override.way, Override.comment)
    found = db.session.execute(query.order_by(None).with_only_columns(*kind, func.count()).where(
        Override.batch.in_(batches), Override.removed_at.is_(None), is_ahead()).group_by(*kind))
    return {(batch, way, comment): count for batch, way, comment, count in found}
