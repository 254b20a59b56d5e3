"""What every operation of the API has: a role that it needs, an answer in JSON, problems that it may tell."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any, cast

from flask import Response, current_app, g, request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel

from webapp.access import PEOPLE, actor
from webapp.accounts.sign_in.refusals_in_audit_log import note_refused_token
from webapp.accounts.tokens import SHOWN, actor_of, found_by
from webapp.api.conventions.etags import tagged
from webapp.api.conventions.idempotency import answered_once
from webapp.api.conventions.json_bodies import unreadable
from webapp.http.costly_reads import TooManyAtOnceError, costly_reads
from webapp.http.problems import MIMETYPE, PREFIX, problem
from webapp.http.rate_limits import bearer_token, guesses_too_often
from webapp.tables import RoleName

Answer = BaseModel | Response
Responses = dict[str | int | HTTPStatus, type[BaseModel] | dict[Any, Any] | None]
View = Callable[..., Answer]
_PROBLEM = {"schema": {"$ref": "#/components/schemas/Problem"}}


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


def _response(answer: Answer, status: int) -> Response:
    if isinstance(answer, Response):
        return answer
    content = answer.model_dump_json().encode()
    response = Response(content, status, mimetype="application/json")
    if request.method in ("GET", "HEAD"):
        return tagged(response, content)
    return response


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
    return unreadable() if "body" in view.__annotations__ else None


def _note_refused(secret: str) -> None:
    """Write down which token opened nothing, and why."""
    token = found_by(secret)
    if token is None:
        note_refused_token("", "", "nobody has this token")
    else:
        why = "revoked" if token.revoked_at else "its owner is deactivated" if not token.user.active else "expired"
        note_refused_token(secret[:SHOWN], token.user.email, why)
