"""What tests of overrides share."""

import csv
import io

import numpy as np
from werkzeug.test import TestResponse

from demand_assets.forecasting.forecast.totals import Part


def rows_of(response: TestResponse) -> list[dict[str, str]]:
    assert response.status_code == 200, response.text[:300]
    return list(csv.DictReader(io.StringIO(response.text.removeprefix("\ufeff"))))


def part(units: float, days: int = 5) -> Part:
    """A forecast of so many units each day from 1 July on."""
    return Part(np.datetime64("2026-07-01") + np.arange(days), np.full(days, units), np.full(days, 1.0),
                (-1.0, -2.0, -3.0), (1.0, 2.0, 3.0))
