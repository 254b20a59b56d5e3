"""Which bodies of requests are read: JSON objects, no deeper, longer or larger than any operation takes."""

import json
from math import isinf
from typing import Any

from flask import Response, request

from webapp.http.problems import problem

DEEPEST = 20
"""Objects and lists in one another, in a body."""
MOST_NAMES = 200
"""Of one object in a body."""
MOST_VALUES = 1_200_000
"""In a body: 10,000 rows with 100 drivers each, and what is around them."""
LONGEST_NUMBER = 40
"""Characters."""


def unreadable() -> Response | None:
    """Why the body is no JSON object; None when it is one."""
    if request.mimetype != "application/json":
        return problem(415, f"The body is {request.mimetype or 'of no type'!r}; send JSON, and say so: `Content-Type: "
                            "application/json`.")
    try:
        body = json.loads(request.get_data(), parse_constant=_refused, parse_int=_int, parse_float=_float,
                          object_pairs_hook=_object)
    except _TooMuchError as error:
        return problem(422, str(error))
    except RecursionError:
        return problem(400, TOO_DEEP)
    except ValueError as error:
        return problem(400, f"The body is no readable JSON: {str(error)[:100]}.")
    if not isinstance(body, dict):
        return problem(422, "The body is no JSON object. The document at /api/v1/openapi.json says what it holds.")
    return _unfit(body)


TOO_DEEP = (f"The body has objects and lists more than {DEEPEST} deep in one another. The document at "
            "/api/v1/openapi.json says what it holds.")


class _TooMuchError(Exception):
    """A body with more in one place than any operation takes."""


def _unfit(body: dict[str, Any]) -> Response | None:
    """Why the body is deeper or longer than any operation takes; None when it is not."""
    level: list[Any] = [body]
    count = 0
    for _ in range(DEEPEST):
        level = [child for one in level if isinstance(one, dict | list)
                 for child in (one.values() if isinstance(one, dict) else one)]
        count += len(level)
        if count > MOST_VALUES:
            return problem(413, f"The body holds more than {MOST_VALUES:,} values. Send fewer rows at once.")
        if not level:
            return None
    return problem(422, TOO_DEEP) if any(isinstance(one, dict | list) for one in level) else None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MOST_NAMES:
        raise _TooMuchError(f"An object in the body has {len(pairs):,} names; at most {MOST_NAMES} are read. The "
                            "document at /api/v1/openapi.json says which there are.")
    return dict(pairs)


def _int(text: str) -> int:
    return int(_short(text))


def _float(text: str) -> float:
    number = float(_short(text))
    if isinf(number):
        raise _TooMuchError(f"The body holds the number {text}, which is larger than any that is known here. Send "
                            "numbers of at most 1e12.")
    return number


def _short(text: str) -> str:
    if len(text) > LONGEST_NUMBER:
        raise _TooMuchError(f"The body holds a number of {len(text):,} characters; at most {LONGEST_NUMBER} are read. "
                            "Round it.")
    return text


def _refused(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")
