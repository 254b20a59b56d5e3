"""Dagster's PostgreSQL event log with connections that stay open.

Dagster's own storage opens a connection for every event. Named in ``deploy/dagster_storage_postgresql.yaml`` unless
``DAGSTER_STORAGE=stock``; the private parts of Dagster that it leans on are listed in ``private_parts``.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as db
from dagster import EventLogEntry
from dagster._serdes import ConfigurableClassData
from dagster_postgres import PostgresEventLogStorage
from sqlalchemy.engine import Connection

from demand_assets.dagster_instance.events.events_together import Block, StoresTogether
from demand_assets.dagster_instance.events.planned_partitions import PlansManyPartitions, is_of_many, with_its_partition

KEPT = 2
"""Connections that a process keeps open: some events need one inside another. Several threads that write open more,
which are closed again."""
RENEWED_SECONDS = 1800
TURN = 7_204_111_002
"""PostgreSQL's number of the lock that such a transaction has until it is over; any would do that nobody else takes."""
_take_turn = db.select(db.func.pg_advisory_xact_lock(TURN))


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
        if not self.is_to_wait(event):
            self.done(lambda: self._store_event(event))

    def store_all(self, block: Block) -> None:
        """Store the block's events, each of which is of a kind that waits: all of them, or none."""
        with self.in_turn() as connection:
            self.add_to_index(connection, block.events, self.rows_of_events(block.events))

    @contextmanager
    def in_turn(self) -> Iterator[Connection]:
        """A connection in a transaction that adds several events, before any other such transaction, or after it.

        So their numbers come in the order in which they can be seen: who follows the events of an asset by number, as
        Dagster's pages and our sensors do, passes over none. Nor can two such transactions wait for each other: each
        holds the rows of several assets.
        """
        with self.index_transaction() as connection:
            connection.execute(_take_turn)
            yield connection

    def _store_event(self, event: EventLogEntry) -> None:
        if is_of_many(event):
            self.store_planned(event)
        else:
            super().store_event(with_its_partition(event))

    def dispose(self) -> None:
        """Close the kept connections."""
        super().dispose()
        self._engine.dispose()
