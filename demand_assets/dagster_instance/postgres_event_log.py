"""Dagster's PostgreSQL event log with connections that stay open.

Dagster's own storage opens a connection for every event. Named in ``deploy/dagster_storage_postgresql.yaml`` unless
``DAGSTER_STORAGE=stock``; the private parts of Dagster that it leans on are listed in ``private_parts``.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as db
from dagster import EventLogEntry
from dagster._serdes import ConfigurableClassData
from dagster_postgres import PostgresEventLogStorage

from demand_assets.dagster_instance.events_together import StoresTogether
from demand_assets.dagster_instance.planned_partitions import PlansManyPartitions, is_of_many, with_its_partition

KEPT = 2
"""Connections that a process keeps open: some events need one inside another. Several threads that write open more,
which are closed again."""
RENEWED_SECONDS = 1800


class PooledPostgresEventLogStorage(StoresTogether, PlansManyPartitions, PostgresEventLogStorage):
    """The same tables and events as Dagster's own, through a kept connection that is tried before it is used."""

    def __init__(self, postgres_url: str, should_autocreate_tables: bool = True,
                 inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(postgres_url, should_autocreate_tables, inst_data)
        self._engine = db.create_engine(postgres_url, isolation_level="AUTOCOMMIT", pool_size=KEPT,
                                        pool_recycle=RENEWED_SECONDS, pool_pre_ping=True)

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None,
                          config_value: Any) -> "PooledPostgresEventLogStorage":
        """The storage that an instance's settings describe."""
        return cls(config_value["postgres_url"], config_value.get("should_autocreate_tables", True), inst_data)

    def store_event(self, event: EventLogEntry) -> None:
        """Store an event; at the end of a block of events that are stored together, where it is one of those."""
        if self.is_to_wait(event):
            return
        if is_of_many(event):
            self.store_planned(event)
        else:
            super().store_event(with_its_partition(event))

    def store_all(self, events: Sequence[EventLogEntry]) -> None:
        """Store events of one run, each of which is of a kind that waits, in a few statements."""
        with self.index_transaction() as connection:
            self.add_to_index(connection, events, self.rows_of_events(events))

    def dispose(self) -> None:
        """Close the kept connections."""
        super().dispose()
        self._engine.dispose()
