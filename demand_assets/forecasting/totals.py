"""Totals over region-items and over periods, with intervals from errors that came together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from demand_assets.forecasting.model import ErrorPaths
from demand_assets.forecasting.trailing import Floats

PATHS_NEEDED = 4
"""Common past origins below which errors of region-items count as independent."""
PATH_WEIGHT = 6.0
"""Weight of what is expected of errors over a horizon against what the paths show, in paths."""


@dataclass(frozen=True)
class Part:
    """The forecast of one region-item, as a total needs it."""

    table: pd.DataFrame
    """Schema Forecast."""
    paths: ErrorPaths
    scale: Floats
    """What a scaled error of 1 is at each lead, in units."""
    horizon_inflation: float = 1.0


def by_date(parts: Sequence[Part]) -> pd.DataFrame:
    """The sum over region-items for each date: date, forecast, lower_80, upper_80.

    Half-widths are added as if errors were independent (root of the sum of squares), times the inflation that the
    joint error paths show. Dates that some region-items do not reach hold the sum of the others.
    """
    if len(parts) == 1:
        return parts[0].table[["date", "forecast", "lower_80", "upper_80"]].reset_index(drop=True)
    inflation = _across(parts)
    tables = [part.table.assign(below=(part.table["forecast"] - part.table["lower_80"]) ** 2,
                                above=(part.table["upper_80"] - part.table["forecast"]) ** 2) for part in parts]
    summed = pd.concat(tables)[["date", "forecast", "below", "above"]].groupby("date", as_index=False).sum()
    return pd.DataFrame({"date": summed["date"], "forecast": summed["forecast"],
                         "lower_80": (summed["forecast"] - inflation * np.sqrt(summed["below"])).clip(lower=0.0),
                         "upper_80": summed["forecast"] + inflation * np.sqrt(summed["above"])})


def over_all(parts: Sequence[Part]) -> tuple[float, float, float]:
    """The sum over region-items and all their periods: forecast, lower and upper bound of 80 %, in units."""
    tables = [part.table for part in parts]
    forecast = sum(float(table["forecast"].sum()) for table in tables)
    below = sum(float(((table["forecast"] - table["lower_80"]) ** 2).sum()) for table in tables)
    above = sum(float(((table["upper_80"] - table["forecast"]) ** 2).sum()) for table in tables)
    inflation = _over_time(parts)
    return forecast, max(forecast - inflation * np.sqrt(below), 0.0), forecast + inflation * np.sqrt(above)


def _across(parts: Sequence[Part]) -> float:
    """Error of the sum over region-items at a date, over the root of the sum of squared errors."""
    joint = _joint(parts)
    if joint is None:
        return 1.0
    squares = float((joint**2).sum())
    return float(np.sqrt((joint.sum(axis=0) ** 2).sum() / squares)) if squares else 1.0


def _over_time(parts: Sequence[Part]) -> float:
    """Error of the sum over region-items and periods, over the root of the sum of squared errors."""
    expected = float(np.mean([part.horizon_inflation for part in parts])) ** 2
    joint = _joint(parts)
    if joint is None:
        return float(np.sqrt(expected))
    squares = (joint**2).sum(axis=(0, 2))
    shown = float((joint.sum(axis=(0, 2)) ** 2).sum() / squares.sum()) if squares.sum() else expected
    across = _across(parts) ** 2
    count = joint.shape[1]
    return float(np.sqrt((count * shown + PATH_WEIGHT * expected * across) / (count + PATH_WEIGHT)))


def _joint(parts: Sequence[Part]) -> Floats | None:
    """Errors in units at the origins that all have in common, shape (region-items, paths, leads); None for too few."""
    common = set.intersection(*(set(part.paths.origins) for part in parts))
    if len(common) < PATHS_NEEDED:
        return None
    errors = []
    for part in parts:
        scaled = np.array([path for origin, path in zip(part.paths.origins, part.paths.scaled, strict=True)
                           if origin in common])
        errors.append(scaled[:, : len(part.scale)] * part.scale)
    shortest = min(each.shape[1] for each in errors)
    return np.stack([each[:, :shortest] for each in errors])
