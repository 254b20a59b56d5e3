"""What the web workers have counted, at ``/metrics``, for who may read it."""

from flask import Blueprint, Flask, Response, abort, current_app, request

from demand_assets.forecasting.telemetry.metrics_guard import refusal
from demand_assets.forecasting.telemetry.settings import TelemetrySettings

bp = Blueprint("metrics", __name__)


@bp.get("/metrics")
def show() -> Response:
    """What all processes that share the folder have counted, as Prometheus reads it; 404 where nothing is counted.

    404 without ``METRICS_TOKEN`` too: a proxy may stand before the app that does not say that it is one, and all who
    ask would seem to be on this machine. What ``make run`` counts is told at ``METRICS_PORT``.
    """
    settings: TelemetrySettings = current_app.extensions["telemetry"]
    if settings.prometheus_multiproc_dir is None or settings.metrics_token is None:
        abort(404)
    if why := refusal(request.headers.get, request.remote_addr or "", settings.metrics_token):
        return Response(f"{why}\n", 403, mimetype="text/plain")
    # Imported here: only who counts needs it.
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(settings.prometheus_multiproc_dir))  # type: ignore[no-untyped-call]
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def add_to(app: Flask) -> None:
    """Serve what is counted, without a sign-in."""
    app.extensions["telemetry"] = TelemetrySettings()
    app.register_blueprint(bp)
