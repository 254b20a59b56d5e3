"""What the forecast page is asked: a selection, how far ahead, and how it is shown. The URL says it all."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b

from flask import abort
from werkzeug.datastructures import MultiDict

from demand_assets.forecasting.model.intervals import LEVELS
from webapp.http.choices import one_of
from webapp.language.translations import gettext as _
from webapp.language.translations import lazy_gettext
from webapp.language.translations import ngettext as _n
from webapp.pages.listing import LARGEST_PAGE
from webapp.pages.reader_locale import number
from webapp.region_items.rows import pooled_row, rows_of
from webapp.region_items.selection import MOST_LISTED, Arguments, parse_selection
from webapp.services import services
from webapp.serving.selection_sizes import MOST_REGION_ITEMS
from webapp.tables import PooledRow, RegionItemRow

PAGE_SIZE = 50
LAYOUTS = ("periods", "measures")
"""What the rows of the table are."""
PLAIN_COVERAGE, PLAIN_LAYOUT = 80, LAYOUTS[0]
TABS = {"what-if": lazy_gettext("What if"), "why": lazy_gettext("Why"), "overrides": lazy_gettext("Overrides"),
        "accuracy": lazy_gettext("Accuracy"), "model": lazy_gettext("Model"),
        "region-items": lazy_gettext("Region-items"), "unusual": lazy_gettext("Unusual"),
        "history": lazy_gettext("History"), "table": lazy_gettext("Table")}
"""What stands under the grid, of which one is seen at a time; a page has those that it has something for."""


@dataclass(frozen=True)
class ForecastQuery:
    """Which region-items, how far ahead, and how it is shown."""

    keys: list[str]
    """Of the region-items, each once."""
    rows: list[RegionItemRow]
    """Theirs; empty where they are more than ``MOST_REGION_ITEMS``."""
    selection: Arguments
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
    tab: str = ""
    """Which of ``TABS`` is seen first; empty: the first that the page has."""
    adjust: str = ""
    """The date of the period that a planner wants to adjust, as typed."""
    longest: int = field(default=0)
    """The dataset's horizon."""
    deciles: bool = False
    """Whether a file has the nine deciles; a page has none."""

    @property
    def is_large(self) -> bool:
        """Whether it is read from the stored forecasts."""
        return len(self.keys) > MOST_REGION_ITEMS

    @property
    def title(self) -> str:
        """The selection in words."""
        if self.group:
            return self.group
        return str(self.rows[0].region_item) if len(self.rows) == 1 else _n(
            "%(num)s region-items, summed", "%(num)s region-items, summed", len(self.keys), num=number(len(self.keys)))

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

    def query(self, **changes: object) -> Arguments:
        """The URL's arguments with changes; defaults are left out."""
        given: dict[str, object] = {
            "horizon": self.horizon, "coverage": self.coverage, "layout": self.layout, "past": int(self.past),
            "page": self.page, "why": int(self.why), "overrides": int(self.overrides), "tab": self.tab,
            **changes}
        plain = {"horizon": self.longest, "coverage": PLAIN_COVERAGE, "layout": PLAIN_LAYOUT, "past": 0, "page": 1,
                 "why": 0, "overrides": 1, "tab": ""}
        return {**self.selection, **{name: str(value) for name, value in given.items()
                                     if name not in plain or value != plain[name]}}

    def alone(self, name: str, value: str) -> Arguments:
        """The URL's arguments with one argument of the selection in place of all."""
        return {**{kept: one for kept, one in self.query(page=1).items() if kept not in self.selection}, name: value}

    def without(self, name: str, value: str) -> Arguments:
        """The URL's arguments without one argument of the selection."""
        fields = [field for field in self.fields if field != (name, value)]
        rest = {kept: one for kept, one in self.query(page=1).items() if kept not in self.selection}
        return rest | {kept: [one for each, one in fields if each == kept] for kept, _ in fields}

    @property
    def fields(self) -> list[tuple[str, str]]:
        """The selection as fields of a form."""
        return [(name, value) for name, given in self.selection.items()
                for value in (given if isinstance(given, list) else [given])]


def parse_forecast_query(fields: MultiDict[str, str]) -> ForecastQuery:
    """A forecast_query from a URL or a form; an error page when it cannot be one.

    Arguments:
        fields: ``ri``, ``region``, ``item``, ``attribute`` (each repeatable), ``all`` and ``selection`` add
            region-items up; ``horizon``, ``coverage``, ``layout``, ``past``, ``page``, ``why``, ``overrides``,
            ``tab``, ``adjust`` say how they are shown; ``deciles``, what a file has.
    """
    longest = services().dataset.horizon
    horizon = _whole(fields, "horizon", longest, longest,
                     lambda text: _("The horizon must be a whole number from 1 to %(most)s, not %(text)s.",
                                    text=text, most=longest))
    page = _whole(fields, "page", 1, LARGEST_PAGE,
                  lambda text: _("There is no page %(text)s; pages are numbered from 1.", text=text))
    coverage, layout = fields.get("coverage", "") or str(PLAIN_COVERAGE), fields.get("layout", "") or PLAIN_LAYOUT
    levels = [str(round(100 * level)) for level in LEVELS]
    one_of("coverage", coverage, levels)
    one_of("layout", layout, LAYOUTS)
    tab = fields.get("tab", "")
    if tab:
        one_of("tab", tab, list(TABS))
    keys, selection, group = parse_selection(fields, are_read=True)
    rows = rows_of(keys) if len(keys) <= MOST_REGION_ITEMS else []
    return ForecastQuery(keys, rows, selection, group, horizon, bool(fields.get("why", "0").strip("0")),
                    pooled_row() if rows else None, int(coverage), layout, bool(fields.get("past", "0").strip("0")),
                    page, fields.get("overrides", "1") != "0", tab, fields.get("adjust", "")[:10], longest,
                    bool(fields.get("deciles", "0").strip("0")))


def _whole(fields: MultiDict[str, str], name: str, plain: int, most: int, message: Callable[[str], str]) -> int:
    text = fields.get(name, "").strip() or str(plain)
    if not (text.isascii() and text.isdigit() and len(text) < 10) or not 1 <= int(text) <= most:
        abort(422, message(repr(text[:40])))
    return int(text)
