"""Sums of what was judged, added up in the plainest way."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from flask import Flask

from demand_assets.forecasting.contract.region_item import RegionItem
from tests.webapp.conftest import KETTLE, LAST_DAY
from webapp.accuracy.judged_sums import FIELDS, Cell, JudgedSums
from webapp.db.database import db, now, writing
from webapp.tables import JudgedForecasts, StoredForecast
from webapp.value_added.summing import refresh

ANNA, BEN = "anna@example.com", "ben@example.com"
WEEK, WEEK_BEFORE = "2026-06-22", "2026-06-15"


@dataclass(frozen=True)
class Judged:
    """One period of a region-item."""

    sold: float
    naive: float
    model: float
    override: float | None = None
    by: str = ""
    price: float | None = None
    bucket: str = WEEK
    lead: int = 1


def sums_of(rows: Sequence[Judged]) -> JudgedSums:
    """The sums of some periods of one region-item."""
    cells: dict[Cell, dict[str, float]] = {}
    for one in rows:
        plan = one.model if one.override is None else one.override
        units = {"sold": one.sold, "naive": one.naive, "model": one.model, "plan": plan,
                 **{f"{name}_error": abs(value - one.sold) for name, value in (
                     ("naive", one.naive), ("model", one.model), ("plan", plan))}}
        told = {"periods": 1, "rows": 1, "overridden": one.override is not None, **units}
        if one.price is not None:
            told |= {"priced": 1, **{f"{name}_money": value * one.price for name, value in units.items()}}
        for planner in {"", one.by}:
            into = cells.setdefault((one.bucket, one.lead, planner), dict.fromkeys(FIELDS, 0.0))
            for name, value in told.items():
                into[name] += value
    return JudgedSums(list(cells), np.array([[cell[name] for name in FIELDS] for cell in cells.values()]))


def tell(app: Flask, *rows: Judged, region_item: RegionItem = KETTLE, origin: str = str(LAST_DAY)) -> None:
    """Let this be what was judged of a region-item."""
    with app.app_context(), writing():
        stored = db.session.get(StoredForecast, region_item.key)
        if stored is None:
            stored = StoredForecast(key=region_item.key, made_at=now(), served_by="", content=b"")
            db.session.add(stored)
        stored.origin = origin
        db.session.merge(JudgedForecasts(key=region_item.key, judged_at=datetime.now(UTC),
                                         content=sums_of(rows).to_bytes()))


def sum_up(app: Flask) -> bool:
    """Whether the background process found something new, summed up now."""
    with app.app_context():
        return refresh(app.extensions["services"])
