"""Order-up-to quantities of region-items, for systems that order."""

from typing import Annotated

from pydantic import Field
from sqlalchemy import select

from demand_assets.forecasting.contract.region_item import known_as
from webapp.api.conventions.operations import answers, costly, needs, resource
from webapp.api.conventions.paging import page_of
from webapp.api.conventions.shapes import AttributeFilter, Day, Name, Named, PageQuery, ResponsePart, Text, finite
from webapp.api.resources.region_items import name_of
from webapp.order_up_to.quantities import Line, lines_of
from webapp.pages.rounded_money import rounded_money
from webapp.region_items.attributes import parsed
from webapp.region_items.overview_table.query import View, conditions
from webapp.services import services
from webapp.tables import RegionItemRow

bp = resource("order_up_to", "How high stock on hand and on order is to be, over lead time and review period.")


class OrderUpToQuery(PageQuery):
    """Which region-items."""

    q: Text = Field("", description="Words that region and item hold, in any case")
    region: Name = Field("", description="Only this region")
    item: Name = Field("", description="Only this item")
    attribute: Annotated[list[AttributeFilter], Field(max_length=50)] = Field(
        [], description="Only those with these attributes; of several values of one attribute, one of them")


class OrderUpToResponse(Named):
    """The quantity of one region-item."""

    lead_time: int | None = Field(description="Periods; null where nobody has set all three")
    review_period: int | None = Field(description="Periods")
    service_level: float | None = Field(description="Percent of order cycles in which demand is no higher")
    first: Day | None = Field(description="First of the periods that are covered; null where the forecast ends before "
                                          "the last")
    last: Day | None
    forecast: float | None = Field(description="Units over these periods, with overrides")
    overridden: float = Field(description="Units of it by which overrides moved it")
    order_up_to: float | None = Field(description="Units, not rounded; null: not known")
    at_cost: float | None = Field(description="The same in the dataset's currency; null where no cost is known")
    at_price: float | None
    not_known_because: str


class OrderUpToPage(ResponsePart):
    """Some region-items, by key."""

    unit: str
    currency: str
    region_items: list[OrderUpToResponse]
    next: str | None = Field(description="Cursor of the next page; null after the last")


@bp.get("/order-up-to", responses=answers(OrderUpToPage))
@needs("viewer")
@costly
def list_order_up_to(query: OrderUpToQuery) -> OrderUpToPage:
    """Order-up-to quantities, by key."""
    view = View(search=query.q, attributes=tuple(sorted({parsed(one) for one in query.attribute})))
    asked = select(RegionItemRow).where(*conditions(view))
    for column, name in ((RegionItemRow.region, query.region), (RegionItemRow.item, query.item)):
        if name:
            asked = asked.where(column == known_as(name))
    rows, following = page_of(asked, RegionItemRow.key.expression, str, query.limit, query.cursor)
    dataset = services().dataset
    return OrderUpToPage(unit=dataset.unit, currency=dataset.currency, next=following,
                         region_items=[_told(line) for line in lines_of([row.key for row in rows])])


def _told(line: Line) -> OrderUpToResponse:
    terms = line.terms
    return OrderUpToResponse(
        **name_of(line.row), lead_time=terms.lead_time if terms else None,
        review_period=terms.review_period if terms else None, service_level=terms.service_level if terms else None,
        first=line.first, last=line.last, forecast=finite(line.forecast),
        overridden=line.overridden, order_up_to=finite(line.quantity), at_cost=rounded_money(line.at_cost),
        at_price=rounded_money(line.at_price), not_known_because=line.why)
