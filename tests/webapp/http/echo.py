"""A small app behind the worker class of the product: says what it was sent, or answers at the length that is asked."""

from collections.abc import Callable, Iterable
from typing import Any


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """The body back; at ``/unread`` without reading it; at ``/long`` 30 MB."""
    if environ["PATH_INFO"] == "/long":
        start_response("200 OK", [("Content-Length", "30000000")])
        return (b"x" * 1_000_000 for _ in range(30))
    body = b"unread" if environ["PATH_INFO"] == "/unread" else environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
