"""Dagster's PostgreSQL event log with connections that stay open.

Dagster's own storage opens a connection for every event. Named in ``deploy/dagster_storage_postgresql.yaml``; leans on
one private attribute of a pinned version of Dagster, which a test holds.
"""

from typing import Any

from dagster._serdes import ConfigurableClassData
from dagster_postgres.event_log import PostgresEventLogStorage
from dagster_postgres.utils import create_pg_engine, pg_url_from_config

KEPT = 2
"""Connections that a process keeps open: some events need one inside another. Several threads that write open more,
which are closed again."""
RENEWED_SECONDS = 1800


class PooledPostgresEventLogStorage(PostgresEventLogStorage):
    """The same tables and events as Dagster's own, through a kept connection that is tried before it is used."""

    def __init__(self, postgres_url: str, should_autocreate_tables: bool = True,
                 inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(postgres_url, should_autocreate_tables, inst_data)
        self._engine = create_pg_engine(postgres_url, None, isolation_level="AUTOCOMMIT", pool_size=KEPT,
                                        pool_recycle=RENEWED_SECONDS, pool_pre_ping=True)

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None,
                          config_value: Any) -> "PooledPostgresEventLogStorage":
        """The storage that an instance's settings describe."""
        return cls(pg_url_from_config(config_value), config_value.get("should_autocreate_tables", True), inst_data)

    def dispose(self) -> None:
        """Close the kept connections."""
        super().dispose()
        self._engine.dispose()
