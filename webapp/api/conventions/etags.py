"""ETags: an answer that is as it was when a program asked last is not sent again, and best not computed again."""

from hashlib import blake2b

from flask import Response, abort, g, request

from webapp.access import actor
from webapp.personal import seen_region_items as seen


def unless_known(*marks: object) -> None:
    """Answer 304 where whoever asks knows the newest state, before it is computed.

    Args:
        marks: what changes whenever the answer to the same address does.
    """
    g.etag = _digest(repr((actor().email, seen.mark(), request.full_path, marks)).encode())
    if request.if_none_match.contains_weak(g.etag):
        abort(_unchanged(g.etag))


def tagged(response: Response, content: bytes) -> Response:
    """The answer with its ETag, or that nothing is new where whoever asks has it.

    Args:
        content: of the answer.
    """
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
