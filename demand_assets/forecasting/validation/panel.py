"""Raw rows become demand that downstream may trust; what fails a rule goes to quarantine with the reason."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandera.errors import SchemaError, SchemaErrors

from demand_assets.forecasting.contract.calendar import EventTables
from demand_assets.forecasting.contract.dataset_file import Dataset
from demand_assets.forecasting.contract.periods import MONTHS, Dates, Ordinals, in_words, period_dates
from demand_assets.forecasting.contract.quarantine import COLUMNS
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.contract.schemas import PANEL_OWNER, demand_schema, raw_schema
from demand_assets.forecasting.contract.source import as_text
from demand_assets.forecasting.series.calendar_days import calendar_values
from demand_assets.forecasting.validation.date_rules import midnights_elsewhere
from demand_assets.forecasting.validation.row_rules import NO_PERIOD, ReadPanel, read_panel

Floats = npt.NDArray[np.float64]


LARGEST = 3
"""How many refused values are told."""
_ENOUGH_TO_TELL = 5
"""Periods without demand from which on a driver's value in them may be told to be a placeholder."""


_NINES = frozenset(float("9" * count) for count in range(2, 10)) | {99.99, 999.99, 9999.99, 99999.99}
_MANY_NINES = 9999.0
_ABOVE, _FAR_ABOVE = 2.0, 4.0
"""How many times larger than all others a number of nines is that may mean "not known"."""
_DIFFERENT = 3
"""Other values, so that a price of 999 that never changes is none."""


class RawDemandError(ValueError):
    """Raw demand that lacks what the dataset file declares."""


@dataclass(frozen=True)
class Validated:
    """What the validation made of one region-item."""

    region_item: RegionItem
    demand: pd.DataFrame | None
    """Schema Demand: consecutive periods, oldest first; rows after the last known demand carry known future drivers.
    None when there is a problem."""
    quarantine: pd.DataFrame
    """Schema Quarantine: refused rows and values."""
    problem: str
    """Why its last good demand must be kept, in words with the cure; empty when ``demand`` may be trusted."""
    counts: dict[str, int]
    """``rows`` read; ``quarantined`` rows but for those of periods that are not over, and values by rule
    (``quarantined:negative`` …); rows not taken for other
    reasons (``repeated``: identical to another; ``leading_unknown``: before the first known demand); ``periods`` up to
    the last known demand, of them ``unknown_periods`` and ``filled_zero``; ``negative_as_zero``; and periods without a
    driver's value (``unknown:price`` …)."""
    units: "Units"
    notices: tuple[str, ...] = ()
    """What somebody has to know of it though it may be trusted, the gravest first."""


@dataclass(frozen=True)
class Units:
    """Of one region-item, the units that were read, and those of them that were refused."""

    read: float = 0.0
    refused: float = 0.0
    """Without those set aside as unfinished."""
    by_rule: dict[str, float] = field(default_factory=dict)
    repeated: float = 0.0
    """Of rows left out because they are identical to another."""
    largest: tuple[tuple[str, str, str], ...] = ()
    """Date, value and rule of the largest that were refused, at most ``LARGEST``; what is no number comes first."""


def validate_panel(raw: pd.DataFrame, dataset: Dataset, region_items: Sequence[RegionItem],
                   last_date: pd.Timestamp | None, today: pd.Timestamp,
                   tables: EventTables | None = None) -> list[Validated]:
    """One outcome for each region-item, in their order; trouble in one never touches another.

    Every row ends in ``demand``, in ``quarantine``, or in one of the counts.

    Args:
        raw: as ``Source.read`` gives it; rows of other region-items are left aside.
        last_date: the last period with demand anywhere in the dataset; None when there is none.
        today: the day that is not over yet; demand after it is refused.
        tables: the events of the calendar that stand in tables; of others nothing is known.
    Raises: RawDemandError: a column is missing.
    """
    try:
        raw_schema(dataset.of_source).validate(raw)
    except SchemaError as error:
        raise RawDemandError(f"Raw demand does not fit the dataset file: {error}. The file has changed since the "
                             "source was read: materialise `raw_demand` again.") from error
    panel = read_panel(raw, dataset.of_source, region_items, today)
    order = np.lexsort((panel.number, panel.owner))
    bounds = np.searchsorted(panel.owner[order], np.arange(len(region_items) + 1))
    refused = panel.refusals.table(panel.days)
    refused_owner = panel.owner[refused["position"].to_numpy(dtype=np.int64)]
    refused = refused.loc[:, list(COLUMNS)].iloc[np.argsort(refused_owner, kind="stable")]
    refused_bounds = np.searchsorted(np.sort(refused_owner), np.arange(len(region_items) + 1))
    outcomes = []
    for owner, region_item in enumerate(region_items):
        rows = order[bounds[owner]:bounds[owner + 1]]
        quarantine = refused.iloc[refused_bounds[owner]:refused_bounds[owner + 1]].reset_index(drop=True)
        outcomes.append(_outcome(region_item, dataset, panel, rows, quarantine, last_date, tables))
    return _held_to_schema(outcomes, dataset)


def _outcome(region_item: RegionItem, dataset: Dataset, panel: ReadPanel, rows: npt.NDArray[np.intp],
             quarantine: pd.DataFrame, last_date: pd.Timestamp | None, tables: EventTables | None) -> Validated:
    counts = {"rows": len(rows),
              "quarantined": int(quarantine.loc[quarantine["rule"] != "unfinished", "row"].nunique())}
    counts |= {f"quarantined:{rule}": int(count) for rule, count in quarantine["rule"].value_counts().items()}
    counts["repeated"] = int(panel.is_repeated[rows].sum())
    counts["combined"] = int(panel.is_combined[rows].sum())
    counts |= {f"placeholder:{name}": int(mask[rows].sum()) for name, mask in panel.placeholders.items() if mask.any()}
    units = _units(panel, rows, quarantine)
    stamped = _stamped_before_midnight(dataset, panel, rows)
    taken = rows[panel.is_taken[rows]]
    known = taken[~np.isnan(panel.demand[taken])]
    if not len(known):
        if len(taken) and quarantine.empty and last_date is not None and (
                table := _not_sold_yet(dataset, panel, taken, last_date)) is not None:
            table = _with_calendar(table, dataset, region_item, tables)
            return Validated(region_item, table, quarantine, "", {**counts, "periods": 0}, units)
        problem = _nothing_known(dataset, panel, rows, quarantine)
        return Validated(region_item, None, quarantine, problem, {**counts, "periods": 0}, units)
    first, last_known = panel.number[known[0]], panel.number[known[-1]]
    counts["leading_unknown"] = int((panel.number[taken] < first).sum())
    counts["negative_as_zero"] = int(panel.is_negative_as_zero[taken].sum())
    taken = taken[panel.number[taken] >= first]
    weekday = int(panel.weekday[taken[0]])
    dataset_end = panel.number_of(last_date, weekday) if last_date is not None else last_known
    behind = int(dataset_end - last_known)
    end = last_known
    if dataset.rules.gaps == "zero" and behind <= dataset.stale_periods:
        end = max(end, dataset_end)
    table, filled = _consecutive(dataset, panel, taken, int(end), weekday, lost=_lost_periods(panel, rows, int(end)))
    table = _with_calendar(table, dataset, region_item, tables)
    units_known = table["demand"].to_numpy()[:int(end - first) + 1]
    counts |= {"periods": len(units_known), "unknown_periods": int(np.isnan(units_known).sum()), "filled_zero": filled}
    counts |= {f"unknown:{driver.name}": int(table[driver.name].iloc[:len(units_known)].isna().sum())
               for driver in dataset.drivers}
    refused = int(panel.refusals.any[rows].sum())
    ended = table["date"].iloc[int(last_known - first)]
    newest = _newest_refused(dataset, panel, rows, int(last_known), weekday, ended, quarantine)
    counts["newest_refused"] = newest.periods
    problem = ((stamped if stamped.startswith(_SURELY) else "") or _wrong_frequency(dataset, panel, rows)
               or _much_refused(dataset, refused, len(rows), quarantine) or _much_unknown(dataset, counts)
               or _ended(dataset, behind, ended, last_date, newest.words))
    notices = (newest.words, stamped, *_look_like_placeholders(dataset, table.iloc[:len(units_known)]),
               *_stand_for_unknown(dataset, panel, rows))
    return Validated(region_item, None if problem else table, quarantine, problem, counts, units,
                     tuple(filter(None, notices)))


def _units(panel: ReadPanel, rows: npt.NDArray[np.intp], quarantine: pd.DataFrame) -> Units:
    read = panel.read[rows]
    of_demand = quarantine[quarantine["column"].isin(("date", "demand")) & (quarantine["rule"] != "beyond_horizon")]
    by_row = dict(zip(panel.refusals.panel["row"].to_numpy()[rows].tolist(), read.tolist(), strict=True))
    sizes = of_demand["row"].map(by_row).to_numpy(dtype=np.float64)
    texts = np.where(of_demand["column"] == "demand", of_demand["value"], "")
    values = [text or (f"{size:.12g}" if size == size else "") for text, size in zip(texts, sizes, strict=True)]
    counted = np.where(np.isfinite(sizes) & (sizes > 0), sizes, 0.0)
    rules = of_demand["rule"].to_numpy()
    is_offence = rules != "unfinished"
    order = np.argsort(-np.where(np.isnan(sizes), np.inf, sizes), kind="stable")
    dates = of_demand["date"].tolist()
    return Units(
        read=float(np.nansum(np.where(read > 0, read, 0.0)) + counted[rules == "unfinished"].sum()),
        refused=float(counted[is_offence].sum()),
        by_rule={str(rule): float(counted[rules == rule].sum()) for rule in dict.fromkeys(rules)},
        repeated=float(np.nansum(np.where(panel.is_repeated[rows] & (read > 0), read, 0.0))),
        largest=tuple((dates[at], values[at], str(rules[at])) for at in order.tolist() if is_offence[at])[:LARGEST])


def _lost_periods(panel: ReadPanel, rows: npt.NDArray[np.intp], end: int) -> npt.NDArray[np.int64]:
    """Numbers of the periods of which something was refused, or may have been: where a row's date could not be read,
    those from the row before it to the row after it, or to the end where it is newer than any."""
    by_row = rows[np.argsort(panel.refusals.panel["row"].to_numpy()[rows], kind="stable")]
    is_lost = panel.refusals.of_demand[by_row]
    if not is_lost.any():
        return np.zeros(0, dtype=np.int64)
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
    placed = np.flatnonzero(has_place & panel.is_taken[by_row])
    if not len(placed):
        return by_row[:0]
    at, first, last = np.arange(len(by_row)), placed[0], placed[-1]
    is_forward = panel.period[by_row[last]] >= panel.period[by_row[first]]
    is_beyond = at > last if is_forward else at < first
    dates = panel.refusals.panel["date"].iloc[by_row].astype(object)
    is_note = np.array([isinstance(value, str) and bool(value.strip()) and not any(map(str.isdigit, value))
                        for value in dates])  # a line below the table: Total, Source: till
    is_beyond &= ~is_note
    return np.asarray(by_row[is_beyond & ~has_place & panel.refusals.of_demand[by_row]])


@dataclass(frozen=True)
class _Newest:
    periods: int = 0
    words: str = ""


def _newest_refused(dataset: Dataset, panel: ReadPanel, rows: npt.NDArray[np.intp], last_known: int, weekday: int,
                    ended: pd.Timestamp, quarantine: pd.DataFrame) -> _Newest:
    """The periods after the last known demand of which something was refused."""
    lost = rows[panel.refusals.of_demand[rows]]
    lost = lost[(panel.period[lost] > last_known) & ~panel.is_stray[lost]]
    shown = set(panel.refusals.panel["row"].to_numpy()[lost].tolist())
    newest = quarantine[quarantine["row"].isin(shown) & ~quarantine["rule"].isin(("future",))
                        & quarantine["column"].isin(("date", "demand"))]
    by_row = rows[np.argsort(panel.refusals.panel["row"].to_numpy()[rows], kind="stable")]
    undated = _undated_and_newest(panel, by_row)
    if newest.empty and len(undated):
        numbers = panel.refusals.panel["row"].to_numpy()[undated]
        message = quarantine.loc[quarantine["row"] == int(numbers[-1]), "message"].iloc[0]
        return _Newest(len(undated), f"Its newest demand ({len(undated)} rows, to row {int(numbers.max())}) is "
                                     f"refused, as in: {message} Its forecast begins after {ended.date()}.")
    if newest.empty:
        return _Newest()
    periods = np.unique(panel.period[lost])
    dates = period_dates(periods, dataset.frequency, weekday)
    between = f"{dates[0]}" if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    return _Newest(len(periods), f"Its newest demand ({in_words(len(periods), dataset.frequency)}: {between}) is "
                                 f"refused, as in: {newest['message'].iloc[-1]} Its forecast begins after "
                                 f"{ended.date()}.")


_SURELY = "Its dates are the UTC"
_DAY_MINUTES = 24 * 60


def _stamped_before_midnight(dataset: Dataset, panel: ReadPanel, rows: npt.NDArray[np.intp]) -> str:
    """Words where all stamps look like midnight of another time zone, told in UTC; begins with ``_SURELY`` where they
    hardly can be anything else."""
    if dataset.columns.time_zone is not None or len(rows) < _ENOUGH_TO_TELL:
        return ""
    times = midnights_elsewhere(panel.dates, rows)
    if not times:
        return ""
    is_usual = np.isin(panel.dates.minute[rows], np.array(times) % _DAY_MINUTES)
    days = panel.days[rows][~np.isnat(panel.days[rows]) & is_usual]
    is_month_end = dataset.frequency in MONTHS and np.all(
        (days + np.timedelta64(1, "D")).astype("datetime64[M]") != days.astype("datetime64[M]"))
    at = " and ".join(f"{time // 60 % 24:02}:{time % 60:02}" for time in times)
    others = int((~is_usual & ~np.isnat(panel.days[rows])).sum())
    but = f" but {others}, which are refused" if others else ""
    cure = ("Name the time zone, as in columns.time_zone = 'Europe/Berlin'; with columns.time_zone = 'UTC' the dates "
            "count as they are written.")
    if panel.has_zone[rows].any() or is_month_end or len(times) == 2:
        return f"{_SURELY} moments at which local days begin: all are stamped {at}{but}. {cure}"
    return f"Its dates are all stamped {at}{but}, which may be local midnight told in UTC. {cure}"


def _look_like_placeholders(dataset: Dataset, table: pd.DataFrame) -> list[str]:
    """Words for each driver that is 0 where nothing was sold and nowhere else."""
    units = table["demand"].to_numpy()
    found = []
    for driver in dataset.drivers:
        if driver.kind != "number" or driver.placeholders is not None:
            continue
        is_zero = table[driver.name].to_numpy(dtype=np.float64) == 0
        unsold, sold = units == 0, units > 0
        if unsold.sum() >= _ENOUGH_TO_TELL and sold.sum() >= _ENOUGH_TO_TELL and is_zero[unsold].mean() >= 0.95 and (
                is_zero[sold].mean() <= 0.01):
            found.append(f"{driver.title} is 0 in the {in_words(int(unsold.sum()), dataset.frequency)} in which "
                         f"nothing was sold, and in hardly any other: it looks like \"not known\". Set placeholders = "
                         f"[0] for the driver {driver.name}, or placeholders = [] if it was really so.")
    return found


def _stand_for_unknown(dataset: Dataset, panel: ReadPanel, rows: npt.NDArray[np.intp]) -> list[str]:
    """Words for numbers such as -1 and 9999 in demand and drivers that no other value comes near."""
    found = []
    if dataset.rules.placeholders is None:
        found += [f"Demand is {value} {often} times, and nothing else comes near: it looks like \"not known\". Set "
                  f"rules.placeholders = [{value}] to declare that, or rules.placeholders = [] if it was really so."
                  for value, often in _strange_numbers(panel.read[rows])]
    for driver in dataset.drivers:
        if driver.kind == "number" and driver.placeholders is None:
            found += [f"{driver.title} is {value} {often} times, and nothing else comes near: it looks like \"not "
                      f"known\". Set placeholders = [{value}] for the driver {driver.name}, or placeholders = [] if it "
                      "was really so." for value, often in _strange_numbers(panel.read_drivers[driver.name][rows])]
    return found


def _strange_numbers(values: Floats) -> list[tuple[str, int]]:
    """What looks like a placeholder, with all its digits, and how often it stands there."""
    return [(as_text(value), often) for value, often in placeholders_among(values)]


def placeholders_among(values: Floats) -> list[tuple[float, int]]:
    """The values that look like "not known" and how often they stand: nines far above all others, and a -1 or
    negative nines where nothing else is below zero."""
    known, often = np.unique(values[np.isfinite(values)], return_counts=True)
    counts = dict(zip(known.tolist(), often.tolist(), strict=True))
    others = [value for value in counts if value not in _NINES and -value not in (*_NINES, 1.0)]
    if len(others) < _DIFFERENT:
        return []
    largest, smallest = max(others), min(others)
    return [(value, count) for value, count in counts.items()
            if (value in _NINES and value >= largest * (_FAR_ABOVE if value < _MANY_NINES or count == 1 else _ABOVE))
            or (-value in (*_NINES, 1.0) and smallest >= 0 and count > 1)]


def _consecutive(dataset: Dataset, panel: ReadPanel, rows: npt.NDArray[np.intp], end: int,
                 weekday: int, begin: int | None = None,
                 lost: npt.NDArray[np.int64] | None = None) -> tuple[pd.DataFrame, int]:
    """One row a period from ``begin`` or the first of ``rows`` on, and how many were filled with zero by the rule for
    gaps, which holds up to ``end``; ``lost`` periods are no gaps."""
    first = int(panel.number[rows[0]]) if begin is None else begin
    last = max(int(panel.number[rows[-1]]), end)
    if dataset.of_source is not dataset:  # what a calendar makes is known as far as forecasts reach
        last = max(last, max(first, end) + dataset.horizon)
    numbers: Ordinals = np.arange(first, last + 1)
    places = panel.number[rows] - first
    demand = np.full(len(numbers), np.nan)
    filled = 0
    if dataset.rules.gaps == "zero":
        is_gap = np.ones(end - first + 1, dtype=bool)
        is_gap[places[places < len(is_gap)]] = False
        if lost is not None:
            is_gap[lost[(lost >= first) & (lost <= end)] - first] = False
        demand[:len(is_gap)][is_gap] = 0.0
        filled = int(is_gap.sum())
    demand[places] = panel.demand[rows]
    columns: dict[str, npt.NDArray[np.generic] | npt.NDArray[np.object_]] = {
        "date": period_dates(numbers, dataset.frequency, weekday).astype("datetime64[ns]"), "demand": demand}
    for driver in dataset.of_source.drivers:
        values = panel.drivers[driver.name]
        column = np.full(len(numbers), None if driver.kind == "category" else np.nan, dtype=values.dtype)
        column[places] = values[rows]
        columns[driver.name] = column
    return pd.DataFrame(columns), filled


def _with_calendar(table: pd.DataFrame, dataset: Dataset, region_item: RegionItem,
                   tables: EventTables | None) -> pd.DataFrame:
    """The table with the drivers that the calendar makes."""
    dates = table["date"].to_numpy().astype("datetime64[D]")
    return table.assign(**calendar_values(dataset, region_item.region, dates, tables))


def _not_sold_yet(dataset: Dataset, panel: ReadPanel, rows: npt.NDArray[np.intp],
                  last_date: pd.Timestamp) -> pd.DataFrame | None:
    """The planned drivers of a region-item whose rows all lie in the future, from the dataset's last period on; None
    where some do not."""
    weekday = int(panel.weekday[rows[0]])
    end = int(panel.number_of(last_date, weekday))
    if int(panel.number[rows[0]]) <= end:
        return None
    return _consecutive(dataset, panel, rows, end - 1, weekday, begin=end)[0]


def _nothing_known(dataset: Dataset, panel: ReadPanel, rows: npt.NDArray[np.intp], quarantine: pd.DataFrame) -> str:
    if not len(rows):
        return ("The source has no rows for it. If it was renamed, forecast it under its new name; if it was dropped "
                "by mistake, restore it at the source and materialise `raw_demand` again.")
    if wrong := _wrong_frequency(dataset, panel, rows):
        return wrong
    if quarantine.empty:
        return (f"None of its {len(rows)} rows has demand. Check the column {dataset.columns.demand!r} of the source, "
                "then materialise `raw_demand` again.")
    return (f"Nothing of its {len(rows)} rows can be used; the most frequent reason: "
            f"{quarantine['message'].mode().iloc[0]}")


def _half_swapped(panel: ReadPanel, rows: npt.NDArray[np.intp]) -> str:
    """Words where day and month have changed places in all dates in which they can, as a spreadsheet of another country
    does it: as they stand the rows are in no order, and the other way they are in order."""
    at = rows[np.argsort(panel.refusals.panel["row"].to_numpy()[rows], kind="stable")]
    days = panel.days[at]
    at, days = at[~np.isnat(days)], days[~np.isnat(days)]
    if len(days) < _ENOUGH_TO_TELL or _is_in_order(days):
        return ""
    months = days.astype("datetime64[M]")
    day, month, year = ((days - months.astype("datetime64[D]")).astype(np.int64), months.astype(np.int64) % 12,
                        months.astype("datetime64[Y]"))
    can = day < 12
    other = np.where(can, (year.astype("datetime64[M]") + day).astype("datetime64[D]") + month, days)
    if can.all() or not _is_in_order(other):
        return ""
    first = int(np.flatnonzero(other != days)[0])
    return (f"Day and month have changed places in its dates up to the 12th: as they stand the rows are in no order, "
            f"and with {other[first]} for {days[first]} and so on they are. A spreadsheet of another country does so "
            "when it opens a file. Write all dates as 2024-01-31 at the source, from before that.")


def _is_in_order(days: Dates) -> bool:
    steps = np.diff(days).astype(np.int64)
    return bool((steps >= 0).all() or (steps <= 0).all())


def _wrong_frequency(dataset: Dataset, panel: ReadPanel, rows: npt.NDArray[np.intp]) -> str:
    if dataset.frequency == "D" and (swapped := _half_swapped(panel, rows)):
        return swapped
    if weeks := panel.retail_periods_seen(rows):
        if "week" not in weeks:
            return (f"Its periods are {weeks}; days, weeks, months and quarters of the calendar year can be forecast. "
                    "Deliver demand by month, week or day at the source, and set frequency = 'M', 'W' or 'D'.")
        return (f"Its periods are {weeks}: neither weeks nor months or quarters of the calendar, so frequency = 'M' "
                "or 'Q' would put them under wrong ones. Deliver demand by week or by day at the source, and "
                "set frequency = 'W' or 'D'.")
    words = {"hour": "several rows a day", "D": "daily", "W": "weekly", "M": "monthly", "Q": "quarterly"}
    seen = panel.frequency_seen(rows)
    are_put_together = dataset.rules.several_rows in ("sum", "mean", "last")
    if seen is None or seen == dataset.frequency or (seen == "hour" and are_put_together):
        return ""
    coarser = "HDWMQ".index("H" if seen == "hour" else seen) < "HDWMQ".index(dataset.frequency)
    cure = (f"Sum demand to {words[dataset.frequency]} values at the source" if coarser else "Correct the dataset file"
            ) + (f", or set frequency = {seen!r}." if seen != "hour" else
                 ", or set rules.several_rows = 'sum' if each row is a sale of its own.")
    return (f"Its dates look like {words[seen]} demand and the dataset says frequency = {dataset.frequency!r} "
            f"({words[dataset.frequency]}). {cure}")


def _much_refused(dataset: Dataset, refused: int, rows: int, quarantine: pd.DataFrame) -> str:
    allowed = dataset.rules.quarantined_share
    if refused <= allowed * rows:
        return ""
    rule = quarantine["rule"].mode().iloc[0]
    example = quarantine.loc[quarantine["rule"] == rule, "message"].iloc[0]
    return (f"{refused} of its {rows} rows are in quarantine, more than the allowed {allowed:.0%}. Most frequent rule: "
            f"{rule}, as in: {example} Correct the source, or raise rules.quarantined_share.")


def _much_unknown(dataset: Dataset, counts: dict[str, int]) -> str:
    unknown, periods, allowed = counts["unknown_periods"], counts["periods"], dataset.rules.unknown_share
    if unknown <= allowed * periods:
        return ""
    return (f"Demand is unknown in {unknown} of its {in_words(periods, dataset.frequency)}, more than the allowed "
            f"{allowed:.0%}. If a missing row means that nothing was sold, set rules.gaps = 'zero'; otherwise complete "
            "the source, or raise rules.unknown_share.")


def _ended(dataset: Dataset, behind: int, ended: pd.Timestamp, last_date: pd.Timestamp | None, newest: str) -> str:
    if behind <= dataset.stale_periods or last_date is None:
        return ""
    if newest:
        return newest
    return (f"Its demand ends on {ended.date()}, {in_words(behind, dataset.frequency)} before the dataset's "
            f"({last_date.date()}); at most {dataset.stale_periods} are allowed. It is no longer sold, or its feed has "
            "stopped: restore the feed, or raise rules.stale_periods.")


def _held_to_schema(outcomes: list[Validated], dataset: Dataset) -> list[Validated]:
    """The outcomes; demand that breaks schema Demand, which only a fault in the rules can bring about, is withheld."""
    parts = [validated.demand.assign(**{PANEL_OWNER: place}) for place, validated in enumerate(outcomes)
             if validated.demand is not None]
    if not parts:
        return outcomes
    panel = pd.concat(parts, ignore_index=True)
    try:
        demand_schema(dataset, of_panel=True).validate(panel, lazy=True)
    except SchemaErrors as error:
        for failure in error.failure_cases.itertuples():
            places = [int(panel[PANEL_OWNER].iloc[int(failure.index)])] if pd.notna(failure.index) else range(
                len(outcomes))
            for place in places:
                outcomes[place] = replace(outcomes[place], demand=None, problem=(
                    f"Its validated demand breaks the schema ({failure.check}: {failure.failure_case}). Its rows are "
                    "as they are; the fault is in the validation: report it."))
    return outcomes
