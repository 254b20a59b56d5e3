"""Events that come together are stored together: a few statements for what became of some region-items, not some for
each event. The same rows as Dagster's own, in the same order.

Used by both event logs; leans on private parts of Dagster, which ``DAGSTER_STORAGE=stock`` does without.
"""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from threading import get_ident
from typing import Any

import dagster as dg
import sqlalchemy as db
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from sqlalchemy.engine import Connection

MADE, OBSERVED, CHECKED = (kind.value for kind in (
    dg.DagsterEventType.ASSET_MATERIALIZATION, dg.DagsterEventType.ASSET_OBSERVATION,
    dg.DagsterEventType.ASSET_CHECK_EVALUATION))
"""The kinds of events that wait for others: those that the pipeline tells of region-items."""


class StoresTogether(SqlEventLogStorage):
    """What both event logs have in common: events of a block wait for its end."""

    @contextmanager
    def together(self) -> Iterator[None]:
        """Store what the block's thread tells of assets and checks at the block's end, at once; whatever else it tells
        after what waits. Who reads the event log in the block sees it as it was before."""
        thread = get_ident()
        if thread in self._blocks:
            yield
            return
        self._blocks[thread] = []
        try:
            yield
        finally:
            waiting = self._blocks.pop(thread)  # perhaps by another thread, of a run that was cut off in the block
            if waiting:
                self.store_all(waiting)

    @cached_property
    def _blocks(self) -> dict[int, list[dg.EventLogEntry]]:
        """Thread in a block -> its events that wait."""
        return {}

    def is_to_wait(self, event: dg.EventLogEntry) -> bool:
        """Whether the event is stored later; where it is not, those that came before it in its thread are by then."""
        waiting = self._blocks.get(get_ident())
        if waiting is None:
            return False
        is_of_kind = event.dagster_event is not None and event.dagster_event.event_type_value in (
            MADE, OBSERVED, CHECKED)
        if waiting and not (is_of_kind and waiting[0].run_id == event.run_id):
            before, waiting[:] = list(waiting), []
            self.store_all(before)
        if is_of_kind:
            waiting.append(event)
        return is_of_kind

    @abstractmethod
    def store_all(self, events: Sequence[dg.EventLogEntry]) -> None:
        """Store events of one run, each of which is of a kind that waits, in a few statements."""

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
