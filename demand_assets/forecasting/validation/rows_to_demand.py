"""Raw rows become demand that downstream may trust; what fails a rule goes to quarantine with the reason."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandera.errors import SchemaError, SchemaErrors

from demand_assets.forecasting.contract.calendar_events import EventTables
from demand_assets.forecasting.contract.periods import WORDS, in_words
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.demand.stock_entries import AT_LEAST
from demand_assets.forecasting.series.calendar_days import calendar_values
from demand_assets.forecasting.series.driver_values import ENOUGH_MISSING, carried, tells_demand
from demand_assets.forecasting.series.gapped import Floats
from demand_assets.forecasting.validation.histories import Columns, Histories, Spans, histories_of, part_of, spans_of
from demand_assets.forecasting.validation.odd_values import (
    ENOUGH_TO_TELL,
    SURELY,
    contradicted_defaults,
    delivered_drivers,
    stamped_before_midnight,
    strange_numbers,
    zero_where_unsold,
)
from demand_assets.forecasting.validation.periods.out_of_stock import out_while_closed, sold_while_out
from demand_assets.forecasting.validation.periods.refused import (
    NewestRefused,
    Refused,
    lost_periods,
    newest_refused,
    refused_of_each,
)
from demand_assets.forecasting.validation.refused_region_items import (
    ended_long_ago,
    much_refused,
    much_unknown,
    nothing_known,
    wrong_frequency,
)
from demand_assets.forecasting.validation.row_rules import ReadPanel, read_panel
from demand_assets.forecasting.validation.schemas import (
    PANEL_OWNER,
    demand_schema,
    has_columns,
    raw_schema,
    surely_fits,
)
from demand_assets.forecasting.validation.suspicions import Suspicions, suspicions_of

LARGEST = 3
"""How many refused values are told."""


class RawDemandError(ValueError):
    """Raw demand that lacks what the dataset file declares."""


CONTRADICTED = "contradicted:"
"""Before the names of drivers among the counts, whose default the last year contradicts."""


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
    """Of rows: ``rows`` read; ``quarantined``, but for those of periods that are not over, and values by rule
    (``quarantined:negative`` …); ``repeated`` (left out: identical to another); ``combined`` (put together with
    another); ``placeholder:price`` … (values declared to mean "not known"); ``leading_unknown`` (before the first known
    demand); ``negative_as_zero``.

    Of periods: ``periods`` up to the last known demand or the last out of stock, of them ``unknown_periods``,
    ``censored_periods`` (out of stock), ``filled_zero`` and ``unknown:price`` … (without a driver's value);
    ``newest_censored`` (out of stock after the last known demand); ``newest_refused`` (refused after it).

    And 1 for each driver whose default the last year contradicts (``contradicted:promo`` …)."""
    units: "Units"
    notices: tuple[str, ...] = ()
    """What somebody has to know of it though it may be trusted, the gravest first."""
    ended: pd.DataFrame | None = None
    """As ``demand``, where nothing is wrong but that it ended too long ago: for items that carry it on."""


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
    if not has_columns(raw, dataset.of_source):
        try:
            raw_schema(dataset.of_source).validate(raw)
        except SchemaError as error:
            raise RawDemandError(f"Raw demand does not fit the dataset file: {error}. The file has changed since the "
                                 "source was read: materialise `raw_demand` again.") from error
    panel = read_panel(raw, dataset.of_source, region_items, today)
    histories = histories_of(panel, dataset, len(region_items), last_date)
    suspected = suspicions_of(panel, dataset, histories)
    rows, periods = _rows_noted(panel, histories), _periods_of_all(dataset, panel, histories, suspected)
    _add_calendar(dataset, periods, region_items, tables)
    noted = _periods_noted(dataset, histories, periods)  # before anything is completed
    told_by_missing = _complete_what_tells_demand(dataset, periods)
    findings = _PanelFindings(dataset, panel, histories, suspected, rows, periods, noted, told_by_missing,
                              _as_table(periods.spans.columns), last_date, tables)
    outcomes = [_outcome(findings, place, one, refused) if histories.has_demand[place] else
                _without_demand(findings, place, one, refused)
                for place, (one, refused) in enumerate(zip(region_items, refused_of_each(panel, len(region_items)),
                                                           strict=True))]
    return _held_to_schema(outcomes, dataset, periods)


@dataclass(frozen=True)
class _RowsNoted:
    """What was noted of the rows of each region-item."""

    counts: list[dict[str, int]]
    """``rows``, ``repeated`` … -> of how many, without what is refused."""
    refused: list[int]
    """Of how many something was refused, but for the harmless rules."""
    leading_unknown: list[int]
    negative_as_zero: list[int]
    positive: Floats
    """Units that were read, 0 where none, in the order of the histories."""


def _rows_noted(panel: ReadPanel, histories: Histories) -> _RowsNoted:
    size = len(histories.first)

    def counted(mask: npt.NDArray[np.bool_]) -> list[int]:
        return np.bincount(panel.owner[mask], minlength=size).tolist() if mask.any() else [0] * size

    names = ["rows", "repeated", "combined", *(f"placeholder:{name}" for name in panel.placeholders)]
    each = [np.diff(histories.bounds).tolist(), counted(panel.is_repeated), counted(panel.is_combined),
            *map(counted, panel.placeholders.values())]
    leads = panel.is_taken & (panel.number < histories.first[panel.owner])
    return _RowsNoted([dict(zip(names, values, strict=True)) for values in zip(*each, strict=True)],
                      counted(panel.refusals.any), counted(leads), counted(panel.is_negative_as_zero & panel.is_taken),
                      np.where(panel.read > 0, panel.read, 0.0)[histories.order])


@dataclass(frozen=True)
class _Periods:
    """The periods of all region-items of whose demand something is known."""

    region_items: npt.NDArray[np.intp]
    """Their places in the panel, ascending."""
    spans: Spans
    is_past: npt.NDArray[np.bool_]
    """Of each period, whether it lies before the end of demand; planned ones follow."""


def _periods_of_all(dataset: Dataset, panel: ReadPanel, histories: Histories, suspected: Suspicions) -> _Periods:
    those = np.flatnonzero(histories.has_demand)
    number_of = np.cumsum(histories.has_demand) - 1
    owner = panel.owner  # in the histories' order as well
    is_wanted = panel.is_taken[histories.order] & histories.has_demand[owner]
    is_wanted &= panel.number[histories.order] >= histories.first[owner]
    first, end, weekday = (each[those] for each in (histories.first, histories.end, histories.weekday))
    lost = lost_periods(panel, histories, suspected) if dataset.rules.gaps == "zero" else None
    if lost is not None:
        lost = number_of[lost[0]], lost[1]
    spans = spans_of(dataset, panel, histories.order[is_wanted], number_of[owner[is_wanted]], first, end, weekday, lost)
    return _Periods(those, spans, spans.number <= np.repeat(end, np.diff(spans.bounds)))


def _periods_noted(dataset: Dataset, histories: Histories, periods: _Periods) -> list[dict[str, int]]:
    """What was noted of the periods of each of those region-items -> of how many."""
    spans, is_past = periods.spans, periods.is_past
    if not len(periods.region_items):
        return []
    demand = spans.columns["demand"]
    is_censored = ~np.isnan(spans.columns[AT_LEAST]) if dataset.stock_entry is not None else np.zeros(
        len(demand), dtype=bool)
    last_known = np.repeat(histories.last_known[periods.region_items], np.diff(spans.bounds))
    unknown, censored = spans.counted(np.isnan(demand) & is_past), spans.counted(is_censored)
    found = {"periods": spans.counted(is_past),
             "unknown_periods": [one - other for one, other in zip(unknown, censored, strict=True)]}
    if dataset.stock_entry is not None:
        found |= {"censored_periods": censored,
                  "newest_censored": spans.counted(is_censored & (spans.number >= last_known))}
    found |= {f"unknown:{driver.name}": spans.counted(pd.isna(spans.columns[driver.name]) & is_past)
              for driver in dataset.drivers}
    found["filled_zero"] = spans.counted(spans.is_filled)
    return [dict(zip(found, values, strict=True)) for values in zip(*found.values(), strict=True)]


def _add_calendar(dataset: Dataset, periods: _Periods, region_items: Sequence[RegionItem],
                  tables: EventTables | None) -> None:
    """Add the columns of the drivers that the calendar makes."""
    if not dataset.has_calendar:
        return
    spans = periods.spans
    each = [_of_calendar({"date": spans.columns["date"][spans.of(place)]}, dataset, region_items[one], tables)
            for place, one in enumerate(periods.region_items.tolist())]
    for name in each[0] if each else ():
        spans.columns[name] = np.concatenate([one[name] for one in each])


@dataclass(frozen=True)
class _PanelFindings:
    """What is known of all region-items of a panel before each is judged."""

    dataset: Dataset
    panel: ReadPanel
    histories: Histories
    suspected: Suspicions
    rows: _RowsNoted
    periods: _Periods
    noted: list[dict[str, int]]
    """As ``_periods_noted`` says."""
    told_by_missing: dict[int, list[str]]
    """As ``_complete_what_tells_demand`` says."""
    table: pd.DataFrame
    """The periods."""
    last_date: pd.Timestamp | None
    tables: EventTables | None

    def counts(self, place: int, refused: Refused) -> dict[str, int]:
        """What was noted of one region-item's rows -> of how many."""
        own = self.rows.counts[place]
        offended = {row for row, rule in zip(refused.position.tolist(), refused.rule.tolist(), strict=True)
                    if rule != "unfinished"}
        return {"rows": own["rows"], "quarantined": len(offended), **{
            f"quarantined:{rule}": count for rule, count in Counter(refused.rule.tolist()).most_common()}, **own}

    def units(self, place: int, refused: Refused) -> Units:
        """What was read of one region-item, and what was refused of it."""
        start, stop = self.histories.bounds[place:place + 2]
        positive = self.rows.positive[start:stop]
        repeated = float(positive[self.panel.is_repeated[self.histories.rows(place)]].sum()) if (
            self.rows.counts[place]["repeated"]) else 0.0
        return _units(self.panel, float(positive.sum()), repeated, refused)


def _without_demand(findings: _PanelFindings, place: int, region_item: RegionItem, refused: Refused) -> Validated:
    """The outcome of a region-item of whose demand nothing is known."""
    dataset, panel, rows = findings.dataset, findings.panel, findings.histories.rows(place)
    quarantine, counts, units = refused.table, findings.counts(place, refused), findings.units(place, refused)
    taken = rows[panel.is_taken[rows]]
    if len(taken) and quarantine.empty and findings.last_date is not None and (
            table := _not_sold_yet(dataset, panel, taken, findings.last_date)) is not None:
        counts["leading_unknown"] = int((~np.isnan(panel.demand[taken])).sum())
        table |= _of_calendar(table, dataset, region_item, findings.tables)
        return Validated(region_item, _as_table(table), quarantine, "", {**counts, "periods": 0}, units)
    problem = nothing_known(dataset, panel, rows, quarantine)
    return Validated(region_item, None, quarantine, problem, {**counts, "periods": 0}, units)


def _outcome(findings: _PanelFindings, place: int, region_item: RegionItem, refused: Refused) -> Validated:
    dataset, panel, histories, suspected = findings.dataset, findings.panel, findings.histories, findings.suspected
    rows, number = histories.rows(place), int(np.searchsorted(findings.periods.region_items, place))
    mine = findings.periods.spans.of(number)
    table = {name: values[mine] for name, values in findings.periods.spans.columns.items()}
    first, last_known, last_observed, end = (int(each[place]) for each in (
        histories.first, histories.last_known, histories.last_observed, histories.end))
    quarantine, counts, units = refused.table, findings.counts(place, refused), findings.units(place, refused)
    counts["leading_unknown"] = findings.rows.leading_unknown[place]
    counts["negative_as_zero"] = findings.rows.negative_as_zero[place]
    counts |= findings.noted[number]
    known_part = {name: values[:end - first + 1] for name, values in table.items()}
    ended, observed_to = (pd.Timestamp(table["date"][at - first]) for at in (last_known, last_observed))
    newest = newest_refused(dataset, panel, rows, last_observed, int(histories.weekday[place]), observed_to, refused
                             ) if suspected.newest[place] else NewestRefused()
    counts["newest_refused"] = newest.periods
    stamped = stamped_before_midnight(dataset, panel, rows) if suspected.midnights[place] else ""
    problem = ((stamped if stamped.startswith(SURELY) else "")
               or (wrong_frequency(dataset, panel, rows) if suspected.frequency[place] else "")
               or much_refused(dataset, findings.rows.refused[place], len(rows), quarantine)
               or much_unknown(dataset, counts))
    is_sound = not problem and not newest.words
    problem = problem or ended_long_ago(dataset, int(histories.behind[place]), ended, findings.last_date, newest.words,
                                counts.get("newest_censored", 0))
    contradicted = contradicted_defaults(dataset, known_part)
    counts |= {f"{CONTRADICTED}{name}": 1 for name in contradicted}
    notices = (newest.words, stamped, sold_while_out(dataset, table, counts), out_while_closed(dataset, table, counts),
               *findings.told_by_missing.get(number, ()), *contradicted.values(),
               *zero_where_unsold(dataset, known_part),
               *(strange_numbers(dataset, panel, rows) if suspected.placeholders[place] else ()))
    made = part_of(findings.table, mine) if not problem or is_sound else None
    return Validated(region_item, None if problem else made, quarantine, problem, counts, units,
                     tuple(filter(None, notices)), made if problem and is_sound else None)


def _units(panel: ReadPanel, read: float, repeated: float, refused: Refused) -> Units:
    """The units that were read, and refused.

    Args:
        read: those of all rows, but for what is unfinished.
        repeated: those of repeated rows.
    """
    is_of_demand = ((refused.column == "date") | (refused.column == "demand")) & (refused.rule != "beyond_horizon")
    if not is_of_demand.any():
        return Units(read=read, repeated=repeated)
    sizes, rules = panel.read[refused.position[is_of_demand]], refused.rule[is_of_demand]
    columns = refused.column[is_of_demand]
    texts, dates = (each[is_of_demand].tolist() for each in (refused.value, refused.date))
    values = [(text if column == "demand" else "") or (f"{size:.12g}" if size == size else "")
              for text, column, size in zip(texts, columns.tolist(), sizes.tolist(), strict=True)]
    counted = np.where(np.isfinite(sizes) & (sizes > 0), sizes, 0.0)
    is_offence = rules != "unfinished"
    order = np.argsort(-np.where(np.isnan(sizes), np.inf, sizes), kind="stable")
    return Units(
        read=read + float(counted[~is_offence].sum()),
        refused=float(counted[is_offence].sum()),
        by_rule={str(rule): float(counted[rules == rule].sum()) for rule in dict.fromkeys(rules.tolist())},
        repeated=repeated,
        largest=tuple((dates[at], values[at], str(rules[at])) for at in order.tolist() if is_offence[at])[:LARGEST])


def _complete_what_tells_demand(dataset: Dataset, periods: _Periods) -> dict[int, list[str]]:
    """Words for each driver whose missing values tell demand, by the number of the region-item; its values are
    completed, so that no model learns that nothing is sold without them."""
    spans, found = periods.spans, dict[int, list[str]]()
    has_row = ~spans.is_filled
    for driver in delivered_drivers(dataset):
        missing = np.array(spans.counted(pd.isna(spans.columns[driver.name]) & has_row))
        for number in np.flatnonzero(missing >= ENOUGH_MISSING).tolist():
            mine = spans.of(number)
            demand, values = spans.columns["demand"][mine], spans.columns[driver.name][mine]
            if not tells_demand(demand[has_row[mine]], values[has_row[mine]]):
                continue
            is_missing = pd.isna(values) & ~np.isnan(demand)
            values[:] = carried(values, is_missing, driver, dataset.frequency, dataset.year_length)
            found.setdefault(number, []).append(
                f"{driver.title} is missing in {in_words(int(is_missing.sum()), dataset.frequency)} of which demand is "
                "known, and far more or less is sold in them: that it is missing would tell demand, which no plan "
                "does. Values as they were before are taken instead; deliver the driver "
                f"{driver.name} for every {WORDS[dataset.frequency][0]}, sold or not.")
    return found


def _of_calendar(table: Columns, dataset: Dataset, region_item: RegionItem, tables: EventTables | None) -> Columns:
    """The drivers that the calendar makes, as columns."""
    if not dataset.has_calendar:
        return {}
    return dict(calendar_values(dataset, region_item.region, table["date"].astype("datetime64[D]"), tables))


def _as_table(columns: Columns) -> pd.DataFrame:
    """The columns as a table, what was sold out of stock the last of them."""
    return pd.DataFrame({name: columns[name] for name in sorted(columns, key=lambda name: name == AT_LEAST)})


def _not_sold_yet(dataset: Dataset, panel: ReadPanel, rows: npt.NDArray[np.intp],
                  last_date: pd.Timestamp) -> Columns | None:
    """The planned drivers of a region-item whose rows all lie in the future, or that was never in stock, from the
    dataset's last period on; None where some lie in the past, and where more was sold than such a one can sell."""
    weekday = int(panel.weekday[rows[0]])
    end = int(panel.number_of(last_date, weekday))
    is_out = panel.is_out[rows] & ~np.isnan(panel.demand[rows])
    if (panel.demand[rows[is_out]] > 0).sum() >= ENOUGH_TO_TELL:
        return None
    ahead = rows[~is_out]
    if len(ahead) and int(panel.number[ahead[0]]) <= end:
        return None
    first, before, on = (np.array([value], dtype=np.int64) for value in (end, end - 1, weekday))
    return spans_of(dataset, panel, ahead, np.zeros(len(ahead), dtype=np.intp), first, before, on).columns


def _held_to_schema(outcomes: list[Validated], dataset: Dataset, periods: _Periods) -> list[Validated]:
    """The outcomes; demand that breaks schema Demand, which only a fault in the rules can bring about, is withheld."""
    spans = periods.spans
    sure = set(periods.region_items.tolist()) if surely_fits(spans.columns, spans.bounds, dataset) else set()
    tables = [validated.ended if validated.demand is None else validated.demand for validated in outcomes]
    parts = {place: table for place, table in enumerate(tables) if table is not None and place not in sure}
    if not parts:
        return outcomes
    panel = pd.concat(parts.values(), ignore_index=True)
    panel[PANEL_OWNER] = np.repeat(list(parts), [len(part) for part in parts.values()])
    try:
        demand_schema(dataset, of_panel=True).validate(panel, lazy=True)
    except SchemaErrors as error:
        for failure in error.failure_cases.itertuples():
            places = [int(panel[PANEL_OWNER].iloc[int(failure.index)])] if pd.notna(failure.index) else range(
                len(outcomes))
            for place in places:
                outcomes[place] = replace(outcomes[place], demand=None, ended=None, problem=(
                    f"Its validated demand breaks the schema ({failure.check}: {failure.failure_case}). Its rows are "
                    "as they are; the fault is in the validation: report it."))
    return outcomes
