"""The grid under the chart, by keyboard: typed, filled, pasted, undone, summed, saved; and by two planners at once."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, StorageState, expect

import webapp
from demand_assets.forecasting.contract.region_item import RegionItem
from tests.webapp.browser.conftest import Site
from tests.webapp.conftest import REGION_ITEMS
from webapp.pages.typed_numbers import Mark, read_number

MINE, SHARED, LEFT = REGION_ITEMS[20], REGION_ITEMS[21], REGION_ITEMS[24]
"""Region-items that no other test of the browser overrides."""
TEXTS = ("500", "1.234", "1,234", "1.234,5", "1,234.5", "9.90", "9,90", "1 234,5", "1\u202f234", "1'234.5", "1.2.3",
         "12.34.567", "1,23,456", ".5", ",5", "5.", "1e3", "abc", "1.234.567", "1,234,567", "--5", "٣", "½", "0x10",
         " 7 ", "1234567", "1.2345", "0,125", "0.125", "NaN", "Infinity", "=1+1", "12 34", "1.234 567")


NO_NUMBERS = ("1.2.3", "abc", "--5", "½", "NaN", "Infinity", "=1+1", "12 34", "1e3")
MARKS: dict[str, Mark] = {"de-DE": ",", "en-GB": ".", "en-IN": ".", "fr-CH": ",", "de-CH": "."}
STATIC = Path(webapp.__file__).parent / "static"


def opened(page: Page, of: RegionItem) -> Locator:
    page.goto(f"/forecasts?ri={quote(of.key)}&horizon=14")
    expect(page.locator("#grid-table")).to_be_visible()
    return page.locator("#grid-table")


def cells(grid: Locator, row: str) -> Locator:
    """The cells of a row in the periods ahead."""
    return grid.locator(f"tr.grid-{row} td:not(.grid-past)")


def chart(page: Page) -> dict[str, Any]:
    drawn: dict[str, Any] = json.loads(page.locator("#result .chart-data").first.text_content() or "")
    return drawn


def typed(page: Page, *texts: str) -> None:
    """Type into cells one after the other, as planners do: each is left by Tab."""
    for text in texts:
        page.keyboard.type(text)
        page.keyboard.press("Tab")


def test_a_planner_works_through_the_grid_by_keyboard(planner: BrowserContext, axe: Any) -> None:
    planner.grant_permissions(["clipboard-read", "clipboard-write"])
    page = planner.new_page()
    grid = opened(page, MINE)
    override, forecast = cells(grid, "override"), cells(grid, "forecast")
    before = chart(page)
    first = before["dates"].index("2026-07-01")
    model = before["plan"][first:]

    override.first.focus()
    typed(page, "1.234,5", "+50 %", "-1", "9.90", "-1000")
    expect(forecast.first).to_have_text("1.234,5")
    expect(override.nth(1)).to_have_text("+50\u00a0%")
    assert override.nth(2).text_content() == f"{model[2] - 1:.2f}".rstrip("0").rstrip(".").replace(".", ",")
    expect(page.locator("#grid-problems")).to_contain_text("“9.90” is not a number as you write it, like 1.234,5")
    expect(page.locator("#grid-problems")).to_contain_text("it must be 0 or more")
    expect(override.nth(3)).to_have_attribute("aria-invalid", "true")
    page.wait_for_function(
        "() => JSON.parse(document.querySelector('#result .chart-data').textContent).overridden?.length === 3")
    assert chart(page)["plan"][first:first + 5] == [1234.5, 1.5 * model[1], model[2] - 1, *model[3:5]]  # at once
    assert chart(page)["overridden"] == [first, first + 1, first + 2]

    override.nth(3).focus()  # a block from a spreadsheet takes the place of what was refused; one cell of it is wrong
    page.evaluate("navigator.clipboard.writeText('20\\t1.000\\tzwölf\\t+10%\\r\\n')")
    page.keyboard.press("Control+v")
    assert override.all_text_contents()[3:7] == ["20", "1.000", "zwölf", "+10\u00a0%"]
    expect(page.locator("#grid-status")).to_contain_text("1 of 4 cells refused; the others were taken.")
    page.keyboard.press("Control+z")
    assert override.all_text_contents()[3:7] == ["9.90", "-1000", "", ""]
    page.keyboard.press("Control+y")
    assert override.all_text_contents()[3:7] == ["20", "1.000", "zwölf", "+10\u00a0%"]

    override.nth(6).focus()
    for _ in range(3):
        page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Control+r")
    assert override.all_text_contents()[6:11] == ["+10\u00a0%"] * 4 + [""]
    page.keyboard.press("Control+c")
    assert page.evaluate("navigator.clipboard.readText()") == "\t".join(["+10 %"] * 4)
    page.keyboard.press("Delete")
    assert override.all_text_contents()[6:11] == [""] * 5

    page.locator("#grid-bucket").select_option("W")  # what is typed into a sum is spread, visibly
    page.locator("#grid-spread").select_option("equal")
    week = cells(grid, "override").nth(1)  # 6 to 12 July
    week.focus()
    typed(page, "700")
    expect(page.locator("#grid-status")).to_have_text("700 units spread over 7 days equally.")
    expect(cells(grid, "forecast").nth(1)).to_have_text("700,0")
    week.focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Control+Home")
    for _ in range(2):
        page.keyboard.press("ArrowUp")
    page.keyboard.press("End")
    page.keyboard.press("Enter")  # unfolds the last week
    expect(grid.locator("thead [aria-expanded=true]")).to_contain_text("13")
    assert axe.run(page, context="#grid").response["violations"] == []
    page.locator("#grid-bucket").select_option("D")
    assert override.all_text_contents()[5:12] == ["100"] * 7

    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#grid-comment")).to_have_attribute("aria-invalid", "true")
    page.locator("#grid-comment").fill("a fair nearby")
    page.keyboard.press("Enter")
    expect(page.locator("#grid-status")).to_have_text(re.compile("^Saved"))
    expect(page.locator("#with-overrides")).to_contain_text("Includes 12 overrides")
    expect(page.locator("#grid-table td:focus")).to_have_count(1)
    wanted = [1234.5, 1.5 * model[1], model[2] - 1, 20, 1000, *[100] * 7, *model[12:]]
    assert chart(page)["plan"][first:] == pytest.approx(wanted, abs=0.006)
    in_table = page.locator("#by-period tbody tr td:nth-of-type(1)").all_text_contents()
    assert cells(page.locator("#grid-table"), "forecast").all_text_contents() == in_table
    page.locator("#grid-table [tabindex='0']").focus()
    page.keyboard.press("Control+z")  # also what is saved: 700 in the week are taken back, and may be saved
    assert cells(page.locator("#grid-table"), "override").all_text_contents()[6:12] == [""] * 6
    expect(page.locator("#grid-form")).to_be_visible()
    page.get_by_role("button", name="Discard").first.click()
    expect(page.locator("#grid-form")).to_be_hidden()

    prices = page.locator("#grid-table tr:has(th:text-is('price, €')) td:not(.grid-past)")
    prices.first.focus()
    typed(page, "8,5", "-10 %")
    page.get_by_role("button", name="What if: 2 changed driver values").click()
    expect(page.locator("[name=change-0-value]")).to_have_value("8.5")
    expect(page.locator("[name=change-1-value]")).to_have_value("9")
    expect(page.locator("#grid-table tr.grid-difference td").last).to_be_visible()


def test_the_second_of_two_planners_in_one_cell_is_told_and_loses_nothing(
        planner: BrowserContext, site: Site, admin_signed_in: StorageState, browser: Browser) -> None:
    other = browser.new_context(base_url=site.url, storage_state=admin_signed_in, locale="en-GB")
    pages = (planner.new_page(), other.new_page())
    for page, text in zip(pages, ("20", "30"), strict=True):
        cells(opened(page, SHARED), "override").first.focus()
        typed(page, text, "+5 %")
        page.locator("#grid-comment").fill(f"I say {text}")
    for page in pages:
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.locator("#grid-status, #grid-problems").filter(has_text="aved")).to_have_count(1)
    second = pages[1]

    expect(second.locator("#grid-conflicts")).to_contain_text(
        "planner@example.com says 20 units (I say 20); you say 30")
    second.once("dialog", lambda asked: asked.accept())  # whether to leave what is not saved
    second.reload()
    expect(second.locator("#grid-conflicts")).to_contain_text("you say 30")
    assert cells(second.locator("#grid-table"), "override").all_text_contents()[:2] == ["30", "+5\u00a0%"]
    second.locator("#grid-comment").fill("I say 30")
    second.get_by_role("button", name="Save mine").click()

    expect(second.locator("#grid-status")).to_have_text(re.compile("^Saved"))
    expect(second.locator("#overridden")).to_contain_text("I say 30")
    other.close()


def test_what_is_typed_survives_back_with_its_comment_and_what_was_saved_is_no_conflict(
        planner: BrowserContext) -> None:
    page, elsewhere = planner.new_page(), planner.new_page()
    for each in (page, elsewhere):
        cells(opened(each, LEFT), "override").first.focus()
        typed(each, "20", "30")
        each.locator("#grid-comment").fill("a fair")
    page.once("dialog", lambda asked: asked.accept())  # whether to leave what is not saved
    page.goto("/retrains")
    page.go_back()
    expect(page.locator("#grid-comment")).to_have_value("a fair")
    assert cells(page.locator("#grid-table"), "override").all_text_contents()[:2] == ["20", "30"]

    elsewhere.get_by_role("button", name="Save", exact=True).click()
    expect(elsewhere.locator("#grid-status")).to_have_text(re.compile("^Saved"))
    page.once("dialog", lambda asked: asked.accept())
    page.reload()
    expect(page.locator("#grid-table")).to_be_visible()
    assert cells(page.locator("#grid-table"), "override").all_text_contents()[:2] == ["20", "30"]
    expect(page.locator("#grid-form")).to_be_hidden()
    expect(page.locator("#grid-conflicts")).to_have_count(0)


def test_a_number_means_what_it_means_elsewhere_or_nothing(browser: Browser) -> None:
    """The grid reads what the reader's format says; it never reads another number than forms and plans do."""
    page = browser.new_page()
    found = {}
    for locale in MARKS:
        page.goto("about:blank")
        page.set_content(f"<html data-locale={locale}>")
        page.add_script_tag(path=str(STATIC / "typed_numbers.js"))
        found[locale] = dict(zip(TEXTS, page.evaluate(
            "texts => texts.map((text) => String(typedNumbers.read(text)))", list(TEXTS)), strict=True))
    page.close()

    for locale, numbers in found.items():
        for text, number in numbers.items():
            if number != "NaN" and (text, locale) != ("1,23,456", "en-IN"):  # grouped as only there
                assert float(number) == read_number(text, MARKS[locale], is_settled=True), (text, locale)
        assert numbers["500"] == "500"
        assert {numbers[text] for text in NO_NUMBERS} == {"NaN"}
    assert [found[locale]["1.234"] for locale in MARKS] == ["1234", "1.234", "1.234", "NaN", "1.234"]
    assert [found[locale]["9,90"] for locale in MARKS] == ["9.9", "NaN", "NaN", "9.9", "NaN"]
    assert found["en-IN"]["1,23,456"] == "123456"
    assert found["de-CH"]["1'234.5"] == "1234.5"


@pytest.mark.parametrize(("tag", "of", "saved", "fold"), [
    ("de-DE", REGION_ITEMS[22], "Gespeichert: 2 Tage.", "Tage"),
    ("fr-FR", REGION_ITEMS[23], "Enregistré : 2 jours.", "jours")])
def test_the_grid_says_its_periods_in_the_readers_language(
        site: Site, signed_in: StorageState, browser: Browser, tag: str, of: RegionItem, saved: str,
        fold: str) -> None:
    context = browser.new_context(base_url=site.url, storage_state=signed_in, locale=tag)
    page = context.new_page()
    grid = opened(page, of)
    cells(grid, "override").first.focus()
    typed(page, "1,5", "+15 %")
    page.locator("#grid-comment").fill("Messe")
    page.keyboard.press("Enter")

    expect(page.locator("#grid-status")).to_have_text(saved)

    page.locator("#grid-bucket").select_option("W")
    expect(grid.locator("thead .grid-fold").first).to_be_visible()
    assert fold in str(grid.locator("thead th[title]").first.get_attribute("title"))
    assert "undefined" not in page.locator("#grid").inner_html()
    context.close()
