"""A small app behind the worker class of the product: says what it was sent, or answers at the length that is asked."""

from collections.abc import Callable, Iterable
from pathlib import Path
from time import sleep
from typing import Any


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """The body back; at ``/unread`` without reading it; at ``/long`` 30 MB; at ``/held`` an answer once the file
    is there that the body names."""
    if environ["PATH_INFO"] == "/long":
        start_response("200 OK", [("Content-Length", "30000000")])
        return (b"x" * 1_000_000 for _ in range(30))
    if environ["PATH_INFO"] == "/held":
        file = Path(environ["wsgi.input"].read().decode())
        file.with_suffix(".begun").touch()
        while not file.exists():
            sleep(0.01)
        start_response("200 OK", [("Content-Length", "4")])
        return [b"held"]
    body = b"unread" if environ["PATH_INFO"] == "/unread" else environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
