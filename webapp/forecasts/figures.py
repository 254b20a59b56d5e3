"""A forecast drawn and in numbers: its chart, its grid and its table by period, which show the same."""

from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

from webapp.access import may
from webapp.accuracy.lead_chart import LeadAccuracy
from webapp.forecasts.chart_data import chart_of
from webapp.forecasts.grid import grid_of
from webapp.forecasts.in_money import in_money_of
from webapp.forecasts.period_table import InMoney, PeriodTable, table_of
from webapp.forecasts.query import ForecastQuery
from webapp.overrides.applied import Overridden, override_words
from webapp.services import services
from webapp.serving.forecast_of_selection import Answer
from webapp.serving.history import Backtest
from webapp.stored_forecasts.group_answer import GroupAnswer

EDITED_BY = "forecast_overrides.make_cells"
"""Who may send what was typed into the grid may type into it."""


@dataclass(frozen=True)
class Figures:
    """What is shown of a forecast by period."""

    chart: dict[str, Any]
    table: PeriodTable | None
    """None where nothing is forecast, as of the grid."""
    grid: dict[str, Any] | None
    in_money: InMoney | None


def figures_of(forecast_query: ForecastQuery, answer: Answer | GroupAnswer, found: Overridden,
               included: Overridden | None, backtest: Backtest | None, seen: LeadAccuracy | None = None,
               unusual: dict[date, float] | None = None) -> Figures:
    """The forecast by period, with overrides where they are included.

    Args:
        found: the overrides of its periods.
        included: the same where they are in what is shown; else None.
        seen: past forecasts; None where they are not read.
        unusual: of the only region-item, the periods whose sales are unusual, with the units that would be usual.
    """
    in_money = in_money_of(answer, included)
    size = answer.summed if isinstance(answer, GroupAnswer) else len(answer.lines)
    if not size:
        return Figures({}, None, None, in_money)
    dataset, unusual = services().dataset, unusual or {}
    is_sum = size > 1 or isinstance(answer, GroupAnswer)
    has_scenario = isinstance(answer, Answer) and answer.has_scenario
    without_overrides = bool(found.count and not included)
    is_editable = forecast_query.overrides and not has_scenario and may(EDITED_BY)
    periods = included.periods if included else answer.periods
    chart = chart_of(periods, answer.past, dataset, answer.coverage, backtest, list(unusual), size)
    table = table_of(periods, answer.past, dataset, answer.coverage,
                     forecast_query.horizon if forecast_query.past else 0, seen.stood if seen else None,
                     partial(override_words, of_sum=is_sum), without_overrides=without_overrides, in_money=in_money)
    grid = grid_of(found.periods if is_editable else periods, answer.past, dataset, answer.coverage, table, in_money,
                   seen, answer.lines[0].plan.part if isinstance(answer, Answer) and size == 1 else None, is_editable,
                   without_overrides, unusual)
    return Figures(chart, table, grid, in_money)
