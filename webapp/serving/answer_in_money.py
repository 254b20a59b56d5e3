"""An answer in money: prices and costs of its region-items under the plan and under a scenario, and their sums."""

from collections.abc import Mapping, Sequence

from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.forecast.revenue_and_margin import (
    NOTHING_KNOWN,
    MoneySum,
    UnitMoney,
    UnitPrices,
    unit_money,
)
from demand_assets.forecasting.forecast.totals import Part
from webapp.region_items.prices_and_costs import amounts_of, units_in_money
from webapp.serving.history import History
from webapp.serving.line_item import LineItem
from webapp.tables import Override


def money_of(lines: Sequence[LineItem], past: History, dataset: Dataset,
             of_scenario: bool = False, with_latest: bool = True) -> dict[str, UnitMoney]:
    """Key -> prices and costs of each region-item in the periods of its forecast; none where the dataset has no price.

    Args:
        past: theirs.
        of_scenario: whether at the prices of the scenario, where a line has one.
        with_latest: whether the latest that is known is told too, which a sum does without.
    """
    if not dataset.has_money:
        return {}
    attributes = amounts_of([line.row.region_item for line in lines], dataset)
    if not with_latest:
        prices = UnitPrices.of(dataset)
        return {line.row.key: UnitMoney(*prices.each(
            line.plan.columns, attributes[line.row.region_item],
            line.scenario.columns if of_scenario and line.scenario else None), None, None) for line in lines}
    return {line.row.key: unit_money(
        dataset, line.plan.columns, past.each[line.row.key], attributes[line.row.region_item],
        line.scenario.columns if of_scenario and line.scenario else None) for line in lines}


def summed_in_money(models: Mapping[str, Part], money: Mapping[str, UnitMoney],
                    overrides: Mapping[str, Sequence[Override]]) -> MoneySum:
    """Revenue and margin of these forecasts.

    Args:
        models: key -> the model's forecast.
        money: key -> prices and costs; those left out are not known.
        overrides: key -> what is in place of the model's forecast.
    """
    found = MoneySum()
    if not money:
        return MoneySum(size=len(models))
    for key, part in models.items():
        found.add(part.dates, units_in_money(part, overrides.get(key, ())), money.get(key, NOTHING_KNOWN))
    return found
