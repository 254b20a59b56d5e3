"""The panels of items, regions and time by keyboard alone, and as a screen reader has them."""

from playwright.sync_api import Page, expect

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
