"""A selection's forecast in money, with planners' overrides where they are asked for."""

from demand_assets.forecasting.forecast.money import MoneySum, UnitMoney
from webapp.overrides.applied import Overridden
from webapp.services import services
from webapp.serving.answer import Answer
from webapp.serving.money import money_of, summed_in_money
from webapp.stored_forecasts.group_answer import GroupAnswer


def unit_money_of(answer: Answer | GroupAnswer, of_scenario: bool = False) -> dict[str, UnitMoney]:
    """Key -> prices and costs of each region-item of an answer; none where the dataset has no price.

    Args:
        of_scenario: whether at the prices of the scenario.
    """
    if isinstance(answer, GroupAnswer):
        return {key: kept.money for key, kept in answer.kept.items()} if services().dataset.has_money else {}
    return money_of(answer.lines, answer.past, services().dataset, of_scenario)


def answer_in_money(answer: Answer | GroupAnswer, included: Overridden | None) -> MoneySum:
    """Revenue and margin of an answer under the plan.

    Args:
        included: its overrides, where they are in the numbers.
    """
    models = {key: kept.part for key, kept in answer.kept.items()} if isinstance(answer, GroupAnswer) else {
        line.row.key: line.plan.part for line in answer.lines}
    return summed_in_money(models, unit_money_of(answer), included.open if included else {})


def scenario_in_money(answer: Answer) -> MoneySum:
    """Revenue and margin of an answer under its scenario, at the scenario's prices."""
    return summed_in_money({line.row.key: (line.scenario or line.plan).part for line in answer.lines},
                           unit_money_of(answer, of_scenario=True), {})
