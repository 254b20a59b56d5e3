"""How far known demand lies behind today, in the dataset's periods."""

from datetime import date, timedelta
from typing import Literal

from sqlalchemy import and_, func, select
from sqlalchemy.sql.elements import ColumnElement

from demand_assets.forecasting.contract.periods import MONTHS
from demand_assets.forecasting.dataset.dataset_file import Dataset
from webapp.db.database import db
from webapp.language.translations import lazy_gettext
from webapp.pages.listing import Kind, Query, View, containing, in_order
from webapp.tables import RegionItemRow

State = Literal["current", "late", "stale", "none"]
STATES: dict[State, str] = {"stale": lazy_gettext("stale"), "late": lazy_gettext("late"),
                            "current": lazy_gettext("up to date"), "none": lazy_gettext("no demand yet")}
FRESHNESS = Kind(
    columns={"region_item": RegionItemRow.position.expression, "last_date": RegionItemRow.last_date.expression,
             "load": RegionItemRow.loaded_at.expression},
    sort="last_date", filters={"state": tuple(STATES)})


def periods_behind(dataset: Dataset, last: date, today: date) -> int:
    """Periods that are over and whose demand is not known; 0 when the last known one is the last that is over.

    Args:
        last: the date of the last period with known demand.
    """
    if dataset.frequency in MONTHS:
        length = MONTHS[dataset.frequency]
        return max(_month(today) // length - _month(last) // length - 1, 0)
    return max((today - last).days // (7 if dataset.frequency == "W" else 1) - 1, 0)


def oldest_behind(dataset: Dataset, behind: int, today: date) -> date:
    """The oldest last period that is at most so many periods behind."""
    if dataset.frequency in MONTHS:
        length = MONTHS[dataset.frequency]
        months = (_month(today) // length - behind - 1) * length
        return date(months // 12, months % 12 + 1, 1)
    if dataset.frequency == "W":
        return today - timedelta(days=7 * (behind + 2) - 1)
    return today - timedelta(days=behind + 1)


def state_of(dataset: Dataset, last: date | None, today: date) -> State:
    """``current``: nothing is missing; ``late``: some periods are; ``stale``: so many that a forecast from there ends
    before today; ``none``: no demand is known."""
    if last is None:
        return "none"
    behind = periods_behind(dataset, last, today)
    return "current" if not behind else "late" if behind < dataset.horizon else "stale"


def is_in(dataset: Dataset, state: State, today: date) -> ColumnElement[bool]:
    """Whether a region-item is in that state, asked in the database."""
    last = RegionItemRow.last_date
    current = oldest_behind(dataset, 0, today).isoformat()
    late = oldest_behind(dataset, dataset.horizon - 1, today).isoformat()
    return {"none": last.is_(None), "stale": last < late, "late": and_(last >= late, last < current),
            "current": last >= current}[state]


def region_items(dataset: Dataset, view: View, today: date) -> Query:
    """The region-items of the catalogue, those that are in the state that the view asks for."""
    query = select(RegionItemRow).where(RegionItemRow.in_catalogue)
    for state in STATES:
        if state == view.filters["state"]:
            query = query.where(is_in(dataset, state, today))
    return in_order(containing(query, view.search), view, RegionItemRow.position.expression)


def counts(dataset: Dataset, today: date) -> dict[State, int]:
    """How many region-items of the catalogue are in each state."""
    columns = [func.count().filter(is_in(dataset, state, today)) for state in STATES]
    found = db.session.execute(select(*columns).select_from(RegionItemRow).where(RegionItemRow.in_catalogue)).one()
    return dict(zip(STATES, found, strict=True))


def _month(day: date) -> int:
    return day.year * 12 + day.month - 1
