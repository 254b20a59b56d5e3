"""The overview: every region-item, searched, sorted, paged, selected."""

from dataclasses import replace

from flask import Blueprint, abort, render_template, request
from flask.typing import ResponseReturnValue
from flask_security.decorators import auth_required
from werkzeug.datastructures import MultiDict

from webapp.evidence import best_counts
from webapp.region_items import (
    COLUMNS,
    LARGEST_PAGE,
    PAGE_SIZES,
    STATUSES,
    View,
    counts,
    find_page,
    matching_keys,
    pooled_row,
    rows_of,
)

bp = Blueprint("overview", __name__)

MOST_SELECTED = 100_000


def parse_view(fields: MultiDict[str, str]) -> View:
    """Which region-items a URL or a form means; an error page when it names what there is not."""
    sort, direction = fields.get("sort", "") or "region_item", fields.get("dir", "") or "asc"
    status, page = fields.get("status", ""), fields.get("page", "") or "1"
    size = fields.get("size", "") or str(PAGE_SIZES[0])
    for what, value, allowed in (("sort", sort, COLUMNS), ("dir", direction, ("asc", "desc")),
                                 ("size", size, [str(size) for size in PAGE_SIZES]),
                                 ("status", status, ("", *STATUSES))):
        if value not in allowed:
            abort(422, f"{what} {value[:40]!r} is not known here; allowed are {', '.join(filter(None, allowed))}.")
    if not (page.isascii() and page.isdigit() and len(page) < 10 and 1 <= int(page) <= LARGEST_PAGE):
        abort(422, f"There is no page {page[:40]!r}; pages are numbered from 1.")
    return View(fields.get("q", "").strip()[:200], status, sort, direction == "desc", int(page), int(size))


def selected_keys(fields: MultiDict[str, str]) -> list[str]:
    """The keys that a selection means: those ticked, or all that match when ``everything`` is.

    An error page when a key is no region-item of the catalogue.
    """
    if fields.get("everything"):
        return matching_keys(parse_view(fields))
    keys = list(dict.fromkeys(fields.getlist("ri")))
    if len(keys) > MOST_SELECTED:
        abort(422, f"{len(keys):,} region-items are more than {MOST_SELECTED:,}, the most that can be asked at once.")
    return [row.key for row in rows_of(keys)]


@bp.get("/")
@auth_required("session")
def show() -> ResponseReturnValue:
    """The table, or the part of it that changes; with progress while models are trained for the first time."""
    view = parse_view(request.args)
    page = find_page(view)
    found = counts()
    first_training = found["total"] == 0 or (found["untrained"] > 0 and found["judged"] < found["total"])
    template = "overview/_table.html" if request.headers.get("HX-Target") == "table" else "overview/show.html"
    return render_template(template, view=replace(view, page=page.number), page=page, counts=found,
                           first_training=first_training, best=best_counts(), pooled=pooled_row(), statuses=STATUSES,
                           sizes=PAGE_SIZES)
