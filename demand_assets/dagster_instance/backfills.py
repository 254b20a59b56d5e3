"""Dagster's backfills, looked at within a second (docs/decisions/0048-retrains-are-backfills.md).

Dagster's daemon looks at its backfills every 30 seconds, which cannot be set; a retrain that somebody waits for is
one. Here the daemon's own loop looks when there is something to do: a backfill was asked for or is to be cancelled, or
one of its runs is over. It is the only loop in the process, and it has the instance's lock, so that no two processes
look after the same backfills. What a look does is Dagster's own. At rest it asks the file system, or PostgreSQL through
a kept connection, whether anything changed.

What Dagster has no public name for is listed in ``private_parts``; with ``DAGSTER_BACKFILLS=stock`` this module is not
imported, and Dagster's own loop looks every 30 seconds.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any

import dagster as dg
import sqlalchemy as db
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus, PartitionBackfill
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES
from dagster._core.storage.runs.schema import BulkActionsTable, RunsTable
from dagster._daemon.backfill import execute_backfill_jobs
from dagster._daemon.daemon import BackfillDaemon
from sqlalchemy.dialects.postgresql import aggregate_order_by

from demand_assets.dagster_instance.loop_lock import LoopLock, lock_of
from demand_assets.forecasting.contract.dagster_names import BACKFILL_TAG
from demand_assets.forecasting.contract.database_urls import with_driver
from demand_assets.forecasting.store.file_events import FileEvents, Wake
from demand_assets.forecasting.store.written_since import Sign, files_of_database, written
from demand_assets.settings import Settings

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.25
"""Between two looks whether anything changed."""
QUIET_SECONDS, TOGETHER_SECONDS = 1.0, 0.05
"""The same while no backfill is under way and writes are told of; and after one was told."""
UNTOLD_SECONDS = 5.0
"""After so long backfills are looked up although nothing seems to have changed."""
PROGRESS_SECONDS = 5.0
"""How old the counts of a backfill are on Dagster's page, at most, while its runs go on."""
ENDING_SECONDS, LONGEST_ENDING_SECONDS = 0.5, 8.0
"""Between two looks at a backfill that nothing but a look can end or go on with. Each that changes nothing, as while
the code server is away, doubles the pause."""
SHARE = 10
"""After a look that took long, the next that only counts waits so many times as long."""
UNFINISHED = (BulkActionStatus.REQUESTED, BulkActionStatus.CANCELING, BulkActionStatus.FAILING)


def look_promptly() -> None:
    """Let the backfill daemon of this process look as here; to be called before the daemon starts."""
    BackfillDaemon.core_loop = _core_loop


def _core_loop(daemon: BackfillDaemon, workspace: Any, stop: Event) -> Iterator[Any]:
    """In place of Dagster's loop: never ends, and gives control back after each look."""
    instance, url = workspace.instance, with_driver(Settings().dagster_database_url or "")
    lock = lock_of(Path(instance.root_directory), url)
    home = Path(instance.root_directory)
    backfills = Backfills(instance, written_in_database(url) if url else written_in_files(home))
    wake = FileEvents().wake(lambda: None if url else _files(home))
    yield from look_after(backfills, workspace, stop, lock, daemon._threadpool_executor, wake=wake)


def look_after(backfills: "Backfills", workspace: Any, stop: Event, lock: LoopLock, threads: Any = None,
               pause_seconds: float = LOOK_SECONDS, wake: Wake | None = None) -> Iterator[Any]:
    """Look after backfills until told to stop; what Dagster makes of its errors, and None after each turn.

    Args:
        workspace: Dagster's process context, by which it reaches the code server.
        lock: without it nothing is looked at.
        threads: carry out the looks, one of each backfill at a time; the caller without them.
        wake: tells when runs and backfills are written; while none is under way, that is waited for.
    """
    looking: dict[str, Future[Any]] = {}
    is_waiting = False
    try:
        while not stop.is_set():
            is_told = wake.begin() if wake else False
            if lock.take():
                is_waiting = False
                if due := backfills.due(looking):
                    yield from execute_backfill_jobs(workspace, log, due, threadpool_executor=threads,
                                                     backfill_futures=looking)
            elif not is_waiting:
                log.warning("another process looks after the backfills of this instance; this one waits for its end")
                is_waiting = True
            if wake and is_told and not is_waiting and not backfills.are_open:
                stop.wait(TOGETHER_SECONDS if wake.wait(QUIET_SECONDS) else 0.0)
            else:
                stop.wait(pause_seconds)
            yield None
    finally:
        wait(looking.values())  # whoever has the lock next is the only one who looks
        lock.give_back()


@dataclass(slots=True)
class Looked:
    """The last look at a backfill."""

    state: object
    """Its status and the runs that were not over, before that look."""
    began: float
    pause: float
    """Seconds from the end of that look to the next, if nothing changes."""
    is_counted: bool
    """Whether the next look would only count what its runs have made meanwhile."""
    ended: float | None = None
    is_stale: bool = False
    """Whether something was written since the state was read."""


class Backfills:
    """The backfills of an instance that are not over, and when each is to be looked at again.

    Args:
        written: tells when runs and backfills were written last: another value whenever they were.
    """

    def __init__(self, instance: dg.DagsterInstance, written: Callable[[], object],
                 clock: Callable[[], float] = monotonic) -> None:
        self._instance, self._written, self._clock = instance, written, clock
        self._last: object = None
        self._read_at = float("-inf")
        self._open = list[PartitionBackfill]()
        self._looked: dict[str, Looked] = {}

    @property
    def are_open(self) -> bool:
        """Whether some are not over, when they were looked up last."""
        return bool(self._open)

    def due(self, looking: Mapping[str, "Future[Any]"]) -> list[PartitionBackfill]:
        """Those to be looked at now, oldest first.

        Args:
            looking: backfill -> the look at it that goes on, or was the last.
        """
        now, written = self._clock(), self._written()  # what is written from now on makes another value
        if written != self._last or now - self._read_at >= UNTOLD_SECONDS:
            self._last, self._read_at = written, now
            self._open = sorted(self._instance.get_backfills(filters=BulkActionsFilter(statuses=list(UNFINISHED))),
                                key=lambda each: each.backfill_timestamp)
            self._looked = {each.backfill_id: self._looked[each.backfill_id] for each in self._open
                            if each.backfill_id in self._looked}
            for looked in self._looked.values():
                looked.is_stale = True
        return [each for each in self._open
                if (each.backfill_id not in looking or looking[each.backfill_id].done()) and self._is_due(each, now)]

    def _is_due(self, backfill: PartitionBackfill, now: float) -> bool:
        last = self._looked.get(backfill.backfill_id)
        if last is not None and last.ended is None:
            last.ended, last.is_stale = now, True
        if last is None or last.is_stale:
            going_on = frozenset(self._instance.get_run_ids(filters=dg.RunsFilter(
                statuses=NOT_FINISHED_STATUSES, tags={BACKFILL_TAG: backfill.backfill_id})))
            state = (backfill.status, going_on)
            if last is None or state != last.state:
                is_counted = bool(going_on) and backfill.status is BulkActionStatus.REQUESTED
                self._looked[backfill.backfill_id] = Looked(
                    state, now, PROGRESS_SECONDS if is_counted else ENDING_SECONDS, is_counted)
                return True
            last.is_stale = False
        assert last is not None
        assert last.ended is not None
        least = SHARE * (last.ended - last.began) if last.is_counted else 0.0
        if now - last.ended < max(last.pause, least):
            return False
        pause = last.pause if last.is_counted else min(2 * last.pause, LONGEST_ENDING_SECONDS)
        self._looked[backfill.backfill_id] = Looked(last.state, now, pause, last.is_counted)
        return True


def written_in_files(home: Path) -> Sign:
    """Tells when Dagster's runs and backfills were written last, by the times of SQLite's files."""
    return written(_files(home))


def _files(home: Path) -> list[Path]:
    return files_of_database(home / "history" / "runs.db")


def written_in_database(url: str) -> Callable[[], object]:
    """Tells the same by what is not over in PostgreSQL, through a connection that stays open."""
    engine = db.create_engine(url, isolation_level="AUTOCOMMIT", pool_size=1, pool_pre_ping=True)
    backfills, runs, comma = BulkActionsTable.c, RunsTable.c, db.literal(",")
    asked = db.select(
        db.select(db.func.string_agg(backfills.key + backfills.status, aggregate_order_by(comma, backfills.key)))
        .where(backfills.status.in_([status.value for status in UNFINISHED])).scalar_subquery(),
        db.select(db.func.string_agg(runs.run_id, aggregate_order_by(comma, runs.run_id)))
        .where(runs.status.in_([status.value for status in NOT_FINISHED_STATUSES])).scalar_subquery())

    def written() -> object:
        with engine.connect() as connection:
            return tuple(connection.execute(asked).one())

    return written
