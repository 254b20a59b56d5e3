"""Retrains as their pages show them: found, summed up, region-item by region-item, and whether anything changed."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

from sqlalchemy import ColumnElement, func, select

from demand_assets.forecasting.contract.dagster_names import (
    BY_FIRST_TRAINING,
    BY_PROMOTION_SENSOR,
    BY_SCHEDULE,
    BY_SENSOR,
)
from webapp.db.database import db, now
from webapp.language.translations import lazy_gettext
from webapp.language.translations import ngettext as _n
from webapp.pages.listing import place_of
from webapp.pages.reader_locale import number
from webapp.retrains.requests import RETRIED
from webapp.tables import OPEN_STATES, UNFINISHED, ItemState, Retrain, RetrainItem

Outcome = Literal["promoted", "kept", "quarantined", "mixed", "partly_failed", "failed", "cancelled"]
WORDS: dict[str, str] = {
    "stored": lazy_gettext("waiting to be sent"), "sent": lazy_gettext("running"), "mixed": lazy_gettext("finished"),
    "finished": lazy_gettext("finished"), "refused": lazy_gettext("refused"), "promoted": lazy_gettext("promoted"),
    "kept": lazy_gettext("kept"), "quarantined": lazy_gettext("quarantined"), "failed": lazy_gettext("failed"),
    "partly_failed": lazy_gettext("partly failed"), "cancelled": lazy_gettext("cancelled")}
"""States and outcomes in words."""
COLOUR_OF = {"mixed": "finished", "partly_failed": "failed"}
"""Outcomes that have the colour of a state."""
REASONS_TOLD = 3
DONE_STATES: tuple[ItemState, ...] = ("promoted", "kept", "quarantined", "failed", "cancelled")
STATES: tuple[ItemState, ...] = (*DONE_STATES, "judging", "training", "queued")
"""In the order in which the bar shows them."""
SHOWN = {"": lazy_gettext("all"), "mine": lazy_gettext("mine"), "running": lazy_gettext("running"),
         "failed": lazy_gettext("with failures")}
SOURCES = {"": lazy_gettext("anyone"), "planner": lazy_gettext("a planner"),
           "automatic": lazy_gettext("a sensor or schedule"), "engineer": lazy_gettext("an engineer")}
ASKED_BY = {BY_SENSOR: lazy_gettext("sensor"), BY_SCHEDULE: lazy_gettext("weekly schedule"),
            BY_FIRST_TRAINING: lazy_gettext("first training"), BY_PROMOTION_SENSOR: lazy_gettext("promotion sensor"),
            "an engineer": lazy_gettext("an engineer")}
"""Who asked in Dagster, as it is stored -> in words."""
RETRAINS_A_PAGE, ITEMS_A_PAGE = 25, 50
TELL_SECONDS = 10
"""Durations of what goes on are told anew so often."""


@dataclass(frozen=True)
class Progress:
    """A retrain, summed up."""

    retrain: Retrain
    counts: dict[str, int]
    """Region-items in each state, in the order of ``STATES``; states without any are left out."""

    @property
    def total(self) -> int:
        """Region-items in it."""
        return sum(self.counts.values())

    @property
    def done(self) -> int:
        """Region-items that are decided, refused, failed or cancelled."""
        return sum(self.counts.get(state, 0) for state in DONE_STATES)

    @property
    def retriable(self) -> int:
        """Region-items that failed or were cancelled."""
        return sum(self.counts.get(state, 0) for state in RETRIED)

    @property
    def seconds(self) -> float:
        """How long it has taken so far, or took."""
        return max(((self.retrain.finished_at or now()) - self.retrain.asked_at).total_seconds(), 0.0)

    @property
    def outcome(self) -> Outcome | None:
        """What came of it, by its region-items; None while it is not finished.

        The state of all of them. Where they differ: ``failed`` when the others were cancelled, ``partly_failed`` when
        some failed, ``kept`` when every model stayed, else ``mixed``.
        """
        if not self.retrain.is_finished or not self.counts:
            return None
        if len(self.counts) == 1:
            return cast(Outcome, next(iter(self.counts)))
        if "failed" in self.counts:
            return "failed" if self.counts.keys() <= {"failed", "cancelled"} else "partly_failed"
        return "mixed" if "promoted" in self.counts else "kept"

    @property
    def counts_in_words(self) -> dict[str, str]:
        """State -> how many region-items are in it: ``2 promoted``."""
        return {state: self._count_words(state, count) for state, count in self.counts.items()}

    def _count_words(self, state: str, count: int) -> str:
        num = number(count)
        if state == "kept" and self.retrain.asked_by == BY_FIRST_TRAINING:  # of those that have no version yet
            return _n("%(num)s without a model of its own", "%(num)s without a model of their own", count, num=num)
        return {
            "promoted": _n("%(num)s promoted", "%(num)s promoted", count, num=num),
            "kept": _n("%(num)s kept", "%(num)s kept", count, num=num),
            "quarantined": _n("%(num)s quarantined", "%(num)s quarantined", count, num=num),
            "failed": _n("%(num)s failed", "%(num)s failed", count, num=num),
            "cancelled": _n("%(num)s cancelled", "%(num)s cancelled", count, num=num),
            "judging": _n("%(num)s being judged", "%(num)s being judged", count, num=num),
            "training": _n("%(num)s training", "%(num)s training", count, num=num),
            "queued": _n("%(num)s queued", "%(num)s queued", count, num=num)}[state]

    @property
    def words(self) -> str:
        """How far it is, or what came of it."""
        shown = self.outcome or self.retrain.state
        return str(WORDS[shown])

    @property
    def colour_of(self) -> str:
        """The state in whose colour it is shown."""
        shown = self.outcome or self.retrain.state
        return COLOUR_OF.get(shown, shown)

    @property
    def can_be_cancelled(self) -> bool:
        """Whether cancelling would still change anything; what was asked for in Dagster is cancelled there."""
        return self.retrain.source == "planner" and not self.retrain.is_finished and (
            self.retrain.cancel_asked_at is None) and any(self.counts.get(state) for state in ("queued", "training"))

    @property
    def bar(self) -> list[tuple[str, float, float]]:
        """State, where its part of the bar begins, and how long it is, in percent."""
        parts, begin = [], 0.0
        for state, count in self.counts.items():
            length = 100 * count / max(sum(self.counts.values()), 1)
            parts.append((state, round(begin, 3), round(length, 3)))
            begin += length
        return parts

    @property
    def version(self) -> str:
        """Another whenever the page would tell something else of it."""
        retrain = self.retrain
        return _digest(retrain.state, retrain.dagster_state, retrain.dagster_id, retrain.problem,
                       retrain.cancel_asked_at, retrain.reason, retrain.size, self.counts,
                       None if retrain.is_finished else int(self.seconds / TELL_SECONDS))


@dataclass(frozen=True)
class ItemPage:
    """Some region-items of a retrain."""

    items: Sequence[RetrainItem]
    state: str
    """Only those in this state; empty for all."""
    matching: int
    number: int
    pages: int

    @property
    def version(self) -> str:
        """Another whenever the page would tell something else of them."""
        return _digest(self.matching, self.number, [(item.key, item.state, item.at, item.reason, item.version,
                                                     item.repeated) for item in self.items])


@dataclass(frozen=True)
class RetrainPage:
    """Some retrains, newest first."""

    found: list[Progress]
    matching: int
    number: int
    pages: int

    @property
    def version(self) -> str:
        """Another whenever the page would tell something else of them."""
        return _digest(self.matching, [(each.retrain.id, each.version) for each in self.found])

    @property
    def is_live(self) -> bool:
        """Whether something on it is going on."""
        return any(not each.retrain.is_finished for each in self.found)


def asked_by_words(retrain: Retrain) -> str:
    """Who asked for it: a person as they sign in, or what in Dagster did."""
    return retrain.asked_by if retrain.source == "planner" else str(ASKED_BY.get(retrain.asked_by, retrain.asked_by))


def progress_of(retrain: Retrain) -> Progress:
    """The retrain, summed up."""
    return _summed_up([retrain])[0]


def find_retrains(shown: str, source: str, asked_by: str, number: int) -> RetrainPage:
    """A page of retrains, newest first; the last one when it asks for more than there are.

    Args:
        shown: of ``SHOWN``.
        source: of ``SOURCES``.
        asked_by: who "mine" means.
    """
    query = select(Retrain)
    if shown == "mine":
        query = query.where(Retrain.asked_by == asked_by)
    elif shown == "running":
        query = query.where(Retrain.state.in_(UNFINISHED))
    elif shown == "failed":
        query = query.where(Retrain.id.in_(select(RetrainItem.retrain_id).where(RetrainItem.state == "failed")))
    if source:
        query = query.where(Retrain.source == source)
    matching = db.session.scalar(select(func.count()).select_from(query.subquery())) or 0
    place = place_of(number, matching, RETRAINS_A_PAGE)
    found = db.session.scalars(query.order_by(Retrain.asked_at.desc(), Retrain.id.desc())
                               .limit(RETRAINS_A_PAGE).offset(place.before)).all()
    return RetrainPage(_summed_up(found), matching, place.number, place.pages)


def find_items(retrain: Retrain, state: str, number: int, only: ColumnElement[bool] | None = None) -> ItemPage:
    """A page of a retrain's region-items; the last one when it asks for more than there are.

    Args:
        state: only those in it; empty for all.
        only: of which region-items this holds.
    """
    query = select(RetrainItem).where(RetrainItem.retrain_id == retrain.id)
    if state:
        query = query.where(RetrainItem.state == state)
    if only is not None:
        query = query.where(only)
    matching = db.session.scalar(select(func.count()).select_from(query.subquery())) or 0
    place = place_of(number, matching, ITEMS_A_PAGE)
    found = db.session.scalars(query.order_by(RetrainItem.position)
                               .limit(ITEMS_A_PAGE).offset(place.before)).all()
    return ItemPage(found, state, matching, place.number, place.pages)


def failure_reasons(retrain: Retrain) -> list[tuple[str, int]]:
    """Why region-items of it failed, and how many each; the most frequent first."""
    found = db.session.execute(
        select(RetrainItem.reason, func.count()).where(RetrainItem.retrain_id == retrain.id,
                                                       RetrainItem.state == "failed")
        .group_by(RetrainItem.reason).order_by(func.count().desc(), RetrainItem.reason).limit(REASONS_TOLD))
    return [(reason, count) for reason, count in found]


def unfinished() -> list[Retrain]:
    """Retrains in which something is open, oldest first."""
    open_ids = select(RetrainItem.retrain_id).where(RetrainItem.state.in_(OPEN_STATES))
    return list(db.session.scalars(select(Retrain).where(Retrain.id.in_(open_ids)).order_by(Retrain.id)))


def _summed_up(retrains: Sequence[Retrain]) -> list[Progress]:
    counted: dict[int, dict[str, int]] = {retrain.id: {} for retrain in retrains}
    for retrain_id, state, count in db.session.execute(
            select(RetrainItem.retrain_id, RetrainItem.state, func.count())
            .where(RetrainItem.retrain_id.in_(list(counted))).group_by(RetrainItem.retrain_id, RetrainItem.state)):
        counted[retrain_id][state] = count
    return [Progress(retrain, {state: counted[retrain.id][state] for state in STATES if state in counted[retrain.id]})
            for retrain in retrains]


def _digest(*values: object) -> str:
    return hashlib.sha1(repr(values).encode(), usedforsecurity=False).hexdigest()[:16]
