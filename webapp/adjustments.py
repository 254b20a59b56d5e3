"""Outliers in the past of a region-item, and what planners put in their place."""

from dataclasses import dataclass, field
from datetime import date
from math import isfinite

import numpy as np
import pandas as pd
from flask import Blueprint, abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from demand_assets.forecasting.dataset import Dataset
from demand_assets.forecasting.outliers import usual_demand
from demand_assets.forecasting.store import NotInStoreError
from demand_assets.forecasting.totals import Dates
from demand_assets.forecasting.trailing import Floats
from webapp import page_words
from webapp.access import actor, needs
from webapp.adjusted_demand import AdjustmentError, Wanted, adjust, adjustments_of, remove
from webapp.region_items import rows_of
from webapp.services import services
from webapp.tables import Adjustment

bp = Blueprint("adjustments", __name__, url_prefix="/adjustments")


@dataclass(frozen=True)
class Outlier:
    """A period of the history whose demand is unusual."""

    date: date
    sold: float
    usual: float
    """Units that would be usual there, by season, level and known drivers."""


@dataclass(frozen=True)
class Outliers:
    """What is unusual in a region-item's past, and what was adjusted; the newest first."""

    rows: list[Outlier]
    """Those that are not adjusted."""
    adjustments: list[Adjustment]
    usual: Floats = field(default_factory=lambda: np.zeros(0))
    """Units that would be usual in each period of the history; NaN where that cannot be said."""
    dates: Dates = field(default_factory=lambda: np.zeros(0, dtype="datetime64[D]"))
    """Of the history that was looked at."""

    def usual_at(self, text: str) -> float | None:
        """Units that would be usual on the date that was typed, to one decimal; None where that cannot be said."""
        found = self.usual[self.dates.astype(str) == text] if text else self.usual[:0]
        return round(float(found[0]), 1) if len(found) and not np.isnan(found[0]) else None

    @property
    def first(self) -> date | None:
        """Of the history that was looked at."""
        return self.dates[0].item() if len(self.dates) else None

    @property
    def last(self) -> date | None:
        """Of the history that was looked at."""
        return self.dates[-1].item() if len(self.dates) else None

    @property
    def open(self) -> list[Adjustment]:
        """The adjustments that hold."""
        return [one for one in self.adjustments if one.removed_at is None]

    @property
    def removed(self) -> list[Adjustment]:
        """Those that were removed or replaced."""
        return [one for one in self.adjustments if one.removed_at is not None]


def outliers_of(key: str, history: pd.DataFrame, dataset: Dataset) -> Outliers:
    """The outliers and the adjustments of a region-item.

    Args:
        history: schema Demand, up to the last known demand.
    """
    made = adjustments_of(key)
    adjusted = {one.date for one in made if one.removed_at is None}
    found = usual_demand(history, dataset)
    dates, sold = history["date"].to_numpy().astype("datetime64[D]"), history["demand"].to_numpy(dtype=float)
    rows = [Outlier(dates[place].item(), float(sold[place]), float(found.units[place]))
            for place in np.flatnonzero(found.is_outlier)[::-1] if str(dates[place]) not in adjusted]
    return Outliers(rows, made, found.units, dates)


@bp.post("")
@needs("planner")
def make() -> ResponseReturnValue:
    """Adjust the demand of one period; the history itself stays as it is."""
    key, text = request.form.get("ri", ""), request.form.get("units", "").strip().replace(",", ".")
    row = rows_of([key])[0]
    try:
        at = date.fromisoformat(request.form.get("date", "").strip())
    except ValueError:
        abort(422, f"Give a date as 2026-01-31, not {request.form.get('date', '')[:40]!r}.")
    try:
        units = float(text)
    except ValueError:
        abort(422, f"Give a number of units{f', not {text[:40]!r}' if text else ''}.")
    if not isfinite(units):
        abort(422, f"Give a number of units, not {text[:40]!r}.")
    try:
        history = services().forecaster.history(row.region_item, known_as=row.outlook_wanted)
    except NotInStoreError:
        abort(422, f"No demand is stored for {row.region_item}, so there is nothing to adjust.")
    sold = history.loc[history["date"] == pd.Timestamp(at), "demand"]
    try:
        adjust(Wanted(row.key, at, units, " ".join(request.form.get("reason", "").split())),
               float(sold.iloc[0]) if len(sold) else None, actor().email)
    except AdjustmentError as error:
        abort(422, str(error))
    flash(f"Recorded for {page_words.period(at)}: {page_words.units(units)} {services().dataset.unit} in place of what "
          "was sold. Forecasts use it in a moment, models from their next training on.", "success")
    return redirect(_back(row.key), 303)


@bp.post("/<int:adjustment_id>/remove")
@needs("planner")
def take_back(adjustment_id: int) -> ResponseReturnValue:
    """Remove an adjustment; that it was made stays recorded."""
    found = remove(adjustment_id, actor().email)
    if found is None:
        abort(404, "There is no such adjustment.")
    flash(f"Removed: for {page_words.period(found.date)} what was sold counts again.", "success")
    return redirect(_back(found.key), 303)


def _back(key: str) -> str:
    return url_for("forecasts.show", ri=key, _anchor="outliers")
