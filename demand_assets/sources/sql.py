"""Demand in a database, by an SQLAlchemy URL and a table or a query; nothing is ever written there."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DataError, NoSuchModuleError, ProgrammingError, SQLAlchemyError

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.contract.source import Catalogue, SourceError
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.demand.source_entries import SqlSource
from demand_assets.sources.catalogue import CatalogueBuilder, check_usable
from demand_assets.sources.columns import ColumnPlan
from demand_assets.sources.environment import Environment
from demand_assets.sources.written_numbers import Marks, read_objects, unread_text

T = TypeVar("T")

EXACT = sa.Numeric(38, 6, asdecimal=False)
"""What demand is added up as, so that the sum does not depend on the order in which a database adds."""
_OTHER_MARK = {".": ",", ",": "."}
_WITH_POINT = {".": "REPLACE({column}, ',', '')", ",": "REPLACE(REPLACE({column}, '.', ''), ',', '.')"}
"""What a query makes of a text to have it as a number, by the mark before its decimals."""
_REGIONS_A_QUERY = 100
_ITEMS_A_QUERY = 500


class Database:
    """The database source.

    Args:
        dataset: its source is of kind sql. Region, item and date are plain columns of the table or query.
        environment: values of ``${NAME}`` in the URL; the process's unless given.
    Raises: SourceError: a name in the URL is not set, the URL cannot be used, or an expression cannot be read.
    """

    def __init__(self, dataset: Dataset, environment: Mapping[str, str] | None = None) -> None:
        if not isinstance(dataset.source, SqlSource):
            raise SourceError(f"dataset {dataset.name} has a source of kind {dataset.source.kind!r}, not 'sql'")
        self._dataset, self._source = dataset, dataset.source
        self._plan = ColumnPlan(dataset)
        self._environment = Environment(environment)
        self._date = self._key("date") or ""
        self._region, self._item = self._key("region"), self._key("item")
        url = self._environment.expand(dataset.source.url)
        try:
            self._engine = sa.create_engine(_with_driver(url), pool_pre_ping=True)
        except (ArgumentError, NoSuchModuleError, ImportError) as error:
            raise self._error(f"cannot be opened: {error}. Write source.url as in "
                              "'postgresql://user:${DB_PASSWORD}@host/database'") from error
        self._names: dict[RegionItem, list[tuple[Any, Any]]] = {}
        self._catalogued: tuple[tuple[str, pd.Timestamp], Catalogue] | None = None

    def today(self) -> pd.Timestamp:
        """The real local date."""
        return pd.Timestamp.now().normalize()

    def fingerprint(self) -> str:
        """Changes with the number of rows, the last date, and the number and the sum of the known values of demand.

        So demand that arrives in rows that were there before is noticed, and a value that was corrected. Corrections
        that cancel out are not, nor is a driver's. Of demand some of which is no number, the lengths of the values are.
        """
        return self._reached(self._fingerprint)

    def _fingerprint(self) -> str:
        try:
            values = list(self._select(partial(self._counted, with_sums=True)).iloc[0])
        except (DataError, ProgrammingError):  # demand as text: what is wrong otherwise, the next question says too
            values = [np.nan]
        if any(isinstance(value, float) and np.isnan(value) for value in values):  # text, or not a number
            values = list(self._select(partial(self._counted, with_sums=False)).iloc[0])
        return " ".join(str(value) for value in values)

    def _counted(self, table: sa.FromClause, with_sums: bool) -> sa.Executable:
        """One row: how much there is, to which date, and how much of it is known demand."""
        date = table.c[self._date]
        columns = [sa.func.count(), sa.func.max(date)]
        for name in sorted(self._plan.demand_columns()):
            column = table.c[name]
            columns += [sa.func.count(column), sa.func.max(sa.case((column.is_not(None), date)))]
            size = sa.cast(column, EXACT) if with_sums else sa.func.length(sa.cast(column, sa.Text))
            columns.append(sa.func.sum(size))
        return sa.select(*(column.label(f"n{place}") for place, column in enumerate(columns))).select_from(table)

    def catalogue(self) -> Catalogue:
        """The region-items of the table or query."""
        return self._reached(self._look)

    def read(self, region_items: Sequence[RegionItem]) -> pd.DataFrame:
        """The rows of these region-items; ``row`` counts them as the database gave them."""
        return self._reached(lambda: self._read(region_items))

    def everything(self) -> pd.DataFrame:
        """All rows, whichever region-item they are of, as ``read`` gives them; without the catalogue."""
        return self._reached(self._everything)

    def _everything(self) -> pd.DataFrame:
        rows = self._select(lambda table: sa.select(*(table.c[name] for name in self._plan.wanted(table.c.keys()))))
        if rows.empty:
            raise self._error("has no rows. Fill the table, or correct the query")
        return self._plan.canonical(self._with_numbers(rows), np.arange(1, len(rows) + 1))

    def _look(self) -> Catalogue:
        known = (self._fingerprint(), self.today())  # of a later day than today no demand is known
        if self._catalogued is not None and self._catalogued[0] == known:
            return self._catalogued[1]
        keys = [name for name in (self._region, self._item) if name]
        demand = sorted(self._plan.demand_columns())
        groups = self._select(lambda table: sa.select(*(table.c[name] for name in keys), sa.func.count().label("rows"))
                              .group_by(*(table.c[name] for name in keys)))
        dates = self._select(lambda table: sa.select(table.c[self._date], sa.func.count().label("rows"))
                             .where(*(table.c[name].is_not(None) for name in demand)).group_by(table.c[self._date]))
        builder = CatalogueBuilder(self._dataset, self._plan, known[1])
        self._see_counted(int(groups["rows"].sum()))
        if groups["rows"].sum() == 0:
            self._plan.counted.told()
            raise self._error("has no rows. Fill the table, or correct the query")
        for ours in ("region", "item"):
            self._plan.rename(ours, {})
        regions, items = self._plan.names(groups, "region"), self._plan.names(groups, "item")
        for place, (region, item) in enumerate(zip(regions, items, strict=True)):
            builder.add_names(region, item, int(groups["rows"].iloc[place]))
        builder.put_together()
        regions, items = self._plan.names(groups, "region"), self._plan.names(groups, "item")
        raw: dict[tuple[str, str], list[tuple[Any, Any]]] = {}
        for place, (region, item) in enumerate(zip(regions, items, strict=True)):
            own = [groups[name].iloc[place] if name else None for name in (self._region, self._item)]
            raw.setdefault((region, item), []).append((own[0], own[1]))
        builder.see_dates(self._plan.dates(dates), rows=dates["rows"])
        catalogue, _ = builder.catalogue()
        check_usable(catalogue, f"the database {self._shown}")
        self._names = {entry: raw[entry.region, entry.item] for entry in catalogue.region_items}
        self._catalogued = (known, catalogue)
        return catalogue

    def _see_counted(self, counted: int) -> None:
        """Take note of how many rows have each value of the columns that say which rows count."""
        def rows_by(name: str, table: sa.FromClause) -> sa.Executable:
            value, conditions = _as_written(table, name), self._conditions(table)
            before = list(conditions.values())[:list(conditions).index(name)]  # no row is left out twice
            return sa.select(value.label("value"), sa.func.count().label("rows")).where(*before).group_by(value)

        for name in self._plan.counted.columns:
            found = self._select(partial(rows_by, name), only_counted=False)
            self._plan.counted.see(name, zip(map(str, found["value"]), map(int, found["rows"]), strict=True))
        self._plan.counted.count(counted)

    def _conditions(self, table: sa.FromClause) -> dict[str, sa.ColumnElement[bool]]:
        """Column -> the condition by which rows are kept that count."""
        return {name: _as_written(table, name).in_(sorted(values))
                for name, values in self._plan.counted.values.items()}

    def _read(self, region_items: Sequence[RegionItem]) -> pd.DataFrame:
        self._look()
        pairs: dict[Any, set[Any]] = {}
        for entry in set(region_items):
            for region, item in self._names.get(entry, []):
                pairs.setdefault(_plain(region), set()).add(_plain(item))
        parts = [self._select(partial(self._where, batch)) for batch in _batches(pairs)]
        rows = (pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0] if parts
                else self._select(lambda table: sa.select(table).where(sa.false())))
        return self._plan.canonical(self._with_numbers(rows), np.arange(1, len(rows) + 1))

    def _with_numbers(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows, with the numbers of texts read as ``source.decimal`` says.

        Raises: SourceError: that is not said, and such texts can be read in more than one way, or have a comma before
            their decimals.
        """
        texts = self._plan.text_columns() | self._plan.name_columns()
        if (decimal := self._source.decimal) is not None:
            marks = Marks(decimal, _OTHER_MARK[decimal])
            for name in rows.columns:
                if name not in texts and rows[name].dtype == object:
                    rows[name] = pd.Series(read_objects(rows[name], marks), index=rows.index, dtype=object)
            return rows
        if (found := unread_text(rows, texts)) is not None:
            entries = (f"Set source.decimal = {found.mark!r} in the dataset file" if found.is_settled else
                       f"Set source.decimal = {found.mark!r} in the dataset file if that mark stands before decimals, "
                       f"or source.decimal = {_OTHER_MARK[found.mark]!r} if it groups thousands")
            before_decimals = found.mark if found.is_settled else _OTHER_MARK[found.mark]
            raise self._error(f"{found.words}. {entries}; or make it a number in source.query, as in "
                              f"CAST({_WITH_POINT[before_decimals].format(column=found.column)} AS NUMERIC)")
        return rows

    def _where(self, pairs: dict[Any, list[Any]], table: sa.FromClause) -> sa.Executable:
        columns = [table.c[name] for name in self._plan.wanted(table.c.keys())]
        each = []
        for region, items in pairs.items():
            is_region = table.c[self._region] == region if self._region else sa.true()
            each.append(sa.and_(is_region, table.c[self._item].in_(items) if self._item else sa.true()))
        return sa.select(*columns).where(sa.or_(*each))

    def _select(self, statement: Callable[[sa.FromClause], sa.Executable], only_counted: bool = True) -> pd.DataFrame:
        with self._connected() as connection:
            result = connection.execute(statement(self._table(connection, only_counted)))
            names = list(result.keys())
            table = pd.DataFrame(result.fetchall(), columns=names, dtype=object)
            keys = self._plan.name_columns()  # a null beside whole numbers would make them fractions
            for place, name in enumerate(names):
                if name not in keys:
                    table.isetitem(place, pd.Series(table.iloc[:, place].tolist(), index=table.index))
            return table

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        """A connection whose work is always rolled back."""
        with self._engine.connect() as connection:
            yield connection
            connection.rollback()

    def _table(self, connection: sa.Connection, only_counted: bool = True) -> sa.FromClause:
        """The table or query with its columns, which hold all that is wanted, and the rows that count or all rows."""
        if self._source.table is not None:
            schema, _, name = self._source.table.rpartition(".")
            there = sa.inspect(connection)
            if not there.has_table(name, schema=schema or None):
                tables = [*there.get_table_names(schema=schema or None), *there.get_view_names(schema=schema or None)]
                raise self._error(f"has no table {self._source.table!r}; it has {', '.join(sorted(tables)) or 'none'}. "
                                  "Correct source.table")
            names = [column["name"] for column in there.get_columns(name, schema=schema or None)]
            table: sa.FromClause = sa.table(name, *map(sa.column, names), schema=schema or None)
        else:
            query = sa.text((self._source.query or "").strip().rstrip(";"))
            nothing = sa.select(sa.text("*")).select_from(query.columns().subquery("demand_query")).where(sa.false())
            names = list(connection.execute(nothing).keys())
            table = query.columns(*map(sa.column, names)).subquery("demand_query")
        self._plan.check(names, f"{self._shown} ({self._source.table or 'query'})")
        if not self._plan.counted or not only_counted:
            return table
        conditions = self._conditions(table).values()
        return sa.select(*(table.c[name] for name in names)).where(*conditions).subquery("demand_counted")

    def _key(self, ours: str) -> str | None:
        if ours in self._dataset.columns.expressions:
            raise SourceError(f"columns.expressions may not make {ours} of a database's columns; compute it in "
                              "source.query.")
        return self._plan.plain(ours)

    def _reached(self, ask: Callable[[], T]) -> T:
        """What ``ask`` gives, with the database's errors in words and without its password."""
        try:
            return ask()
        except SQLAlchemyError as error:
            cause = str(getattr(error, "orig", None) or error).strip()
            raise self._error(f"cannot be read: {cause}. Check source.url, source.table or source.query") from error

    @property
    def _shown(self) -> str:
        return self._environment.without_secrets(self._source.url)

    def _error(self, problem: str) -> SourceError:
        return SourceError(self._environment.without_secrets(f"the database {self._shown} {problem}."))


def _with_driver(url: str) -> str:
    """The URL, with the driver that is installed for PostgreSQL where none is named."""
    for bare in ("postgresql://", "postgres://"):
        if url.startswith(bare):
            return f"postgresql+psycopg2://{url.removeprefix(bare)}"
    return url


def _batches(pairs: dict[Any, set[Any]]) -> Iterator[dict[Any, list[Any]]]:
    """Region -> items, in pieces that a database takes in one statement."""
    batch: dict[Any, list[Any]] = {}
    size = 0
    for region, items in pairs.items():
        listed = list(items)
        for start in range(0, len(listed), _ITEMS_A_QUERY):
            piece = listed[start:start + _ITEMS_A_QUERY]
            if batch and (region in batch or len(batch) >= _REGIONS_A_QUERY or size + len(piece) > _ITEMS_A_QUERY):
                yield batch
                batch, size = {}, 0
            batch[region] = piece
            size += len(piece)
    if batch:
        yield batch


def _plain(value: Any) -> Any:
    """A value that database drivers take."""
    return value.item() if isinstance(value, np.generic) else value


def _as_written(table: sa.FromClause, name: str) -> sa.ColumnElement[str]:
    """A column as the text by which its values are named, without the spaces that some databases fill it up with."""
    return sa.func.trim(sa.func.coalesce(sa.cast(table.c[name], sa.Text), sa.literal_column("''")))
