"""The search in the header: any region, item or region-item leads to its forecast."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Blueprint, Flask, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select
from sqlalchemy.orm import InstrumentedAttribute

from webapp.access import needs
from webapp.db.database import db
from webapp.language.translations import gettext as _
from webapp.pages.listing import containing
from webapp.pages.long_names import in_full
from webapp.tables import RegionItemRow

bp = Blueprint("search", __name__)

SUGGESTED, SHOWN = 6, 200
"""Of each kind, while typing and on the page of results."""


@dataclass(frozen=True)
class SearchResult:
    """What matches: each word is in the name, in any case."""

    regions: Sequence[str]
    items: Sequence[str]
    rows: Sequence[RegionItemRow]
    matching_rows: int
    """Region-items that match in all."""

    @property
    def count(self) -> int:
        """All that matches."""
        return len(self.regions) + len(self.items) + self.matching_rows

    @property
    def groups(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """What was found by kind: its title, and the name and the forecast of each."""
        kinds = (
            (_("Regions, all items summed"), [(name, url_for("forecasts.show", region=name)) for name in self.regions]),
            (_("Items, all regions summed"), [(name, url_for("forecasts.show", item=name)) for name in self.items]),
            (_("Region-items"), [(str(row.region_item), url_for("forecasts.show", ri=row.key)) for row in self.rows]),
        )
        return [(title, links) for title, links in kinds if links]


@bp.get("/search")
@needs("viewer")
def show() -> ResponseReturnValue:
    """What matches, as suggestions while typing; the forecast itself when nothing else matches."""
    words = request.args.get("q", "").strip()[:200]
    if request.headers.get("HX-Target") == "suggestions":
        return render_template("region_items/_suggestions.html", words=words, found=find(words, SUGGESTED))
    found = find(words, SHOWN)
    if found.count == 1:
        [(_title, [(_name, forecast)])] = found.groups
        return redirect(forecast, 303)
    return render_template("region_items/search.html", words=words, found=found)


def find(words: str, most: int) -> SearchResult:
    """Regions, items and region-items of the catalogue that hold each of the words; at most so many of each."""
    if not words:
        return SearchResult([], [], [], 0)
    matching = containing(select(RegionItemRow).where(RegionItemRow.in_catalogue), words)
    count = db.session.scalar(matching.with_only_columns(func.count())) or 0
    rows = db.session.scalars(matching.order_by(RegionItemRow.position).limit(most)).all()
    return SearchResult(_names(RegionItemRow.region, words, most), _names(RegionItemRow.item, words, most), rows, count)


def _names(column: InstrumentedAttribute[str], words: str, most: int) -> list[str]:
    """Names of one kind that hold each word by themselves; databases lower ASCII only, so Python looks again."""
    matching = containing(select(RegionItemRow).where(RegionItemRow.in_catalogue), words)
    names = db.session.scalars(matching.with_only_columns(column).distinct().order_by(column))
    return [name for name in names if all(word in in_full(name).lower() for word in words.lower().split())][:most]


def add_to(app: Flask) -> None:
    """Serve the search."""
    app.register_blueprint(bp)
