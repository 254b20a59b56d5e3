"""Up to five scenarios side by side, and what keeps them from being compared fairly; what happened since."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.store.stored_files import NotInStoreError
from webapp.language.translations import gettext as _
from webapp.language.translations import ngettext as _n
from webapp.pages.download_files import rounded
from webapp.pages.reader_locale import number
from webapp.region_items.labels import selection_words
from webapp.scenarios.request import ScenarioRequest
from webapp.scenarios.result import LineItemResult, PlanAndScenario, Result
from webapp.scenarios.staleness import State, states_of
from webapp.services import Services
from webapp.tables import SavedScenario

MOST_COMPARED = 5


@dataclass(frozen=True)
class Column:
    """One scenario of the comparison."""

    scenario: SavedScenario
    asked: ScenarioRequest
    result: Result
    state: State


@dataclass(frozen=True)
class Row:
    """One region-item, in each scenario; None where a scenario does not have it."""

    region_item: RegionItem
    lines: Sequence[LineItemResult | None]


@dataclass(frozen=True)
class Comparison:
    """Scenarios side by side."""

    columns: Sequence[Column]
    left_out: Sequence[SavedScenario]
    """Those that were not computed."""
    differences: Sequence[str]
    """In what they differ beside the changes, in sentences."""
    rows: Sequence[Row]

    @property
    def has_revenue(self) -> bool:
        """Whether any of them knows prices."""
        return any(column.result.revenue for column in self.columns)

    @property
    def has_one_plan(self) -> bool:
        """Whether all stand beside the same plan."""
        plans = [plan_points(column.result) for column in self.columns]
        return all(plan == plans[0] for plan in plans)

    def chart(self) -> dict[str, Any]:
        """What the chart draws, as JSON types: the plan and each scenario; their differences where plans differ."""
        side = "scenario" if self.has_one_plan else "difference"
        return {"plan": plan_points(self.columns[0].result) if self.has_one_plan else [],
                "scenarios": [{"name": column.scenario.name, "points": [
                    _point(period.date, period.units, side) for period in column.result.periods]}
                    for column in self.columns]}


def compare(scenarios: Sequence[SavedScenario]) -> Comparison:
    """The scenarios side by side, in their order."""
    computed = [each for each in scenarios if each.computed_at is not None]
    states = states_of(computed)
    columns = [Column(each, ScenarioRequest.from_json(each.asked), Result.from_json(each.computed), states[each.token])
               for each in computed]
    by_key = [{line.key: line for line in column.result.lines} for column in columns]
    keys = sorted({key for lines in by_key for key in lines}, key=RegionItem.from_key)
    return Comparison(columns, [each for each in scenarios if each.computed_at is None], _differences(columns),
                      [Row(RegionItem.from_key(key), [lines.get(key) for lines in by_key]) for key in keys])


def chart_of(result: Result, actual: dict[date, float]) -> dict[str, Any]:
    """What the chart of one scenario draws, as JSON types."""
    return {"plan": plan_points(result), "scenario": [
        _point(period.date, period.units, "scenario") for period in result.periods],
        "actual": [[str(at), rounded(units)] for at, units in actual.items()]}


def plan_points(result: Result) -> list[list[Any]]:
    """Date, forecast and interval of the plan in each period."""
    return [_point(period.date, period.units, "plan") for period in result.periods]


def actual_of(services: Services, result: Result) -> dict[str, dict[date, float]]:
    """Key -> what was sold in those periods of the result that have become actual.

    Raises: OSError: the demand store cannot be read.
    """
    found: dict[str, dict[date, float]] = {}
    for line in result.lines:
        try:
            history = services.forecaster.history(line.region_item)
        except NotInStoreError:
            continue
        known = history[(history["date"] >= str(line.dates[0])) & (history["date"] <= str(line.dates[-1]))].dropna(
            subset=["demand"])
        if len(known):
            found[line.key] = {at.date(): float(units) for at, units in zip(
                known["date"], known["demand"], strict=True)}
    return found


def sold_by_date(result: Result, actual: dict[str, dict[date, float]]) -> dict[date, float]:
    """Units of each period in which the demand of all its region-items is known.

    Args:
        actual: as ``actual_of`` found it.
    """
    found = {}
    for at in result.dates:
        sold = [actual.get(line.key, {}).get(at) for line in result.lines if at in line.dates]
        known = [units for units in sold if units is not None]
        if known and len(known) == len(sold):
            found[at] = sum(known)
    return found


def _point(at: date, units: PlanAndScenario, side: str) -> list[Any]:
    bounds = getattr(units, side)
    return [str(at), rounded(bounds.forecast), rounded(bounds.lower), rounded(bounds.upper)]


def _differences(columns: Sequence[Column]) -> list[str]:
    """What else differs between them, as sentences."""
    found = []
    if len({column.asked.keys for column in columns}) > 1:
        found.append(_("Their selections differ: %(each)s.",
                       each=_each(columns, lambda column: selection_words(column.asked.keys))))
    if len({(column.result.dates[0], column.result.dates[-1]) for column in columns}) > 1:
        found.append(_("Their periods differ: %(each)s.", each=_each(columns, lambda column: _(
            "%(first)s to %(last)s", first=column.result.dates[0], last=column.result.dates[-1]))))
    models = [{line.key: line.served_by for line in column.result.lines} for column in columns]
    mixed = {key for before, after in pairwise(models) for key in before.keys() & after.keys()
             if before[key] != after[key]}
    if mixed:
        found.append(_n("They were computed with different model versions (%(num)s region-item). Compute the stale "
                        "ones again.", "They were computed with different model versions (%(num)s region-items). "
                        "Compute the stale ones again.", len(mixed), num=number(len(mixed))))
    return found


def _each(columns: Sequence[Column], words: Callable[[Column], str]) -> str:
    return "; ".join(_("“%(name)s” has %(what)s", name=column.scenario.name, what=words(column)) for column in columns)
