"""Outliers in the past of a region-item, and what planners put in their place."""

from dataclasses import dataclass
from datetime import date

import pandas as pd
from flask import Blueprint, Flask, abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.series.censored_demand import sold as units_sold
from demand_assets.forecasting.store.stored_files import NotInStoreError
from webapp.access import actor, needs
from webapp.adjustments.adjustments import (
    AdjustmentError,
    WantedAdjustment,
    accept_unusual,
    adjust,
    adjustments_of,
    remove,
)
from webapp.adjustments.stored_outliers import Outlier, own_part, unusual_of, usual_at
from webapp.db.database import LARGEST_ID
from webapp.language.periods import PERIOD, PERIODS
from webapp.language.translations import gettext as _
from webapp.language.unit_words import unit_words
from webapp.pages.numbers_and_dates import period
from webapp.pages.numbers_and_dates import units as quantity
from webapp.pages.reader_locale import number
from webapp.pages.typed_numbers import AmbiguousNumberError, TypedNumberError, read_number
from webapp.region_items.rows import rows_of
from webapp.services import services
from webapp.tables import Adjustment, RegionItemRow

bp = Blueprint("adjustments", __name__, url_prefix="/adjustments")


@dataclass(frozen=True)
class Outliers:
    """What is unusual in a region-item's past, and what was adjusted; the newest first."""

    rows: list[Outlier]
    """Those that are not adjusted."""
    adjustments: list[Adjustment]
    first: date | None = None
    """Of the history that was looked at."""
    last: date | None = None
    usual: float | None = None
    """Units that would be usual in the period that is to be adjusted; None where that cannot be said."""

    @property
    def open(self) -> list[Adjustment]:
        """The adjustments that hold."""
        return [one for one in self.adjustments if one.removed_at is None]

    @property
    def removed(self) -> list[Adjustment]:
        """Those that were removed or replaced."""
        return [one for one in self.adjustments if one.removed_at is not None]


def outliers_of(row: RegionItemRow, history: pd.DataFrame, dataset: Dataset, wanted: str = "") -> Outliers:
    """The outliers and the adjustments of a region-item.

    Args:
        history: schema Demand, up to the last known demand.
        wanted: the date to be adjusted, as typed.
    """
    made = adjustments_of(row.key)
    own = own_part(history)
    if own.empty:
        return Outliers([], made)
    adjusted = {one.date for one in made if one.removed_at is None}
    rows = [one for one in unusual_of(row, history, dataset).rows if str(one.date) not in adjusted]
    shown = next((one.usual_rounded for one in rows if str(one.date) == wanted), None)
    return Outliers(rows, made, own["date"].iloc[0].date(), own["date"].iloc[-1].date(),
                    usual_at(wanted, history, dataset) if shown is None else shown)


@bp.post("")
@needs("planner")
def make() -> ResponseReturnValue:
    """Adjust the demand of one period; the history itself stays as it is."""
    key, text = request.form.get("ri", ""), request.form.get("units", "").strip()
    row = rows_of([key])[0]
    try:
        at = date.fromisoformat(request.form.get("date", "").strip())
    except ValueError:
        abort(422, _("Give a date like 2026-01-31, not %(text)s.", text=repr(request.form.get("date", "")[:40])))
    try:
        units = read_number(text)
    except AmbiguousNumberError as error:
        abort(422, _("%(error)s You wrote %(text)s units.", error=error, text=repr(text[:40])))
    except TypedNumberError:
        abort(422, _("Give a number of units, not %(text)s.", text=repr(text[:40])) if text else (
            _("Give a number of units.")))
    try:
        history = services().forecaster.history(row.region_item, known_as=row.forecast_wanted)
    except NotInStoreError:
        abort(422, _("No demand is stored for %(region_item)s, so there is nothing to adjust.",
                     region_item=row.region_item))
    sold = units_sold(history)[history["date"] == pd.Timestamp(at)]
    try:
        adjust(WantedAdjustment(row.key, at, units, " ".join(request.form.get("reason", "").split())),
               float(sold[0]) if len(sold) else None, actor().email)
    except AdjustmentError as error:
        abort(422, str(error))
    flash(_("Recorded for %(period)s: %(amount)s in place of what was sold. Forecasts use it in a moment, models from "
            "their next training on.", period=period(at),
            amount=f"{quantity(units)} {unit_words(services().dataset.unit)}"),
          "success")
    return redirect(_back(row.key), 303)


@bp.post("/accept")
@needs("planner")
def accept() -> ResponseReturnValue:
    """Adjust all that is unusual in a region-item's past to what would be usual."""
    row = rows_of([request.form.get("ri", "")])[0]
    try:
        history = services().forecaster.history(row.region_item, known_as=row.forecast_wanted)
    except NotInStoreError:
        abort(422, _("No demand is stored for %(region_item)s, so there is nothing to adjust.",
                     region_item=row.region_item))
    unusual = unusual_of(row, history, services().dataset)
    try:
        count = accept_unusual(row.key, unusual.rows, " ".join(request.form.get("reason", "").split()), actor().email)
    except AdjustmentError as error:
        abort(422, str(error))
    frequency = services().dataset.frequency
    adjusted = f"{number(count)} {(PERIOD if count == 1 else PERIODS)[frequency]}"
    flash(_("Adjusted to what would be usual: %(periods)s.", periods=adjusted) if count else (
        _("Nothing unusual was left to adjust.")), "success" if count else "info")
    return redirect(_back(row.key), 303)


@bp.post("/<int:adjustment_id>/remove")
@needs("planner")
def take_back(adjustment_id: int) -> ResponseReturnValue:
    """Remove an adjustment; that it was made stays recorded."""
    found = remove(adjustment_id, actor().email) if adjustment_id <= LARGEST_ID else None
    if found is None:
        abort(404, _("There is no such adjustment."))
    flash(_("Removed: for %(period)s what was sold counts again.", period=period(found.date)), "success")
    return redirect(_back(found.key), 303)


def _back(key: str) -> str:
    return url_for("forecasts.show", ri=key, _anchor="outliers")


def add_to(app: Flask) -> None:
    """Serve the pages of adjustments."""
    app.register_blueprint(bp)
