"""The answer to a planner's question: forecasts of a selection, under the plan and under a scenario, summed up."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import Any, Self

import numpy as np
import pandas as pd

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.forecast import totals
from demand_assets.forecasting.series.known_history import KnownHistory
from demand_assets.forecasting.series.planned_drivers import NotPlanned
from demand_assets.forecasting.store.stored_files import DamagedFileError, NotInStoreError
from demand_assets.forecasting.whatif.scenario import Change, Scenario, ScenarioError
from webapp.language.translations import gettext as _
from webapp.language.translations import ngettext as _n
from webapp.pages.reader_locale import number
from webapp.region_items.rows import pooled_row
from webapp.services import Services
from webapp.serving.history import History, histories_of, history_of
from webapp.serving.line_item import LineItem, fetch_again, lines_of, note_damaged, scenario_lines, why_missing
from webapp.tables import Override, RegionItemRow

MOST_TOLD = 3
"""Region-items that share a notice and are named in it."""


@dataclass(frozen=True)
class Period:
    """One period of the summed forecast, in units."""

    date: date
    plan: float
    lower: float
    upper: float
    scenario: float | None = None
    scenario_lower: float | None = None
    scenario_upper: float | None = None
    drivers: dict[str, Any] = field(default_factory=dict)
    """Of one region-item: each driver as used, by name."""
    final: float | None = None
    """The plan with planners' overrides; None where they are not asked for."""
    final_lower: float | None = None
    final_upper: float | None = None
    overrides: tuple[Override, ...] = ()
    """Those of the period, of any of the region-items."""


@dataclass(frozen=True)
class Answer:
    """Forecasts of the selection."""

    lines: list[LineItem]
    missing: list[tuple[RegionItemRow, str]]
    """Region-items that cannot be forecast, and why."""
    periods: list[Period]
    past: History
    notices: list[str]
    coverage: float = 0.8
    """Of the band: one of ``intervals.LEVELS``."""
    sums: "_Sums | None" = None
    """Of several lines; of a single one totals are its own."""

    def within(self, coverage: float) -> Self:
        """The same answer with the interval of another coverage."""
        if coverage == self.coverage or not self.lines:
            return replace(self, coverage=coverage)
        return replace(self, coverage=coverage, periods=_periods(
            self.lines, [period.drivers for period in self.periods], self.sums, coverage))

    @property
    def history(self) -> pd.DataFrame:
        """Columns date and demand of the selection, summed; null where nothing is known."""
        return self.past.history

    @property
    def dates(self) -> list[date]:
        """The periods that the forecast covers."""
        return [period.date for period in self.periods]

    @cached_property
    def known_until(self) -> date | None:
        """The last period with known demand; None where nothing is known of any region-item."""
        known = self.history.loc[self.history["demand"].notna(), "date"]
        return None if known.empty else known.max().date()

    @cached_property
    def plan_total(self) -> totals.Bounds:
        """Under the plan."""
        if self.sums:
            return self.sums.plan.over_all(self.coverage)
        return totals.over_all([line.plan.part for line in self.lines], self.coverage)

    @cached_property
    def scenario_total(self) -> totals.Bounds | None:
        """Under the scenario; None without one."""
        if self.sums:
            return self.sums.scenario.over_all(self.coverage) if self.sums.scenario else None
        parts = [line.scenario.part for line in self.lines if line.scenario]
        return totals.over_all(parts, self.coverage) if parts else None

    @cached_property
    def deciles(self) -> totals.Deciles | None:
        """Of the sum under the plan; None where those of a region-item are not known."""
        return self.sums.plan.deciles() if self.sums else totals.total_deciles([line.plan.part for line in self.lines])

    @cached_property
    def scenario_deciles(self) -> totals.Deciles | None:
        """The same under the scenario; None without one, too."""
        if self.sums:
            return self.sums.scenario.deciles() if self.sums.scenario else None
        return totals.total_deciles([line.scenario.part for line in self.lines if line.scenario])

    @property
    def has_scenario(self) -> bool:
        """Whether a scenario stands beside the plan."""
        return any(line.scenario for line in self.lines)

    @property
    def missing_by_reason(self) -> dict[str, list[RegionItem]]:
        """Why region-items cannot be forecast -> which."""
        return _grouped((reason, row.region_item) for row, reason in self.missing)

    @property
    def assumed(self) -> dict[str, list[RegionItem]]:
        """What was assumed -> of which region-items."""
        return _grouped((sentence, line.row.region_item) for line in self.lines for sentence in line.plan.assumed)

    @property
    def not_planned(self) -> dict[str, list[RegionItem]]:
        """Those of ``assumed`` on drivers of which periods are not planned -> of which region-items."""
        return {sentence: its for sentence, its in self.assumed.items() if isinstance(sentence, NotPlanned)}

    @property
    def warnings(self) -> dict[str, dict[str, list[RegionItem]]]:
        """Where drivers leave what the models have seen, in short -> the ``flags`` that say so."""
        found: dict[str, dict[str, list[RegionItem]]] = {}
        for line in self.lines:
            forecast = line.scenario or line.plan
            for sentence in forecast.flags:
                found.setdefault(forecast.in_short.get(sentence, sentence), {}).setdefault(sentence, []).append(
                    line.row.region_item)
        return found

    @property
    def flags(self) -> dict[str, list[RegionItem]]:
        """Where drivers leave what the models have seen -> of which region-items."""
        return _grouped((sentence, line.row.region_item) for line in self.lines
                        for sentence in (line.scenario or line.plan).flags)


def plan_of(services: Services, rows: Sequence[RegionItemRow], horizon: int) -> Answer:
    """Forecast a selection with the drivers as they stand.

    Args:
        rows: the region-items; at least one.
        horizon: periods.
    Raises: ForecastError: a horizon outside 1 to the dataset's.
    """
    pooled = pooled_row()
    servings = [services.models.serving(row, pooled) for row in rows]
    found = lines_of(services, rows, servings, pooled, horizon)
    lines = [line for line in found if isinstance(line, LineItem)]
    histories = histories_of(services, lines)
    whole = [line for line in lines if not isinstance(histories[line.row.key], NotInStoreError)]
    errors = [(row, histories[row.key] if isinstance(line, LineItem) else line) for row, line in zip(
        rows, found, strict=True)]
    missing = [(row, why_missing(row, error)) for row, error in errors if isinstance(error, NotInStoreError)]
    note_damaged([row for row, error in errors if isinstance(error, DamagedFileError)])
    fetch_again([row.key for row, serving in zip(rows, servings, strict=True) if serving.damaged],
                 any(serving.pooled_damaged for serving in servings))
    if not whole:
        return Answer([], missing, [], History(pd.DataFrame({"date": [], "demand": []})), [])
    read = {key: each for key, each in histories.items() if isinstance(each, KnownHistory)}
    return _summed(services, whole, missing, history_of(services, whole, read))


def under(services: Services, plan: Answer, scenario: Scenario) -> Answer:
    """The same selection with a scenario beside the plan.

    Raises: ScenarioError: the scenario cannot be applied.
    """
    scenarios = [Scenario(tuple(change for change in scenario.changes if _is_touched(line, change)))
                 for line in plan.lines]
    lines = scenario_lines(services, plan.lines, scenarios)
    for change in scenario.changes:
        if not any(change.first <= period.date <= change.last for period in plan.periods):
            raise ScenarioError(_("the change of %(driver)s from %(first)s to %(last)s touches no period of the "
                                  "forecast, which runs from %(begin)s to %(end)s", driver=change.driver,
                                  first=change.first, last=change.last, begin=plan.dates[0], end=plan.dates[-1]))
    return _summed(services, lines, plan.missing, plan.past) if lines else plan


def _is_touched(line: LineItem, change: Change) -> bool:
    """Whether the change touches a period of the line's forecast."""
    dates = line.plan.part.dates
    return bool(((dates >= np.datetime64(change.first)) & (dates <= np.datetime64(change.last))).any())


def _summed(services: Services, lines: list[LineItem], missing: list[tuple[RegionItemRow, str]],
            past: History) -> Answer:
    """The sums of the lines, at least one.

    Args:
        past: theirs; a scenario leaves it as it is.
    """
    sums = _Sums.of(lines) if len(lines) > 1 else None
    return Answer(lines, missing, _periods(lines, _drivers_used(services, lines), sums), past, _notices(lines),
                  sums=sums)


@dataclass(frozen=True)
class _Sums:
    """Of the lines of an answer."""

    plan: totals.SummedParts
    scenario: totals.SummedParts | None

    @classmethod
    def of(cls, lines: Sequence[LineItem]) -> "_Sums":
        changed = [line.scenario.part for line in lines if line.scenario is not None]
        return cls(totals.SummedParts.of([line.plan.part for line in lines]),
                   totals.SummedParts.of(changed) if changed else None)


def _periods(lines: Sequence[LineItem], used: Sequence[dict[str, Any]], sums: _Sums | None,
             coverage: float = 0.8) -> list[Period]:
    """The sums of the lines by date.

    Args:
        used: of one region-item, its drivers in each period; empty for several.
        sums: of several lines.
    """
    if sums:
        table, changed = sums.plan.by_date(coverage), sums.scenario.by_date(coverage) if sums.scenario else None
    else:
        parts = [line.scenario.part for line in lines if line.scenario is not None]
        table = totals.by_date([line.plan.part for line in lines], coverage)
        changed = totals.by_date(parts, coverage) if parts else None
    if changed is not None:
        table = table.merge(changed, on="date", suffixes=("", "_scenario"))
    used = used or [{}] * len(table)
    days: list[date] = table["date"].to_numpy().astype("datetime64[D]").tolist()
    values = [table[name].tolist() if name in table else [None] * len(days) for name in (
        "forecast", "lower", "upper", "forecast_scenario", "lower_scenario", "upper_scenario")]
    return [Period(*each) for each in zip(days, *values, used, strict=True)]


def _drivers_used(services: Services, lines: Sequence[LineItem]) -> list[dict[str, Any]]:
    """Of one region-item, for each period, driver -> (value under the plan, value under the scenario)."""
    if len(lines) > 1:
        return []
    names = services.dataset.driver_names
    planned, changed = (zip(*(columns[name].tolist() for name in names), strict=True) for columns in (
        lines[0].plan.columns, (lines[0].scenario or lines[0].plan).columns))
    return [dict(zip(names, zip(before, after, strict=True), strict=True))
            for before, after in zip(planned, changed, strict=True)]


def _notices(lines: Sequence[LineItem]) -> list[str]:
    found = [f"{words_of(region_items)}: {notice}" for notice, region_items in _grouped(
        (line.notice, line.row.region_item) for line in lines if line.notice).items()]
    origins = {line.plan.origin.date() for line in lines}
    if len(origins) > 1:
        found.append(_("Known demand ends on different dates (%(first)s to %(last)s), and so do the forecasts: the "
                       "total of a date holds the region-items that reach it, last year all of them.",
                       first=min(origins), last=max(origins)))
    return found


def words_of(region_items: Sequence[RegionItem], most: int = MOST_TOLD) -> str:
    """Region-items by name, or the first of them and how many more there are."""
    told, more = ", ".join(str(one) for one in region_items[:most]), len(region_items) - most
    return told if more <= 0 else _n("%(names)s and %(num)s more", "%(names)s and %(num)s more", more, names=told,
                                     num=number(more))


def _grouped(pairs: Any) -> dict[str, list[RegionItem]]:
    found: dict[str, list[RegionItem]] = {}
    for sentence, region_item in pairs:
        found.setdefault(sentence, []).append(region_item)
    return found
