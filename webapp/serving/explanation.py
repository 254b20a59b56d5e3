"""Why the forecast is what it is: contributions of a selection's drivers and features, by period, in units; and why a
scenario differs from it, by changed driver."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from demand_assets.forecasting.whatif.explanation import LIMITS, USUAL
from demand_assets.forecasting.whatif.scenario import PLAN, Scenario
from webapp.pages.download_files import rounded
from webapp.pages.numbers_and_dates import decimals_for
from webapp.services import Services
from webapp.serving.explaining_sentences import Parts
from webapp.serving.line_item import LineItem, request_of
from webapp.serving.selection_sizes import MOST_REGION_ITEMS

MOST_EXPLAINED = MOST_REGION_ITEMS
"""Region-items of one answer that are explained."""
MOST_EXACT = 12
"""Region-items of one answer that are explained exactly; more are explained by the faster rule."""
NOTHING = 0.05
"""Units below which a contribution shows as none."""


@dataclass(frozen=True)
class Contributions:
    """Units by period and group; each period's add up to its total."""

    groups: list[str]
    dates: list[date]
    units: list[list[float]]
    """For each period, one value for each group."""

    @property
    def totals(self) -> list[float]:
        """For each period, what its contributions add up to."""
        return [sum(values) for values in self.units]

    @property
    def over_all(self) -> list[float]:
        """For each group, the sum over all periods."""
        return [sum(values) for values in zip(*self.units, strict=True)]


@dataclass(frozen=True)
class Explanation:
    """Contributions to the forecast of a selection; with a scenario, those of changed drivers to the difference too."""

    plan: Contributions
    change: Contributions | None
    """Of scenario minus plan."""
    explained: int
    """Region-items that the contributions are summed over."""
    without: list[LineItem]
    """Those that the baseline forecasts: it repeats past demand and has nothing to explain."""
    smaller: int
    """Those left out because they are not among the largest."""
    exact: bool
    """Whether contributions are exact; else they follow each tree's path, which is faster."""

    def parts(self, titles: dict[str, str], whole: float) -> Parts:
        """What sentences tell: of the change where there is one, else of the forecast; with the decimals of the table.

        Args:
            titles: group -> words, where they differ.
            whole: the forecast of the selection by its models, or its difference from the plan, in units.
        """
        shown = self.change or self.plan
        over_all = dict(zip(shown.groups, shown.over_all, strict=True))
        usual = None if self.change else over_all.pop(USUAL, None)
        return Parts([(titles.get(group, group), value) for group, value in over_all.items()], whole, usual,
                     decimals_for([abs(value) for value in shown.totals]), len(self.without) + self.smaller)

    def chart(self, titles: dict[str, str]) -> dict[str, Any]:
        """What the chart draws, as JSON types: of the change where there is one, else of the forecast.

        Args:
            titles: group -> words, where they differ.
        """
        shown = self.change or self.plan
        colours = list(dict.fromkeys([USUAL, *self.plan.groups, *shown.groups]))
        return {"dates": [str(date) for date in shown.dates], "total": [rounded(value) for value in shown.totals],
                "groups": [{"name": titles.get(group, group), "colour": colours.index(group),
                            "units": [rounded(row[place]) for row in shown.units]}
                           for place, group in enumerate(shown.groups)]}


def explain_lines(services: Services, lines: Sequence[LineItem], most: int = MOST_EXPLAINED,
                  exact: bool | None = None) -> Explanation | None:
    """The contributions to the forecasts of these, summed; None where only the baseline forecasts.

    Args:
        most: of more region-items than so many, those with the largest forecasts are explained.
        exact: None: as so many allow.
    """
    able = sorted((line for line in lines if line.model.pooled is not None), key=lambda line: -line.plan_units)
    explained, without = able[:most], [line for line in lines if line.model.pooled is None]
    if not explained:
        return None
    exact = len(explained) <= MOST_EXACT if exact is None else exact
    plans = services.forecaster.explain_many([request_of(services, line) for line in explained], exact)
    changes = differences_of(services, [line for line in explained if line.asked != PLAN], exact)
    return Explanation(_summed(plans), _summed(changes) if changes else None, len(explained), without,
                       len(able) - len(explained), exact)


def differences_of(services: Services, lines: Sequence[LineItem], exact: bool) -> list[pd.DataFrame]:
    """Scenario minus plan of each in each period: ``date``, and units for each driver that its scenario changes, which
    add up to the difference of the forecasts as they are shown.

    A driver's part is what the forecast moves by as it is changed, on average over orders in which the drivers are
    changed one after the other (Shapley values, of up to three drivers over all orders).

    Args:
        lines: those that a scenario touches.
        exact: over orders that begin with each driver, forwards and backwards; else over one order and its reverse.
    Raises: NotInStoreError: the demand of one cannot be read any more.
    """
    orders = [_orders(drivers_of(line.asked), exact) for line in lines]
    between = [list(dict.fromkeys(frozenset(order[:count]) for order in some for count in range(1, len(order))))
               for some in orders]
    asked = [request_of(services, line, _of_drivers(line.asked, drivers))
             for line, some in zip(lines, between, strict=True) for drivers in some]
    forecasts = iter(services.forecaster.answer(asked))
    found = []
    for line, some, steps in zip(lines, orders, between, strict=True):
        assert line.scenario is not None  # the scenario touches it
        units = {drivers: next(forecasts).part.forecast for drivers in steps}
        units |= {frozenset(): line.plan.part.forecast, frozenset(some[0]): line.scenario.part.forecast}
        found.append(pd.DataFrame({"date": line.plan.columns["date"], **{
            driver: sum(units[frozenset(order[:at + 1])] - units[frozenset(order[:at])]
                        for order in some for at in [order.index(driver)]) / len(some) for driver in some[0]}}))
    return found


def drivers_of(scenario: Scenario) -> list[str]:
    """The drivers that it changes, in the order in which it does."""
    return list(dict.fromkeys([one.driver for one in scenario.changes] + [one.driver for one in scenario.planned]))


def _orders(drivers: Sequence[str], exact: bool) -> list[list[str]]:
    begun = [[*drivers[at:], *drivers[:at]] for at in range(len(drivers) if exact else 1)]
    return [order for forwards in begun for order in (forwards, forwards[::-1])]


def _of_drivers(scenario: Scenario, drivers: Collection[str]) -> Scenario:
    return Scenario(tuple(one for one in scenario.changes if one.driver in drivers),
                    tuple(one for one in scenario.planned if one.driver in drivers))


def _summed(tables: Sequence[pd.DataFrame]) -> Contributions:
    """The sum over region-items; usual level and limits are left out where they never show."""
    summed = pd.concat(tables).groupby("date").sum()
    for group in summed.columns.intersection([USUAL, LIMITS]):
        if (summed[group].abs() < NOTHING).all():
            rest = summed.drop(columns=group)
            rest[rest.abs().sum().idxmax()] += summed[group]
            summed = rest
    return Contributions([str(name) for name in summed.columns], [at.date() for at in summed.index],
                         summed.to_numpy().tolist())
