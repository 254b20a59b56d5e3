"""What is forecast, and in which terms."""

from typing import Literal

from pydantic import Field

from demand_assets.forecasting.contract.periods import Frequency
from demand_assets.forecasting.dataset.prices_and_costs import UnitAmount
from demand_assets.forecasting.model.intervals import LEVELS
from webapp.access import actor
from webapp.api.conventions.operations import answers, needs, resource
from webapp.api.conventions.shapes import ResponsePart
from webapp.services import services
from webapp.tables import RoleName

bp = resource("dataset", "The dataset and its drivers.")


class DriverResponse(ResponsePart):
    """Something whose future moves demand."""

    name: str
    title: str
    kind: Literal["number", "yes_no", "category"]
    effect: Literal["increasing", "decreasing", "none"]
    unit: str
    future: Literal["known", "repeat_last", "repeat_season", "given"]


class AttributeResponse(ResponsePart):
    """What is the same for an item, or a region, at all times."""

    name: str
    title: str
    of: Literal["item", "region"]
    kind: Literal["text", "yes_no", "number", "date"]
    unit: str


class HierarchiesResponse(ResponsePart):
    """Levels above items and regions: names of attributes, the widest first."""

    item: list[str]
    region: list[str]


class DatasetResponse(ResponsePart):
    """The dataset."""

    name: str
    title: str
    unit: str
    currency: str
    frequency: Frequency
    horizon: int
    coverages: list[int]
    drivers: list[DriverResponse]
    attributes: list[AttributeResponse]
    hierarchies: HierarchiesResponse
    price_from: Literal["rows", "driver", "attribute"] | None = Field(
        description="Where the price of one unit stands; null where there is none, and nothing is told in money")
    cost_from: Literal["rows", "driver", "attribute"] | None = Field(description="The same of its cost")
    takes_uploads: bool = Field(description="Whether demand and plans of drivers can be uploaded")


class WhoResponse(ResponsePart):
    """Whose token this is."""

    email: str
    role: RoleName
    via: str


@bp.get("/dataset", responses=answers(DatasetResponse))
@needs("viewer")
def get_dataset() -> DatasetResponse:
    """What is forecast, how far ahead, and its drivers."""
    dataset = services().dataset
    return DatasetResponse(
        name=dataset.name, title=dataset.title, unit=dataset.unit, currency=dataset.currency,
        frequency=dataset.frequency, horizon=dataset.horizon, coverages=[round(100 * level) for level in LEVELS],
        attributes=[AttributeResponse(name=one.name, title=one.title, of=one.of, kind=one.kind, unit=one.unit)
                    for one in dataset.attributes],
        hierarchies=HierarchiesResponse(item=list(dataset.hierarchies.item), region=list(dataset.hierarchies.region)),
        price_from=_stands(dataset.amount("price")), cost_from=_stands(dataset.amount("cost")),
        takes_uploads=dataset.uploads is not None, drivers=[DriverResponse(
            name=one.name, title=one.title, kind=one.kind, effect=one.effect, unit=one.unit,
            future="known" if one.future == "calendar" else one.future)
            for one in dataset.drivers])


def _stands(amount: UnitAmount | None) -> Literal["rows", "driver", "attribute"] | None:
    if amount is None:
        return None
    return "driver" if amount.driver else "attribute" if amount.attribute else "rows"


@bp.get("/me", responses=answers(WhoResponse))
@needs("viewer")
def who_am_i() -> WhoResponse:
    """Whose token this is, and what it may do."""
    by = actor()
    return WhoResponse(email=by.email, role=by.role, via=by.via)
