"""Attributes of items and regions, from the rows of demand or from tables of their own.

Both are read as demand is, by the same readers: a table of attributes is a source whose period and demand nobody looks
at. So what is read, and how ids and numbers are written, is the same everywhere.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.contract.region_item import RegionItem, one_form
from demand_assets.forecasting.contract.source import Catalogue, Source, SourceError, as_text
from demand_assets.forecasting.dataset.attributes import AXES, Attribute, Attributes, Axis, Value
from demand_assets.forecasting.dataset.calendar import Calendar
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.demand.source_entries import AttributeTable, FileSource
from demand_assets.forecasting.dataset.drivers import Driver
from demand_assets.forecasting.dataset.prices_and_costs import Money
from demand_assets.forecasting.validation.written.dates import of_unclear_order, read_dates
from demand_assets.forecasting.validation.written.values import read_categories, read_numbers, read_yes_no
from demand_assets.sources.beside_demand.side_tables import BROKEN, DescribedTable, SideTable, of_broken
from demand_assets.sources.columns import WHOLE_AS_FRACTION
from demand_assets.sources.source_kinds import source_of

LONGEST_TEXT = 200
"""Characters of a text."""
READ_TOGETHER = 500
"""Region-items whose rows are held at once."""
EXAMPLES = 3
_KEY = "key"
"""What the column of items, or regions, of a table is called while it is read; no attribute may be called so."""
_BEFORE_ALL = np.iinfo(np.int64).min
_KINDS = {"text": f"a text of at most {LONGEST_TEXT} characters", "yes_no": "yes or no", "number": "a number",
          "date": "a date"}


@dataclass
class _Faults:
    """What is wrong with the values of one attribute."""

    wrong: dict[str, str] = field(default_factory=dict)
    """Id -> the value that is none of the kind."""
    differing: dict[str, list[str]] = field(default_factory=dict)
    """Id -> its values, where it has several."""


class AttributeReader:
    """Reads all attributes of a dataset.

    Args:
        dataset: with attributes declared.
        source: of its demand.
        environment: values of ``${NAME}`` in paths and URLs; the process's environment unless given.
    """

    def __init__(self, dataset: Dataset, source: Source, environment: Mapping[str, str] | None = None) -> None:
        self._dataset, self._source, self._environment = dataset, source, environment
        self._tables = {axis: table for axis in AXES if (table := dataset.attribute_tables.of(axis)) is not None
                        and any(dataset.table_of(one) is table for one in dataset.attributes)}
        self._opened = {axis: self._named(axis, lambda axis=axis, table=table: self._open(  # type: ignore[misc]
            axis, table)) for axis, table in self._tables.items()}

    def state(self) -> str:
        """A text that changes when attributes may have; cheap, but for a table in a database, which is read now and
        then.

        Raises: SourceError: the source or a table cannot be reached.
        """
        told = [self._dataset.model_dump_json(include={"attributes", "attribute_tables", "hierarchies"}),
                self._source.fingerprint()]
        told += [self._named(axis, table.fingerprint) for axis, table in self._opened.items()]
        return hashlib.sha256("\n".join(told).encode(errors="surrogatepass")).hexdigest()[:32]

    def read(self) -> Attributes:
        """The attributes of all items and regions that have demand.

        Raises: SourceError: the source or a table cannot be read or lacks a column, or a level of a hierarchy has two
            parents.
        """
        state, catalogue = self.state(), self._source.catalogue()
        found: dict[Axis, dict[str, dict[str, Value]]] = {"item": {}, "region": {}}
        notices: list[str] = []
        for axis in AXES:
            known = sorted({getattr(one, axis) for one in catalogue.region_items})
            of_table = [one for one in self._of(axis) if self._dataset.table_of(one) is not None]
            of_demand = [one for one in self._of(axis) if self._dataset.table_of(one) is None]
            if of_table:
                _merge(found[axis], self._from_table(axis, of_table, known, notices))
            if of_demand:
                _merge(found[axis], self._from_demand(axis, of_demand, catalogue, notices))
            self._check_levels(axis, found[axis])
            notices += self._filled(axis, found[axis])
            self._check_levels(axis, found[axis])  # what was filled in may tell of a second parent
        return Attributes(found["item"], found["region"], tuple(notices), state=state)

    def _of(self, axis: Axis) -> list[Attribute]:
        return [one for one in self._dataset.attributes if one.of == axis]

    def _from_table(self, axis: Axis, attributes: Sequence[Attribute], known: Sequence[str],
                    notices: list[str]) -> dict[str, dict[str, Value]]:
        """Id -> attributes, of the ids that have demand."""
        rows, where = self._named(axis, self._opened[axis].rows), f"[attribute_tables.{axis}]"
        is_known = set(known).__contains__
        if broken := [of_broken(row, line) for row, line in zip(rows["row"], rows[BROKEN], strict=True) if line]:
            notices.append(f"{where}: {broken[0]}{f'; {len(broken) - 1} more like it' if broken[1:] else ''}.")
        rows = rows[rows[_KEY].notna()]
        ids = [name if is_known(name) or not is_known(name.split(".")[0]) or not WHOLE_AS_FRACTION.fullmatch(name)
               else name.split(".")[0] for name in rows[_KEY]]
        if unknown := sorted(set(ids) - set(known)):
            notices.append(f"{where}: {_some(unknown, axis)} in the table but not in the demand; not used.")
        if without := sorted(set(known) - set(ids)):
            notices.append(f"{where}: {_some(without, axis)} in the demand but not in the table; attributes are not "
                           f"known.")
        found: dict[str, dict[str, Value]] = {}
        for attribute in attributes:
            faults = _Faults()
            values, wrong = _read(rows[attribute.name], attribute)
            several: dict[str, dict[Value, None]] = {}
            for name, value, raw, is_wrong in zip(ids, values, rows[attribute.name], wrong, strict=True):
                if is_wrong:
                    faults.wrong.setdefault(name, as_text(raw, 40))
                elif value is not None:
                    several.setdefault(name, {})[value] = None
            for name, distinct in several.items():
                if len(distinct) > 1:
                    faults.differing[name] = [str(value) for value in distinct]
                elif is_known(name):
                    found.setdefault(name, {})[attribute.name] = next(iter(distinct))
            notices += _words(where, attribute, faults, "stands there more than once with different values; it is not "
                                                      "known. Leave one row")
        return found

    def _from_demand(self, axis: Axis, attributes: Sequence[Attribute], catalogue: Catalogue,
                     notices: list[str]) -> dict[str, dict[str, Value]]:
        """Id -> attributes as the newest rows of demand that know them say."""
        opened = self._rows_of_demand(axis)
        faults_of = {attribute.name: _Faults() for attribute in attributes}
        newest: dict[tuple[str, str], tuple[int, Value]] = {}
        for rows in _in_parts(opened, catalogue.region_items):
            days = read_dates(rows["date"], self._dataset.frequency, self._dataset.columns.date_format,
                              self._dataset.columns.time_zone).days.astype("datetime64[D]").astype(np.int64)
            order = np.lexsort((rows["row"].to_numpy(), days))
            ids, days = rows[axis].astype(str).to_numpy()[order], days[order]
            for attribute in attributes:
                column = rows[attribute.name].iloc[order]
                values, wrong = _read(column, attribute)
                own = faults_of[attribute.name]
                for name, raw in dict(zip(ids[wrong], column[wrong], strict=True)).items():
                    own.wrong.setdefault(name, as_text(raw, 40))
                there = np.array([value is not None for value in values], dtype=bool)
                each = pd.DataFrame({"id": ids[there], "day": days[there], "value": pd.Series(
                    [value for value in values if value is not None], dtype=object)})
                for name, value in each.drop_duplicates(["id", "value"])[["id", "value"]].itertuples(index=False):
                    distinct = own.differing.setdefault(name, [])
                    if str(value) not in distinct:
                        distinct.append(str(value))
                for name, day, value in each.drop_duplicates("id", keep="last").itertuples(index=False):
                    if day >= newest.get((name, attribute.name), (_BEFORE_ALL, ""))[0]:
                        newest[name, attribute.name] = day, value
        found: dict[str, dict[str, Value]] = {}
        for (name, attribute_name), (_, value) in sorted(newest.items(), key=lambda one: one[0]):
            found.setdefault(name, {})[attribute_name] = value
        for attribute in attributes:
            own = faults_of[attribute.name]
            own.differing = {name: values for name, values in own.differing.items() if len(values) > 1}
            notices += _words("attributes in the demand", attribute, own, "is not the same in all rows; the newest "
                                                                          "counts. Correct the source")
            if lacking := sorted({getattr(one, axis) for one in catalogue.region_items} - {
                    name for name, values in found.items() if attribute.name in values}):
                notices.append(f"attributes in the demand: {_some(lacking, axis)} without a known {attribute.title}.")
        return found

    def _check_levels(self, axis: Axis, found: Mapping[str, Mapping[str, Value]]) -> None:
        """Nothing, where each value of a level has one parent. Raises: SourceError."""
        levels = self._dataset.hierarchies.levels(axis)
        for above, below in combinations(levels, 2):
            parents: dict[Value, tuple[Value, str]] = {}
            for name, values in sorted(found.items()):
                if above not in values or below not in values:
                    continue
                parent, first = parents.setdefault(values[below], (values[above], name))
                if parent != values[above]:
                    raise SourceError(
                        f"hierarchies.{axis}: the {below} {values[below]!r} has two parents, the {above} {parent!r} "
                        f"(of {axis} {first!r}) and {values[above]!r} (of {axis} {name!r}). Correct the {above} of one "
                        f"of them, give the {below} two names, or leave {above!r} out of hierarchies.{axis}.")

    def _filled(self, axis: Axis, found: dict[str, dict[str, Value]]) -> list[str]:
        """Words for what was filled in: a level that is not given, where others with the same level below have it. So
        the parts of a value add up to it."""
        notices = []
        for above, below in reversed(list(combinations(self._dataset.hierarchies.levels(axis), 2))):
            parents = {values[below]: values[above] for values in found.values() if above in values and below in values}
            filled = [name for name, values in found.items()
                      if above not in values and values.get(below) in parents]
            for name in filled:
                found[name][above] = parents[found[name][below]]
            if filled:
                notices.append(f"hierarchies.{axis}: {_some(sorted(filled), axis)} without a known {above}; it is "
                               f"taken from others of the same {below}.")
        return notices

    def _open(self, axis: Axis, table: AttributeTable) -> SideTable:
        """A table of attributes."""
        wanted = [one for one in self._of(axis) if self._dataset.table_of(one) is table]
        called = {one.name: _called(one) for one in wanted}
        return SideTable(table.source, {_KEY: table.key} | {one.name: one.column or one.name for one in wanted},
                         {_KEY: (f"the {axis}", f"Name it under [attribute_tables.{axis}], as in: key"), **called},
                         names=[_KEY], numbers=[one.name for one in wanted if one.kind == "number"],
                         environment=self._environment)

    def _rows_of_demand(self, axis: Axis) -> Source:
        """The source of the demand, opened once more with the attributes in place of its drivers."""
        dataset = self._dataset
        wanted = [one for one in self._of(axis) if dataset.table_of(one) is None]
        source: Any = dataset.source
        if isinstance(source, FileSource):
            source = source.model_copy(update={"uploads": None})
        columns = dataset.columns.model_copy(update={
            "stock": None, "available": None, "drivers": {one.name: one.column or one.name for one in wanted},
            "expressions": {ours: text for ours, text in dataset.columns.expressions.items()
                            if ours in ("date", "region", "item", "demand")}})
        drivers = tuple(Driver(name=one.name, kind="number" if one.kind == "number" else "category") for one in wanted)
        return source_of(DescribedTable.model_construct(**{
            **dict(dataset), "calendar": Calendar(), "source": source, "columns": columns, "drivers": drivers,
            "attributes": (), "money": Money(), "called": {one.name: _called(one) for one in wanted}}),
            None, self._environment)

    def _named(self, axis: Axis, ask: Any) -> Any:
        """What ``ask`` gives; its errors say which table they are of."""
        try:
            return ask()
        except SourceError as error:
            raise SourceError(f"[attribute_tables.{axis}]: {error}") from error


def _called(attribute: Attribute) -> tuple[str, str]:
    return f"the attribute {attribute.name}", f"Name it under [[attributes]] of {attribute.name}, as in: column"


def _in_parts(opened: Source, region_items: Sequence[RegionItem]) -> Iterator[pd.DataFrame]:
    opened.catalogue()
    for start in range(0, len(region_items), READ_TOGETHER):
        yield opened.read(region_items[start:start + READ_TOGETHER])


def _read(column: "pd.Series[Any]", attribute: Attribute) -> tuple[list[Value | None], npt.NDArray[np.bool_]]:
    """The value in each row, None where it is not known, and where something else stands than the kind."""
    if attribute.kind == "number":
        numbers, wrong = read_numbers(column, percents=True)
        wrong = wrong | np.isinf(numbers)
        return [None if np.isnan(one) or bad else float(one) for one, bad in zip(numbers, wrong, strict=True)], wrong
    if attribute.kind == "yes_no":
        numbers, wrong = read_yes_no(column)
        return [None if np.isnan(one) else bool(one) for one in numbers], wrong
    if attribute.kind == "date":
        marks, is_other = read_yes_no(column)
        is_missing = np.isnan(marks) & ~is_other
        days = read_dates(column, "D", attribute.date_format).days.astype("datetime64[D]")
        days[of_unclear_order([column], attribute.date_format)[0]] = np.datetime64("NaT")
        return [None if np.isnat(day) else cast(Value, day.item()) for day in days], np.isnat(days) & ~is_missing
    texts = [None if text is None else one_form(text) for text in read_categories(column)]
    wrong = np.array([text is not None and (len(text) > LONGEST_TEXT or not text.isprintable()) for text in texts],
                     dtype=bool)
    return [text or None if not bad else None for text, bad in zip(texts, wrong, strict=True)], wrong


def _merge(into: dict[str, dict[str, Value]], more: Mapping[str, Mapping[str, Value]]) -> None:
    for name, values in more.items():
        into.setdefault(name, {}).update(values)


def _words(where: str, attribute: Attribute, faults: _Faults, differing: str) -> list[str]:
    """What is wrong with the values of an attribute, as sentences."""
    found = []
    if faults.wrong:
        each = ", ".join(f"{value!r} of {name!r}" for name, value in sorted(faults.wrong.items())[:EXAMPLES])
        found.append(f"{where}: {attribute.title} is {_KINDS[attribute.kind]}, and of {len(faults.wrong)} "
                     f"{_plural(attribute.of, len(faults.wrong))} it is not ({each}); there it is not known.")
    if faults.differing:
        each = ", ".join(f"{name!r}: {' and '.join(map(repr, values[:EXAMPLES]))}"
                         for name, values in sorted(faults.differing.items())[:EXAMPLES])
        found.append(f"{where}: of {len(faults.differing)} {_plural(attribute.of, len(faults.differing))} "
                     f"{attribute.title} {differing} ({each}).")
    return found


def _some(names: Iterable[str], axis: Axis) -> str:
    listed = list(names)
    shown = ", ".join(map(repr, listed[:EXAMPLES])) + (" …" if len(listed) > EXAMPLES else "")
    return f"{len(listed)} {_plural(axis, len(listed))} ({shown}) {'is' if len(listed) == 1 else 'are'}"


def _plural(axis: Axis, count: int) -> str:
    return axis if count == 1 else f"{axis}s"
