"""What a run is going to make, recorded for all of its partitions in one go.

Dagster records one event for each asset and partition of a run before it starts: five for each region-item, some 2 ms
each. Our event logs let it make one event for each asset, and record that as the same rows, one for each partition, by
which its pages tell which are under way and which failed. Used by both event logs; leans on private parts of Dagster,
which ``DAGSTER_STORAGE=stock`` does without.
"""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import dagster as dg
from dagster._core.events import AssetMaterializationPlannedData
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from sqlalchemy.engine import Connection

STANDS_FOR = "partition-0f6c1d5e"
"""In place of each partition's key in the text of an event, which is made once."""


def with_its_partition(event: dg.EventLogEntry) -> dg.EventLogEntry:
    """The event as Dagster itself makes it where it plans a single partition; any other as it is."""
    keys = _partitions(event)
    return _planning(event, keys[0]) if len(keys) == 1 else event


def is_of_many(event: dg.EventLogEntry) -> bool:
    """Whether the event plans several partitions of an asset at once."""
    return len(_partitions(event)) > 1


def rows_of(event: dg.EventLogEntry, row_of: Callable[[dg.EventLogEntry], dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of the event log that plan each partition by itself, as Dagster itself would record them.

    Args:
        event: plans several partitions.
        row_of: the row of an event, as Dagster makes it.
    """
    row = row_of(_planning(event, STANDS_FOR))
    return [row | {"partition": key, "event": row["event"].replace(STANDS_FOR, json.dumps(key)[1:-1])}
            for key in _partitions(event)]


def _partitions(event: dg.EventLogEntry) -> list[str]:
    """Those that the event plans together; none where it plans one by name, or is no plan at all."""
    planned = event.dagster_event.event_specific_data if event.dagster_event else None
    if not isinstance(planned, AssetMaterializationPlannedData) or planned.partitions_subset is None:
        return []
    return list(planned.partitions_subset.get_partition_keys())


def _planning(event: dg.EventLogEntry, partition: str) -> dg.EventLogEntry:
    told: Any = event.dagster_event
    planned = AssetMaterializationPlannedData(told.event_specific_data.asset_key, partition=partition)
    return event._replace(dagster_event=told._replace(event_specific_data=planned))


def is_check_of_many(event: dg.EventLogEntry) -> bool:
    """Whether the event plans a check for several partitions: Dagster adds those to each backfill, where they are
    skipped, since the op records what they would find by itself."""
    told: Any = event.dagster_event
    if told is None or told.event_type_value != dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED.value:
        return False
    subset = told.event_specific_data.partitions_subset
    return subset is not None and len(subset) > 1


class PlansManyPartitions(SqlEventLogStorage):
    """What both event logs have in common: the partitions of a run are planned by one event for each asset."""

    @property
    def supports_partition_subset_in_asset_materialization_planned_events(self) -> bool:
        """Whether a run's partitions may be planned by one event for each asset."""
        return True

    def in_turn(self) -> AbstractContextManager[Connection]:
        """A connection in a transaction that adds several events, whose numbers nobody sees before lower ones."""
        return self.index_transaction()

    def store_asset_check_event(self, event: dg.EventLogEntry, event_id: int | None) -> None:
        """Store what an event says of a check."""
        if not is_check_of_many(event):
            super().store_asset_check_event(event, event_id)

    def store_planned(self, event: dg.EventLogEntry) -> None:
        """Store an event that plans several partitions as the rows by which Dagster's pages find each of them."""
        with self.in_turn() as connection:
            connection.execute(SqlEventLogStorageTable.insert(), rows_of(event, self._event_to_row))
            self._store_asset_event(connection, event, 0)  # the id is that of materializations alone
