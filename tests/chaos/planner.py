"""Whoever asks the product for something: through its pages once, then through the API."""

import json
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import requests
from bs4 import BeautifulSoup

from benchmarks.support.product import form_fields, page, sign_up

EMAIL = "campaign@example.com"
ANSWER_SECONDS = 8.0
EXPLAINED = {503, 507}
"""Answers that say in words why now is no time: too much at once, a full disk."""


@dataclass(frozen=True)
class Reply:
    """An answer, or that there was none."""

    status: int
    """0 when the connection was cut, refused, or too slow."""
    told: Any = None

    @property
    def is_accepted(self) -> bool:
        """Whether the product said that it took the request."""
        return 200 <= self.status < 300

    @property
    def is_refused(self) -> bool:
        """Whether it said that it did not."""
        return 400 <= self.status < 500

    @property
    def is_unexplained(self) -> bool:
        """Whether something broke without a word."""
        return self.status >= 500 and self.status not in EXPLAINED


class Planner:
    """An administrator with a session in a browser and a token."""

    def __init__(self, url: str, sign_up_link: str) -> None:
        self.url, self._base = url, f"{url}/api/v1"
        password = uuid4().hex
        self._session = sign_up(sign_up_link, EMAIL, password)
        account = page(self._session, f"{url}/account")
        form = account.select_one("form:has([name=own_password])")
        fields = form_fields(form) | {"name": "campaign", "role": "admin", "days": "30", "own_password": password}
        answer = self._session.post(f"{url}/account/tokens", data=fields, timeout=30)
        answer.raise_for_status()
        self._token = next(text for text in BeautifulSoup(answer.text, "html.parser").stripped_strings
                           if text.startswith("demand_"))

    def get(self, path: str, seconds: float = ANSWER_SECONDS, **query: object) -> Reply:
        """Ask the API."""
        return self._reply("GET", f"{self._base}{path}", seconds, params=query)

    def post(self, path: str, body: object, key: str | None = None, seconds: float = ANSWER_SECONDS) -> Reply:
        """Send the API something, under an idempotency key where one is given."""
        return self._reply("POST", f"{self._base}{path}", seconds, data=json.dumps(body),
                           headers={"Content-Type": "application/json"} | ({"Idempotency-Key": key} if key else {}))

    def delete(self, path: str) -> Reply:
        """Take something back."""
        return self._reply("DELETE", f"{self._base}{path}", ANSWER_SECONDS)

    def read(self, path: str, **query: object) -> Reply:
        """Look at a page."""
        return _sent(lambda: self._session.get(f"{self.url}{path}", params=query, timeout=ANSWER_SECONDS))

    def send_form(self, path: str, action: str, more: Mapping[str, str] = MappingProxyType({})) -> Reply:
        """Press the button of the form on a page that sends to ``action``; 404 when there is none.

        Args:
            more: what is sent besides the form's own fields.
        """
        shown = self.read(path)
        if not shown.is_accepted:
            return shown
        form = BeautifulSoup(shown.told, "html.parser").select_one(f"form[action$='{action}']")
        if form is None:
            return Reply(404)
        return _sent(lambda: self._session.post(f"{self.url}{action}", data=form_fields(form) | dict(more),
                                                timeout=ANSWER_SECONDS, allow_redirects=False))

    def post_and_leave(self, path: str, body: object, key: str, share: float) -> None:
        """Send the API something and cut the connection: after a share of the request, or when all of it is sent."""
        content = json.dumps(body).encode()
        host, port = self.url.removeprefix("http://").split(":")
        request = (f"POST /api/v1{path} HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {self._token}\r\n"
                   f"Content-Type: application/json\r\nIdempotency-Key: {key}\r\n"
                   f"Content-Length: {len(content)}\r\n\r\n").encode() + content
        sent = request if share > 0.5 else request[: int(len(request) * 2 * share)]
        try:
            with socket.create_connection((host, int(port)), timeout=ANSWER_SECONDS) as connection:
                connection.sendall(sent)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            return

    def _reply(self, method: str, url: str, seconds: float, headers: dict[str, str] | None = None,
               **arguments: Any) -> Reply:
        told = {"Authorization": f"Bearer {self._token}"} | (headers or {})
        return _sent(lambda: requests.request(method, url, headers=told, timeout=seconds, **arguments))


def key_in_url(key: str) -> str:
    """A region-item's key as part of a path."""
    return quote(key, safe="")


def _sent(send: Any) -> Reply:
    try:
        answer = send()
    except requests.RequestException:
        return Reply(0)
    if answer.headers.get("Content-Type", "").startswith(("application/json", "application/problem+json")):
        try:
            return Reply(answer.status_code, answer.json())
        except ValueError:
            return Reply(0)
    return Reply(answer.status_code, answer.text)
