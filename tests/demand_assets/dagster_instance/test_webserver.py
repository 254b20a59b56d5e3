"""What pages of other web sites try on Dagster's own webserver, which runs here as the product runs it."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
import requests
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from demand_assets.dagster_instance.instance import prepare_home
from demand_assets.dagster_instance.own_pages_only import OwnPagesOnly
from demand_assets.settings import Settings
from deploy.services import Services
from tests.waiting import eventually

pytestmark = pytest.mark.servers
STOP = 'mutation { stopSensor(id: "x") { __typename } }'
WHO = "{ version }"


def port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@contextlib.contextmanager
def webserver(home: Path, **environment: str) -> Iterator[str]:
    """Dagster's webserver on that home, without any code; its address."""
    (home / "workspace.yaml").write_text("load_from: []\n")
    number = port()
    process = subprocess.Popen(
        [sys.executable, "-m", "demand_assets.dagster_instance.webserver", "--host", "127.0.0.1", "--port", str(number),
         "--workspace", str(home / "workspace.yaml")], env=os.environ | {"DAGSTER_HOME": str(home)} | environment)
    address = f"http://127.0.0.1:{number}"
    try:
        eventually(lambda: answers(address), 120, lambda: "the webserver does not answer")
        yield address
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Dagster's webserver without any code, reached by ``dagster.example`` too."""
    home = tmp_path_factory.mktemp("dagster")
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with webserver(home, DAGSTER_ALLOWED_HOSTS="dagster.example, Other.example") as address:
        yield address


def answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/server_info", timeout=2).ok
    except requests.ConnectionError:
        return False


def asked(url: str, query: str = WHO, **headers: str) -> requests.Response:
    return requests.post(f"{url}/graphql", json={"query": query}, headers=headers, timeout=20)


def test_programs_and_its_own_pages_ask_and_command(url: str) -> None:
    assert asked(url).json()["data"]["version"]
    own = {"Origin": url, "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}
    assert asked(url, STOP, **own).status_code != 403
    assert requests.get(f"{url}/graphql", params={"query": WHO}, timeout=20).json()["data"]["version"]
    opened = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Accept": "text/html"}
    assert requests.get(url, headers=opened, timeout=20).status_code == 200  # a link on a page of ours


@pytest.mark.parametrize("query", [STOP, f"query Q {WHO} {STOP}", f"subscription {WHO}", "mutation {", f" #\n,,{STOP}"])
@pytest.mark.parametrize("path", ["graphql", "graphql/", "/graphql"])
def test_nothing_is_commanded_by_get(url: str, query: str, path: str) -> None:
    answer = requests.get(f"{url}/{path}?query={quote(query)}", timeout=20, headers={"Accept": "image/*"})

    assert "stopSensor" not in answer.text
    assert answer.status_code in (404, 405) or "text/html" in answer.headers["Content-Type"]


def test_a_second_query_argument_does_not_hide_the_first(url: str) -> None:
    answer = requests.get(f"{url}/graphql?query={quote(WHO)}&query={quote(STOP)}", timeout=20)
    assert answer.status_code == 405


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1", "http://127.0.0.1:1",
                                    "http://localhost.evil.example", "file://", ""])
def test_pages_of_other_sites_are_refused(url: str, origin: str) -> None:
    assert asked(url, Origin=origin).status_code == 403
    assert requests.get(f"{url}/graphql", params={"query": WHO}, headers={"Origin": origin},
                        timeout=20).status_code == 403
    report = requests.post(f"{url}/report_asset_materialization/a", json={}, headers={"Origin": origin}, timeout=20)
    assert report.status_code == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_a_browser_says_comes_from_elsewhere_is_refused(url: str, site: str) -> None:
    image = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
    assert requests.get(f"{url}/graphql", params={"query": WHO}, headers=image, timeout=20).status_code == 403
    form = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate"}
    assert requests.post(f"{url}/graphql", params={"query": STOP}, headers=form, timeout=20).status_code == 403


@pytest.mark.parametrize("host", ["evil.example", "evil.example:3000", "127.0.0.1.evil.example", "", "a@127.0.0.1",
                                  "127.0.0.1/evil.example", "localhost.", "[::2]"])
def test_a_foreign_name_that_points_here_is_refused(url: str, host: str) -> None:
    assert asked(url, Host=host).status_code in (400, 403)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:3000", "[::1]:3000", "dagster.example", "other.example:80"])
def test_its_own_names_are_known(url: str, host: str) -> None:
    assert asked(url, Host=host).json()["data"]["version"]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_a_form_of_another_page_has_no_body_that_is_read(url: str, kind: str) -> None:
    answer = requests.post(f"{url}/graphql", params={"query": STOP}, data='{"query": "{version}"}',
                           headers={"Content-Type": kind}, timeout=20)
    assert answer.status_code == 415


def test_probes_ask_by_address(url: str) -> None:
    assert requests.get(f"{url}/server_info", headers={"Host": "10.1.2.3:3000"}, timeout=20).status_code == 200
    assert requests.post(f"{url}/server_info", headers={"Host": "10.1.2.3:3000"}, timeout=20).status_code == 403


def test_a_foreign_page_gets_no_websocket(url: str) -> None:
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
               "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": "graphql-ws"}
    ours = requests.get(f"{url}/graphql", headers=upgrade | {"Origin": url}, timeout=20, stream=True)
    foreign = requests.get(f"{url}/graphql", headers=upgrade | {"Origin": "https://evil.example"}, timeout=20)
    assert (ours.status_code, foreign.status_code) == (101, 403)
    ours.close()


@pytest.mark.parametrize("kind", ["ours", "stock"])
def test_what_the_instance_tells_of_itself_holds_no_password(kind: str, services: Services, tiny_dataset: Path,
                                                              monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    services.add_databases("told_")
    stock = kind if kind == "stock" else ""
    given = services.environment("told_")  # its servers ask for no password, and take any
    given |= {"DAGSTER_DATABASE_URL": given["DAGSTER_DATABASE_URL"].replace("@", ":of-the-database@"),
              "CELERY_BROKER_URL": given["CELERY_BROKER_URL"].replace("//", "//:of-the-broker@")}
    given |= {
        "RUN_LAUNCHER": "celery", "DAGSTER_STORAGE": stock, "DAGSTER_WORKERS": stock, "DAGSTER_WEB": stock}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    prepare_home(tmp_path / "home", Settings(dataset=tiny_dataset))

    with webserver(tmp_path / "home") as address:
        told = asked(address, "{ instance { info } }").json()["data"]["instance"]["info"]

    assert ("DAGSTER_DATABASE_URL" in told) is (kind == "ours")  # Dagster's own storage is told without its settings
    assert "CELERY_BROKER_URL" in told
    assert "of-the-database" not in told
    assert "of-the-broker" not in told


def answer_of(asked: Coroutine[None, None, httpx.Response]) -> httpx.Response:
    """What comes, in a thread of its own: a browser of earlier tests has a loop running in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, asked).result()


def test_a_prefix_changes_nothing() -> None:
    app = Starlette(routes=[Route("/dagster/graphql", lambda _: PlainTextResponse("ran"), methods=["GET", "POST"])])

    async def got(query: str) -> httpx.Response:
        transport = httpx.ASGITransport(OwnPagesOnly(app))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get("/dagster/graphql", params={"query": query})

    assert answer_of(got(STOP)).status_code == 405
    assert answer_of(got(WHO)).text == "ran"


@pytest.mark.parametrize(("origin", "status"), [
    ("http://localhost:3001", 200), ("http://LOCALHOST:3001", 200), ("http://localhost", 200),
    ("http://localhost:3002", 403), ("http://localhost:30010", 403), ("https://localhost:3001", 403), ("null", 403)])
def test_pages_of_other_ports_of_this_machine_may_only_where_the_setting_names_them(origin: str, status: int) -> None:
    app = Starlette(routes=[Route("/graphql", lambda _: PlainTextResponse("ran"), methods=["POST"])])

    async def posted() -> httpx.Response:
        transport = httpx.ASGITransport(OwnPagesOnly(app, origins=["http://localhost:3001"]))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.post("/graphql", json={"query": WHO}, headers={
                "Origin": origin, "Sec-Fetch-Site": "same-origin" if origin == "http://localhost" else "same-site"})

    assert answer_of(posted()).status_code == status
