"""The table of the overview's figures of stored forecasts, and whether one is to be made. Written here only.

Every function is part of the caller's transaction.
"""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import delete, select, update

from demand_assets.forecasting.dataset.attributes import Axis
from demand_assets.forecasting.forecast.revenue_and_margin import MoneySum, UnitMoney
from demand_assets.forecasting.forecast.totals import Bounds
from webapp.db.chunked import chunked
from webapp.db.database import db, now
from webapp.db.locks import lock_in_order
from webapp.tables import Catalogue, EarlierMove, ForecastFigures, Production, RegionItemRow

MOVES_KEPT_DAYS = 10
"""More than the longest of ``query.SINCE_DAYS``."""


def want_forecast(row: RegionItemRow) -> None:
    """Let the row's stored forecast be made again."""
    row.forecast_due, row.forecast_wanted = True, row.forecast_wanted + 1


def want_forecasts_without_model() -> None:
    """Let the stored forecasts be made again of all that have no model of their own in production."""
    without = select(Production.id).where(Production.production_version.is_(None))
    db.session.execute(update(ForecastFigures).where(ForecastFigures.id.in_(without)).values(
        forecast_due=True, forecast_wanted=ForecastFigures.forecast_wanted + 1), execution_options={
            "synchronize_session": False})


def look_at_again(keys: Sequence[str]) -> None:
    """Let the stored forecasts of these be made again, although nothing is known to have changed."""
    for part in chunked(keys):
        lock_in_order(Catalogue.key, Catalogue.key.in_(part))
        of_keys = select(Catalogue.id).where(Catalogue.key.in_(part))
        db.session.execute(update(ForecastFigures).where(ForecastFigures.id.in_(of_keys)).values(forecast_due=True),
                           execution_options={"synchronize_session": False})


def want_every_forecast() -> None:
    """Let the stored forecasts of all region-items be made again."""
    lock_in_order(Catalogue.key)
    db.session.execute(update(ForecastFigures).values(
        forecast_due=True, forecast_wanted=ForecastFigures.forecast_wanted + 1), execution_options={
            "synchronize_session": False})


def note_made(row: RegionItemRow, wanted: int) -> None:
    """Note that the stored forecast was made; it stays due where it was asked for again meanwhile.

    Args:
        wanted: ``forecast_wanted`` when it began to be made.
    """
    row.forecast_due = row.forecast_wanted != wanted


def note_total(row: RegionItemRow, total: Bounds | None, model: float | None) -> None:
    """Note the units over the horizon and their 80 % interval, and how they differ from last year's; None where there
    is no stored forecast.

    Args:
        total: with planners' overrides.
        model: units by the model alone.
    """
    row.forecast_total, row.forecast_lower, row.forecast_upper = (
        (total.forecast, total.lower, total.upper) if total else (None, None, None))
    row.forecast_model = model
    row.change_on_last_year = total.forecast / row.last_year - 1 if total and row.last_year else None


def note_money(row: RegionItemRow, money: UnitMoney | None, total: MoneySum) -> None:
    """Note the latest price and cost, and the forecast in money; None where there is no stored forecast, or where
    nothing is known of them."""
    price, cost = (money.latest_price, money.latest_cost) if money else (None, None)
    row.price, row.cost = price.value if price else None, cost.value if cost else None
    row.price_date, row.cost_date = (str(each.on) if each and each.on else None for each in (price, cost))
    row.revenue, row.margin = total.revenue_known, total.margin_known


def note_errors_in_money(row: RegionItemRow, live: tuple[float, float] | None,
                         backtest: tuple[float, float] | None) -> None:
    """Note the error and what was sold, a period and in money, of published forecasts and of the backtest; None where
    they are not known."""
    row.live_error_money, row.live_sold_money = live or (None, None)
    row.backtest_error_money, row.backtest_sold_money = backtest or (None, None)


def note_demand(row: RegionItemRow, last_year: float | None, last: float | None, volume: float | None,
                last_year_out_of_stock: int = 0, out_of_stock: int = 0) -> None:
    """Note what was sold last year in the periods of the forecast, in how many of them it was out of stock, what was
    sold lately, and in how many of the newest periods in a row it was out of stock."""
    row.last_year, row.last_demand, row.volume = last_year, last, volume
    row.last_year_out_of_stock, row.out_of_stock = last_year_out_of_stock, out_of_stock


def note_moves(row: RegionItemRow, moved: float | None, of: float | None, missed: float | None) -> None:
    """Note how far the forecast moved, and by how much the one before missed. The move before stays told.

    Args:
        of: units that were forecast of the same periods before.
    """
    if row.moved != moved:
        keep_move(row)
    row.moved, row.moved_of, row.missed = moved, of, missed
    row.moved_at = now() if moved is not None or missed is not None else None


def keep_move(row: RegionItemRow) -> None:
    """Let the last move stay told, whatever becomes of the forecast; to be called before its total is another."""
    if not row.moved or row.moved_at is None:
        return
    db.session.execute(delete(EarlierMove).where(
        EarlierMove.region_item_id == row.id, EarlierMove.at < now() - timedelta(days=MOVES_KEPT_DAYS)))
    share = abs(row.moved) / row.moved_of if row.moved_of else 1.0
    db.session.add(EarlierMove(region_item_id=row.id, at=row.moved_at, moved=row.moved, share=share))
    row.moved = row.moved_of = None


def want_totals(row: RegionItemRow) -> None:
    """Let the totals that it is in be made again."""
    row.groups_due += 1


def want_totals_of(axis: Axis, names: Sequence[str]) -> None:
    """Let the totals be made again that region-items of these regions, or items, are in."""
    column = Catalogue.region if axis == "region" else Catalogue.item
    for part in chunked(names):
        lock_in_order(Catalogue.key, column.in_(part))
        of_names = select(Catalogue.id).where(column.in_(part), Catalogue.in_catalogue)
        db.session.execute(update(ForecastFigures).where(ForecastFigures.id.in_(of_names)).values(
            groups_due=ForecastFigures.groups_due + 1), execution_options={"synchronize_session": False})


def want_forecasts_of(axis: Axis, names: Sequence[str]) -> None:
    """Let the stored forecasts be made again of region-items of these regions, or items."""
    column = Catalogue.region if axis == "region" else Catalogue.item
    for part in chunked(names):
        lock_in_order(Catalogue.key, column.in_(part))
        of_names = select(Catalogue.id).where(column.in_(part), Catalogue.in_catalogue)
        db.session.execute(update(ForecastFigures).where(ForecastFigures.id.in_(of_names)).values(
            forecast_due=True, forecast_wanted=ForecastFigures.forecast_wanted + 1), execution_options={
                "synchronize_session": False})


def note_totals_made(keys: Sequence[str], times: int) -> None:
    """Note that the totals of these are made, but of those that were asked for again meanwhile.

    Args:
        times: ``groups_due`` when they began to be made.
    """
    for part in chunked(keys):
        lock_in_order(Catalogue.key, Catalogue.key.in_(part))
        of_keys = select(Catalogue.id).where(Catalogue.key.in_(part))
        db.session.execute(update(ForecastFigures).where(
            ForecastFigures.id.in_(of_keys), ForecastFigures.groups_due == times).values(groups_due=0),
            execution_options={"synchronize_session": False})
