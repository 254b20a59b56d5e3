"""The sentences that stand on a forecast, with the numbers that its page shows."""

from datetime import date

from demand_assets.forecasting.series.known_history import KnownHistory
from webapp.overrides.applied import Overridden
from webapp.region_items.labels import group_titles
from webapp.services import services
from webapp.serving.explaining_sentences import AgainstLastYear, of_forecast, of_scenario
from webapp.serving.explanation import Explanation, explain_lines
from webapp.serving.forecast_of_selection import Answer
from webapp.serving.history import history_of
from webapp.serving.line_item import LineItem


def in_words(answer: Answer, included: Overridden | None, explanation: Explanation | None,
             is_explained: bool, below_total: bool = False) -> list[str]:
    """At most two sentences on an answer: under a scenario on its difference from the plan.

    Args:
        included: the forecast with overrides; None where they are not shown.
        explanation: of the answer; None where only seasonal naive forecasts, or where nothing was asked.
        is_explained: whether it was asked for.
        below_total: whether the total stands right above.
    """
    if not answer.lines:
        return []
    if answer.has_scenario:
        return scenario_in_words(answer, explanation, is_explained)
    dataset = services().dataset
    forecast: dict[date, float] = {each.date: each.plan if each.final is None else each.final
                                   for each in (included.periods if included else answer.periods)}
    parts = explanation.parts(group_titles(dataset), answer.plan_total.forecast) if explanation else None
    overridden = included.total.forecast - answer.plan_total.forecast if included else 0.0
    last_year = answer.past.against_last_year(forecast, dataset)
    end_together = len({line.plan.origin for line in answer.lines}) == 1
    if not end_together:  # a date's forecast is of those that reach it, and its last year would be of all
        last_year = AgainstLastYear(0.0, 0.0, 0, last_year.periods)
    if last_year.known < last_year.periods and len(answer.lines) > 1:  # or some are younger than the others
        each = included.parts if included else {line.row.key: line.plan.part for line in answer.lines}
        last_year = answer.past.of_those_sold(each, dataset) or last_year
    return of_forecast(last_year, parts, dataset.unit, _has_model(answer), overridden, below_total)


def scenario_in_words(answer: Answer, explanation: Explanation | None, is_explained: bool = True) -> list[str]:
    """At most two sentences on how a scenario differs from the plan."""
    assert answer.scenario_total is not None  # the caller asks for answers with one
    plan, scenario = answer.plan_total.forecast, answer.scenario_total.forecast
    titles, parts = group_titles(services().dataset), None
    if is_explained and explanation and explanation.change:
        parts = explanation.parts(titles, scenario - plan)
    return of_scenario(plan, scenario, parts, services().dataset.unit, _has_model(answer))


def line_in_words(line: LineItem, answer: Answer, final: Overridden | None, exact: bool) -> list[str]:
    """The sentences on one region-item of an answer without a scenario."""
    known, key = services(), line.row.key
    past = history_of(known, [line], {key: KnownHistory(answer.past.each[key])})
    part = final.parts[key] if final else line.plan.part
    forecast = dict(zip(part.dates.astype("datetime64[D]").tolist(), part.forecast.tolist(), strict=True))
    explanation = explain_lines(known, [line], exact=exact)
    parts = explanation.parts(group_titles(known.dataset), line.plan_units) if explanation else None
    return of_forecast(past.against_last_year(forecast, known.dataset), parts, known.dataset.unit,
                       line.model.pooled is not None, float(part.forecast.sum()) - line.plan_units)


def _has_model(answer: Answer) -> bool:
    return any(line.model.pooled is not None for line in answer.lines)
