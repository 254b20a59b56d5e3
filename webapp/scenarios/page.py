"""What the page of one scenario shows."""

from collections.abc import Sequence
from typing import Any

from flask import abort
from werkzeug.datastructures import MultiDict

from demand_assets.forecasting.store.stored_files import NotInStoreError
from webapp.language.translations import gettext as _
from webapp.language.translations import lazy_gettext
from webapp.region_items.rows import pooled_row, rows_by_key
from webapp.scenarios.applying.wanted_overrides import applied_by
from webapp.scenarios.comparison import actual_of, chart_of, sold_by_date
from webapp.scenarios.repository import by_token, original_of
from webapp.scenarios.request import ScenarioRequest
from webapp.scenarios.result import LineItemResult, Result
from webapp.scenarios.staleness import State, states_of
from webapp.services import Services
from webapp.tables import SavedScenario

SORTS = {"difference": lazy_gettext("difference"), "revenue": lazy_gettext("revenue"),
         "relative": lazy_gettext("relative difference"), "region_item": lazy_gettext("name")}
MOST_SHOWN = 100
"""Region-items in the table unless all are asked for."""
MOST_READ = 60
"""Region-items whose actual demand is read without being asked for."""
MOST_PLAN_ROWS = 10
VALUES_READ = 5
"""Region-items in whose past the values of a category are looked for."""


def scenario_at(token: str) -> SavedScenario:
    """The scenario that a link names; 404 where there is none."""
    scenario = by_token(token[:64])
    if scenario is None:
        abort(404, _("There is no scenario at this link. The list shows all of them."))
    return scenario


def page_of(services: Services, scenario: SavedScenario, fields: MultiDict[str, str]) -> dict[str, Any]:
    """What the template needs; see ``templates/scenarios/detail.html``.

    Args:
        fields: ``sort``, ``rows`` (``all`` for more than the first hundred), ``actual`` (any text: read what was sold).
    Raises: OSError: the demand store cannot be read.
    """
    asked = ScenarioRequest.from_json(scenario.asked)
    state = states_of([scenario])[scenario.token]
    found: dict[str, Any] = {
        "scenario": scenario, "asked": asked, "state": state, "size": scenario.size, "plan_rows": MOST_PLAN_ROWS,
        "result": None, "applied": applied_by(scenario.token), "original": original_of(scenario)}
    if scenario.computed_at is None:
        return found
    result = Result.from_json(scenario.computed)
    sort = fields.get("sort", "")
    sort = sort if sort in SORTS else "difference"
    lines = _sorted(result.lines, sort)
    has_happened = _has_happened(state, result)
    is_read = has_happened and (len(lines) <= MOST_READ or bool(fields.get("actual")))
    actual = actual_of(services, result) if is_read else {}
    sold, price = sold_by_date(result, actual), services.dataset.amount("price")
    return found | {
        "result": result, "sort": sort, "sorts": SORTS, "lines": lines if fields.get("rows") == "all" else
        lines[:MOST_SHOWN], "line_count": len(lines), "chart": chart_of(result, sold), "sold": sold,
        "sold_by_key": {key: sum(values.values()) for key, values in actual.items()},
        "can_read_actual": has_happened and not is_read, "price": price.driver if price else None}


def known_categories(services: Services, keys: Sequence[str]) -> dict[str, list[str]]:
    """Category driver -> its values, as the pooled model knows them and as they were lately."""
    names = [driver.name for driver in services.dataset.drivers if driver.kind == "category"]
    if not names:
        return {}
    values: dict[str, set[str]] = {name: set() for name in names}
    model = services.models.without_own(pooled_row()).model
    for name in names:
        values[name].update(model.categories.get(name, ()))
    for row in rows_by_key(keys[:VALUES_READ]).values():
        try:
            history = services.forecaster.history(row.region_item)
        except NotInStoreError:
            continue
        for name in names:
            values[name].update(str(value) for value in history[name].dropna().unique())
    return {name: sorted(found) for name, found in values.items()}


def _sorted(lines: Sequence[LineItemResult], sort: str) -> list[LineItemResult]:
    """Largest differences first; by name they stay region-major."""
    sizes = {
        "difference": lambda line: abs(line.units.difference.forecast),
        "revenue": lambda line: abs(line.revenue.difference.forecast) if line.revenue else -1.0,
        "relative": lambda line: abs(line.units.relative or 0.0)}
    return list(lines) if sort == "region_item" else sorted(lines, key=sizes[sort], reverse=True)


def _has_happened(state: State, result: Result) -> bool:
    """Whether demand is known of some of its periods."""
    return any(each.origin_after >= result.dates[0].isoformat() for each in state.demand)
