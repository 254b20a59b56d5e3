"""Who works by keyboard goes on where they were after a part of the page was swapped."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.webapp.conftest import KETTLE


@pytest.mark.parametrize(("url", "link", "leads_to"), [
    ("/", "#page-2", "page=2"), ("/", "#by-status", "sort=status"),
    ("/data/freshness", "#page-2", "page=2"), ("/data/drift", "#by-region_item", "sort=region_item"),
    (f"/forecasts?ri={KETTLE.key}", "#coverage-95", "coverage=95"),
])
def test_a_link_that_swaps_a_list_keeps_the_focus(page: Page, url: str, link: str, leads_to: str) -> None:
    page.goto(url)
    page.locator(link).press("Enter")

    expect(page).to_have_url(re.compile(leads_to))
    expect(page.locator(link)).to_be_focused()


def test_an_added_change_of_a_scenario_gets_the_focus(page: Page) -> None:
    page.goto(f"/scenarios/new?ri={KETTLE.key}")
    page.get_by_role("button", name="+ price").press("Enter")

    expect(page.locator("#change-0-action")).to_be_focused()


def test_the_answer_to_a_what_if_comes_into_sight_on_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"/forecasts?ri={KETTLE.key}")
    page.get_by_role("button", name="+ price").click()
    page.locator("#change-0-value").fill("-10")
    page.get_by_role("button", name="Compare with the plan").click()

    expect(page.locator("#scenario-total")).to_be_in_viewport()


def test_a_wrong_value_of_a_what_if_gets_the_focus_and_what_is_next_when_it_is_removed(page: Page) -> None:
    page.goto(f"/forecasts?ri={KETTLE.key}")
    page.get_by_role("button", name="+ price").click()
    page.locator("#change-0-value").fill("-150")
    page.get_by_role("button", name="Compare with the plan").press("Enter")
    expect(page.locator("#change-0-value")).to_be_focused()
    expect(page.locator("form#scenario")).to_have_count(1)

    page.locator("#change-0-value").fill("-5")
    page.get_by_role("button", name="Compare with the plan").press("Enter")
    expect(page.locator("#scenario-total")).to_be_visible()
    expect(page.locator("#scenario .invalid-feedback")).to_have_count(0)

    page.get_by_role("button", name="Remove this change of price").press("Enter")
    expect(page.get_by_role("button", name="+ price")).to_be_focused()
    expect(page.locator("[data-change]")).to_have_count(0)


def test_back_leads_to_the_form_over_a_page_that_answered_it(page: Page) -> None:
    """Browsers cannot ask for such a page again: they showed an error of their own in its place."""
    page.goto(f"/scenarios/new?ri={KETTLE.key}")
    page.get_by_role("button", name="+ price").click()
    page.locator("#change-0-value").fill("-150")
    page.locator("#editor .apply").click()
    expect(page.locator("#messages")).to_contain_text("1 change is not possible")
    page.locator("#change-0-value").fill("-10")
    page.locator("#editor .apply").click()
    page.wait_for_url(re.compile("/scenarios/[0-9a-f]{32}$"))

    page.go_back()
    page.wait_for_url("**/scenarios/new?ri=*")
    expect(page.get_by_role("heading", name="New scenario")).to_be_visible()
