"""The selection of the overview: what is selected is shown wherever it counts, whichever way the page was reached."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.webapp.conftest import REGION_ITEMS

SELECTED = [each for each in REGION_ITEMS if each.item in ("item 01", "item 02", "item 03")]


def by_sorting(page: Page) -> None:
    """Sort by htmx, leave, and come back twice."""
    page.locator("#by-status").click()
    page.wait_for_url("**sort=status*")
    page.get_by_role("link", name="Models", exact=True).click()
    page.wait_for_url("**/models")
    page.go_back()
    page.wait_for_url("**sort=status*")
    page.go_back()


def back_after_a_sort(page: Page) -> None:
    page.locator("#by-status").click()
    page.wait_for_url("**sort=status*")
    page.go_back()
    page.wait_for_function("() => !location.search.includes('sort')")


def forward(page: Page) -> None:
    back_after_a_sort(page)
    page.go_forward()
    page.wait_for_url("**sort=status*")


def back_from_another_page(page: Page) -> None:
    page.get_by_role("link", name="Models", exact=True).click()
    page.wait_for_url("**/models")
    page.go_back()


def reload(page: Page) -> None:
    page.reload()


def from_the_memory_of_the_browser(page: Page) -> None:
    """As a page comes back that the browser kept as it was."""
    page.evaluate("() => dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    page.wait_for_load_state()


@pytest.mark.parametrize("way", [back_after_a_sort, forward, back_from_another_page, by_sorting, reload,
                                 from_the_memory_of_the_browser], ids=lambda way: way.__name__)
def test_what_is_selected_is_seen(page: Page, way: Callable[[Page], None]) -> None:
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto("/")
    for each in SELECTED:
        page.locator(f"input[name=ri][value='{each.key}']").check()
    way(page)

    expect(page.locator("#selected-count")).to_have_text("3 selected")
    assert {box.get_attribute("value") for box in page.locator("input[name=ri]:checked").all()} == {
        each.key for each in SELECTED}
    expect(page.get_by_role("button", name="Retrain", exact=True)).to_be_enabled()
    assert wrong == []


def test_a_selection_is_opened_and_one_taken_out(page: Page) -> None:
    page.goto("/")
    for each in SELECTED:
        page.locator(f"input[name=ri][value='{each.key}']").check()
    page.locator("#q").fill("kettle")
    page.wait_for_url("**q=kettle*")
    expect(page.locator("#selected-count")).to_have_text("3 selected")
    page.locator("#show-selected summary").click()

    expect(page.locator("#selected-names li")).to_have_text([f"{each} " for each in SELECTED])
    page.get_by_role("button", name=f"Unselect {SELECTED[1]}").click()
    expect(page.locator("#selected-names li")).to_have_text([f"{SELECTED[0]} ", f"{SELECTED[2]} "])
    expect(page.get_by_role("button", name=f"Unselect {SELECTED[2]}")).to_be_focused()
    expect(page.locator("#selected-count")).to_have_text("2 selected")
    page.get_by_role("button", name="Forecast", exact=True).click()
    page.wait_for_url("**/forecasts?*")
    assert sorted(each.get_attribute("value") or "" for each in page.locator("#question [name=ri]").all()) == [
        SELECTED[0].key, SELECTED[2].key]


def test_nothing_is_selected_in_words_and_a_selection_of_an_older_page_is_named(page: Page) -> None:
    page.goto("/")
    expect(page.locator("#selected-count")).to_have_text("Nothing selected")
    expect(page.locator("#show-selected")).to_be_hidden()
    store = page.locator("#selection").get_attribute("data-store")
    page.evaluate("([store, key]) => sessionStorage.setItem(store, JSON.stringify([key]))", [store, SELECTED[0].key])
    page.reload()

    expect(page.locator("#selected-count")).to_have_text("1 selected")
    page.locator("#show-selected summary").click()
    expect(page.locator("#selected-names li")).to_have_text([f"{SELECTED[0]} "])


def test_rows_are_ticked_and_the_buttons_reached_by_keyboard(page: Page) -> None:
    page.goto("/?size=50")
    first = page.locator("#selection tbody input[name=ri]").nth(0)
    for key in ("j", "x", "j", "j", "x", "k"):
        page.keyboard.press(key)
    expect(first).to_be_checked()
    expect(page.locator("#selection tbody input[name=ri]").nth(1)).to_be_focused()
    expect(page.locator("#selected-count")).to_contain_text("2 selected")

    page.keyboard.press("b")
    expect(page.get_by_role("button", name="Forecast", exact=True)).to_be_focused()

    page.locator("#q").focus()
    page.keyboard.type("x")
    expect(page.locator("#q")).to_have_value("x")
    expect(page.locator("#selected-count")).to_contain_text("2 selected")


def test_with_nothing_selected_the_bar_covers_no_row(page: Page) -> None:
    page.goto("/?size=50")
    bar = page.locator("#bulk-bar")
    expect(bar).to_have_css("position", "static")

    page.locator("tbody input[name=ri]").first.check()

    expect(bar).to_have_css("position", "sticky")
