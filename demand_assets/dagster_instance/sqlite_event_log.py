"""Dagster's SQLite event log with connections that stay open: the bookkeeping of many partitions several times faster.

Dagster's own storage makes an engine, a connection and freshly compiled statements for every event. Named in
``deploy/dagster_storage_sqlite.yaml`` unless ``DAGSTER_STORAGE=stock``; the private parts of Dagster that it leans on
are listed in ``private_parts``.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import sqlalchemy as db
from dagster import EventLogEntry
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._serdes import ConfigurableClassData
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import QueuePool

from demand_assets.dagster_instance.at_rest.sqlite_storages import identity
from demand_assets.dagster_instance.events.events_together import Block, StoresTogether
from demand_assets.dagster_instance.events.planned_partitions import PlansManyPartitions, is_of_many, with_its_partition

BUSY_SECONDS = 30
"""How long a statement waits for another process that writes; as long as Dagster's own."""
SHARDS_OPEN = 8
"""Databases kept open: the index, and those of the runs that were used last."""
INDEX = "index"
"""Dagster's name of the database of all runs."""
_looked_at: dict[Path, tuple[int, int]] = {}
"""Index -> the file that it was when this process looked at its tables."""


class PooledSqliteEventLogStorage(StoresTogether, PlansManyPartitions, SqliteEventLogStorage):
    """The same tables and events as Dagster's own; one kept connection for each of the last databases used."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        self._tables: set[str] = set()
        self._is_dated = False
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None,
                          config_value: Any) -> "PooledSqliteEventLogStorage":
        """The storage that an instance's settings describe."""
        return cls(inst_data=inst_data, **config_value)

    def store_event(self, event: EventLogEntry) -> None:
        """Store an event; at the end of a block of events that are stored together, where it is one of those."""
        if not self.is_to_wait(event):
            self.done(lambda: self._store_event(event))

    def store_all(self, block: Block) -> None:
        """Store the block's events, each of which is of a kind that waits: in the run's own log, then in the index."""
        rows = self.rows_of_events(block.events)
        if missing := rows[block.in_run:]:
            self._add_to_run(block.events[0].run_id, missing)
            block.in_run = len(rows)
        self._add_to_index(block.events, rows)

    def _add_to_run(self, run_id: str, rows: list[dict[str, Any]]) -> None:
        with self.run_connection(run_id) as connection:
            connection.execute(SqlEventLogStorageTable.insert(), rows)

    def _add_to_index(self, events: Sequence[EventLogEntry], rows: list[dict[str, Any]]) -> None:
        with self.index_transaction() as connection:
            self.add_to_index(connection, events, rows)

    def _store_event(self, event: EventLogEntry) -> None:
        if not is_of_many(event):
            super().store_event(with_its_partition(event))
            return
        with self.run_connection(event.run_id) as connection:  # the run's own log says it in one line
            connection.execute(self.prepare_insert_event(event))
        self.store_planned(event)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                self._look_at_tables(engine, shard)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def _look_at_tables(self, engine: Engine, shard: str) -> None:
        """Make the tables where there are none; of the index, which every instance opens, once in a process."""
        file = Path(self.path_for_shard(shard))
        if shard != INDEX or _looked_at.get(file) != identity(file):
            self._initdb(engine)
        if shard == INDEX:
            _looked_at[file] = identity(file)

    def _engine(self, shard: str) -> Engine:
        if shard not in self._engines:
            engine = db.create_engine(self.conn_string_for_shard(shard), poolclass=QueuePool, pool_size=1,
                                   connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False})
            db.event.listen(engine, "connect", _without_waiting_for_the_disk)
            self._engines[shard] = engine
            if len(self._engines) > SHARDS_OPEN:
                self._engines.popitem(last=False)[1].dispose()
        self._engines.move_to_end(shard)
        return self._engines[shard]

    def has_table(self, table_name: str) -> bool:  # Dagster connects anew for each question
        """Whether the index has the table; not asked again once it has."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def _has_asset_key_index_cols_on_connection(self, conn: Connection) -> bool:  # nor the columns for each event
        if not self._is_dated:
            self._is_dated = bool(super()._has_asset_key_index_cols_on_connection(conn))
        return self._is_dated

    @cached_property
    def supports_asset_checks(self) -> bool:  # Dagster looks into the database's schema for each check
        """Whether there is a table for them."""
        return bool(super().supports_asset_checks)

    def dispose(self) -> None:
        """Close the kept connections."""
        with self._db_lock:
            while self._engines:
                self._engines.popitem()[1].dispose()
        super().dispose()


def _without_waiting_for_the_disk(connection: Any, _record: Any) -> None:
    """In write-ahead mode a crash of the machine may lose the last events, never the database's integrity."""
    connection.execute("PRAGMA synchronous=NORMAL")
