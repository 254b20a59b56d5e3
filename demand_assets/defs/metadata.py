"""What an engineer sees of an outcome in Dagster: numbers, and a small plot."""

import base64
from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Any

import dagster as dg
import numpy as np

from demand_assets.forecasting.contract.dagster_names import CANDIDATE_VERSION, PRODUCTION_MODEL, VERSION
from demand_assets.pipeline.outcomes import Outcome

STAND_IN = "the pooled model or seasonal naive"
DATA_VERSION_TAG = "dagster/data_version"
"""Of a materialization: what is downstream of two with the same one has not changed."""


def to_metadata(outcome: Outcome, page: Callable[[int], str | None] = lambda _version: None) -> dict[str, Any]:
    """The outcome's details, a link to the model in MLflow, and a plot where it has lines.

    Of a production model that stays as it is, ``version`` is the one that stays; what the gate found out about the
    candidate is told as the candidate's.

    Args:
        page: the address of a version of the region-item's model.
    """
    details = _kept(outcome) if is_kept(outcome) else outcome.details
    metadata: dict[str, Any] = {name: _value(value) for name, value in details.items() if value is not None}
    for name, link in ((VERSION, "mlflow"), (CANDIDATE_VERSION, "mlflow_candidate")):
        if isinstance(details.get(name), int) and (address := page(details[name])):
            metadata[link] = dg.MetadataValue.url(address)
    if outcome.reason:
        metadata["reason"] = outcome.reason
    if outcome.lines:
        metadata["plot"] = plot(outcome.lines)
    return metadata


def is_kept(outcome: Outcome) -> bool:
    """Whether the outcome is a decision that left another model in production than the one that was judged, or none."""
    is_decision = outcome.asset == PRODUCTION_MODEL and outcome.status == "done"
    return is_decision and outcome.details.get("verdict") != "promote" and (
        outcome.details.get("replaced") != outcome.details["version"])


def is_nothing_served(outcome: Outcome) -> bool:
    """Whether the outcome is a decision after which the region-item has no model of its own in production."""
    return is_kept(outcome) and outcome.details.get("replaced") is None


def _kept(outcome: Outcome) -> dict[str, Any]:
    """A decision to keep, told of what goes on forecasting."""
    details = outcome.details
    own = {name: details[name] for name in ("verdict", "request_id") if name in details}
    contest = {name: value for name, value in details.items() if name not in (*own, "version", "replaced")}
    stays = details.get("replaced")
    return {VERSION: stays if stays is not None else f"none of its own: {STAND_IN} forecasts", **own,
            CANDIDATE_VERSION: details["version"], **({"contest": contest} if contest else {})}


def data_version(metadata: Mapping[str, Any]) -> dict[str, str]:
    """The tags of a materialization that tell Dagster which version of a model it is; none where it is no model."""
    return {DATA_VERSION_TAG: str(metadata[VERSION])} if isinstance(metadata.get(VERSION), int) else {}


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
