"""Headers that keep browsers from doing what the pages never ask for."""

from flask import Flask, Response, request

POLICY = "; ".join((
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "font-src 'self'",
    "connect-src 'self'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'", "manifest-src 'self'",
))


def add_to(app: Flask) -> None:
    """Send the headers with every answer."""

    @app.after_request
    def _headers(response: Response) -> Response:
        response.headers.setdefault("Content-Security-Policy", POLICY)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Referrer-Policy", "same-origin")
        if request.endpoint == "static":
            # a version in the URL changes with every start of the app, so what it names never does
            response.headers["Cache-Control"] = ("public, max-age=31536000, immutable" if "v" in request.args
                                                 else "public, max-age=86400")
        else:
            response.headers.setdefault("Cache-Control", "no-store")
            response.headers.add("Vary", "HX-Request")
        return response
