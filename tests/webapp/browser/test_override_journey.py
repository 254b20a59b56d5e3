"""A planner overrides a forecast in a real browser, sees what it does, and takes it back."""

from urllib.parse import quote

from playwright.sync_api import Page, expect

from tests.webapp.conftest import ODD


def test_a_planner_overrides_a_forecast_and_takes_it_back(page: Page) -> None:
    page.goto(f"/forecasts?ri={quote(ODD.key)}&horizon=7")
    before = page.locator("#totals h2").inner_text()
    page.get_by_role("tab", name="Overrides").click()
    page.get_by_text("Override this forecast").click()
    page.get_by_label("How much").fill("-50")
    page.get_by_label("Comment").fill("the shop is closed")
    page.get_by_role("button", name="Override", exact=True).click()

    expect(page.locator("#with-overrides")).to_contain_text("Includes 1 override")
    expect(page.locator("#overridden")).to_contain_text("50 % less")
    assert page.locator("#totals h2").inner_text() != before

    page.get_by_role("link", name="Without overrides").click()
    expect(page.locator("#totals h2")).to_have_text(before)
    page.get_by_role("button", name="Undo").click()

    expect(page.locator("#overrides")).to_contain_text("None of these days is overridden")
    expect(page.locator("#totals h2")).to_have_text(before)
