"""The header by keyboard, and what it says by itself."""

import re

import pytest
from playwright.sync_api import Browser, Page, StorageState, expect

from tests.webapp.browser.conftest import Site
from webapp.language.translations import LANGUAGES
from webapp.systems.signs_of_life import note


def test_a_slash_leads_to_any_region_item_without_a_mouse(page: Page) -> None:
    page.goto("/data")
    page.keyboard.press("/")
    expect(page.get_by_label("Go to a region or item")).to_be_focused()
    page.keyboard.type("kettle")
    expect(page.locator("#suggestions a")).to_have_count(3)

    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#suggestions").get_by_role("link", name="north · kettle")).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_have_text("north · kettle")


def test_escape_closes_the_suggestions_and_goes_back_to_the_field(page: Page) -> None:
    page.goto("/data")
    page.get_by_label("Go to a region or item").fill("kettle")
    expect(page.locator("#suggestions a")).to_have_count(3)
    page.keyboard.press("ArrowDown")

    page.keyboard.press("Escape")

    expect(page.locator("#suggestions a")).to_have_count(0)
    expect(page.get_by_label("Go to a region or item")).to_be_focused()


@pytest.mark.parametrize(("key", "heading"), [
    ("o", "Overview"), ("f", "Forecasts"), ("v", "Overrides"), ("r", "Retrains"), ("d", "Data")])
def test_two_keys_lead_to_each_screen(page: Page, key: str, heading: str) -> None:
    page.goto("/account")
    page.keyboard.press("g")
    page.keyboard.press(key)

    expect(page.get_by_role("heading", level=1)).to_have_text(heading)


def test_a_question_mark_lists_the_short_cuts_and_they_can_be_turned_off(page: Page) -> None:
    page.goto("/data")
    expect(page.locator("#shortcuts")).to_be_hidden()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_contain_text("g d Data")
    page.get_by_label("Use shortcuts in this browser").uncheck()
    page.keyboard.press("Escape")
    expect(page.locator("#shortcuts")).to_be_hidden()

    page.keyboard.press("?")

    expect(page.locator("#shortcuts")).to_be_hidden()


def test_typing_in_a_field_is_no_short_cut(page: Page) -> None:
    page.goto("/data/region-items")
    page.get_by_role("searchbox").press_sequentially("g d?/")

    expect(page.get_by_role("searchbox")).to_have_value("g d?/")
    expect(page.locator("#shortcuts")).to_be_hidden()


def test_an_outage_shows_up_and_goes_away_without_a_reload(page: Page, site: Site) -> None:
    page.goto("/data")
    try:
        with site.app.app_context():
            note("mlflow", False, "no answer")
        expect(page.locator("#systems")).to_contain_text("MLflow is down", timeout=15_000)
        page.get_by_text("MLflow is down").first.wait_for()
    finally:
        with site.app.app_context():
            note("mlflow", True)
    expect(page.locator("#systems")).to_have_text(re.compile(r"^\s*$"), timeout=15_000)
    page.locator("#system-state summary").click()
    expect(page.locator("#system-state")).to_contain_text("MLflow answers since")


def test_moments_and_numbers_are_written_as_the_reader_writes_them(page: Page) -> None:
    page.goto("/data/loads")

    expect(page.locator("tbody th").first).to_have_text(re.compile(r"^\s*\d\d? \w{3} \d{4}, \d\d:\d\d\s*$"))
    expect(page.locator("tbody td").nth(2)).to_have_text("3.100")


def test_a_menu_beside_a_screen_leads_to_others_by_keyboard(page: Page) -> None:
    page.goto("/data")
    menu, link = page.get_by_label("Retrains, Accuracy"), page.locator("#menu").get_by_role("link", name="Retrains")
    expect(link).to_be_hidden()
    menu.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(link).to_be_focused()
    page.keyboard.press("Escape")
    expect(menu).to_be_focused()
    expect(link).to_be_hidden()

    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_have_text("Retrains")
    expect(page.locator("#menu [aria-current=page]")).to_have_text("Retrains")


@pytest.mark.parametrize("width", [390, 1440])
def test_every_screen_and_the_way_out_are_reached_without_a_script(site: Site, browser: Browser,
                                                                   signed_in: StorageState, width: int) -> None:
    context = browser.new_context(base_url=site.url, storage_state=signed_in, java_script_enabled=False,
                                  viewport={"width": width, "height": 900})
    page = context.new_page()
    for label, name, heading in ((None, "Work", "Work"), ("Overrides, Plans", "Plans", "Published plans"),
                                 ("Retrains, Accuracy", "Accuracy", "Accuracy"), ("Account", "My account", "Account")):
        page.goto("/data")
        if label:
            page.locator("#menu summary").filter(has_text=label).or_(page.get_by_label(label, exact=True)).click()
        page.locator("#menu").get_by_role("link", name=name).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(re.compile(heading))
    page.locator("#account-menu summary").click()
    expect(page.get_by_role("button", name="Sign out", exact=True)).to_be_visible()
    expect(page.locator("#theme")).to_be_hidden()
    context.close()


def test_a_filtered_list_is_a_link(page: Page) -> None:
    page.goto("/data/region-items")
    page.get_by_label("last good demand kept").check()
    expect(page).to_have_url(re.compile("kept=yes"))

    page.get_by_label("Rule").select_option("absurd")
    expect(page).to_have_url(re.compile("rule=absurd"))
    page.reload()

    expect(page.get_by_label("last good demand kept")).to_be_checked()
    expect(page.get_by_label("Rule")).to_have_value("absurd")
    expect(page.locator("tbody tr")).to_have_count(1)


def test_a_dark_page_is_light_on_paper_and_dark_again_after(page: Page) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto("/data")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")

    page.emulate_media(media="print")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "light")
    page.emulate_media(media="screen")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_has_room_for_all_entries_of_an_administrator_and_a_long_title(
        site: Site, browser: Browser, admin_signed_in: StorageState, language: str) -> None:
    context = browser.new_context(base_url=site.url, storage_state=admin_signed_in, locale=language)
    page = context.new_page()
    page.goto("/account")
    expect(page.locator("html")).to_have_attribute("lang", language)
    page.locator(".brand-name").evaluate("(name) => { name.textContent = 'A shop of many kitchens (simulated)'; }")

    needed = {}
    for width in (1200, 1399, 1400, 1440, 1599, 1600, 1799, 1800):
        page.set_viewport_size({"width": width, "height": 800})
        expect(page.locator("#menu .nav-link[href='/admin/users']")).to_be_visible()
        needed[width] = page.evaluate("document.documentElement.scrollWidth")

    assert {width: most for width, most in needed.items() if most > width} == {}
    context.close()
