"""What requests and answers of the API are made of."""

import re
from collections.abc import Sequence
from datetime import date, datetime
from math import isfinite
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from demand_assets.forecasting.contract.region_item import LONGEST_NAME
from demand_assets.forecasting.model.intervals import DECILE_NAMES
from webapp.db.database import LARGEST_ID
from webapp.http.problems import PLACES

LARGEST_PAGE = 200
_NO_CONTROLS = r"^[^\x00-\x1f\x7f]*$"


class RequestPart(BaseModel):
    """Part of a request: what is not known is refused."""

    model_config = ConfigDict(extra="forbid")


class Query(RequestPart):
    """Arguments of a URL."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        PLACES[cls.__name__] = "query"


class Path(RequestPart):
    """Parts of a URL's path."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        PLACES[cls.__name__] = "path"


class ResponsePart(BaseModel):
    """Part of an answer."""

    model_config = ConfigDict(extra="forbid", json_schema_serialization_defaults_required=True)


def _day(value: object) -> object:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise ValueError("a date is written as 2026-01-31")
    return value


Day = Annotated[date, BeforeValidator(_day)]
"""``2026-01-31`` and nothing else."""
Text = Annotated[str, Field(max_length=200, pattern=_NO_CONTROLS)]
"""A line of text."""
Name = Annotated[str, Field(max_length=LONGEST_NAME, pattern=_NO_CONTROLS)]
"""Of a region or an item."""
AttributeFilter = Annotated[str, Field(min_length=2, max_length=300, pattern=_NO_CONTROLS,
                                        description="An attribute and its value, as in `category:Food`")]
Key = Annotated[str, Field(min_length=3, max_length=255, pattern=_NO_CONTROLS,
                           description="Key of a region-item, as the list of region-items gives it: `north|kettle`")]
Token = Annotated[str, Field(min_length=32, max_length=64, pattern=r"^[0-9A-Za-z]+$")]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-1e12, le=1e12)]
Cursor = Annotated[str | None, Field(max_length=2000, pattern=r"^[A-Za-z0-9_=-]+$",
                                     description="`next` of the page before, to go on from there")]
Limit = Annotated[int, Field(ge=1, le=LARGEST_PAGE, description="At most so many on a page")]
Id = Annotated[int, Field(ge=1, le=LARGEST_ID)]
Horizon = Annotated[int | None, Field(ge=1, le=400, description="Periods ahead; the dataset's horizon unless given")]
Coverage = Annotated[Literal[50, 80, 95], Field(description="Of the interval, in percent")]
CoverageArgument = Annotated[Literal["50", "80", "95"], Field(description="Of the interval, in percent")]
Yes = Literal["true", "false"]


class KeyPath(Path):
    """Which region-item."""

    key: Key


class IdPath(Path):
    """Which one."""

    id: Id


class TokenPath(Path):
    """Which scenario."""

    token: Token


class PageQuery(Query):
    """Which page of a list."""

    limit: Limit = 50
    cursor: Cursor = None


class Interval(ResponsePart):
    """Units, with the bounds of the interval."""

    forecast: float
    lower: float
    upper: float


class DecilesResponse(ResponsePart):
    """The nine deciles, in units: 10 % of what comes should lie at `p10` or below, 20 % at `p20` or below …"""

    p10: float
    p20: float
    p30: float
    p40: float
    p50: float = Field(description="The median; `forecast` is what is expected on average, which is larger where a few "
                                   "periods sell much")
    p60: float
    p70: float
    p80: float
    p90: float


class WithDeciles(Interval):
    """Units, with the bounds of the interval and the deciles."""

    deciles: DecilesResponse | None = Field(
        default=None, description="Null unless `deciles` is asked for, and where they are not known: a model that was "
                                  "trained before there were deciles has none until a retrain adds them")


class Named(ResponsePart):
    """A region-item."""

    key: str
    region: str
    item: str


def deciles_told(values: Sequence[float]) -> DecilesResponse | None:
    """The nine deciles of a forecast; None where there are none."""
    return DecilesResponse(**dict(zip(DECILE_NAMES, values, strict=True))) if values else None


def finite(value: Any) -> float | None:
    """The number; None where nothing is known."""
    return None if value is None or not isfinite(value) else float(value)
