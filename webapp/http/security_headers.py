"""Headers that keep browsers from doing what the pages never ask for; and what no request may hold."""

from itertools import chain

from flask import Flask, Response, abort, g, request

from webapp.language.translations import gettext as _
from webapp.services import Services

POLICY = "; ".join((
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "font-src 'self'",
    "connect-src 'self'", "object-src 'none'", "form-action 'self'",
    "base-uri 'none'", "frame-ancestors 'none'", "manifest-src 'self'",
))

HEADERS = {
    "Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}
"""Of every answer: pages, parts, files, errors."""
KEPT = ("static", "language.words")
"""Files that are the same for everybody."""
MAY_RETRY = (409, 429, 503, 507)
HTTPS_ONLY = "max-age=31536000"
"""A year; subdomains are not ours to speak for."""


def add_to(app: Flask) -> None:
    """Send the headers with every answer; refuse requests with what databases cannot hold."""
    services: Services = app.extensions["services"]

    @app.before_request
    def _no_nul() -> None:
        texts = chain([request.path], *request.args.lists(), *request.form.lists())
        if any("\0" in text for each in texts for text in ([each] if isinstance(each, str) else each)):
            abort(400, _("The request contains a NUL character, which is not allowed. Remove it and send it again."))

    @app.after_request
    def _headers(response: Response) -> Response:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if services.settings.web_https:
            response.headers.setdefault("Strict-Transport-Security", HTTPS_ONLY)
        if response.status_code not in MAY_RETRY:
            response.headers.pop("Retry-After", None)  # the limiter tells it with every answer
        elif "retry_after" in g:
            response.headers["Retry-After"] = str(g.retry_after)  # sooner than the limiter says
        if request.endpoint in KEPT:
            # a version in the URL changes with every start of the app, so what it names never does
            response.headers["Cache-Control"] = ("public, max-age=31536000, immutable" if "v" in request.args
                                                 else "public, max-age=86400")
        else:
            response.headers.setdefault("Cache-Control", "no-store")
            response.headers.add("Vary", "HX-Request, Accept-Language, Cookie")
        return response
