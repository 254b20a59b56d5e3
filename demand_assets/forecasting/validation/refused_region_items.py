"""When a region-item's demand is refused as a whole: too much of it is refused or unknown, its dates are of another
frequency, or it ended long ago.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.contract.periods import WORDS, Dates, in_words
from demand_assets.forecasting.contract.quarantine import RULES
from demand_assets.forecasting.contract.source import as_text
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.validation.periods.out_of_stock import stock_column
from demand_assets.forecasting.validation.row_rules import ReadPanel

_ENOUGH_DATES = 5
"""From which on their order tells whether day and month have changed places."""
COARSER_STEPS = (7, 7), (28, 31), (89, 92)
"""Days from one row to the next, shortest and longest, of weeks, months and quarters."""
ENOUGH_IN_A_ROW = {1: 8, 7: 8, 28: 5, 89: 4}
"""Rows, by the shortest step between them."""
_WEEK = 7
_LEAST_TIMES = {7: 5, 28: 11, 89: 35}
"""How many times as large as a day's the sums of weeks, months and quarters are at least, which have fewer days with a
sale than they have days; of weeks nearly all, since shops that open on Saturdays alone for a season have such rows too."""


def nothing_known(dataset: Dataset, panel: ReadPanel, rows: npt.NDArray[np.intp], quarantine: pd.DataFrame) -> str:
    """Why nothing is known of its demand."""
    if not len(rows):
        return ("The source has no rows for it. If it was renamed, forecast it under its new name; if it was dropped "
                "by mistake, restore it at the source and materialise `raw_demand` again.")
    if wrong := wrong_frequency(dataset, panel, rows):
        return wrong
    if (out := panel.is_out[rows] & ~np.isnan(panel.demand[rows])).any():
        return (f"Nothing is known of its demand: it is out of stock in all of its "
                f"{in_words(int(out.sum()), dataset.frequency)}, in which "
                f"{as_text(float(panel.demand[rows[out]].sum()))} units were sold. Check "
                f"{stock_column(dataset)}.")
    if quarantine.empty:
        return (f"None of its {len(rows)} rows has demand. Check the column {dataset.columns.demand!r} of the source, "
                "then materialise `raw_demand` again.")
    return (f"Nothing of its {len(rows)} rows can be used; the most frequent reason: "
            f"{quarantine['message'].mode().iloc[0]}")


def wrong_frequency(dataset: Dataset, panel: ReadPanel, rows: npt.NDArray[np.intp]) -> str:
    """Why its dates are of another frequency than the dataset's; empty where they are not."""
    if dataset.frequency == "D" and (swapped := _half_swapped(panel, rows)):
        return swapped
    if mixed := _coarser_among(dataset, panel, rows):
        return mixed
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


def much_refused(dataset: Dataset, refused: int, rows: int, quarantine: pd.DataFrame) -> str:
    """Why too many of its rows are refused; empty where they are not."""
    allowed = dataset.rules.quarantined_share
    if refused <= allowed * rows:
        return ""
    rule = quarantine["rule"].mode().iloc[0]
    example = quarantine.loc[quarantine["rule"] == rule, "message"].iloc[0]
    return (f"{refused} of its {rows} rows are in quarantine, more than the allowed {allowed:.0%}. Most frequent rule: "
            f"{RULES[rule]}, as in: {example} Correct the source, or raise rules.quarantined_share.")


def much_unknown(dataset: Dataset, counts: dict[str, int]) -> str:
    """Why its demand is unknown in too many periods; empty where it is not."""
    censored = counts.get("censored_periods", 0)
    unknown, periods, allowed = counts["unknown_periods"] + censored, counts["periods"], dataset.rules.unknown_share
    if unknown <= allowed * periods:
        return ""
    if censored > unknown / 2:
        return (f"It is out of stock in {censored} of its {in_words(periods, dataset.frequency)}, so demand is known "
                f"in {periods - unknown} only; at most {allowed:.0%} may be unknown. Check {stock_column(dataset)}, "
                "or raise rules.unknown_share.")
    return (f"Demand is unknown in {unknown} of its {in_words(periods, dataset.frequency)}, more than the allowed "
            f"{allowed:.0%}. If a missing row means that nothing was sold, set rules.gaps = 'zero'; otherwise complete "
            "the source, or raise rules.unknown_share.")


def ended_long_ago(dataset: Dataset, behind: int, ended: pd.Timestamp, last_date: pd.Timestamp | None, newest: str,
           censored: int) -> str:
    """Why it ended too long ago; empty where it did not."""
    if behind <= dataset.stale_periods or last_date is None:
        return ""
    if newest:
        return newest
    if censored:
        return (f"It has been out of stock since {ended.date()}: demand is known in none of the "
                f"{in_words(behind, dataset.frequency)} since; at most {dataset.stale_periods} are allowed. It is no "
                f"longer sold, or something is wrong with {stock_column(dataset)}; else raise rules.stale_periods.")
    return (f"Its demand ends on {ended.date()}, {in_words(behind, dataset.frequency)} before the dataset's "
            f"({last_date.date()}); at most {dataset.stale_periods} are allowed. It is no longer sold, or its feed has "
            "stopped: restore the feed, or raise rules.stale_periods.")


def _half_swapped(panel: ReadPanel, rows: npt.NDArray[np.intp]) -> str:
    """Words where day and month have changed places in all dates in which they can, as a spreadsheet of another country
    does it: as they stand the rows are in no order, and the other way they are in order."""
    at = rows[np.argsort(panel.refusals.panel["row"].to_numpy()[rows], kind="stable")]
    days = panel.days[at]
    at, days = at[~np.isnat(days)], days[~np.isnat(days)]
    if len(days) < _ENOUGH_DATES or _is_in_order(days):
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


def _coarser_among(dataset: Dataset, panel: ReadPanel, rows: npt.NDArray[np.intp]) -> str:
    """Words where rows of longer periods stand among those of the dataset's, as where a folder has files of both: they
    follow each other in a longer step, and are about as many times as large."""
    usual = {"D": 1, "W": 7}.get(dataset.frequency)
    known = rows[~np.isnat(panel.days[rows]) & np.isfinite(panel.read[rows])]
    if usual is None or not len(known):
        return ""
    days, place = np.unique(panel.days[known], return_inverse=True)
    units = np.bincount(place, panel.read[known])
    steps = np.diff(days).astype(np.int64)
    is_next = np.append(False, steps == usual) | np.append(steps == usual, False)
    fine = units[is_next & (units > 0)]
    if len(fine) < ENOUGH_IN_A_ROW[usual]:
        return ""
    for shortest, longest in COARSER_STEPS:
        step = str(shortest) if shortest == longest else f"{shortest}–{longest}"
        is_step = (steps >= shortest) & (steps <= longest)
        bounds = np.flatnonzero(np.diff(np.concatenate([[False], is_step, [False]]).astype(np.int8)))
        for first, stop in zip(bounds[::2], bounds[1::2], strict=True):
            at = np.arange(first, stop + 1)
            at = at[~is_next[at]]
            if shortest <= usual or len(at) < ENOUGH_IN_A_ROW[shortest] or (
                    shortest > _WEEK and not _are_on_one_day(days[at])):
                continue
            times = float(np.median(units[at]) / np.median(fine))
            if times >= _LEAST_TIMES[shortest] / usual:
                return (f"From {days[at[0]]} to {days[at[-1]]} its rows follow each other in {step} days and are "
                        f"{times:.0f} times as large as those of single {WORDS[dataset.frequency][1]}: sums of longer "
                        "periods among them, as of a file of another frequency. Leave these rows out at the source, or "
                        "deliver them as the others.")
    return ""


def _are_on_one_day(days: Dates) -> bool:
    """Whether all lie on one day of the month, or on its last."""
    def of_month(at: Dates) -> npt.NDArray[np.int64]:
        return np.asarray((at - at.astype("datetime64[M]").astype("datetime64[D]")).astype(np.int64))

    return bool(len(np.unique(of_month(days))) == 1 or (of_month(days + np.timedelta64(1, "D")) == 0).all())
