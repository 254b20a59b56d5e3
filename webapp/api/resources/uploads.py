"""Uploads of demand and of planned drivers, where the dataset takes them."""

import logging
from typing import Annotated

from flask import Response
from pydantic import Field

from demand_assets.forecasting.store.uploads import NoUploadsError
from webapp.api.conventions.operations import answers, needs, resource
from webapp.api.conventions.shapes import Day, Name, Number, RequestPart, ResponsePart, Text
from webapp.data_quality.uploads import UploadRow, WrongRowsError, upload
from webapp.http.problems import WrongField, problem
from webapp.services import services

bp = resource("uploads", "Demand and planned drivers, uploaded where the dataset's source allows it. All rows of a "
                         "request are stored, or none.")
log = logging.getLogger(__name__)

MOST_ROWS = 10_000
MOST_TOLD = 200
"""Wrong rows that an answer tells of."""

DriverValue = Annotated[bool, Field(strict=True)] | Number | Annotated[str, Field(min_length=1, max_length=200,
                                                                                 pattern=r"^[^\x00-\x1f\x7f]*$")]
Drivers = Annotated[dict[Text, DriverValue], Field(max_length=100, description="By name")]


class DemandRow(RequestPart):
    """What was sold of a region-item in a period."""

    region: Name
    item: Name
    date: Day
    demand: Number = Field(description="Units sold")
    out_of_stock: Annotated[bool, Field(strict=True)] | None = Field(
        None, description="Whether it was out of stock in some of the period, so that demand is at least the units "
                          "sold; where the dataset says so of its periods")
    drivers: Drivers = Field({}, description="As they were, by name; what is left out is as the source has it")


class PlanRow(RequestPart):
    """Drivers of a region-item in a future period."""

    region: Name
    item: Name
    date: Day
    drivers: Annotated[Drivers, Field(min_length=1)]


class DemandUpload(RequestPart):
    """Rows of demand."""

    rows: Annotated[list[DemandRow], Field(min_length=1, max_length=MOST_ROWS)]


class PlanUpload(RequestPart):
    """Rows of planned drivers."""

    rows: Annotated[list[PlanRow], Field(min_length=1, max_length=MOST_ROWS)]


class UploadResponse(ResponsePart):
    """What was stored; the pipeline takes it in when it looks at the source next."""

    rows: int
    region_items: int
    replaced: int = Field(description="Rows that stand in place of ones uploaded before")


@bp.post("/demand", responses=answers(UploadResponse, 201, 409, 413, 415))
@needs("planner", status=201, starts=True)
def upload_demand(body: DemandUpload) -> UploadResponse | Response:
    """Upload what was sold: after the last period that the source knows."""
    return _stored([UploadRow(row.region, row.item, row.date, row.demand, row.drivers, row.out_of_stock)
                    for row in body.rows])


@bp.post("/driver-plans", responses=answers(UploadResponse, 201, 409, 413, 415))
@needs("planner", status=201, starts=True)
def upload_driver_plans(body: PlanUpload) -> UploadResponse | Response:
    """Upload what drivers will be: prices, promos; forecasts follow them once the pipeline took them in."""
    return _stored([UploadRow(row.region, row.item, row.date, None, row.drivers) for row in body.rows])


def _stored(rows: list[UploadRow]) -> UploadResponse | Response:
    try:
        found = upload(services(), rows)
    except NoUploadsError as error:
        return problem(409, str(error))
    except OSError as error:
        log.error("an upload could not be stored: %s", error)
        return problem(503, "Nothing was stored: the demand store or the folder of uploads cannot be reached now. The "
                            "log of the web app says why; send it again later.")
    except WrongRowsError as error:
        more = f" The first {MOST_TOLD} are told." if len(error.rows) > MOST_TOLD else ""
        return problem(422, f"Nothing was stored: {len(error.rows)} values cannot be used; `errors` names each.{more}",
                       [WrongField(path=f"body.rows.{one.number}.{one.column}", problem=one.problem)
                        for one in error.rows[:MOST_TOLD]])
    return UploadResponse(rows=found.rows, region_items=found.region_items, replaced=found.replaced)
