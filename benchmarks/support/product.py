"""The whole product, started on free ports in a temporary state directory, and a signed-in planner."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import requests
from bs4 import BeautifulSoup

from demand_assets.forecasting.dataset.dataset_file import load_dataset

PROJECT = Path(__file__).resolve().parents[2]
START_SECONDS = 900
PORTS = ("WEB_PORT", "DAGSTER_PORT", "MLFLOW_PORT", "CODE_PORT")


@dataclass(frozen=True)
class Running:
    """A product that answers."""

    url: str
    mlflow_url: str
    dagster_url: str
    dataset: Path
    state: Path
    ports: dict[str, str]
    email: str
    password: str
    seconds_to_forecast: float
    """From the start of ``make run``, its environment being there, until every region-item was decided."""

    @property
    def folder(self) -> Path:
        """Where everything of this dataset is."""
        return self.state / load_dataset(self.dataset).name

    def planner(self) -> requests.Session:
        """A signed-in session."""
        session = requests.Session()
        form = page(session, f"{self.url}/sign-in").find("form", method=re.compile("post", re.IGNORECASE))
        fields = form_fields(form) | {"email": self.email, "password": self.password}
        session.post(f"{self.url}/sign-in", data=fields, timeout=30).raise_for_status()
        return session


@contextlib.contextmanager
def running(dataset: Path, ready: str, settings: Mapping[str, str] | None = None,
            state: Path | None = None) -> Iterator[Running]:
    """The product on that dataset, once its output matches ``ready``; stopped at the end.

    Args:
        settings: beside those of the environment.
        state: where its state is; one of its own, removed at the end, unless given.
    """
    with tempfile.TemporaryDirectory(prefix="demand-") as folder:
        ports, output = free_ports(), Path(folder) / "output"
        state = state or Path(folder) / "var"
        environment = {**os.environ, **ports, **(settings or {}), "DATASET": str(dataset.resolve()),
                       "STATE": str(state)}
        started = time.monotonic()
        with output.open("w") as file:
            process = subprocess.Popen([sys.executable, "-m", "deploy.run"], cwd=PROJECT, env=environment,
                                       stdout=file, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            _wait(output, process, ready)
            seconds = time.monotonic() - started
            url = f"http://127.0.0.1:{ports['WEB_PORT']}"
            email, password = "planner@example.com", uuid4().hex
            sign_up(_sign_up_link(output), email, password)
            yield Running(url, f"http://127.0.0.1:{ports['MLFLOW_PORT']}",
                          f"http://127.0.0.1:{ports['DAGSTER_PORT']}", dataset, state, ports, email,
                          password, seconds)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(120)


def page(session: requests.Session, url: str, **arguments: object) -> BeautifulSoup:
    """The page at that address.

    Raises: requests.HTTPError: it is an error page.
    """
    answer = session.get(url, timeout=60, **arguments)
    answer.raise_for_status()
    return BeautifulSoup(answer.text, "html.parser")


def form_fields(form: BeautifulSoup) -> dict[str, str]:
    """The values that a form's hidden fields send."""
    return {str(field["name"]): str(field.get("value", "")) for field in form.select("input[type=hidden][name]")}


def sign_up(link: str, email: str, password: str) -> requests.Session:
    """Make the first account with the printed link; the session that is then signed in."""
    session = requests.Session()
    form = page(session, link).select_one("form:has([name=again])")
    fields = form_fields(form) | {"email": email, "password": password, "again": password}
    session.post(link, data=fields, timeout=30).raise_for_status()
    return session


def _sign_up_link(output: Path) -> str:
    link = re.search(r"http://\S+/first-admin/\S+", output.read_text())
    if link is None:
        raise RuntimeError(f"no sign-up link in the output:\n{output.read_text()}")
    return link.group()


def _wait(output: Path, process: "subprocess.Popen[bytes]", pattern: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not re.search(pattern, output.read_text()):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{pattern!r} did not appear:\n{output.read_text()}")
        time.sleep(0.2)


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    return int(free_ports()["WEB_PORT"])


def free_ports() -> dict[str, str]:
    """Setting -> a port that nobody listens on, for each server."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in PORTS]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return {name: str(one.getsockname()[1]) for name, one in zip(PORTS, sockets, strict=True)}
