"""Metrics of what the app's database says: queues and their ages, systems and loops, accuracy, staleness."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
from flask import Flask
from prometheus_client.core import GaugeMetricFamily, Metric
from sqlalchemy import Select, func, select

from webapp.db.database import db, now
from webapp.systems.outages import systems
from webapp.systems.signs_of_life import LOOP
from webapp.tables import (
    OPEN_STATES,
    UNFINISHED,
    Delivery,
    HandOver,
    ModelAction,
    RegionItemRow,
    Retrain,
    RetrainItem,
    SavedScenario,
    WorkEntry,
)

QUANTILES = (0.5, 0.9)
Question = Select[*tuple[Any, ...]]
SERVED_BY = ("production", "pooled", "baseline", "quarantined", "untrained")


def app_metrics(app: Flask) -> Iterator[Metric]:
    """Queues, systems and loops as the database says now.

    Raises: SQLAlchemyError: it does not answer.
    """
    with app.app_context():
        try:
            yield from _queues()
            yield from _systems()
        finally:
            db.session.rollback()


def quality_metrics(app: Flask) -> Iterator[Metric]:
    """Accuracy and staleness over all region-items, each of which is read: a third of a second for 30,000.

    Raises: SQLAlchemyError: the database does not answer.
    """
    with app.app_context():
        try:
            yield from _quality()
        finally:
            db.session.rollback()


def _queues() -> Iterator[Metric]:
    size = GaugeMetricFamily("demand_queue_size", "How much waits in each queue of the product.", labels=["queue"])
    age = GaugeMetricFamily("demand_queue_oldest_seconds", "How long the oldest of each queue has waited; 0 while it "
                            "is empty.", labels=["queue"])
    for queue, question in _waiting().items():
        count, oldest = db.session.execute(question).one()
        size.add_metric([queue], count)
        age.add_metric([queue], _age(oldest))
    yield size
    yield age
    retrains = GaugeMetricFamily("demand_retrains_open", "Retrains that are not finished, by how far they are.",
                                 labels=["state"])
    found = _counts(select(Retrain.state, func.count()).where(
        Retrain.state.in_(UNFINISHED)).group_by(Retrain.state))
    for state in UNFINISHED:
        retrains.add_metric([state], found.get(state, 0))
    yield retrains
    items = GaugeMetricFamily("demand_retrain_region_items_open", "Region-items of retrains that are not decided, by "
                              "how far they are.", labels=["state"])
    open_items = _counts(select(RetrainItem.state, func.count()).where(
        RetrainItem.state.in_(OPEN_STATES)).group_by(RetrainItem.state))
    for each in OPEN_STATES:
        items.add_metric([each], open_items.get(each, 0))
    yield items


def _waiting() -> dict[str, Question]:
    """Queue -> how much is in it, and since when the oldest."""
    sent = Retrain.state == "sent"
    return {
        "retrains_to_send": select(func.count(), func.min(Retrain.asked_at)).where(Retrain.state == "stored"),
        "retrains_in_dagster_queue": select(func.count(), func.min(Retrain.sent_at)).where(
            sent, Retrain.dagster_state == "waiting"),
        "retrains_running": select(func.count(), func.min(Retrain.sent_at)).where(
            sent, Retrain.dagster_state == "running"),
        "candidates_to_judge": select(func.count(), func.min(RetrainItem.started_at)).where(
            RetrainItem.state == "judging"),
        "promotions_to_take_up": select(func.count(), func.min(RegionItemRow.fetch_after)).where(
            RegionItemRow.fetch_after.is_not(None)),
        "model_actions": select(func.count(), func.min(ModelAction.asked_at)).where(ModelAction.state == "stored"),
        "scenarios": select(func.count(), func.min(SavedScenario.wanted_at)).where(
            SavedScenario.wanted_at.is_not(None)),
        "deliveries": select(func.count(), func.min(Delivery.at)).where(Delivery.state == "waiting"),
        "hand_overs": select(func.count(), func.min(HandOver.asked_at)).where(HandOver.done_at.is_(None)),
    }


def _systems() -> Iterator[Metric]:
    up = GaugeMetricFamily("demand_system_up", "Whether a system answers, as the background process sees it: 1 yes, 0 "
                           "no; nothing where it is not known.", labels=["system"])
    failing = GaugeMetricFamily("demand_loops_failing", "Loops of the background process that do not work now.")
    found = systems()
    for one in found:
        if one.is_up is not None and not one.name.startswith(LOOP):
            up.add_metric([one.name], float(one.is_up))
    failing.add_metric([], sum(one.name.startswith(LOOP) and one.is_up is False for one in found))
    yield up
    yield failing


def _quality() -> Iterator[Metric]:
    served = GaugeMetricFamily("demand_region_items", "Region-items of the catalogue, by what forecasts them.",
                               labels=["served_by"])
    found = _counts(select(RegionItemRow.status, func.count()).where(RegionItemRow.in_catalogue).group_by(
        RegionItemRow.status))
    for status in SERVED_BY:
        served.add_metric([status], found.get(status, 0))
    yield served
    rows = _judged_rows()
    yield from _accuracy_and_drift(rows)
    yield from _conditions(rows)
    yield from _newest(rows)
    yield _gauge("demand_work_open", "Tasks of the work list that are not resolved.",
                 db.session.scalar(select(func.count()).select_from(WorkEntry).where(
                     WorkEntry.resolved_at.is_(None))) or 0)


def _judged_rows() -> Sequence[Any]:
    """What is known of how right each region-item of the catalogue is forecast."""
    return db.session.execute(select(
        RegionItemRow.live_wape, RegionItemRow.live_skill, RegionItemRow.live_bias, RegionItemRow.live_outside,
        RegionItemRow.wape, RegionItemRow.drift, RegionItemRow.promoted_at, RegionItemRow.last_date,
        RegionItemRow.forecast_due, RegionItemRow.pinned_by, RegionItemRow.model_problem, RegionItemRow.fetch_after,
        RegionItemRow.production_version, RegionItemRow.live_from).where(RegionItemRow.in_catalogue)).all()


def _accuracy_and_drift(rows: Sequence[Any]) -> Iterator[Metric]:
    """Of ``_judged_rows``, by quantiles."""
    wape = GaugeMetricFamily("demand_forecast_wape", "WAPE over region-items, by quantile. live: of published "
                             "forecasts once demand was known; backtest: of the versions in production.",
                             labels=["of", "share"])
    for of, values in (("live", [row.live_wape for row in rows]), ("backtest", [row.wape for row in rows])):
        _add_quantiles(wape, values, of)
    yield wape
    bias = GaugeMetricFamily("demand_forecast_absolute_bias", "Absolute live bias over region-items, by quantile.",
                             labels=["share"])
    _add_quantiles(bias, [abs(row.live_bias) for row in rows if row.live_bias is not None])
    yield bias
    drift = GaugeMetricFamily("demand_drift", "Population stability index over region-items, by quantile, as last "
                              "measured.", labels=["share"])
    _add_quantiles(drift, [row.drift for row in rows])
    yield drift
    age = GaugeMetricFamily("demand_model_age_seconds", "Seconds since the promotion of the versions in production, by "
                            "quantile.", labels=["share"])
    _add_quantiles(age, [_age(row.promoted_at) for row in rows if row.promoted_at is not None], more=(1.0,))
    yield age


def _conditions(rows: Sequence[Any]) -> Iterator[Metric]:
    """Of how many of ``_judged_rows`` something is so."""
    judged = [row for row in rows if row.live_wape is not None]
    yield _gauge("demand_region_items_judged", "Region-items whose published forecasts can be judged by now.",
                 len(judged))
    yield _gauge("demand_region_items_worse_than_naive", "Region-items whose published forecasts are worse than "
                 "seasonal naive on the same periods.",
                 sum(row.live_skill is not None and row.live_skill < 0 for row in rows))
    yield _gauge("demand_region_items_outside_interval", "Region-items whose newest known period is outside the 80 % "
                 "interval of its forecast; about a fifth of those judged should be.",
                 sum((row.live_outside or 0) > 0 for row in judged))
    yield _gauge("demand_forecasts_due", "Stored forecasts that are to be made again.",
                 sum(bool(row.forecast_due) for row in rows))
    yield _gauge("demand_region_items_pinned", "Region-items whose version a person pinned.",
                 sum(bool(row.pinned_by) for row in rows))
    yield _gauge("demand_models_unusable", "Region-items whose promoted version cannot forecast here.",
                 sum(bool(row.model_problem) and (row.fetch_after is not None or row.production_version is None)
                     for row in rows))


def _newest(rows: Sequence[Any]) -> Iterator[Metric]:
    """When demand became known last, and a version was promoted, of any of ``_judged_rows``."""
    newest = max((row.last_date for row in rows if row.last_date), default=None)
    if newest:
        began = datetime.combine(date.fromisoformat(newest), datetime.min.time(), UTC)
        yield _gauge("demand_newest_period_timestamp_seconds", "When the newest period began whose demand is known.",
                     began.timestamp())
        yield _gauge("demand_region_items_behind", "Region-items whose newest known period is older than the newest of "
                     "all.", sum(row.last_date != newest for row in rows))
    promoted = [row.promoted_at for row in rows if row.promoted_at is not None]
    if promoted:
        yield _gauge("demand_newest_promotion_timestamp_seconds", "When a version was promoted last.",
                     max(promoted).timestamp())


def _counts(question: Question) -> dict[str, int]:
    """What a question for names and their counts comes to."""
    return {str(row[0]): int(row[1]) for row in db.session.execute(question)}


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _add_quantiles(family: GaugeMetricFamily, values: list[float | None], *labels: str,
                   more: tuple[float, ...] = ()) -> None:
    known = np.array([value for value in values if value is not None], dtype=float)
    known = known[np.isfinite(known)]
    for quantile in (*QUANTILES, *more):
        if len(known):
            family.add_metric([*labels, f"{quantile:g}"], float(np.quantile(known, quantile)))


def _age(since: datetime | None) -> float:
    """Seconds; 0 for None, and where the clock was put back."""
    return max((now() - since).total_seconds(), 0.0) if since is not None else 0.0
