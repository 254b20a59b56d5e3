"""From when on something is to be looked at: by default, and as administrators say for all or for a segment.

Of several rules of a kind that fit a region-item, the one that was made first counts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from sqlalchemy import select

from webapp.administration.segment_rules import keep_rule, remove_rule_of
from webapp.db.database import db
from webapp.language.translations import gettext as _
from webapp.language.translations import in_language, language, lazy_gettext
from webapp.region_items.segments import is_in
from webapp.tables import WorkRule

MOST_DAYS = 3650


@dataclass(frozen=True)
class Kind:
    """A kind of thing that is to be looked at, and its rule where nobody says otherwise."""

    title: str
    explained: str
    act: str
    """What is done about it, on the page that the entry leads to."""
    due_days: int
    threshold: float | None = None
    """A share; None of a kind that has none."""
    threshold_words: str = ""
    periods: int | None = None
    periods_words: str = ""
    has_segments: bool = True
    """Whether it is about region-items."""
    is_on: bool = True


KINDS: dict[str, Kind] = {
    "moved": Kind(
        lazy_gettext("Forecast moved"),
        lazy_gettext("The model's forecast of the same periods has changed."),
        lazy_gettext("Look"), 2, 0.2, lazy_gettext("Minimum change, share of the forecast before")),
    "missed": Kind(
        lazy_gettext("Sales outside the interval"),
        lazy_gettext("Sales were outside the 80 % interval several periods in a row."),
        lazy_gettext("Look"), 3, periods=3, periods_words=lazy_gettext("Periods in a row")),
    "bias": Kind(
        lazy_gettext("Biased forecast"),
        lazy_gettext("Published forecasts were too high or too low over all the periods they are judged on."),
        lazy_gettext("Look"), 5, 0.25, lazy_gettext("Maximum bias, share of what was sold"), 14,
        lazy_gettext("Minimum periods judged")),
    "failed": Kind(
        lazy_gettext("Retrain failed"),
        lazy_gettext("The newest training ended with an error."),
        lazy_gettext("Retrain"), 1),
    "kept": Kind(
        lazy_gettext("Retrain changed nothing"),
        lazy_gettext("A planner requested a retrain, and the gate kept what served before."),
        lazy_gettext("See why"), 5, periods=30, periods_words=lazy_gettext("Days shown")),
    "refused": Kind(
        lazy_gettext("Data rejected"),
        lazy_gettext("New demand was rejected, or many of its rows."),
        lazy_gettext("See the rows"), 1, 0.05, lazy_gettext("Minimum share of rows")),
    "stale": Kind(
        lazy_gettext("Stale model"),
        lazy_gettext("The model is old, or demand is no longer what it was trained on."),
        lazy_gettext("Retrain"), 10, 0.25, lazy_gettext("Maximum drift (population stability index)"), 180,
        lazy_gettext("Days since it was promoted")),
    "unusual": Kind(
        lazy_gettext("Unusual sales to adjust"),
        lazy_gettext("Sales that season, level and known drivers do not explain."),
        lazy_gettext("Adjust"), 10, periods=60, periods_words=lazy_gettext("Newest periods checked")),
    "override": Kind(
        lazy_gettext("Harmful override"),
        lazy_gettext("Overrides of past periods were further off than the model."),
        lazy_gettext("See the overrides"), 10, periods=3, periods_words=lazy_gettext("Minimum periods judged")),
    "stock_out": Kind(
        lazy_gettext("Out of stock"),
        lazy_gettext("Nothing was left to sell in the newest periods."),
        lazy_gettext("Look"), 1, periods=1, periods_words=lazy_gettext("Periods in a row")),
    "no_model": Kind(
        lazy_gettext("No model"),
        lazy_gettext("It is forecast from last season's sales only, or not at all."),
        lazy_gettext("Retrain"), 5),
    "scenario": Kind(
        lazy_gettext("Scenario to judge"),
        lazy_gettext("Its periods are over: compare what was expected with what was sold."),
        lazy_gettext("Judge"), 10, has_segments=False),
}


@dataclass(frozen=True)
class Rule:
    """What holds for one region-item, or for all."""

    kind: str
    is_on: bool
    threshold: float
    periods: int
    due_days: int
    again_days: int
    """Days after which what was resolved and lasts is open again; 0 for never."""


class RuleError(ValueError):
    """A rule that cannot be; the message says what can."""


@dataclass(frozen=True)
class Rulebook:
    """The rules as they are now."""

    by_kind: Mapping[str, list[tuple[Callable[[str, str], bool], Rule]]]
    """Kind -> for each rule, the first first: whether it is for a region and an item, and what it says."""

    def of(self, kind: str, region: str = "", item: str = "") -> Rule:
        """The rule that counts for a region-item; the one for all unless given."""
        for fits, rule in self.by_kind.get(kind, ()):
            if fits(region, item):
                return rule
        return default_rule(kind)


@cache
def default_rule(kind: str) -> Rule:
    """What holds where no administrator said otherwise."""
    known = KINDS[kind]
    return Rule(kind, known.is_on, known.threshold or 0.0, known.periods or 0, known.due_days, 0)


def rulebook() -> Rulebook:
    """The rules as they are now; of an attribute that the dataset has no more, none."""
    found: dict[str, list[tuple[Callable[[str, str], bool], Rule]]] = {}
    for row in rules():  # those for all stand last, as they fit everything
        fits = is_in(row.segment)
        if row.kind in KINDS and fits is not None:
            plain = default_rule(row.kind)
            found.setdefault(row.kind, []).append((fits, Rule(
                row.kind, row.is_on, plain.threshold if row.threshold is None else row.threshold,
                plain.periods if row.periods is None else row.periods, row.due_days, row.again_days)))
    return Rulebook(found)


def rules() -> list[WorkRule]:
    """All that administrators made: by kind, those of segments before the one for all, in the order of their making."""
    order = list(KINDS)
    return sorted(db.session.scalars(select(WorkRule)), key=lambda row: (
        order.index(row.kind) if row.kind in order else len(order), not row.segment, row.id))


def set_rule(kind: str, segment: str, *, is_on: bool, threshold: float | None, periods: int | None, due_days: int,
             again_days: int) -> bool:
    """Keep a rule, in place of the one that the segment has; whether that changes anything.

    Raises:
        RuleError: the numbers cannot be.
        TooManyRulesError: it would be one more than there may be.
    """
    known = KINDS[kind]
    if segment and not known.has_segments:
        raise RuleError(_("%(kind)s is not about region-items, so its rule is for all. Leave the segment empty.",
                          kind=known.title))
    if threshold is not None and not 0 < threshold <= 100:
        raise RuleError(_("%(what)s: give a number above 0 and at most 100, not %(number)s.", number=f"{threshold:g}",
                          what=known.threshold_words))
    numbers: tuple[tuple[str, int | None, int], ...] = (
        (_("Periods or days"), periods, 1), (_("Days until due"), due_days, 0),
        (_("Days until reopened"), again_days, 0))
    for words, value, least in numbers:
        if value is not None and not least <= value <= MOST_DAYS:
            raise RuleError(_("%(what)s: give a whole number from %(least)s to %(most)s, not %(number)s.",
                              what=words, number=value, least=least, most=MOST_DAYS))
    wanted: dict[str, bool | float | int | None] = {
        "is_on": is_on, "threshold": threshold if known.threshold is not None else None,
        "periods": periods if known.periods is not None else None, "due_days": due_days, "again_days": again_days}
    return keep_rule(WorkRule, {"kind": kind, "segment": segment}, wanted, "rule set", _recorded(kind, segment))


def remove_rule(rule_id: int) -> WorkRule | None:
    """Remove a rule, so that the next that fits counts, or the default; None where there is none."""
    return remove_rule_of(WorkRule, rule_id, ("is_on", "threshold", "periods", "due_days", "again_days"),
                          "rule removed", lambda row: _recorded(row.kind, row.segment))


def named(kind: str, segment: str) -> str:
    """A rule as people name it: ``list of work: Forecast moved, region:north``."""
    title = str(KINDS[kind].title) if kind in KINDS else kind
    return (_("list of work: %(kind)s, %(segment)s", kind=title, segment=segment) if segment else
            _("list of work: %(kind)s", kind=title))


def _recorded(kind: str, segment: str) -> str:
    """A rule's name as it is stored."""
    with in_language(None):
        return named(kind, segment)


def inside_sentence(title: str) -> str:
    """A title as it stands inside a sentence: in lower case, but in German, where nouns stay as they are."""
    return str(title) if language() == "de" else str(title).lower()
