"""Why something is to be looked at: found in what is stored, by the rules. Nothing is forecast, and no demand is read
but for overrides that are judged.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from math import isfinite
from statistics import median
from typing import Any

import numpy as np
from sqlalchemy import func, select

from demand_assets.forecasting.contract.periods import ordinals, period_dates, weekdays
from demand_assets.forecasting.contract.region_item import RegionItem
from webapp.db.database import db
from webapp.overrides.override_accuracy import judge, score_of
from webapp.services import Services
from webapp.tables import Adjustment, RegionItemRow, Retrain, RetrainItem, SavedScenario, StoredForecast
from webapp.work_list.states import Cause
from webapp.work_list.thresholds import Rule, Rulebook

OF_ROWS = ("moved", "missed", "bias", "failed", "kept", "refused", "stale", "unusual", "stock_out", "no_model")
"""Kinds that are found in the rows of region-items and what belongs to them."""
OF_PASTS = ("override", "scenario")
"""Kinds that change when periods become known, and take longer to find."""
LONGEST_WHY = 2000
"""So that no sentence is cut that is looked up in a language."""
FEW, FEW_OF = 5, 0.1
"""While more region-items than these, and than this share, were never trained, the first training is under way."""
_READ = (
    RegionItemRow.key, RegionItemRow.region, RegionItemRow.item, RegionItemRow.last_date, RegionItemRow.step,
    RegionItemRow.step_at, RegionItemRow.step_reason, RegionItemRow.activity, RegionItemRow.quarantine_reason,
    RegionItemRow.quarantined_rows, RegionItemRow.rows_read, RegionItemRow.status, RegionItemRow.best,
    RegionItemRow.production_version, RegionItemRow.promoted_at, RegionItemRow.pinned_by, RegionItemRow.moved,
    RegionItemRow.moved_of, RegionItemRow.moved_at, RegionItemRow.missed, RegionItemRow.forecast_total,
    RegionItemRow.volume, RegionItemRow.revenue, RegionItemRow.price, RegionItemRow.out_of_stock,
    RegionItemRow.live_bias, RegionItemRow.live_periods, RegionItemRow.live_outside, RegionItemRow.drift,
    RegionItemRow.drifted)


def causes_in_rows(services: Services, rules: Rulebook, at: datetime) -> list[Cause]:
    """The causes of the kinds ``OF_ROWS``, ranked."""
    rows = db.session.execute(select(*_READ).where(RegionItemRow.in_catalogue)).all()
    trainings, unusual = _newest_trainings(), _unusual()
    untrained = sum(row.status == "untrained" for row in rows)
    is_trained = untrained <= max(FEW, FEW_OF * len(rows))
    found: list[Cause] = []
    for row in rows:
        found += _Looked(row, rules, services, at, trainings.get(row.key), unusual.get(row.key, []),
                         is_trained).causes()
    return ranked(found, {row.key: row.price for row in rows})


def causes_in_pasts(services: Services, rules: Rulebook) -> list[Cause]:
    """The causes of the kinds ``OF_PASTS``, ranked.

    Raises: OSError: the demand store does not answer.
    """
    found = [*_harmful_overrides(services, rules), *_over_scenarios(rules)]
    rows = db.session.execute(select(RegionItemRow.key, RegionItemRow.price)).all()
    return ranked(found, {row.key: row.price for row in rows})


def ranked(causes: Iterable[Cause], prices: Mapping[str, float | None]) -> list[Cause]:
    """The causes with what they are in money, and the rank that follows: money, or units where nothing has a price.

    Where a single price is not known, units are ranked by the price in the middle of all that are.
    """
    known = [price for price in prices.values() if price]
    middle = median(known) if known else 1.0
    found = []
    for cause in causes:
        price, units = prices.get(cause.subject), cause.units
        if cause.money is None and units is not None and price:
            cause = replace(cause, money=units * price)
        in_money = cause.money if cause.money is not None else (units or 0.0) * middle
        found.append(replace(cause, rank=in_money))
    return found


@dataclass(frozen=True)
class _Looked:
    """One region-item, and what is known of it."""

    row: Any
    """Columns as in ``_READ``."""
    rules: Rulebook
    services: Services
    at: datetime
    """The moment in which it is looked at, UTC."""
    training: Any
    """The newest that is over: columns as in ``_newest_trainings``; None where there is none, or another model came of
    it."""
    unusual: list[Any]
    """Its unusual periods that are not adjusted, the newest first."""
    is_trained: bool
    """Whether the first training is over, so that what was not trained is no matter of minutes."""

    def causes(self) -> Iterator[Cause]:
        """What is to be looked at, in the order of ``OF_ROWS``."""
        yield from self._of_forecasts()
        yield from self._of_trainings()
        yield from self._of_refused_rows()
        yield from self._of_an_old_model()
        yield from self._of_demand()
        yield from self._of_no_model()

    def _rule(self, kind: str) -> Rule:
        return self.rules.of(kind, self.row.region, self.row.item)

    def _cause(self, kind: str, units: float | None, mark: str = "", money: float | None = None,
               **told: Any) -> Cause:
        return Cause(kind, self.row.key, self._rule(kind), mark, _finite(units), _finite(money), told)

    @property
    def _at_stake(self) -> float | None:
        """Units forecast for the next horizon, else sold over the last one; None where neither is known."""
        units: float | None = self.row.forecast_total
        if units is None:
            units = self.row.volume
        return units

    def _of_forecasts(self) -> Iterator[Cause]:
        row, rule = self.row, self._rule("moved")
        if rule.is_on and row.moved and row.moved_at and row.moved_of is not None and (
                abs(row.moved) >= rule.threshold * row.moved_of):
            yield self._cause("moved", abs(row.moved), _moment(row.moved_at), moved=row.moved, before=row.moved_of)
        rule = self._rule("missed")
        if rule.is_on and row.live_outside >= rule.periods:
            yield self._cause("missed", abs(row.missed) if row.missed is not None else self._at_stake,
                              periods=row.live_outside, missed=row.missed)
        rule = self._rule("bias")
        if rule.is_on and row.live_bias is not None and row.live_periods >= rule.periods and (
                abs(row.live_bias) > rule.threshold):
            yield self._cause("bias", abs(row.live_bias) * row.volume if row.volume is not None else self._at_stake,
                              bias=row.live_bias, periods=row.live_periods)

    def _of_trainings(self) -> Iterator[Cause]:
        row, training, rule = self.row, self.training, self._rule("failed")
        has_failed = row.step == "failed" or (training is not None and training.state == "failed")
        if rule.is_on and has_failed and not row.activity:
            mark = row.step_at if row.step == "failed" else _moment(training.finished_at)
            yield self._cause("failed", self._at_stake, mark, _revenue(row), why=(
                row.step_reason if row.step == "failed" else training.reason)[:LONGEST_WHY],
                **_retrain(training, "failed"))
        rule = self._rule("kept")
        if rule.is_on and training is not None and training.state == "kept" and training.source == "planner" and (
                self.at - training.finished_at <= timedelta(days=rule.periods)):
            yield self._cause("kept", self._at_stake, _moment(training.finished_at), _revenue(row),
                              why=training.reason[:LONGEST_WHY], **_retrain(training, "kept"))

    def _of_refused_rows(self) -> Iterator[Cause]:
        row, rule = self.row, self._rule("refused")
        if rule.is_on and row.quarantine_reason:
            yield self._cause("refused", self._at_stake, "", _revenue(row), why=row.quarantine_reason[:LONGEST_WHY])
        elif rule.is_on and row.rows_read and row.quarantined_rows and (
                row.quarantined_rows >= rule.threshold * row.rows_read):
            yield self._cause("refused", self._at_stake, "", _revenue(row), rows=row.quarantined_rows,
                              of=row.rows_read)

    def _of_an_old_model(self) -> Iterator[Cause]:
        row, rule = self.row, self._rule("stale")
        if not rule.is_on or row.production_version is None:
            return
        days = (self.at - row.promoted_at).days if row.promoted_at else 0
        if days >= rule.periods and not row.pinned_by:
            yield self._cause("stale", self._at_stake, "", _revenue(row), since=str(row.promoted_at.date()),
                              version=row.production_version)
        elif row.drift is not None and row.drift > rule.threshold:
            yield self._cause("stale", self._at_stake, "", _revenue(row), drift=row.drift, drifted=row.drifted,
                              version=row.production_version)

    def _of_demand(self) -> Iterator[Cause]:
        row, rule = self.row, self._rule("unusual")
        if rule.is_on and self.unusual and row.last_date:
            since = _periods_before(row.last_date, rule.periods, self.services)
            newest = [one for one in self.unusual if one["date"] > since]
            if newest:
                yield self._cause("unusual", sum(abs(one["sold"] - one["usual"]) for one in newest),
                                  newest[0]["date"], periods=len(newest), newest=newest[0]["date"], since=since)
        rule = self._rule("stock_out")
        if rule.is_on and row.out_of_stock >= max(rule.periods, 1):
            lost = None if self._at_stake is None else (
                self._at_stake / self.services.dataset.horizon * row.out_of_stock)
            yield self._cause("stock_out", lost, periods=row.out_of_stock, last=row.last_date)

    def _of_no_model(self) -> Iterator[Cause]:
        row, rule = self.row, self._rule("no_model")
        is_unknown = row.status == "untrained" or row.forecast_total is None or (
            row.status == "baseline" and row.best != "seasonal_naive")
        if rule.is_on and self.is_trained and row.production_version is None and is_unknown and not row.activity:
            yield self._cause("no_model", self._at_stake, "", _revenue(row), status=row.status)


def _retrain(training: Any, state: str) -> dict[str, int]:
    return {"retrain": training.retrain_id} if training is not None and training.state == state else {}


def _newest_trainings() -> dict[str, Any]:
    """Key -> how its newest retrain that is over ended, where it failed or kept what served before; of a year of weekly
    retrains few are read."""
    over = select(
        RetrainItem.key, RetrainItem.state, RetrainItem.finished_at, RetrainItem.reason, RetrainItem.retrain_id,
        func.row_number().over(partition_by=RetrainItem.key, order_by=(
            RetrainItem.finished_at.desc(), RetrainItem.retrain_id.desc())).label("place"),
    ).where(RetrainItem.finished_at.is_not(None), RetrainItem.state != "cancelled").subquery()
    rows = db.session.execute(select(over, Retrain.source).join(Retrain, Retrain.id == over.c.retrain_id).where(
        over.c.place == 1, over.c.state.in_(("failed", "kept"))))
    return {row.key: row for row in rows}


def _unusual() -> dict[str, list[dict[str, Any]]]:
    """Key -> its unusual periods that are not adjusted, the newest first: date, sold, usual."""
    adjusted = {(key, day) for key, day in db.session.execute(select(Adjustment.key, Adjustment.date).where(
        Adjustment.removed_at.is_(None)))}
    found = {}
    for key, told in db.session.execute(select(StoredForecast.key, StoredForecast.unusual).where(
            StoredForecast.unusual.is_not(None))):
        if told["rows"] and (rows := [one for one in told["rows"] if (key, one["date"]) not in adjusted]):
            found[key] = rows
    return found


def _harmful_overrides(services: Services, rules: Rulebook) -> Iterator[Cause]:
    by_key: dict[str, list[Any]] = {}
    for one in judge(services).rows:
        by_key.setdefault(one.key, []).append(one)
    for key, judged in by_key.items():
        region_item, score = RegionItem.from_key(key), score_of(key, judged)
        rule = rules.of("override", region_item.region, region_item.item)
        if rule.is_on and score.periods >= rule.periods and score.saved < 0:
            yield Cause("override", key, rule, str(max(one.date for one in judged)), -score.saved, None,
                        {"periods": score.periods, "lost": -score.saved,
                         "by": sorted({one.planner for one in judged})[:3]})


def _over_scenarios(rules: Rulebook) -> Iterator[Cause]:
    """Scenarios whose periods are all known; those of one person alone are nobody's work but theirs, and left out."""
    rule = rules.of("scenario")
    newest = db.session.scalar(select(func.max(RegionItemRow.last_date)).where(RegionItemRow.in_catalogue))
    if not rule.is_on or newest is None:
        return
    for token, changed_at, summary in db.session.execute(select(
            SavedScenario.token, SavedScenario.changed_at, SavedScenario.summary).where(
            SavedScenario.archived_at.is_(None), SavedScenario.is_private.is_(False),
            SavedScenario.computed_at.is_not(None))):
        if summary and summary["last"] <= newest:
            money = summary.get("difference_revenue")
            yield Cause("scenario", token, rule, _moment(changed_at), abs(summary["difference"]),
                        None if money is None else abs(money), {"last": summary["last"]})


def _periods_before(last: str, periods: int, services: Services) -> str:
    """The date so many periods before the last, ISO."""
    frequency, day = services.dataset.frequency, np.array([date.fromisoformat(last)], dtype="datetime64[D]")
    weekday = weekdays(day)
    return str(period_dates(ordinals(day, frequency, weekday) - periods, frequency, weekday)[0])


def _revenue(row: Any) -> float | None:
    """What its forecast is in money."""
    return abs(row.revenue) if row.revenue is not None and row.forecast_total is not None else None


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and isfinite(value) else None
