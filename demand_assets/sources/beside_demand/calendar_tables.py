"""Tables of a calendar's events, read as any source is, and a source that has them beside its demand."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from importlib.metadata import version
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.contract.calendar_events import Event, EventTables
from demand_assets.forecasting.contract.region_item import RegionItem, known_as
from demand_assets.forecasting.contract.source import Catalogue, Source, SourceError, as_text
from demand_assets.forecasting.dataset.calendar import DEFAULT, Events
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.demand.source_entries import FileSource, SqlSource
from demand_assets.forecasting.validation.written.dates import UNCLEAR_ORDER, of_unclear_order, read_dates
from demand_assets.forecasting.validation.written.values import read_categories
from demand_assets.sources.beside_demand.side_tables import BROKEN, SideTable, of_broken

T = TypeVar("T")

EXAMPLES = 3
_OURS = {"first_day": "from", "last_day": "to", "of_region": "region", "event_name": "name"}
"""What the columns of a table are called while it is read, and by their entries."""


@dataclass(frozen=True)
class EventTable:
    """What was read of a table of events."""

    events: tuple[Event, ...]
    notices: tuple[str, ...]
    """What somebody has to know of it, as sentences."""


class WithCalendar:
    """A source of demand whose catalogue has the events of the dataset's calendar, read anew when they change.

    Args:
        source: of the demand.
        dataset: with a calendar.
        environment: values of ``${NAME}`` in paths and URLs; the process's unless given.
    Raises: SourceError: a name in a path is not set.
    """

    def __init__(self, source: Source, dataset: Dataset, environment: Mapping[str, str] | None = None) -> None:
        self._source, self._dataset = source, dataset
        self._tables = {events.name: (events, _opened(events, environment)) for events in dataset.calendar.events
                        if events.is_table}
        self._read: tuple[str, dict[str, EventTable]] | None = None

    def fingerprint(self) -> str:
        """Changes with that of the demand, with a table of events, with the calendar's entries, and with what is
        known of holidays."""
        entries = (self._dataset.calendar.model_dump_json(), version("holidays"), self._dataset.horizon)
        marks = (self._source.fingerprint(), self._fingerprint(), entries)
        return hashlib.sha256(repr(marks).encode()).hexdigest()[:32]

    def today(self) -> pd.Timestamp:
        """As of the source of the demand."""
        return self._source.today()

    def catalogue(self) -> Catalogue:
        """That of the demand, with the events in tables and what is wrong with the calendar."""
        catalogue, tables = self._source.catalogue(), self._events()
        told = [notice for table in tables.values() for notice in table.notices]
        told += _strangers(self._dataset, {name: table.events for name, table in tables.items()}, catalogue)
        return replace(catalogue, notices=(*catalogue.notices, *told),
                       events={name: table.events for name, table in tables.items()})

    def read(self, region_items: Sequence[RegionItem]) -> pd.DataFrame:
        """As of the source of the demand: what the calendar makes is no column of it."""
        return self._source.read(region_items)

    def _fingerprint(self) -> str:
        return " ".join(_named(events, table.fingerprint) for events, table in self._tables.values())

    def _events(self) -> dict[str, EventTable]:
        state = self._fingerprint()
        if self._read is None or self._read[0] != state:
            self._read = state, {name: _named(events, lambda events=events, table=table: _events_of(events, table))
                                 for name, (events, table) in self._tables.items()}
        return self._read[1]


def _opened(events: Events, environment: Mapping[str, str] | None) -> SideTable:
    """The table of an entry."""
    entries = events.source or {"kind": "file", "path": events.path}
    source = (SqlSource if entries["kind"] == "sql" else FileSource).model_validate(entries)
    columns = {ours: column for ours, column in (
        ("first_day", events.columns.first), ("last_day", events.columns.last), ("of_region", events.columns.region),
        ("event_name", events.columns.name)) if column}
    none = {"to": "if each event is one day", "region": "if all events are in all regions"}
    called = {ours: (entry, (f'Set columns.{entry} = "" in this entry {none[entry]}, or name the column'
                             if entry in none else "Name the column in this entry") + f", as in: columns.{entry}")
              for ours, entry in _OURS.items()}
    return SideTable(source, columns, called,
                     names=["of_region"], date="first_day", date_format=events.date_format, environment=environment)


def _named(events: Events, ask: Callable[[], T]) -> T:
    """What ``ask`` gives, with the entry named in errors."""
    try:
        return ask()
    except SourceError as error:
        raise SourceError(f"[[calendar.events]] {events.name}: {error}") from error


def _events_of(events: Events, table: SideTable) -> EventTable:
    """The events of a table. Raises: SourceError: it cannot be read, or none of its rows can be used."""
    rows = table.rows()
    texts = {entry: read_categories(rows[ours]) if ours in rows else np.full(len(rows), None, dtype=object)
             for ours, entry in _OURS.items() if entry in ("region", "name")}
    begins = read_dates(rows["first_day"], "D", events.date_format)
    ends = read_dates(rows["last_day"], "D", events.date_format) if "last_day" in rows else begins
    unclear = of_unclear_order([rows[ours] for ours in ("first_day", "last_day") if ours in rows], events.date_format)
    has_end = ~_is_blank(rows["last_day"]) if "last_day" in rows else np.zeros(len(rows), dtype=bool)
    found: list[tuple[int, Event]] = []
    wrong: list[str] = []
    is_named = np.isin(texts["name"].astype(str), events.only) if events.only else np.ones(len(rows), dtype=bool)
    is_named |= rows[BROKEN].notna().to_numpy()
    if not is_named.any() and len(rows):
        names = sorted({str(name) for name in texts["name"] if name})[:20]
        raise SourceError(f"the table has no event called {' or '.join(map(repr, events.only))}; it has "
                          f"{', '.join(names) or 'none with a name'}. Correct only.")
    for at in np.flatnonzero(is_named).tolist():
        number = int(rows["row"].iloc[at])
        first, last = begins.days[at], ends.days[at] if has_end[at] else begins.days[at]
        if rows[BROKEN].iloc[at] is not None:
            wrong.append(of_broken(number, rows[BROKEN].iloc[at]))
        elif begins.problem[at]:
            wrong.append(f"row {number}: {_told(events.columns.first, rows['first_day'].iloc[at], begins.problem[at])}")
        elif has_end[at] and ends.problem[at]:
            wrong.append(f"row {number}: {_told(events.columns.last, rows['last_day'].iloc[at], ends.problem[at])}")
        elif any(of_column[at] for of_column in unclear):
            wrong.append(f"row {number}: {_told(events.columns.first, rows['first_day'].iloc[at], UNCLEAR_ORDER)}")
        elif last < first:
            wrong.append(f"row {number}: it ends on {last}, before it begins on {first}")
        else:
            region = texts["region"][at]
            found.append((number, Event(first.item(), last.item(), known_as(str(region)) if region else None,
                                        events.yearly)))
    if not found:
        raise SourceError("none of its rows can be used" + (f", as in {wrong[0]}" if wrong else "; it is empty") +
                          ". Correct the table, or date_format of this entry.")
    notices = []
    if wrong:
        shown = "; ".join(wrong[:EXAMPLES]) + (" …" if len(wrong) > EXAMPLES else "")
        notices.append(f"Calendar, {events.name}: {len(wrong)} of {int(is_named.sum())} rows are left out: {shown}. "
                       "Correct them in the table; a date is written as in 2024-12-24, or as date_format says.")
    return EventTable(tuple(event for _, event in found), (*notices, *_overlaps(events, found)))


def _is_blank(column: "pd.Series[Any]") -> npt.NDArray[np.bool_]:
    return np.array([pd.isna(value) or (isinstance(value, str) and not value.strip()) for value in column], dtype=bool)


def _told(column: str, value: object, problem: str) -> str:
    what = problem.partition("; ")[0]  # what follows is said of demand
    return f"{column} {what}" if pd.isna(value) else f"{column} {as_text(value)!r} {what}"


def _overlaps(events: Events, found: Sequence[tuple[int, Event]]) -> list[str]:
    """Words where events of one region share days, which count once."""
    shared = []
    for region in {event.region for _, event in found}:
        ordered = sorted((event.first, event.last, number) for number, event in found if event.region == region)
        until, by = ordered[0][1], ordered[0][2]
        for first, last, number in ordered[1:]:
            if first <= until:
                shared.append(f"rows {min(by, number)} and {max(by, number)} share {first}"
                              f"{f' in {region}' if region else ''}")
            if last > until:
                until, by = last, number
    if not shared:
        return []
    shown = "; ".join(sorted(shared)[:EXAMPLES]) + (" …" if len(shared) > EXAMPLES else "")
    return [f"Calendar, {events.name}: some events overlap, and their days count once: {shown}."]


def _strangers(dataset: Dataset, tables: EventTables, catalogue: Catalogue) -> list[str]:
    """Words for regions that the calendar names and the source has not, and for those without holidays."""
    known = sorted({one.region for one in catalogue.region_items})
    calendar, told = dataset.calendar, []
    named = [("holidays", set(calendar.holidays) - {DEFAULT})]
    named += [(events.name, {event.region for event in (*events.written, *tables.get(events.name, ()))} - {None})
              for events in calendar.events]
    for where, regions in named:
        if strange := sorted(str(region) for region in regions if region not in known):
            close = [f"{near[0]!r} for {one!r}" for one in strange[:EXAMPLES]
                     if (near := get_close_matches(one, known, n=1, cutoff=0.6))]
            perhaps = f" Perhaps {' and '.join(close)} is meant." if close else ""
            told.append(f"Calendar, {where}: the source has no region {' or '.join(map(repr, strange[:EXAMPLES]))}"
                        f"{' …' if len(strange) > EXAMPLES else ''}; it has {', '.join(known[:20])}"
                        f"{' …' if len(known) > 20 else ''}.{perhaps}")
    without = [region for region in known if region not in calendar.holidays]
    if calendar.holidays and DEFAULT not in calendar.holidays and without:
        told.append(f"Calendar, holidays: none are given for {', '.join(without[:20])}"
                    f"{' …' if len(without) > 20 else ''}, so theirs are not known. Name them, or give a default; [] "
                    "says that a region has none.")
    return told
