"""The whole product, started by its own launcher on free ports, and a real browser."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from deploy.health import answers_http
from deploy.settings import PROJECT
from deploy.state_directory.ownership import end_leftovers
from tests import services
from tests.conftest import write_tiny_dataset
from tests.waiting import eventually

START_SECONDS = 180
DECISION_SECONDS = 300
PASSWORD = "a passphrase for the tests"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what starts the real servers, and give it the time that a busy machine needs."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.end_to_end)
            item.add_marker(pytest.mark.timeout(600))


def retrain_all_the_same(page: Page) -> None:
    """Press Retrain for what is ticked, and go on where the page says that there is nothing new to learn.

    Before the web app has read of the first decisions it does not know that, and asks for the retrain at once.
    """
    page.get_by_role("button", name="Retrain").click()
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text(re.compile("Nothing new to learn|Retrain of"))
    if "Nothing new" in heading.inner_text():
        page.get_by_role("button", name="anyway").click()


def free_ports() -> dict[str, str]:
    """A free port for each server, as the launcher's settings name them."""
    ports = services.free_ports(("WEB_PORT", "DAGSTER_PORT", "MLFLOW_PORT", "CODE_PORT"))
    return {name: str(port) for name, port in ports.items()}


class Product:
    """The product as a person at a terminal has it: started, read, and stopped with Ctrl-C."""

    def __init__(self, dataset: Path, state: Path, settings: dict[str, str] | None = None) -> None:
        self.folder = state / dataset.stem
        self.cwd = PROJECT
        self.ports = free_ports()
        self.environment = {**os.environ, **self.ports, **(settings or {}), "DATASET": str(dataset),
                            "STATE": str(state)}
        self._output = state.parent / f"{state.name}.output"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The web app's address."""
        return f"http://127.0.0.1:{self.ports['WEB_PORT']}"

    @property
    def output(self) -> str:
        """What the terminal shows since the last start."""
        return self._output.read_text()

    @property
    def pid(self) -> int:
        """The launcher's process id."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> "Product":
        """Type `make run`."""
        with self._output.open("w") as output:
            self._process = subprocess.Popen([sys.executable, "-m", "deploy.run"], cwd=self.cwd, env=self.environment,
                                             stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
        return self

    def wait_for(self, pattern: str, seconds: float = START_SECONDS) -> re.Match[str]:
        """The first match in what the terminal shows, waited for."""
        def look() -> re.Match[str] | None:
            found = re.search(pattern, self.output)
            if not found and self._process and self._process.poll() is not None:
                pytest.fail(f"the launcher ended before it said {pattern!r}:\n{self.output}")
            return found

        return eventually(look, seconds,
                          lambda: f"{pattern!r} did not appear; the terminal shows:\n{self.output}\n{self.logs()}")

    def wait_until_ready(self) -> "Product":
        """Wait until the launcher says that all servers answer."""
        self.wait_for("all servers answer")
        return self

    def wait_until_systems_answer(self) -> None:
        """Wait until MLflow and Dagster answer, whoever started them."""
        for url in (f"http://127.0.0.1:{self.ports['MLFLOW_PORT']}/health",
                    f"http://127.0.0.1:{self.ports['DAGSTER_PORT']}/server_info"):
            eventually(lambda url=url: answers_http(url), START_SECONDS, self.logs)

    def stop(self, number: signal.Signals = signal.SIGINT, seconds: float = 120) -> int:
        """Press Ctrl-C and wait; the exit status."""
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(seconds)

    def wait(self) -> int:
        """Wait for an end that came from elsewhere; the exit status."""
        assert self._process is not None
        return self._process.wait(30)

    def clean_up(self) -> None:
        """Leave no process behind, whatever the test did."""
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.stop()
        end_leftovers(self.folder, patience_seconds=5)

    def logs(self) -> str:
        """The end of each log, for a failed test's report."""
        return "\n".join(f"== {log.name}\n{log.read_text(errors='replace')[-1500:]}"
                         for log in sorted((self.folder / "logs").glob("*.log")))


@pytest.fixture
def environment() -> dict[str, str]:
    """The environment of a launcher on free ports."""
    return {**os.environ, **free_ports()}


@pytest.fixture(scope="session")
def products() -> Iterator[list[Product]]:
    """Every product that a test started; none outlives the tests."""
    started: list[Product] = []
    yield started
    for product in started:
        product.clean_up()


@pytest.fixture(scope="session")
def product(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory,
            products: list[Product]) -> Iterator[Product]:
    """The running product with all models of the tiny dataset trained and judged.

    Its profile is the fixture's parameter.
    """
    profile = request.param
    folder = tmp_path_factory.mktemp("product")
    settings = {"PROFILE": profile}
    if profile == "stores":
        settings |= request.getfixturevalue("services").environment()
    product = Product(write_tiny_dataset(folder), folder / "state", settings)
    products.append(product)
    product.start().wait_until_ready()
    product.wait_for("6 of 6 decided", 300)
    yield product
    product.clean_up()  # two at a time are slow


@pytest.fixture(scope="session")
def planner(product: Product, browser: Browser) -> Iterator[BrowserContext]:
    """A browser in which the first administrator has signed up, through the link that the launcher printed."""
    link = product.wait_for(r"make the first one at (http://\S+)").group(1)
    context = browser.new_context(base_url=product.url)
    page = context.new_page()
    page.goto(link)
    page.locator("[name=email]").fill("planner@example.com")
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("[name=again]").fill(PASSWORD)
    page.locator("form [type=submit]").click()
    expect(page.locator("#account-menu")).to_be_visible()
    page.close()
    yield context
    context.close()


@pytest.fixture
def page(planner: BrowserContext) -> Iterator[Page]:
    """A page of the signed-in planner; a script that fails on it fails the test."""
    page = planner.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    yield page
    page.close()
    assert complaints == []
