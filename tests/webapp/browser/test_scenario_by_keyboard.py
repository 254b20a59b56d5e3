"""A scenario is made, judged, applied to the plan and undone by keyboard alone; the focus is never lost on the way."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.webapp.browser.conftest import Site
from tests.webapp.browser.screens import LONG_SALE
from webapp.scenarios.queue import compute_wanted, want

COVERED = """() => {
    const focused = document.activeElement, place = focused.getBoundingClientRect();
    const seen = document.elementFromPoint(place.left + 5, place.top + place.height / 2);
    return !(seen && (focused.contains(seen) || seen.contains(focused)));
}"""
"""Whether what has the focus is out of sight, or something lies over it."""


def tab_to(page: Page, wanted: Locator, most: int) -> None:
    """Go there by the Tab key; at most so many stops, each of them in sight."""
    for _ in range(most):
        page.keyboard.press("Tab")
        assert not page.evaluate(COVERED), page.evaluate("document.activeElement.outerHTML")
        if wanted.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"{wanted} is not reached in {most} stops")


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_a_scenario_is_applied_and_undone_by_keyboard_alone(page: Page, width: int, height: int) -> None:
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(reduced_motion="reduce")
    page.goto("/scenarios/new")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # to the content
    tab_to(page, page.locator("[name=region][value=north]"), 5)
    page.keyboard.press("Space")
    tab_to(page, page.get_by_label("Find in items"), 2)
    page.keyboard.type("kettle")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    expect(page.locator("#selected")).to_contain_text("1 region-item selected")
    tab_to(page, page.get_by_role("button", name="+ price"), 6)  # each list is one stop
    page.keyboard.press("Enter")
    expect(page.locator("#change-0-action")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.type("-150")
    tab_to(page, page.locator("#name"), 20)
    page.keyboard.type(f"By keyboard, {width}")
    page.keyboard.press("Enter")

    # More than all of it: told above, and the field has the focus.
    expect(page.locator("#messages")).to_contain_text("1 change is not possible")
    expect(page.locator("#change-0-value")).to_be_focused()
    assert not page.evaluate(COVERED)
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("-10")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_be_focused()
    tab_to(page, page.get_by_role("link", name="Apply to the plan"), 8)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name=re.compile("^Apply")).wait_for()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    tab_to(page, page.locator("#overrides-keep"), 5)  # the first days are overridden already
    page.keyboard.press("ArrowDown")
    expect(page.locator("#overrides-replace")).to_be_checked()
    tab_to(page, page.get_by_role("button", name="Apply to the plan"), 2)
    page.keyboard.press("Enter")

    expect(page.get_by_role("status").filter(has_text="in place of 7 earlier")).to_be_focused()
    expect(page.locator(".applied")).to_contain_text("all still in place")
    tab_to(page, page.get_by_role("button", name=re.compile("Undo all")), 9)
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Undone:")).to_be_focused()
    expect(page.locator(".applied")).to_contain_text("all undone or past")


def test_arrows_go_through_a_list_and_back_to_its_search(page: Page) -> None:
    page.goto("/scenarios/new")
    find, boxes = page.get_by_label("Find in items"), page.locator("#item-list input")
    find.press("ArrowDown")
    expect(boxes.nth(0)).to_be_focused()
    for key, there in (("ArrowDown", 1), ("End", boxes.count() - 1), ("ArrowDown", boxes.count() - 1), ("Home", 0)):
        page.keyboard.press(key)
        expect(boxes.nth(there)).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(find).to_be_focused()
    assert page.locator("#item-list [tabindex='0']").count() == 1
    find.fill("kettle")
    assert page.locator("#item-list label:visible [tabindex='0']").count() == 1


def test_the_focus_stays_when_the_page_of_a_scenario_loads_itself(page: Page, site: Site) -> None:
    services = site.app.extensions["services"]
    with site.app.app_context():
        want(LONG_SALE)
    page.goto(f"/scenarios/{LONG_SALE}")
    expect(page.locator("#progress")).to_be_visible()
    page.get_by_role("button", name="Duplicate").focus()
    with site.app.app_context():
        compute_wanted(services)

    expect(page.locator("#progress")).to_have_count(0)
    expect(page.get_by_role("button", name="Duplicate")).to_be_focused()
