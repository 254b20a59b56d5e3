"""The table of how right published forecasts of a region-item were, and how its demand drifts. Written here only.

Every function is part of the caller's transaction.
"""

from collections.abc import Mapping
from math import isfinite
from typing import Any

from webapp.tables import RegionItemRow


def note_accuracy(row: RegionItemRow, wape: float | None, skill: float | None, bias: float | None,
                  periods: int, outside: int, error: float | None, sold: float | None) -> None:
    """Note how right archived forecasts were.

    Args:
        error: sum of the absolute errors in units, and sold in the same periods; None where they are not known.
        outside: the newest periods in a row that were outside of their interval.
    """
    row.live_wape, row.live_skill, row.live_bias = wape, skill, bias
    row.live_periods, row.live_from, row.live_outside = periods, "archive", outside
    row.live_error, row.live_sold = error, sold


def note_monitored(row: RegionItemRow, numbers: Mapping[str, Any]) -> None:
    """Take up what the pipeline's monitor measured of the version in production; what it says of others is left.

    Its accuracy stands only as long as no archived forecast can be judged.
    """
    if numbers.get("version") != row.production_version:
        return
    row.drift, row.drifted = _known(numbers.get("drift")), str(numbers.get("drifted", ""))[:60]
    measured = _known(numbers.get("wape_live"))
    if row.live_from != "archive" and measured is not None:
        row.live_wape, row.live_skill, row.live_bias = measured, None, _known(numbers.get("bias_live"))
        row.live_periods, row.live_from = int(numbers.get("new_periods", 0)), "monitor"


def forget_monitored(row: RegionItemRow) -> None:
    """Forget what was said of another model than the one that forecasts now."""
    row.drift, row.drifted = None, ""
    if row.live_from == "monitor":
        row.live_wape = row.live_skill = row.live_bias = None
        row.live_periods, row.live_from = 0, ""


def _known(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and isfinite(value) else None
