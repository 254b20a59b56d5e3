"""The columns of the overview's table of region-items: what each tells, and which are shown unless people choose."""

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import func
from sqlalchemy.sql.elements import ColumnElement

from demand_assets.forecasting.dataset.prices_and_costs import KINDS, Kind
from webapp.language.translations import lazy_gettext as _l
from webapp.pages.rounded_money import in_currency
from webapp.services import services
from webapp.tables import RegionItemRow


@dataclass(frozen=True)
class Column:
    """One column of the table."""

    title: str
    words: str
    """What it tells, where there is room to say so."""
    order: ColumnElement[Any]
    is_usual: bool = False
    """Whether it is shown unless told otherwise."""
    is_number: bool = True
    of: Kind | None = None
    """What has to be known for it: the price of a unit, or its price and cost; nothing of a column of units."""


COLUMNS: dict[str, Column] = {
    "status": Column(_l("Status"), _l("status and flags"), RegionItemRow.status.expression, True, False),
    "last_date": Column(_l("Last period"),
                        _l("last period with known demand"), RegionItemRow.last_date.expression, True,
                        False),
    "last_demand": Column(_l("Sold last"), _l("units sold in the last period"), RegionItemRow.last_demand.expression),
    "volume": Column(_l("Sold lately"), _l("units sold over the last horizon"), RegionItemRow.volume.expression),
    "total": Column(_l("Forecast"), _l("units forecast over the next horizon, with overrides, and the 80 % interval"),
                    RegionItemRow.forecast_total.expression, True),
    "last_year": Column(_l("Last year"), _l("units sold in the same periods a year earlier"),
                        RegionItemRow.last_year.expression),
    "change": Column(_l("vs last year"), _l("the forecast against last year"),
                     RegionItemRow.change_on_last_year.expression, True),
    "live_wape": Column(_l("WAPE"), _l("error of the forecasts as they stood, on periods known since"),
                        RegionItemRow.live_wape.expression, True),
    "live_skill": Column(_l("Skill"), _l("how much smaller that error is than seasonal naive's"),
                         RegionItemRow.live_skill.expression, True),
    "live_bias": Column(_l("Bias"), _l("by how much those forecasts were too high (+) or too low (−)"),
                        RegionItemRow.live_bias.expression, True),
    "wape": Column(_l("Backtest WAPE"), _l("error on the backtest of the version in production"),
                   RegionItemRow.wape.expression, True),
    "naive": Column(_l("Backtest naive"), _l("error of seasonal naive on that backtest"),
                    RegionItemRow.wape_seasonal_naive.expression),
    "coverage": Column(_l("Coverage"), _l("share of the backtest inside its 80 % interval"),
                       RegionItemRow.coverage_80.expression),
    "version": Column(_l("Version"),
                      _l("version in production and its age"), RegionItemRow.production_version.expression,
                      True),
    "promoted": Column(_l("Promoted"), _l("when it was promoted"), RegionItemRow.promoted_at.expression, False, False),
    "moved": Column(_l("Moved"),
                    _l("units by which the model's forecast changed since the period before; sorted by size"),
                    func.abs(RegionItemRow.moved.expression)),
    "missed": Column(_l("Missed"), _l("units sold minus forecast, newest periods; sorted by size"),
                     func.abs(RegionItemRow.missed.expression)),
    "drift": Column(_l("Drift"),
                    _l("largest population stability index since the training"), RegionItemRow.drift.expression),
    "quarantined": Column(_l("Rejected rows"), _l("rows rejected in its newest load"),
                          RegionItemRow.quarantined_rows.expression),
    "revenue": Column(_l("Revenue"), _l("the forecast at the prices of its periods, over the next horizon"),
                      RegionItemRow.revenue.expression, of="price"),
    "margin": Column(_l("Margin"), _l("that revenue less costs, and its share of the revenue"),
                     RegionItemRow.margin.expression, of="cost"),
    "price": Column(_l("Price"), _l("per unit, as last known, with its period"), RegionItemRow.price.expression,
                    of="price"),
    "cost": Column(_l("Cost"),
                   _l("per unit, as last known, with its period"), RegionItemRow.cost.expression, of="cost"),
    "error_money": Column(_l("Error"), _l("mean error a period of the forecasts as they stood, at the prices then"),
                          RegionItemRow.live_error_money.expression, of="price"),
    "backtest_error_money": Column(_l("Backtest error"), _l("mean error a period on the backtest, at the prices then"),
                                   RegionItemRow.backtest_error_money.expression, of="price"),
}
"""Those of money are offered where the dataset has it: ``offered_columns``."""
ORDERS: dict[str, ColumnElement[Any]] = {
    "region_item": RegionItemRow.position.expression, "item": RegionItemRow.item.expression,
    **{name: column.order for name, column in COLUMNS.items()}}
USUAL_COLUMNS = tuple(name for name, column in COLUMNS.items() if column.is_usual)


def offered_columns() -> dict[str, Column]:
    """The columns that this dataset has; those of money with its currency."""
    dataset = services().dataset
    known = {None, *(kind for kind in KINDS if dataset.has_money and dataset.amount(kind) is not None)}
    return {name: replace(column, title=in_currency(column.title)) if column.of else column
            for name, column in COLUMNS.items() if column.of in known}


def offered_orders() -> dict[str, ColumnElement[Any]]:
    """Those of ``ORDERS`` that this dataset has."""
    offered = offered_columns()
    return {name: order for name, order in ORDERS.items() if name not in COLUMNS or name in offered}
