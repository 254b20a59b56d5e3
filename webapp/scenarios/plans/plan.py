"""Plans of drivers, pasted or uploaded: a row is a region-item and a date, a column a driver; wrong cells are told."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from demand_assets.forecasting.contract.region_item import RegionItem, known_as
from demand_assets.forecasting.dataset.dataset_file import Dataset
from webapp.language.translations import gettext as _
from webapp.language.translations import ngettext as _n
from webapp.pages.typed_numbers import Mark
from webapp.scenarios.plans.plan_files import (
    CellError,
    Cells,
    PlanFileError,
    Value,
    cells_of,
    date_of,
    mark_of,
    text_of_rows,
    value_of,
)

_KEYS = ("region", "item", "date")


@dataclass(frozen=True)
class PlanRow:
    """The values of some drivers for one region-item at one date."""

    key: str
    date: date
    values: dict[str, Value]
    """By driver."""


@dataclass(frozen=True)
class RowError:
    """One cell that cannot be used."""

    line: int
    column: str
    value: str
    problem: str
    """What is allowed, as a sentence."""


@dataclass(frozen=True)
class DriverPlan:
    """What a pasted or uploaded plan says."""

    rows: tuple[PlanRow, ...]
    """Those without any error that change something, in their order."""
    errors: tuple[RowError, ...]
    refused: int = 0
    """Rows with an error."""


def read_plan(text: str, dataset: Dataset, dates: Mapping[str, Sequence[date]],
              is_in_dataset: Callable[[str], bool] = lambda key: True) -> DriverPlan:
    """The rows of a plan.

    Args:
        text: columns date, region and item (one of a kind in the selection may be left out), and one for each driver
            that is changed; blank cells change nothing.
        dates: for each region-item of the selection, by key, the periods of its forecast.
        is_in_dataset: whether a key outside the selection could be added to it, which an error then advises.
    Raises: PlanFileError: it has no columns to go by; the message says which are needed.
    """
    cells = cells_of(text)
    if not cells.rows:
        return DriverPlan((), ())
    return _Reader(dataset, dates, cells, is_in_dataset).read()


def named_region_items(text: str, dataset: Dataset, keys: Sequence[str]) -> list[str]:
    """The keys of the region-items that a plan names in its columns region and item, each once, in its order.

    Args:
        keys: those of the dataset; lines that name another are left out.
    Raises: PlanFileError: the text is no table.
    """
    rows = cells_of(text).rows
    titles = _key_titles(dataset)
    places = {titles[title]: place for place, cell in enumerate(rows[0][1] if rows else ())
              if (title := _folded(cell)) in titles}
    region_items = {key: RegionItem.from_key(key) for key in keys}
    regions, items = ({getattr(one, kind) for one in region_items.values()} for kind in ("region", "item"))
    if ("region" not in places and len(regions) > 1) or ("item" not in places and len(items) > 1):
        return []
    by_name = {(one.region.casefold(), one.item.casefold()): key for key, one in region_items.items()}
    exact = {(one.region, one.item): key for key, one in region_items.items()}
    found: dict[str, None] = {}
    for _line, cells in rows[1:]:
        at = {kind: known_as(cells[places[kind]]) if len(cells) > places[kind] else "" for kind in places}
        name = (at["region"] if "region" in at else next(iter(regions)),
                at["item"] if "item" in at else next(iter(items)))
        if key := exact.get(name) or by_name.get((name[0].casefold(), name[1].casefold())):
            found[key] = None
    return list(found)


def plan_text(rows: Sequence[PlanRow]) -> str:
    """The rows as text that ``read_plan`` reads."""
    if not rows:
        return ""
    drivers = list(dict.fromkeys(name for row in rows for name in row.values))
    lines: list[list[str]] = [[*_KEYS, *drivers]]
    for row in rows:
        one = RegionItem.from_key(row.key)
        lines.append([one.region, one.item, row.date.isoformat(),
                      *(_written(row.values.get(name)) for name in drivers)])
    return text_of_rows(lines)


def _written(value: Value | None) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return unmistakable(f"{value:.10g}") if isinstance(value, float) else value


def unmistakable(number: str) -> str:
    """A number with a point before its decimals, with so many of them that the point cannot group thousands."""
    return f"{number}0" if len(number.partition(".")[2]) == 3 else number


class _Reader:
    """Reads one plan."""

    def __init__(self, dataset: Dataset, dates: Mapping[str, Sequence[date]], cells: Cells,
                 is_in_dataset: Callable[[str], bool]) -> None:
        self._dataset, self._dates, self._cells = dataset, dates, cells
        self._is_in_dataset = is_in_dataset
        self._periods = {key: frozenset(days) for key, days in dates.items()}
        region_items = [RegionItem.from_key(key) for key in dates]
        self._names = {"region": {one.region for one in region_items}, "item": {one.item for one in region_items}}
        self._folded = {kind: {name.casefold(): name for name in names} for kind, names in self._names.items()}
        self._errors: list[RowError] = []
        self._drivers: dict[str, int] = {}
        self._marks: dict[str, Mark | None] = {}
        self._places: dict[str, int] = {}

    def read(self) -> DriverPlan:
        line, header = self._cells.rows[0]
        self._read_header(line, header)
        for name, place in self._drivers.items():
            texts = (cells[place] for _, cells in self._cells.rows[1:] if place < len(cells))
            self._marks[name] = mark_of(texts, self._dataset.driver(name), self._dataset)
        rows: list[PlanRow] = []
        seen: dict[tuple[str, date, str], int] = {}
        refused = 0
        for line, cells in self._cells.rows[1:]:
            before = len(self._errors)
            row = self._row(line, cells, len(header))
            if row is not None and len(self._errors) == before:
                self._check_twice(line, row, seen)
            if len(self._errors) > before:
                refused += 1
            elif row is not None and row.values:
                rows.append(row)
        return DriverPlan(tuple(rows), tuple(self._errors), refused)

    def _read_header(self, line: int, header: Sequence[str]) -> None:
        columns = self._dataset.columns
        titles = _key_titles(self._dataset)
        for driver in self._dataset.drivers:
            titles |= {_folded(title): driver.name for title in (
                columns.drivers.get(driver.name, driver.name), driver.title, driver.name)}
        found: dict[str, int] = {}
        for place, title in enumerate(header):
            name = titles.get(_folded(title), "")
            if name in found:
                raise PlanFileError(_("The columns %(one)s and %(other)s of line %(line)s mean the same; leave one "
                                      "out.", one=repr(header[found[name]]), other=repr(title), line=line))
            if name:
                found[name] = place
            elif title:
                self._errors.append(RowError(line, title, "", _(
                    "Unknown column. Allowed are %(columns)s. Without it, the other columns can be "
                    "used.", columns=self._allowed())))
        missing = [name for name in _KEYS if name not in found and len(self._names.get(name, "ab")) > 1]
        self._drivers = {name: place for name, place in found.items() if name not in _KEYS}
        self._places = {name: place for name, place in found.items() if name in _KEYS}
        if missing or not self._drivers:
            names = f" {_('and')} ".join(missing)
            lacking = (_("a column for a driver that is changed") if not missing else
                       _n("the column %(names)s", "the columns %(names)s", len(missing), names=names))
            raise PlanFileError(_("The first line must name the columns; it lacks %(lacking)s. Allowed are "
                                  "%(columns)s. It reads: %(header)s", lacking=lacking, columns=self._allowed(),
                                  header=" | ".join(header)[:200]))

    def _allowed(self) -> str:
        return ", ".join([*_KEYS, *self._dataset.driver_names])

    def _row(self, line: int, cells: Sequence[str], width: int) -> PlanRow | None:
        if len(cells) > width and any(cells[width:]):
            self._errors.append(RowError(line, "", " | ".join(cells[width:])[:60], _(
                "The line has %(cells)s cells, the first line %(width)s. Put cells that contain a delimiter in "
                "quotes.", cells=len(cells), width=width)))
            return None
        at = {name: cells[place] if place < len(cells) else "" for name, place in
              (self._places | self._drivers).items()}
        key = self._key(line, at)
        day = self._date(line, at.get("date", ""), key)
        values: dict[str, Value] = {}
        for name in self._drivers:
            if not at[name]:
                continue
            try:
                values[name] = value_of(at[name], self._dataset.driver(name), self._dataset, self._marks[name])
            except CellError as error:
                self._errors.append(RowError(line, name, at[name][:60], str(error)))
        return PlanRow(key, day, values) if key is not None and day is not None else None

    def _key(self, line: int, at: Mapping[str, str]) -> str | None:
        names: dict[str, str] = {}
        for kind in ("region", "item"):
            text = at.get(kind)
            if text is None:
                names[kind] = next(iter(self._names[kind]))
                continue
            text = known_as(text)
            name = text if text in self._names[kind] else self._folded[kind].get(text.casefold())
            if name is None:
                known = sorted(self._of_selection(kind, names.get("region")))
                some = ", ".join(known[:5])
                if len(known) > 5:
                    some = _("%(names)s and others", names=some)
                self._errors.append(RowError(line, kind, text[:60], _(
                    "The selection has no such region. It has %(names)s. Write one of them, tick the region above if "
                    "the dataset has it, or leave the line out.", names=some) if kind == "region" else _(
                    "The selection has no such item. It has %(names)s. Write one of them, tick the item above if the "
                    "dataset has it, or leave the line out.", names=some)))
            else:
                names[kind] = name
        if len(names) < 2:
            return None
        one = RegionItem(**names)
        if one.key not in self._dates:
            self._errors.append(RowError(line, "item", str(one)[:120], (
                _("This region-item is not in the selection. Add it above, or leave the line out.")
                if self._is_in_dataset(one.key) else
                _("The dataset has no such region-item, though it has the region and the item. Leave the line out."))))
            return None
        return one.key

    def _of_selection(self, kind: str, region: str | None) -> set[str]:
        """The regions of the selection, or its items in that region."""
        if kind == "region" or region is None:
            return self._names[kind]
        return {one.item for one in map(RegionItem.from_key, self._dates) if one.region == region}

    def _date(self, line: int, text: str, key: str | None) -> date | None:
        try:
            day = date_of(text, self._dataset.frequency)
            if key is not None and day not in self._periods[key]:
                ahead = self._dates[key]
                told = _("Not a period of the forecast, which runs from %(first)s to %(last)s.", first=ahead[0],
                         last=ahead[-1])
                if len(ahead) > 1 and ahead[0] < day < ahead[-1]:
                    told += " " + _("Its periods begin on %(first)s, %(second)s …", first=ahead[0], second=ahead[1])
                raise CellError(told)
        except CellError as error:
            self._errors.append(RowError(line, "date", text[:60], str(error)))
            return None
        return day

    def _check_twice(self, line: int, row: PlanRow, seen: dict[tuple[str, date, str], int]) -> None:
        for name in row.values:
            first = seen.setdefault((row.key, row.date, name), line)
            if first != line:
                self._errors.append(RowError(line, name, "", _(
                    "Line %(line)s sets it already for this region-item and date; leave one of them out.",
                    line=first)))


def _key_titles(dataset: Dataset) -> dict[str, str]:
    """How the columns region, item and date may be called, folded -> what they are."""
    columns = dataset.columns
    return {_folded(title): name for name, other in (("region", columns.region), ("item", columns.item),
                                                    ("date", columns.date)) for title in (name, other or name)}


def _folded(title: str) -> str:
    """A column's title without its unit, case and separators: ``Price (€)`` is ``price``."""
    return re.sub(r"\(.*\)|\[.*\]|,.*|[\s_-]+", "", title).casefold()
