"""The settings form of administrators, filled in and sent."""

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.webapp.conftest import post

AS_THEY_ARE = {"announcement": "", "session_hours": "720", "idle_hours": "72", "token_days": "0", "sso_role": "none",
               "password_sign_in": "yes"}


def save(admin: FlaskClient, **changes: str) -> TestResponse:
    return post(admin, "/admin/settings", {**AS_THEY_ARE, **changes}, "/admin/settings")
