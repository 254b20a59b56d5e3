"""``python -m demand_assets.dagster_instance.daemon run …``: Dagster's daemon, and beside it the watch over runs.

Takes the arguments of ``dagster-daemon``. Its backfill loop looks within a second, unless ``DAGSTER_BACKFILLS=stock``;
its other loops wait for changes, unless ``DAGSTER_LOOPS=stock``; there is no watch where runs go to workers or with
stock parts.
"""

import logging
import os
import sys
from importlib.metadata import entry_points
from pathlib import Path
from threading import Event, Thread

from demand_assets.dagster_instance.loop_lock import LoopLock, lock_of
from demand_assets.forecasting.contract.database_urls import with_driver
from demand_assets.forecasting.telemetry import log_lines
from demand_assets.settings import Settings

log = logging.getLogger("demand_assets.dagster_instance.daemon")

PATIENT = {"DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR": "1", "DAGSTER_MAX_BACKFILL_RETRIES": "1000"}
"""Unless the environment says otherwise: a backfill waits for a code server that is away for long, and for room on a
full disk, in place of being given up."""
WAIT_SECONDS = 1.0


def main() -> int:
    """Run until told to stop; the exit status."""
    settings = Settings()
    log_lines.set_up_beside_dagster()
    for name, value in PATIENT.items():
        os.environ.setdefault(name, value)
    if settings.dagster_backfills == "stock":
        # The only loop too: one of ours that has not ended yet would start the same runs.
        wait_for(lock_of(Path(os.environ["DAGSTER_HOME"]), with_driver(settings.dagster_database_url or "")), Event())
    else:
        # Imported here: leans on private parts of Dagster, which stock parts do without.
        from demand_assets.dagster_instance.backfills import look_promptly

        look_promptly()
    if settings.dagster_loops == "resting":
        # Imported here: leans on private parts of Dagster, which stock parts do without.
        from demand_assets.dagster_instance.at_rest.daemon_loops import rest_between_changes

        rest_between_changes(Path(os.environ["DAGSTER_HOME"]), settings)
    if is_watching(settings):
        # Imported here: leans on private parts of Dagster, which stock parts do without.
        from demand_assets.dagster_instance.runs.runs_lost_before_start import watch

        Thread(target=watch, args=(Event(),), name="lost-runs", daemon=True).start()
    (daemon,) = entry_points(group="console_scripts", name="dagster-daemon")
    return int(daemon.load()() or 0)


def wait_for(lock: LoopLock, stop: Event, pause_seconds: float = WAIT_SECONDS) -> bool:
    """Whether this process has the lock now, which it waits for; not when it was told to stop meanwhile."""
    while not lock.take():
        log.warning("another daemon looks after the backfills of this instance; this one waits for its end")
        if stop.wait(pause_seconds):
            return False
    return True


def is_watching(settings: Settings) -> bool:
    """Whether runs are processes that we start on this machine, and Dagster is told of those that are gone."""
    return (settings.run_launcher, settings.dagster_workers, settings.dagster_failures) == (
        "local", "watched", "reported")


if __name__ == "__main__":
    sys.exit(main())
