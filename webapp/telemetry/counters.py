"""What the web workers and the background process count, where ``PROMETHEUS_MULTIPROC_DIR`` says that they shall.

Each process writes to files of its own in that folder, from which whoever is asked for metrics adds up all of them:
those of processes that have ended too, so that no count goes back when a worker is started again.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from demand_assets.forecasting.telemetry.settings import TelemetrySettings

REQUEST_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
STEP_SECONDS = (0.001, 0.01, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0)
WAIT_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
"""Upper ends of what durations are counted in."""


class Counters:
    """Everything that is counted; no label holds a person, a region or an item."""

    def __init__(self) -> None:
        # Imported here: only who counts needs it.
        from prometheus_client import Counter, Gauge, Histogram

        self.requests = Counter(
            "demand_web_requests", "Requests to the web app that were answered, by endpoint and class of status.",
            ["method", "endpoint", "status"], registry=None)
        self.request_seconds = Histogram(
            "demand_web_request_seconds", "Seconds from a request's arrival to its answer, by part of the app.",
            ["part"], buckets=REQUEST_SECONDS, registry=None)
        self.model_lookups = Counter(
            "demand_web_model_lookups", "Models that requests needed, by where they were: in memory, or to be read "
            "from disk.", ["found"], registry=None)
        self.loop_seconds = Histogram(
            "demand_loop_step_seconds", "Seconds that a step of a loop of the background process took.", ["loop"],
            buckets=STEP_SECONDS, registry=None)
        self.loop_failures = Counter(
            "demand_loop_failures", "Steps of a loop of the background process that failed.", ["loop"], registry=None)
        self.loop_worked = Gauge(
            "demand_loop_last_success_timestamp_seconds", "When a loop of the background process last ended a step.",
            ["loop"], multiprocess_mode="mostrecent", registry=None)
        self.promotions = Counter(
            "demand_promotions_announced", "Promoted versions that were fetched, tried and announced to the pages.",
            registry=None)
        self.promotion_seconds = Histogram(
            "demand_promotion_to_page_seconds", "Seconds from when the app saw a promotion to its announcement.",
            buckets=WAIT_SECONDS, registry=None)
        self.promotion_failures = Counter(
            "demand_promotions_unusable", "Tries to take up a promoted version that cannot forecast here.",
            registry=None)
        self.decisions = Counter(
            "demand_region_item_outcomes", "Region-items whose retrain ended, by how: promoted, kept, quarantined or "
            "failed, as the pipeline's journal tells.", ["outcome"], registry=None)

    @contextmanager
    def step(self, loop: str) -> Iterator[None]:
        """Count a step of a loop."""
        began = time.perf_counter()
        try:
            yield
        except BaseException:
            self.loop_failures.labels(loop).inc()
            raise
        self.loop_seconds.labels(loop).observe(time.perf_counter() - began)
        self.loop_worked.labels(loop).set_to_current_time()


@lru_cache(maxsize=1)
def counters() -> Counters | None:
    """This process's; None where it counts nothing, as without the setting."""
    return Counters() if TelemetrySettings().prometheus_multiproc_dir else None
