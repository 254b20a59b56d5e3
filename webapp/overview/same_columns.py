"""Columns of the table that say the same in every row, or nothing: left out, and what they say is said once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, literal, or_, select

from webapp.db.database import db
from webapp.language.translations import lazy_gettext
from webapp.pages.numbers_and_dates import day, share, signed_share, units
from webapp.region_items.overview_table.columns import USUAL_COLUMNS
from webapp.region_items.overview_table.flags import FLAGS
from webapp.region_items.overview_table.query import STATUSES, Page, View, conditions, kept_of
from webapp.tables import RegionItemRow

NOT_KNOWN = lazy_gettext("not known")


@dataclass(frozen=True)
class _Cell:
    """What a cell shows."""

    names: tuple[str, ...]
    """Of columns of ``RegionItemRow``, the main one first."""
    words: Callable[[Any], str]
    """What it says of the main one where that is known."""
    unknown: str = ""
    """What it says where that is not known; ``NOT_KNOWN`` unless it is given."""


def _status(value: str) -> str:
    return str(STATUSES.get(value, value))


_CELLS: Mapping[str, _Cell] = {
    "status": _Cell(("status", "production_version", "wanted_version", "reason", "quarantine_reason"), _status),
    "last_date": _Cell(("last_date",), day),
    "total": _Cell(("forecast_total", "forecast_lower", "forecast_upper", "forecast_model"), units,
                   lazy_gettext("not forecast yet")),
    "change": _Cell(("change_on_last_year", "last_year"), signed_share, lazy_gettext("no last year")),
    "live_wape": _Cell(("live_wape", "live_periods", "live_from"), share, lazy_gettext("no actuals yet")),
    "live_skill": _Cell(("live_skill",), signed_share, lazy_gettext("no actuals yet")),
    "live_bias": _Cell(("live_bias",), signed_share, lazy_gettext("no actuals yet")),
    "wape": _Cell(("wape", "wape_seasonal_naive"), share, lazy_gettext("no backtest")),
    "version": _Cell(("production_version", "status", "promoted_at"), lambda value: f"v{value}",
                     lazy_gettext("none")),
}
"""Of the usual columns; others are shown where they are asked for."""


def same_everywhere(view: View, page: Page) -> dict[str, str]:
    """Name -> what it says in every row, of the usual columns that say the same of all region-items that a view shows;
    none where columns were chosen, or where a single row matches. A column that is sorted by is never one of them."""
    if page.matching < 2 or view.columns != USUAL_COLUMNS:
        return {}
    candidates = {name: cell for name, cell in _CELLS.items() if not view.place_in_sort(name) and len({
        tuple(_shown(getattr(row, each)) for each in cell.names) for row in page.rows}) == 1}
    if not candidates:
        return {}
    names = list(dict.fromkeys(each for cell in candidates.values() for each in cell.names))
    asked = [each for name in names for each in _extremes(name)]
    flags: ColumnElement[int] = func.count().filter(_has_flag(view)) if "status" in candidates else literal(0)
    flagged, size, *values = kept_of(view, ("same", *candidates), lambda: db.session.execute(
        select(flags, func.count(), *asked).select_from(RegionItemRow).where(*conditions(view))).one())
    alike = {name for name, (least, most, known) in zip(names, zip(*[iter(values)] * 3, strict=True), strict=True)
             if least == most and known in (0, size)}
    return {name: str(cell.unknown or NOT_KNOWN) if (value := getattr(page.rows[0], cell.names[0])) is None
            else cell.words(value)
            for name, cell in candidates.items()
            if alike.issuperset(cell.names) and not (name == "status" and flagged)}


def _extremes(name: str) -> list[ColumnElement[Any]]:
    column = getattr(RegionItemRow, name)
    value = func.date(column) if name == "promoted_at" else column  # shown is how many days ago that was
    return [func.min(value), func.max(value), func.count(value)]


def _shown(value: Any) -> Any:
    return value.date() if hasattr(value, "date") else value


def _has_flag(view: View) -> ColumnElement[bool]:
    """Whether a status has something beside it."""
    flags = ("drifting", "refused_rows", "retrain_running", "pinned", "stale")
    return or_(RegionItemRow.model_problem != "", *(FLAGS[name].which(view.since) for name in flags))
