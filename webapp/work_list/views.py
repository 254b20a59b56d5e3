"""The list of work: read by everybody, worked down by planners, a form for all that is ticked."""

from datetime import date
from typing import Any

from flask import Blueprint, Flask, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from webapp.access import actor, needs
from webapp.db.chunked import chunked
from webapp.db.database import db
from webapp.http.choices import one_of
from webapp.language.translations import gettext as _
from webapp.language.translations import in_language, pgettext
from webapp.language.translations import ngettext as _n
from webapp.pages.download_files import Cell, exact, file_of, requested_format
from webapp.pages.listing import View, find_page
from webapp.pages.numbers_and_dates import day
from webapp.pages.reader_locale import number
from webapp.pages.rounded_money import rounded_money
from webapp.pages.stored_words import stored_words
from webapp.region_items.attributes import groupable
from webapp.region_items.rows import known_keys
from webapp.services import services
from webapp.tables import WorkEntry
from webapp.work_list import states
from webapp.work_list.actions import ACTS, MOST_AT_ONCE, Done, WantedAction, WorkError, act, named, owners
from webapp.work_list.causes import Line, LinePage, line_page
from webapp.work_list.entry_texts import line_words_of, words_of
from webapp.work_list.query import (
    DUE,
    GROUPED,
    ME,
    NOBODY,
    SHOWN,
    count_work,
    entries,
    first_work,
    is_grouped,
    parse_work_view,
    question_of,
    seen_now,
)
from webapp.work_list.thresholds import KINDS

bp = Blueprint("work", __name__, url_prefix="/work")

NAMED = 3
"""Entries that a message names."""


@bp.get("")
@needs("viewer")
def show() -> ResponseReturnValue:
    """What is to be looked at, the most important first; or all of it as a file."""
    view, today = parse_work_view(request.args), date.today()
    if form := requested_format(request.args):
        found = list(db.session.scalars(entries(view, today)))
        with in_language(None):  # files are the same for every reader
            words = words_of(found)
        return file_of(form, f"{services().dataset.name}-work-{today}", (
            "What", "Of", "Why", f"At stake, {services().dataset.unit}", "At stake, money", "State", "Owner", "Due",
            "Snoozed until", "Found (UTC)", "Reason"),
            (_cells(one, words[one.id].subject, words[one.id].sentence, today) for one in found))
    page = _page(view, today)
    people = [(name, name) for name in view.kind.filters["owner"] if name not in (ME, NOBODY)]
    return render_template(
        "work_list/show.html", page=page, view=page.view, words=line_words_of(page.rows, page.view), shown=SHOWN,
        due=DUE, grouped=GROUPED,
        kind_titles=[("", _("any task")), *((name, kind.title) for name, kind in KINDS.items())],
        people=[("", _("any owner")), (ME, _("mine")), (NOBODY, _("unassigned")), *people],
        same=page.same(today), owners=owners() if actor().may("planner") else [], me=actor().email,
        attributes=list(groupable()), most=MOST_AT_ONCE)


def _page(view: View, today: date) -> LinePage:
    """What a view shows, a line for each cause or for each entry."""
    if is_grouped(view):
        return line_page(entries(view, today), view, question_of(view, today))
    page = find_page(entries(view, today), view)
    return LinePage([Line([entry]) for entry in page.rows], page.matching, page.matching, page.view, page.pages)


@bp.post("")
@needs("planner")
def change() -> ResponseReturnValue:
    """Carry out one act on all that is ticked, or on all that matches."""
    today, fields = date.today(), request.form
    wanted = WantedAction(one_of("act", fields.get("act", ""), ACTS), fields.get("owner_wanted", "").strip()[:255],
                          _day("until"), _day("due_wanted"), " ".join(fields.get("reason", "").split()))
    seen = _seen(today)
    if not seen:
        abort(422, _("Nothing is ticked. Tick entries of the list first."))
    try:
        done = act(wanted, seen, today)
    except WorkError as error:
        abort(422, str(error))
    _tell(wanted, done, today)
    return redirect(_back(), 303)


@bp.post("/retrain")
@needs("planner")
def retrain() -> ResponseReturnValue:
    """Ask whether the region-items of what is ticked are to be retrained; the page of retrains does the rest."""
    seen, keys = _seen(date.today()), dict[str, None]()
    for part in chunked(sorted(seen)):
        keys |= dict.fromkeys(db.session.scalars(select(WorkEntry.subject).where(
            WorkEntry.id.in_(part), WorkEntry.kind != "scenario").order_by(WorkEntry.id)))
    known = known_keys(list(keys))
    wanted = [key for key in keys if key in known]
    if not wanted:
        abort(422, _("Nothing that is ticked is about a region-item. Tick other entries first."))
    return render_template("work_list/retrain.html", keys=wanted, back=_back())


def _seen(today: date) -> dict[int, int]:
    """Id -> version of the entries that a form means, as its sender saw them."""
    if request.form.get("everything"):
        return seen_now(parse_work_view(request.form), today, MOST_AT_ONCE)
    seen = {}
    for text in (one for value in request.form.getlist("entry") for one in value.split(" ")):
        entry_id, _dot, version = text.partition(".")
        if not all(part.isascii() and part.isdigit() and len(part) < 10 for part in (entry_id, version)):
            abort(422, _("%(text)s is not an entry of the work list. Tick entries on the list.", text=repr(text[:40])))
        seen[int(entry_id)] = int(version)
    return seen


def _day(name: str) -> date | None:
    text = request.form.get(name, "").strip()
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        abort(422, _("Give a date like 2026-01-31, not %(text)s.", text=repr(text[:40])))


def _tell(wanted: WantedAction, done: Done, today: date) -> None:
    """Say what became of an act."""
    if done.changed:
        flash(_done_words(wanted, done), "success")
    elif not done.left and not done.unfit:
        flash(_("Nothing was changed: it was so already."), "info")
    if done.unfit:
        flash(_n("%(num)s task unchanged: only unusual sales can be accepted.",
                 "%(num)s tasks unchanged: only unusual sales can be accepted.", done.unfit,
                 num=number(done.unfit)), "info")
    if done.left:
        names = "; ".join(f"{named(one)}, {_now(one, today)}" for one in done.left[:NAMED])
        if len(done.left) > NAMED:
            more = len(done.left) - NAMED
            names = _n("%(names)s; and %(num)s more", "%(names)s; and %(num)s more", more, names=names,
                       num=number(more))
        flash(_n("%(num)s task unchanged, as someone else changed it in the meantime: %(names)s. Look again, then "
                 "repeat what still applies.",
                 "%(num)s tasks unchanged, as someone else changed them in the meantime: %(names)s. Look again, then "
                 "repeat what still applies.", len(done.left), num=number(len(done.left)), names=names), "warning")


def _done_words(wanted: WantedAction, done: Done) -> str:
    count = done.changed
    tasks = _n("%(num)s task", "%(num)s tasks", count, num=number(count))
    if wanted.act == "accept":
        return _n("%(tasks)s resolved, %(num)s unusual period adjusted.",
                  "%(tasks)s resolved, %(num)s unusual periods adjusted.", done.periods, num=number(done.periods),
                  tasks=tasks)
    if wanted.act == "assign":
        return _("%(tasks)s assigned to %(person)s.", tasks=tasks, person=wanted.owner)
    if wanted.act == "snooze":
        return _("%(tasks)s snoozed until %(date)s.", tasks=tasks, date=day(wanted.until))
    return {"take": _("%(tasks)s now yours.", tasks=tasks), "release": _("%(tasks)s given back.", tasks=tasks),
            "resolve": _("%(tasks)s resolved.", tasks=tasks),
            "reopen": _("%(tasks)s reopened.", tasks=tasks)}[wanted.act]


def _now(entry: WorkEntry, today: date) -> str:
    state = states.state_of(entry, today)
    told = {"open": pgettext("task", "open"), "assigned": _("assigned to %(person)s", person=entry.owner),
            "snoozed": _("snoozed until %(date)s", date=day(entry.snoozed_until)),
            "resolved": _("resolved (%(reason)s)", reason=entry.reason if entry.resolved_by
                          else stored_words(entry.reason))}[state]
    return (_("%(state)s, by %(person)s", state=told, person=entry.changed_by) if entry.changed_by else
            _("%(state)s, found again", state=told))


def _back() -> str:
    """The list that the form stands on, without what it does."""
    arguments: dict[str, Any] = dict(parse_work_view(request.form).query())
    return url_for("work.show", **arguments)


def _cells(entry: WorkEntry, subject: str, sentence: str, today: date) -> tuple[Cell, ...]:
    title = KINDS[entry.kind].title if entry.kind in KINDS else entry.kind
    return (title, subject, sentence, entry.units, exact(rounded_money(entry.money)), states.state_of(entry, today),
            entry.owner or None, date.fromisoformat(entry.due),
            date.fromisoformat(entry.snoozed_until) if entry.snoozed_until else None, entry.found_at,
            entry.reason or None)


def add_to(app: Flask) -> None:
    """Serve the list; the overview shows its start."""
    app.register_blueprint(bp)
    app.jinja_env.globals.update(first_work=first_work, count_work=count_work)
