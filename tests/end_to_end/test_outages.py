"""What still works while MLflow and Dagster are down."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from deploy.health import answers_http
from tests.end_to_end.conftest import DECISION_SECONDS, Product, retrain_all_the_same
from tests.waiting import eventually

pytestmark = pytest.mark.parametrize("product", ["embedded"], indirect=True)
SYSTEMS = ("mlflow", "dagster-web", "dagster-daemon", "dagster-code")


def control(product: Product, order: str, *names: str) -> None:
    """Give the process runner an order, as an operator would."""
    subprocess.run([sys.executable, "-P", "-m", "supervisor.supervisorctl", "-c", "supervisord.conf", order, *names],
                   cwd=product.folder / "run", check=True, timeout=120, stdout=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def outage(product: Product) -> Iterator[Product]:
    """MLflow and Dagster are stopped, and the web app has been started again since."""
    control(product, "stop", *SYSTEMS)
    control(product, "restart", "web", "web-sync")
    eventually(lambda: answers_http(f"{product.url}/health"), 120, product.logs)
    yield product
    control(product, "start", *reversed(SYSTEMS))
    product.wait_until_systems_answer()


@pytest.fixture
def page(planner: BrowserContext) -> Iterator[Page]:
    page = planner.new_page()
    yield page
    page.close()


def test_the_page_says_what_is_down(outage, page):
    page.goto("/")

    expect(page.locator("#systems")).to_contain_text("Dagster is down", timeout=60_000)
    expect(page.locator("#systems")).to_contain_text("MLflow is down", timeout=60_000)


def test_promoted_models_go_on_forecasting_without_the_registry(outage, page):
    page.goto("/")
    page.get_by_role("row").filter(has_text="in production").first.get_by_role("link").first.click()

    expect(page.locator("#model .badge")).to_contain_text("production v")
    expect(page.locator("#by-period tbody tr")).to_have_count(14)


def test_a_retrain_asked_for_meanwhile_is_kept_and_carried_out_later(outage, page):
    page.goto("/")
    page.locator("#table tbody [name=ri]").first.check()
    retrain_all_the_same(page)
    expect(page.get_by_text("Dagster is down: the request is kept")).to_be_visible(timeout=60_000)

    control(outage, "start", *reversed(SYSTEMS))

    expect(page.get_by_text("1 of 1 done")).to_be_visible(timeout=DECISION_SECONDS * 1000)
