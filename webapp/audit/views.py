"""The audit log's page and files, for administrators."""

from datetime import date

from flask import Blueprint, Flask, render_template, request
from flask.typing import ResponseReturnValue

from webapp.access import needs
from webapp.audit import commands
from webapp.audit.acts import act_words
from webapp.audit.queries import COLUMNS, cells_of, changes_of, entries, parse_filters
from webapp.audit.record import KINDS
from webapp.db.database import db
from webapp.pages.download_files import file_of, requested_format
from webapp.pages.listing import find_page
from webapp.services import services

bp = Blueprint("audit", __name__, url_prefix="/admin/audit")

AT_ONCE = 1000
"""Entries read at a time for a file."""


@bp.get("")
@needs("admin", "The audit log is for administrators, since it tells who did what and from where. Ask one of them.")
def show() -> ResponseReturnValue:
    """Who changed what, newest first; all that matches as a file when the URL asks for one."""
    view = parse_filters(request.args)
    query = entries(view)
    if form := requested_format(request.args):
        found = db.session.scalars(query.execution_options(yield_per=AT_ONCE))
        return file_of(form, f"{services().dataset.name}-audit-{date.today()}", COLUMNS, map(cells_of, found))
    page = find_page(query, view)
    is_narrowed = bool(view.search or any(view.filters.values()))
    people = [(value, value) for value in view.kind.filters["who"]]
    acts = sorted(((value, act_words(value)) for value in view.kind.filters["act"]), key=lambda act: act[1])
    return render_template("audit/show.html", page=page, view=page.view, people=people, acts=acts, KINDS=KINDS,
                           changes_of=changes_of, act_words=act_words, is_narrowed=is_narrowed)


def add_to(app: Flask) -> None:
    """Serve the pages of the audit log, and add its command."""
    app.register_blueprint(bp)
    commands.add_to(app)
