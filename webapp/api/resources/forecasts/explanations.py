"""Why forecasts are what they are, in units."""

from typing import Annotated

from flask import abort
from pydantic import Field
from werkzeug.datastructures import MultiDict

from webapp.api.conventions.operations import answers, costly, needs, resource
from webapp.api.conventions.shapes import AttributeFilter, Day, Horizon, Name, Named, Query, ResponsePart
from webapp.api.resources.forecasts.of_region_items import MOST_KEYS, Keys, MissingResponse, horizon_of, missing_of
from webapp.api.resources.region_items import name_of
from webapp.forecasts.in_words import in_words
from webapp.forecasts.query import parse_forecast_query
from webapp.region_items.labels import group_titles
from webapp.services import services
from webapp.serving.explanation import MOST_EXACT, explain_lines
from webapp.serving.forecast_of_selection import plan_of
from webapp.serving.selection_sizes import MOST_REGION_ITEMS

bp = resource("explanations", "What forecasts are made of.")


class ExplanationQuery(Query):
    """Of which region-items; those of all arguments are summed up."""

    key: Keys = Field([], description="Keys of region-items")
    region: Annotated[list[Name], Field(max_length=MOST_KEYS)] = Field([], description="Whole regions")
    item: Annotated[list[Name], Field(max_length=MOST_KEYS)] = Field([], description="Items in all regions")
    attribute: Annotated[list[AttributeFilter], Field(max_length=50)] = Field(
        [], description="Region-items with these attributes; of several values of one attribute, one of them")
    horizon: Horizon = None


class Contribution(ResponsePart):
    """What one driver, or other knowledge, adds or takes away."""

    name: str = Field(description="Of a driver, or of what else the models know; `usual level` is what they forecast "
                                  "where they know nothing else")
    title: str
    units: float


class ExplainedPeriod(ResponsePart):
    """One period."""

    date: Day
    total: float
    contributions: list[float] = Field(description="In the order of the answer's `contributions`; they add up to "
                                                   "`total`")


class ExplanationResponse(ResponsePart):
    """What the models' own forecasts, without overrides, are made of. It tells what models have learned, not causes."""

    unit: str
    total: float = Field(description="Units over the horizon, of those that are explained")
    exact: bool = Field(description=f"Whether contributions are exact; of more than {MOST_EXACT} region-items they are "
                                    "approximate, and add up as well")
    region_items: int = Field(description="How many are explained")
    in_words: list[str] = Field(description="At most two sentences: the forecast beside last year, and its largest "
                                            "parts")
    contributions: list[Contribution] = Field(description="Over the horizon; they add up to `total`")
    periods: list[ExplainedPeriod]
    without: list[Named] = Field(description="Those that the baseline forecasts by repeating past demand, which leaves "
                                             "nothing to explain; they are not in the numbers")
    missing: list[MissingResponse] = Field(description="Those that cannot be forecast; they are not in the numbers")


@bp.get("/explanations", responses=answers(ExplanationResponse, 200, 404, 409))
@needs("viewer")
@costly
def get_explanation(query: ExplanationQuery) -> ExplanationResponse:
    """What the forecasts of some region-items are made of: contributions of drivers and of what else is known."""
    asked = parse_forecast_query(MultiDict([
        ("horizon", str(horizon_of(query.horizon))), *(("region", name) for name in query.region),
        *(("item", name) for name in query.item), *(("attribute", one) for one in query.attribute),
        *(("ri", key) for key in query.key)]))
    if not asked.keys:
        abort(422, "Say of which region-items: with `key`, `region`, `item` or `attribute`.")
    if asked.is_large:
        abort(422, f"{len(asked.keys):,} region-items are too many to be explained together; at most "
                   f"{MOST_REGION_ITEMS} can be. Choose a region or an item of them.")
    plan = plan_of(services(), asked.rows, asked.horizon)
    if not plan.lines:
        abort(404, f"None of these region-items can be forecast: {'; '.join(plan.missing_by_reason)}"[:500])
    found = explain_lines(services(), plan.lines)
    if found is None:
        abort(409, "The baseline forecasts these region-items: it repeats past demand, and there is nothing more to "
                   "explain.")
    titles, told = group_titles(services().dataset), found.plan
    return ExplanationResponse(
        unit=services().dataset.unit, total=sum(told.totals), exact=found.exact, region_items=found.explained,
        in_words=in_words(plan, None, found, is_explained=True),
        contributions=[Contribution(name=name, title=titles.get(name, name), units=units)
                       for name, units in zip(told.groups, told.over_all, strict=True)],
        periods=[ExplainedPeriod(date=date, total=total, contributions=units) for date, total, units in zip(
            told.dates, told.totals, told.units, strict=True)],
        without=[Named(**name_of(line.row)) for line in found.without], missing=missing_of(plan))
