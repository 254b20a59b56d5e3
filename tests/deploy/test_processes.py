"""What pages of other web sites try on MLflow's own server, which runs here as the product runs it."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from deploy.health import answers_http
from deploy.processes import Folders, environment, processes
from deploy.settings import RunSettings
from tests.services import free_ports
from tests.waiting import eventually

pytestmark = pytest.mark.servers
CREATE, SEARCH = "2.0/mlflow/experiments/create", "2.0/mlflow/experiments/search"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """MLflow's server with an empty registry."""
    settings = RunSettings(mlflow_port=free_ports(["mlflow"])["mlflow"])
    folders = Folders(tmp_path_factory.mktemp("state") / "shop")
    folders.make()
    (command,) = [process.command for process in processes(settings, folders) if process.name == "mlflow"]
    outer = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_SERVER_")}
    outer["MLFLOW_SERVER_CORS_ALLOWED_ORIGINS"] = "http://localhost:3001, http://notebooks.example:*"
    process = subprocess.Popen(command, env=environment(settings, folders, outer), cwd=folders.root)
    address = f"http://127.0.0.1:{settings.mlflow_port}"
    try:
        eventually(lambda: answers_http(f"{address}/health"), 180, lambda: "MLflow does not answer")
        yield address
    finally:
        process.terminate()
        process.wait(30)


def created(url: str, name: str, api: str = "api", **headers: str) -> requests.Response:
    return requests.post(f"{url}/{api}/{CREATE}", json={"name": name}, headers=headers, timeout=30)


def names(url: str) -> set[str]:
    found = requests.post(f"{url}/api/{SEARCH}", json={"max_results": 100}, timeout=30).json()
    return {one["name"] for one in found["experiments"]}


def test_programs_and_its_own_pages_may(url: str) -> None:
    assert created(url, "by a program").status_code == 200
    assert created(url, "by its page", "ajax-api", Origin=url).status_code == 200
    assert {"by a program", "by its page"} <= names(url)


@pytest.mark.parametrize("api", ["api", "ajax-api"])
@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1.evil.example",
                                    "http://localhost.evil.example:5000", "http://10.0.0.1", "file://",
                                    "http://localhost:1", "http://localhost", "https://127.0.0.1:8443",
                                    "http://127.0.0.1:3000", "http://[::1]:5000", "http://localhost:30010"])
def test_pages_of_other_sites_change_nothing_and_read_nothing(url: str, api: str, origin: str) -> None:
    assert created(url, "by a foreign page", api, Origin=origin).status_code == 403
    form = requests.post(f"{url}/{api}/{CREATE}", data='{"name": "by a foreign page"}', timeout=30,
                         headers={"Content-Type": "text/plain", "Origin": origin})
    read = requests.get(f"{url}/{api}/{SEARCH}", params={"max_results": 5}, headers={"Origin": origin}, timeout=30)

    assert (form.status_code, read.status_code) == (403, 403)
    assert "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS" in read.text
    assert "Access-Control-Allow-Origin" not in read.headers
    assert "by a foreign page" not in names(url)


@pytest.mark.parametrize("origin", ["http://localhost:3001", "http://notebooks.example:8888"])
def test_pages_of_origins_that_the_setting_names_may(url: str, origin: str) -> None:
    assert created(url, f"by {origin}", "ajax-api", Origin=origin).status_code == 200


@pytest.mark.parametrize(("headers", "status"), [
    ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
    ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"}, 403),
    ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200),
    ({"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}, 200), ({"Sec-Fetch-Site": "none"}, 200)])
def test_a_link_to_it_is_followed_and_an_image_of_it_is_not_shown(url: str, headers: dict[str, str],
                                                                  status: int) -> None:
    assert requests.get(f"{url}/version", headers=headers, timeout=30).status_code == status


@pytest.mark.parametrize("host", [
    "evil.example", "10.evil.example", "192.168.evil.example:5000", "172.16.evil.example", "fc00:evil.example",
    "localhost.evil.example", "localhost:evil.example", "127.0.0.1:1", "evil.example:5000"])
@pytest.mark.parametrize("path", ["", "api/2.0/mlflow/experiments/get-by-name?experiment_name=Default", "graphql"])
def test_a_foreign_name_that_points_here_is_refused(url: str, host: str, path: str) -> None:
    assert requests.get(f"{url}/{path}", headers={"Host": host}, timeout=30).status_code in (400, 403)


def test_mlflows_own_command_is_run_where_the_setting_says_so(tmp_path: Path) -> None:
    settings = RunSettings(mlflow_web="stock")
    (command,) = [one.command for one in processes(settings, Folders(tmp_path)) if one.name == "mlflow"]
    assert command[1:4] == ("-m", "mlflow", "server")


def test_other_names_are_those_that_are_given() -> None:
    given = {"MLFLOW_SERVER_ALLOWED_HOSTS": "mlflow.example.com"}
    ours = environment(RunSettings(), Folders(RunSettings().state_folder), given)
    assert ours["MLFLOW_SERVER_ALLOWED_HOSTS"] == "mlflow.example.com"
