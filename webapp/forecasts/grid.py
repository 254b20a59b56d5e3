"""The grid under the chart: a row for each measure, a column for each period, the row of overrides to be edited.

It has the numbers of the chart, the table and the files; scripts sum them up by week, month and quarter.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from math import isfinite
from typing import Any

import numpy as np
import pandas as pd

from demand_assets.forecasting.contract.periods import Frequency
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.forecast.totals import Part
from demand_assets.forecasting.model.intervals import LEVELS
from webapp.accuracy.lead_chart import LeadAccuracy
from webapp.forecasts.period_table import InMoney, Measure, PeriodTable, table_of
from webapp.language.translations import gettext as _
from webapp.language.translations import pgettext
from webapp.overrides.overrides import mark_of
from webapp.overrides.wanted_override import LEAST_PERCENT, LONGEST_COMMENT, MOST_PERCENT, MOST_UNITS
from webapp.pages.numbers_and_dates import for_scripts
from webapp.pages.rounded_money import decimals_of, rounded_money, rounded_price
from webapp.serving.forecast_of_selection import Period
from webapp.serving.history import History

BACK: dict[Frequency, int] = {"D": 91, "W": 52, "M": 24, "Q": 8}
"""Periods of the past that the grid begins with."""
LEADS: dict[Frequency, tuple[int, ...]] = {"D": (1, 7, 14, 28), "W": (1, 4, 8, 13), "M": (1, 3, 6, 12), "Q": (1, 2, 4)}
"""How far ahead past forecasts were made that can be chosen, in periods; as far as the horizon."""
ORDER = ("sold", "carried", "last_year", "past_forecast", "model", "override", "plan", "forecast", "lower", "upper",
         "scenario", "difference", "price", "money", "driver")
"""Rows from the top, by the beginning of their names."""


def grid_of(periods: Sequence[Period], past: History, dataset: Dataset, coverage: float, shown: PeriodTable,
            in_money: InMoney | None = None, seen: LeadAccuracy | None = None, only: Part | None = None,
            is_editable: bool = False, without_overrides: bool = False,
            unusual: Mapping[date, float] | None = None) -> dict[str, Any]:
    """The grid of a forecast, as JSON types.

    Args:
        shown: the table by period beside it, whose decimals it has.
        seen: past forecasts; None where they are not read.
        only: the model's forecast of the only region-item; None of several.
        is_editable: whether overrides may be made; the periods have ``final`` then.
        without_overrides: as for ``table_of``.
        unusual: of the only region-item, the periods whose sales are unusual, with the units that would be usual.
    Returns: ``dates``; ``ahead``: places of those that are forecast; ``rows``: each with ``name``, ``title``, ``kind``,
        ``values`` (a value or null for each date), ``at_least``: places of sums of what was sold out of stock, and
        ``unusual``: pairs of a place and the units that would be usual there;
        ``overrides``: for each place ahead ``seen`` and what holds there, unless they are left out. Where they may be
        made, of one region-item ``below`` and ``above``: how far its interval reaches from the model's forecast, before
        it is cut off at 0.
    """
    table = table_of(periods, past, dataset, coverage, BACK[dataset.frequency], all_bounds=False,
                     without_overrides=without_overrides, in_money=in_money)
    place = {at: number for number, at in enumerate(table.dates)}
    dates = pd.DatetimeIndex(table.dates)
    rows = [_row(measure) for measure in table.measures if _is_shown(measure)]
    for row in rows:
        if row["name"] == "sold":
            row["at_least"] = [place[at] for at in past.out_of_stock if at in place]
            row["unusual"] = [(place[at], for_scripts(units)) for at, units in (unusual or {}).items() if at in place]
        if row["name"] == "last_year":
            row["at_least"] = np.flatnonzero(past.at_least_last_year(dates, dataset)).tolist()
    leads = [lead for lead in LEADS[dataset.frequency] if lead <= dataset.horizon]
    days = dates.to_numpy().astype("datetime64[D]")
    known = {lead: _plain(seen.stood_on(days, lead)) for lead in leads} if seen and any(seen.archived) else {}
    if known := {lead: values for lead, values in known.items() if any(value is not None for value in values)}:
        rows.append({"name": "past_forecast", "title": _("Past forecast"), "kind": "units",
                     "values": next(iter(known.values())), "leads": known})
    has_overrides = any(period.final is not None for period in periods)
    if has_overrides:
        rows.append({"name": "override", "title": pgettext("noun", "Override"), "kind": "override", "values": []})
    rows.sort(key=lambda row: next(at for at, name in enumerate(ORDER) if row["name"].startswith(name)))
    grid: dict[str, Any] = {
        "dates": [str(at) for at in table.dates], "ahead": [place[period.date] for period in periods], "rows": rows,
        "decimals": shown.decimals, "money_decimals": decimals_of(dataset.currency), "is_editable": is_editable}
    if has_overrides:
        grid["overrides"] = [_held(period, only is not None) for period in periods]
    if is_editable:
        grid["limits"] = {"least_percent": LEAST_PERCENT, "most_percent": MOST_PERCENT, "most_units": MOST_UNITS,
                          "longest_comment": LONGEST_COMMENT}
        if only is not None:
            level = LEVELS.index(coverage)
            grid["below"] = _plain(-only.lower[level] * only.scale)
            grid["above"] = _plain(only.upper[level] * only.scale)
            if in_money is not None and in_money.unit is not None:
                grid["price"], grid["cost"] = (None if values is None else _plain(values)
                                               for values in (in_money.unit.price, in_money.unit.cost))
    return grid


def _is_shown(measure: Measure) -> bool:
    """Whether the grid has a row for a measure of the table."""
    if measure.name == "last_year":
        return any(value is not None for value in measure.values)
    return measure.name.startswith(ORDER)


def _row(measure: Measure) -> dict[str, Any]:
    row: dict[str, Any] = {"name": measure.name, "title": measure.title, "kind": measure.kind}
    if measure.kind == "driver":
        changed = [at for at, pair in enumerate(measure.values) if pair and pair[0] != pair[1]
                   and _told(pair[0]) != _told(pair[1])]
        return {**row, "driver": measure.name.removeprefix("driver-"), "driver_kind": measure.driver_kind,
                "decimals": measure.decimals, "changed": changed,
                "values": [None if pair is None else _told(pair[1]) for pair in measure.values]}
    write = {"money": rounded_money, "price": rounded_price}.get(measure.kind, for_scripts)
    return {**row, "values": [None if value is None else write(value) for value in measure.values]}


def _told(value: Any) -> float | str | None:
    """A driver's value as a JSON type; None where it is not known."""
    if type(value) is float:
        return value if isfinite(value) else None
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int | float | np.number):
        return float(value) if isfinite(value) else None
    return str(value)


def _held(period: Period, is_alone: bool) -> dict[str, Any]:
    """What holds in a period: the override of the only region-item, or how many there are."""
    held: dict[str, Any] = {"seen": mark_of(period.overrides), "count": len(period.overrides)}
    if is_alone and period.overrides:
        one = period.overrides[0]
        held |= {"way": one.way, "amount": one.amount, "comment": one.comment, "by": one.made_by}
    return held


def _plain(values: Iterable[float]) -> list[float | None]:
    return [for_scripts(value) if isfinite(value) else None for value in np.asarray(values, dtype=np.float64).tolist()]
