"""Addresses in templates: a page has a hundred, most of them on every page, and each is built once in a process."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from flask import Flask, Request, has_request_context, request

MOST = 5000
"""Addresses kept at once; those asked for least lately are let go."""
ELSEWHERE = ("_external", "_scheme")
"""Asked for with one of these an address names the host that was asked, which is kept for nobody."""
_request: Callable[[], Request] = request._get_current_object  # type: ignore[attr-defined]
"""What ``request`` stands for, without a look through the proxy."""


def add_to(app: Flask) -> None:
    """Let ``url_for`` of templates keep what it built."""
    build = app.url_for

    @lru_cache(maxsize=MOST)
    def kept(_asked: tuple[str, str], endpoint: str, names: tuple[str, ...], values: tuple[Any, ...],
             _kinds: tuple[Any, ...]) -> str:
        """As Flask builds it for a request with that method at that root; 1 and True are different values."""
        return build(endpoint, **dict(zip(names, values, strict=True)))

    def url_for(endpoint: str, **values: Any) -> str:
        if not has_request_context() or endpoint.startswith(".") or any(name in values for name in ELSEWHERE):
            return build(endpoint, **values)
        here = _request()
        given = tuple(tuple(value) if type(value) is list else value for value in values.values())
        kinds = tuple(tuple(map(type, value)) if type(value) is tuple else type(value) for value in given)
        try:
            return kept((here.method, here.root_path), endpoint, tuple(values), given, kinds)
        except TypeError:  # a value that cannot be kept by
            return build(endpoint, **values)

    app.jinja_env.globals["url_for"] = url_for
