"""``python -m deploy.observability.exporter``: serves the metrics of all processes and how each of them is.

- ``/metrics``: what the servers have counted, what the app's database, Dagster's instance and the system say now.
- ``/health/live``, ``/health/ready``: of this process, to everybody. ``/health/NAME/live``, ``/health/NAME/ready``: of
  a server.

It is started only where ``METRICS_PORT`` says so, and listens on this machine's own address unless ``METRICS_HOST``
says otherwise. Nothing is sent anywhere.
"""

import json
import logging
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from urllib.parse import urlsplit

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, disable_created_metrics, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from typing_extensions import override

from demand_assets.dagster_instance.instance import open_instance
from demand_assets.dagster_instance.metrics import DagsterMetrics
from demand_assets.forecasting.telemetry import log_lines
from demand_assets.forecasting.telemetry.metrics_guard import refusal
from demand_assets.settings import Settings
from deploy.health import PATIENCE_SECONDS
from deploy.observability.app_metrics import app_metrics, quality_metrics
from deploy.observability.process_health import Checks, checks
from deploy.observability.process_metrics import ProcessMetrics
from deploy.processes import ELSEWHERE, METRICS, Folders, processes
from deploy.settings import RunSettings

log = logging.getLogger("deploy.observability.exporter")

KEPT_SECONDS = 5.0
"""For so long an answer is given again: however often it is asked for, the product is looked at seldom."""
SELDOM_SECONDS = 60.0
"""The same, of what is costly and changes slowly."""
OURS = "demand_"
SLOWEST_SECONDS = 10.0
"""For which a client may take to send its request."""
OPEN = ("/health/live", "/health/ready")
"""Answered without a token too: who starts this process again has none, and it says nothing but that it is there."""
Source = Callable[[], Iterable[Metric]]


def seldom(source: Source, seconds: float = SELDOM_SECONDS) -> Source:
    """A source that is asked again only after so long."""
    found, until = list[Metric](), 0.0

    def asked() -> list[Metric]:
        nonlocal found, until
        if time.monotonic() >= until:
            found = list(source())
            until = time.monotonic() + seconds
        return found

    return asked


class Exporter:
    """All metrics, from whichever sources answer.

    Args:
        sources: name -> its metrics; one that raises is told as down, and costs no other one.
        checks: server -> how to tell how it is.
    """

    def __init__(self, sources: Mapping[str, Source], checks: Mapping[str, Checks]) -> None:
        self.sources, self._checks = sources, checks
        self._lock, self._asking = Lock(), Lock()
        """Of the metrics, and of who asks for health: neither waits for the other."""
        self._told: dict[str, str] = {}
        self._answer, self._until = b"", 0.0

    def metrics(self) -> bytes:
        """As Prometheus reads them."""
        with self._lock:
            if time.monotonic() >= self._until:
                registry = CollectorRegistry()
                registry.register(self)
                self._answer = generate_latest(registry)
                self._until = time.monotonic() + KEPT_SECONDS
            return self._answer

    def describe(self) -> list[Metric]:
        """Nothing: to find out what there is takes as long as to tell it."""
        return []

    def collect(self) -> Iterator[Metric]:
        """What each source says, whether it could be asked, and how the servers are."""
        answers = GaugeMetricFamily("demand_metrics_source_up", "Whether a source of metrics could be asked: 1 yes, 0 "
                                    "no; what it tells is missing then.", labels=["source"])
        for name, source in self.sources.items():
            found = self._asked(name, source)
            answers.add_metric([name], float(found is not None))
            yield from found or ()
        yield answers
        live = GaugeMetricFamily("demand_process_live", "Whether a server need not be started again: 1 yes, 0 no.",
                                 labels=["process"])
        ready = GaugeMetricFamily("demand_process_ready", "Whether a server does its work now: 1 yes, 0 no.",
                                  labels=["process"])
        for name, each in self._checks.items():
            health = each.made()
            live.add_metric([name], float(health.is_live))
            ready.add_metric([name], float(health.is_ready))
        yield live
        yield ready

    def _asked(self, name: str, source: Source) -> list[Metric] | None:
        try:
            found = list(source())
        except Exception as error:  # noqa: BLE001  # whatever breaks one source is told, and the others still speak
            why = f"{type(error).__name__}: {error}"
            if self._told.get(name) != why:
                log.error("metrics of %s are missing: %s", name, why)
            self._told[name] = why
            return None
        if self._told.pop(name, None):
            log.warning("metrics of %s are there again", name)
        return found

    def health(self, path: str) -> tuple[int, dict[str, object]]:
        """Status and answer of a path below ``/health/``."""
        name, _, what = path.rpartition("/")
        if what not in ("live", "ready"):
            return 404, {"why": "ask for live or ready"}
        if not name:
            return 200, {"process": METRICS, what: True}
        if name not in self._checks:
            return 404, {"why": f"there is no process {name[:40]!r}", "processes": sorted(self._checks)}
        with self._asking:
            found = self._checks[name].made()
        is_well = found.is_live if what == "live" else found.is_ready
        return (200 if is_well else 503), {"process": name, what: is_well}


def handler(exporter: Exporter, token: str | None) -> type[BaseHTTPRequestHandler]:
    """What answers HTTP requests for metrics and health.

    Args:
        token: that those who read metrics must show; None where none is asked for.
    """
    class Handler(BaseHTTPRequestHandler):
        timeout = SLOWEST_SECONDS
        server_version = "demand-metrics"
        sys_version = ""

        def do_GET(self) -> None:  # the library's name
            path = urlsplit(self.path).path
            if path in OPEN:
                self._tell(*exporter.health(path.removeprefix("/health/")))
            elif why := refusal(self.headers.get, self.client_address[0], token):
                self._send(403, f"{why}\n".encode(), "text/plain; charset=utf-8")
            elif path == "/metrics":
                self._send(200, exporter.metrics(), CONTENT_TYPE_LATEST)
            elif path.startswith("/health/"):
                self._tell(*exporter.health(path.removeprefix("/health/")))
            else:
                self._send(404, b"/metrics, /health/NAME/live, /health/NAME/ready\n", "text/plain; charset=utf-8")

        def _tell(self, status: int, told: dict[str, object]) -> None:
            self._send(status, json.dumps(told).encode(), "application/json")

        def _send(self, status: int, content: bytes, kind: str) -> None:
            self.send_response(status)
            for name, value in (("Content-Type", kind), ("Content-Length", str(len(content))),
                                ("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff")):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Nothing of each request."""

    return Handler


def counted(folder: Path) -> Iterator[Metric]:
    """What the servers have counted, those that have ended too; of ours alone, for MLflow counts there as well."""
    found = MultiProcessCollector(CollectorRegistry(), path=str(folder)).collect()  # type: ignore[no-untyped-call]
    return (metric for metric in found if metric.name.startswith(OURS))


def main(arguments: Sequence[str] = ()) -> int:
    """Serve until told to stop."""
    # Imported here: makes the app's settings from the environment.
    from webapp import create_app

    log_lines.set_up(logging.WARNING)
    disable_created_metrics()  # type: ignore[no-untyped-call]  # when a count began is of no use beside the count
    pipeline, settings = Settings(), RunSettings()
    if settings.metrics_port is None:
        print("METRICS_PORT is not set: nothing is served", file=sys.stderr)
        return 1
    folders, app = Folders(pipeline.folder), create_app()
    with open_instance(folders.dagster) as instance:
        dagster = DagsterMetrics(instance)
        said: dict[str, Source] = {"app": lambda: app_metrics(app), "quality": seldom(lambda: quality_metrics(app)),
                                   "dagster": dagster.collect}
        if ELSEWHERE in arguments:
            if elsewhere := settings.metrics_counted:
                said["counters"] = lambda: counted(elsewhere)
            exporter = Exporter(said, {})
        else:
            servers = [process.name for process in processes(settings, folders) if not process.once]
            own = ProcessMetrics(folders.root, servers)
            exporter = Exporter(
                {"counters": lambda: counted(folders.counted), **said, "processes": own.collect},
                checks(settings, servers, lambda: dagster.daemons_live(PATIENCE_SECONDS), own.has_process))
        server = ThreadingHTTPServer((settings.metrics_host, settings.metrics_port),
                                     handler(exporter, settings.metrics_token))
        server.daemon_threads = True
        signal.signal(signal.SIGTERM, lambda *_: Thread(target=server.shutdown).start())
        try:
            server.serve_forever()
        finally:
            server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
