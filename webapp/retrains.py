"""Retrains: asked for, followed region-item by region-item, cancelled."""

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_security import current_user
from flask_security.decorators import auth_required

from demand_assets.forecasting.region_item import RegionItem
from webapp.database import db
from webapp.overview import selected_keys
from webapp.page_words import plural
from webapp.retrain_requests import ask_to_cancel, newest, progress_of, store
from webapp.systems import is_up
from webapp.tables import Retrain

bp = Blueprint("retrains", __name__, url_prefix="/retrains")

SHOWN_AT_ONCE = 100


@bp.get("")
@auth_required("session")
def show() -> str:
    """All retrains, newest first."""
    return render_template("retrains/show.html", retrains=[progress_of(each) for each in newest(SHOWN_AT_ONCE)])


@bp.post("")
@auth_required("session")
def ask() -> ResponseReturnValue:
    """Store a request; the background process sends it."""
    keys = selected_keys(request.form)
    token = request.form.get("token", "")
    if not keys:
        abort(422, "Nothing is selected. Tick region-items in the overview first.")
    if not 16 <= len(token) <= 64 or not token.isalnum():
        abort(422, "This form is not complete. Reload the page and send it again.")
    stored = store(token, keys, current_user.email)
    if stored.already_running:
        running = [str(RegionItem.from_key(key)) for key in stored.already_running]
        names = ", ".join(running[:5]) + (f" and {len(running) - 5} more" if len(running) > 5 else "")
        flash(f"Not asked again, because an unfinished retrain holds {plural(len(running), 'region-item')} of the "
              f"selection already: {names}.", "warning")
    if stored.retrain is None:
        return redirect(url_for("retrains.detail", retrain_id=next(iter(stored.already_running.values()))), 303)
    if not stored.is_new:
        flash("This was asked already; here it is.", "info")
    elif not is_up("dagster"):
        flash("Dagster is down. The request is kept and will be sent when it is back.", "warning")
    return redirect(url_for("retrains.detail", retrain_id=stored.retrain.id), 303)


@bp.get("/<int:retrain_id>")
@auth_required("session")
def detail(retrain_id: int) -> str:
    """One retrain, live."""
    return render_template("retrains/detail.html", progress=progress_of(_retrain(retrain_id)))


@bp.get("/<int:retrain_id>/progress")
@auth_required("session")
def progress(retrain_id: int) -> str:
    """The part of the page that changes; stops asking when the retrain is finished."""
    return render_template("retrains/_progress.html", progress=progress_of(_retrain(retrain_id)))


@bp.post("/<int:retrain_id>/cancel")
@auth_required("session")
def cancel(retrain_id: int) -> ResponseReturnValue:
    """Stop what is not decided yet."""
    retrain = _retrain(retrain_id)
    if not progress_of(retrain).can_be_cancelled:
        flash("There was nothing left to cancel.", "info")
    else:
        ask_to_cancel(retrain)
    return redirect(url_for("retrains.detail", retrain_id=retrain_id), 303)


def _retrain(retrain_id: int) -> Retrain:
    retrain = db.session.get(Retrain, retrain_id) if retrain_id < 2**31 else None
    if retrain is None:
        abort(404, f"There is no retrain {retrain_id}. The list shows all there are.")
    return retrain
