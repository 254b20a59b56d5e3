"""What the chart of a forecast draws: columns of equal length over one line of dates, as JSON types."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from demand_assets.forecasting.contract.periods import Dates
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.series.gapped import Floats
from webapp.pages.numbers_and_dates import for_scripts
from webapp.serving.forecast_of_selection import Period
from webapp.serving.history import Backtest, History

Column = list[float | None]


def chart_of(periods: Sequence[Period], past: History, dataset: Dataset, coverage: float,
             backtest: Backtest | None = None, outliers: Sequence[date] = (), size: int = 1) -> dict[str, Any]:
    """The chart of a forecast with its past.

    Args:
        backtest: what was forecast of past windows.
        outliers: dates of the history to mark.
        size: of how many region-items it is.
    Returns: ``dates``; ``demand``, ``last_year`` (from the first forecast period on), ``backtest``, ``plan``,
        ``lower``, ``upper`` and with a scenario ``scenario``, ``scenario_lower``, ``scenario_upper``: a value or null
        for each date; ``marks``: for each yes/no driver its title and the places of its dates; ``outliers``: places;
        ``adjusted`` and ``out_of_stock`` (what was sold, at least so much was wanted): pairs of place and units;
        ``is_sum``: whether it is of several region-items; where some of them have no backtest, ``backtested``: how many
        have one and how many there are, and ``as_sold``, what the others sold, which is in ``backtest``;
        ``carried`` where demand is carried over from other items: a value or null for each date. With overrides
        ``plan`` and its bounds include them, ``model`` is the forecast without them, and ``overridden`` the places of
        their dates.
    """
    known = past.history["date"].to_numpy().astype("datetime64[D]")
    ahead = np.array([period.date for period in periods], dtype="datetime64[D]")
    every = np.union1d(known, ahead)
    days: list[date] = every.tolist()
    place = {at: number for number, at in enumerate(days)}

    def column(dates: Dates, values: Floats) -> Column:
        at = np.searchsorted(every, dates)
        is_drawn = (np.append(every, np.datetime64("NaT"))[at] == dates) & ~np.isnan(values)
        found: Column = [None] * len(every)
        for here, value in zip(at[is_drawn].tolist(), values[is_drawn].tolist(), strict=True):
            found[here] = for_scripts(value)
        return found

    def of(name: str) -> Column:
        return column(ahead, np.array([getattr(period, name) for period in periods], dtype=np.float64))

    has_final = any(period.final is not None for period in periods)
    names = ("final", "final_lower", "final_upper") if has_final else ("plan", "lower", "upper")
    drawn: dict[str, Any] = {
        "coverage": round(100 * coverage), "dates": every.astype(str).tolist(),
        "demand": column(known, past.history["demand"].to_numpy(dtype=np.float64)), "plan": of(names[0]),
        "lower": of(names[1]), "upper": of(names[2]),
        "last_year": column(ahead, past.last_year(pd.DatetimeIndex(ahead), dataset)),
        "marks": [{"name": dataset.driver(name).title, "at": [place[at] for at in marked if at in place]}
                  for name, marked in past.marks.items() if marked],
        "outliers": [place[at] for at in outliers if at in place],
        "adjusted": _units_at(past.adjusted, place), "out_of_stock": _units_at(past.out_of_stock, place),
        "is_sum": size > 1}
    if past.carried:
        drawn["carried"] = column(np.array(list(past.carried), dtype="datetime64[D]"),
                                  np.array(list(past.carried.values()), dtype=np.float64))
    if backtest is not None:
        drawn["backtest"] = column(backtest.units.index.to_numpy().astype("datetime64[D]"),
                                   backtest.units.to_numpy(dtype=np.float64))
        if backtest.size < size:
            drawn |= {"backtested": [backtest.size, size],
                      "as_sold": column(backtest.as_sold.index.to_numpy().astype("datetime64[D]"),
                                        backtest.as_sold.to_numpy(dtype=np.float64))}
    if has_final:
        drawn |= {"model": of("plan"), "overridden": [place[each.date] for each in periods if each.overrides]}
    if any(period.scenario is not None for period in periods):
        drawn |= {name: of(name) for name in ("scenario", "scenario_lower", "scenario_upper")}
    return drawn


def _units_at(units: Mapping[date, float], place: Mapping[date, int]) -> list[tuple[int, float]]:
    return [(place[at], for_scripts(units[at])) for at in sorted(units) if at in place]
