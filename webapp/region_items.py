"""What is known of the region-items: searched, sorted, paged, and kept true to what happens."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from sqlalchemy import Select, case, func, select
from sqlalchemy.sql.elements import ColumnElement
from werkzeug.exceptions import NotFound

from demand_assets.forecasting.region_item import BadNameError, RegionItem
from webapp.database import db
from webapp.tables import OPEN_STATES, PooledRow, RegionItemRow, RetrainItem

PAGE_SIZES = (25, 50, 100, 250)
COLUMNS: dict[str, ColumnElement[Any]] = {
    "region_item": RegionItemRow.position.expression,
    "item": RegionItemRow.item.expression,
    "status": RegionItemRow.status.expression,
    "wape": RegionItemRow.wape.expression,
    "naive": RegionItemRow.wape_seasonal_naive.expression,
    "last_date": RegionItemRow.last_date.expression,
    "version": RegionItemRow.production_version.expression,
    "promoted": RegionItemRow.promoted_at.expression,
    "quarantined": RegionItemRow.quarantined_rows.expression,
}
STATUSES = {"production": "in production", "pooled": "pooled model", "baseline": "baseline",
            "quarantined": "quarantined", "untrained": "not trained yet", "retraining": "retraining"}
LARGEST_PAGE = 1_000_000


@dataclass(frozen=True)
class View:
    """Which region-items are shown, and how; the URL carries it."""

    search: str = ""
    status: str = ""
    sort: str = "region_item"
    descending: bool = False
    page: int = 1
    size: int = PAGE_SIZES[0]

    def query(self, **changes: object) -> dict[str, str]:
        """The URL's arguments for this view with changes; defaults are left out."""
        values: dict[str, object] = {
            "q": self.search, "status": self.status, "sort": self.sort, "dir": "desc" if self.descending else "asc",
            "page": self.page, "size": self.size, **changes}
        plain = {"q": "", "status": "", "sort": "region_item", "dir": "asc", "page": 1, "size": PAGE_SIZES[0]}
        return {name: str(value) for name, value in values.items() if value != plain[name]}

    def sorted_by(self, column: str) -> dict[str, str]:
        """The URL's arguments for this view sorted by a column; the other way round when it already is."""
        turned = column == self.sort and not self.descending
        return self.query(sort=column, dir="desc" if turned else "asc", page=1)


@dataclass(frozen=True)
class Page:
    """One page of the region-items that match."""

    rows: Sequence[RegionItemRow]
    matching: int
    number: int
    pages: int


def matching(view: View) -> Select[RegionItemRow]:
    """The region-items of the catalogue that a view shows, in its order."""
    query = select(RegionItemRow).where(RegionItemRow.in_catalogue)
    for word in view.search.lower().split():
        query = query.where(RegionItemRow.search.contains(word, autoescape=True))
    if view.status == "retraining":
        query = query.where(RegionItemRow.activity != "")
    elif view.status:
        query = query.where(RegionItemRow.status == view.status)
    column = COLUMNS[view.sort]
    unknown_last = case((column.is_(None), 1), else_=0)
    return query.order_by(unknown_last, column.desc() if view.descending else column.asc(), RegionItemRow.position)


def find_page(view: View) -> Page:
    """The page that a view asks for, or the last one when it asks for more than there are."""
    query = matching(view)
    count = db.session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0
    pages = max(1, -(-count // view.size))
    number = min(view.page, pages)
    rows = db.session.scalars(query.limit(view.size).offset((number - 1) * view.size)).all()
    return Page(rows, count, number, pages)


@dataclass(frozen=True)
class Group:
    """A whole region, or an item in all regions."""

    kind: Literal["region", "item"]
    name: str
    size: int
    """Region-items in it."""


def find_groups(search: str, most: int) -> list[Group]:
    """Regions and items whose name holds every word of a search; regions first, the largest first."""
    found: list[Group] = []
    kinds: tuple[tuple[Literal["region", "item"], ColumnElement[Any]], ...] = (
        ("region", RegionItemRow.region.expression), ("item", RegionItemRow.item.expression))
    for kind, column in kinds:
        rows = db.session.execute(select(column, func.count()).where(RegionItemRow.in_catalogue).group_by(
            column).order_by(func.count().desc(), column))
        fitting = (row for row in rows if all(word in row[0].lower() for word in search.lower().split()))
        found += [Group(kind, row[0], row[1]) for row in islice(fitting, most)]
    return found


def matching_keys(view: View) -> list[str]:
    """The keys of all region-items that a view shows, region-major."""
    query = matching(view).order_by(None).order_by(RegionItemRow.position).with_only_columns(RegionItemRow.key)
    return list(db.session.scalars(query))


def counts() -> dict[str, int]:
    """How many region-items of the catalogue are in each status; ``total``, ``judged`` and ``retraining`` too.

    ``arriving`` are those whose promoted version is on its way from the registry.
    """
    known = RegionItemRow.in_catalogue
    by_status = db.session.execute(
        select(RegionItemRow.status, func.count()).where(known).group_by(RegionItemRow.status)).all()
    found = {"production": 0, "pooled": 0, "baseline": 0, "quarantined": 0, "untrained": 0,
             **{row[0]: row[1] for row in by_status}}
    found["total"] = sum(found.values())
    found["judged"] = found["total"] - found["untrained"]
    found["retraining"] = db.session.scalar(
        select(func.count()).where(known, RegionItemRow.activity != "")) or 0
    found["arriving"] = db.session.scalar(select(func.count()).where(
        known, RegionItemRow.fetch_after.is_not(None), RegionItemRow.model_problem == "")) or 0
    return found


def rows_of(keys: Sequence[str]) -> list[RegionItemRow]:
    """The rows of these keys, in their order, each once.

    Raises: NotFound: a key that is no region-item, or one that is not in the catalogue.
    """
    wanted: list[str] = []
    for key in dict.fromkeys(keys):
        try:
            wanted.append(RegionItem.from_key(key).key)
        except BadNameError as error:
            raise NotFound(str(error)) from error
    found = rows_by_key(wanted)
    for key in wanted:
        if key not in found:
            raise NotFound(f"There is no region-item {RegionItem.from_key(key)} ({key}) in this dataset. "
                           "The overview lists those there are.")
    return [found[key] for key in wanted]


def rows_by_key(keys: Sequence[str]) -> dict[str, RegionItemRow]:
    """The rows of those keys that are known, by key."""
    found: dict[str, RegionItemRow] = {}
    for start in range(0, len(keys), 500):
        part = keys[start:start + 500]
        found |= {row.key: row for row in db.session.scalars(select(RegionItemRow).where(RegionItemRow.key.in_(part)))}
    return found


def new_row(region_item: RegionItem) -> RegionItemRow:
    """A row for a region-item that was not known before; added to the session."""
    row = RegionItemRow(
        key=region_item.key, region=region_item.region, item=region_item.item, position=0, in_catalogue=False,
        search=f"{region_item.region} {region_item.item}".lower(), status="untrained", quarantined_rows=0,
        quarantined={}, quarantine_reason="", wanted={}, model_problem="", decision="", reason="", numbers={},
        candidate_numbers={}, best="", outlook_due=True, outlook_wanted=0, live_periods=0, drifted="", pinned_by="",
        pinned_reason="", step="", step_at="", step_reason="", activity="", activity_run="")
    db.session.add(row)
    return row


def pooled_row() -> PooledRow | None:
    """What is known of the pooled model; None before anything is."""
    return db.session.get(PooledRow, 1)


def stand_in(row: RegionItemRow, pooled: PooledRow | None) -> Literal["pooled", "baseline"]:
    """What forecasts a region-item that has no model of its own in production.

    The pooled model, unless there is none or the region-item's backtest showed seasonal naive to be best.
    """
    if pooled is None or pooled.production_version is None or row.best == "seasonal_naive":
        return "baseline"
    return "pooled"


def want_outlook(row: RegionItemRow) -> None:
    """Let the row's outlook be made again."""
    row.outlook_due, row.outlook_wanted = True, row.outlook_wanted + 1


def refresh_status(row: RegionItemRow) -> None:
    """Set the status that follows from what is known of the row."""
    if row.quarantine_reason:
        row.status = "quarantined"
    elif row.production_version is not None:
        row.status = "production"
    elif row.step in ("kept", "failed") or row.decision:
        row.status = stand_in(row, pooled_row())
    else:
        row.status = "untrained"


def open_retrains(keys: Sequence[str]) -> dict[str, int]:
    """Key -> id of the unfinished retrain that the region-item is in."""
    found: dict[str, int] = {}
    for start in range(0, len(keys), 500):
        rows = db.session.execute(select(RetrainItem.key, RetrainItem.retrain_id).where(
            RetrainItem.key.in_(keys[start:start + 500]), RetrainItem.state.in_(OPEN_STATES)))
        found |= {row[0]: row[1] for row in rows}
    return found
