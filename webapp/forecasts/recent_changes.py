"""What people and the gate changed about one region-item, newest first, as far as its page knows of it."""

from dataclasses import dataclass
from datetime import datetime

from webapp.adjustments.predecessor_views import PredecessorsOfPage
from webapp.adjustments.views import Outliers
from webapp.language.translations import gettext as _
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
        what = _("v%(version)s promoted in place of v%(before)s", version=row.production_version,
                 before=row.previous_version) if row.previous_version else (
            _("v%(version)s promoted", version=row.production_version))
        told.append(Change(row.promoted_at, what))
    if row.pinned_by and row.pinned_at:
        told.append(Change(row.pinned_at, _("Model pinned"), row.pinned_by, row.pinned_reason))
    for batch in found.batches:
        one, (first, last), amounts = batch.one, batch.dates, dict.fromkeys(batch.amounts)
        words = [override_amount(one.way, value) for value in amounts]
        amount = words[0] if len(words) == 1 else _("%(least)s to %(most)s", least=words[0], most=words[1])
        when = period(first) if first == last else _("%(first)s to %(last)s", first=period(first), last=period(last))
        what = _("Overridden, %(periods)s: %(amount)s", periods=when, amount=amount)
        told.append(Change(one.made_at, what, one.made_by, one.comment))
    for each in outliers.adjustments:
        what = _("%(period)s: %(sold)s sold, adjusted to %(adjusted)s", period=period(each.date),
                 sold=units(each.sold), adjusted=units(each.adjusted))
        told.append(Change(each.made_at, what, each.made_by, each.reason))
        if each.removed_at:
            told.append(Change(each.removed_at, _("%(what)s; removed", what=what), each.removed_by))
    for link in (*predecessors.counting, *predecessors.removed):
        if not link.is_of_file:
            told.append(Change(link.made_at, _("Carries on %(item)s", item=link.other), link.made_by, link.reason))
        if link.removed_at:
            told.append(Change(link.removed_at, _("Carries on %(item)s; removed", item=link.other), link.removed_by))
    return sorted(told, key=lambda change: change.at, reverse=True)
