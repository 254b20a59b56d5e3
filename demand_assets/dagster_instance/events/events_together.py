"""Events that come together are stored together: a few statements for what became of some region-items, not some for
each event. The same rows as Dagster's own, in the same order.

Used by both event logs; leans on private parts of Dagster, which ``DAGSTER_STORAGE=stock`` does without.
"""

import signal
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import current_thread, get_ident, main_thread
from typing import Any

import dagster as dg
import sqlalchemy as db
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from sqlalchemy.engine import Connection
from sqlalchemy.exc import InterfaceError, OperationalError

from demand_assets.forecasting.store.waiting_for_room import Patience, causes_of, exhausted, tried_until_there_is_room

MADE, OBSERVED, CHECKED = (kind.value for kind in (
    dg.DagsterEventType.ASSET_MATERIALIZATION, dg.DagsterEventType.ASSET_OBSERVATION,
    dg.DagsterEventType.ASSET_CHECK_EVALUATION))
"""The kinds of events that wait for others: those that the pipeline tells of region-items."""


@dataclass
class Block:
    """Events of one run that wait to be stored together."""

    events: list[dg.EventLogEntry] = field(default_factory=list)
    in_run: int = 0
    """So many of them, from the first on, are in the run's own log by now, where that is a database by itself."""


class StoresTogether(SqlEventLogStorage):
    """What both event logs have in common: events of a block wait for its end."""

    waits_for_room = False
    """Whether an event waits for room on a full disk, and some minutes for a database that does not answer: a run that
    cannot tell what it does would end as failed."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self._blocks: dict[int, Block] = {}  # thread in a block -> its events that wait
        super().__init__(*arguments, **named)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Store what the block's thread tells of assets and checks at the block's end, at once; whatever else it tells
        after what waits. Who reads the event log in the block sees it as it was before.

        Raises: what keeps the events from being stored.
        """
        thread = get_ident()
        if thread in self._blocks:
            yield
            return
        block = self._blocks[thread] = Block()
        try:
            yield
        finally:
            self._blocks.pop(thread, None)  # perhaps by another thread, of a run that was cut off in the block
            self._store(block)

    def is_to_wait(self, event: dg.EventLogEntry) -> bool:
        """Whether the event is stored later; where it is not, those that came before it in its thread are by then.

        Raises: what keeps those before it from being stored; they wait on, since Dagster makes nothing of an error of
            a line in the log.
        """
        block = self._blocks.get(get_ident())
        if block is None:
            return False
        is_of_kind = event.dagster_event is not None and event.dagster_event.event_type_value in (
            MADE, OBSERVED, CHECKED)
        if block.events and not (is_of_kind and block.events[0].run_id == event.run_id):
            self._store(block)
        if is_of_kind:
            block.events.append(event)
        return is_of_kind

    def _store(self, block: Block) -> None:
        """Store what waits in the block."""
        if block.events:
            self.done(lambda: self._store_now(block))

    def _store_now(self, block: Block) -> None:
        """Not interrupted on the way, as the storing of a single event is not: a run that is cancelled in this moment
        has told what it did."""
        with uninterrupted():
            self.store_all(block)
            block.events, block.in_run = [], 0

    def done(self, work: Callable[[], None]) -> None:
        """Do what stores events, again where it is to wait for what it needs."""
        if self.waits_for_room:
            tried_until_there_is_room(work, Patience(missing=missing))
        else:
            work()

    @abstractmethod
    def store_all(self, block: Block) -> None:
        """Store the block's events, each of which is of a kind that waits, in a few statements; of what was stored
        before an error no more is stored when it is called again."""

    def rows_of_events(self, events: Sequence[dg.EventLogEntry]) -> list[dict[str, Any]]:
        """The rows of the event log, as Dagster makes them."""
        return [self._event_to_row(event) for event in events]

    def add_to_index(self, connection: Connection, events: Sequence[dg.EventLogEntry],
                     rows: list[dict[str, Any]]) -> None:
        """Add the rows, and all by which Dagster's pages find them.

        Args:
            connection: to the database of all runs, in a transaction.
        """
        table = SqlEventLogStorageTable
        ids = [int(one) for one in connection.execute(
            table.insert().returning(table.c.id, sort_by_parameter_order=True), rows).scalars()]
        told = [(event, number) for event, number, row in zip(events, ids, rows, strict=True)
                if row["dagster_event_type"] != CHECKED]
        if told:
            self._store_asset_event_tags(connection, [event for event, _ in told], [number for _, number in told])
        newest = {(row["asset_key"], row["dagster_event_type"]): (event, number)
                  for event, number, row in zip(events, ids, rows, strict=True)
                  if row["dagster_event_type"] != CHECKED}
        for event, number in sorted(newest.values(), key=lambda each: each[1]):
            self._store_asset_event(connection, event, number)
        self._add_checks(connection, [(event, number, row) for event, number, row in zip(events, ids, rows, strict=True)
                                      if row["dagster_event_type"] == CHECKED])

    def _add_checks(self, connection: Connection,
                    checks: Sequence[tuple[dg.EventLogEntry, int, dict[str, Any]]]) -> None:
        """Add what checks found; in the place of what the run planned or found before."""
        found: dict[tuple[str, str, str | None], dict[str, Any]] = {}
        for event, number, row in checks:
            told: Any = event.dagster_event
            one = told.event_specific_data
            status = (AssetCheckExecutionRecordStatus.SUCCEEDED if one.passed
                      else AssetCheckExecutionRecordStatus.FAILED)
            made = one.target_materialization_data
            found[one.asset_key.to_string(), one.check_name, one.partition] = {
                "asset_key": one.asset_key.to_string(), "check_name": one.check_name, "partition": one.partition,
                "run_id": event.run_id, "execution_status": status.value, "evaluation_event": row["event"],
                "evaluation_event_timestamp": row["timestamp"],
                "evaluation_event_storage_id": number,
                "materialization_event_storage_id": made.storage_id if made else None}
        if not found:
            return
        columns, run_id = AssetCheckExecutionsTable.c, checks[0][0].run_id
        keys, names, partitions = (set(each) for each in zip(*found, strict=True))
        known = {(key, name, partition): number for number, key, name, partition in connection.execute(db.select(
            columns.id, columns.asset_key, columns.check_name, columns.partition).where(
                columns.asset_key.in_(keys), columns.check_name.in_(names), columns.run_id == run_id,
                columns.partition.is_(None) | columns.partition.in_(partitions - {None})))}
        if new := [row for which, row in found.items() if which not in known]:
            connection.execute(AssetCheckExecutionsTable.insert(), new)
        for which, number in known.items():
            if which in found:
                connection.execute(AssetCheckExecutionsTable.update().where(columns.id == number).values(found[which]))


def missing(error: BaseException) -> str:
    """What an event cannot be stored without for now, as the error tells it; empty where it is another error."""
    is_away = any(isinstance(cause, OperationalError | InterfaceError) for cause in causes_of(error))
    return exhausted(error) or ("Dagster's database does not answer" if is_away else "")


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let signals by which a run is interrupted come at the block's end, and not in it."""
    if current_thread() is not main_thread():  # where no signal comes
        yield
        return
    came: list[int] = []
    before = {number: signal.signal(number, lambda which, _frame: came.append(which))
              for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        for number in dict.fromkeys(came):
            signal.raise_signal(number)
