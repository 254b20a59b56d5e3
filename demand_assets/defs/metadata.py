"""What an engineer sees of an outcome in Dagster: numbers, and a small plot."""

import base64
from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Any

import dagster as dg
import numpy as np

from demand_assets.forecasting.contract.dagster_names import CANDIDATE_VERSION, PRODUCTION_MODEL, VERSION
from demand_assets.pipeline.outcomes import Outcome

OF_PRODUCTION = {"wape_production": "wape", "wape_totals_production": "wape_totals"}
"""Numbers of a decision that are the model's that serves -> what they are called of that model."""
OF_NEITHER = ("request_id", "wape_seasonal_naive", "wape_totals_seasonal_naive", "wape_of_chance", "total_periods")
"""What a decision tells beside the numbers of both models."""
DATA_VERSION_TAG = "dagster/data_version"
"""Of a materialization: what is downstream of two with the same one has not changed."""


def to_metadata(outcome: Outcome, page: Callable[[int], str | None] = lambda _version: None) -> dict[str, Any]:
    """The outcome's details, a link to the model in MLflow, and a plot where it has lines.

    Args:
        page: the address of a version of the region-item's model.
    """
    details = decision_details(outcome) if outcome.asset == PRODUCTION_MODEL else outcome.details
    metadata: dict[str, Any] = {name: _value(value) for name, value in details.items() if value is not None}
    for name, link in ((VERSION, "mlflow"), (CANDIDATE_VERSION, "mlflow_candidate")):
        if details.get(name) is not None and (address := page(details[name])):
            metadata[link] = dg.MetadataValue.url(address)
    if outcome.reason:
        metadata["reason"] = outcome.reason
    if outcome.lines:
        metadata["plot"] = plot(outcome.lines)
    return metadata


def decision_details(outcome: Outcome) -> dict[str, Any]:
    """What a production model's partition is after a decision: the version that serves, whichever that is.

    Of a candidate that was not promoted the version and the numbers are called the candidate's, and ``wape`` is that of
    what serves, on the windows of the contest that both have a score in.
    """
    details = {name: value for name, value in outcome.details.items() if name not in ("version", "verdict")}
    verdict, judged = outcome.details.get("verdict"), outcome.details.get("version")
    if outcome.serves == judged:
        return {VERSION: outcome.serves, "decision": verdict, **details}
    details.pop("replaced", None)
    named = {OF_PRODUCTION.get(name, name if name in OF_NEITHER else f"candidate_{name}"): value
             for name, value in details.items()}
    return {VERSION: outcome.serves, "decision": verdict, CANDIDATE_VERSION: judged, **named}


def data_version(metadata: Mapping[str, Any]) -> dict[str, str]:
    """The tags of a materialization that tell Dagster which version of a model it is; none where it is no model."""
    return {DATA_VERSION_TAG: str(metadata[VERSION])} if metadata.get(VERSION) is not None else {}


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
    return value
