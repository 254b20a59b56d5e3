"""Overrides of all region-items as a list: searched, filtered, sorted and paged by its URL."""

from typing import Any

from sqlalchemy import select

from webapp.db.database import db
from webapp.overrides.overrides import is_ahead
from webapp.pages.listing import Kind, Query, View, containing, in_order
from webapp.tables import Override, RegionItemRow

STATES = {"open": "open", "past": "past", "removed": "removed"}
"""Open: it holds and its period lies ahead. Past: it held when its period became known."""


def kind_of() -> Kind:
    """The list, with the people who made overrides to filter by."""
    people = db.session.scalars(select(Override.made_by).distinct().order_by(Override.made_by)).all()
    return Kind(
        columns={"region_item": RegionItemRow.position.expression, "date": Override.date.expression,
                 "made_at": Override.made_at.expression, "planner": Override.made_by.expression},
        sort="made_at", descending=True, filters={"state": tuple(STATES), "planner": tuple(people)})


def listed(view: View) -> Query:
    """The overrides that a view asks for: each with its region-item's row and whether its period lies ahead."""
    query: Query = select(Override, RegionItemRow, is_ahead().label("is_ahead")).join(
        RegionItemRow, RegionItemRow.key == Override.key)
    state: Any = {"open": (Override.removed_at.is_(None), is_ahead()),
                  "past": (Override.removed_at.is_(None), ~is_ahead()),
                  "removed": (Override.removed_at.is_not(None),)}.get(view.filters["state"], ())
    query = query.where(*state)
    if view.filters["planner"]:
        query = query.where(Override.made_by == view.filters["planner"])
    return in_order(containing(query, view.search), view, Override.id.expression)


def state_of(one: Override, is_ahead: bool) -> str:
    """One of ``STATES``."""
    return "removed" if one.removed_at is not None else "open" if is_ahead else "past"
