"""What went wrong, as a page: what is wrong, what is allowed, what to do next."""

from urllib.parse import urlsplit, urlunsplit

from flask import Flask, Response, make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, InternalServerError, MethodNotAllowed, NotFound, RequestEntityTooLarge

from webapp.http.problems import is_api, problem

TITLES = {400: "That cannot be read", 403: "Not allowed", 404: "Not here", 405: "Not that way",
          413: "Too much at once", 422: "That cannot be done", 429: "Too often", 500: "Something broke",
          503: "Not now"}


def error_page(status: int, message: str) -> ResponseReturnValue:
    """An error as a page; for htmx, as a part of one; for programs, as a problem."""
    if is_api():
        return problem(status, message)
    template = "http/_error.html" if request.headers.get("HX-Request") else "http/error.html"
    return render_template(template, title=TITLES.get(status, "That did not work"), message=message,
                           status=status, back=_came_from()), status


def _came_from() -> str | None:
    """The page of ours, another than this one, from which the reader came."""
    found = urlsplit(request.referrer or "")
    if found.netloc != request.host or found.path == request.path:
        return None
    return urlunsplit(("", "", found.path, found.query, ""))


def add_to(app: Flask) -> None:
    """Show every error as a page."""

    @app.errorhandler(CSRFError)
    def _stale_form(_error: CSRFError) -> ResponseReturnValue:
        return error_page(400, "This form is too old or was not opened here. Go back, reload the page and send it "
                               "again.")

    @app.errorhandler(InternalServerError)
    def _broken(_error: InternalServerError) -> ResponseReturnValue:
        return error_page(500, "The error is in the log of the web app. What was stored before is safe; try again, or "
                               "go on elsewhere.")

    @app.errorhandler(RequestEntityTooLarge)
    def _too_large(_error: RequestEntityTooLarge) -> ResponseReturnValue:
        most = app.config["MAX_CONTENT_LENGTH"] / 1e6
        return error_page(413, f"More was sent than is taken at once: at most {most:g} MB. Nothing was stored. Send a "
                               "smaller file, or fewer rows.")

    @app.errorhandler(NotFound)
    def _unknown(error: NotFound) -> ResponseReturnValue:
        unworded = error.description == NotFound.description
        return error_page(404, "There is no page at this address." if unworded else str(error.description))

    @app.errorhandler(HTTPException)
    def _refused(error: HTTPException) -> ResponseReturnValue:
        if isinstance(error.response, Response) or (error.code or 0) < 400:
            return error.get_response()
        response = make_response(error_page(error.code or 500, error.description or error.name))
        if isinstance(error, MethodNotAllowed) and error.valid_methods:
            response.allow.update(error.valid_methods)
        return response
