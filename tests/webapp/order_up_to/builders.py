"""What tests of order-up-to quantities share: stored forecasts with a past."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from flask import Flask

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.forecast.totals import Part
from demand_assets.forecasting.model.intervals import ErrorPaths
from tests.webapp.conftest import LAST_DAY, REGION_ITEMS
from webapp.db.database import db, now, writing
from webapp.tables import StoredForecast

ERRORS = (-3.0, -1.0, -1.0, 1.0, 1.0, 3.0)
TWO_DAYS_AT_90 = 20 + 6 / ((2 * 2 * 1.5 + 4 * 10 / 3) / 6) * 10 / 3
"""Of two days of 10 units each, by ERRORS; ``forecast.test_order_up_to`` has it by hand."""


def forecast_of(units: float = 10.0, past: bool = True) -> Part:
    """Fourteen days of so many units each, whose past errors were the same in each day, as ERRORS."""
    origins = tuple(str(np.datetime64("2026-01-01") + at) for at in range(len(ERRORS)))
    return Part(np.datetime64(LAST_DAY) + np.arange(1, 15), np.full(14, units), np.full(14, 1.0), (-1.0, -2.0, -3.0),
                (1.0, 2.0, 3.0), ErrorPaths(origins, tuple(np.full(14, error) for error in ERRORS)) if past
                else ErrorPaths())


def keep_forecasts(app: Flask, but: Mapping[RegionItem, Part] | None = None,
                   money: dict[str, Any] | None = None) -> None:
    """Every region-item has such a forecast stored; those given have theirs."""
    with app.app_context(), writing():
        for one in REGION_ITEMS:
            db.session.merge(StoredForecast(
                key=one.key, made_at=now(), origin=str(LAST_DAY), served_by="1", money=money,
                content=(but or {}).get(one, forecast_of()).to_bytes()))
