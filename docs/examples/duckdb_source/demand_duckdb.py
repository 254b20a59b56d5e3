"""Demand in a DuckDB database: ``kind = "duckdb"`` in a dataset file."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import BaseModel

ROWS_A_TABLE = 100_000


class DuckDb:
    """One table, or view, of a database file, which is opened to be read only, and only while it is read."""

    class Entries(BaseModel, extra="forbid"):
        """What ``[source]`` says beside ``kind``."""

        path: Path
        table: str

    def __init__(self, entries: Entries) -> None:
        self._entries = entries

    def state(self) -> str:
        """Changes when the file is written."""
        file = self._entries.path.stat()
        return f"{file.st_size} {file.st_mtime_ns}"

    def columns(self) -> Sequence[str]:
        """Those of the table."""
        with self._connected() as database:
            found = database.execute(f"SELECT * FROM {self._table} LIMIT 0")  # noqa: S608  names are quoted
            return [column[0] for column in found.description]

    def rows(self, columns: Sequence[str], among: Mapping[str, Sequence[Any]]) -> Iterator[pa.RecordBatch]:
        """The rows with the wanted values, some at a time."""
        wanted = ", ".join(map(_quoted, columns))
        where = " AND ".join(f"{_quoted(name)} IN (SELECT unnest(?))" for name in among) or "true"
        with self._connected() as database:
            found = database.sql(f"SELECT {wanted} FROM {self._table} WHERE {where}",  # noqa: S608  names are quoted
                                 params=[list(values) for values in among.values()])
            yield from found.to_arrow_reader(ROWS_A_TABLE)

    @property
    def _table(self) -> str:
        return ".".join(map(_quoted, self._entries.table.split(".")))

    def _connected(self) -> Any:
        import duckdb  # here: the web app reads the dataset file and never the source
        return duckdb.connect(str(self._entries.path), read_only=True)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
