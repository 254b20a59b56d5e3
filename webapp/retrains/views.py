"""Retrains: asked for, followed region-item by region-item, cancelled, asked for again where they failed."""

import re
from dataclasses import dataclass

from flask import Blueprint, Flask, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.telemetry.tracing import trace_id_of
from webapp.access import actor, needs
from webapp.db.database import LARGEST_ID, db
from webapp.http.choices import one_of
from webapp.http.form_tokens import sent_form_token
from webapp.language.translations import gettext as _
from webapp.language.translations import ngettext as _n
from webapp.pages.listing import parse_page
from webapp.pages.reader_locale import number
from webapp.region_items.rows import rows_by_key
from webapp.region_items.selection import ticked_keys
from webapp.retrains.decisions import Decision, decisions_of, is_of, kind_of
from webapp.retrains.nothing_new import nothing_new
from webapp.retrains.progress import (
    SHOWN,
    SOURCES,
    STATES,
    ItemPage,
    Progress,
    asked_by_words,
    failure_reasons,
    find_items,
    find_retrains,
    progress_of,
)
from webapp.retrains.requests import NAMED, Stored, ask_to_cancel, retry_keys, seconds_of, store, unseen_of
from webapp.services import services
from webapp.serving.before_and_after_retrain import before_after
from webapp.serving.forecast_of_selection import words_of
from webapp.systems.outages import is_up
from webapp.tables import Retrain, RetrainItem
from webapp.telemetry.requests_seen import belongs_to

bp = Blueprint("retrains", __name__, url_prefix="/retrains")

LONGEST_REASON = 300
MOST_LISTED_AT_ONCE = 12
"""Region-items that the page of a retrain lists by itself; of more it has each decision once, which lists its own."""


@bp.get("")
@needs("viewer")
def show() -> ResponseReturnValue:
    """Retrains, newest first; a page that knows its newest state asks for changes only."""
    shown = one_of("show", request.args.get("show", ""), SHOWN)
    source = one_of("by", request.args.get("by", ""), SOURCES)
    page = find_retrains(shown, source, actor().email, parse_page(request.args))
    if request.args.get("seen") == page.version:
        return "", 204
    template = "retrains/_list.html" if request.headers.get("HX-Target") == "retrains" else "retrains/show.html"
    return render_template(template, page=page, shown=shown, source=source, SHOWN=SHOWN, SOURCES=SOURCES)


@bp.post("")
@needs("planner")
def ask() -> ResponseReturnValue:
    """Store a request; the background process sends it. What a pin means for it is said first, and
    for which region-items there is nothing new to learn."""
    keys = ticked_keys(request.form)
    if not keys:
        abort(422, _("Nothing is selected. Tick region-items in the overview first."))
    token = sent_form_token()
    choice = one_of("pinned", request.form.get("pinned", ""), ("", "include", "leave"))
    pinned = [row for row in rows_by_key(keys).values() if row.pinned_by]
    if pinned and not choice:
        return render_template("retrains/pinned.html", pinned=pinned, size=len(keys), reason=_reason(),
                               fields=[(name, value) for name, value in request.form.items(multi=True)
                                       if name not in ("csrf_token", "pinned")])
    if choice == "leave":
        held = {row.key for row in pinned}
        keys = [key for key in keys if key not in held]
        if not keys:
            abort(422, _("Everything selected is pinned, so there is nothing to retrain."))
    wanted = _with_something_new(keys, url_for("overview.show"))
    return wanted if isinstance(wanted, str) else _stored(store(token, wanted, actor().email, _reason()))


def _with_something_new(keys: list[str], back: str) -> list[str] | str:
    """The keys that are retrained; a page to choose by where there is nothing new to learn for some.

    Args:
        back: URL of the page to go back to.
    """
    choice = one_of("unchanged", request.form.get("unchanged", ""), ("", "include", "leave"))
    if choice == "include":
        return keys
    found = nothing_new(services(), keys)
    if found.versions and not choice:
        rows = rows_by_key(list(found.versions))
        return render_template(
            "retrains/unchanged.html", unchanged=[rows[key] for key in found.versions], found=found, size=len(keys),
            back=back, fields=[(name, value) for name, value in request.form.items(multi=True)
                               if name not in ("csrf_token", "unchanged")])
    left = [key for key in keys if key not in found.versions]
    if not left:
        abort(422, _("There is nothing new to learn for anything selected, so there is nothing to retrain."))
    return left


@bp.get("/<int:retrain_id>")
@needs("viewer")
def detail(retrain_id: int) -> str:
    """One retrain, live."""
    return render_template("retrains/detail.html", **_shown(_asked_page(progress_of(_retrain(retrain_id)))))


@bp.get("/<int:retrain_id>/progress")
@needs("viewer")
def progress(retrain_id: int) -> ResponseReturnValue:
    """The part of the page that changes; nothing when the page has it, and the asking stops when it is finished."""
    asked = _asked_page(progress_of(_retrain(retrain_id)))
    if request.args.get("seen") == asked.version:
        return "", 204
    return render_template("retrains/_progress.html", is_update="seen" in request.args, **_shown(asked))


@bp.get("/<int:retrain_id>/forecast")
@needs("viewer")
def forecast(retrain_id: int) -> str:
    """The forecast before and after, of one region-item: a part for htmx, a page without JavaScript."""
    retrain = _retrain(retrain_id)
    item = db.session.get(RetrainItem, (retrain.id, request.args.get("ri", "")[:255]))
    if item is None:
        abort(404, _("Retrain %(number)s has no such region-item. Its page lists all of them.", number=retrain.id))
    template = "retrains/_forecast.html" if request.headers.get("HX-Request") else "retrains/forecast.html"
    return render_template(template, retrain=retrain, item=item, found=before_after(services(), item))


@bp.post("/<int:retrain_id>/cancel")
@needs("planner")
def cancel(retrain_id: int) -> ResponseReturnValue:
    """Stop what is not decided yet."""
    retrain = _retrain(retrain_id)
    if not progress_of(retrain).can_be_cancelled or not ask_to_cancel(retrain):
        flash(_("There was nothing left to cancel."), "info")
    return redirect(url_for("retrains.detail", retrain_id=retrain_id), 303)


_RETRIED = re.compile(r"^(?:retry of \d[^#:]* region-items? of #\d+(?:: |$))+")
"""Whatever separates thousands: reasons of before were written as their reader writes numbers."""


@bp.post("/<int:retrain_id>/retry")
@needs("planner")
def retry(retrain_id: int) -> ResponseReturnValue:
    """Ask again for what failed or was cancelled; for which of them there is nothing new to learn is said first."""
    retrain, token = _retrain(retrain_id), sent_form_token()
    keys = retry_keys(retrain)
    if not keys:
        flash(_("Nothing failed in this retrain, or what failed is no longer in the catalogue."), "info")
        return redirect(url_for("retrains.detail", retrain_id=retrain_id), 303)
    wanted = _with_something_new(keys, url_for("retrains.detail", retrain_id=retrain_id))
    if isinstance(wanted, str):
        return wanted
    why = f"retry of {len(wanted)} region-item{'s' if len(wanted) > 1 else ''} of #{retrain.id}"
    first = _RETRIED.sub("", retrain.reason)  # of a retry of a retry only what was asked for at first
    why = f"{why}: {first}" if first else why
    return _stored(store(token, wanted, actor().email, why, act="retried"))


def _stored(stored: Stored) -> ResponseReturnValue:
    """To the page of what was stored, with what has to be said of it."""
    if stored.already_running:
        running = [RegionItem.from_key(key) for key in stored.already_running]
        flash(_n("Not requested again: %(num)s region-item is already in an unfinished retrain: %(names)s.",
                 "Not requested again: %(num)s region-items are already in an unfinished retrain: "
                 "%(names)s.", len(running), num=number(len(running)),
                 names=words_of(running, NAMED)), "warning")
    if stored.retrain is None:
        return redirect(url_for("retrains.detail", retrain_id=next(iter(stored.already_running.values()))), 303)
    if not stored.is_new:
        flash(_("Already requested; here it is."), "info")
    elif not is_up("dagster"):
        flash(_("Dagster does not answer now."), "warning")
    return redirect(url_for("retrains.detail", retrain_id=stored.retrain.id), 303)


@dataclass(frozen=True)
class _AskedPage:
    """What a URL asks to see of a retrain."""

    progress: Progress
    state: str
    decision: Decision | None
    """Only the region-items with it."""
    all_rows: bool
    items: ItemPage | None
    """None: each decision is shown once, in place of its region-items."""

    @property
    def version(self) -> str:
        """Another whenever the page would tell something else."""
        return self.progress.version + (self.items.version if self.items else "")


def _asked_page(progress: Progress) -> _AskedPage:
    state = one_of("state", request.args.get("state", ""), ("", *STATES))
    all_rows = one_of("rows", request.args.get("rows", ""), ("", "all")) == "all"
    all_rows = all_rows or (request.endpoint == "retrains.detail" and "page" in request.args)
    wanted = request.args.get("decision", "")
    decision = None
    if wanted:
        decision = next((one for one in decisions_of(progress.retrain) if one.id == wanted), None)
        if decision is None:
            abort(404, _("Retrain %(number)s has no such decision. Its page lists all of them.",
                         number=progress.retrain.id))
        state = decision.state
    size = progress.counts.get(state, 0) if state else progress.total
    is_listed = decision is not None or all_rows or size <= MOST_LISTED_AT_ONCE
    items = find_items(progress.retrain, state, parse_page(request.args),
                       None if decision is None else is_of(decision)) if is_listed else None
    return _AskedPage(progress, state, decision, all_rows, items)


def _shown(asked: _AskedPage) -> dict[str, object]:
    """What the page of a retrain needs."""
    retrain = asked.progress.retrain
    reasons = failure_reasons(retrain) if asked.progress.counts.get("failed") else []
    decisions = [] if asked.decision else decisions_of(retrain, asked.state)
    if asked.items is not None:
        if len(reasons) == 1:
            decisions = [one for one in decisions if one.state != "failed"]  # told above all of them
        if not any(one.count > 1 and one.sentence for one in decisions):
            decisions = []  # each is told by its row
    told = {(one.state, kind_of(one.sentence)) for one in [*decisions, asked.decision] if one and one.count > 1}
    rows = asked.items.items if asked.items else []
    return {"progress": asked.progress, "page": asked.items, "reasons": reasons, "version": asked.version,
            "shown_state": asked.state, "decision": asked.decision, "all_rows": asked.all_rows,
            "decisions": decisions, "told_above": {row.key for row in rows if (row.state, kind_of(row.reason)) in told}}


def _reason() -> str:
    reason = " ".join(request.form.get("reason", "").split())
    if len(reason) > LONGEST_REASON:
        abort(422, _("The reason has %(length)s characters; at most %(most)s are kept.", length=len(reason),
                     most=LONGEST_REASON))
    return reason


def _retrain(retrain_id: int) -> Retrain:
    retrain = db.session.get(Retrain, retrain_id) if retrain_id <= LARGEST_ID else None
    if retrain is None:
        abort(404, _("There is no retrain %(number)s. The list shows all of them.", number=retrain_id))
    belongs_to(retrain.request_id)
    return retrain


def add_to(app: Flask) -> None:
    """Serve the pages of retrains; templates may say how long a training took."""
    app.register_blueprint(bp)
    app.jinja_env.globals.update(seconds_of=seconds_of, unseen_of_retrain=unseen_of, trace_id_of=trace_id_of,
                                 asked_by_words=asked_by_words)
