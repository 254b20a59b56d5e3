"""A selection's forecast in money, with planners' overrides where they are asked for."""

from collections.abc import Mapping

from demand_assets.forecasting.forecast.revenue_and_margin import MoneySum, SummedMoney, UnitMoney
from demand_assets.forecasting.forecast.totals import span_of
from webapp.overrides.applied import Overridden
from webapp.region_items.prices_and_costs import units_in_money
from webapp.services import services
from webapp.serving.answer_in_money import money_of, summed_in_money
from webapp.serving.forecast_of_selection import Answer
from webapp.stored_forecasts.group_answer import GroupAnswer


def unit_money_of(answer: Answer | GroupAnswer, of_scenario: bool = False) -> dict[str, UnitMoney]:
    """Key -> prices and costs of each region-item of an answer; none where the dataset has no price.

    Args:
        of_scenario: whether at the prices of the scenario.
    """
    if isinstance(answer, GroupAnswer):
        return {key: kept.money for key, kept in answer.kept.items()} if services().dataset.has_money else {}
    return money_of(answer.lines, answer.past, services().dataset, of_scenario, with_latest=len(answer.lines) == 1)


def answer_in_money(answer: Answer | GroupAnswer, included: Overridden | None,
                    known: Mapping[str, UnitMoney] | None = None) -> MoneySum:
    """Revenue and margin of an answer under the plan.

    Args:
        included: its overrides, where they are in the numbers.
        known: ``unit_money_of`` of the answer under the plan, where it was made already.
    """
    if isinstance(answer, GroupAnswer):
        return _group_in_money(answer, included)
    models = {line.row.key: line.plan.part for line in answer.lines}
    return summed_in_money(models, unit_money_of(answer) if known is None else known,
                           included.open if included else {})


def _group_in_money(answer: GroupAnswer, included: Overridden | None) -> MoneySum:
    """The kept sum; those with overrides are taken out of it, and put in again with them."""
    if not services().dataset.has_money:
        return MoneySum(size=answer.summed)
    found = answer.sums.money.first(answer.horizon)
    if included and included.open:
        kept = answer.kept_of(list(included.open))
        before, after = SummedMoney(), SummedMoney()
        for key, each in kept.items():
            span = span_of(each.part.dates)
            before.add_one(span, units_in_money(each.part, ()), each.money)
            after.add_one(span, units_in_money(each.part, included.open[key]), each.money)
        found.add(before, -1)
        found.add(after)
    return found.total()


def scenario_in_money(answer: Answer, known: Mapping[str, UnitMoney]) -> MoneySum:
    """Revenue and margin of an answer under its scenario, at the scenario's prices: ``known``."""
    return summed_in_money({line.row.key: (line.scenario or line.plan).part for line in answer.lines},
                           known, {})
