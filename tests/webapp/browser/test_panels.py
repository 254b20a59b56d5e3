"""The panels of items, regions and time by keyboard alone, as a screen reader has them, on a slow network, and when
somebody goes back."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

FOCUSED = "() => document.activeElement.id || document.activeElement.tagName"


def focused(page: Page) -> str:
    found: str = page.evaluate(FOCUSED)
    return found


def test_the_overviews_panels_by_keyboard_alone(page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto("/")
    summary = page.locator("#panels summary")
    expect(page.locator("#panels")).to_have_attribute("open", "")
    summary.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#panels")).not_to_have_attribute("open", "")
    page.keyboard.press("Space")
    expect(page.locator("#panels")).to_have_attribute("open", "")
    page.keyboard.press("Tab")
    assert focused(page) in ("find-item", "find-region")

    page.locator("#find-item").focus()
    page.keyboard.type("item 0")
    expect(page.locator("#panel-item .panel-value")).to_have_count(12)  # 00 to 09, 10 and 20
    assert focused(page) == "find-item"
    page.keyboard.press("Enter")  # into the values, and no new page
    assert focused(page) == "tick-item-item%2000"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    page.wait_for_url("**attribute=item*item*01*")
    expect(page.locator("#tick-item-item\\%2001")).to_be_checked()
    assert focused(page) == "tick-item-item%2001"
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    assert focused(page) == "find-item"
    page.keyboard.press("Escape")  # of the browser: the search is empty again
    expect(page.locator("#find-item")).to_have_value("")
    assert focused(page) == "find-item"

    page.locator("#find-region").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    page.wait_for_url("**attribute=region*")
    assert focused(page).startswith("tick-region-")
    page.keyboard.press("Escape")
    assert focused(page) == "find-region"

    checked = page.locator("#panels input[name=since]:checked")
    before = checked.get_attribute("value")
    checked.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**since=*")
    assert checked.get_attribute("value") != before
    assert focused(page) == checked.get_attribute("id")
    page.locator("#panel-time input").first.focus()
    page.keyboard.press("Space")
    page.wait_for_url("**flag=*")
    assert focused(page) == page.locator("#panel-time input").first.get_attribute("id")
    page.keyboard.press("Escape")
    assert focused(page) == "SUMMARY"


def test_region_items_of_a_forecast_are_chosen_by_keyboard_alone(page: Page) -> None:
    page.goto("/forecasts")
    page.locator("#find-item").focus()
    page.keyboard.type("kettle")
    expect(page.locator("#panel-item .panel-value")).to_have_count(1)
    page.keyboard.press("Enter")
    page.keyboard.press("Space")
    expect(page.locator("#panels-matching")).to_contain_text("2 region-items")
    assert focused(page) == "tick-item-kettle"
    page.locator("#choose-by-panels input[name=horizon]:checked").focus()
    page.keyboard.press("ArrowDown")
    assert focused(page).startswith("horizon-")
    page.locator("#choose-by-panels button").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/forecasts?*attribute=item*kettle*")
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_beside_one_region_item_the_panels_fill_when_they_are_opened(page: Page) -> None:
    page.goto("/forecasts?ri=north%7Ckettle")
    expect(page.locator("#choose-by-panels .panel-value [name=attribute]")).to_have_count(0)
    page.locator("#panels summary").click()
    expect(page.locator("#tick-region-north")).to_be_visible()
    assert page.url.endswith("/forecasts?ri=north%7Ckettle")
    page.locator("#tick-region-north").check()
    expect(page.locator("#panels-matching")).to_contain_text("region-items")
    page.locator("#choose-by-panels button").click()
    page.wait_for_url("**/forecasts?*attribute=region*north*")
    expect(page.locator("#tick-region-north")).to_be_checked()


def test_a_screen_reader_has_each_panel_with_its_name_and_each_value_with_its_state(page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto("/")
    for name in ("Items", "Regions", "Time"):
        expect(page.get_by_role("region", name=name, exact=True)).to_be_visible()
        expect(page.get_by_role("group", name=name, exact=True)).to_be_visible()
    expect(page.get_by_role("searchbox", name="Find in Items")).to_be_visible()
    expect(page.get_by_role("radiogroup", name="New")).to_be_visible()
    north = page.get_by_role("region", name="Regions", exact=True).get_by_role("checkbox", name="north", exact=True)
    expect(north).not_to_be_checked()
    north.press("Space")
    expect(north).to_be_checked()
    expect(north).to_be_focused()


FILTERED = ("/", "/totals", "/heat-map")
"""Pages that are filtered by their panels as these are ticked."""


def tick(page: Page, region: str) -> None:
    page.locator(f"#tick-region-{region}").check()


def expect_chosen(page: Page, *regions: str) -> None:
    """What is ticked, what the page below says that it is of, and its address are the same."""
    expect(page.locator("#table .chip")).to_have_text([re.compile(f"region {region}") for region in regions])
    expect(page.locator("#panel-region input:checked")).to_have_count(len(regions))
    for region in regions:
        expect(page.locator(f"#tick-region-{region}")).to_be_checked()
    asked = parse_qs(urlsplit(page.url).query)
    assert asked.get("attribute", []) == [f"region:{region}" for region in regions]


@pytest.mark.parametrize("path", FILTERED[1:])
def test_totals_and_the_heat_map_are_filtered_by_keyboard_alone(page: Page, path: str) -> None:
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(path)
    page.locator("#find-region").focus()
    page.keyboard.type("nor")
    expect(page.locator("#panel-region .panel-value")).to_have_count(1)
    page.keyboard.press("Enter")
    page.keyboard.press("Space")
    page.wait_for_url("**attribute=region*north*")
    assert focused(page) == "tick-region-north"
    expect(page.locator("#matching")).to_contain_text("region-items of")
    expect(page.locator("#tabs a").first).to_have_attribute("href", re.compile("attribute=region"))
    page.keyboard.press("Space")
    expect(page.locator("#table .chip")).to_have_count(0)
    assert focused(page) == "tick-region-north"


@pytest.mark.parametrize("path", FILTERED)
def test_back_forward_and_a_reload_show_what_was_ticked(page: Page, path: str) -> None:
    page.goto(path)
    tick(page, "north")
    expect_chosen(page, "north")
    tick(page, "south")
    expect_chosen(page, "north", "south")
    page.go_back()
    expect_chosen(page, "north")
    page.go_back()
    expect(page.locator("#table .chip")).to_have_count(0)
    expect(page.locator("#panel-region input:checked")).to_have_count(0)
    page.go_forward()
    expect_chosen(page, "north")
    page.go_forward()
    expect_chosen(page, "north", "south")
    page.reload()
    expect_chosen(page, "north", "south")


@pytest.mark.parametrize("path", FILTERED)
def test_back_on_a_page_that_is_still_being_loaded_shows_what_its_address_says(page: Page, path: str) -> None:
    page.goto(path)
    tick(page, "north")
    expect_chosen(page, "north")
    tick(page, "south")
    expect_chosen(page, "north", "south")
    held: list[Route] = []
    page.route("**/htmx.min.js*", lambda route: route.continue_() if held else held.append(route))
    page.evaluate("location.reload()")
    wait_for(page, held, 1)
    page.evaluate("history.back()")
    page.wait_for_function("() => !location.search.includes('south')")
    held[0].continue_()
    expect_chosen(page, "north")


def hold_scripts(page: Page, path: str) -> Route:
    """Open a page whose scripts do not come until the route goes on."""
    held: list[Route] = []
    page.route("**/htmx.min.js*", lambda route: route.continue_() if held else held.append(route))
    page.goto(path, wait_until="commit")
    wait_for(page, held, 1)
    return held[0]


@pytest.mark.parametrize("path", FILTERED)
def test_what_is_ticked_before_the_scripts_are_there_counts_when_they_come(page: Page, path: str) -> None:
    page.set_viewport_size({"width": 1280, "height": 900})
    scripts = hold_scripts(page, path)
    page.locator("#panels summary").click()
    tick(page, "north")
    tick(page, "south")
    scripts.continue_()
    expect_chosen(page, "north", "south")


def test_what_is_ticked_on_forecasts_before_the_scripts_are_there_is_counted_when_they_come(page: Page) -> None:
    scripts = hold_scripts(page, "/forecasts")
    tick(page, "south")
    scripts.continue_()
    expect(page.locator("#panels-matching")).to_contain_text("region-item")
    expect(page.locator("#panels-matching")).not_to_contain_text("Nothing")
    expect(page.locator("#panel-region input:checked")).to_have_count(1)


def test_panels_that_are_opened_before_the_scripts_are_there_fill_when_they_come(page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 900})
    scripts = hold_scripts(page, "/forecasts?ri=north%7Ckettle")
    page.locator("#panels summary").click()
    scripts.continue_()
    expect(page.locator("#tick-region-north")).to_be_visible()


def test_rows_that_are_ticked_before_the_scripts_are_there_are_selected_when_they_come(page: Page) -> None:
    scripts = hold_scripts(page, "/")
    rows = page.locator("#table tbody input[name=ri]")
    rows.nth(0).check()
    rows.nth(1).check()
    scripts.continue_()
    expect(page.locator("#selected-count")).to_contain_text("2 selected")
    expect(page.locator("#table tbody input[name=ri]:checked")).to_have_count(2)


@pytest.mark.parametrize("path", FILTERED)
def test_answers_that_come_late_and_out_of_order_leave_what_was_chosen_last(page: Page, path: str) -> None:
    page.goto(path)
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", {
        "offline": False, "latency": 400, "downloadThroughput": -1, "uploadThroughput": -1})
    held: list[Route] = []
    page.route(re.compile("attribute=region"), lambda route: held.append(route))
    tick(page, "north")
    wait_for(page, held, 1)
    tick(page, "south")
    wait_for(page, held, 2)
    page.locator("#tick-region-north").uncheck()
    wait_for(page, held, 3)
    for route in reversed(held):
        route.continue_()
    expect_chosen(page, "south")
    page.wait_for_timeout(500)  # in which a late answer would come
    expect_chosen(page, "south")


def test_the_panels_of_forecasts_count_what_was_ticked_last_whichever_answer_comes_first(page: Page) -> None:
    page.goto("/forecasts")
    held: list[Route] = []
    page.route(re.compile("/panels[?]"), lambda route: held.append(route))
    tick(page, "north")
    wait_for(page, held, 1)
    tick(page, "south")
    wait_for(page, held, 2)
    for route in reversed(held):
        route.continue_()
    expect(page.locator("#panels-matching")).to_contain_text("30 region-items")
    expect(page.locator("#panel-region input:checked")).to_have_count(2)
    page.locator("#choose-by-panels button").click()
    page.wait_for_url("**/forecasts?*")
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.go_forward()
    expect(page.locator("#panel-region input:checked")).to_have_count(2)


def wait_for(page: Page, held: list[Route], count: int) -> None:
    """Wait until so many requests are held."""
    for _ in range(400):
        if len(held) >= count:
            return
        page.wait_for_timeout(25)
    raise AssertionError(f"{len(held)} requests wait")
