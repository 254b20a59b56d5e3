"""The demand store: one Parquet file for each region-item and stage, on local disk or in an object store.

Beside the tables stand the catalogue and the journal. How files are written and read is told in ``stored_files``.

Disks and people damage files, so each holds a checksum (``checksums``). One that is damaged is as good as not there:
its readers go on without it, and whoever finds it notes it, so that it is made again from what there is.
"""

import contextlib
import io
import json
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import lru_cache
from time import monotonic
from typing import Any, Literal, cast

import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from demand_assets.forecasting.contract.calendar_events import Event, EventTables
from demand_assets.forecasting.contract.region_item import BadNameError, RegionItem
from demand_assets.forecasting.contract.source import Catalogue
from demand_assets.forecasting.dataset.attributes import BESIDE, Attributes
from demand_assets.forecasting.dataset.predecessors import Link, Predecessors, begins_by, ends_by
from demand_assets.forecasting.series.carried_over_demand import BEGINS, ENDS, Other, with_carried
from demand_assets.forecasting.store import adjustments
from demand_assets.forecasting.store.adjustments import NOTHING, SaidByPlanners
from demand_assets.forecasting.store.checksums import BLANK, checksum_of, is_sealed, sealed
from demand_assets.forecasting.store.object_store import object_store_errors
from demand_assets.forecasting.store.stored_files import (
    DamagedFileError,
    NotInStoreError,
    StoredFiles,
    first_line,
    json_in,
)

Stage = Literal["raw_demand", "demand", "demand_features", "quarantine", "ended_demand"]

LISTED_FROM = 100
"""Region-items from which on one listing is quicker than a question for each."""

CATALOGUE = "catalogue.json"
SOURCE_NOTES = "source_notes.json"
EVENTS = "calendar_events.json"
LONG_NAMES = "long_names.json"
ATTRIBUTES = "attributes.json"
PREDECESSORS = "predecessors.json"
ATTRIBUTES_HELD_SECONDS = 5.0
"""How long readers of demand go on with the attributes and the predecessors that they know."""
_NEVER = (float("-inf"), Attributes())
_NO_LINKS_YET = (float("-inf"), Predecessors())
_LONGEST_WHY = 300
_DAMAGES = "damaged"
_NEEDED: dict[Stage, set[str]] = {"raw_demand": {"region", "item", "date", "demand"}, "demand": {"date", "demand"},
                                  "quarantine": {"row", "rule"}, "demand_features": set(),
                                  "ended_demand": {"date", "demand"}}
"""Columns without which a file of before there were checksums is none of the stage."""
_UNREADABLE = (pa.ArrowException, OSError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError,
               MemoryError, RecursionError)
"""What reading damaged content raises: its lengths and types are anything."""


@dataclass(frozen=True)
class SourceNotes:
    """What a source has that is not read, as in ``Catalogue``."""

    refused: tuple[tuple[str, str, str, int], ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    notices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Damage:
    """A damaged file that somebody met and that is to be made again."""

    name: str
    """Below the store's root."""
    key: str
    """Of the region-item; empty for a file of the whole dataset."""


@lru_cache(maxsize=1)
def _attributes_in(content: bytes) -> Attributes:
    """Read once in each process: of 100,000 items that takes a second, and workers open the store for every task."""
    return Attributes.from_json(json_in(ATTRIBUTES, content))


@lru_cache(maxsize=1)
def _catalogue_in(content: bytes) -> tuple[RegionItem, ...]:
    """Read once in each process, for it is looked at every few seconds."""
    return tuple(RegionItem(region, item) for region, item in json_in(CATALOGUE, content))


class DemandStore(StoredFiles):
    """Tables of region-items under one URL. Every method raises OSError when the disk or object store does not answer.

    Args:
        url: a local path or an fsspec URL (``s3://bucket/prefix``).
        options: passed to fsspec (endpoint, credentials …).
    """

    def __init__(self, url: str, options: dict[str, Any] | None = None) -> None:
        super().__init__(url, options)
        self._attributes = _NEVER
        self._predecessors = _NO_LINKS_YET

    def __getstate__(self) -> dict[str, Any]:
        """Without the attributes, which each process reads once."""
        return self.__dict__ | {"_attributes": _NEVER}

    def write(self, stage: Stage, region_item: RegionItem,
              table: pd.DataFrame | Mapping[str, npt.NDArray[Any]]) -> str:
        """Replace the region-item's table of that stage; the checksum of its file, the same for the same table.

        Args:
            table: or its columns, where nothing but their values is to be kept: numbers, dates and texts.
        """
        buffer, name = io.BytesIO(), self._table(stage, region_item)
        # threads cost more than so small a table
        found = (pa.Table.from_pandas(table, preserve_index=False, nthreads=1) if isinstance(table, pd.DataFrame)
                 else pa.table({column: pa.array(values, from_pandas=True) for column, values in table.items()}))
        found = found.replace_schema_metadata({**(found.schema.metadata or {}), b"checksum": BLANK.encode()})
        # Measured values hardly repeat, and nobody skips within so small a file: both would only cost time.
        texts = [column.name for column in found.schema if pa.types.is_string(column.type)
                 or pa.types.is_large_string(column.type)]
        pq.write_table(found, buffer, compression="zstd", use_dictionary=texts or False, write_statistics=False)
        content = sealed(name, buffer.getvalue())
        self.write_bytes(name, content)
        return checksum_of(content)

    @object_store_errors()
    def read(self, stage: Stage, region_item: RegionItem) -> pd.DataFrame:
        """The region-item's table of that stage; demand with planners' adjustments, what it carries over from other
        items and its attributes beside it, if there are any.

        Raises: NotInStoreError: the stage has not been materialised for it; DamagedFileError: its file, or that of its
            adjustments or of an item that it carries on, cannot be used.
        """
        if stage == "demand":
            return self._read_demand(region_item, frozenset())
        return self._read_table(stage, region_item)

    def _read_demand(self, region_item: RegionItem, successors: frozenset[RegionItem]) -> pd.DataFrame:
        """As ``read``.

        Args:
            successors: those whose predecessor it is, which it carries nothing over from.
        """
        try:
            table = self._read_table("demand", region_item)
        except DamagedFileError:
            raise
        except NotInStoreError:
            if not successors:
                raise
            table = self._read_table("ended_demand", region_item)
        said = self._said_by_planners(region_item)
        table = adjustments.beside(table, said.units)
        if known := self._held_attributes().of(region_item):
            table.attrs[BESIDE] = known
        links = said.links or self._held_predecessors().of(region_item)
        for name, days in ((BEGINS, begins_by(links)), (ENDS, {
                **self._held_predecessors().ends_of(region_item), **ends_by(said.replaced_by)})):
            if days:
                table.attrs[name] = days
        others, above = [], successors | {region_item}
        for link in links:
            other = RegionItem(region_item.region, link.of)
            if other in above:
                continue
            try:
                others.append(Other(link, self._read_demand(other, above)))
            except DamagedFileError as error:
                raise DamagedFileError(error.name, error.why, region_item) from error
            except NotInStoreError:
                continue
        return with_carried(table, others) if others else table

    def _read_table(self, stage: Stage, region_item: RegionItem) -> pd.DataFrame:
        name = self._table(stage, region_item)
        try:
            content = self._content(name, region_item)
        except DamagedFileError:
            raise
        except NotInStoreError:
            raise NotInStoreError(f"{region_item} has no stored {stage}. Materialise `{stage}` for partition "
                                  f"{region_item.key!r}.") from None
        try:
            is_whole = is_sealed(name, content)
            read = pq.ParquetFile(pa.BufferReader(content)).read(use_threads=False)  # read_table takes twice as long
            table = cast(pd.DataFrame, read.to_pandas(use_threads=False))
            if not is_whole:
                _check_foreign(stage, region_item, table)
        except _UNREADABLE as error:
            raise DamagedFileError(name, first_line(error), region_item) from error
        return table

    def links_of(self, region_item: RegionItem) -> tuple[Link, ...]:
        """The links by which a region-item carries on the demand of others: those that planners made of it, where there
        are any, else those of the dataset file.

        Raises: DamagedFileError: the file of what planners said cannot be used.
        """
        return self._said_by_planners(region_item).links or self._held_predecessors().of(region_item)

    def write_predecessors(self, predecessors: Predecessors) -> None:
        """Replace the links of the dataset file."""
        self._predecessors = _NO_LINKS_YET
        if predecessors == Predecessors():
            self.remove_bytes(PREDECESSORS)
        else:
            self._write_json(PREDECESSORS, predecessors.to_json())

    def read_predecessors(self) -> Predecessors:
        """The links of the dataset file; none before they were taken in first, and where the file is damaged, which the
        next take-in makes again."""
        try:
            return Predecessors.from_json(json_in(PREDECESSORS, self._content(PREDECESSORS)))
        except OSError:
            raise
        except (NotInStoreError, *_UNREADABLE):
            return Predecessors()

    def _held_predecessors(self) -> Predecessors:
        """The links of the dataset file as they were some seconds ago at most."""
        if monotonic() - self._predecessors[0] > ATTRIBUTES_HELD_SECONDS:
            self._predecessors = (monotonic(), self.read_predecessors())
        return self._predecessors[1]

    def _held_attributes(self) -> Attributes:
        """The attributes as they were some seconds ago at most."""
        if monotonic() - self._attributes[0] > ATTRIBUTES_HELD_SECONDS:
            self._attributes = (monotonic(), self.read_attributes())
        return self._attributes[1]

    @object_store_errors()
    def has(self, stage: Stage, region_item: RegionItem) -> bool:
        """Whether that stage is stored for the region-item."""
        return bool(self._filesystem.exists(self._path(self._table(stage, region_item))))

    @object_store_errors()
    def stored(self, stage: Stage, among: Sequence[RegionItem]) -> list[RegionItem]:
        """Those of the region-items that have that stage stored, in their order; many are found by one listing."""
        if len(among) < LISTED_FROM:
            return [one for one in among if self.has(stage, one)]
        folder = self._path(stage)
        self._filesystem.invalidate_cache(folder)
        present = {posixpath.relpath(path, folder) for path in self._filesystem.find(folder)}
        return [one for one in among if f"{one.path}.parquet" in present]

    @object_store_errors()
    def remove(self, stage: Stage, region_item: RegionItem) -> None:
        """Remove the region-item's table of that stage, if there is one."""
        self.remove_bytes(self._table(stage, region_item))

    def adjustments(self, region_item: RegionItem) -> dict[date, float]:
        """Date -> units that planners put in place of what was sold; empty where they did not.

        Raises: DamagedFileError: the file cannot be used.
        """
        return dict(self._said_by_planners(region_item).units)

    def _said_by_planners(self, region_item: RegionItem) -> SaidByPlanners:
        name = adjustments.file_of(region_item)
        try:
            content = self._content(name, region_item)
        except DamagedFileError:
            raise
        except NotInStoreError:
            return NOTHING
        try:
            return adjustments.from_json(json_in(name, content))
        except _UNREADABLE as error:
            raise DamagedFileError(name, first_line(error), region_item) from error

    def write_adjustments(self, region_item: RegionItem, units: Mapping[date, float], links: Sequence[Link] = (),
                          replaced_by: Sequence[Link] = ()) -> None:
        """Replace what planners said of the region-item's past, its adjustments and what it carries on or is carried on
        by; without any, there is no file."""
        name = adjustments.file_of(region_item)
        if units or links or replaced_by:
            self._write_json(name, adjustments.to_json(SaidByPlanners(units, tuple(links), tuple(replaced_by))))
        else:
            self.remove_bytes(name)

    def write_catalogue(self, region_items: Iterable[RegionItem]) -> None:
        """Record which region-items the source has, region-major."""
        self._write_json(CATALOGUE, [[entry.region, entry.item] for entry in sorted(region_items)])

    def write_source_notes(self, catalogue: Catalogue) -> None:
        """Record what the source has that is not read, and what its short names stand for; those of before are kept."""
        known = self.read_long_names() if catalogue.long_names else {}
        if catalogue.long_names.items() - known.items():
            self._write_json(LONG_NAMES, {**known, **catalogue.long_names})
        self._write_json(SOURCE_NOTES, {"refused": catalogue.refused, "skipped": catalogue.skipped,
                                        "notices": catalogue.notices})

    def write_attributes(self, attributes: Attributes) -> None:
        """Replace the attributes of all items and regions."""
        self._attributes = _NEVER
        self._write_json(ATTRIBUTES, attributes.to_json())

    def read_attributes(self) -> Attributes:
        """The attributes of all items and regions, the same object as long as they are the same; none before they were
        taken in first, and where the file is damaged, which the next take-in makes again."""
        try:
            return _attributes_in(self._content(ATTRIBUTES))
        except OSError:
            raise
        except (NotInStoreError, *_UNREADABLE):
            return Attributes()

    def read_source_notes(self) -> SourceNotes:
        """What the source has that is not read; nothing before the first look at it, where the store does not answer,
        and where the file is damaged, which the next look makes again. What is wrong with attributes and predecessors
        is among it."""
        notes, attributes, predecessors = self._source_notes(), Attributes(), Predecessors()
        with contextlib.suppress(OSError):
            attributes, predecessors = self.read_attributes(), self.read_predecessors()
        told = [f"{what} could not be taken in, so those of before are used: {problem}" for what, problem in (
            ("Attributes", attributes.problem), ("Predecessors", predecessors.problem)) if problem]
        return replace(notes, notices=(*notes.notices, *told, *attributes.notices, *predecessors.notices))

    def _source_notes(self) -> SourceNotes:
        try:
            told = json_in(SOURCE_NOTES, self._content(SOURCE_NOTES))
            return SourceNotes(tuple((str(region), str(item), str(reason), int(rows))
                                     for region, item, reason, rows in told["refused"]),
                               tuple((str(name), str(reason)) for name, reason in told["skipped"]),
                               tuple(map(str, told["notices"])))
        except (NotInStoreError, *_UNREADABLE):
            return SourceNotes()

    def read_long_names(self) -> dict[str, str]:
        """Short name -> the region's or item's own name; none where the file is damaged, which the next look at the
        source makes again."""
        try:
            return {str(short): str(name) for short, name in json_in(LONG_NAMES, self._content(LONG_NAMES)).items()}
        except (NotInStoreError, *_UNREADABLE):
            return {}

    def write_events(self, events: EventTables) -> None:
        """Record the calendar's events that stand in tables, for when these cannot be read."""
        self._write_json(EVENTS, {name: [event.to_json() for event in listed] for name, listed in events.items()})

    def read_events(self) -> EventTables:
        """The calendar's events as they were read last; none before that, and where the file is damaged."""
        try:
            told = json_in(EVENTS, self._content(EVENTS))
            return {str(name): tuple(map(Event.from_json, listed)) for name, listed in told.items()}
        except (NotInStoreError, *_UNREADABLE):
            return {}

    def read_catalogue(self) -> list[RegionItem]:
        """The region-items of the source, region-major; empty before the first look at the source.

        Raises: DamagedFileError: the file cannot be used.
        """
        try:
            content = self._content(CATALOGUE)
        except DamagedFileError:
            raise
        except NotInStoreError:
            return []
        try:
            return list(_catalogue_in(content))
        except _UNREADABLE as error:
            raise DamagedFileError(CATALOGUE, first_line(error)) from error

    @object_store_errors()
    def note_damage(self, error: DamagedFileError) -> bool:
        """Whether a damaged file is noted now, so that the pipeline makes it again; not while the store cannot be
        written, which costs nobody else anything."""
        note = f"{_DAMAGES}/{error.name}.json"
        told = {"why": error.why[:_LONGEST_WHY], "at": datetime.now(UTC).isoformat(timespec="seconds")}
        try:
            if not self._filesystem.exists(self._path(note)):
                self.write_bytes(note, json.dumps(told, ensure_ascii=False).encode())
        except OSError:
            return False
        return True

    @object_store_errors()
    def damages(self) -> list[Damage]:
        """The damaged files that were noted and not made again yet, by name; a note that is damaged itself is removed:
        who meets the file next notes it again."""
        folder, found = self._path(_DAMAGES), []
        self._filesystem.invalidate_cache(folder)
        for path in sorted(self._filesystem.find(folder)):
            if not path.endswith(".json"):
                continue
            note = posixpath.relpath(path, folder)
            try:
                json.loads(self._content(f"{_DAMAGES}/{note}"))  # why and when it was noted, for an engineer
                name = note.removesuffix(".json")
                owner = _owner_of(name)
                found.append(Damage(name, owner.key if owner else ""))
            except (NotInStoreError, ValueError):
                self._remove(f"{_DAMAGES}/{note}")
        return found

    def forget_damage(self, damage: Damage) -> None:
        """Note that the file was made again."""
        self.remove_bytes(f"{_DAMAGES}/{damage.name}.json")

    def is_whole(self, damage: Damage) -> bool:
        """Whether a file that was damaged can be used again."""
        owner, stage = _owner_of(damage.name), damage.name.partition("/")[0]
        try:
            if owner is None:
                self.read_catalogue()
            elif stage in _NEEDED:
                self.read(stage, owner)
        except NotInStoreError:
            return False
        return True

    @staticmethod
    def _table(stage: Stage, region_item: RegionItem) -> str:
        return f"{stage}/{region_item.path}.parquet"


def _owner_of(name: str) -> RegionItem | None:
    """The region-item that a file is of; None of a file of the whole dataset.

    Raises: BadNameError: there are no files of that name.
    """
    if name == CATALOGUE:
        return None
    stage, _, rest = name.partition("/")
    if stage not in _NEEDED or not rest.endswith(".parquet"):
        raise BadNameError(f"{name!r} is no file of the demand store")
    return RegionItem.from_path(rest.removesuffix(".parquet"))


def _check_foreign(stage: Stage, region_item: RegionItem, table: pd.DataFrame) -> None:
    """Check that a table, whose file has no checksum, may be of the stage and the region-item.

    Raises: ValueError: it is not.
    """
    if lacking := _NEEDED[stage] - set(table.columns):
        raise ValueError(f"it is another table: it has no column {', '.join(sorted(lacking))}")
    if stage in ("demand", "ended_demand") and not (pd.api.types.is_datetime64_any_dtype(table["date"])
                                  and table["date"].is_monotonic_increasing and table["date"].is_unique
                                  and pd.api.types.is_numeric_dtype(table["demand"])):
        raise ValueError("its dates or its demand are not as they were checked")
    if stage == "raw_demand" and not ((table["region"] == region_item.region)
                                      & (table["item"] == region_item.item)).all():
        raise ValueError("it is another region-item's")
