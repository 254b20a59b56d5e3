"""A planner's day on the real page: sign in, forecast, ask what-if, retrain, see the decision."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.end_to_end.conftest import DECISION_SECONDS, retrain_all_the_same

FINAL = re.compile("promoted|kept")
on_both_profiles = pytest.mark.parametrize("product", ["embedded", "stores"], indirect=True)
on_embedded = pytest.mark.parametrize("product", ["embedded"], indirect=True)
"""For pages that do not know where what they show is kept."""


@pytest.fixture
def in_production(page: Page) -> str:
    """The words for a region-item that has a model in production, as in "north · kettle"."""
    page.goto("/")
    rows = page.get_by_role("row").filter(has_text="in production")
    expect(rows.first).to_be_visible(timeout=60_000)  # the page goes on looking while a version is on its way
    return rows.first.get_by_role("rowheader").inner_text()


def open_forecast(page: Page, region_item: str) -> None:
    page.goto("/")
    page.locator("#table").get_by_role("link", name=region_item, exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(region_item)


@on_both_profiles
def test_nobody_sees_forecasts_without_signing_in(product, browser):
    stranger = browser.new_context(base_url=product.url)
    page = stranger.new_page()

    page.goto("/")

    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    stranger.close()


@on_embedded
def test_the_overview_lists_every_region_item(page):
    page.goto("/")

    rows = page.locator("#table tbody tr")
    expect(rows).to_have_count(6)
    assert {text.split(" · ")[0] for text in rows.get_by_role("rowheader").all_inner_texts()} == {"north", "south"}
    expect(page.locator("#table")).not_to_contain_text("not trained yet")


@on_embedded
def test_a_search_narrows_the_overview(page):
    page.goto("/")
    page.get_by_role("searchbox", name="Search region or item").fill("south")

    expect(page.locator("#table tbody tr")).to_have_count(3)
    assert "q=south" in page.url


@on_both_profiles
def test_a_forecast_has_a_chart_and_its_numbers(page, in_production):
    open_forecast(page, in_production)

    expect(page.locator(".chart canvas")).to_be_visible()
    expect(page.locator("#by-period tbody tr")).to_have_count(14)
    expect(page.locator("#totals h2")).to_contain_text("units in 14 days")
    expect(page.locator("#model")).to_contain_text(re.compile(r"production v\d+"))
    expect(page.locator("#model")).to_contain_text(re.compile(r"Backtest WAPE [\d.]+\s%, seasonal naive .*?[\d.]+\s%"))


@on_embedded
def test_a_shorter_horizon_shows_fewer_days(page, in_production):
    open_forecast(page, in_production)
    page.get_by_text("Add, or change the horizon").click()
    page.get_by_label("Horizon, days").fill("5")
    page.get_by_role("button", name="Show").click()

    expect(page.locator("#by-period tbody tr")).to_have_count(5)


@on_embedded
def test_a_lower_price_sells_no_less_and_is_shown_beside_the_plan(page, in_production):
    open_forecast(page, in_production)
    page.get_by_role("button", name="+ price").click()
    page.locator("[data-change] input[type=number]").fill("-20")
    page.get_by_role("button", name="Compare with the plan").click()

    expect(page.locator("#scenario-total")).to_contain_text("units")
    expect(page.locator("#by-period thead")).to_contain_text("Scenario")
    assert not page.locator("#difference").inner_text().startswith("−")
    expect(page.locator("#by-period tbody tr").first.locator("s")).to_have_count(1)  # the price that was planned


@on_both_profiles
def test_a_retrain_of_scattered_region_items_ends_in_decisions(page):
    page.goto("/")
    boxes = page.locator("#table tbody [name=ri]")
    chosen = [boxes.nth(position).get_attribute("value") for position in (0, 2, 4)]
    for position in (0, 2, 4):
        boxes.nth(position).check()
    expect(page.locator("#selected-count")).to_have_text("3 selected")
    retrain_all_the_same(page)

    expect(page.get_by_role("heading", level=1)).to_have_text("Retrain of 3 region-items")
    expect(page.get_by_text("3 of 3 done")).to_be_visible(timeout=DECISION_SECONDS * 1000)
    rows = page.locator("#region-items tbody tr")
    expect(rows).to_have_count(len(chosen))
    for row in rows.all():
        expect(row.locator(".badge")).to_have_text(FINAL)
        assert len(row.locator("[data-label=Decision]").inner_text()) > 10  # a reason in words


@on_both_profiles
def test_after_a_decision_the_forecast_is_by_the_version_in_production(page):
    page.goto("/retrains")
    page.get_by_role("table").get_by_role("link", name="#").first.click()
    row = page.locator("#region-items tbody tr").filter(has=page.locator(".badge", has_text=FINAL)).first
    outcome = row.locator("[data-label=Decision]").inner_text()
    version = re.search(r"→ v(\d+)|v(\d+) stays|v(\d+), its first", outcome)
    row.get_by_role("rowheader").get_by_role("link").click()

    if version is None:
        expect(page.locator("#model")).to_contain_text(re.compile("baseline|pooled model"))
    else:
        number = next(filter(None, version.groups()))
        expect(page.locator("#model .badge")).to_have_text(f"production v{number}")
