"""What an administrator asks for of a model, on the page that asks whether one is sure."""

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.webapp.conftest import KETTLE, hidden, page, post


def form(kind: str, version: int | None = None) -> str:
    """The address of the page that asks whether one is sure."""
    return f"/models/act?ri=north%7Ckettle&kind={kind}" + (f"&version={version}" if version else "")


def ask(client: FlaskClient, kind: str, version: int | None = None, reason: str = "too high", token: str = "",
        **more: str) -> TestResponse:
    """Open the page that asks whether one is sure, and say yes."""
    soup = page(client.get(form(kind, version)))
    fields = {"token": token or hidden(soup, "token"), "ri": KETTLE.key, "kind": kind, "reason": reason, **more}
    return post(client, "/models/act", fields | ({"version": str(version)} if version else {}))
