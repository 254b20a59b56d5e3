"""The answer to a planner's question: forecasts of a selection, under the plan and under a scenario, summed up."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import update

from demand_assets.forecasting.forecaster import Forecast, total
from demand_assets.forecasting.model import ForecastModel, ModelFilesError
from demand_assets.forecasting.region_item import RegionItem
from demand_assets.forecasting.scenario import Scenario, ScenarioError
from demand_assets.forecasting.store import NotInStoreError
from webapp.database import db, now, writing
from webapp.production_models import Serving
from webapp.services import Services
from webapp.tables import RegionItemRow


@dataclass(frozen=True)
class Line:
    """One region-item of the answer."""

    row: RegionItemRow
    model: ForecastModel | None
    plan: Forecast
    scenario: Forecast | None
    notice: str
    """Why it is not the announced version that answers; empty when it is."""

    @property
    def plan_units(self) -> float:
        """Units over the horizon under the plan."""
        return float(self.plan.table["forecast"].sum())

    @property
    def scenario_units(self) -> float | None:
        """Units over the horizon under the scenario."""
        return float(self.scenario.table["forecast"].sum()) if self.scenario else None


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


@dataclass(frozen=True)
class Answer:
    """Forecasts of the selection."""

    lines: list[Line]
    missing: list[tuple[RegionItemRow, str]]
    """Region-items that cannot be forecast, and why."""
    periods: list[Period]
    history: pd.DataFrame
    """Columns date and demand of the selection, summed; null where nothing is known."""
    notices: list[str]

    @property
    def dates(self) -> list[date]:
        """The periods that the forecast covers."""
        return [period.date for period in self.periods]

    @property
    def plan_units(self) -> float:
        """Units of the selection over the horizon under the plan."""
        return sum(line.plan_units for line in self.lines)

    @property
    def scenario_units(self) -> float | None:
        """Units of the selection over the horizon under the scenario."""
        found = [units for line in self.lines if (units := line.scenario_units) is not None]
        return sum(found) if found else None

    @property
    def has_scenario(self) -> bool:
        """Whether a scenario stands beside the plan."""
        return any(line.scenario for line in self.lines)

    @property
    def assumed(self) -> dict[str, list[RegionItem]]:
        """What was assumed -> of which region-items."""
        return _grouped((sentence, line.row.region_item) for line in self.lines for sentence in line.plan.assumed)

    @property
    def flags(self) -> dict[str, list[RegionItem]]:
        """Where drivers leave what the models have seen -> of which region-items."""
        return _grouped((sentence, line.row.region_item) for line in self.lines
                        for sentence in (line.scenario or line.plan).flags)

    def chart(self) -> dict[str, Any]:
        """What the chart draws, as JSON types."""
        return {
            "history": [[f"{at:%Y-%m-%d}", _rounded(units)] for at, units in
                        zip(self.history["date"], self.history["demand"], strict=True)],
            "plan": [[str(period.date), _rounded(period.plan), _rounded(period.lower), _rounded(period.upper)]
                     for period in self.periods],
            "scenario": [[str(period.date), _rounded(period.scenario), _rounded(period.scenario_lower),
                          _rounded(period.scenario_upper)] for period in self.periods] if self.has_scenario else [],
        }


def plan_of(services: Services, rows: Sequence[RegionItemRow], horizon: int) -> Answer:
    """Forecast a selection with the drivers as they stand.

    Args:
        rows: the region-items; at least one.
        horizon: periods.
    Raises: ForecastError: a horizon outside 1 to the dataset's.
    """
    lines: list[Line] = []
    missing: list[tuple[RegionItemRow, str]] = []
    damaged: list[str] = []
    for row in rows:
        serving = services.models.serving(row)
        if serving.damaged:
            damaged.append(row.key)
        try:
            lines.append(_line(services, row, serving, horizon))
        except NotInStoreError:
            missing.append((row, _why_missing(row)))
    if damaged:
        _fetch_again(damaged)
    return _summed(services, lines, missing)


def under(services: Services, plan: Answer, horizon: int, scenario: Scenario) -> Answer:
    """The same selection with a scenario beside the plan.

    Raises: ScenarioError: the scenario cannot be applied.
    """
    lines = []
    for line in plan.lines:
        touching = tuple(change for change in scenario.changes if line.plan.table["date"].between(
            pd.Timestamp(change.first), pd.Timestamp(change.last)).any())
        changed = services.forecaster.forecast(line.row.region_item, line.model, horizon, Scenario(touching))
        lines.append(replace(line, scenario=changed))
    for change in scenario.changes:
        if not any(change.first <= period.date <= change.last for period in plan.periods):
            raise ScenarioError(f"the change of {change.driver} from {change.first} to {change.last} touches no period "
                                f"of the forecast, which runs from {plan.dates[0]} to {plan.dates[-1]}")
    return _summed(services, lines, plan.missing)


def _summed(services: Services, lines: list[Line], missing: list[tuple[RegionItemRow, str]]) -> Answer:
    if not lines:
        return Answer([], missing, [], pd.DataFrame({"date": [], "demand": []}), [])
    return Answer(lines, missing, _periods(services, lines), _history(services, lines), _notices(lines))


def _line(services: Services, row: RegionItemRow, serving: Serving, horizon: int) -> Line:
    try:
        plan = services.forecaster.forecast(row.region_item, serving.model, horizon)
    except ModelFilesError as error:
        notice = (f"the model in production cannot be used: {error}. The seasonal-naive baseline forecasts until then.")
        return Line(row, None, services.forecaster.forecast(row.region_item, None, horizon), None, notice)
    return Line(row, serving.model, plan, None, serving.notice)


def _periods(services: Services, lines: Sequence[Line]) -> list[Period]:
    plan = total([line.plan for line in lines])
    changed = [line.scenario for line in lines if line.scenario is not None]
    table = plan if not changed else plan.merge(total(changed), on="date", suffixes=("", "_scenario"))
    used = _drivers_used(services, lines[0]) if len(lines) == 1 else [{}] * len(table)
    return [Period(
        date=values["date"].date(), plan=values["forecast"], lower=values["lower_80"], upper=values["upper_80"],
        scenario=values.get("forecast_scenario"), scenario_lower=values.get("lower_80_scenario"),
        scenario_upper=values.get("upper_80_scenario"), drivers=drivers)
        for values, drivers in zip(table.to_dict("records"), used, strict=True)]


def _drivers_used(services: Services, line: Line) -> list[dict[str, Any]]:
    """For each period, driver -> (value under the plan, value under the scenario)."""
    changed = (line.scenario or line.plan).table
    return [{name: (line.plan.table[name].iloc[place], changed[name].iloc[place])
             for name in services.dataset.driver_names} for place in range(len(changed))]


def _history(services: Services, lines: Sequence[Line]) -> pd.DataFrame:
    tables = [services.forecaster.history(line.row.region_item, services.dataset.year_length
                                          if services.dataset.frequency != "M" else 36)[["date", "demand"]]
              for line in lines]
    return pd.concat(tables).groupby("date")["demand"].sum(min_count=1).reset_index()


def _notices(lines: Sequence[Line]) -> list[str]:
    found = [f"{line.row.region_item}: {line.notice}" for line in lines if line.notice]
    origins = {line.plan.origin.date() for line in lines}
    if len(origins) > 1:
        found.append(f"Known demand ends on different dates ({min(origins)} to {max(origins)}), and so do the "
                     "forecasts: the total of a date holds the region-items that reach it.")
    return found


def _why_missing(row: RegionItemRow) -> str:
    if row.quarantine_reason:
        return f"Its demand is quarantined: {row.quarantine_reason}"
    return "No demand is stored for it yet; it appears once the pipeline has read it."


def _fetch_again(keys: Sequence[str]) -> None:
    """Ask the background process for files that are missing or damaged here."""
    with writing():
        db.session.execute(update(RegionItemRow).where(
            RegionItemRow.key.in_(keys), RegionItemRow.fetch_after.is_(None)).values(fetch_after=now()))


def _grouped(pairs: Any) -> dict[str, list[RegionItem]]:
    found: dict[str, list[RegionItem]] = {}
    for sentence, region_item in pairs:
        found.setdefault(sentence, []).append(region_item)
    return found


def _rounded(value: float | None) -> float | None:
    return None if value is None or np.isnan(value) else round(float(value), 2)

