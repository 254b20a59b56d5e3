"""What the overview tells of a region-item beside its forecast: last year, accuracy, and how far it moved."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from demand_assets.forecasting.contract.periods import Dates
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.forecast.totals import Part
from demand_assets.forecasting.series.censored_demand import at_least
from demand_assets.forecasting.series.censored_demand import sold as units_sold
from demand_assets.forecasting.series.gapped import Floats
from webapp.accuracy.judged_forecasts import Judged, newest_judged
from webapp.accuracy.past_forecasts import PastForecast
from webapp.region_items.forecast_figures import note_demand, note_errors_in_money, note_moves
from webapp.region_items.live_accuracy import note_accuracy
from webapp.serving.history import sold_on
from webapp.tables import RegionItemRow


def tell_demand(row: RegionItemRow, part: Part, history: pd.DataFrame, dataset: Dataset) -> None:
    """Note what was sold last year in the forecast's periods, in the last period, and in the last horizon.

    Args:
        history: columns date and demand (NaN = unknown) up to the origin.
    """
    units = units_sold(history)
    places = _year_before(len(units), part, dataset)
    last_year = float(last_year_of(history, part, dataset).sum()) if len(places) else float("nan")
    recent, out = units[-dataset.horizon:], ~np.isnan(at_least(history))
    note_demand(row, last_year=None if np.isnan(last_year) else last_year,
                last_year_out_of_stock=0 if np.isnan(last_year) else int(out[places].sum()), out_of_stock=_run(out),
                last=float(units[-1]) if len(units) and not np.isnan(units[-1]) else None,
                volume=float(np.nansum(recent)) if (~np.isnan(recent)).any() else None)


def last_year_of(history: pd.DataFrame, part: Part, dataset: Dataset) -> Floats:
    """Units sold a year before each period of the forecast, shape (h,); NaN where unknown."""
    places = _year_before(len(history), part, dataset)
    return units_sold(history)[places] if len(places) else np.full(len(part.forecast), np.nan)


def _year_before(periods: int, part: Part, dataset: Dataset) -> np.ndarray:
    """Places in a history of so many periods a year before those of the forecast; none where not all are in it."""
    places = periods - 1 + np.arange(1, len(part.forecast) + 1) - dataset.year_length
    return places if len(places) and places[0] >= 0 and places[-1] < periods else places[:0]


def tell_accuracy(row: RegionItemRow, judged: Judged) -> None:
    """Note how right past forecasts were; where none of their periods is known yet, what the monitor said stands."""
    measured = judged.measured(slice(None))
    if measured.periods:
        is_known = ~np.isnan(judged.actual) & ~np.isnan(judged.forecast)
        note_accuracy(row, measured.wape, measured.skill, measured.bias, measured.periods, outside_in_a_row(judged),
                      float(np.abs(judged.actual - judged.forecast)[is_known].sum()),
                      float(judged.actual[is_known].sum()))


def tell_errors_in_money(row: RegionItemRow, past: Sequence[PastForecast], history: pd.DataFrame,
                         windows: tuple[Dates, Floats] | None, prices: Floats | None) -> None:
    """Note how far published forecasts and the backtest were off, in money.

    Args:
        history: columns date and demand (NaN = unknown), consecutive periods, oldest first.
        windows: dates and units of the backtest.
        prices: of each period of the history; None where they are not known.
    """
    if prices is None:
        note_errors_in_money(row, None, None)
        return
    priced = pd.DataFrame({"date": history["date"].to_numpy(), "demand": prices})
    judged = newest_judged(past, history)
    dates, units = windows or (np.array([], dtype="datetime64[D]"), np.array([]))
    note_errors_in_money(row, _in_money(judged.actual, judged.forecast, sold_on(priced, judged.dates)),
                         _in_money(sold_on(history, dates), units, sold_on(priced, dates)))


def _in_money(actual: Floats, forecast: Floats, prices: Floats) -> tuple[float, float] | None:
    """Mean absolute error and mean sale of the periods that are known, in money; None where none is."""
    known = ~np.isnan(actual) & ~np.isnan(forecast) & ~np.isnan(prices)
    if not known.any():
        return None
    actual, forecast, prices = actual[known], forecast[known], prices[known]
    return float((np.abs(actual - forecast) * prices).mean()), float((actual * prices).mean())


def tell_moves(row: RegionItemRow, part: Part, past: Sequence[PastForecast], replaced: Part | None,
               history: pd.DataFrame) -> None:
    """Note how far the forecast moved, and by how much the one before missed.

    Both are told against the newest forecast of an earlier origin. Without one, ``moved`` is told against the stored
    forecast that is replaced, and ``missed`` is not told.

    Args:
        past: of earlier origins than the part's, oldest first.
        replaced: the stored forecast that is replaced; None where there was none, or where a first model takes the
            place of what stood in for it: that says nothing of demand.
    """
    before = past[-1] if past else None
    if before is not None:
        moved, of = _difference(part, before.dates, before.forecast)
        note_moves(row, moved, of, _missed(before, history))
        return
    moved, of = _difference(part, replaced.dates, replaced.forecast) if replaced else (None, None)
    note_moves(row, moved, of, None)


def outside_in_a_row(judged: Judged) -> int:
    """How many of the newest known periods in a row were outside the interval of the newest forecast made before."""
    known = ~np.isnan(judged.actual) & ~np.isnan(judged.lower)
    outside = (judged.actual < judged.lower) | (judged.actual > judged.upper)
    _, newest = np.unique(judged.dates[known][::-1], return_index=True)  # of several origins the last is found first
    return _run(outside[known][::-1][newest])


def _run(holds: np.ndarray) -> int:
    """How many at the end hold in a row."""
    fails = np.flatnonzero(~holds)
    return len(holds) - (int(fails[-1]) + 1 if len(fails) else 0)


def _difference(part: Part, dates: Dates, forecast: Floats) -> tuple[float, float] | tuple[None, None]:
    """The forecast minus an earlier one over the periods of both, and that one's units over them; None where there is
    no such period."""
    _, mine, theirs = np.intersect1d(part.dates, dates, assume_unique=True, return_indices=True)
    if not len(mine):
        return None, None
    before = float(forecast[theirs].sum())
    return float(part.forecast[mine].sum()) - before, before


def _missed(before: PastForecast, history: pd.DataFrame) -> float | None:
    """What was sold minus what was forecast, over the periods since; None where none of them is known."""
    sold = sold_on(history, before.dates)
    known = ~np.isnan(sold)
    return float(sold[known].sum() - before.forecast[known].sum()) if known.any() else None
