"""Asks the HTTP API, and says of what it refuses how to go on."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import requests
from mcp.server.mcpserver.exceptions import ToolError

from deploy.mcp_server.settings import AgentSettings

Given = Mapping[str, Any]
_CURES = {
    401: "The token is not valid: it expired, was revoked, or its owner was deactivated. Ask the person for a new one "
         "(Account, API tokens), which goes into DEMAND_API_TOKEN of this server; then start the server again.",
    403: "Do not try again with this token. Ask the person, or do without.",
    404: "Names and keys are those that the tool find gives; look it up there.",
    409: "As things stand this cannot be done.",
    413: "Ask for less at once.",
    422: "Correct what is named, and call the tool again.",
    429: "Wait as long as is said, then call the tool again, once."}
"""Status -> what whoever asked can do."""


class _Bearer(requests.auth.AuthBase):
    """Sends the token; a machine's .netrc is not asked then."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Api:
    """The API, as one token may use it."""

    def __init__(self, settings: AgentSettings) -> None:
        self.settings = settings
        self._session = requests.Session()
        self._session.headers["User-Agent"] = "demand-mcp"
        self._session.auth = _Bearer(settings.demand_api_token.get_secret_value())
        if settings.is_loopback:
            self._session.trust_env = False  # a proxy of the environment knows no address of this machine
        self._dataset: dict[str, Any] = {}

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """The answer; arguments that are None are left out.

        Raises: ToolError: it was refused, or none came; the message says how to go on.
        """
        return self._asked("GET", path, params={name: value for name, value in query.items() if value is not None})

    def post(self, path: str, body: Given, once: str = "") -> dict[str, Any]:
        """The answer to a request with a body.

        Args:
            once: an idempotency key: with the same one, the same request starts nothing twice.
        Raises: ToolError.
        """
        return self._asked("POST", path, json=body, headers={"Idempotency-Key": once} if once else {})

    @property
    def dataset(self) -> dict[str, Any]:
        """What is forecast, in which units; asked once. Raises: ToolError."""
        if not self._dataset:
            self._dataset = self.get("/dataset")
        return self._dataset

    def _asked(self, method: str, path: str, **given: Any) -> dict[str, Any]:
        url = self.settings.demand_url
        try:
            response = self._session.request(method, f"{url}/api/v1{path}", allow_redirects=False,
                                             timeout=self.settings.demand_timeout_seconds, **given)
        except requests.Timeout:
            raise ToolError(f"The web app at {url} has not answered within "
                            f"{self.settings.demand_timeout_seconds:g} seconds. Ask for less at once, or again later."
                            + _UNKNOWN_IF_WRITTEN[method]) from None
        except requests.RequestException as error:
            raise ToolError(f"The web app at {url} cannot be reached ({type(error).__name__}). It is down, or "
                            "DEMAND_URL of this server is wrong. Tell the person; try again in a minute at most once."
                            + _UNKNOWN_IF_WRITTEN[method]) from None
        if 200 <= response.status_code < 300:
            answer = _json(response)
            if answer is not None:
                return answer
            raise ToolError(f"What answers at {url} is not the web app: it gave no JSON. Correct DEMAND_URL.")
        raise ToolError(_problem(response, url))


_UNKNOWN_IF_WRITTEN = {"GET": "", "POST": " Whether it was done is not known: call the tool again with the same "
                                          "arguments, which does nothing twice."}


def _problem(response: requests.Response, url: str) -> str:
    told = _json(response) or {}
    if not told:
        return (f"{url} answered {response.status_code} and not as the web app does. It is starting or broken, or "
                "DEMAND_URL of this server is wrong. Tell the person.")
    wrong = "".join(f" {one.get('path')}: {one.get('problem')}" for one in (told.get("errors") or [])[:5])
    wait = response.headers.get("Retry-After")
    after = f" Wait {wait} seconds." if wait else ""
    cure = _CURES.get(response.status_code, "Tell the person; try again later." if response.status_code >= 500 else "")
    return f"Refused ({response.status_code}): {told.get('detail', '')}{wrong}{after} {cure}".strip()


def _json(response: requests.Response) -> dict[str, Any] | None:
    try:
        found = response.json()
    except requests.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def in_path(key: str) -> str:
    """A key as part of a path, whatever characters it has."""
    return quote(key, safe="")
