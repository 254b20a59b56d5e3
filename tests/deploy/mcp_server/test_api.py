"""What is said of an app that refuses, is another, or is not there; and that the token goes nowhere else."""

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import SecretStr

from deploy.mcp_server.api import Api, in_path
from deploy.mcp_server.settings import AgentSettings

TOKEN = "demand_s3cr3t"
Answers = Callable[..., Api]


@pytest.fixture
def answers() -> Iterator[Answers]:
    """Status, body, headers -> what asks a server that answers so; what it was sent is in ``sent``."""
    started: list[HTTPServer] = []

    def serve(status: int, body: str = "", host: str = "127.0.0.1", **headers: str) -> Api:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                sent.append({**self.headers, "path": self.path})
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: object) -> None:
                pass

        server = HTTPServer((host, 0), Handler)
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        started.append(server)
        return Api(AgentSettings(demand_url=f"http://{host}:{server.server_port}",
                                 demand_api_token=SecretStr(TOKEN), demand_timeout_seconds=5))

    sent: list[dict[str, str]] = []
    serve.sent = sent  # type: ignore[attr-defined]
    yield serve
    for server in started:
        server.shutdown()
        server.server_close()


def refused(api: Api) -> str:
    with pytest.raises(ToolError) as error:
        api.get("/dataset")
    assert TOKEN not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(("host", "without_proxy"), [("127.0.0.1", ""), ("127.0.0.2", "*")])
def test_the_token_is_sent_whatever_the_machine_knows_of_the_host(
        answers: Answers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, without_proxy: str) -> None:
    """The second is taken for another machine, of which a .netrc and a proxy may know."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name, value in (("HTTP_PROXY", "http://127.0.0.1:9"), ("NO_PROXY", without_proxy)):
        monkeypatch.setenv(name, value)
        monkeypatch.setenv(name.lower(), value)

    assert answers(200, '{"unit": "units"}', host).dataset == {"unit": "units"}
    assert answers.sent[0]["Authorization"] == f"Bearer {TOKEN}"  # type: ignore[attr-defined]


@pytest.mark.parametrize(("status", "detail", "words"), [
    (429, "Too often.", "Refused (429): Too often. Wait 7 seconds. Wait as long as is said"),
    (409, "It is pinned.", "Refused (409): It is pinned. Wait 7 seconds. As things stand this cannot be done."),
    (503, "The database is locked.", "Refused (503): The database is locked. Wait 7 seconds. Tell the person")])
def test_a_refusal_says_what_to_do(answers: Answers, status: int, detail: str, words: str) -> None:
    assert refused(answers(status, json.dumps({"detail": detail}), Retry_After="7")).startswith(words)


def test_each_part_that_is_wrong_is_named(answers: Answers) -> None:
    body = {"detail": "1 part cannot be used.", "errors": [{"path": "body.keys.0", "problem": "too short"}]}

    assert "1 part cannot be used. body.keys.0: too short" in refused(answers(422, json.dumps(body)))


@pytest.mark.parametrize(("status", "body"), [(502, "<html>Bad gateway</html>"), (404, ""), (500, "[1]")])
def test_what_is_not_the_app_is_told_as_that(answers: Answers, status: int, body: str) -> None:
    assert f"answered {status} and not as the web app does" in refused(answers(status, body))


def test_a_page_in_place_of_json_is_no_answer(answers: Answers) -> None:
    assert "is not the web app: it gave no JSON" in refused(answers(200, "<html>Sign in</html>"))


def test_a_redirect_is_not_followed_with_the_token(answers: Answers) -> None:
    elsewhere = answers(200, "{}")
    place = elsewhere.settings.demand_url

    assert "answered 302 and not as the web app does" in refused(answers(302, "", Location=place))
    assert len(answers.sent) == 1  # type: ignore[attr-defined]


def test_arguments_that_are_none_are_left_out_and_keys_are_quoted(answers: Answers) -> None:
    answers(200, "{}").get(f"/region-items/{in_path('süd/west|a?b=#')}", q=None, limit=1)

    assert answers.sent[0]["path"] == (  # type: ignore[attr-defined]
        "/api/v1/region-items/s%C3%BCd%2Fwest%7Ca%3Fb%3D%23?limit=1")
