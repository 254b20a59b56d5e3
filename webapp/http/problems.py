"""What went wrong, for programs: ``application/problem+json`` (RFC 9457)."""

import json
from collections.abc import Sequence
from typing import Any

from flask import Response, request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

PREFIX = "/api/v1"
MIMETYPE = "application/problem+json"
TITLES = {400: "Not readable", 401: "No valid token", 403: "Not allowed", 404: "Not here", 405: "Not that way",
          409: "Not now", 413: "Too large", 415: "Wrong type", 422: "Not valid", 429: "Too many requests",
          500: "Something broke", 503: "Not available",
          507: "No room left"}
LONGEST_VALUE = 60
MOST_TOLD = 200
"""Wrong parts of a request that an answer tells of."""


class WrongField(BaseModel):
    """One part of a request that cannot be used."""

    path: str = Field(description="Where it is: `query.limit`, `body.changes.0.value`")
    problem: str = Field(description="What is wrong with it")


class Problem(BaseModel):
    """Why a request was refused, as RFC 9457 says."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(default="about:blank", description="Always `about:blank`: the status says it all")
    title: str = Field(description="The status in words")
    status: int = Field(description="As the answer's status")
    detail: str = Field(description="What is wrong, what is allowed, what to do next")
    errors: list[WrongField] = Field([], description="Of 422: each part of the request that is wrong")


def is_api() -> bool:
    """Whether the request is for the API, so that errors are for programs."""
    return request.path == PREFIX or request.path.startswith(f"{PREFIX}/")


def problem(status: int, detail: str, errors: Sequence[WrongField] = (), **headers: str) -> Response:
    """An answer that refuses."""
    told = Problem(title=TITLES.get(status, "Not possible"), status=status, detail=detail, errors=list(errors))
    return Response(told.model_dump_json(), status, mimetype=MIMETYPE,
                    headers={name.replace("_", "-"): value for name, value in headers.items()})


def wrong_fields(error: ValidationError) -> Response:
    """The answer to a request that does not fit the document, with the path of each wrong part."""
    where = PLACES.get(error.title, "body")
    found = [WrongField(path=".".join([where, *(str(part) for part in one["loc"])]), problem=_words(one))
             for one in error.errors(include_url=False, include_context=False)[:MOST_TOLD]]
    count = error.error_count()
    more = f" The first {MOST_TOLD} are told." if count > MOST_TOLD else ""
    return problem(422, f"{count} part{'s' if count != 1 else ''} of the request cannot be used; `errors` names "
                        f"each.{more}", found)


PLACES: dict[str, str] = {}
"""Name of a model of query or path parameters -> ``query``, ``path``; others are bodies."""


def _words(one: Any) -> str:
    value = one.get("input")
    shown = ("" if isinstance(value, dict | list) else
             json.dumps(value[:LONGEST_VALUE] if isinstance(value, str) else value, default=str)[:LONGEST_VALUE])
    message = str(one["msg"]).removeprefix("Value error, ")
    return f"{message}; given is {shown}" if shown and one["type"] not in ("missing", "extra_forbidden") else message
