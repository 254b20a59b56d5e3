"""Computing a scenario: each region-item under the plan and under what it asks of it, then the sums."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import pandas as pd

from demand_assets.forecasting.forecast.revenue_and_margin import prices_and_costs
from demand_assets.forecasting.forecast.totals import Bounds, Deciles, Part, by_date, over_all, total_deciles
from demand_assets.forecasting.model.intervals import DECILE_NAMES
from demand_assets.forecasting.series.gapped import Floats
from demand_assets.forecasting.store.stored_files import DamagedFileError, NotInStoreError
from demand_assets.forecasting.whatif.explanation import USUAL
from demand_assets.forecasting.whatif.scenario import PLAN, Scenario, ScenarioError
from webapp.db.chunked import chunked
from webapp.db.database import db
from webapp.language.translations import gettext as _
from webapp.region_items.prices_and_costs import amounts_of
from webapp.region_items.rows import pooled_row, rows_by_key
from webapp.scenarios.request import ScenarioRequest, asked_words
from webapp.scenarios.result import Finding, Likeness, LineItemResult, PastPeriod, PeriodResult, PlanAndScenario, Result
from webapp.services import Services
from webapp.serving.explanation import MOST_EXACT, NOTHING, differences_of
from webapp.serving.line_item import (
    LineItem,
    analogues_of,
    fetch_again,
    lines_of,
    note_damaged,
    scenario_lines,
    why_missing,
)

AT_ONCE = 25
"""Region-items between two reports of how far it is."""
MOST_LIKENED = 8
"""Region-items, those that change most, whose nearest past periods are kept."""
DIGITS = 7
"""Significant ones of the numbers that are kept: demand may be counted in grams or in millions."""


@dataclass(frozen=True)
class _Computed:
    """One region-item with what sums need of it."""

    line: LineItem
    plan_prices: Floats | None
    scenario_prices: Floats | None
    costs: Floats | None
    why: pd.DataFrame | None
    """Date and groups: scenario minus plan."""

    @property
    def is_changed(self) -> bool:
        """Whether the scenario touches it."""
        return self.line.asked != PLAN

    @property
    def plan(self) -> Part:
        return self.line.plan.part

    @property
    def scenario(self) -> Part:
        return (self.line.scenario or self.line.plan).part

    @property
    def revenue_parts(self) -> tuple[Part, Part] | None:
        """Plan and scenario in money; None where a price is not known."""
        if self.plan_prices is None or self.scenario_prices is None:
            return None
        return self.plan.times(self.plan_prices), self.scenario.times(self.scenario_prices)

    @property
    def margin_parts(self) -> tuple[Part, Part] | None:
        """What is left of it when what is sold is paid; None where a price or the cost is not known."""
        if self.plan_prices is None or self.scenario_prices is None or self.costs is None:
            return None
        return self.plan.times(self.plan_prices - self.costs), self.scenario.times(self.scenario_prices - self.costs)


def compute(services: Services, asked: ScenarioRequest, report: Callable[[int], None] = lambda done: None) -> Result:
    """Forecast the selection under the plan and under the scenario.

    Args:
        report: told now and then how many region-items are done.
    Raises:
        ScenarioError: nothing of it touches a forecast, or a change cannot be applied; the message is a sentence.
        ForecastError: a horizon outside 1 to the dataset's.
        OSError: the demand store cannot be read.
    """
    lines, missing = _planned(services, asked, report)
    if not lines:
        raise ScenarioError(_("None of its region-items can be forecast now."))
    dates = {line.row.key: [at.date() for at in line.plan.table["date"]] for line in lines}
    scenarios = asked.by_key(dates)
    if all(scenario == PLAN for scenario in scenarios.values()):
        first, last = min(days[0] for days in dates.values()), max(days[-1] for days in dates.values())
        raise ScenarioError(f"Nothing that it asks touches a period of the forecasts, which run from {first} to "
                            f"{last}.")
    amounts = amounts_of([line.row.region_item for line in lines], services.dataset)
    exact = sum(scenario != PLAN for scenario in scenarios.values()) <= MOST_EXACT
    computed: list[_Computed] = []
    for part in chunked(lines, AT_ONCE):
        part = _changed(services, part, scenarios, missing)
        why = _differences_of(services, part, exact)
        computed += [_one(services, line, why.get(line.row.key), amounts[line.row.region_item]) for line in part]
        report(len(missing) + (len(lines) + len(computed)) // 2)
    return _result(services, asked, computed, missing)


def _changed(services: Services, lines: Sequence[LineItem], scenarios: Mapping[str, Scenario],
             missing: list[tuple[str, str]]) -> list[LineItem]:
    """The lines under their scenarios; those whose demand cannot be read any more are missing from here on."""
    try:
        return scenario_lines(services, lines, [scenarios[line.row.key] for line in lines])
    except NotInStoreError:
        found: list[LineItem] = []
        for line in lines:
            try:
                found += scenario_lines(services, [line], [scenarios[line.row.key]])
            except NotInStoreError as error:
                missing.append((line.row.key, why_missing(line.row, error)))
        return found


def _planned(services: Services, asked: ScenarioRequest,
             report: Callable[[int], None]) -> tuple[list[LineItem], list[tuple[str, str]]]:
    """Each region-item under the plan; and those that cannot be forecast, with the reason."""
    found, pooled = rows_by_key(asked.keys), pooled_row()
    for known in (*found.values(), *([pooled] if pooled else [])):
        db.session.expunge(known)  # reports are committed in between, and threads read the rows
    rows = [found[key] for key in asked.keys if key in found and found[key].in_catalogue]
    there = {row.key for row in rows}
    missing = [(key, _("It is no longer in the dataset.")) for key in asked.keys if key not in there]
    lines: list[LineItem] = []
    for start in range(0, len(rows), AT_ONCE):
        report(start // 2)
        part = rows[start:start + AT_ONCE]
        servings = [services.models.serving(row, pooled) for row in part]
        for row, line in zip(part, lines_of(services, part, servings, pooled, asked.horizon), strict=True):
            if isinstance(line, NotInStoreError):
                missing.append((row.key, why_missing(row, line)))
                note_damaged([row] if isinstance(line, DamagedFileError) else [])
            else:
                lines.append(line)
        fetch_again([row.key for row, serving in zip(part, servings, strict=True) if serving.damaged],
                    any(serving.pooled_damaged for serving in servings))
    return lines, missing


def _differences_of(services: Services, lines: Sequence[LineItem], exact: bool) -> dict[str, pd.DataFrame]:
    """Key -> contributions to the difference, of the changed ones that a model forecasts; those whose demand was
    damaged since they were forecast are left out."""
    able = [line for line in lines if line.asked != PLAN and line.model.pooled is not None]
    try:
        told = differences_of(services, able, exact)
    except NotInStoreError:
        if len(able) == 1:
            return {}
        return {key: why for line in able for key, why in _differences_of(services, [line], exact).items()}
    return {line.row.key: why for line, why in zip(able, told, strict=True)}


def _one(services: Services, line: LineItem, why: pd.DataFrame | None, amounts: Mapping[str, float]) -> _Computed:
    """One region-item with what explains its difference, and its prices."""
    before, costs = prices_and_costs(services.dataset, line.plan.columns, amounts)
    after, _ = prices_and_costs(services.dataset, line.plan.columns, amounts, (line.scenario or line.plan).columns)
    known = before is not None and after is not None
    return _Computed(line, before if known else None, after if known else None, costs, why)


def _result(services: Services, asked: ScenarioRequest, computed: Sequence[_Computed],
            missing: Sequence[tuple[str, str]]) -> Result:
    pairs = [(one.plan, one.scenario) for one in computed]
    money = [parts for one in computed if (parts := one.revenue_parts) is not None]
    margins = [parts for one in computed if (parts := one.margin_parts) is not None]
    changed = sorted((one for one in computed if one.is_changed), key=_size, reverse=True)
    why = [one.why for one in changed if one.why is not None]
    (units, in_units), in_money = _in_units(pairs), _by_period(money)
    return Result(
        units=units, revenue=_compared(money) if money else None,
        periods=tuple(PeriodResult(at, in_units[at], in_money.get(at)) for at in in_units),
        lines=tuple(_line(one) for one in computed), why=_summed(why),
        exact=len(changed) <= MOST_EXACT, unexplained=len(changed) - len(why),
        flags=_told(((sentence, one.line.row.key) for one in computed if one.is_changed and one.line.scenario
                     for sentence in one.line.scenario.flags),
                    {sentence: short for one in computed if one.line.scenario
                     for sentence, short in one.line.scenario.in_short.items()}),
        assumed=_told((sentence, one.line.row.key) for one in computed for sentence in one.line.plan.assumed),
        likenesses=tuple(like for one in changed[:MOST_LIKENED] for like in _likenesses(services, one.line)),
        missing=_told((reason, key) for key, reason in missing), notices=tuple(_notices(services, asked, computed)),
        without_price=len(computed) - len(money) if services.dataset.has_money else 0,
        margin=_compared(margins, signed=True) if margins else None, without_cost=len(computed) - len(margins))


def _compared(pairs: Sequence[tuple[Part, Part]], signed: bool = False) -> PlanAndScenario:
    return PlanAndScenario(over_all([plan for plan, _ in pairs], signed=signed),
                           over_all([scenario for _, scenario in pairs], signed=signed),
                           over_all([scenario.minus(plan) for plan, scenario in pairs], signed=True))


def _in_units(pairs: Sequence[tuple[Part, Part]]) -> tuple[PlanAndScenario, dict[date, PlanAndScenario]]:
    """The sum and its periods, with deciles where those of all region-items are known."""
    told = (total_deciles([plan for plan, _ in pairs]), total_deciles([scenario for _, scenario in pairs]),
            total_deciles([scenario.minus(plan) for plan, scenario in pairs], signed=True))
    known = [each for each in told if each is not None]
    whole = _compared(pairs)
    if len(known) < len(told):
        return whole, _by_period(pairs)
    sides = whole.plan, whole.scenario, whole.difference
    return PlanAndScenario(*(replace(side, deciles=each.over_all) for side, each in zip(
        sides, known, strict=True))), _by_period(pairs, known)


def _by_period(pairs: Sequence[tuple[Part, Part]], deciles: Sequence[Deciles] = ()) -> dict[date, PlanAndScenario]:
    """The sums by date.

    Args:
        deciles: of plan, scenario and difference, where they are told.
    """
    if not pairs:
        return {}
    tables = [by_date([plan for plan, _ in pairs]), by_date([scenario for _, scenario in pairs]),
              by_date([scenario.minus(plan) for plan, scenario in pairs], signed=True)]
    if deciles:
        tables = [table.merge(each.by_date, on="date") for table, each in zip(tables, deciles, strict=True)]
    rows = [table.to_dict("records") for table in tables]
    names = DECILE_NAMES if deciles else ()
    return {of_date[0]["date"].date(): of_period(*(
        Bounds(one["forecast"], one["lower"], one["upper"], tuple(one[name] for name in names)) for one in of_date))
        for of_date in zip(*rows, strict=True)}


def of_period(plan: Bounds, scenario: Bounds, difference: Bounds) -> PlanAndScenario:
    """A period that is not touched has the plan's interval: how errors come together is of the whole horizon, whose
    other periods are weighed otherwise in the scenario."""
    is_touched = (difference.forecast, difference.lower, difference.upper) != (0.0, 0.0, 0.0)
    return PlanAndScenario(plan, scenario if is_touched else plan, difference)


def _line(one: _Computed) -> LineItemResult:
    line, money = one.line, one.revenue_parts
    return LineItemResult(
        key=line.row.key, served_by=line.mark, origin=line.plan.origin.date(), is_changed=one.is_changed,
        units=_compared([(one.plan, one.scenario)]), revenue=_compared([money]) if money else None,
        dates=tuple(at.date() for at in line.plan.table["date"]), plan=_rounded(one.plan.forecast),
        scenario=_rounded(one.scenario.forecast), plan_prices=_rounded(one.plan_prices),
        scenario_prices=_rounded(one.scenario_prices), why=_summed([one.why] if one.why is not None else []),
        plan_interval=_interval(one.plan), scenario_interval=_interval(one.scenario),
        known_as=line.row.forecast_wanted)


def _size(one: _Computed) -> float:
    return abs(float(one.scenario.forecast.sum() - one.plan.forecast.sum()))


def _rounded(values: Floats | None) -> tuple[float, ...]:
    return () if values is None else tuple(float(f"{value:.{DIGITS}g}") for value in values)


def _interval(part: Part) -> tuple[tuple[float, float], ...]:
    """80 %, of each period."""
    lower, upper = part.interval()
    return tuple(zip(_rounded(lower), _rounded(upper), strict=True))


def _summed(tables: Sequence[pd.DataFrame]) -> dict[str, float]:
    """Units by group, those next to nothing and the usual level (the same in both) left out."""
    if not tables:
        return {}
    summed = pd.concat(tables).drop(columns="date").sum()
    return {str(group): float(units) for group, units in summed.items() if abs(units) >= NOTHING and group != USUAL}


def _told(pairs: Iterator[tuple[str, str]], in_short: Mapping[str, str] | None = None) -> tuple[Finding, ...]:
    found: dict[str, list[str]] = {}
    for sentence, key in pairs:
        found.setdefault(sentence, []).append(key)
    return tuple(Finding(sentence, tuple(keys), (in_short or {}).get(sentence, "")) for sentence, keys in found.items())


def _likenesses(services: Services, line: LineItem) -> Iterator[Likeness]:
    names = services.dataset.driver_names
    for changed in analogues_of(services, line):
        yield Likeness(line.row.key, changed["date"], tuple(
            PastPeriod(past["date"].date(), float(past["demand"]),
                       {name: None if pd.isna(past[name]) else past[name] for name in names})
            for past in changed["past"]))


def _notices(services: Services, asked: ScenarioRequest, computed: Sequence[_Computed]) -> Iterator[str]:
    for one in computed:
        if one.line.notice:
            yield f"{one.line.row.region_item}: {one.line.notice}"
    firsts = {one.line.plan.table["date"].iloc[0].date() for one in computed}
    if len(firsts) > 1:
        yield (f"Forecasts begin on different dates ({min(firsts)} to {max(firsts)}): the total of a date holds the "
               "region-items that reach it.")
    past = [change for change in asked.changes if change.last < min(firsts)]
    for change in past:
        yield f"This lies before the forecasts, which begin on {min(firsts)}, and no longer counts: " + (
            f"{asked_words(change, services.dataset)}.")
    if gone := sum(row.date < min(firsts) for row in asked.plan):
        yield f"{gone} of the plan's {len(asked.plan)} rows lie before {min(firsts)} and no longer count."
