"""Lead time, review period and service level: as planners say for all or for a segment, as attributes tell, and as the
dataset file says.

Each of the three is looked for on its own: an attribute that the dataset file names counts first, then of the rules
that fit the one that was made first, the one for all last, then the dataset file's number.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.order_up_to import ENTRIES, Entry
from demand_assets.forecasting.forecast.order_up_to import (
    NotKnownError,
    OrderUpToError,
    checked_level,
    checked_periods,
)
from webapp.administration.segment_rules import keep_rule, remove_rule_of
from webapp.db.database import db
from webapp.language.translations import gettext as _
from webapp.language.translations import lazy_gettext
from webapp.region_items.attributes import declared
from webapp.region_items.segments import is_in
from webapp.services import services
from webapp.tables import OrderUpToRule

WORDS: dict[Entry, str] = {"lead_time": lazy_gettext("lead time"), "review_period": lazy_gettext("review period"),
                           "service_level": lazy_gettext("service level")}


@dataclass(frozen=True)
class Terms:
    """What holds for one region-item."""

    lead_time: int
    """Periods."""
    review_period: int
    service_level: float
    """Percent."""

    @property
    def periods(self) -> int:
        """Whose demand one order covers."""
        return self.lead_time + self.review_period


@dataclass(frozen=True)
class Rulebook:
    """The rules as they are now."""

    rules: Sequence[tuple[Callable[[str, str], bool], OrderUpToRule]]
    """For each, the first first: whether it is for a region and an item."""

    def terms(self, region_item: RegionItem, attributes: Mapping[str, str]) -> Terms:
        """What holds for a region-item.

        Args:
            attributes: its attributes as written, by name.
        Raises: NotKnownError: something is not said, or an attribute says what is not possible.
        """
        fitting = [rule for fits, rule in self.rules if fits(region_item.region, region_item.item)]
        told = {entry: _told(entry, fitting, attributes) for entry in ENTRIES}
        missing = [str(WORDS[entry]) for entry, value in told.items() if value is None]
        if missing:
            what = missing[0]
            for word in missing[1:]:
                what = _("%(first)s and %(last)s", first=what, last=word)
            raise NotKnownError(_("No %(what)s is set.", what=what))
        lead_time, review_period, level = (float(told[entry] or 0) for entry in ENTRIES)
        try:
            if lead_time % 1 or review_period % 1:
                raise OrderUpToError(_("Lead time and review period must be whole periods, not %(lead_time)s and "
                                       "%(review_period)s.", lead_time=f"{lead_time:g}",
                                       review_period=f"{review_period:g}"))
            checked_periods(int(lead_time), int(review_period))
            checked_level(level)
        except OrderUpToError as error:
            raise NotKnownError(str(error)) from error
        return Terms(int(lead_time), int(review_period), level)


def _told(entry: Entry, fitting: Sequence[OrderUpToRule], attributes: Mapping[str, str]) -> float | None:
    named = services().dataset.order_up_to.attribute(entry)
    if named is not None and named in attributes:
        return float(attributes[named])  # of kind number, which was read as one
    for rule in fitting:
        value = getattr(rule, entry)
        if value is not None:
            return float(value)
    return services().dataset.order_up_to.number(entry)


def rulebook() -> Rulebook:
    """The rules as they are now; those of an attribute that the dataset has no more are left out."""
    found = [(is_in(row.segment), row) for row in rules()]
    return Rulebook([(fits, row) for fits, row in found if fits is not None])


def rules() -> list[OrderUpToRule]:
    """All that people made: those of segments in the order of their making, then the one for all."""
    return sorted(db.session.scalars(select(OrderUpToRule)), key=lambda row: (not row.segment, row.id))


def of_file() -> dict[Entry, str]:
    """What the dataset file says, in words; entries of which it says nothing are left out."""
    said, titles = services().dataset.order_up_to, {name: one.title for name, one in declared().items()}
    found = {entry: f"{number:g}" for entry in ENTRIES if (number := said.number(entry)) is not None}
    return found | {entry: titles[name] for entry in ENTRIES if (name := said.attribute(entry)) is not None}


def set_rule(segment: str, lead_time: int | None, review_period: int | None, service_level: float | None) -> bool:
    """Keep a rule, in place of the one that the segment has; whether that changes anything.

    Args:
        segment: as ``region_items.segments.parsed_segment`` gives it.
        service_level: percent. What is None is left to the next rule that fits.
    Raises:
        OrderUpToError: the numbers cannot be.
        TooManyRulesError: it would be one more than there may be.
    """
    if lead_time is None and review_period is None and service_level is None:
        raise OrderUpToError(_("Give a lead time, a review period or a service level."))
    checked_periods(lead_time or 0, 1 if review_period is None else review_period)
    if service_level is not None:
        checked_level(service_level)
    wanted: dict[str, float | int | None] = {
        "lead_time": lead_time, "review_period": review_period, "service_level": service_level}
    return keep_rule(OrderUpToRule, {"segment": segment}, wanted, "rule set", named(segment))


def remove_rule(rule_id: int) -> OrderUpToRule | None:
    """Remove a rule, so that the next that fits counts, or the dataset file; None where there is none."""
    return remove_rule_of(OrderUpToRule, rule_id, ENTRIES, "rule removed", lambda row: named(row.segment))


def named(segment: str) -> str:
    """A rule as people name it: ``order up to: region:north``."""
    return f"order up to: {segment or 'all'}"
