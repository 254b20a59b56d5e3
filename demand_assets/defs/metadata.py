"""What an engineer sees of an outcome in Dagster: numbers, and a small plot."""

import base64
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

import dagster as dg
import numpy as np

from demand_assets.pipeline.outcomes import Outcome

STAND_IN = "the pooled model or seasonal naive"


def to_metadata(outcome: Outcome) -> dict[str, Any]:
    """The outcome's details, and a plot where it has lines.

    Of a production model that stays as it is, ``version`` is the one that stays; what the gate found out about the
    candidate is told as the candidate's.
    """
    details = _kept(outcome.details) if outcome.details.get("verdict") == "keep" else outcome.details
    metadata: dict[str, Any] = {name: _value(value) for name, value in details.items() if value is not None}
    if outcome.reason:
        metadata["reason"] = outcome.reason
    if outcome.lines:
        metadata["plot"] = plot(outcome.lines)
    return metadata


def _kept(details: Mapping[str, Any]) -> dict[str, Any]:
    """A decision to keep, told of what goes on forecasting."""
    own = {name: details[name] for name in ("verdict", "request_id") if name in details}
    contest = {name: value for name, value in details.items() if name not in (*own, "version", "replaced")}
    stays = details.get("replaced")
    return {"version": stays if stays is not None else f"none of its own: {STAND_IN} forecasts", **own,
            "candidate_version": details.get("version"), "contest": contest}


def plot(lines: dict[str, Sequence[float] | np.ndarray]) -> dg.MarkdownMetadataValue:
    """Lines of equal length as a small SVG image; gaps where a value is unknown.

    Args:
        lines: colour -> values.
    """
    every = np.concatenate([np.asarray(values, dtype=float) for values in lines.values()])
    top = float(np.nanmax(every)) if (~np.isnan(every)).any() else 0.0
    paths = "".join(f"<path d='{_path(np.asarray(values, dtype=float), top or 1.0)}' fill='none' stroke='{colour}'/>"
                    for colour, values in lines.items())
    svg = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 360 80' width='720' height='160'>{paths}</svg>"
    return dg.MetadataValue.md(f"![plot](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})")


def _path(values: np.ndarray, top: float) -> str:
    step = 360 / max(len(values) - 1, 1)
    points, pen = [], "M"
    for index, value in enumerate(values):
        if isfinite(value):
            points.append(f"{pen}{index * step:.0f} {78 - 76 * value / top:.0f}")
        pen = "L" if isfinite(value) else "M"
    return "".join(points)


def _value(value: Any) -> Any:
    if isinstance(value, float):
        return dg.MetadataValue.float(value) if isfinite(value) else "not known"
    if isinstance(value, Mapping):
        return {name: each if not isinstance(each, float) or isfinite(each) else None for name, each in value.items()}
    return value
