"""From data that nobody has described to a dataset file that the product can read."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from pydantic import ValidationError

from demand_assets.forecasting.contract.periods import WORDS
from demand_assets.forecasting.contract.source import SourceError
from demand_assets.forecasting.dataset.dataset_file import HORIZONS, Dataset
from demand_assets.forecasting.model.enough_history import WARMUP
from demand_assets.forecasting.validation.placeholders import look_strange, placeholders_among
from demand_assets.forecasting.validation.rows_to_demand import RawDemandError
from demand_assets.proposals.cannot_propose import CannotProposeError
from demand_assets.proposals.columns.date_columns import FISCAL
from demand_assets.proposals.columns.drivers import Proposed, ProposedDriver, drivers_of, entries_of
from demand_assets.proposals.columns.facts import Column, Facts, facts_of_file, grouped_thousands, why_unsettled
from demand_assets.proposals.columns.found_roles import Roles
from demand_assets.proposals.columns.periods import series_codes
from demand_assets.proposals.columns.roles import roles_of
from demand_assets.proposals.columns.stock import take_stock
from demand_assets.proposals.draft import Draft
from demand_assets.proposals.layouts.columns_of_dates import columns_of_dates, others_of_a_period
from demand_assets.proposals.layouts.columns_of_names import of_names
from demand_assets.proposals.layouts.columns_of_periods import of_periods
from demand_assets.proposals.layouts.columns_of_year_names import of_year_names
from demand_assets.proposals.layouts.reshaped import Reshaped
from demand_assets.proposals.rows.counted_up import check_counted_up
from demand_assets.proposals.rows.several_in_a_period import check_key_measures, gaps, several_rows, totals
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
from demand_assets.proposals.tables import MAY_HOLD_DEMAND, Group, groups_in
from demand_assets.proposals.terminal_questions import Ask
from demand_assets.proposals.trial_reading import LookedThrough, look_through
from demand_assets.sources.catalogue import NO_NAME
from demand_assets.sources.column_names import free_name, quoted
from demand_assets.sources.doubts.overlaps import STANDS_TWICE

_MOST_GROUPS = 4
_MANY_NUMBERS = 40
_FEW_SHARED = 0.02
"""Of the rows, that share their period with another once names are filled down, or are left out."""
_LOOKED_AT = 600_000
"""Rows that the proposal is tried on."""


def propose_for_files(given: str, name: str, ask: Ask, written_path: Any = None,
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


def _propose(group: Group, folder: Path, given: str, name: str, ask: Ask, written_path: Any, today: pd.Timestamp
             ) -> tuple[Draft, LookedThrough]:
    path = group.path
    is_sample = group.is_large
    read_from = sampled(group, folder) if is_sample else path
    source = {"kind": "file", "path": _as_entry(read_from), **group.source}
    if is_sample:
        source.pop("format", None)
    dates, wide = columns_of_dates(group.names)
    if len([column for column in group.names if column.strip()]) < 2:
        raise CannotProposeError(f"{given} has one column, {group.names[0]!r}; a date and a demand are needed")
    measures = others_of_a_period(group.names, dates)
    names, named_by = [name for name in group.names if name not in measures], ""
    if group.are_named:
        named_by = free_name("year" if group.are_years else "region", names)
        source["name_column"] = named_by
        names.append(named_by)

    def looked_at() -> tuple[Facts, Column | None, Reshaped | None]:
        """The columns, a row for each demand; the names of files; and how several columns hold demand."""
        facts = facts_of_file(source, names, dates, wide.date_format if wide else None, wide.by if wide else "D")
        files, facts = (facts.column(named_by), facts.without(named_by)) if named_by else (None, facts)
        found = None if dates or not facts.rows else (
            of_periods(facts, files, ask) or of_year_names(facts) or of_names(facts, ask))
        if found is None:
            return facts, files, None
        return found.facts, files and found.repeated(files), found

    try:
        facts, files, shape = looked_at()
    except (SourceError, ValidationError) as error:
        raise CannotProposeError(_line(error)) from error
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
                shared_periods(filled, of_each_file, _demand_of(filled, its)).share <= _FEW_SHARED):
            facts, roles, shape = filled.without(named_by), its, filled_shape
            group = replace(group, source={**group.source, "fill_down": blank})
        else:
            del source["fill_down"]
    check_key_measures(facts, roles)
    if len(roles.days):
        counted = _demand_of(facts, roles)
        if files is not None and _take_names(roles, facts, counted, files, group):
            facts = Facts((*facts.columns, files), facts.rows, facts.dates, facts.demand)
            group = replace(group, source={**group.source, "name_column": named_by})
        take_finer_keys(facts, roles, counted)
        check_rows(facts, roles, counted)
        check_counted_up(facts, roles, counted)
    says_nothing = [] if dates else take_stock(roles, facts, _units(roles, facts))
    draft = _begin(name, group, roles, facts, path, written_path, shape)
    draft.left += [*says_nothing, *((name, "it holds another measure of one period") for name in measures)]
    sized = f"a sample of {facts.rows:,} rows" if is_sample else f"{facts.rows:,} rows"
    draft.looked_at = f"{Path(given).name or given} ({sized})"
    if dates:
        assert facts.demand is not None
        demand = Column("demand", facts.demand.astype(str).where(facts.demand.notna(), None).astype(object))
    else:
        demand = facts.column(roles.demand) if roles.demand else _of_expression(roles, facts)
    units = demand.numbers if "demand" not in roles.expressions else np.exp(demand.numbers)
    proposed = drivers_of(facts, roles, units)
    _note_numbers(draft, demand, proposed, ask, given, is_alone=len(group.tables) == 1)
    if len(roles.days):
        _leave_differing(draft, proposed, shared_periods(facts, roles, units))
    _add_drivers(draft, proposed)
    if shape is not None:
        _leave_out(draft, shape, group.names)
    return _settle(draft, facts, roles, units, ask, source if is_sample else None, group, files, shape is not None)


def _demand_of(facts: Facts, roles: Roles) -> Any:
    """The demand of each row."""
    if facts.demand is not None:
        return Column("demand", facts.demand.astype(str).where(facts.demand.notna(), None).astype(object)).numbers
    return _units(roles, facts)


def _take_names(roles: Roles, facts: Facts, demand: Any, files: Column, group: Group) -> bool:
    """Whether the names of files or sheets were taken for the regions, or the items, that no column tells."""
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
    """Of each row of a table that has a column of demand."""
    numbers = (facts.column(roles.demand) if roles.demand else _of_expression(roles, facts)).numbers
    return np.exp(numbers) if "demand" in roles.expressions else numbers


def _as_entry(path: str) -> str:
    if re.search(r"\$\{[A-Za-z_]", path):
        raise CannotProposeError(f"{path!r} holds ${{…}}, which stands for a variable in dataset files; rename it")
    return path


def _leave_out(draft: Draft, shape: Reshaped, group_names: Sequence[str]) -> None:
    """Leave out the columns that would be taken for items, or regions, and are none."""
    used = [str(value) for key, (value, _) in draft.columns.items() if key != "demand"]
    used += [str(entries.get("column", entries["name"])[0]) for entries in draft.attributes]
    names = {str(entries["name"][0]) for entries in draft.drivers}
    used += [draft.driver_columns.get(name, name) for name in names]
    used += [str(value["column"]) for value, _ in draft.money.values() if isinstance(value, dict) and "column" in value]
    used += [name for text, _ in draft.expressions.values() for name in group_names if quoted(name) in text]
    templates = [re.sub(r"\\{(item|region)\\}", ".+", re.escape(text)) for text in used if "{" in text]
    if names := [name for name in shape.taken_too(used) if not any(re.fullmatch(one, name) for one in templates)]:
        draft.rules[f"leave_out_{shape.kind}s"] = (names, f"columns that are no {shape.kind}s")


def _begin(name: str, group: Group, roles: Roles, facts: Facts, path: str, written_path: Any,
           shape: Reshaped | None = None) -> Draft:
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


def _of_expression(roles: Roles, facts: Facts) -> Column:
    text = roles.expressions["demand"]
    return next(column for column in facts.columns if column.name in text and column.name in roles.used)


def _note_numbers(draft: Draft, demand: Column, proposed: Proposed, ask: Ask, given: str, is_alone: bool) -> None:
    """Note the marks of numbers, unless one of several files may have others, which reading tells; leave out drivers
    whose marks are left open, or are others than those of demand."""
    marks = demand.marks
    if marks is None:
        found = grouped_thousands(demand)
        mark = "." if demand.evidence.point else ","
        value = demand.evidence.point or demand.evidence.comma
        if not value:  # two units, or two currencies
            raise CannotProposeError(why_unsettled(demand))
        if found is None:
            thousands, decimal = value.replace(mark, ""), value.replace(mark, ".")
            chosen = ask(f"Is {value!r} in {demand.name!r} {thousands} or {decimal}?", [thousands, decimal], "")
            if not chosen:
                raise CannotProposeError(
                    f"{value!r} in the column {demand.name!r} of {given} may be {thousands} or {decimal}, and nothing "
                    "settles it; write numbers without a mark between thousands")
            if chosen == decimal:
                draft.source["decimal"] = (mark, f"as answered: {value!r} is {decimal}")
            else:
                draft.source["thousands"] = (mark, f"as answered: {value!r} is {thousands}")
        else:
            draft.source["thousands"] = (mark, (
                f"{value!r} in {demand.name!r} is {value.replace(mark, '')}: all numbers without the mark are below "
                "1000, and the others follow on from them only so"))
    elif marks.is_mixed:
        draft.notes.append(f"in {demand.name!r} both the point and the comma stand before decimals")
    elif demand.evidence.comma_decimal and (is_alone or demand.evidence.point_groups or not demand.evidence.point):
        draft.source["decimal"] = (",", f"in {demand.name!r} it stands before the decimals")
    spaced = next((value for value in demand.distinct
                   if re.search(r"\d[\u00a0\u202f\u2009 '’]\d{3}(?!\d)", value)), None)
    if spaced is not None and "thousands" not in draft.source:
        mark = "'" if re.search("['’]", spaced) else " "
        draft.source["thousands"] = (mark, f"groups thousands, as in {spaced!r}")
    kept: list[ProposedDriver] = []
    for driver in proposed.drivers:
        why = _other_marks(driver, draft)
        if why:
            proposed.left.append((driver.column, why))
        else:
            kept.append(driver)
    proposed.drivers = kept
    amounts = []
    for amount in proposed.money:
        column = amount.column
        why = _other_marks(ProposedDriver(amount.kind, column.name, "number", "", source=column),
                           draft) if column else ""
        if why and column:
            proposed.left.append((column.name, why))
        elif column or any(driver.name == amount.driver for driver in kept):
            amounts.append(amount)
    proposed.money = amounts


def _other_marks(driver: ProposedDriver, draft: Draft) -> str:
    """Why the numbers of a driver cannot be read beside those of demand; empty where they can."""
    column = driver.source
    if column is None or driver.kind != "number":
        return ""
    evidence, decimal, thousands = column.evidence, draft.source.get("decimal"), draft.source.get("thousands")
    declared = decimal[0] if decimal else {".": ",", ",": "."}.get(thousands[0]) if thousands else None
    if column.marks is None and declared is None and not (thousands and thousands[0] in " '"):
        found = grouped_thousands(column)
        value = evidence.point or evidence.comma
        if found is None:
            return f"{value!r} may have a mark of thousands or of decimals, and nothing settles it"
        others = [one for one in (driver.source,) if one is not None]
        if others and any(key in draft.source for key in ("decimal", "thousands")):
            return f"{value!r} groups thousands, and demand is written otherwise"
        draft.source["thousands"] = (found.thousands, (
            f"{value!r} in {column.name!r} is {value.replace(found.thousands, '')}: all numbers without the mark are "
            "below 1000, and the others follow on from them only so"))
        return ""
    own = "." if evidence.point_decimal else "," if evidence.comma_decimal else None
    if declared and own and own != declared:
        return f"its decimal mark is {own!r}, and that of demand {declared!r}"
    return ""


def _add_drivers(draft: Draft, proposed: Proposed) -> None:
    draft.left += proposed.left
    draft.attributes += [one.entries() for one in proposed.attributes]
    for driver in proposed.drivers:
        draft.drivers.append(entries_of(driver))
        if driver.column != driver.name:
            draft.driver_columns[driver.name] = driver.column
    for amount in proposed.money:
        draft.money[amount.kind] = (amount.entry, amount.why)


def _settle(draft: Draft, facts: Facts, roles: Roles, units: Any, ask: Ask, sample: Mapping[str, Any] | None,
            group: Group, files: Column | None, is_spread: bool) -> tuple[Draft, LookedThrough]:
    """Try the draft with the product's own reading and validation, and settle the rules by what these say."""
    read = {key: value for key, value in (sample or {"path": group.path}).items() if key in ("path", "kind")}
    if sample is not None and "format" in draft.source:
        read["format"] = "auto"
    _note_placeholders(draft, facts, roles, units)
    seen = _tried(draft, read, group)
    if (found := totals(seen.catalogue)):
        for key, names in found.items():
            before, why = draft.rules.get(key, ([], ""))
            draft.rules[key] = ([*before, *names], "; ".join(filter(None, [
                why, f"{', '.join(map(repr, names[:3]))}: the sum of the others, or called so: it would count twice in "
                     "totals" if before else "the sum of the others, or called so: it would count twice in totals"])))
        seen = _tried(draft, read, group)
    unused = seen.summary["unused"]
    conflicting = unused["values_refused_by_rule"].get("conflicting", 0)
    answer = several_rows(facts, roles, units, unused["rows_repeated"] + conflicting, conflicting, ask, files, is_spread
                          ) if len(roles.days) else None
    if answer is None:
        draft.seen.append("no period has several rows that contradict or repeat each other")
    elif answer.value:
        draft.rules["several_rows"] = (answer.value, answer.why)
    else:
        draft.seen.append(answer.why)
        draft.notes.append(answer.why)
    is_summed = draft.rules.get("several_rows", ("", ""))[0] == "sum"
    missing = gaps(facts, roles, units, ask, is_summed) if len(roles.days) else None
    if missing is not None and missing.value:
        draft.rules["gaps"] = (missing.value, missing.why)
    elif missing is not None and missing.why:
        draft.seen.append(missing.why)
    seen = _tried(draft, read, group)
    if overlap := next((notice for notice in seen.catalogue.notices if STANDS_TWICE in notice), ""):
        del draft.rules["several_rows"]
        draft.notes.append(f"{overlap.partition(', and each counts')[0]}: rows that are alike count once")
        seen = _tried(draft, read, group)
    refused = seen.summary["unused"]["values_refused_by_rule"]
    if refused.get("negative"):
        rows = seen.summary["unused"]["rows"]
        draft.rules["negative"] = ("zero", f"{refused['negative']:,} of {rows:,} values are below 0, as "
                                           f"{'; '.join(seen.examples('negative'))}: returns, taken as nothing sold")
        seen = _tried(draft, read, group)
    for notice in seen.catalogue.notices:
        if any(NO_NAME.format(ours) in notice for ours in ("region", "item")):
            raise CannotProposeError(_line(notice))
    if not seen.usable:
        problem, _ = (seen.problems.most_common(1) or [("no region-item has demand", 0)])[0]
        raise CannotProposeError(_line(problem))
    seen = _with_horizon(draft, seen, read, group)
    _note_trouble(draft, seen)
    if seen.closed_weekdays:
        draft.seen.append(f"nothing is ever sold on {' and '.join(seen.closed_weekdays)}: forecast as closed")
    return draft, seen


def _note_placeholders(draft: Draft, facts: Facts, roles: Roles, units: Any) -> None:
    """Note the numbers that stand for demand that is not known: nines far above all others of a series; and -1 and the
    like where nothing else in the table is below 0 and no rows are put together, as returns would be."""
    if not look_strange(units).any():
        return
    found: Counter[float] = Counter()
    series = pd.Series(units).groupby(series_codes(roles.keys(facts), facts.rows))
    for _, its in series:
        found.update(dict(placeholders_among(its.to_numpy())))
    below = set(np.unique(units[units < 0]).tolist())
    are_none = below <= set(found) and not (len(roles.days) and shared_periods(facts, roles, units).share)
    values = [value for value in sorted(found) if value > 0 or are_none]
    if values:
        rows = sum(found[value] for value in values)
        draft.rules["placeholders"] = (values, f"{rows:,} rows, and nothing else comes near: not known")


def _tried(draft: Draft, read: Mapping[str, Any], group: Group | None) -> LookedThrough:
    try:
        dataset: Dataset = draft.dataset(read)
        if group is not None and group.is_large:  # between the parts of a sample nothing is known
            rules = dataset.rules.model_copy(update={"unknown_share": 1.0})
            dataset = dataset.model_copy(update={"rules": rules})
        return look_through(dataset, most_rows=_LOOKED_AT)
    except ValidationError as error:
        raise CannotProposeError(f"no dataset file can be made: {_line(error)}") from error
    except (SourceError, RawDemandError) as error:
        raise CannotProposeError(_line(error)) from error


def _with_horizon(draft: Draft, seen: LookedThrough, read: Mapping[str, Any], group: Group | None) -> LookedThrough:
    """The same with a horizon that the history allows. Raises: CannotProposeError: none."""
    if not seen.too_short:
        return seen
    frequency = seen.dataset.frequency
    longest = max(int(one.counts.get("periods", 0)) for one in seen.usable)
    horizon = (longest - WARMUP[frequency]) // 2
    word = WORDS[frequency]
    if horizon < 1:
        raise CannotProposeError(f"the longest history is {longest} {word[longest != 1]}; at least "
                                 f"{WARMUP[frequency] + 2} {word[1]} of demand are needed to train on")
    draft.horizon = (horizon, f"{word[1]} to forecast: as many as the history of {longest} {word[1]} allows")
    return _tried(draft, read, group)


def _note_trouble(draft: Draft, seen: LookedThrough) -> None:
    refused = seen.summary["unused"]["values_refused_by_rule"]
    for rule, count in sorted(refused.items(), key=lambda pair: -pair[1]):
        draft.seen.append(f"refused, {rule}: {count:,} values, as {'; '.join(seen.examples(rule))}")
    for problem, count in seen.problems.most_common(3):
        draft.notes.append(f"{count} of {len(seen.validated)} region-items cannot be used: {_line(problem)}")
    left_out = sum(rows for _, _, _, rows in seen.catalogue.refused)
    if left_out > _FEW_SHARED * (left_out + seen.summary["unused"]["rows"]):
        region, item, reason, _ = seen.catalogue.refused[0]
        draft.notes.append(f"{left_out:,} rows are left out, as those of region {region!r}, item {item!r}: {reason}")
    for notices in list(seen.summary["notices"].values())[:2]:
        draft.seen += notices
    draft.seen += [f"left out: region {region!r}, item {item!r}: {reason}"
                   for region, item, reason, _ in seen.catalogue.refused[:3]]


def _line(error: object) -> str:
    """An error in one line."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return " ".join(str(error).split())
