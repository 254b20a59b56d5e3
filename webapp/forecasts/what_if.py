"""A what-if on the forecast page: the plan of a selection, and the answer under the changes of a form or a URL."""

from dataclasses import dataclass

from werkzeug.datastructures import MultiDict

from demand_assets.forecasting.whatif.scenario import ScenarioError
from webapp.forecasts.query import ForecastQuery
from webapp.language.translations import gettext as _
from webapp.scenarios.editor.driver_changes import ScenarioForm, new_row, parse_scenario
from webapp.services import services
from webapp.serving.forecast_of_selection import Answer, plan_of, under


@dataclass(frozen=True)
class WhatIf:
    """What was asked, and what it makes of the forecast."""

    plan: Answer
    answer: Answer
    """Under the scenario of the form; the plan where it has none, or cannot be computed."""
    form: ScenarioForm
    """As it was typed, with what is wrong with it."""
    status: int
    """Of the page that shows it."""


def what_if_of(forecast_query: ForecastQuery, fields: MultiDict[str, str]) -> WhatIf:
    """The forecast under the changes of the fields.

    Args:
        fields: ``change-0-driver`` …; ``add`` adds a row for one more driver to the form.
    """
    coverage = forecast_query.coverage / 100
    plan = plan_of(services(), forecast_query.rows, forecast_query.horizon).within(coverage)
    if not plan.dates:
        return WhatIf(plan, plan, ScenarioForm([], [], ()), 200)
    form, answer, status = parse_scenario(fields, services().dataset, plan.dates), plan, 200
    if form.is_valid and form.rows:
        try:
            answer = under(services(), plan, form.scenario).within(coverage)
        except ScenarioError as error:
            form.errors.append(_("This scenario cannot be computed: %(error)s.", error=error))
    if fields.get("add") in services().dataset.driver_names:
        form.rows.append(new_row(form.next_number, services().dataset.driver(fields["add"]), plan.dates))
    elif not form.is_valid:
        status = 422
    return WhatIf(plan, answer, form, status)


def known_values(plan: Answer) -> dict[str, list[str]]:
    """Category driver -> the values that the selection's models have seen."""
    return {driver.name: known_values_of(plan, driver.name) for driver in services().dataset.drivers
            if driver.kind == "category"}


def known_values_of(plan: Answer, driver: str) -> list[str]:
    """The values of one driver that the selection's models have seen, or that are planned."""
    values: set[str] = set()
    for line in plan.lines:
        values.update(line.categories.get(driver, ()))
        if driver in line.plan.table:
            values.update(str(value) for value in line.plan.table[driver].dropna().unique())
    return sorted(values)
