"""Naive, model and plan beside each other, by segment, planner, lead or period: read from sums, not from forecasts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal

import numpy as np
from sqlalchemy import ColumnElement, Select, desc, func, select

from demand_assets.forecasting.contract.periods import Frequency, ordinals, period_dates
from webapp.accuracy.judged_sums import FIELDS, leads_of
from webapp.db.database import db
from webapp.language.translations import gettext as _
from webapp.language.translations import lazy_gettext
from webapp.personal.seen_region_items import sees_everything
from webapp.region_items.attributes import groupable
from webapp.services import services
from webapp.tables import User, ValueAdded

Method = Literal["naive", "model", "plan"]
METHODS: dict[Method, str] = {"naive": lazy_gettext("Seasonal naive"), "model": lazy_gettext("Model"),
                            "plan": lazy_gettext("With overrides")}
AXES = {"period": lazy_gettext("Period"), "lead": lazy_gettext("Lead"), "planner": lazy_gettext("Planner")}
"""What rows can be for, beside kinds of groups."""
SORTS = {"worth": lazy_gettext("gained or lost most"), "lost": lazy_gettext("lost most"),
         "gained": lazy_gettext("gained most"), "error": lazy_gettext("largest error"), "name": lazy_gettext("name")}
RANGES: Mapping[Frequency, Sequence[int]] = {"D": (4, 13, 26, 52), "W": (4, 13, 26, 52), "M": (3, 6, 12, 24),
                                             "Q": (2, 4, 8)}
"""Buckets back from the newest that may be asked for."""
MOST_SHOWN = 100
WORTH_SHOWN = 5
"""Groups in which overrides gained most, and as many in which they lost most."""


@dataclass(frozen=True)
class Question:
    """What is to be compared."""

    by: str
    """A kind of group, or one of ``AXES``."""
    lead: int
    """Of all that is not by lead."""
    back: int | None
    """Newest buckets; all unless given."""
    kind: str = "all"
    """Of the segment that it is about, with its name: all region-items unless given."""
    name: str = ""
    planner: str = ""
    """Only rows on which their override stood; empty for all rows."""
    sort: str = "worth"


@dataclass(frozen=True)
class ComparedRows:
    """The same rows by all three, summed up; money is of those rows whose price is known."""

    name: str
    sums: Mapping[str, float]
    """By ``FIELDS``."""

    def error(self, method: Method) -> float:
        """Sum of absolute errors, in units."""
        return self.sums[f"{method}_error"]

    def wape(self, method: Method) -> float | None:
        """Sum of absolute errors over units sold; None where nothing was sold."""
        return _over(self.sums[f"{method}_error"], self.sums["sold"])

    def bias(self, method: Method) -> float | None:
        """What was forecast too much over units sold; below 0 it was too little. None where nothing was sold."""
        return _over(self.sums[method] - self.sums["sold"], self.sums["sold"])

    def error_money(self, method: Method) -> float | None:
        """As ``error``, in money, of the rows whose price is known; None where it is of none."""
        return self.sums[f"{method}_error_money"] if self.priced else None

    @property
    def rows(self) -> int:
        """Periods of region-items that are compared."""
        return int(self.sums["rows"])

    @property
    def periods(self) -> int:
        """Periods of region-items of which these are."""
        return int(self.sums["periods"])

    @property
    def overridden(self) -> int:
        """Rows with an override."""
        return int(self.sums["overridden"])

    @property
    def priced(self) -> int:
        """Rows whose price is known."""
        return int(self.sums["priced"])

    @property
    def gained_by_model(self) -> float:
        """Units of error that the model saves beside seasonal naive; below 0 it was worse."""
        return self.sums["naive_error"] - self.sums["model_error"]

    @property
    def gained(self) -> float | None:
        """Units of error that overrides saved beside the model; below 0 they did harm. None without overrides."""
        return self.sums["model_error"] - self.sums["plan_error"] if self.overridden else None

    @property
    def gained_money(self) -> float | None:
        """As ``gained``, in money; None where no price is known either."""
        gained = self.sums["model_error_money"] - self.sums["plan_error_money"]
        return gained if self.overridden and self.priced else None


@dataclass(frozen=True)
class Comparison:
    """The answer to a question."""

    question: Question
    rows: Sequence[ComparedRows]
    left_out: int
    """Rows that are too many for a page."""
    total: ComparedRows | None
    """Over all rows; None where nothing was judged, and by lead, where the same demand would count several times."""
    since: str
    """The first bucket asked for; empty where nothing was judged."""
    until: str
    """The newest."""


def kinds() -> dict[str, str]:
    """Kinds of groups that rows can be for, and their titles; without an attribute called as one of ``AXES``."""
    return {"region": _("Region"), "item": _("Item")} | {
        name: one.title for name, one in groupable().items() if name not in AXES}


def leads() -> list[int]:
    """Those that are judged."""
    dataset = services().dataset
    return leads_of(dataset.horizon, dataset.frequency)


def planners() -> list[str]:
    """Who made an override that was judged, by address; also those who have no account any more."""
    return list(db.session.scalars(select(ValueAdded.planner).where(
        *([ValueAdded.kind == "all"] if sees_everything() else []), ValueAdded.planner != "").distinct().order_by(
        ValueAdded.planner)))


def without_account(addresses: Sequence[str]) -> set[str]:
    """Those of them who may not sign in, or have no account (any more)."""
    known = set(db.session.scalars(select(User.email).where(User.email.in_(addresses), User.active)))
    return set(addresses) - known


def is_judged(kind: str, name: str) -> bool:
    """Whether anything of a group was judged."""
    return db.session.scalar(select(ValueAdded.name).where(
        ValueAdded.kind == kind, ValueAdded.lead.in_(leads()), ValueAdded.planner == "",
        ValueAdded.name == name).limit(1)) is not None


def compare(question: Question, most: int | None = MOST_SHOWN, after: str = "") -> Comparison:
    """Naive, model and plan on the same rows.

    Args:
        most: rows at most; all unless given.
        after: only rows whose name comes after this one; of the total all are counted.
    """
    newest = _newest(question)
    if newest is None:
        return Comparison(question, [], 0, None, "", "")
    since = _since(newest, question.back)
    rows = _rows(question, since, most, after)
    group, where = _asked(question, since)
    left_out = 0
    if most is not None and len(rows) == most:
        left_out = (db.session.scalar(select(func.count(func.distinct(group))).where(*where)) or 0) - most
    total = None
    if question.by != "lead":
        found = _compared(db.session.execute(select(func.min("").label("of"), *_summed()).where(*where)).one())
        total = replace(found, name="Total") if found.periods else None
    return Comparison(question, rows, left_out, total, since, newest)


def worth_time(question: Question) -> tuple[list[ComparedRows], list[ComparedRows]]:
    """The groups in which overrides gained most, and those in which they lost most: by money where the dataset has
    prices, else by units."""
    newest = _newest(question)
    if newest is None:
        return [], []
    since = _since(newest, question.back)
    gained, lost = (_rows(replace(question, sort=sort), since, WORTH_SHOWN) for sort in ("gained", "lost"))
    return [one for one in gained if _worth(one) > 0], [one for one in lost if _worth(one) < 0]


def trend(question: Question) -> list[ComparedRows]:
    """By bucket, the oldest first."""
    newest = _newest(question)
    return [] if newest is None else _rows(replace(question, by="period"), _since(newest, question.back), None)


def _newest(question: Question) -> str | None:
    """The newest bucket that is judged; None where nothing is."""
    return db.session.scalar(select(func.max(ValueAdded.bucket)).where(
        *([ValueAdded.kind == "all"] if sees_everything() else []), ValueAdded.lead == question.lead,
        ValueAdded.planner == ""))


def _rows(question: Question, since: str, most: int | None, after: str = "") -> list[ComparedRows]:
    """As those of ``compare``."""
    group, where = _asked(question, since)
    if after:
        where.append(group > (int(after) if question.by == "lead" else after))
    query = select(group.label("of"), *_summed()).where(*where).group_by(group)
    return [_compared(row) for row in db.session.execute(_in_order(query, question, group).limit(most))]


def _summed() -> list[ColumnElement[Any]]:
    return [func.sum(getattr(ValueAdded, field)).label(field) for field in FIELDS]


def _worth(one: ComparedRows) -> float:
    return (one.gained_money if one.gained_money is not None else one.gained) or 0.0


def _since(newest: str, back: int | None) -> str:
    """The first of so many buckets."""
    if back is None:
        return ""
    frequency = services().dataset.frequency
    at = np.array([date.fromisoformat(newest)], dtype="datetime64[D]")
    if frequency in ("D", "W"):
        return str((at - 7 * (back - 1))[0])
    return str(period_dates(ordinals(at, frequency) - (back - 1), frequency)[0])


def _asked(question: Question, since: str) -> tuple[ColumnElement[Any], list[ColumnElement[bool]]]:
    """What is grouped by, and which sums are read."""
    where = [ValueAdded.bucket >= since]
    if question.by in AXES:
        where += [ValueAdded.kind == question.kind, ValueAdded.name == question.name]
    else:
        where.append(ValueAdded.kind == question.by)
    if question.by != "lead":
        where.append(ValueAdded.lead == question.lead)
    else:
        where.append(ValueAdded.lead.in_(leads()))
    every_planner = question.by == "planner" and not question.planner
    where.append(ValueAdded.planner != "" if every_planner else ValueAdded.planner == question.planner)
    group: Any = {"period": ValueAdded.bucket, "lead": ValueAdded.lead, "planner": ValueAdded.planner}.get(
        question.by, ValueAdded.name)
    return group, where


def _in_order(query: Select[Any], question: Question, group: ColumnElement[Any]) -> Select[Any]:
    gained_money = func.sum(ValueAdded.model_error_money) - func.sum(ValueAdded.plan_error_money)
    gained = func.sum(ValueAdded.model_error) - func.sum(ValueAdded.plan_error)
    in_money = services().dataset.has_money
    worth, error = (gained_money, func.sum(ValueAdded.plan_error_money)) if in_money else (
        gained, func.sum(ValueAdded.plan_error))
    if question.by in ("period", "lead"):
        return query.order_by(group)
    order = {"gained": desc(worth), "lost": worth, "error": desc(error), "name": group}.get(
        question.sort, desc(func.abs(worth)))
    return query.order_by(order, desc(func.abs(gained)), group)


def _compared(row: Any) -> ComparedRows:
    return ComparedRows(str(row.of), {field: float(getattr(row, field) or 0) for field in FIELDS})


def _over(value: float, of: float) -> float | None:
    return value / of if of else None
