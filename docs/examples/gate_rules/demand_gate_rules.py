"""A rule of the gate: ``rule = "largest_jump"`` under ``[[gate.rules]]`` of a dataset file."""

from typing import Any

import numpy as np
from pydantic import BaseModel, Field


class LargestJump:
    """Keeps what serves where the candidate forecasts much more, or much less, than the model in production."""

    class Entries(BaseModel, extra="forbid"):
        """What ``[[gate.rules]]`` says beside ``rule``."""

        largest: float = Field(default=0.5, gt=0, description="Share of what the model in production forecasts")

    def __init__(self, entries: Entries) -> None:
        self._largest = entries.largest

    def objection(self, contest: Any) -> str | None:
        """Why the candidate must not be promoted; None where it may."""
        if contest.production is None:
            return None
        compared = np.isfinite(contest.production)
        before, after = contest.production[compared].sum(), contest.forecast[compared].sum()
        if not before or abs(after / before - 1) <= self._largest:
            return None
        return (f"it forecasts {after / before - 1:+.1%} against the model in production; at most {self._largest:.0%} "
                "is allowed")
