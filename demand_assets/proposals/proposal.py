"""From data that nobody has described to a dataset file that the product can read."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from pydantic import ValidationError

from demand_assets.forecasting.contract.periods import WORDS
from demand_assets.forecasting.contract.source import SourceError
from demand_assets.forecasting.dataset.dataset_file import HORIZONS
from demand_assets.proposals.cannot_propose import CannotProposeError, one_line
from demand_assets.proposals.columns.date_columns import FISCAL
from demand_assets.proposals.columns.drivers import Proposed, drivers_of, entries_of
from demand_assets.proposals.columns.facts import Column, Facts, facts_of_file
from demand_assets.proposals.columns.found_roles import Roles
from demand_assets.proposals.columns.roles import roles_of
from demand_assets.proposals.columns.stock import take_stock
from demand_assets.proposals.draft import Draft, Entry
from demand_assets.proposals.layouts.columns_of_dates import columns_of_dates, others_of_a_period
from demand_assets.proposals.layouts.columns_of_names import of_names
from demand_assets.proposals.layouts.columns_of_periods import of_periods
from demand_assets.proposals.layouts.columns_of_year_names import of_year_names
from demand_assets.proposals.layouts.reshaped import Reshaped
from demand_assets.proposals.number_marks import note_marks
from demand_assets.proposals.rows.counted_up import check_counted_up
from demand_assets.proposals.rows.kinds_of_rows import different_measures, take_counted
from demand_assets.proposals.rows.several_in_a_period import check_key_measures
from demand_assets.proposals.rows.told_apart import (
    SharedPeriods,
    blank_below,
    check_rows,
    names_series,
    shared_periods,
    take_finer_keys,
    version_of,
)
from demand_assets.proposals.samples import sampled
from demand_assets.proposals.settled_rules import settle_rules
from demand_assets.proposals.tables import MAY_HOLD_DEMAND, Group, groups_in
from demand_assets.proposals.terminal_questions import Ask
from demand_assets.proposals.trial_reading import LookedThrough
from demand_assets.sources.column_names import free_name, quoted
from demand_assets.sources.file_formats.workbooks import UNSTORED

_MOST_GROUPS = 4
_MANY_NUMBERS = 40
_MOSTLY = 0.5
_FEW_SHARED = 0.02
"""Of the rows, that share their period with another once names are filled down."""


def propose_for_files(given: str, name: str, ask: Ask, written_path: Callable[[str], str] | None = None,
                      today: pd.Timestamp | None = None) -> tuple[Draft, LookedThrough]:
    """The dataset file for a file, a folder, a glob or a zip, and what its demand looks like.

    Args:
        name: of the dataset.
        written_path: makes the path that stands in the dataset file of the path that is read; as it is unless given.
        today: the real one unless given.
    Raises: CannotProposeError: none can be made; the message says in one line what is missing.
    """
    today = today or pd.Timestamp.now().normalize()
    problems: list[CannotProposeError] = []
    for group in groups_in(given)[:_MOST_GROUPS]:
        try:
            with TemporaryDirectory(prefix="demand-sample-") as folder:
                return _propose(group, Path(folder), given, name, ask, written_path, today)
        except CannotProposeError as error:
            problems.append(error)
    raise problems[0]


def _propose(group: Group, folder: Path, given: str, name: str, ask: Ask,
             written_path: Callable[[str], str] | None, today: pd.Timestamp) -> tuple[Draft, LookedThrough]:
    path = group.path
    is_sample = group.is_large
    read_from = sampled(group, folder) if is_sample else path
    source = {"kind": "file", "path": _as_entry(read_from), **group.source}
    if is_sample:
        source.pop("format", None)
    dates, wide = columns_of_dates(group.names)
    if len([column for column in group.names if column.strip()]) < 2:
        cure = ("; columns that blanks fill up are not told apart: save it with a mark between them, as CSV"
                if re.search(r"\S {1,}\S", group.names[0]) else "")
        raise CannotProposeError(f"{given} has one column, {group.names[0]!r}; a date and a demand are needed{cure}")
    measures = others_of_a_period(group.names, dates)
    names, named_by = [name for name in group.names if name not in measures], ""
    if group.are_named:
        named_by = free_name("year" if group.are_years else "region", names)
        source["name_column"] = named_by
        names.append(named_by)

    only: dict[str, Entry] = {}
    of_kinds: list[str] = []

    def looked_at() -> tuple[Facts, Column | None, Reshaped | None]:
        """The columns, a row for each demand; the names of files; and how several columns hold demand."""
        facts, files, found = as_they_stand()
        counts, only_rows, told = take_counted(facts, ask)
        only.clear()
        only.update(only_rows)
        of_kinds[:] = told
        if not only:
            return facts, files, found
        facts = facts.only(counts)
        for name in only:
            facts = facts.without(name)
        return facts, files and Column(files.name, files.texts[counts].reset_index(drop=True)), found

    def as_they_stand() -> tuple[Facts, Column | None, Reshaped | None]:
        """The same, of all rows."""
        facts = facts_of_file(source, names, dates, wide.date_format if wide else None, wide.by if wide else "D")
        _check_stored(facts)
        files, facts = (facts.column(named_by), facts.without(named_by)) if named_by else (None, facts)
        found = None if dates or not facts.rows else (
            of_periods(facts, files, ask) or of_year_names(facts) or of_names(facts, ask))
        if found is None:
            return facts, files, None
        return found.facts, files and found.repeated(files), found

    try:
        facts, files, shape = looked_at()
    except (SourceError, ValidationError) as error:
        raise CannotProposeError(one_line(error)) from error
    if not facts.rows:
        raise CannotProposeError(f"{given} has a header and no rows")
    if shape is not None and files is not None and shape.ours == files.name:
        group, files = replace(group, source={**group.source, "name_column": named_by}), None
    roles = roles_of(facts, ask, bool(dates), wide, today)
    if (blank := blank_below(facts, roles)) and not any(table.kind == "parquet" for table in group.tables):
        source["fill_down"] = blank
        filled, filled_files, filled_shape = looked_at()
        its = roles_of(filled, ask, bool(dates), wide, today)
        filled = filled if filled_files is None else replace(filled, columns=(*filled.columns, filled_files))
        of_each_file = replace(its, parts=[*its.parts, *([named_by] if named_by else [])])
        if not blank_below(filled, its) and len(its.days) and (
                shared_periods(filled, of_each_file, _units(its, filled)).share <= _FEW_SHARED):
            facts, roles, shape = filled.without(named_by), its, filled_shape
            group = replace(group, source={**group.source, "fill_down": blank})
        else:
            del source["fill_down"]
    check_key_measures(facts, roles)
    if len(roles.days):
        counted = _units(roles, facts)
        if files is not None and _take_names(roles, facts, counted, files, group):
            facts = Facts((*facts.columns, files), facts.rows, facts.dates, facts.demand)
            group = replace(group, source={**group.source, "name_column": named_by})
        take_finer_keys(facts, roles, counted)
        check_rows(facts, roles, counted)
        check_counted_up(facts, roles, counted)
    says_nothing = [] if dates else take_stock(roles, facts, _units(roles, facts))
    draft = _begin(name, group, roles, facts, path, written_path, shape)
    draft.notes += of_kinds
    if only:
        draft.rules["only_rows"] = ({key: list(values) for key, (values, _) in only.items()},
                                    "; ".join(why for _, why in only.values()))
    draft.left += [*says_nothing, *((name, "it holds another measure of one period") for name in measures)]
    sized = f"a sample of {facts.rows:,} rows" if is_sample else f"{facts.rows:,} rows"
    draft.looked_at = f"{Path(given).name or given} ({sized})"
    demand, units = _demand_column(roles, facts), _units(roles, facts)
    proposed = drivers_of(facts, roles, units)
    note_marks(draft, demand, proposed, ask, given, is_alone=len(group.tables) == 1)
    if len(roles.days):
        _leave_differing(draft, proposed, shared_periods(facts, roles, units))
    _add_drivers(draft, proposed)
    if shape is not None:
        _leave_out(draft, shape, group.names, list(only))
    sample = source if is_sample else None
    return draft, settle_rules(draft, facts, roles, units, ask, sample, group, files, shape is not None)


def _check_stored(facts: Facts) -> None:
    """Nothing, where the values of what is called demand are in the file. Raises: CannotProposeError."""
    for column in facts.columns:
        unstored = [value for value in column.distinct if value.endswith(UNSTORED)]
        if column.says("demand") >= 2 and len(unstored) > _MOSTLY * len(column.distinct):
            raise CannotProposeError(f"the column {column.name!r} should be the demand and holds formulas, as "
                                     f"{unstored[0]}")


def _take_names(roles: Roles, facts: Facts, demand: Any, files: Column, group: Group) -> bool:
    """Whether the names of files or sheets were taken for the regions, or the items, that no column tells.

    Raises: CannotProposeError: they say that some hold plans, or other measures.
    """
    if (kinds := different_measures(replace(files, name="file"))) is not None:
        raise CannotProposeError(f"the names of the files say what their numbers are, as {kinds[0]!r} and "
                                 f"{kinds[1]!r}; give FILE= those with demand only")
    role = "region" if roles.region is None else "item" if roles.item is None else ""
    if not role or not names_series(facts, roles, demand, files):
        return False
    setattr(roles, role, files.name)
    roles.used.add(files.name)
    what = "sheets" if group.source.get("sheet") == "*" else "files"
    roles.reasons[role] = (f"{len(files.distinct)} {what} tell of the same periods, and no column names {role}s: the "
                           f"name of each is taken, as {files.example()!r} (source.name_column)")
    return True


def _leave_differing(draft: Draft, proposed: Proposed, shared: SharedPeriods) -> None:
    """Take out categories and numbers of things, such as invoices, in which rows of one period differ, for none holds
    of those that are put together, and what says which of them is the newest."""
    version = version_of(shared)
    differing = {column.name: column for column in shared.differing}
    out = [driver for driver in proposed.drivers if driver.column in differing and (
        driver.kind == "category" or (version is not None and driver.column == version.name)
        or (driver.kind == "number" and _numbers_things(differing[driver.column])))]
    draft.left += [(driver.column, "rows of one period differ in it") for driver in out]
    proposed.drivers = [driver for driver in proposed.drivers if driver not in out]


def _numbers_things(column: Column) -> bool:
    """Whether whole numbers are names, by their variety and as the column is not called what may move demand."""
    return column.is_whole and len(column.distinct) > _MANY_NUMBERS and not any(
        column.says(kind) for kind in ("price", "cost", "promo", "holiday", "weather", "open"))


def _units(roles: Roles, facts: Facts) -> Any:
    """The demand of each row."""
    numbers = _demand_column(roles, facts).numbers
    return np.exp(numbers) if "demand" in roles.expressions else numbers


def _as_entry(path: str) -> str:
    if re.search(r"\$\{[A-Za-z_]", path):
        raise CannotProposeError(f"{path!r} holds ${{…}}, which stands for a variable in dataset files; rename it")
    return path


def _leave_out(draft: Draft, shape: Reshaped, group_names: Sequence[str], only: Sequence[str]) -> None:
    """Leave out the columns that would be taken for items, or regions, and are none.

    Args:
        only: the columns that say which rows count.
    """
    used = [*only, *(str(value) for key, (value, _) in draft.columns.items() if key != "demand")]
    used += [str(entries.get("column", entries["name"])[0]) for entries in draft.attributes]
    names = {str(entries["name"][0]) for entries in draft.drivers}
    used += [draft.driver_columns.get(name, name) for name in names]
    used += [str(value["column"]) for value, _ in draft.money.values() if isinstance(value, dict) and "column" in value]
    used += [name for text, _ in draft.expressions.values() for name in group_names if quoted(name) in text]
    templates = [re.sub(r"\\{(item|region)\\}", ".+", re.escape(text)) for text in used if "{" in text]
    if names := [name for name in shape.taken_too(used) if not any(re.fullmatch(one, name) for one in templates)]:
        draft.rules[f"leave_out_{shape.kind}s"] = (names, f"columns that are no {shape.kind}s")


def _begin(name: str, group: Group, roles: Roles, facts: Facts, path: str,
           written_path: Callable[[str], str] | None, shape: Reshaped | None = None) -> Draft:
    word = WORDS[roles.frequency]
    draft = Draft(name, name.replace("_", " "), (roles.frequency, roles.reasons.get("frequency", "")),
                  (HORIZONS[roles.frequency], f"{word[1]} to forecast"))
    is_of_years = shape is not None and shape.kind == "date"  # whose months are told by the order of the columns
    draft.notes += [note for note in roles.notes if not (is_of_years and FISCAL in note)]
    draft.source["kind"] = ("file", "")
    draft.source["path"] = (_as_entry(written_path(path) if written_path else path), "")
    reasons = {"encoding": "the text is no UTF-8, and reads as this", "sheet": "the sheet with the wanted columns",
               "format": "the content is this, whatever the name says",
               "header_rows": "the names of columns are made of two rows, one below the other",
               "fill_down": "names stand in the first row of each block only, as in merged cells",
               "name_column": "the column that the names of files or sheets give"}
    for key, value in group.source.items():
        draft.source[key] = (value, reasons.get(key, ""))
    kinds = {table.delimiter for table in group.tables if table.kind == "csv"}
    if len(kinds) == 1 and (mark := kinds.pop()) != "," and not _has_declared(group):
        draft.source["delimiter"] = (mark, "between the columns of every line")
    columns: dict[str, tuple[Any, str]] = {}
    if roles.date is not None:
        columns["date"] = (roles.date, roles.reasons["date"])
    if roles.date_format:
        columns["date_format"] = (roles.date_format, roles.reasons["date_format"])
    if roles.date_start:
        columns["date_start"] = (roles.date_start, roles.reasons["date_start"])
    if roles.time_zone:
        columns["time_zone"] = (roles.time_zone, roles.reasons["time_zone"])
    if roles.week_dated:
        columns["week_dated"] = (roles.week_dated, roles.reasons["week_dated"])
    for role in ("region", "item"):
        chosen = getattr(roles, role)
        if role in roles.expressions:
            continue
        if chosen is None:
            columns[role] = ("", f"no column names {role}s: there is one, called \"all\"")
        else:
            columns[role] = (chosen, roles.reasons[role])
    if roles.demand is not None:
        columns["demand"] = (roles.demand, roles.reasons["demand"])
    if roles.stock is not None and roles.stock_column is not None:
        columns[roles.stock] = (roles.stock_column, roles.reasons["stock"])
    draft.columns = columns
    for ours, text in roles.expressions.items():
        draft.expressions[ours] = (text, roles.reasons[f"expression {ours}"])
    if facts.dates is not None:
        dates = [each for each in group.names if each not in {column.name for column in facts.columns}]
        draft.source["layout"] = ("wide", f"{len(dates)} columns are dates with demand in them, as {dates[0]!r}")
        ours = {"date": free_name("date", group.names), "demand": free_name("demand", group.names)}
        for key, value in ours.items():
            if value != key:
                draft.columns[key] = (value, "no column is called so, as the dates are columns")
    if shape is not None:
        draft.source |= shape.source
        draft.notes += shape.notes
        draft.left += shape.left
        for key in ("demand", "date_format" if shape.kind == "date" else shape.kind):
            draft.columns.pop(key, None)
        draft.columns |= shape.columns
    for other in group.others[:5]:
        (draft.notes if MAY_HOLD_DEMAND in other else draft.seen).append(f"not read: {other}")
    return draft


def _has_declared(group: Group) -> bool:
    return len(group.tables) > 1 and len({table.kind for table in group.tables}) > 1


def _demand_column(roles: Roles, facts: Facts) -> Column:
    """What demand is, or is made of: of a wide table, what stands under its dates."""
    if facts.demand is not None:
        return Column("demand", facts.demand.astype(str).where(facts.demand.notna(), None).astype(object))
    if roles.demand:
        return facts.column(roles.demand)
    text = roles.expressions["demand"]
    return next(column for column in facts.columns if column.name in text and column.name in roles.used)


def _add_drivers(draft: Draft, proposed: Proposed) -> None:
    draft.left += proposed.left
    draft.attributes += [one.entries() for one in proposed.attributes]
    for driver in proposed.drivers:
        draft.drivers.append(entries_of(driver))
        if driver.column != driver.name:
            draft.driver_columns[driver.name] = driver.column
    for amount in proposed.money:
        draft.money[amount.kind] = (amount.entry, amount.why)
