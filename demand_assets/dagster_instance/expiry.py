"""Runs of Dagster that are over and old: removed with their events, their logs, and the results of their checks; and
backfills that are.

A run stays while it is not over, and while the newest materialization of a partition of any asset is its: Dagster's
page, and the sensor that takes in new demand, look there for what the asset is now. Dagster's own ``delete_run`` leaves
the file of the run's events, what the run printed, and the results of its asset checks; all three are removed here.
"""

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import dagster as dg

from demand_assets.dagster_instance.run_statuses import OVER
from demand_assets.forecasting.contract.database_urls import with_driver
from demand_assets.forecasting.store.demand_store import DemandStore
from demand_assets.forecasting.store.stored_files import NotInStoreError
from demand_assets.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Connection

A_PAGE = 1000
NOTED = "expiry_runs.json"
"""In the demand store: the runs that are being removed."""
MOST_RUNS = 5000
"""Runs that one expiry removes; the next goes on."""
LEFT_OVER = timedelta(days=1)
"""Files of a run that Dagster does not know, on its page deleted maybe, are removed once they are so old."""
TOGETHER = 100
BUSY_SECONDS = 30


def expire_runs(instance: dg.DagsterInstance, partitions: dg.PartitionsDefinition[str], store: DemandStore,
                settings: Settings, now: datetime) -> tuple[int, int]:
    """How many runs were removed, and the bytes of files that this freed.

    Broken off anywhere, the next expiry goes on: what is being removed is noted in the demand store.

    Args:
        partitions: of the assets that have partitions.
    """
    if not settings.keep_runs_days:
        return 0, 0
    before = now - timedelta(days=settings.keep_runs_days)
    freed = _remove(instance, settings, _noted(store))
    old = _old(instance, before)
    needed = _newest(instance, partitions) if old else set[str]()
    going = [run_id for run_id in old if run_id not in needed][:MOST_RUNS]
    for start in range(0, len(going), TOGETHER):
        some = going[start:start + TOGETHER]
        store.write_bytes(NOTED, json.dumps(some).encode())
        freed += _remove(instance, settings, some)
    store.remove_bytes(NOTED)
    _forget_backfills(settings, before)
    home = settings.folder / "dagster"
    freed += sum(_remove_files(home, run_id) for run_id in _left_over(home, now - LEFT_OVER)
                 if instance.get_run_by_id(run_id) is None)
    return len(going), freed


def _noted(store: DemandStore) -> list[str]:
    """The runs that an expiry was removing that was broken off."""
    try:
        return list(json.loads(store.read_bytes(NOTED)))
    except NotInStoreError:
        return []


def _remove(instance: dg.DagsterInstance, settings: Settings, run_ids: Sequence[str]) -> int:
    """The bytes of files that are freed by removing the runs and all that is of them, or what is left of it."""
    if run_ids:
        _forget_checks(settings, run_ids)
    freed = 0
    for run_id in run_ids:
        instance.delete_run(run_id)
        freed += _remove_files(settings.folder / "dagster", run_id)
    return freed


def _old(instance: dg.DagsterInstance, before: datetime) -> list[str]:
    """The runs that were over before that moment, oldest first."""
    found: list[str] = []
    cursor: str | None = None
    while len(found) < 2 * MOST_RUNS:
        page = instance.get_run_records(dg.RunsFilter(statuses=OVER, created_before=before), limit=A_PAGE,
                                        cursor=cursor, ascending=True)
        found += [record.dagster_run.run_id for record in page if (record.end_time or 0) < before.timestamp()]
        if len(page) < A_PAGE:
            break
        cursor = page[-1].dagster_run.run_id
    return found


def _newest(instance: dg.DagsterInstance, partitions: dg.PartitionsDefinition[str]) -> set[str]:
    """The runs that made the newest materialization of an asset, or of any of its partitions."""
    needed: set[str] = set()
    keys = partitions.get_partition_keys(dynamic_partitions_store=instance)
    for asset in instance.get_asset_keys():
        told = instance.get_status_by_partition(asset, keys, partitions) or {}
        sought: set[str | None] = {key for key, status in told.items() if status is not None} | {None}
        for record in _materializations(instance, asset):
            if record.partition_key in sought:
                sought.discard(record.partition_key)
                needed.add(record.run_id)
            if sought <= {None} and (told or None not in sought):
                break
    return needed


def _materializations(instance: dg.DagsterInstance, asset: dg.AssetKey) -> Iterator[dg.EventLogRecord]:
    """All of an asset, newest first."""
    cursor, more = None, True
    while more:
        page = instance.fetch_materializations(asset, limit=A_PAGE, cursor=cursor)
        yield from page.records
        cursor, more = page.cursor, page.has_more


def _forget_checks(settings: Settings, run_ids: Sequence[str]) -> None:
    """Remove the results of the runs' asset checks, which Dagster keeps for ever; left with DAGSTER_STORAGE=stock."""
    if settings.dagster_storage == "stock":
        return
    from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable

    with _writing(settings, Path("runs", "index.db")) as connection:
        connection.execute(AssetCheckExecutionsTable.delete().where(
            AssetCheckExecutionsTable.c.run_id.in_(list(run_ids))))


def _forget_backfills(settings: Settings, before: datetime) -> None:
    """Remove backfills that are over, of before that moment, which Dagster keeps for ever: each retrain is one. Left
    with DAGSTER_BACKFILLS=stock."""
    if settings.dagster_backfills == "stock":
        return
    from dagster._core.execution.backfill import BULK_ACTION_TERMINAL_STATUSES
    from dagster._core.storage.runs.schema import BackfillTagsTable, BulkActionsTable
    from sqlalchemy import select

    with _writing(settings, Path("runs.db")) as connection:
        connection.execute(BulkActionsTable.delete().where(
            BulkActionsTable.c.status.in_([status.value for status in BULK_ACTION_TERMINAL_STATUSES]),
            BulkActionsTable.c.timestamp < before.astimezone(UTC).replace(tzinfo=None)))
        connection.execute(BackfillTagsTable.delete().where(
            BackfillTagsTable.c.backfill_id.not_in(select(BulkActionsTable.c.key))))


@contextmanager
def _writing(settings: Settings, file: Path) -> Iterator["Connection"]:
    """A transaction in Dagster's database.

    Args:
        file: of the table in SQLite, in the folder of Dagster's history.
    """
    from sqlalchemy import create_engine

    if settings.dagster_database_url:
        engine = create_engine(with_driver(settings.dagster_database_url))
    else:
        engine = create_engine(f"sqlite:///{settings.folder / 'dagster' / 'history' / file}",
                               connect_args={"timeout": BUSY_SECONDS})
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def _events(home: Path, run_id: str) -> Path:
    """The file of the run's events, with Dagster's tables in SQLite."""
    return home / "history" / "runs" / f"{run_id}.db"


def _printed(home: Path, run_id: str) -> Path:
    """The folder of what the run printed."""
    return home / "storage" / run_id


def _remove_files(home: Path, run_id: str) -> int:
    """The bytes freed."""
    freed = 0
    events = _events(home, run_id)
    for path in (events, events.with_name(f"{events.name}-wal"), events.with_name(f"{events.name}-shm")):
        if path.exists():
            freed += path.stat().st_size
            path.unlink(missing_ok=True)
    folder = _printed(home, run_id)
    freed += sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    shutil.rmtree(folder, ignore_errors=True)
    return freed


def _left_over(home: Path, before: datetime) -> list[str]:
    """The runs of which files are there that nobody has written to since that moment."""
    found = [(path.stem, path) for path in (home / "history" / "runs").glob("*.db")]
    found += [(path.name, path) for path in (home / "storage").glob("*")]
    return sorted({name for name, path in found if _is_run(name) and path.stat().st_mtime < before.timestamp()})


def _is_run(name: str) -> bool:
    try:
        return str(UUID(name)) == name
    except ValueError:
        return False
