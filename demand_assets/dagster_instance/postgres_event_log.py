"""Dagster's PostgreSQL event log with connections that stay open.

Dagster's own storage opens a connection for every event. Named in ``deploy/dagster_storage_postgresql.yaml`` unless
``DAGSTER_STORAGE=stock``; the private parts of Dagster that it leans on are listed in ``private_parts``.
"""

from typing import Any

import sqlalchemy as db
from dagster import EventLogEntry
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._serdes import ConfigurableClassData
from dagster_postgres import PostgresEventLogStorage

from demand_assets.dagster_instance.planned_partitions import (
    is_check_of_many,
    is_of_many,
    rows_of,
    with_its_partition,
)

KEPT = 2
"""Connections that a process keeps open: some events need one inside another. Several threads that write open more,
which are closed again."""
RENEWED_SECONDS = 1800


class PooledPostgresEventLogStorage(PostgresEventLogStorage):
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
        """Store an event."""
        if not is_of_many(event):
            super().store_event(with_its_partition(event))
            return
        with self.index_transaction() as connection:
            connection.execute(SqlEventLogStorageTable.insert(), rows_of(event, self._event_to_row))
            self._store_asset_event(connection, event, 0)  # the id is that of materializations alone

    @property
    def supports_partition_subset_in_asset_materialization_planned_events(self) -> bool:
        """Whether a run's partitions may be planned by one event for each asset."""
        return True

    def store_asset_check_event(self, event: EventLogEntry, event_id: int | None) -> None:
        """Store what an event says of a check."""
        if not is_check_of_many(event):
            super().store_asset_check_event(event, event_id)

    def dispose(self) -> None:
        """Close the kept connections."""
        super().dispose()
        self._engine.dispose()
