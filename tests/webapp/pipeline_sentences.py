"""What the pipeline stores, said by its own code: for pages that are to show it."""

import numpy as np
import pandas as pd

from demand_assets.forecasting.gate.gate import Contestant, judge
from tests.demand_assets.forecasting.raw_demand import dataset, days, raw, validate
from webapp.retrains.failure_causes import why_failed

_SOLD = np.full((3, 4), 100.0)
_ERRORS = np.array([[5, -5, 5, -5]] * 3, dtype=float)


def _contestant(errors: float, data: str = "old", trained_to: str = "2026-01-01", unusable: str = "") -> Contestant:
    forecast = _SOLD + errors * _ERRORS
    inside = np.where(np.arange(12).reshape(3, 4) % 5 == 4, 0.0, 6.0 * errors)
    return Contestant(forecast=forecast, lower_80=forecast - inside, upper_80=forecast + inside, data_hash=data,
                      recipe={"name": data}, trained_to=trained_to, unusable=unusable)


def promoted() -> str:
    """Why the gate promoted a model, in a sentence with numbers and a date."""
    decision = judge(_SOLD, _contestant(0.9, "new", "2026-02-01"), _contestant(1), np.full((3, 4), 130.0))
    assert decision.verdict == "promote"
    return decision.reason


def kept() -> str:
    """Why the gate kept the model in production."""
    decision = judge(_SOLD, _contestant(4), _contestant(1), np.full((3, 4), 110.0))
    assert decision.verdict == "keep"
    return decision.reason


def quarantine() -> tuple[str, pd.DataFrame]:
    """Why a region-item's demand is not used, and the rows that were refused, each with its reason."""
    values = [*map(str, range(5, 25)), "-3", "many", "1e999"]
    validated = validate(raw([*days(20), "2024-01-21", "2024-01-22", "31.06.2024"], values), dataset(
        quarantined_share=0.1))
    assert validated.problem
    return validated.problem, validated.quarantine


def failed() -> str:
    """Why a training failed, as the app tells it of Dagster's words."""
    return why_failed("Exceeded maximum runtime of 7200 seconds", was_started=True)
