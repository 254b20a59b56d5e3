"""What the forecast page is asked: a selection, how far ahead, and how it is shown. The URL says it all."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b

from flask import abort
from sqlalchemy import or_, select
from werkzeug.datastructures import MultiDict

from demand_assets.forecasting.model.intervals import LEVELS
from webapp.db.database import db, writing
from webapp.db.locks import insert_absent
from webapp.pages.page_numbers import LARGEST_PAGE
from webapp.region_items.rows import keys_of, known_keys, pooled_row, rows_of
from webapp.services import services
from webapp.tables import PooledRow, RegionItemRow, Selection

MOST_REGION_ITEMS = 500
"""Forecast on the page as it is asked; a larger selection is read from the outlooks."""
MOST_LISTED = 40
"""Region-items that a link lists one by one; more are stored as a selection, which the link names."""
PAGE_SIZE = 50
NAMED = 3
"""Regions or items that a title lists."""
LAYOUTS = ("periods", "measures")
"""What the rows of the table are."""
PLAIN_COVERAGE, PLAIN_LAYOUT = 80, LAYOUTS[0]

Args = dict[str, str | list[str]]


@dataclass(frozen=True)
class Question:
    """Which region-items, how far ahead, and how it is shown."""

    keys: list[str]
    """Of the region-items, each once."""
    rows: list[RegionItemRow]
    """Theirs; empty where they are more than ``MOST_REGION_ITEMS``."""
    selection: Args
    """The arguments of a URL that name the region-items."""
    group: str
    """What they are together, in words; empty where they were picked one by one."""
    horizon: int
    why: bool
    pooled: PooledRow | None
    coverage: int = PLAIN_COVERAGE
    """Of the band, in percent."""
    layout: str = PLAIN_LAYOUT
    past: bool = False
    """Whether the table begins with the last periods of the history."""
    page: int = 1
    overrides: bool = True
    """Whether the forecast is shown with planners' overrides."""
    adjust: str = ""
    """The date of the period that a planner wants to adjust, as typed."""
    longest: int = field(default=0)
    """The dataset's horizon."""

    @property
    def is_large(self) -> bool:
        """Whether it is read from the outlooks."""
        return len(self.keys) > MOST_REGION_ITEMS

    @property
    def title(self) -> str:
        """The selection in words."""
        if self.group:
            return self.group
        return str(self.rows[0].region_item) if len(self.rows) == 1 else f"{len(self.keys):,} region-items, summed"

    @cached_property
    def versions(self) -> str:
        """What is in production for each region-item, to notice when it changes: a version, or the pooled model's."""
        alone = self.pooled.production_version if self.pooled else None
        return ",".join(str(row.production_version or (f"p{alone}" if alone else "")) for row in self.rows)

    @property
    def versions_mark(self) -> str:
        """``versions``, or a short stand-in where it would make a link too long."""
        return self.versions if len(self.rows) <= MOST_LISTED else blake2b(
            self.versions.encode(), digest_size=8).hexdigest()

    def query(self, **changes: object) -> Args:
        """The URL's arguments with changes; defaults are left out."""
        given: dict[str, object] = {
            "horizon": self.horizon, "coverage": self.coverage, "layout": self.layout, "past": int(self.past),
            "page": self.page, "why": int(self.why), "overrides": int(self.overrides), **changes}
        plain = {"horizon": self.longest, "coverage": PLAIN_COVERAGE, "layout": PLAIN_LAYOUT, "past": 0, "page": 1,
                 "why": 0, "overrides": 1}
        return {**self.selection, **{name: str(value) for name, value in given.items()
                                     if name not in plain or value != plain[name]}}

    @property
    def fields(self) -> list[tuple[str, str]]:
        """The selection as fields of a form."""
        return [(name, value) for name, given in self.selection.items()
                for value in (given if isinstance(given, list) else [given])]


def parse_question(fields: MultiDict[str, str]) -> Question:
    """A question from a URL or a form; an error page when it cannot be one.

    Args:
        fields: ``ri``, ``region``, ``item`` (each repeatable), ``all`` and ``selection`` add region-items up;
            ``horizon``, ``coverage``, ``layout``, ``past``, ``page``, ``why``, ``overrides``, ``adjust`` say how they
            are shown.
    """
    longest = services().dataset.horizon
    horizon = _whole(fields, "horizon", longest, longest,
                     f"A horizon of {{}} is not possible; it is a whole number from 1 to {longest}.")
    page = _whole(fields, "page", 1, LARGEST_PAGE, "There is no page {}; pages are numbered from 1.")
    coverage, layout = fields.get("coverage", "") or str(PLAIN_COVERAGE), fields.get("layout", "") or PLAIN_LAYOUT
    levels = [str(round(100 * level)) for level in LEVELS]
    for what, value, allowed in (("coverage", coverage, levels), ("layout", layout, LAYOUTS)):
        if value not in allowed:
            abort(422, f"{what} {value[:40]!r} is not known here; allowed are {', '.join(allowed)}.")
    keys, selection, group = _selected(fields)
    rows = rows_of(keys) if len(keys) <= MOST_REGION_ITEMS else []
    return Question(keys, rows, selection, group, horizon, bool(fields.get("why", "0").strip("0")), pooled_row(),
                    int(coverage), layout, bool(fields.get("past", "0").strip("0")), page,
                    fields.get("overrides", "1") != "0", fields.get("adjust", "")[:10], longest)


def named(keys: Sequence[str]) -> Args:
    """The arguments of a URL that name these region-items; many are stored as a selection first."""
    if len(keys) <= MOST_LISTED:
        return {"ri": list(keys)}
    token = blake2b(json.dumps(sorted(keys)).encode(), digest_size=8).hexdigest()
    if db.session.get(Selection, token) is None:
        with writing():
            insert_absent(Selection, [{"token": token, "keys": list(keys)}])
    return {"selection": token}


def _whole(fields: MultiDict[str, str], name: str, plain: int, most: int, message: str) -> int:
    text = fields.get(name, "").strip() or str(plain)
    if not (text.isascii() and text.isdigit() and len(text) < 10) or not 1 <= int(text) <= most:
        abort(422, message.format(repr(text[:40])))
    return int(text)


def _selected(fields: MultiDict[str, str]) -> tuple[list[str], Args, str]:
    """Keys, the arguments that name them, and what they are together; an error page for a name that is not there."""
    regions, items = (list(dict.fromkeys(filter(None, fields.getlist(name)))) for name in ("region", "item"))
    grouped, words, args = list[str](), list[str](), Args()
    if fields.get("all", "0").strip("0"):
        grouped, words, args = _members([], [], True), ["All region-items"], {"all": "1"}
    elif regions or items:
        grouped = _members(regions, items, False)
        words = ([f"{_listed(regions, 'region')} · all items"] if regions else []) + (
            [f"{_listed(items, 'item')} · all regions"] if items else [])
        args = {name: given for name, given in (("region", regions), ("item", items)) if given}
    token = fields.get("selection", "")
    kept = kept_selection(token) if token else []
    picked = list(dict.fromkeys([*kept, *(key for key in fields.getlist("ri") if key)]))
    if grouped:
        inside = set(grouped)
        rest = keys_of([key for key in picked if key not in inside])
        if not rest:
            return grouped, args, " and ".join(words)
        return [*grouped, *rest], {**args, **named(rest)}, " and ".join([*words, f"{len(rest):,} more"])
    if token and len(picked) == len(kept):
        return kept, {"selection": token}, ""
    keys = keys_of(picked)
    return keys, named(keys), ""


def _members(regions: Sequence[str], items: Sequence[str], everything: bool) -> list[str]:
    """The keys of whole regions and of items in all regions, region-major."""
    for what, column, names in (("region", RegionItemRow.region, regions), ("item", RegionItemRow.item, items)):
        known = set(db.session.scalars(select(column).where(
            column.in_(names), RegionItemRow.in_catalogue).distinct())) if names else set()
        for name in names:
            if name not in known:
                abort(404, f"There is no {what} {name[:100]!r} in this dataset. The overview lists those there are.")
    query = select(RegionItemRow.key).where(RegionItemRow.in_catalogue).order_by(RegionItemRow.position)
    if not everything:
        query = query.where(or_(RegionItemRow.region.in_(regions), RegionItemRow.item.in_(items)))
    return list(db.session.scalars(query))


def kept_selection(token: str) -> list[str]:
    """The keys of a stored selection that are still known; an error page when there is no such selection."""
    found = db.session.get(Selection, token)
    if found is None:
        abort(404, "There is no such selection. Select the region-items in the overview again.")
    known = known_keys(found.keys)
    return [key for key in found.keys if key in known]


def _listed(names: Sequence[str], word: str) -> str:
    return ", ".join(names) if len(names) <= NAMED else f"{len(names):,} {word}s"
