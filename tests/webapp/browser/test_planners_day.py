"""A planner's day on the pages: what is asked for is in sight, and lines are told apart without colours."""

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.webapp.browser.screens import LONG_SALE, SALE, of
from tests.webapp.conftest import KETTLE


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_what_changed_leads_to_its_list_and_the_list_is_in_sight(
        planner: BrowserContext, width: int, height: int) -> None:
    page = planner.new_page()
    page.set_viewport_size({"width": width, "height": height})
    page.goto("/")
    page.locator("#changes a[href*='flag=']:not(.text-body-secondary)").first.click()

    expect(page.locator("#table .chip")).to_have_count(1)
    expect(page.locator("#table .chip")).to_be_in_viewport()
    expect(page.locator("#table tbody th").first).to_be_in_viewport()
    page.go_back()
    expect(page.locator("#table .chip")).to_have_count(0)


def test_lines_of_the_grid_are_at_whole_pixels(page: Page) -> None:
    page.goto(of(KETTLE, "/forecasts"))
    expect(page.locator("#grid-table tr.grid-forecast")).to_be_visible()

    heights = page.locator("#grid-table tbody tr").evaluate_all(
        "rows => rows.map(row => row.getBoundingClientRect().height)")

    assert all(height == round(height) for height in heights), heights


def test_keys_of_compared_scenarios_differ_in_line_style(page: Page) -> None:
    page.goto(f"/scenarios/compare?s={SALE}&s={LONG_SALE}")
    drawn = page.locator("#compared .scenario-key").evaluate_all(
        "keys => keys.map(key => getComputedStyle(key).backgroundImage.replace(/rgba?\\([^)]*\\)/g, 'a colour'))")

    assert len(drawn) == 2
    assert drawn[0] != drawn[1]
