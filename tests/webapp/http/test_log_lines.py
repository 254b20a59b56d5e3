"""A log that nobody can write lines into."""

import io
import logging
import sys
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.webapp.conftest import post
from webapp import create_app
from webapp.http.log_lines import escaped
from webapp.settings import Settings

FORGED = "2026-11-28 10:00:00,000 INFO webapp.accounts: boss@example.com signed in by password"
BREAKS = ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x1b[2J", "\x85", "\u2028", "\u2029", "\x00", "\u202e", "\x7f", "\x9b"]


@pytest.fixture
def log(app: Flask) -> Iterator[io.StringIO]:
    """What the processes of the web app write, as their log has it."""
    written, root = io.StringIO(), logging.getLogger()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root.addHandler(handler)
    yield written
    root.removeHandler(handler)


def lines(log: io.StringIO) -> list[str]:
    return log.getvalue().splitlines()


@pytest.mark.parametrize("line_break", BREAKS, ids=ascii)
def test_a_name_to_sign_in_with_begins_no_line(log: io.StringIO, anonymous: FlaskClient, line_break: str) -> None:
    logging.getLogger("webapp").warning("refused %s", f"x{line_break}{FORGED}")
    post(anonymous, "/sign-in", {"email": f"x@y{line_break}{FORGED}", "password": "x"}, "/sign-in")

    assert lines(log)
    assert not [line for line in lines(log) if line.startswith(FORGED[:10]) and "signed in by" in line[:90]]
    assert line_break not in log.getvalue().replace("\n", "")


@pytest.mark.parametrize("line_break", BREAKS[:-1], ids=ascii)
def test_an_error_of_single_sign_on_begins_none(settings: Settings, log: io.StringIO, line_break: str) -> None:
    app = create_app(settings.model_copy(update={
        "web_oidc_issuer": "http://127.0.0.1:9", "web_oidc_client_id": "x", "web_oidc_client_secret": "y"}))
    response = app.test_client().get("/sign-in/sso/back", query_string={
        "error": "access_denied", "error_description": f"no{line_break}{FORGED}"})

    assert response.status_code in (400, 403)
    assert not [line for line in lines(log) if line.startswith(FORGED)]


def test_a_traceback_is_set_in_with_whatever_it_says(log: io.StringIO) -> None:
    try:
        raise ValueError(f"first\n{FORGED}\x1b[1m")
    except ValueError:
        logging.getLogger("webapp.anything").exception("It broke:\n%s", FORGED)

    [first, *more] = lines(log)
    assert first.endswith(f"It broke:\\n{FORGED}")
    assert more[-1] == f"    {FORGED}\\x1b[1m"
    assert all(line.startswith("    ") for line in more)


def test_libraries_and_gunicorn_are_held_to_it(app: Flask) -> None:
    record = logging.getLogger("gunicorn.error").makeRecord("gunicorn.error", 30, "", 1, "a\nb", (), None)

    assert logging.Formatter().format(record) == "a\\nb"
    assert sys.modules["logging"].getLogRecordFactory().__module__ == "webapp.http.log_lines"


@pytest.mark.parametrize("text", ["plain", "Füße, 日本, 12 € – ok", "a\tb"])
def test_what_people_write_stays_readable(text: str) -> None:
    assert escaped(text) == text
