"""What an identity provider sends: a JSON object of bounded size, with texts that a database can hold."""

import json
from typing import Any

from flask import Response, request

from webapp.http.scim_errors import MIMETYPE, scim_error

TYPES = (MIMETYPE, "application/json")
LARGEST_BODY = 4_000_000
"""Bytes: 10,000 members as Entra writes them, with room."""
DEEPEST = 12
"""Objects and lists in one another."""
MOST_VALUES = 200_000


class _UnfitError(Exception):
    """A body that nobody needs; the words say why."""


def read() -> dict[str, Any] | Response:
    """The body of the request; the answer that refuses it where it is none."""
    if request.mimetype not in TYPES:
        return scim_error(415, f"The body is {request.mimetype[:80] or 'of no type'!r}; send JSON, and say so: "
                               f"`Content-Type: {MIMETYPE}`.")
    data = request.get_data()
    if len(data) > LARGEST_BODY:
        return scim_error(413, f"The body has more than {LARGEST_BODY / 1e6:g} MB. Send fewer members at once.")
    try:
        body = json.loads(data, parse_constant=_refused)
        if not isinstance(body, dict):
            return scim_error(400, "The body is no JSON object.", "invalidSyntax")
        _look_through(body)
    except _UnfitError as error:
        return scim_error(400, str(error), "invalidSyntax")
    except RecursionError:
        return scim_error(400, _too_deep(), "invalidSyntax")
    except ValueError as error:  # among them what is no UTF-8
        return scim_error(400, f"The body is no readable JSON: {str(error)[:100]}.", "invalidSyntax")
    return body


def _look_through(body: dict[str, Any]) -> None:
    level: list[Any] = [body]
    count = 0
    for _ in range(DEEPEST):
        below: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                below += [*one, *one.values()]
            elif isinstance(one, list):
                below += one
            elif isinstance(one, str):
                _look_at(one)
        level = below
        count += len(level)
        if count > MOST_VALUES:
            raise _UnfitError(f"The body holds more than {MOST_VALUES:,} values.")
        if not level:
            return
    raise _UnfitError(_too_deep())


def _look_at(text: str) -> None:
    if "\0" in text:
        raise _UnfitError("The body holds a NUL character, which no text here may.")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise _UnfitError("The body holds half of a pair of UTF-16, which is no character.") from error


def _too_deep() -> str:
    return f"The body has objects and lists more than {DEEPEST} deep in one another."


def _refused(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")
