"""What a request may carry: outside of the API and SCIM a form, and nothing that a form's checks would not see."""

from urllib.parse import urlsplit

from flask import Flask, abort, request

from webapp.http.problems import is_api
from webapp.http.scim_errors import is_scim
from webapp.language.translations import gettext as _

FORM, UPLOAD = "application/x-www-form-urlencoded", "multipart/form-data"
CHARSETS = ("utf-8", "utf8", "us-ascii")
"""As which the fields of a form are read, whatever it says."""
DOORS = ("security", "accounts", "links", "tokens", "scim_tokens", "user_sessions", "single_sign_on")
"""Blueprints of sign-in, passwords, links and tokens: short fields, no files."""
LONGEST_AT_DOORS = 16_000
"""Bytes; a password has at most 200 characters."""
ASKS_ONLY = ("GET", "HEAD", "OPTIONS")


def is_door() -> bool:
    """Whether the request is for one of the pages where people show who they are."""
    return (request.endpoint or "").partition(".")[0] in DOORS


def has_form() -> bool:
    """Whether the request carries a form, or nothing at all."""
    has_body = bool(request.content_length) or "Transfer-Encoding" in request.headers
    if not has_body and (request.method in ASKS_ONLY or not request.mimetype):
        return True
    kinds = (FORM,) if is_door() else (FORM, UPLOAD)
    return request.mimetype in kinds and request.mimetype_params.get("charset", CHARSETS[0]).lower() in CHARSETS


def _only_forms() -> None:
    if not is_api() and not is_scim() and request.endpoint is not None and not has_form():
        abort(415, _("The request carries %(type)s. This page takes a form (%(form)s, UTF-8). Programs have the "
                     "API: /api/v1/openapi.json describes it.",
                     type=request.mimetype[:80] or _("something of no type"), form=FORM))


def _forget_wrong_referrer() -> None:
    """A Referer that is no address is none: what compares it with ours would fail."""
    try:
        urlsplit(request.referrer or "")
    except ValueError:
        request.environ.pop("HTTP_REFERER")


def add_to(app: Flask) -> None:
    """Refuse other bodies, before anything reads them; once the limits have counted them."""
    app.before_request(_forget_wrong_referrer)
    app.before_request(_only_forms)
