"""Raw rows become demand that downstream may trust; what fails a rule goes to quarantine with the reason."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandera.errors import SchemaError, SchemaErrors

from demand_assets.forecasting.contract.dataset_file import Dataset
from demand_assets.forecasting.contract.periods import Ordinals, in_words, period_dates
from demand_assets.forecasting.contract.quarantine import COLUMNS
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.contract.schemas import PANEL_OWNER, demand_schema, raw_schema
from demand_assets.forecasting.validation.row_rules import ReadPanel, read_panel

Floats = npt.NDArray[np.float64]


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
    """``rows`` read; ``quarantined`` rows, and values by rule (``quarantined:negative`` …); rows not taken for other
    reasons (``repeated``: identical to another; ``leading_unknown``: before the first known demand); ``periods`` up to
    the last known demand, of them ``unknown_periods`` and ``filled_zero``; ``negative_as_zero``; and periods without a
    driver's value (``unknown:price`` …)."""


def validate_panel(raw: pd.DataFrame, dataset: Dataset, region_items: Sequence[RegionItem],
                   last_date: pd.Timestamp | None, today: pd.Timestamp) -> list[Validated]:
    """One outcome for each region-item, in their order; trouble in one never touches another.

    Every row ends in ``demand``, in ``quarantine``, or in one of the counts.

    Args:
        raw: as ``Source.read`` gives it; rows of other region-items are left aside.
        last_date: the last period with demand anywhere in the dataset; None when there is none.
        today: the day that is not over yet; demand after it is refused.
    Raises: RawDemandError: a column is missing.
    """
    try:
        raw_schema(dataset).validate(raw)
    except SchemaError as error:
        raise RawDemandError(f"Raw demand does not fit the dataset file: {error}. The file has changed since the "
                             "source was read: materialise `raw_demand` again.") from error
    panel = read_panel(raw, dataset, region_items, today)
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
        outcomes.append(_outcome(region_item, dataset, panel, rows, quarantine, last_date))
    return _held_to_schema(outcomes, dataset)


def _outcome(region_item: RegionItem, dataset: Dataset, panel: ReadPanel, rows: npt.NDArray[np.intp],
             quarantine: pd.DataFrame, last_date: pd.Timestamp | None) -> Validated:
    counts = {"rows": len(rows), "quarantined": int(quarantine["row"].nunique())}
    counts |= {f"quarantined:{rule}": int(count) for rule, count in quarantine["rule"].value_counts().items()}
    counts["repeated"] = int(panel.is_repeated[rows].sum())
    taken = rows[panel.is_taken[rows]]
    known = taken[~np.isnan(panel.demand[taken])]
    if not len(known):
        if len(taken) and quarantine.empty and last_date is not None and (
                table := _not_sold_yet(dataset, panel, taken, last_date)) is not None:
            return Validated(region_item, table, quarantine, "", {**counts, "periods": 0})
        problem = _nothing_known(dataset, panel, rows, quarantine)
        return Validated(region_item, None, quarantine, problem, {**counts, "periods": 0})
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
    table, filled = _consecutive(dataset, panel, taken, int(end), weekday)
    units = table["demand"].to_numpy()[:int(end - first) + 1]
    counts |= {"periods": len(units), "unknown_periods": int(np.isnan(units).sum()), "filled_zero": filled}
    counts |= {f"unknown:{driver.name}": int(table[driver.name].iloc[:len(units)].isna().sum())
               for driver in dataset.drivers}
    refused = int(panel.refusals.any[rows].sum())
    problem = (_wrong_frequency(dataset, panel, rows) or _much_refused(dataset, refused, len(rows), quarantine)
               or _much_unknown(dataset, counts)
               or _ended(dataset, behind, table["date"].iloc[int(last_known - first)], last_date))
    return Validated(region_item, None if problem else table, quarantine, problem, counts)


def _consecutive(dataset: Dataset, panel: ReadPanel, rows: npt.NDArray[np.intp], end: int,
                 weekday: int, begin: int | None = None) -> tuple[pd.DataFrame, int]:
    """One row a period from ``begin`` or the first of ``rows`` on, and how many were filled with zero by the rule for
    gaps, which holds up to ``end``."""
    first = int(panel.number[rows[0]]) if begin is None else begin
    last = max(int(panel.number[rows[-1]]), end)
    numbers: Ordinals = np.arange(first, last + 1)
    places = panel.number[rows] - first
    demand = np.full(len(numbers), np.nan)
    filled = 0
    if dataset.rules.gaps == "zero":
        is_gap = np.ones(end - first + 1, dtype=bool)
        is_gap[places[places < len(is_gap)]] = False
        demand[:len(is_gap)][is_gap] = 0.0
        filled = int(is_gap.sum())
    demand[places] = panel.demand[rows]
    columns: dict[str, npt.NDArray[np.generic] | npt.NDArray[np.object_]] = {
        "date": period_dates(numbers, dataset.frequency, weekday).astype("datetime64[ns]"), "demand": demand}
    for driver in dataset.drivers:
        values = panel.drivers[driver.name]
        column = np.full(len(numbers), None if driver.kind == "category" else np.nan, dtype=values.dtype)
        column[places] = values[rows]
        columns[driver.name] = column
    return pd.DataFrame(columns), filled


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


def _wrong_frequency(dataset: Dataset, panel: ReadPanel, rows: npt.NDArray[np.intp]) -> str:
    words = {"hour": "several rows a day", "D": "daily", "W": "weekly", "M": "monthly"}
    seen = panel.frequency_seen(rows)
    if seen is None or seen == dataset.frequency:
        return ""
    coarser = "HDWM".index("H" if seen == "hour" else seen) < "HDWM".index(dataset.frequency)
    cure = (f"Sum demand to {words[dataset.frequency]} values at the source" if coarser else "Correct the dataset file"
            ) + (f", or set frequency = {seen!r}." if seen != "hour" else ".")
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


def _ended(dataset: Dataset, behind: int, ended: pd.Timestamp, last_date: pd.Timestamp | None) -> str:
    if behind <= dataset.stale_periods or last_date is None:
        return ""
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
