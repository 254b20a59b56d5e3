"""What tests of all parts share."""

import asyncio
import gc
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright
from typing_extensions import override
from xdist.scheduler import LoadFileScheduling

from demand_assets.forecasting.registry.registry import Registry
from deploy.services import Services
from tests.services import services_or_skip

END_TO_END = "end_to_end"
TOGETHER = (f"tests/{END_TO_END}/", "tests/webapp/browser/")
"""Folders whose tests share what is made once in a process and costs much: the whole product; a site and a browser."""
MARKERS = {"browser": "browser", "servers": "servers", "s3_url": "servers"}
"""A fixture -> the marker of every test that uses it, directly or by way of others."""
SLOW = tuple(f"tests/{place}" for place in (
    "benchmarks/", "demand_assets/commands/", "demand_assets/dagster_instance/", "demand_assets/defs/",
    "deploy/backup/", "deploy/observability/",
    "demand_assets/forecasting/gate/test_gate_truth.py", "demand_assets/forecasting/model/",
    "demand_assets/forecasting/registry/", "demand_assets/forecasting/whatif/test_scenario_truth.py",
    "demand_assets/pipeline/", "webapp/api/resources/test_published_plans.py", "webapp/published_plans/",
    "webapp/test_atomic.py", "webapp/test_fakes.py", "webapp/test_hostile.py"))
"""Where tests train models, or have a real Dagster and MLflow under them, or try some thousand requests."""
SLOW_TESTS = frozenset((Path(__file__).parent / "slow_tests.txt").read_text().split())
"""Tests elsewhere that take more than 0.4 seconds, for all their parameters; ``python -m tests.durations`` writes
the list."""
CHROMIUM = next(filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "chromium-browser",
                                                "google-chrome"))), None)
"""Without a screen the shell draws the same pages for less than half of what a browser with windows costs."""
CHROMIUM_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
                      "--disable-sync", "--no-first-run"]
TINY_DATASET = """\
title = "Tiny shop"
unit = "units"
currency = "€"
frequency = "D"
horizon = 14

[source]
kind = "simulated"
regions = {regions}
items = {items}
years = 1
seed = 11
today = "2026-06-01"

[[drivers]]
name = "price"
kind = "number"
effect = "decreasing"
unit = "€"

[[drivers]]
name = "promo"
kind = "yes_no"
effect = "increasing"

[retraining]
automatic = false
"""
PINNED = """
[training]
scale = "log"
drivers = "boosted"
year_features = false
rounds = 100
own_rounds = 20
own_share = 0.5
"""
"""Nothing is chosen by data: half of a training's time."""


def pytest_configure() -> None:
    """Before anything is imported: no tests tell anyone that they ran, or write to the home directory."""
    os.environ |= {"DAGSTER_DISABLE_TELEMETRY": "yes", "MLFLOW_DISABLE_TELEMETRY": "true"}
    gc.set_threshold(100_000, 50, 1000)  # a sixth of the tests' time went into looking through the large libraries


def pytest_collection_finish() -> None:
    """What was imported stays until the end, and is not looked through for what nobody uses."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def own_instance_urls(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is prepared for opening a Dagster instance in one test is not there in the next."""
    for name in ("DAGSTER_DATABASE_URL", "CELERY_BROKER_URL"):
        monkeypatch.setenv(name, os.environ.get(name, ""))


@pytest.fixture
def counting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that this process counts into, as each of the product's does."""
    from prometheus_client import values

    folder = tmp_path / "counted"
    folder.mkdir()
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(folder))
    monkeypatch.setattr(values, "ValueClass", values.MultiProcessValue())
    return folder


@pytest.fixture(autouse=True)
def no_loop_of_the_browser(request: pytest.FixtureRequest) -> Iterator[None]:
    """What drives the browser leaves its event loop marked as running in this thread, where tests run their own."""
    loop = None if "browser" in request.fixturenames else asyncio._get_running_loop()
    if loop is None:
        yield
        return
    asyncio._set_running_loop(None)
    yield
    asyncio._set_running_loop(loop)


class ServersTogether(LoadFileScheduling):
    """One process takes all tests with the real servers, one all with a browser, others the rest file by file."""

    @override
    def _split_scope(self, nodeid: str) -> str:
        return next((folder for folder in TOGETHER if nodeid.startswith(folder)), super()._split_scope(nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ServersTogether:
    """How tests are shared out where several processes run them."""
    return ServersTogether(config, log)


@pytest.hookimpl(tryfirst=True)  # before -m picks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by what their fixtures start.

    Where several processes run them, those with the real servers, which take longest, begin at once, those with a
    browser next, and files that take long before others, so that nobody waits for one at the end.
    """
    for item in items:
        for marker in {MARKERS[name] for name in MARKERS.keys() & set(getattr(item, "fixturenames", ()))}:
            item.add_marker(marker)
        if item.nodeid.startswith(SLOW) or item.nodeid.partition("[")[0] in SLOW_TESTS:
            item.add_marker("slow")
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: [not item.nodeid.startswith(first) for first in (*TOGETHER, SLOW)])


def pytest_sessionstart() -> None:
    """Told to terminate, end what fixtures started, as after Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Processes that a test starts end when they are told, whatever signals an earlier test left blocked or ignored."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT})
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)


def write_tiny_dataset(folder: Path, regions: int = 2, items: int = 3, is_pinned: bool = True) -> Path:
    """A dataset file of simulated demand, small enough to be trained in seconds.

    Args:
        is_pinned: whether it says what a training chooses otherwise, which takes longer than the rest.
    """
    file = folder / "tiny.toml"
    file.write_text(TINY_DATASET.format(regions=regions, items=items) + (PINNED if is_pinned else ""))
    return file


@pytest.fixture
def tiny_dataset(tmp_path: Path) -> Path:
    """A dataset file: 2 regions, 3 items, a year of simulated demand."""
    return write_tiny_dataset(tmp_path)


@pytest.fixture(scope="session")
def empty_mlflow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's database as it is before the first model; to be copied, for its making takes seconds."""
    file = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    Registry(f"sqlite:///{file}", "shop").entries()
    return file


@pytest.fixture(scope="session")
def servers() -> Iterator[Services]:
    """PostgreSQL, Redis and an S3 server."""
    with services_or_skip() as running:
        yield running


@pytest.fixture(scope="session")
def services(servers: Services) -> Services:
    """The same, where the name is not that of the app's services."""
    return servers


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium without a screen; one for all tests, as Playwright runs once in a thread."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine (Debian: apt install chromium-headless-shell)")
    expect.set_options(timeout=20_000)  # milliseconds: other tests share the processors
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()
