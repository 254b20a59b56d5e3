"""Periods of which something was refused: those that are no gaps, and those that are newer than all that is known."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.contract.periods import in_words, period_dates
from demand_assets.forecasting.contract.quarantine import COLUMNS
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.validation.histories import Histories, part_of
from demand_assets.forecasting.validation.row_rules import NO_PERIOD, ReadPanel
from demand_assets.forecasting.validation.suspicions import Suspicions


@dataclass(frozen=True)
class Refused:
    """What was refused of one region-item: schema Quarantine, and its columns as arrays, a place a row."""

    table: pd.DataFrame
    position: npt.NDArray[np.intp]
    """In the panel."""
    column: npt.NDArray[np.object_]
    rule: npt.NDArray[np.object_]
    value: npt.NDArray[np.object_]
    date: npt.NDArray[np.object_]


def refused_of_each(panel: ReadPanel, size: int) -> Iterator[Refused]:
    """What was refused of each of so many region-items, whose rows lie together in the panel."""
    table = panel.refusals.table(panel.days)
    position, *others = (table[name].to_numpy() for name in ("position", "column", "rule", "value", "date"))
    bounds = np.searchsorted(panel.owner[position.astype(np.int64)], np.arange(size + 1)).tolist()
    table = table.loc[:, list(COLUMNS)]
    nothing = table.iloc[:0].reset_index(drop=True)
    for start, stop in pairwise(bounds):
        mine = part_of(table, slice(start, stop)) if stop > start else nothing.copy()
        yield Refused(mine, position[start:stop], *(each[start:stop] for each in others))


def lost_periods(panel: ReadPanel, histories: Histories, suspected: Suspicions,
                 ) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.int64]]:
    """The region-items of whose demand something is known, and the periods of which something was refused, or may have
    been."""
    lost = np.flatnonzero(panel.refusals.of_demand & (panel.period != NO_PERIOD) & ~panel.is_stray)
    lost = lost[histories.has_demand[panel.owner[lost]]]
    found = [(panel.owner[lost], panel.period[lost])]
    for place in np.flatnonzero(suspected.undated & histories.has_demand).tolist():
        periods = _lost_periods_of(panel, histories.rows(place), int(histories.end[place]))
        found.append((np.full(len(periods), place), periods))
    return np.concatenate([owners for owners, _ in found]), np.concatenate([periods for _, periods in found])


def _lost_periods_of(panel: ReadPanel, rows: npt.NDArray[np.intp], end: int) -> npt.NDArray[np.int64]:
    """Numbers of the periods of which something was refused, or may have been: where a row's date could not be read,
    those from the row before it to the row after it, or to the end where it is newer than any."""
    if not panel.refusals.of_demand[rows].any():
        return np.zeros(0, dtype=np.int64)
    by_row = rows[np.argsort(panel.refusals.panel["row"].to_numpy()[rows], kind="stable")]
    is_lost = panel.refusals.of_demand[by_row]
    numbers = panel.period[by_row]
    has_place = (numbers != NO_PERIOD) & ~panel.is_stray[by_row]
    found = [numbers[is_lost & has_place]]
    placed = np.flatnonzero(has_place & panel.is_taken[by_row])
    newest = set(_undated_and_newest(panel, by_row).tolist())
    for at in np.flatnonzero(is_lost & ~has_place).tolist():
        place = int(np.searchsorted(placed, at))
        around = numbers[placed[max(place - 1, 0):place + 1]]
        if len(around):
            found.append(np.arange(around.min(), (end if by_row[at] in newest else around.max()) + 1))
    return np.unique(np.concatenate(found))


def _undated_and_newest(panel: ReadPanel, by_row: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """The rows whose date could not be read, or lies far from all others, and that stand beyond the newest row which
    is taken: after all in a source that goes forward in time, before all in one that goes back.

    Args:
        by_row: a region-item's rows in the source's order.
    """
    has_place = (panel.period[by_row] != NO_PERIOD) & ~panel.is_stray[by_row]
    is_undated = ~has_place & panel.refusals.of_demand[by_row]
    placed = np.flatnonzero(has_place & panel.is_taken[by_row])
    if not len(placed) or not is_undated.any():
        return by_row[:0]
    at, first, last = np.arange(len(by_row)), placed[0], placed[-1]
    is_forward = panel.period[by_row[last]] >= panel.period[by_row[first]]
    found = by_row[is_undated & (at > last if is_forward else at < first)]
    dates = panel.refusals.panel["date"].iloc[found].astype(object)
    is_note = [isinstance(value, str) and bool(value.strip()) and not any(map(str.isdigit, value))
               for value in dates]  # a line below the table: Total, Source: till
    return np.asarray(found[~np.array(is_note, dtype=bool)])


@dataclass(frozen=True)
class NewestRefused:
    """What is newer than a region-item's known demand and was refused: of how many periods, and words for it."""

    periods: int = 0
    words: str = ""


def newest_refused(dataset: Dataset, panel: ReadPanel, rows: npt.NDArray[np.intp], last_observed: int, weekday: int,
                   ended: pd.Timestamp, refused: Refused) -> NewestRefused:
    """The periods after the last known demand, or the last out of stock, of which something was refused."""
    lost = rows[panel.refusals.of_demand[rows]]
    lost = lost[(panel.period[lost] > last_observed) & ~panel.is_stray[lost]]
    newest = np.flatnonzero(np.isin(refused.position, lost) & (refused.rule != "future")
                            & np.isin(refused.column, ("date", "demand")))
    if not len(newest):
        numbers = panel.refusals.panel["row"].to_numpy()
        undated = _undated_and_newest(panel, rows[np.argsort(numbers[rows], kind="stable")])
        if not len(undated):
            return NewestRefused()
        message = refused.table["message"].iloc[int(np.flatnonzero(refused.position == undated[-1])[0])]
        return NewestRefused(len(undated), (
            f"Its newest demand ({len(undated)} rows, to row {int(numbers[undated].max())}) is refused, as in: "
            f"{message} Its forecast begins after {ended.date()}."))
    periods = np.unique(panel.period[lost])
    dates = period_dates(periods, dataset.frequency, weekday)
    between = f"{dates[0]}" if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    return NewestRefused(len(periods), (
        f"Its newest demand ({in_words(len(periods), dataset.frequency)}: {between}) is refused, as in: "
        f"{refused.table['message'].iloc[int(newest[-1])]} Its forecast begins after {ended.date()}."))
