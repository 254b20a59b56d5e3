"""Overrides as they are made and taken back on the forecast page."""

from typing import Any

from flask import Blueprint, abort, flash, jsonify, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from webapp.access import needs
from webapp.db.database import db
from webapp.forecasts.page import page_with_override
from webapp.forecasts.query import ForecastQuery, parse_forecast_query
from webapp.language.translations import gettext as _
from webapp.language.translations import ngettext as _n
from webapp.overrides.applied import override_words, parts_ahead
from webapp.overrides.form import parse_cells, parse_override
from webapp.overrides.overrides import (
    CellsError,
    ChangedMeanwhileError,
    kept_of,
    mark_of,
    place,
    place_cells,
    remove,
    undo,
)
from webapp.overrides.views import store_down
from webapp.overrides.wanted_override import OverrideError
from webapp.pages.numbers_and_dates import period
from webapp.pages.reader_locale import number
from webapp.tables import Override

bp = Blueprint("forecast_overrides", __name__, url_prefix="/overrides")


bp.register_error_handler(OSError, store_down)

LISTED_BY = ("q", "state", "planner", "sort", "dir", "page", "size", "batch")
"""What the list of overrides was asked by, which it is again after one of them was undone."""


@bp.post("")
@needs("planner")
def make() -> ResponseReturnValue:
    """Override the forecasts of a selection."""
    forecast_query = parse_forecast_query(request.form)
    if not forecast_query.keys:
        abort(422, _("Choose at least one region-item first."))
    form, wanted = parse_override(request.form)
    if wanted is None:
        return page_with_override(forecast_query, form)
    try:
        made = place(wanted, parts_ahead(forecast_query.keys))
    except OverrideError as error:
        form.errors.append(str(error))
        return page_with_override(forecast_query, form)
    count = number(made.count)
    if made.is_new and made.replaced:
        replaced = _n("%(num)s earlier override", "%(num)s earlier overrides", made.replaced,
                      num=number(made.replaced))
        flash(_n("Recorded: %(num)s period overridden, in place of %(replaced)s.",
                 "Recorded: %(num)s periods overridden, in place of %(replaced)s.", made.count, num=count,
                 replaced=replaced), "success")
    elif made.is_new:
        flash(_n("Recorded: %(num)s period overridden.", "Recorded: %(num)s periods overridden.", made.count,
                 num=count), "success")
    else:
        flash(_n("Already recorded: %(num)s period overridden.",
                 "Already recorded: %(num)s periods overridden.", made.count,
                 num=count), "info")
    return redirect(_back(forecast_query), 303)


@bp.post("/cells")
@needs("planner")
def make_cells() -> ResponseReturnValue:
    """Save what was typed into the grid: how much was saved, or what keeps it from being saved, as JSON."""
    forecast_query = parse_forecast_query(request.form)
    if not forecast_query.keys:
        abort(422, _("Choose at least one region-item first."))
    try:
        made = place_cells(parse_cells(request.form), request.form.get("token", ""),
                           parts_ahead(forecast_query.keys, forecast_query.horizon))
    except ChangedMeanwhileError as error:
        is_sum = len(forecast_query.keys) > 1
        return jsonify(changed=[
            {"date": str(at), "seen": mark_of(held), "words": override_words(held, of_sum=is_sum),
             "comment": held[-1].comment if held else "", "by": held[-1].made_by if held else ""}
            for at, held in error.by_date.items()]), 409
    except CellsError as error:
        return jsonify(errors=[{"date": str(at), "message": message} for at, message in error.by_date.items()]), 422
    except OverrideError as error:
        return jsonify(errors=[{"date": None, "message": str(error)}]), 422
    return jsonify(overridden=made.count, removed=made.removed, is_new=made.is_new)


@bp.post("/<int:override_id>/remove")
@needs("planner")
def take_back(override_id: int) -> ResponseReturnValue:
    """Remove one override; that it was made stays recorded."""
    try:
        found = remove(override_id)
    except OverrideError as error:
        abort(422, str(error))
    if found is None:
        abort(404, _("There is no such override."))
    flash(_("Removed: the model's forecast of %(period)s applies again.", period=period(found.date)), "success")
    return redirect(_asked_back() or url_for("forecasts.show", ri=found.key, _anchor="overrides"), 303)


@bp.post("/batches/<batch>/undo")
@needs("planner")
def undo_batch(batch: str) -> ResponseReturnValue:
    """Take back overrides that were made together; what they replaced holds again."""
    known = db.session.scalar(select(Override).where(Override.batch == batch).limit(1))
    if known is None:
        abort(404, _("There are no such overrides."))
    key, scenario, kept = known.key, known.scenario, kept_of(batch)
    count = undo(batch)
    done = _n("Undone: %(num)s override. What was there before applies again.",
              "Undone: %(num)s overrides. What was there before applies "
              "again.", count, num=number(count)) if count else (
        _("Nothing was changed."))
    flash(" ".join([done, *kept.words]), "success" if count else "info")
    if scenario and request.form.get("on") == "scenario":
        return redirect(url_for("scenarios.detail", token=scenario), 303)
    return redirect(_asked_back() or url_for("forecasts.show", ri=key, _anchor="overrides"), 303)


def _asked_back() -> str | None:
    """The page that a button stood on: the list, or the forecast of a selection."""
    if request.form.get("on") == "list":
        asked: dict[str, Any] = {name: value for name in LISTED_BY if (value := request.form.get(name))}
        return url_for("overrides.show", **asked)
    forecast_query = parse_forecast_query(request.form)
    return _back(forecast_query) if forecast_query.keys else None


def _back(forecast_query: ForecastQuery) -> str:
    query: dict[str, Any] = forecast_query.query(overrides=1, why=0)
    return url_for("forecasts.show", _anchor="overrides", **query)
