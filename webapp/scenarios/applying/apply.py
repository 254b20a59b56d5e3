"""The act: a scenario's differences become overrides of one batch, which one act takes back."""

from dataclasses import dataclass
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import func, select

from webapp.access import Actor, actor
from webapp.db.database import db, writing
from webapp.language.translations import gettext as _
from webapp.language.translations import lazy_gettext
from webapp.language.translations import ngettext as _n
from webapp.overrides.overrides import OverrideResult, put
from webapp.overrides.wanted_override import LONGEST_COMMENT, OverrideError
from webapp.pages.reader_locale import number
from webapp.region_items.rows import locked_region_items
from webapp.scenarios import states
from webapp.scenarios.applying.wanted_overrides import ON_CHANGED, ON_OVERRIDES, OnChanged, OnOverrides, situation_of
from webapp.scenarios.repository import recorded_name
from webapp.tables import Override, SavedScenario

CHANGED = lazy_gettext("Something shown here changed since you opened the page. Nothing was done; look again, then "
                       "decide.")


class UndecidedError(OverrideError):
    """Something has to be decided before; the message says what."""


class ChangedSinceSeenError(OverrideError):
    """What was shown is not how it is any more."""


@dataclass(frozen=True)
class Decided:
    """What a planner decided."""

    on_overrides: OnOverrides | None = None
    """About overrides that are there already."""
    on_changed: OnChanged | None = None
    """About region-items that changed since the scenario was computed."""


def apply(scenario: SavedScenario, decided: Decided, form: str, seen: str | None = None,
          by: Actor | None = None) -> OverrideResult:
    """Override the plan by what a scenario changes. The same form once more changes nothing.

    Args:
        form: the token of the form or request.
        seen: ``Situation.digest`` as it was shown; None where nobody looked before.
    Raises: OverrideError: it cannot be done, or something has to be decided; nothing was changed.
    """
    who, token = by or actor(), scenario.token
    batch = uuid5(NAMESPACE_URL, f"{form}\n{token}").hex
    keys = set(scenario.made_with)
    with writing():
        region_items = locked_region_items(keys)
        scenario = states.hold(token)
        if not keys.issuperset(scenario.made_with):
            raise ChangedSinceSeenError(str(CHANGED))
        if before := db.session.scalar(select(func.count()).where(Override.batch == batch)):
            return OverrideResult(batch, before, 0, is_new=False)
        if scenario.is_private:
            raise OverrideError(_("This scenario is only for you. Share it first, so that others can see why the plan "
                                  "changes."))
        situation = situation_of(scenario, who)
        if situation.problem:
            raise OverrideError(situation.problem)
        if seen is not None and seen != situation.digest:
            raise ChangedSinceSeenError(str(CHANGED))
        if situation.existing and decided.on_overrides is None:
            raise UndecidedError(_n("%(num)s of its periods is overridden already. Decide what happens to this "
                                    "override: %(choices)s.",
                                    "%(num)s of its periods are overridden already. Decide what happens to these "
                                    "overrides: %(choices)s.", len(situation.existing),
                                    num=number(len(situation.existing)), choices=", ".join(ON_OVERRIDES)))
        if situation.must_decide_changed and decided.on_changed is None:
            raise UndecidedError(_("Something changed since the scenario was computed. Compute it again, or decide "
                                   "what happens to the region-items that changed: %(choices)s.",
                                   choices=", ".join(ON_CHANGED)))
        wanted = situation.wanted(decided.on_overrides, decided.on_changed)
        if not wanted:
            raise OverrideError(_("With these choices, nothing is left to override."))
        comment = f"Scenario “{scenario.name}”"[:LONGEST_COMMENT]
        rows = [Override(batch=batch, key=cell.key, date=cell.date, way=way, amount=amount, comment=comment,
                         made_by=who.email, scenario=token) for cell, way, amount in wanted]
        places = {(one.key, one.date) for one in rows}
        replaced = [one for place, one in situation.existing.items() if place in places]
        put(rows, replaced, region_items.values(), who, {
            "scenario": recorded_name(scenario), "existing overrides": decided.on_overrides,
            "changed region-items": decided.on_changed})
    return OverrideResult(batch, len(rows), len(replaced), is_new=True)
