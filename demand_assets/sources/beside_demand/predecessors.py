"""Which items replace which others: the rows of the dataset file and those of its table, held against the demand.

The table is read as others beside the demand are, so that ids, numbers and dates are read the same everywhere.
"""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

import numpy as np

from demand_assets.forecasting.contract.source import Catalogue, SourceError, as_text
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.demand.source_entries import PredecessorTable
from demand_assets.forecasting.dataset.predecessors import BY_TABLE, Link, Predecessors, checked_scale, faults
from demand_assets.forecasting.validation.written.dates import UNCLEAR_ORDER, of_unclear_order, read_dates
from demand_assets.forecasting.validation.written.values import read_categories, read_numbers
from demand_assets.sources.beside_demand.side_tables import BROKEN, SideTable, of_broken

TABLE, ROWS = "[predecessor_table]", "[[predecessors]]"
MOST_NOTICES = 50
"""Sentences about rows; of more the number is told."""
_ENTRIES = {"new_item": "item", "old_item": "replaces", "of_region": "region", "units_each": "scale",
            "first_day": "date"}
"""What the columns of the table are called while it is read, and by their entries."""


def read_predecessors(dataset: Dataset, catalogue: Catalogue,
                      environment: Mapping[str, str] | None = None) -> Predecessors:
    """The links of the dataset file and its table that can be used, with a sentence for each that cannot.

    Args:
        catalogue: of the demand.
        environment: values of ``${NAME}`` in paths and URLs; the process's environment unless given.
    Raises: SourceError: the table cannot be read, or lacks a column.
    """
    links = [link for one in dataset.predecessors for link in one.links]
    told: list[str] = []
    if dataset.predecessor_table is not None:
        of_table, wrong = _from_table(dataset.predecessor_table, environment)
        told += wrong
        links += of_table
    wrong_places = faults(links)
    told += [f"{_where(links[place])}: {problem}" for place, problem in wrong_places.items()]
    sound = [link for place, link in enumerate(links) if place not in wrong_places]
    used = []
    for link in sound:
        if problem := _stranger(link, catalogue):
            told.append(f"{_where(link)}: {problem}")
        else:
            used.append(link)
    if len(told) > MOST_NOTICES:
        told = [*told[:MOST_NOTICES], f"Predecessors: {len(told) - MOST_NOTICES} more rows are not used."]
    return Predecessors(tuple(used), tuple(told))


def _where(link: Link) -> str:
    return TABLE if link.by == BY_TABLE else ROWS


def _stranger(link: Link, catalogue: Catalogue) -> str:
    """What the link names that has no demand, in a sentence; empty where all has."""
    ones = catalogue.region_items
    regions = {one.region for one in ones}
    if link.region and link.region not in regions:
        return (f"{link}: the demand has no region {link.region!r}, so nothing is carried over."
                f"{_perhaps(link.region, sorted(regions))}")
    items = {one.item for one in ones}
    for name in (link.item, link.of):
        if name not in items:
            later = " It is used as soon as the demand has it." if name == link.item else ""
            return (f"{link}: the demand has no item {name!r}, so nothing is carried over.{later}"
                    f"{_perhaps(name, sorted(items))}")
    of_item, of_other = ({one.region for one in ones if one.item == name and link.is_in(one.region)}
                         for name in (link.item, link.of))
    if not of_item & of_other:
        return f"{link}: no region has both, so nothing is carried over."
    return ""


def _perhaps(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, n=1, cutoff=0.6)
    return f" Perhaps {near[0]!r} is meant." if near else ""


def _from_table(table: PredecessorTable, environment: Mapping[str, str] | None) -> tuple[list[Link], list[str]]:
    """The links of the table's rows, and a sentence for each row that is none."""
    try:
        rows = _opened(table, environment).rows()
    except SourceError as error:
        raise SourceError(f"{TABLE}: {error}") from error
    nothing = np.full(len(rows), None, dtype=object)
    texts = {ours: read_categories(rows[ours]) if ours in rows else nothing for ours in _ENTRIES}
    scales, is_no_scale = read_numbers(rows["units_each"]) if table.scale else (
        np.full(len(rows), np.nan), np.zeros(len(rows), dtype=bool))
    days = read_dates(rows["first_day"], "D", table.date_format).days if table.date else (
        np.full(len(rows), np.datetime64("NaT", "D")))
    unclear = of_unclear_order([rows["first_day"]] if table.date else [], table.date_format)
    links, wrong = [], []
    for at, number in enumerate(rows["row"].tolist()):
        if (line := rows[BROKEN].iloc[at]) is not None:
            wrong.append(f"{TABLE}: {of_broken(number, line)}.")
            continue
        item, of, region = (texts[ours][at] or "" for ours in ("new_item", "old_item", "of_region"))
        problem = ""
        if not item and not of:
            continue
        if not item or not of:
            problem = f"{table.replaces if item else table.item} is empty"
        elif is_no_scale[at]:
            problem = f"{table.scale} is {as_text(rows['units_each'].iloc[at], 40)!r} and no number"
        elif texts["first_day"][at] and np.isnat(days[at]):
            problem = (f"{table.date} is {as_text(rows['first_day'].iloc[at], 40)!r} and no date; write it as in "
                       "2024-12-24, or set date_format")
        elif any(of_column[at] for of_column in unclear):
            problem = f"{table.date} {as_text(rows['first_day'].iloc[at], 40)!r} {UNCLEAR_ORDER}"
        scale = 1.0 if np.isnan(scales[at]) else float(scales[at])
        if not problem:
            try:
                checked_scale(scale)
            except ValueError as error:
                problem = str(error)
        if problem:
            wrong.append(f"{TABLE}: row {number} is not used: {problem}.")
            continue
        links.append(Link(item, of, "replaces", region, scale, None if np.isnat(days[at]) else days[at].item(),
                          BY_TABLE))
    return links, wrong


def _opened(table: PredecessorTable, environment: Mapping[str, str] | None) -> SideTable:
    called = {ours: (entry, f"Name it under {TABLE}, as in: {entry}") for ours, entry in _ENTRIES.items()}
    columns = {ours: column for ours, entry in _ENTRIES.items() if (column := getattr(table, entry))}
    return SideTable(table.source, columns, called, names=["new_item", "old_item", "of_region"],
                     numbers=["units_each"] if table.scale else [], environment=environment)


def is_declared(dataset: Dataset) -> bool:
    """Whether the dataset file names predecessors."""
    return bool(dataset.predecessors) or dataset.predecessor_table is not None
