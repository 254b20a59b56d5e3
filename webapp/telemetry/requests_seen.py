"""Each request is counted and traced, where that is asked for; else the app does not even look at the clock."""

import time

from flask import Flask, Response, g, has_request_context, request

from demand_assets.forecasting.telemetry import tracing
from demand_assets.forecasting.telemetry.settings import TelemetrySettings
from webapp.telemetry.counters import Counters, counters

UNTRACED = ("static", "health.health", "health.live", "health.ready", "metrics.show")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
NOTHING_NEW = 204


def begins(request_id: str) -> None:
    """Let this request be the first span of the trace of the retrain that it asked for."""
    if has_request_context():
        g.begins_trace_of = request_id


def belongs_to(request_id: str) -> None:
    """Let this request be a part of the trace of that retrain."""
    if has_request_context():
        g.part_of_trace_of = request_id


def add_to(app: Flask) -> None:
    """See each request, before whatever else looks at it."""
    counted, is_traced = counters(), TelemetrySettings().sends_traces
    if counted is None and not is_traced:
        return

    @app.before_request
    def _begun() -> None:
        g.began, g.began_ns = time.perf_counter(), time.time_ns()

    @app.after_request
    def _answered(response: Response) -> Response:
        if "began" in g:
            if counted:
                _count(counted, response.status_code)
            if is_traced and request.endpoint not in UNTRACED and response.status_code != NOTHING_NEW:
                _tell(response.status_code)
        return response


def _count(counted: Counters, status: int) -> None:
    endpoint = request.endpoint or "none"
    method = request.method if request.method in METHODS else "other"  # whoever sends one invents its name
    counted.requests.labels(method, endpoint, f"{status // 100}xx").inc()
    counted.request_seconds.labels(endpoint.partition(".")[0]).observe(time.perf_counter() - g.began)


def _tell(status: int) -> None:
    asked, part_of = g.get("begins_trace_of", ""), g.get("part_of_trace_of", "")
    parent = tracing.traceparent_of(part_of) or request.headers.get(tracing.TRACEPARENT, "")
    tracing.tell(f"{request.method} {request.endpoint or 'none'}", g.began_ns, parent, asked, status=status)
