"""Keeps other web sites from commanding Dagster through the browser of somebody who can reach it.

Dagster's webserver has no sign-in: who reaches it commands it. A page of any web site can make a browser on the same
machine or network send requests to it, so what such a page cannot hide is looked at: the host that was asked for (a
foreign name that was pointed at our address), where the request comes from, and its form.
"""

from collections.abc import Collection
from urllib.parse import parse_qs, urlsplit

from graphql import GraphQLError, OperationDefinitionNode, OperationType, parse
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK = ("127.0.0.1", "localhost", "::1")
BODIES = ("application/json", "application/graphql")
"""What a query may be sent as; a form of another page can send neither."""
HEALTH = "/server_info"
"""Asked by probes, by an address instead of a name; it tells the version only."""
OF_OURS = ("same-origin", "none")
"""``Sec-Fetch-Site`` of our own pages, and of what a person typed or opened."""


class OwnPagesOnly:
    """Answers 403, 405 or 415 to what a page of another site could have sent, and passes on everything else."""

    def __init__(self, app: ASGIApp, hosts: Collection[str] = (), origins: Collection[str] = ()) -> None:
        """Guard the app.

        Args:
            hosts: names, without ports, by which it is reached beside the loopback's.
            origins: other ones whose pages may command it, as in ``http://localhost:3001``.
        """
        self._app = app
        self._origins = {origin.lower() for origin in origins}
        self._hosts = {host.lower() for host in (*LOOPBACK, *hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] in ("http", "websocket"):
            refusal = self._refusal(scope)
            if refusal and scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008, "reason": refusal[1][:120]})
                return
            if refusal:
                await PlainTextResponse(refusal[1] + "\n", status_code=refusal[0])(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if scope["path"] == HEALTH and scope.get("method") in ("GET", "HEAD"):
            return None
        if _name(host) not in self._hosts:
            return 403, (f"Dagster is not reached by the name {host!r} here. If it should be, name it in "
                         "DAGSTER_ALLOWED_HOSTS and start again.")
        origin = headers.get("origin")
        is_named = origin is not None and origin.lower() in self._origins
        if origin is not None and not is_named and urlsplit(origin).netloc.lower() != host.lower():
            return 403, (f"The page of {origin!r} may not command Dagster: only Dagster's own pages may. If it should, "
                         "name it in DAGSTER_ALLOWED_ORIGINS and start again.")
        method = scope.get("method", "GET")
        is_opened = method == "GET" and headers.get("sec-fetch-mode") == "navigate"
        if headers.get("sec-fetch-site", "none") not in OF_OURS and not is_opened and not is_named:
            return 403, "A page of another site may not command Dagster: only Dagster's own pages may."
        if scope["type"] == "http" and str(scope["path"]).rstrip("/").endswith("/graphql"):
            return _refused_query(scope, method, headers)
        return None


def _name(host: str) -> str:
    """The host's name without its port, in lower case."""
    return (urlsplit(f"//{host}").hostname or "") if host and "@" not in host and "/" not in host else ""


def _refused_query(scope: Scope, method: str, headers: Headers) -> tuple[int, str] | None:
    """Why a GraphQL request is refused for its form: GET only asks, POST says what its body is."""
    if method == "GET":
        asked = parse_qs(bytes(scope.get("query_string", b"")).decode("latin-1")).get("query", [])
        if not all(_only_asks(query) for query in asked):
            return 405, "GraphQL by GET answers queries only; send mutations by POST, as application/json."
    elif method == "POST" and headers.get("content-type", "").split(";")[0].strip().lower() not in BODIES:
        return 415, f"GraphQL by POST is sent as {' or '.join(BODIES)}."
    return None


def _only_asks(query: str) -> bool:
    """Whether it changes nothing; what cannot be read is not said to."""
    try:
        document = parse(query)
    except GraphQLError:
        return False
    return all(definition.operation == OperationType.QUERY for definition in document.definitions
               if isinstance(definition, OperationDefinitionNode))
