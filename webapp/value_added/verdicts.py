"""What came of a scenario: judged by the background process when demand of its periods has arrived.

A scenario says what would be sold if its drivers came as asked. What was sold says something of it only where they did:
so the drivers that came are compared with those asked, and whether the plan followed it is told.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import isfinite
from typing import Literal

import numpy as np
import pandas as pd
from sqlalchemy import func, select

from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.forecast.revenue_and_margin import past_prices
from demand_assets.forecasting.forecast.totals import Bounds
from demand_assets.forecasting.series.gapped import Floats
from demand_assets.forecasting.store.stored_files import NotInStoreError
from webapp.db.chunked import chunked
from webapp.db.database import db, now, writing
from webapp.db.stored_json import StoredJson
from webapp.region_items.prices_and_costs import amounts_of
from webapp.scenarios.repository import open_scenarios
from webapp.scenarios.request import ScenarioRequest
from webapp.scenarios.result import LineItemResult, Result
from webapp.services import Services
from webapp.serving.history import sold_on
from webapp.tables import Override, RegionItemRow, SavedScenario, ScenarioVerdict

JUDGED_AGAIN = timedelta(days=60)
"""After its last period a scenario is judged again with each newer demand, for demand is corrected; then no more."""
DAYS = {"D": timedelta(days=1), "W": timedelta(days=7), "M": timedelta(days=31), "Q": timedelta(days=92)}
"""The longest period of each frequency; demand of two more is waited for at least."""
MOST_AT_ONCE = 5
"""Scenarios judged in one turn."""
SAME = 0.01
"""A number came as asked when it differs by less than this share of it."""

Place = Literal["inside", "above", "below"]
Share = Literal["all", "some", "none", "unknown"]


@dataclass(frozen=True)
class DriverVerdict:
    """How a driver came, in the periods of region-items in which the scenario asked something of it."""

    driver: str
    asked: int
    came: int
    """As asked."""
    unknown: int
    """What came, or what exactly was asked, is not known."""


@dataclass(frozen=True)
class PeriodVerdict:
    """One period, over the region-items whose demand in it is known."""

    date: date
    plan: float
    scenario: float
    sold: float | None
    """None where it is known of none."""


@dataclass(frozen=True)
class Verdict(StoredJson):
    """What was said and what came."""

    first: date
    last: date
    plan: Bounds
    """Units over all region-items and periods, by the models when it was computed, with the 80 % interval."""
    scenario: Bounds
    rows: int
    """Periods of region-items."""
    known: int
    """Those whose demand is known; where some are not, no total can be held against an interval."""
    plan_of_known: float
    scenario_of_known: float
    sold: float
    """Units, of the known ones."""
    changed: int
    """Periods of region-items that it would have changed."""
    stood: int
    """Of these, those that its override made the plan of until they became known."""
    drivers: tuple[DriverVerdict, ...]
    periods: tuple[PeriodVerdict, ...]
    revenue: Bounds | None
    """Of the scenario; None where a price was not known. The same of what came."""
    revenue_came: float | None

    @property
    def place(self) -> Place | None:
        """Where what was sold lies to the scenario's interval; None where not all of it is known."""
        return _place(self.sold, self.scenario) if self.known == self.rows else None

    @property
    def plan_place(self) -> Place | None:
        """The same of the plan's interval."""
        return _place(self.sold, self.plan) if self.known == self.rows else None

    @property
    def revenue_place(self) -> Place | None:
        """The same of the scenario's revenue."""
        return _place(self.revenue_came, self.revenue) if (
            self.revenue is not None and self.revenue_came is not None) else None

    @property
    def applied(self) -> Share:
        """How much of what it would have changed was planned so."""
        return "none" if not self.stood else "all" if self.stood >= self.changed else "some"

    @property
    def drivers_came(self) -> Share:
        """Whether its drivers came as asked, where that is known."""
        came, asked, unknown = (sum(getattr(one, name) for one in self.drivers)
                                for name in ("came", "asked", "unknown"))
        if asked == unknown:
            return "unknown"
        return "all" if came == asked else "none" if not came else "some"

    @property
    def nearer(self) -> Literal["scenario", "plan"] | None:
        """Which of the two was nearer to what was sold; None where both were as near, or nothing is known."""
        off, plan_off = abs(self.scenario_of_known - self.sold), abs(self.plan_of_known - self.sold)
        return None if not self.known or off == plan_off else "scenario" if off < plan_off else "plan"


def refresh_verdicts(services: Services) -> int:
    """How many scenarios were judged that are over and were not, or whose demand may have been corrected.

    Raises: OSError: the demand store does not answer.
    """
    newest = db.session.scalar(select(func.max(RegionItemRow.last_date)).where(RegionItemRow.in_catalogue))
    if newest is None:
        db.session.rollback()
        return 0
    known = {row.token: row.mark for row in db.session.execute(select(ScenarioVerdict.token, ScenarioVerdict.mark))}
    again = max(JUDGED_AGAIN, 2 * DAYS[services.dataset.frequency])
    arrived: dict[str, int] = {}
    due: list[tuple[str, str]] = []
    for token, computed_at, summary in db.session.execute(select(
            SavedScenario.token, SavedScenario.computed_at, SavedScenario.summary).where(
            SavedScenario.archived_at.is_(None), SavedScenario.computed_at.is_not(None))):
        if not summary or summary["last"] > newest:
            continue
        last = summary["last"]
        if last not in arrived:
            arrived[last] = db.session.scalar(select(func.count()).select_from(RegionItemRow).where(
                RegionItemRow.in_catalogue, RegionItemRow.last_date >= last)) or 0
        mark, before = f"{_computed(computed_at)} {newest} {arrived[last]}", known.get(token, "")
        is_settled = before.startswith(f"{_computed(computed_at)} ") and date.fromisoformat(
            last) + again < date.fromisoformat(newest)
        if before != mark and not is_settled:
            due.append((token, mark))
    db.session.rollback()
    for token, mark in due[:MOST_AT_ONCE]:
        judged = db.session.scalars(select(SavedScenario).where(SavedScenario.token == token)).one_or_none()
        if judged is None or not mark.startswith(f"{_computed(judged.computed_at)} "):  # changed meanwhile
            continue
        told = judge_scenario(services, judged).to_json()
        with writing():
            db.session.merge(ScenarioVerdict(token=token, mark=mark, judged_at=now(), told=told))
    db.session.rollback()
    return len(due[:MOST_AT_ONCE])


def verdict_of(scenario: SavedScenario) -> tuple[Verdict, ScenarioVerdict] | None:
    """What came of a scenario as it was computed last, and when it was judged; None where it was not."""
    return _as_computed(scenario, db.session.get(ScenarioVerdict, scenario.token))


def _as_computed(scenario: SavedScenario, row: ScenarioVerdict | None) -> tuple[Verdict, ScenarioVerdict] | None:
    if row is None or scenario.computed_at is None or not row.mark.startswith(f"{_computed(scenario.computed_at)} "):
        return None
    return Verdict.from_json(row.told), row


def judge_scenario(services: Services, scenario: SavedScenario) -> Verdict:
    """What came of a scenario that is computed.

    Raises: OSError: the demand store does not answer.
    """
    result, asked = Result.from_json(scenario.computed), ScenarioRequest.from_json(scenario.asked)
    dataset = services.dataset
    amounts = amounts_of([line.region_item for line in result.lines], dataset)
    tally = _Tally(dataset, asked)
    for line in result.lines:
        try:
            history = services.forecaster.history(line.region_item)
        except NotInStoreError:
            history = None
        tally.add(line, history, amounts[line.region_item])
    is_whole = result.revenue is not None and not result.without_price and tally.known == tally.rows
    return Verdict(
        first=result.dates[0], last=result.dates[-1], plan=result.units.plan, scenario=result.units.scenario,
        rows=tally.rows, known=tally.known, plan_of_known=tally.plan, scenario_of_known=tally.scenario, sold=tally.sold,
        changed=len(tally.changed), stood=_stood(scenario.token, tally.changed), drivers=tuple(tally.drivers.values()),
        periods=tuple(PeriodVerdict(at, *tally.periods[at]) for at in sorted(tally.periods)),
        revenue=result.revenue.scenario if is_whole and result.revenue and tally.revenue is not None else None,
        revenue_came=tally.revenue if is_whole else None)


class _Tally:
    """Sums over the region-items of a scenario."""

    def __init__(self, dataset: Dataset, asked: ScenarioRequest) -> None:
        self._dataset, self._asked = dataset, asked
        self.rows = self.known = 0
        self.plan = self.scenario = self.sold = 0.0
        self.revenue: float | None = 0.0
        self.changed: set[tuple[str, str]] = set()
        self.drivers: dict[str, DriverVerdict] = {}
        self.periods: dict[date, tuple[float, float, float | None]] = {}

    def add(self, line: LineItemResult, history: pd.DataFrame | None, amounts: dict[str, float]) -> None:
        """Take in one region-item; without a history nothing is known of what came."""
        dates = np.array(line.dates, dtype="datetime64[D]")
        sold = np.full(len(dates), np.nan) if history is None else sold_on(history, dates)
        plan, scenario = np.array(line.plan), np.array(line.scenario)
        is_known = ~np.isnan(sold)
        self.rows += len(dates)
        self.known += int(is_known.sum())
        self.plan += float(plan[is_known].sum())
        self.scenario += float(scenario[is_known].sum())
        self.sold += float(sold[is_known].sum())
        self.changed |= {(line.key, str(at)) for at in dates[~np.isclose(plan, scenario, rtol=1e-6, atol=0)].tolist()}
        for place, at in enumerate(line.dates):
            self._add_period(at, plan[place], scenario[place], sold[place])
        self._add_revenue(history, dates, sold, amounts)
        if line.is_changed:
            self._add_drivers(line, history, dates)

    def _add_period(self, at: date, plan: float, scenario: float, sold: float) -> None:
        before = self.periods.get(at, (0.0, 0.0, None))
        self.periods[at] = before if np.isnan(sold) else (
            before[0] + float(plan), before[1] + float(scenario), (before[2] or 0.0) + float(sold))

    def _add_revenue(self, history: pd.DataFrame | None, dates: np.ndarray, sold: Floats,
                     amounts: dict[str, float]) -> None:
        prices = None if history is None else past_prices(self._dataset, history, amounts)
        if history is None or prices is None or self.revenue is None:
            self.revenue = None
            return
        came = sold * sold_on(pd.DataFrame({"date": history["date"].to_numpy(), "demand": prices}), dates)
        self.revenue = self.revenue + float(came.sum()) if isfinite(came.sum()) else None

    def _add_drivers(self, line: LineItemResult, history: pd.DataFrame | None, dates: np.ndarray) -> None:
        for name, (is_asked, wanted) in _asked_values(self._asked, line, dates, self._dataset).items():
            came = _came(history, name, dates, is_text=self._dataset.driver(name).kind == "category")
            known = [want is not None and got is not None for want, got in zip(wanted, came, strict=True)]
            as_asked = [_is_same(want, got) for want, got in zip(wanted, came, strict=True)]
            before = self.drivers.get(name, DriverVerdict(name, 0, 0, 0))
            self.drivers[name] = DriverVerdict(
                name, before.asked + int(is_asked.sum()),
                before.came + sum(same for same, each in zip(as_asked, is_asked, strict=True) if each),
                before.unknown + sum(not one for one, each in zip(known, is_asked, strict=True) if each))


Value = float | str | None
"""Of a driver in a period; None where it is not known."""


def _asked_values(asked: ScenarioRequest, line: LineItemResult, dates: np.ndarray,
                  dataset: Dataset) -> dict[str, tuple[np.ndarray, list[Value]]]:
    """Driver -> in which periods something is asked of it, and what: what is set, and what was computed of a price. Of
    other changes in percent or by an amount it is not kept what they started from."""
    found: dict[str, tuple[np.ndarray, list[Value]]] = {}

    def of(name: str) -> tuple[np.ndarray, list[Value]]:
        return found.setdefault(name, (np.zeros(len(dates), dtype=bool), [None] * len(dates)))

    for change in asked.changes:
        if not change.counts_for(line.region_item) or change.driver not in dataset.driver_names:
            continue
        is_asked, values = of(change.driver)
        for place in np.flatnonzero((dates >= np.datetime64(change.first)) & (dates <= np.datetime64(change.last))):
            is_asked[place] = True
            values[place] = _changed(values[place], change.action, change.value)
    places = {at: place for place, at in enumerate(dates.tolist())}
    for row in asked.plan:
        if row.key != line.key or row.date not in places:
            continue
        for name, value in row.values.items():
            if name in dataset.driver_names:
                is_asked, values = of(name)
                is_asked[places[row.date]] = True
                values[places[row.date]] = value if isinstance(value, str) else float(value)
    price = dataset.amount("price")
    if price is not None and price.driver in found and line.scenario_prices:
        is_asked, _ = found[price.driver]
        found[price.driver] = is_asked, [float(value) for value in line.scenario_prices]
    return {name: pair for name, pair in found.items() if pair[0].any()}


def _changed(before: Value, action: str, by: float | bool | str) -> Value:
    if isinstance(by, str):
        return by
    if action == "set":
        return float(by)
    if not isinstance(before, float):
        return None
    return before * (1 + by / 100) if action == "percent" else before + by


def _came(history: pd.DataFrame | None, name: str, dates: np.ndarray, is_text: bool) -> list[Value]:
    if history is None or name not in history:
        return [None] * len(dates)
    known = dict(zip(history["date"].to_numpy().astype("datetime64[D]").tolist(), history[name].tolist(), strict=True))
    values = [known.get(at) for at in dates.tolist()]
    if is_text:
        return [None if value is None or pd.isna(value) else str(value) for value in values]
    return [None if value is None or pd.isna(value) else float(value) for value in values]


def _is_same(wanted: Value, came: Value) -> bool:
    if isinstance(wanted, float) and isinstance(came, float):
        return abs(came - wanted) <= SAME * abs(wanted)
    return wanted is not None and wanted == came


def _stood(token: str, changed: set[tuple[str, str]]) -> int:
    """In how many of these periods the scenario's override was the plan until demand came."""
    found = 0
    for keys in chunked(sorted({key for key, _ in changed})):
        rows = db.session.execute(select(Override.key, Override.date).where(
            Override.scenario == token, Override.removed_at.is_(None), Override.key.in_(keys)))
        found += sum((key, at) in changed for key, at in rows)
    return found


def _place(came: float, said: Bounds) -> Place:
    return "above" if came > said.upper else "below" if came < said.lower else "inside"


def _computed(at: datetime | None) -> str:
    """What a mark begins with."""
    return at.isoformat() if at else ""


def judged_scenarios(email: str) -> list[tuple[SavedScenario, Verdict, ScenarioVerdict]]:
    """The scenarios that somebody may open and that were judged, with what came of them, and when they were judged."""
    scenarios, rows = open_scenarios(email), dict[str, ScenarioVerdict]()
    for tokens in chunked([one.token for one in scenarios]):
        rows |= {row.token: row for row in db.session.scalars(select(ScenarioVerdict).where(
            ScenarioVerdict.token.in_(tokens)))}
    return [(one, *found) for one in scenarios if (found := _as_computed(one, rows.get(one.token))) is not None]
