"""Demand in whatever a package plugs in: it gives tables; names, dates and periods are made of them here."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from traceback import extract_tb
from typing import Any, Protocol, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa

from demand_assets.forecasting.contract.plugins import FAILURES, SOURCES, PluginError, plugin, told
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.contract.source import Catalogue, SourceError
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.demand.source_entries import PluggedSource
from demand_assets.forecasting.store.waiting_for_room import exhausted
from demand_assets.sources.catalogue import NOT_COUNTED, CatalogueBuilder, check_usable
from demand_assets.sources.columns import ColumnPlan
from demand_assets.sources.environment import Environment
from demand_assets.sources.file_formats.parquet_file import as_pandas
from demand_assets.sources.written_numbers import unread_text

T = TypeVar("T")
Table = pa.Table | pa.RecordBatch | pd.DataFrame


class SourceOfTables(Protocol):
    """What an entry point of the group ``demand_assets.sources`` names: a class that is made of its ``Entries``.

    ``Entries`` is a model of pydantic of what ``[source]`` may say beside ``kind``. Whatever a method raises is told
    with the plug-in's name; a ``SourceError`` is told in its own words.
    """

    def state(self) -> str:
        """A text that changes when there may be new rows, or others; cheap, for it is asked every half minute."""

    def columns(self) -> Sequence[str]:
        """The names of all columns that there are."""

    def rows(self, columns: Sequence[str], among: Mapping[str, Sequence[Any]]) -> Iterable[Table]:
        """The rows, in as many tables as it likes, with at least these columns.

        Args:
            columns: those that are needed; others are left out.
            among: column -> the only values of it that are wanted; empty where all rows are. Rows with other values may
                come too: this is to read less.
        """


class Plugged:
    """The source of a plug-in.

    Args:
        dataset: its source is of a kind that a package plugs in.
        environment: values of ``${NAME}`` in its entries; the process's unless given.
    Raises: SourceError: the plug-in is not there or refuses its entries, or a name in them is not set.
    """

    def __init__(self, dataset: Dataset, environment: Mapping[str, str] | None = None) -> None:
        if not isinstance(dataset.source, PluggedSource):
            raise SourceError(f"dataset {dataset.name} has a source of kind {dataset.source.kind!r}, none of a plug-in")
        self._dataset, self._plan = dataset, ColumnPlan(dataset)
        self._environment = Environment(environment, all_secret=True)
        try:
            self._plugin = plugin(SOURCES, dataset.source.kind)
            entries = self._plugin.made_of(self._environment.expand_nested(dataset.source.entries))
        except PluginError as error:
            raise SourceError(self._environment.without_secrets(f"source: {error}")) from None
        self._table: SourceOfTables = self._asked("be opened", lambda: self._plugin.offered(entries))
        missing = [name for name in ("state", "columns", "rows") if not callable(getattr(self._table, name, None))]
        if missing:
            raise SourceError(f"{self._plugin.words} has no method {missing[0]}. Add it.")
        self._names: dict[RegionItem, list[tuple[Any, Any]]] = {}
        self._catalogued: tuple[tuple[str, pd.Timestamp], Catalogue] | None = None

    def today(self) -> pd.Timestamp:
        """The real local date."""
        return pd.Timestamp.now().normalize()

    def fingerprint(self) -> str:
        """Changes when the plug-in's state does."""
        state = self._asked("tell its state", self._table.state)
        if not isinstance(state, str) or not state:
            raise self._nonsense("tell its state", state, "a text that changes when there may be new rows")
        return state

    def catalogue(self) -> Catalogue:
        """The region-items of all rows."""
        known = (self.fingerprint(), self.today())  # of a later day than today no demand is known
        if self._catalogued is not None and self._catalogued[0] == known:
            return self._catalogued[1]
        columns = self._columns()
        keys = [name for name in columns if name in self._plan.key_columns()]
        builder = CatalogueBuilder(self._dataset, self._plan, known[1])
        for ours in ("region", "item"):
            self._plan.rename(ours, {})
        written = [self._plan.plain(ours) for ours in ("region", "item")]
        raw: dict[int, set[tuple[Any, Any]]] = {}
        for given, table in self._tables(keys, {}):
            self._check_numbers(table)
            numbers = builder.add(table)
            counts = numbers != NOT_COUNTED
            own = pd.DataFrame({place: table[name].to_numpy(dtype=object) if name else None
                                for place, name in enumerate(written)} | {"number": numbers})[counts].drop_duplicates()
            for at in own.index:
                pair = [_value(given[name], at) if name else None for name in written]
                raw.setdefault(int(numbers[at]), set()).add((pair[0], pair[1]))
        if not raw:
            self._plan.counted.told()
            raise SourceError(f"{self._plugin.words} has no rows. Fill its table, or correct its entries under "
                              "[source].")
        one_number = builder.put_together()
        catalogue, numbers_of = builder.catalogue()
        check_usable(catalogue, self._plugin.words)
        together: dict[int, list[tuple[Any, Any]]] = {}
        for number, pairs in raw.items():
            together.setdefault(int(one_number[number]), []).extend(pairs)
        self._names = {one: together.get(number, []) for one, number in numbers_of.items()}
        self._catalogued = (known, catalogue)
        return catalogue

    def read(self, region_items: Sequence[RegionItem]) -> pd.DataFrame:
        """The rows of these region-items; ``row`` counts them as the plug-in gave them."""
        self.catalogue()
        wanted = {one for one in region_items if one in self._names}
        among = {}
        for place, ours in enumerate(("region", "item")):
            values = {pair[place] for one in wanted for pair in self._names[one]}
            if (name := self._plan.plain(ours)) and not any(pd.isna(value) for value in values):
                among[name] = sorted(values, key=lambda value: (str(type(value)), str(value)))
        columns = self._plan.wanted(self._columns())
        tables = [table for _, table in self._tables(columns, among)] if wanted else []
        rows = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns, dtype=object)
        regions, items = (self._plan.names(rows, ours).astype(object) for ours in ("region", "item"))
        names = {(one.region, one.item) for one in wanted}
        rows = rows[[name in names for name in zip(regions, items, strict=True)]]
        rows = rows[self._plan.counted.among(rows)] if self._plan.counted else rows
        self._check_numbers(rows)
        return self._plan.canonical(rows, np.arange(1, len(rows) + 1))

    def _columns(self) -> list[str]:
        columns = self._asked("name its columns", lambda: list(self._table.columns()))
        if not all(isinstance(name, str) for name in columns) or len(set(columns)) < len(columns):
            raise self._nonsense("name its columns", columns, "texts of which none occurs twice")
        self._plan.check(columns, self._plugin.words)
        return columns

    def _tables(self, columns: Sequence[str], among: Mapping[str, Sequence[Any]]
                ) -> Iterator[tuple[pa.Table | pd.DataFrame, pd.DataFrame]]:
        """The plug-in's rows with these columns, piece by piece: as they were given, and as they are read."""
        given = self._asked("read its rows", lambda: iter(self._table.rows(list(columns), dict(among))))
        names = self._plan.name_columns()
        while (table := self._asked("read its rows", lambda: next(given, None))) is not None:
            if not isinstance(table, Table):
                raise self._nonsense("read its rows", table, "tables of Arrow or pandas")
            has = list(table.columns if isinstance(table, pd.DataFrame) else table.schema.names)
            if missing := [name for name in columns if has.count(name) != 1]:
                raise SourceError(f"{self._plugin.words} was asked for the column {missing[0]!r} and gave "
                                  f"{', '.join(map(repr, has)) or 'none'}. It must give each column it names, once.")
            if isinstance(table, pd.DataFrame):
                frame = table[list(columns)].reset_index(drop=True)
                yield frame, frame
                continue
            arrow = pa.Table.from_batches([table]) if isinstance(table, pa.RecordBatch) else table
            yield arrow, self._asked("read its rows",
                                     lambda arrow=arrow: as_pandas(arrow.select(list(columns)), names))

    def _check_numbers(self, rows: pd.DataFrame) -> None:
        """Nothing, where texts that are numbers can be read in one way only. Raises: SourceError."""
        texts = self._plan.text_columns() | self._plan.name_columns()
        if (found := unread_text(rows, texts)) is not None:
            raise SourceError(f"{self._plugin.words} {found.words}. Give numbers as numbers.")

    def _asked(self, what: str, ask: Callable[[], T]) -> T:
        """What ``ask`` gives; an error in words, with the line of the plug-in, without what the environment holds."""
        try:
            return ask()
        except SourceError as error:
            problem = f"{self._plugin.words}: {error}"
        except FAILURES as error:
            if exhausted(error):
                raise
            at = next(frame for frame in (*extract_tb(error.__traceback__), None) if (
                frame is None or frame.filename != __file__))
            where = f" ({Path(at.filename).name}, line {at.lineno})" if at else ""
            problem = (f"{self._plugin.words} failed to {what}: {told(error)}{where}. Correct its entries under "
                       "[source], or the package")
        # Without its cause, whose words and values a log would show: they may hold a secret.
        raise SourceError(f"{self._environment.without_secrets(problem).rstrip('.')}.") from None

    def _nonsense(self, what: str, given: object, wanted: str) -> SourceError:
        return SourceError(self._environment.without_secrets(str(self._plugin.nonsense(what, given, wanted))))


def _value(column: "pa.ChunkedArray | pd.Series[Any]", at: int) -> Any:
    """A value as the plug-in gave it."""
    return column.iloc[at] if isinstance(column, pd.Series) else column[at].as_py()
