"""What went wrong, as a page: what is wrong, what is allowed, what to do next."""

from contextlib import suppress
from http import HTTPStatus
from urllib.parse import urlsplit, urlunsplit

from flask import Flask, Response, current_app, g, make_response, render_template, request
from flask.globals import request_ctx
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from jinja2 import TemplateError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from werkzeug.exceptions import HTTPException, InternalServerError, MethodNotAllowed, NotFound, RequestEntityTooLarge

from demand_assets.forecasting.store.stored_files import DamagedFileError, NotInStoreError
from webapp.db.conflicts import is_conflict, is_out_of_reach
from webapp.db.database import db
from webapp.db.machine_limits import Scarcity, scarcity_of
from webapp.http.problems import is_api, problem
from webapp.http.scim_errors import is_scim, scim_error
from webapp.language.translations import forget_reader
from webapp.language.translations import gettext as _
from webapp.language.translations import lazy_gettext as _l

TITLES = {400: _l("Request not readable"), 403: _l("Not allowed"), 404: _l("Not found"), 405: _l("Not supported"),
          413: _l("Too large"), 415: _l("Wrong format"), 422: _l("Not possible"), 429: _l("Too many requests"),
          500: _l("Something went wrong"), 503: _l("Not available now"), 507: _l("No space left")}


LONGEST_TITLE = 90
BROKEN = _l("The error is in the log of the web app. What was stored before is safe; try again, or go on elsewhere.")


def error_page(status: int, message: str) -> ResponseReturnValue:
    """An error as a page; for htmx, as a part of one; for programs, as a problem."""
    if is_api():
        return problem(status, message)
    if is_scim():
        return scim_error(status, message)
    if _has_no_address():
        return _alone(str(TITLES[400]), message), status
    template = "http/_error.html" if request.headers.get("HX-Request") else "http/error.html"
    title, message = _named(status, message)
    return render_template(template, title=title, message=message, status=status, back=_came_from()), status


def _named(status: int, message: str) -> tuple[str, str]:
    """The title and the rest: of what is not possible the first sentence is the title, where it is a short one."""
    first, dot, rest = message.partition(". ")
    if status == HTTPStatus.UNPROCESSABLE_ENTITY and dot and len(first) <= LONGEST_TITLE:
        return first, rest
    return str(TITLES.get(status, _("That did not work"))), message


def _has_no_address() -> bool:
    """Whether nobody can say under which address this app is asked, so that no page can be drawn: a wrong Host."""
    return request_ctx.url_adapter is None


def _alone(title: str, message: str) -> str:
    """A page that asks for nothing else, where nothing else may be asked for."""
    return current_app.jinja_env.get_template("http/alone.html").render(title=title, message=message)


def said_without_files(status: int, message: str) -> ResponseReturnValue:
    """``error_page``, or the message alone where not even a page can be made: no file or connection can be opened."""
    try:
        return error_page(status, message)
    except (OSError, MemoryError, SQLAlchemyError, TemplateError) as error:
        current_app.logger.error("%s %s: not even the page of the error: %s", request.method, request.path, error)
        return Response(f"{TITLES.get(status, _('That did not work'))}. {message}\n", status, mimetype="text/plain")


def _came_from() -> str | None:
    """The page of ours, another than this one, from which the reader came; the page of the form that was sent."""
    found = urlsplit(request.referrer or "")
    if found.netloc != request.host or (found.path == request.path and request.method == "GET"):
        return None
    return urlunsplit(("", "", found.path, found.query, ""))


def _without_database() -> ResponseReturnValue:
    """What is said while the app's database does not answer, for which nothing may be asked of it."""
    forget_reader()
    message = _("The app's database does not answer. What was stored before is safe. This page works again as soon as "
                "the database does.")
    g.retry_after = 10
    if is_api():
        return problem(503, message)
    if is_scim():
        return scim_error(503, message)
    return _alone(str(TITLES[503]), message), 503


def add_to(app: Flask) -> None:
    """Show every error as a page."""
    app.register_error_handler(CSRFError, _stale_form)
    app.register_error_handler(OSError, _failed_file)
    app.register_error_handler(NotInStoreError, _not_in_store)
    app.register_error_handler(DBAPIError, _failed_database)
    app.register_error_handler(InternalServerError, _broken)
    app.register_error_handler(RequestEntityTooLarge, _too_large)
    app.register_error_handler(NotFound, _unknown)
    app.register_error_handler(HTTPException, _refused)


def _stale_form(_error: CSRFError) -> ResponseReturnValue:
    return error_page(400, _("This form is too old or was not opened here. Go back, reload the page and send "
                             "it again."))


def _scarce(scarcity: Scarcity, error: BaseException) -> ResponseReturnValue:
    current_app.logger.error("%s %s: %s: %s", request.method, request.path, scarcity.why, error)
    forget_reader()
    if scarcity.retry_after:
        g.retry_after = scarcity.retry_after
    return said_without_files(scarcity.status, str(scarcity.message))


def _failed_file(error: OSError) -> ResponseReturnValue:
    if scarcity := scarcity_of(error):
        return _scarce(scarcity, error)
    current_app.logger.error("%s %s: a file or a connection failed", request.method, request.path, exc_info=error)
    return error_page(500, str(BROKEN))


def _not_in_store(error: NotInStoreError) -> ResponseReturnValue:
    if not isinstance(error, DamagedFileError):
        return error_page(404, _("No demand is stored for it yet; it appears once the pipeline has read it."))
    current_app.logger.error("%s %s: %s", request.method, request.path, error)
    g.retry_after = 60
    return error_page(503, _("The stored demand cannot be read, as the file %(name)s is damaged. It is made "
                             "again by itself, usually in a few minutes; try again then.", name=error.name))


def _failed_database(error: DBAPIError) -> ResponseReturnValue:
    if scarcity := scarcity_of(error):
        with suppress(SQLAlchemyError):
            db.session.rollback()
        return _scarce(scarcity, error)
    db.session.rollback()
    if is_conflict(error):
        g.retry_after = 1
        return error_page(503, _("Someone else changed this at the same time. Nothing of yours was saved; send it "
                                 "again."))
    current_app.logger.error("%s %s: the database failed", request.method, request.path, exc_info=error)
    if is_out_of_reach(error):
        try:
            return _without_database()
        except (OSError, TemplateError):
            forget_reader()
            return said_without_files(503, _("The app's database does not answer. What was stored before is safe."))
    return error_page(500, str(BROKEN))


def _broken(error: InternalServerError) -> ResponseReturnValue:
    cause = error.original_exception
    if cause is not None and (scarcity := scarcity_of(cause)):  # met while another error was told
        return _scarce(scarcity, cause)
    return said_without_files(500, str(BROKEN))


def _too_large(_error: RequestEntityTooLarge) -> ResponseReturnValue:
    most = (request.max_content_length or current_app.config["MAX_CONTENT_LENGTH"]) / 1e6
    return error_page(413, _("Too large: at most %(most)s MB at once. Nothing was saved. Send a smaller file, or fewer "
                             "rows.", most=f"{most:g}"))


def _unknown(error: NotFound) -> ResponseReturnValue:
    unworded = error.description == NotFound.description
    return error_page(404, _("There is no page at this address.") if unworded else str(error.description))


def _refused(error: HTTPException) -> ResponseReturnValue:
    if isinstance(error.response, Response) or (error.code or 0) < 400:
        return error.get_response()
    response = make_response(error_page(error.code or 500, error.description or error.name))
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        response.allow.update(error.valid_methods)
    return response
