"""The plan's forecast of every region-item as it stands, stored so that pages read thousands in a moment.

Only the background process makes them; many at a time in a process of their own, so that nothing else waits.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import and_, func, not_, select

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.forecast.revenue_and_margin import (
    NOTHING_KNOWN,
    MoneySum,
    UnitMoney,
    as_kept,
    past_prices,
    unit_money,
)
from demand_assets.forecasting.forecast.totals import Part, over_all
from demand_assets.forecasting.model.seasonal_naive import repeated_season
from demand_assets.forecasting.series.adjusted_demand import learned
from demand_assets.forecasting.series.gapped import Floats
from demand_assets.forecasting.store.stored_files import DamagedFileError, NotInStoreError
from webapp.accuracy.judged_forecasts import newest_judged
from webapp.accuracy.judged_sums import JudgedSums, first_open_bucket, judge
from webapp.accuracy.past_forecasts import PastForecast, Standing, keep_forecasts, past_forecasts_of
from webapp.adjustments.adjustments import tell_again
from webapp.adjustments.stored_outliers import Unusual
from webapp.db.chunked import chunked
from webapp.db.database import Base, db, now, writing
from webapp.region_items.forecast_figures import keep_move, note_made, note_money, note_total, want_totals
from webapp.region_items.live_accuracy import forget_monitored
from webapp.region_items.open_overrides import with_open_overrides
from webapp.region_items.prices_and_costs import amounts_of
from webapp.region_items.rows import locked_region_items, pooled_row, rows_by_key
from webapp.services import Services
from webapp.serving.history import windows_of
from webapp.serving.line_item import LineItem, lines_of
from webapp.stored_forecasts.by_period import UnitsByPeriod
from webapp.stored_forecasts.histories import pack
from webapp.stored_forecasts.last_year_accuracy_and_moves import (
    last_year_of,
    tell_accuracy,
    tell_demand,
    tell_errors_in_money,
    tell_moves,
)
from webapp.stored_forecasts.worker_process import AppFactory, do_in_worker
from webapp.tables import JudgedForecasts, Override, RegionItemRow, StoredForecast

log = logging.getLogger(__name__)

AT_ONCE = 25
"""Stored forecasts made between two commits."""
IN_WORKER_FROM = 60
"""Due stored forecasts from which on the worker process makes them."""
ASKED_AT_ONCE = 500
"""Stored forecasts that it is asked for at a time."""
UNDECIDED_SECONDS = 120
"""For so long those of a large retrain wait for its decisions, which would have them made once more."""


@dataclass(frozen=True)
class LoadedForecast:
    """A stored forecast, read."""

    part: Part
    served_by: str
    """As in ``tables.StoredForecast``."""
    origin: str
    told_in_money: dict[str, Any] | None = None
    """As in ``tables.StoredForecast``."""
    by_period: bytes | None = None
    """As in ``tables.StoredForecast``."""

    @cached_property
    def money(self) -> UnitMoney:
        """Prices and costs in its periods."""
        told = self.told_in_money
        return UnitMoney.from_json(told, len(self.part.dates)) if told else NOTHING_KNOWN


def stored_forecasts_of(keys: Sequence[str]) -> dict[str, LoadedForecast]:
    """Key -> stored forecast; those that were not made yet are left out."""
    found: dict[str, LoadedForecast] = {}
    for part in chunked(keys):
        rows = db.session.execute(select(
            StoredForecast.key, StoredForecast.content, StoredForecast.served_by, StoredForecast.origin,
            StoredForecast.money, StoredForecast.by_period).where(StoredForecast.key.in_(part)))
        found |= {key: LoadedForecast(Part.from_bytes(content), served_by, origin, money, by_period)
                  for key, content, served_by, origin, money, by_period in rows}
    return found


def due_keys(most: int) -> list[str]:
    """Region-items whose stored forecast is to be made, region-major. Of many with a model that a run has just taken in
    and not decided yet none is: training wants the processor, and what is stored is the model's own already."""
    due = and_(RegionItemRow.forecast_due, RegionItemRow.in_catalogue)
    lately = (now() - timedelta(seconds=UNDECIDED_SECONDS)).isoformat(timespec="milliseconds")
    undecided = and_(RegionItemRow.activity != "", RegionItemRow.step_at > lately,
                     RegionItemRow.production_version.is_not(None))
    if (db.session.scalar(select(func.count(RegionItemRow.key)).where(due, undecided)) or 0) >= IN_WORKER_FROM:
        due = and_(due, not_(undecided))
    found = list(db.session.scalars(select(RegionItemRow.key).where(due).order_by(
        RegionItemRow.position).limit(most)))
    db.session.rollback()
    return found


def make_due(services: Services, make_app: AppFactory) -> bool:
    """Whether something was due; it is made then, in this process when it is little.

    Args:
        make_app: makes the app in the worker process.
    Raises: OSError: the demand store cannot be read.
    """
    keys = due_keys(ASKED_AT_ONCE)
    if len(keys) < IN_WORKER_FROM:
        make(services, keys)
    else:
        do_in_worker(make_app, services.settings, make, keys)
    return bool(keys)


def make(services: Services, keys: Sequence[str]) -> None:
    """Make the stored forecasts of these region-items, and what the overview shows of them.

    Raises: OSError: the demand store cannot be read.
    """
    for part in chunked(keys, AT_ONCE):
        rows = rows_by_key(part)
        wanted = {key: rows[key].forecast_wanted for key in part}
        made = _made(services, list(rows.values()))
        db.session.rollback()
        with writing():
            locked = locked_region_items(part)
            kept = _kept_of(part)
            with db.session.no_autoflush:
                for key, row in locked.items():
                    _keep(row, made[key], kept, services.dataset)
                    note_made(row, wanted[key])
            keep_forecasts([one.archived for one in made.values() if one])
            db.session.flush()
            tell_totals([row for key, row in locked.items() if made[key]])


@dataclass(frozen=True)
class _Made:
    """A region-item's forecast under the plan, and what it is told beside."""

    line: LineItem
    history: pd.DataFrame
    past: list[PastForecast]
    """Of earlier origins, oldest first."""
    amounts: dict[str, float]
    """Attributes that are prices or costs."""
    prices: Floats | None
    """Of each period of the history; None where they are not known."""
    judged: JudgedSums
    archived: Standing
    """What is kept of it for later."""


def _made(services: Services, rows: Sequence[RegionItemRow]) -> dict[str, _Made | None]:
    """Key -> the region-item's forecast under the plan; None where no demand is stored."""
    pooled, dataset = pooled_row(), services.dataset
    amounts = amounts_of([row.region_item for row in rows], dataset)
    before = past_forecasts_of([row.key for row in rows])
    lines = lines_of(services, rows, [services.models.serving(row, pooled) for row in rows], pooled, dataset.horizon)
    found: dict[str, _Made | None] = {}
    for row, line in zip(rows, lines, strict=True):
        key = row.key
        try:
            if isinstance(line, NotInStoreError):
                raise line
            history = services.forecaster.history(row.region_item)
        except NotInStoreError as error:
            if isinstance(error, DamagedFileError):
                _have_made_again(services, row, error)
            found[key] = None
            continue
        origin = line.plan.origin.date()
        history = history[history["date"] <= line.plan.origin]
        past = [one for one in before[key] if one.origin < origin]
        prices = past_prices(dataset, history, amounts[row.region_item])
        archived = Standing(key, origin, line.mark, line.plan.part, _naive(line.plan.part, history, dataset))
        found[key] = _Made(line, history, past, amounts[row.region_item], prices,
                           _judged(key, past, history, prices, dataset), archived)
    return found


def _judged(key: str, past: Sequence[PastForecast], history: pd.DataFrame, prices: Floats | None,
            dataset: Dataset) -> JudgedSums:
    """How right what stood was, on the periods of the history."""
    made: Sequence[Override] = []
    if past and len(history):
        since = first_open_bucket(history["date"].iloc[-1].date(), dataset.horizon, dataset.frequency)
        made = db.session.scalars(select(Override).where(Override.key == key, Override.date >= str(since))).all()
    return judge(past, history, prices, made, dataset.horizon, dataset.frequency)


def _have_made_again(services: Services, row: RegionItemRow, error: DamagedFileError) -> None:
    """Ask for the damaged file once more: adjustments are written from the rows here, the rest by the pipeline."""
    log.error("%s: %s", row.region_item, error)
    if error.name.startswith("adjustments/"):  # its own, or of an item that it carries on
        key = RegionItem.from_path(error.name.removeprefix("adjustments/").removesuffix(".json")).key
        db.session.rollback()
        try:
            tell_again(services.store, key)
        except OSError as refused:
            log.error("its adjustments cannot be written again now: %s", refused)
    elif not services.store.note_damage(error):
        log.error("the demand store cannot be written, so nobody makes it again now")


@dataclass(frozen=True)
class _Kept:
    """What stands of some region-items, by key."""

    forecasts: Mapping[str, StoredForecast]
    judged: Mapping[str, JudgedForecasts]


def _kept_of(keys: Sequence[str]) -> _Kept:
    forecasts = db.session.scalars(select(StoredForecast).where(StoredForecast.key.in_(keys)))
    judged = db.session.scalars(select(JudgedForecasts).where(JudgedForecasts.key.in_(keys)))
    return _Kept({one.key: one for one in forecasts}, {one.key: one for one in judged})


def _keep(row: RegionItemRow, made: _Made | None, kept: _Kept, dataset: Dataset) -> None:
    """Write the stored forecast down, in the caller's transaction, which tells its totals when all are written."""
    replaced = kept.forecasts.get(row.key)
    if made is None:
        if replaced is not None:
            db.session.delete(replaced)
            want_totals(row)
        keep_move(row)
        note_total(row, None, None)
        note_money(row, None, MoneySum())
        return
    part, origin, mark = made.line.plan.part, made.line.plan.origin.date(), made.line.mark
    content = part.to_bytes()
    if replaced is None or replaced.content != content:
        is_first = replaced is not None and replaced.served_by != mark and not replaced.served_by.isdigit()
        compared = Part.from_bytes(replaced.content) if replaced and not is_first else None
        tell_moves(row, part, made.past, compared, made.history)
    if replaced is not None and replaced.served_by != mark:
        forget_monitored(row)
    judged = newest_judged(made.past, made.history)
    tell_accuracy(row, judged)
    tell_demand(row, part, made.history, dataset)
    windows = windows_of(made.line.model, dataset)
    money = None
    if dataset.has_money:
        money = unit_money(dataset, made.line.plan.columns, made.history, made.amounts).to_json()
        tell_errors_in_money(row, made.past, made.history, windows, made.prices)
    elif row.backtest_sold_money is not None:
        tell_errors_in_money(row, made.past, made.history, windows, None)
    _put(replaced, StoredForecast(
        key=row.key, made_at=now(), origin=str(origin), served_by=mark, content=content,
        unusual=Unusual.of(made.history, dataset).to_json(),
        past=pack(made.history, windows, made.line.plan.origin, dataset), money=money,
        by_period=UnitsByPeriod.of(last_year_of(made.history, part, dataset), judged, origin,
                                   dataset.frequency).to_bytes()))
    _put(kept.judged.get(row.key), JudgedForecasts(key=row.key, judged_at=now(), content=made.judged.to_bytes()))


def _put(replaced: Base | None, new: Base) -> None:
    """Write a row in place of the one that there is, without asking whether there is one."""
    if replaced is None:
        db.session.add(new)
    else:
        db.session.merge(new)


def tell_totals(rows: Iterable[RegionItemRow]) -> None:
    """Note the totals of the stored forecasts with the overrides that hold, and let the sums that they are in be made
    again; part of the caller's transaction, which made or removed overrides.

    Region-items without a stored forecast have no total yet.
    """
    for some in chunked(list(rows)):
        stored = stored_forecasts_of([row.key for row in some])
        models = {key: kept.part for key, kept in stored.items()}
        final = with_open_overrides(models)
        for row in some:
            if row.key in final:
                want_totals(row)
                note_total(row, over_all([final[row.key]]), float(models[row.key].forecast.sum()))
                in_money, total = stored[row.key].money, MoneySum()
                total.add(final[row.key].dates, as_kept(final[row.key].forecast), in_money)
                note_money(row, in_money, total)


def _naive(part: Part, history: pd.DataFrame, dataset: Dataset) -> Floats:
    """Seasonal naive for each lead; NaN where nothing is known to repeat."""
    leads = np.arange(1, len(part.forecast) + 1)
    if history.empty:
        return np.full(len(leads), np.nan)
    return repeated_season(learned(history), np.full(len(leads), len(history) - 1), leads,
                           dataset.season_length)
