"""What the overview tells of a region-item beside its outlook: last year, accuracy, and how far its forecast moved."""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

import numpy as np
import pandas as pd

from demand_assets.forecasting.contract.dataset import Dataset
from demand_assets.forecasting.forecast.totals import Dates, Part
from demand_assets.forecasting.series.gapped import Floats
from webapp.accuracy.accuracy import pooled_accuracy
from webapp.accuracy.past_forecasts import PastForecast
from webapp.db.database import now
from webapp.serving.history import sold_on
from webapp.tables import RegionItemRow


def tell_demand(row: RegionItemRow, part: Part, history: pd.DataFrame, dataset: Dataset) -> None:
    """Note last year's demand in the forecast's periods, the last period's, and that of the last horizon.

    Args:
        history: columns date and demand (NaN = unknown) up to the origin.
    """
    units = history["demand"].to_numpy(dtype=float)
    places = len(units) - 1 + np.arange(1, len(part.forecast) + 1) - dataset.year_length
    within = len(places) and places[0] >= 0 and places[-1] < len(units)
    last_year = float(units[places].sum()) if within else float("nan")
    row.last_year = None if np.isnan(last_year) else last_year
    row.change_on_last_year = (float(part.forecast.sum()) / row.last_year - 1) if row.last_year else None
    recent = units[-dataset.horizon:]
    row.last_demand = float(units[-1]) if len(units) else None
    row.volume = float(np.nansum(recent)) if (~np.isnan(recent)).any() else None


def tell_accuracy(row: RegionItemRow, past: Sequence[PastForecast], history: pd.DataFrame) -> None:
    """Note how right past forecasts were; where none of their periods is known yet, what the monitor said stands."""
    measured = pooled_accuracy(past, history)
    if not measured.periods:
        return
    row.live_wape, row.live_skill, row.live_bias = measured.wape, measured.skill, measured.bias
    row.live_periods, row.live_from = measured.periods, "archive"


def note_monitored(row: RegionItemRow, numbers: Mapping[str, Any]) -> None:
    """Take up what the pipeline's monitor measured of the version in production; what it says of others is left.

    Its accuracy stands only as long as no archived forecast can be judged.
    """
    if numbers.get("version") != row.production_version:
        return
    row.drift, row.drifted = _told(numbers.get("drift")), str(numbers.get("drifted", ""))[:60]
    measured = _told(numbers.get("wape_live"))
    if row.live_from != "archive" and measured is not None:
        row.live_wape, row.live_skill, row.live_bias = measured, None, _told(numbers.get("bias_live"))
        row.live_periods, row.live_from = int(numbers.get("new_periods", 0)), "monitor"


def forget_monitored(row: RegionItemRow) -> None:
    """Forget what was said of another model than the one that forecasts now."""
    row.drift, row.drifted = None, ""
    if row.live_from == "monitor":
        row.live_wape = row.live_skill = row.live_bias = None
        row.live_periods, row.live_from = 0, ""


def tell_moves(row: RegionItemRow, part: Part, past: Sequence[PastForecast], replaced: Part | None,
               history: pd.DataFrame) -> None:
    """Note how far the forecast moved, and by how much the one before missed.

    Both are told against the newest forecast of an earlier origin. Without one, ``moved`` is told against the outlook
    that is replaced, and ``missed`` is not told.

    Args:
        past: of earlier origins than the part's, oldest first.
        replaced: the outlook that is replaced; None where there was none.
    """
    before = past[-1] if past else None
    if before is not None:
        row.moved = _difference(part, before.dates, before.forecast)
        row.missed = _missed(before, history)
    else:
        row.moved = _difference(part, replaced.dates, replaced.forecast) if replaced else None
        row.missed = None
    row.moved_at = now() if row.moved is not None or row.missed is not None else None


def _difference(part: Part, dates: Dates, forecast: Floats) -> float | None:
    """The forecast minus an earlier one over the periods of both, in units; None where there is no such period."""
    _, mine, theirs = np.intersect1d(part.dates, dates, assume_unique=True, return_indices=True)
    return float(part.forecast[mine].sum() - forecast[theirs].sum()) if len(mine) else None


def _missed(before: PastForecast, history: pd.DataFrame) -> float | None:
    """What was sold minus what was forecast, over the periods since; None where none of them is known."""
    sold = sold_on(history, before.dates)
    known = ~np.isnan(sold)
    return float(sold[known].sum() - before.forecast[known].sum()) if known.any() else None


def _told(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and isfinite(value) else None
