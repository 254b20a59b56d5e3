"""What people and the gate changed about one region-item, newest first, as far as its page knows of it."""

from dataclasses import dataclass
from datetime import datetime

from webapp.adjustments.predecessor_views import PredecessorsOfPage
from webapp.adjustments.views import Outliers
from webapp.overrides.applied import Overridden, override_amount
from webapp.pages.numbers_and_dates import period, units
from webapp.tables import RegionItemRow


@dataclass(frozen=True)
class Change:
    """One change."""

    at: datetime
    what: str
    by: str = ""
    """Who; empty: it came by itself, or by whom is told elsewhere."""
    why: str = ""


def changes_of(row: RegionItemRow, outliers: Outliers, found: Overridden,
               predecessors: PredecessorsOfPage) -> list[Change]:
    """The promotion of its model, its pin, the overrides that hold, adjustments and predecessors."""
    told: list[Change] = []
    if row.promoted_at and row.production_version:
        before = f" in place of v{row.previous_version}" if row.previous_version else ""
        told.append(Change(row.promoted_at, f"v{row.production_version} promoted{before}"))
    if row.pinned_by and row.pinned_at:
        told.append(Change(row.pinned_at, "Model pinned", row.pinned_by, row.pinned_reason))
    for batch in found.batches:
        one, (first, last), amounts = batch.one, batch.dates, dict.fromkeys(batch.amounts)
        words = " to ".join(override_amount(one.way, value) for value in amounts)
        when = period(first) if first == last else f"{period(first)} to {period(last)}"
        told.append(Change(one.made_at, f"Overridden, {when}: {words}", one.made_by, one.comment))
    for each in outliers.adjustments:
        what = f"{period(each.date)}: {units(each.sold)} sold, adjusted to {units(each.adjusted)}"
        told.append(Change(each.made_at, what, each.made_by, each.reason))
        if each.removed_at:
            told.append(Change(each.removed_at, f"{what}; removed", each.removed_by))
    for link in (*predecessors.counting, *predecessors.removed):
        if not link.is_of_file:
            told.append(Change(link.made_at, f"Carries on {link.other}", link.made_by, link.reason))
        if link.removed_at:
            told.append(Change(link.removed_at, f"Carries on {link.other}; removed", link.removed_by))
    return sorted(told, key=lambda change: change.at, reverse=True)
