"""Dagster's daemon while nothing happens: its loops look when something was written, and not at each turn.

Dagster's own ask their databases every second to every thirty, and the code server for each sensor, whether or not
anything can have changed. Here the queue of runs, the retries of runs and the freshness of assets wait for a write into
Dagster's databases, and so do the sensors that find nothing to do without one. What waits looks after a while all the
same (``QUEUE_SECONDS``, ``SELDOM_SECONDS``). Other sensors are left as they are, and so is everything where Dagster's
databases are in PostgreSQL.

What Dagster has no public name for is listed in ``private_parts``; with ``DAGSTER_LOOPS=stock`` this module is not
imported, and everything looks as often as Dagster has it.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any

import dagster._daemon.sensor as sensor_daemon
import dagster._grpc.server_watcher as server_watcher
from dagster._daemon.auto_run_reexecution.event_log_consumer import EventLogConsumerDaemon
from dagster._daemon.daemon import IntervalDaemon
from dagster._daemon.freshness import FreshnessDaemon
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon

from demand_assets.dagster_instance.at_rest.event_files import events_of
from demand_assets.forecasting.store.demand_store import DemandStore
from demand_assets.forecasting.store.written_since import Rest, Sign, written
from demand_assets.settings import Settings

QUEUE_SECONDS = 10.0
"""After so long the queue of runs is looked at although nothing seems to have changed: a start that failed is tried
again."""
SELDOM_SECONDS = 300.0
"""After so long a sensor is evaluated, failed runs are looked for and freshness is told, whatever the signs say."""
WATCH_SECONDS, RECONNECTS = 5.0, 2
"""Between two questions to the code server whether it is still the same, and how often it is asked before it counts as
gone: together about as long as with Dagster's own 1 and 10."""
TURN_SECONDS = 5.0
"""The longest pause between two turns of a loop, in which it may tell that it lives."""


def rest_between_changes(home: Path, settings: Settings) -> None:
    """Let the daemons of this process look as here; to be called before they start.

    Args:
        home: Dagster's.
    """
    watch_patiently()
    _wait_whole_turns()
    if settings.dagster_database_url:
        return
    events = events_of(home)
    _look_after_changes(QueuedRunCoordinatorDaemon, written(events), QUEUE_SECONDS)
    _look_after_changes(EventLogConsumerDaemon, written(events), SELDOM_SECONDS)
    _look_after_changes(FreshnessDaemon, written(events), SELDOM_SECONDS)
    resting = RestingSensors(signs_of_sensors(home, settings))
    is_under_min_interval = sensor_daemon.is_under_min_interval

    def is_not_due(state: Any, sensor: Any, *others: Any) -> bool:
        return is_under_min_interval(state, sensor, *others) or resting.may_rest(sensor.name, state.instigator_data)

    sensor_daemon.is_under_min_interval = is_not_due


def watch_patiently() -> None:
    """Ask the code server less often whether it is still the same; to be called before it is asked first."""
    server_watcher.WATCH_INTERVAL = WATCH_SECONDS
    server_watcher.MAX_RECONNECT_ATTEMPTS = RECONNECTS


def signs_of_sensors(home: Path, settings: Settings) -> dict[str, Sign]:
    """Sensor -> what changes whenever it may find something to do, beside what time brings.

    ``new_demand`` has none: it looks at the source, wherever that is.
    """
    events = events_of(home)
    signs = {"judge_candidates": written(events), "watch_production": written(events),
             "retrain_when_needed": written([*events, settings.dataset])}
    if "://" not in settings.demand_store_url:
        signs["mend_damaged"] = _damages(DemandStore(settings.demand_store_url))
    return signs


def _damages(store: DemandStore) -> Sign:
    def damages() -> object:
        with suppress(OSError):  # the sensor meets it too, and its tick tells
            if not store.damages():
                return None
        return object()  # what is noted is looked at until it is mended

    return damages


class RestingSensors:
    """The sensors that need not be evaluated now."""

    def __init__(self, signs: Mapping[str, Sign], clock: Callable[[], float] = monotonic) -> None:
        self._rests = {name: Rest(sign, SELDOM_SECONDS, clock) for name, sign in signs.items()}

    def may_rest(self, name: str, told: Any) -> bool:
        """Whether the sensor, which is due by its interval, may be left out this time.

        Args:
            told: what Dagster noted after its last tick.
        """
        rest = self._rests.get(name)
        if rest is None:
            return False
        if told is None or not told.last_tick_success_timestamp or is_open(told.cursor):
            rest.end()
        return not rest.is_over()


def is_open(cursor: str | None) -> bool:
    """Whether a sensor asked for something and has not seen it done, by its cursor: then time matters too."""
    try:
        kept = json.loads(cursor or "{}")
    except ValueError:
        return False
    return isinstance(kept, dict) and bool(kept) and bool(kept.get("wanted", True))


def _look_after_changes(daemon: type[IntervalDaemon[Any]], sign: Sign, longest: float) -> None:
    look, rest = daemon.run_iteration, Rest(sign, longest)

    def looked(self: IntervalDaemon[Any], *arguments: Any, **options: Any) -> Iterator[Any]:
        if not rest.is_over():
            return
        try:
            yield from look(self, *arguments, **options)
        except BaseException:
            rest.end()
            raise

    daemon.run_iteration = looked


def _wait_whole_turns() -> None:
    """Let loops with an interval wait for its end at once, in place of half a second at a time."""
    core_loop = IntervalDaemon.core_loop

    def loop(self: IntervalDaemon[Any], workspace: Any, stop: Event) -> Iterator[Any]:
        yield from core_loop(self, workspace, _Patient(stop, min(self.interval_seconds, TURN_SECONDS)))

    IntervalDaemon.core_loop = loop


class _Patient:
    """An event that is waited for so long at a time."""

    def __init__(self, event: Event, seconds: float) -> None:
        self._event, self._seconds = event, seconds

    def wait(self, _timeout: float) -> bool:
        """Wait for it, whatever the caller would wait."""
        return self._event.wait(self._seconds)
