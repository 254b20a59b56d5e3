"""Region-items that a request names: by key, by region, by item, or all."""

from typing import Annotated

from flask import abort
from pydantic import Field
from werkzeug.datastructures import MultiDict

from webapp.api.conventions.shapes import AttributeFilter, Key, Name, RequestPart
from webapp.forecasts.query import parse_forecast_query

MOST_KEYS, MOST_NAMES = 1000, 200


class Selected(RequestPart):
    """Region-items; those of all parts add up."""

    keys: Annotated[list[Key], Field(max_length=MOST_KEYS)] = Field([], description="Single region-items")
    regions: Annotated[list[Name], Field(max_length=MOST_NAMES)] = Field([], description="Whole regions")
    items: Annotated[list[Name], Field(max_length=MOST_NAMES)] = Field([], description="Items in all regions")
    attributes: Annotated[list[AttributeFilter], Field(max_length=50)] = Field(
        [], description="Region-items with these attributes; of several values of one attribute, one of them")
    all: Annotated[bool, Field(strict=True)] = Field(False, description="Everything")


def keys_of(selected: Selected) -> list[str]:
    """The keys, region-major, each once; an error answer when nothing is named or a name is not known."""
    fields: MultiDict[str, str] = MultiDict([
        *(("ri", key) for key in selected.keys), *(("region", name) for name in selected.regions),
        *(("item", name) for name in selected.items),
        *(("attribute", one) for one in selected.attributes), ("all", str(int(selected.all)))])
    keys = parse_forecast_query(fields).keys
    if not keys:
        abort(422, "Say of which region-items: with `keys`, `regions`, `items`, `attributes` or `all`.")
    return keys
