"""Why the forecast is what it is: contributions of a selection's drivers and features, by period, in units."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from demand_assets.forecasting.whatif.explanation import LIMITS, USUAL
from demand_assets.forecasting.whatif.scenario import PLAN
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
    """Contributions to the forecast of a selection; with a scenario, those to its difference from the plan too."""

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

    What holding a scenario to the declared directions of drivers changes counts as limits.

    Args:
        most: of more region-items than so many, those with the largest forecasts are explained.
        exact: None: as so many allow.
    """
    able = sorted((line for line in lines if line.model.pooled is not None), key=lambda line: -line.plan_units)
    explained, without = able[:most], [line for line in lines if line.model.pooled is None]
    if not explained:
        return None
    exact = len(explained) <= MOST_EXACT if exact is None else exact
    told = contributions_of(services, explained, exact)
    changes = [change for _, change in told if change is not None]
    return Explanation(_summed([plan for plan, _ in told]), _summed(changes) if changes else None, len(explained),
                       without, len(able) - len(explained), exact)


def contributions_of(services: Services, lines: Sequence[LineItem],
                     exact: bool) -> list[tuple[pd.DataFrame, pd.DataFrame | None]]:
    """Contributions to the plan of each region-item, and to the scenario's difference from it: date and groups.

    Args:
        lines: none that the baseline forecasts.
    Raises: NotInStoreError: the demand of one cannot be read any more.
    """
    plans = [request_of(services, line) for line in lines]
    touched = [place for place, line in enumerate(lines) if line.scenario is not None and line.asked != PLAN]
    scenarios = [request_of(services, lines[place], lines[place].asked) for place in touched]
    told = services.forecaster.explain_many([*plans, *scenarios], exact)
    changed = dict(zip(touched, told[len(plans):], strict=True))
    return [(plan, None if line.scenario is None else difference_of(changed.get(place, plan), plan, line))
            for place, (line, plan) in enumerate(zip(lines, told[:len(plans)], strict=True))]


def difference_of(changed: pd.DataFrame, plan: pd.DataFrame, line: LineItem) -> pd.DataFrame:
    """Scenario minus plan in each period, adding up to the difference of the forecasts as they are shown.

    Args:
        changed: contributions under the scenario, in units: a column a group, and ``date``.
        plan: the same under the plan.
        line: has a scenario.
    """
    assert line.scenario is not None  # the caller asks for lines with one
    # A class that failed under one of them left that one to its boosters, which are told in other groups.
    difference = changed.set_index("date").sub(plan.set_index("date"), fill_value=0.0)
    shown = line.scenario.table["forecast"] - line.plan.table["forecast"]
    difference[LIMITS] += shown.to_numpy() - difference.sum(axis=1).to_numpy()
    return difference.reset_index()


def _summed(tables: Sequence[pd.DataFrame]) -> Contributions:
    """The sum over region-items; usual level and limits are left out where they never show."""
    summed = pd.concat(tables).groupby("date").sum()
    for group in (USUAL, LIMITS):
        if (summed[group].abs() < NOTHING).all():
            rest = summed.drop(columns=group)
            rest[rest.abs().sum().idxmax()] += summed[group]
            summed = rest
    return Contributions([str(name) for name in summed.columns], [at.date() for at in summed.index],
                         summed.to_numpy().tolist())
