"""Ctrl-C, kill, and starting again."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest
from playwright.sync_api import Browser, Page, expect

from deploy.state_directory.ownership import processes_of
from tests.conftest import write_tiny_dataset
from tests.end_to_end.conftest import PASSWORD, Product
from tests.waiting import eventually


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory, products: list[Product]) -> Product:
    """A product of its own, with the smallest dataset, which chooses by data what others are told; the tests below are
    its life, in order."""
    for other in products:
        other.clean_up()  # the tests before these are done with it, and two at a time are slow
    folder = tmp_path_factory.mktemp("stopping")
    product = Product(write_tiny_dataset(folder, regions=1, items=2, is_pinned=False), folder / "state")
    products.append(product)
    return product


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """A page that stays open, as a planner's does, whatever becomes of the product."""
    context = browser.new_context()
    yield context.new_page()
    context.close()


def running(product: Product, word: str) -> list[psutil.Process]:
    """The product's processes with that word in their command line."""
    found = []
    for process in processes_of(product.folder):
        with contextlib.suppress(psutil.NoSuchProcess):
            if any(word in part for part in process.cmdline()):
                found.append(process)
    return found


def run_workers(product: Product) -> list[psutil.Process]:
    """The processes in which Dagster's runs are carried out."""
    return running(product, "demand_assets.dagster_instance.runs.run_process")


def test_the_first_start_says_that_nothing_is_trained_on_every_page(product, page):
    link = product.start().wait_for(r"make the first one at (http://\S+)").group(1)
    page.goto(link)
    page.locator("[name=email]").fill("planner@example.com")
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("[name=again]").fill(PASSWORD)
    page.locator("form [type=submit]").click()

    expect(page.locator("#table")).to_contain_text(re.compile("No region-items yet|First training"), timeout=60_000)
    for path in ("/totals", "/heat-map", "/forecasts", "/scenarios", "/retrains", "/models", "/data"):
        answer = page.goto(f"{product.url}{path}")
        assert answer is not None
        assert answer.ok


def test_ctrl_c_in_the_middle_of_the_first_training_leaves_no_process(product):
    product.wait_until_ready()
    eventually(lambda: run_workers(product), 180, lambda: f"no run was started\n{product.output}\n{product.logs()}")

    status = product.stop(signal.SIGINT)

    assert status == 0
    assert processes_of(product.folder) == []
    assert product.output.splitlines()[-1].endswith("stopped; `make run` continues from here")


def test_a_second_start_goes_on_with_the_training_and_the_page_fills_by_itself(product, page):
    product.start().wait_until_ready()
    page.goto(product.url)

    expect(page.locator("#table tbody tr")).to_have_count(2, timeout=120_000)
    expect(page.locator("#table tbody tr").filter(has_text="in production").first).to_be_visible(timeout=300_000)
    product.wait_for(r"first training: (2 of 2 decided|nothing is missing)", 300)
    assert "nobody has an account yet" not in product.output


def test_a_second_run_on_the_same_state_is_refused(product):
    refused = subprocess.run(
        [sys.executable, "-m", "deploy.run"], env=product.environment, cwd=product.cwd, capture_output=True, text=True,
        timeout=60, check=False)

    assert refused.returncode == 1
    assert refused.stderr.startswith(f"{product.folder} is already being served by process {product.pid};")
    assert len(refused.stderr.splitlines()) == 1


def test_a_server_that_dies_is_started_again(product):
    min(running(product, "webapp.background"), key=psutil.Process.create_time).kill()  # not what it forked to compute

    product.wait_for(r"web-sync had stopped and was started again; see .*web-sync\.log", 60)


def test_what_a_killed_launcher_leaves_is_ended_by_the_next(product):
    os.kill(product.pid, signal.SIGKILL)
    product.wait()
    orphans = {process.pid for process in processes_of(product.folder)}
    assert orphans

    product.start().wait_until_ready()

    product.wait_for(r"an earlier run was killed and left \d+ processes behind", 1)
    assert not orphans & {process.pid for process in processes_of(product.folder)}


def test_a_request_to_terminate_stops_everything_too(product):
    assert product.stop(signal.SIGTERM) == 0

    assert processes_of(product.folder) == []
