"""The API's document, made from the code, and the page that shows it."""

from copy import deepcopy
from functools import cache
from typing import Any, cast

from flask import Blueprint, Response, current_app, jsonify, make_response, render_template
from flask_openapi3.models.security_scheme import SecurityScheme
from flask_openapi3.openapi import OpenAPI

from webapp.access import PEOPLE, needs
from webapp.api.conventions.idempotency import ALLOWED, HEADER
from webapp.http.problems import PREFIX
from webapp.http.security_headers import POLICY

bp = Blueprint("api_document", __name__)

ABOUT = f"""\
Forecasts, totals, scenarios, retrains and models, for programs.

Every request needs a token in `Authorization: Bearer demand_…`; your account page makes one. It may do what its role
may, and never more than its owner.

**Lists** come in pages: `limit` says how many at most, `next` of an answer is the `cursor` of the next page. A page
goes on after the last row of the one before, so rows that come and go in between neither repeat nor hide others.

**Errors** are `application/problem+json`; `detail` says what to do, `errors` names each wrong part of the request.

**{HEADER}** on what starts something makes it safe to send again: the same key and request get the same answer for at
least a week, another request with the same key gets 422.

**ETag**: every answer to GET has one. Send it in `If-None-Match` when polling; 304 says that nothing changed.

**429** says that a token asked too often; `Retry-After` says in how many seconds to go on.
"""
SECURITY: dict[str, SecurityScheme | dict[str, Any]] = {
    "token": {"type": "http", "scheme": "bearer", "description": "A token of your account page"}}
METHODS = ("get", "post", "put", "patch", "delete")


@bp.get(f"{PREFIX}/openapi.json")
def document() -> Response:
    """The document; open to everybody, since it tells nothing of the data."""
    return jsonify(document_of(cast(OpenAPI, current_app._get_current_object())))  # type: ignore[attr-defined]


@bp.get("/api")
@needs("viewer")
def show() -> Response:
    """The document as a page that can be browsed and tried."""
    response = make_response(render_template("api/show.html"))
    # the library sets styles on elements as it draws, and nothing else here may
    response.headers["Content-Security-Policy"] = POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
    return response


@cache
def document_of(app: OpenAPI) -> dict[str, Any]:
    """The OpenAPI document of the app's operations."""
    found: dict[str, Any] = deepcopy(app.api_doc)  # two threads that make it at once must not complete the same one
    schemas = found["components"]["schemas"]
    for schema in schemas.values():
        schema.pop("$defs", None)
    for path, operations in found["paths"].items():
        for method in METHODS:
            if method in operations:
                view = _view(app, path, method)
                _complete(operations[method], method, view)
    return found


def _view(app: OpenAPI, path: str, method: str) -> Any:
    """The view that answers."""
    for rule in app.url_map.iter_rules():
        address = rule.rule.replace("<int:", "<").replace("<", "{").replace(">", "}")
        if address == path and method.upper() in (rule.methods or ()):
            return app.view_functions[rule.endpoint]
    raise LookupError(f"no view for {method} {path}")


def _complete(operation: dict[str, Any], method: str, view: Any) -> None:
    """Add what all operations have in common."""
    operation["description"] = f"For {PEOPLE[view.role]}. {operation.get('description', '')}".strip()
    operation["x-role"] = view.role
    parameters = operation.setdefault("parameters", [])
    if view.starts:
        parameters.append({"name": HEADER, "in": "header", "required": False,
                           "description": "Of your choice, new for each thing that is started",
                           "schema": {"type": "string", "pattern": ALLOWED}})
        operation["responses"].setdefault("409", operation["responses"]["422"])
    if method == "get":
        parameters.append({"name": "If-None-Match", "in": "header", "required": False,
                           "description": "`ETag` of the answer that is known", "schema": {"type": "string"}})
        operation["responses"]["304"] = {"description": "Nothing changed"}
        operation["responses"]["200"]["headers"] = {"ETag": {"schema": {"type": "string"}}}
