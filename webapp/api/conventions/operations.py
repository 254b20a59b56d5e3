"""What every operation of the API has: a role that it needs, an answer in JSON, an ETag, problems that it may tell."""

import json
from collections.abc import Callable
from functools import wraps
from hashlib import blake2b
from http import HTTPStatus
from math import isinf
from typing import Any, cast

from flask import Response, abort, current_app, g, request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel

from webapp.access import PEOPLE, actor
from webapp.accounts.refusals_in_audit_log import note_refused_token
from webapp.accounts.tokens import SHOWN, actor_of, found_by
from webapp.api.conventions.idempotency import answered_once
from webapp.http.costly_reads import TooManyAtOnceError, costly_reads
from webapp.http.problems import MIMETYPE, PREFIX, problem
from webapp.http.rate_limits import bearer_token, guesses_too_often
from webapp.personal import seen_region_items as seen
from webapp.tables import RoleName

Answer = BaseModel | Response
Responses = dict[str | int | HTTPStatus, type[BaseModel] | dict[Any, Any] | None]
View = Callable[..., Answer]
_PROBLEM = {"schema": {"$ref": "#/components/schemas/Problem"}}
HASTY = ("GET", "HEAD")

DEEPEST = 20
"""Objects and lists in one another, in a body."""
MOST_NAMES = 200
"""Of one object in a body."""
MOST_VALUES = 1_200_000
"""In a body: 10,000 rows with 100 drivers each, and what is around them."""
LONGEST_NUMBER = 40
"""Characters."""


def resource(name: str, words: str) -> APIBlueprint:
    """A part of the API: operations on one kind of thing.

    Args:
        words: what it is about.
    """
    blueprint = APIBlueprint(f"api_{name}", __name__, url_prefix=PREFIX, abp_security=[{"token": []}],
                             abp_tags=[Tag(name=name.replace("_", "-"), description=words)],
                             operation_id_callback=lambda name, path, method: name)
    blueprint.before_request(_open_door)
    return blueprint


def answers(model: type[BaseModel] | None = None, status: int = 200, *problems: int) -> Responses:
    """For ``responses`` of an operation: its answer, and the problems that it may tell beside those that all may."""
    found: Responses = {str(status): model or {"description": "Done; there is nothing to tell"}}
    for each in sorted({400, 401, 403, 422, 429, 500, 503, *problems}):
        found[str(each)] = {"content": {MIMETYPE: _PROBLEM}}
    return found


def needs(role: RoleName, *, status: int = 200, starts: bool = False) -> Callable[[View], Callable[..., Response]]:
    """For an operation: the role that its token needs at least.

    Args:
        status: of its answer.
        starts: whether it starts something, so that an ``Idempotency-Key`` makes it safe to send again.
    """
    def decorate(view: View) -> Callable[..., Response]:
        @wraps(view)
        def answer(**parts: Any) -> Response:
            if starts:
                return answered_once(lambda: _response(view(**parts), status))
            return _response(view(**parts), status)

        answer.role, answer.starts = role, starts  # type: ignore[attr-defined]  # read by the door and the document
        return answer

    return decorate


def costly(view: Callable[..., Answer]) -> View:
    """For an operation that takes long: a few of a person are carried out at a time, whatever their tokens."""
    @wraps(view)
    def answer(**parts: Any) -> Answer:
        try:
            with costly_reads().place_for(actor().email):
                return view(**parts)
        except TooManyAtOnceError:
            g.retry_after = 1
            return problem(429, "Forecasts and totals are being computed for you already. Ask for one after the other, "
                                "or for more region-items at once.", Retry_After="1")

    return answer


def unless_known(*marks: object) -> None:
    """Answer 304 where whoever asks knows the newest state, before it is computed.

    Args:
        marks: what changes whenever the answer to the same address does.
    """
    g.etag = _digest(repr((actor().email, seen.mark(), request.full_path, marks)).encode())
    if request.if_none_match.contains_weak(g.etag):
        abort(_unchanged(g.etag))


def _response(answer: Answer, status: int) -> Response:
    if isinstance(answer, Response):
        return answer
    content = answer.model_dump_json().encode()
    response = Response(content, status, mimetype="application/json")
    if request.method in HASTY:
        etag = g.get("etag") or _digest(content)
        if request.if_none_match.contains_weak(etag):
            return _unchanged(etag)
        response.set_etag(etag, weak=True)
        response.headers["Cache-Control"] = "private, no-cache"
        response.vary.add("Authorization")
    return response


def _unchanged(etag: str) -> Response:
    response = Response(status=304)
    response.set_etag(etag, weak=True)
    response.headers["Cache-Control"] = "private, no-cache"
    return response


def _digest(content: bytes) -> str:
    return blake2b(content, digest_size=12).hexdigest()


def _open_door() -> Response | None:
    """Let in who shows a token that may do this, with a body that can be read."""
    secret = bearer_token()
    found = actor_of(secret, request.remote_addr or "") if secret else None
    if found is None:
        if secret and guesses_too_often():
            return problem(429, "This address sent too many tokens that are not valid. Wait a minute.",
                           Retry_After="60")
        if secret:
            _note_refused(secret.strip())
        return problem(401, "Send a valid token: `Authorization: Bearer demand_…`. Your account page makes one.",
                       WWW_Authenticate='Bearer realm="api"')
    g.actor = found
    view = cast(Any, current_app.view_functions[request.endpoint or ""])
    if not found.may(view.role):
        return problem(403, f"This is for {PEOPLE[view.role]}; the token may do what a {found.role} may.")
    if any("\x00" in str(value) for values in (request.args.values(), (request.view_args or {}).values())
           for value in values):
        return problem(422, "The address holds a NUL character. Leave it out.")
    return _unreadable() if "body" in view.__annotations__ else None


def _note_refused(secret: str) -> None:
    """Write down which token opened nothing, and why."""
    token = found_by(secret)
    if token is None:
        note_refused_token("", "", "nobody has this token")
    else:
        why = "revoked" if token.revoked_at else "its owner is deactivated" if not token.user.active else "expired"
        note_refused_token(secret[:SHOWN], token.user.email, why)


def _unreadable() -> Response | None:
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
