"""What the forecast page and its files tell of an answer in money."""

from demand_assets.forecasting.dataset.prices_and_costs import KINDS
from webapp.forecasts.period_table import InMoney
from webapp.overrides.applied import Overridden
from webapp.overrides.in_money import answer_in_money, scenario_in_money, unit_money_of
from webapp.services import services
from webapp.serving.forecast_of_selection import Answer
from webapp.stored_forecasts.group_answer import GroupAnswer


def in_money_of(answer: Answer | GroupAnswer, included: Overridden | None) -> InMoney | None:
    """The answer in money; None where the dataset has no price, or nothing is forecast.

    Args:
        included: its overrides, where they are in what is shown.
    """
    dataset = services().dataset
    if not dataset.has_money or not (answer.summed if isinstance(answer, GroupAnswer) else answer.lines):
        return None
    has_scenario = isinstance(answer, Answer) and answer.has_scenario
    units = unit_money_of(answer, of_scenario=has_scenario) if isinstance(answer, Answer) else {}
    return InMoney(answer_in_money(answer, included, None if has_scenario or not units else units),
                   scenario_in_money(answer, units) if isinstance(answer, Answer) and has_scenario else None,
                   next(iter(units.values())) if len(units) == 1 else None, dataset.amount("cost") is not None,
                   frozenset(kind for kind in KINDS if (amount := dataset.amount(kind)) is not None and amount.driver
                             and not isinstance(answer, GroupAnswer)))
