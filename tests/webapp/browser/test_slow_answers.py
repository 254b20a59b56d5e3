"""What is typed, ticked or removed while the server takes its time stays: in every form that asks it meanwhile."""

import re
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Locator, Page, Request, Route, expect
from sqlalchemy import delete

from tests.webapp.browser.conftest import Site
from tests.webapp.browser.screens import SALE
from tests.webapp.conftest import KETTLE, ODD
from webapp.db.database import db, writing
from webapp.tables import Adjustment


class Slow:
    """Requests of htmx that wait until they are let through."""

    def __init__(self, page: Page) -> None:
        self._held: list[Route] = []
        self.page = page
        page.route("**/*", self._hold)

    def _hold(self, route: Route, request: Request) -> None:
        if "hx-request" in request.headers and "/systems" not in request.url:
            self._held.append(route)
        else:
            route.continue_()

    def waits(self, count: int = 1) -> None:
        """Wait until so many requests are held."""
        self._until(lambda: len(self._held) >= count)

    def answer(self) -> None:
        """Let through what waits and what follows from it, until the page asks no more."""
        self.waits()
        while self._held:
            self._held.pop(0).continue_()
            self._until(lambda: bool(self._held) or not self.page.locator(
                ".htmx-request, .htmx-swapping, .htmx-settling, .htmx-added").count())

    def _until(self, is_so: Callable[[], bool]) -> None:
        for _ in range(400):
            if is_so():
                return
            self.page.wait_for_timeout(25)
        raise AssertionError(f"{len(self._held)} requests wait")


@pytest.fixture
def slow(page: Page) -> Slow:
    return Slow(page)


def tick(page: Page, kind: str, name: str) -> Locator:
    box = page.locator(f"input[name={kind}][value='{name}']")
    box.check()
    return box


def cards(page: Page) -> Locator:
    return page.locator("[data-change]")


@pytest.mark.parametrize("driver", ["price", "promo", "shelf"])
def test_a_change_that_is_added_while_the_selection_is_counted_stays(page: Page, slow: Slow, driver: str) -> None:
    page.goto("/scenarios/new")
    tick(page, "region", "north")
    tick(page, "item", "kettle")
    page.get_by_role("button", name=f"+ {driver}").click()
    slow.answer()

    expect(page.locator("#selected")).to_contain_text("1 region-item selected")
    expect(cards(page)).to_have_count(1)


def test_what_is_typed_while_the_selection_is_counted_stays(page: Page, slow: Slow) -> None:
    page.goto(f"/scenarios/new?ri={quote(KETTLE.key)}")
    page.get_by_role("button", name="+ price").click()
    slow.answer()
    tick(page, "item", "item 03")
    slow.waits()
    page.locator("#change-0-action").select_option("set")
    page.locator("#change-0-value").fill("8.5")
    page.locator("#change-0-first").fill("2026-07-03")
    page.locator("#change-0-last").press("0")  # a date that is not whole yet
    slow.answer()

    expect(page.locator("#selected")).to_contain_text("2 region-items selected")
    assert page.locator("#change-0-action").input_value() == "set"
    assert page.locator("#change-0-value").input_value() == "8.5"
    assert page.locator("#change-0-first").input_value() == "2026-07-03"
    expect(page.locator("#change-0-last")).to_be_focused()
    page.locator("#change-0-last").press_sequentially("7072026")
    assert page.locator("#change-0-last").input_value() == "2026-07-07"


def test_the_horizon_and_the_name_that_are_typed_meanwhile_stay(page: Page, slow: Slow) -> None:
    page.goto("/scenarios/new")
    tick(page, "region", "north")
    slow.waits()
    page.get_by_label("Name", exact=True).fill("My sale")
    page.get_by_label("Horizon").press("ControlOrMeta+a")
    page.get_by_label("Horizon").press_sequentially("7")
    page.get_by_text("Or paste").click()
    page.locator("#plan").fill("date,price")
    slow.waits(2)
    slow.answer()

    assert page.get_by_label("Name", exact=True).input_value() == "My sale"
    assert page.get_by_label("Horizon").input_value() == "7"
    assert page.locator("#plan").input_value() == "date,price"
    expect(page.locator("#selected")).to_contain_text("to 6 Aug 2026")


def test_changes_that_are_added_one_after_the_other_get_a_number_each(page: Page, slow: Slow) -> None:
    page.goto(f"/scenarios/new?ri={quote(KETTLE.key)}")
    for driver in ("price", "promo", "price"):
        page.get_by_role("button", name=f"+ {driver}").click()
    slow.answer()

    expect(cards(page)).to_have_count(3)
    assert sorted(each.input_value() for each in page.locator("[name$=-driver]").all()) == ["price", "price", "promo"]
    assert len({each.get_attribute("name") for each in page.locator("[name$=-driver]").all()}) == 3


def test_a_change_that_is_removed_takes_neither_another_nor_the_chosen_file_with_it(page: Page, slow: Slow) -> None:
    page.goto(f"/scenarios/{SALE}/edit")
    page.locator("#file").set_input_files({"name": "plan.csv", "mimeType": "text/csv", "buffer": b"date,price\n"})
    page.get_by_role("button", name="+ promo").click()
    slow.waits()
    page.get_by_role("button", name="Remove this change of price").click()
    expect(cards(page)).to_have_count(0)
    slow.answer()

    expect(cards(page)).to_have_count(1)
    expect(page.locator("[name$=-driver]")).to_have_value("promo")
    assert page.locator("#file").evaluate("field => field.files.length") == 1


def test_what_a_change_is_limited_to_stays_when_the_selection_loses_it(page: Page, slow: Slow) -> None:
    page.goto(f"/scenarios/new?ri={quote(KETTLE.key)}&ri={quote(ODD.key)}")
    page.get_by_role("button", name="+ price").click()
    slow.answer()
    page.get_by_text("Only for some").click()
    page.locator("#change-0-region").select_option([ODD.region])
    page.locator(f"input[name=ri][value='{ODD.key}']").uncheck()
    slow.answer()

    expect(page.locator("#selected")).to_contain_text("1 region-item selected")
    assert page.locator("#change-0-region").evaluate("field => [...field.selectedOptions].map(one => one.value)") == [
        ODD.region]
    page.locator("#change-0-value").fill("-10")
    page.get_by_role("button", name="Save and compute", exact=True).last.click()
    expect(page.locator("#messages")).to_contain_text("affects nothing selected")
    assert page.locator("#change-0-region").evaluate("field => [...field.selectedOptions].map(one => one.value)") == [
        ODD.region]


def test_the_regions_that_a_change_may_be_limited_to_follow_the_selection(page: Page, slow: Slow) -> None:
    page.goto(f"/scenarios/new?ri={quote(KETTLE.key)}")
    page.get_by_role("button", name="+ price").click()
    slow.answer()
    expect(page.get_by_text("Only for some")).to_be_hidden()
    tick(page, "item", "kettle")
    slow.answer()
    page.get_by_text("Only for some").click()

    expect(page.locator("#change-0-region option")).to_have_text(["north", "south"])
    before = page.locator("#change-0-last").get_attribute("max")
    assert page.locator("#change-0-last").input_value() == before
    page.get_by_label("Horizon").press("ControlOrMeta+a")
    page.get_by_label("Horizon").press_sequentially("7")
    page.get_by_label("Horizon").blur()
    slow.answer()
    after = page.locator("#change-0-last").get_attribute("max")
    assert (before, after) == ("2026-08-13", "2026-08-06")
    assert page.locator("#change-0-last").input_value() == after  # nobody had typed another


@pytest.fixture
def what_if(page: Page) -> Page:
    page.goto(f"/forecasts?ri={quote(KETTLE.key)}&horizon=7")
    return page


def test_a_what_if_keeps_what_is_typed_while_it_is_answered(what_if: Page, slow: Slow) -> None:
    page = what_if
    for driver in ("price", "promo"):
        page.get_by_role("button", name=f"+ {driver}").click()
    slow.answer()
    expect(cards(page)).to_have_count(2)
    page.locator("#change-0-value").fill("-150")  # more than all of it: refused
    page.locator("#scenario .apply").click()
    slow.waits()
    page.locator("#change-0-value").fill("-15")
    page.get_by_role("button", name="+ shelf").click()
    page.get_by_role("button", name="Remove this change of promo").click()
    slow.answer()

    assert page.locator("#change-0-value").input_value() == "-15"
    assert [each.input_value() for each in page.locator("[name$=-driver]").all()] == ["price", "shelf"]


def test_what_is_wrong_with_a_what_if_stands_at_its_field_until_it_is_right(what_if: Page, slow: Slow) -> None:
    page = what_if
    page.get_by_role("button", name="+ price").click()
    slow.answer()
    page.locator("#change-0-value").fill("-150")
    page.locator("#scenario .apply").click()
    slow.answer()

    expect(page.locator("#change-0-value")).to_be_focused()
    expect(page.locator("#scenario .invalid-feedback")).to_have_text("It cannot fall by more than 100 percent.")
    page.locator("#change-0-value").fill("-15")
    page.locator("#scenario .apply").click()
    slow.answer()
    expect(page.locator("#scenario .invalid-feedback")).to_have_count(0)
    expect(page.locator("#scenario-total")).to_be_visible()


def test_an_override_that_is_typed_stays_when_the_forecast_is_drawn_again(what_if: Page, slow: Slow) -> None:
    page = what_if
    page.get_by_role("tab", name="Overrides").click()
    page.get_by_text("Override this forecast").click()
    page.locator("#override-way").select_option("value")
    page.locator("#override-amount").fill("40")
    page.locator("#coverage-95").click()
    slow.waits()
    page.locator("#override-comment").press_sequentially("a large or")
    slow.answer()

    expect(page.locator("#coverage-95")).to_have_class("btn btn-outline-secondary active")
    expect(page.locator("#override-comment")).to_be_focused()
    page.locator("#override-comment").press_sequentially("der")
    assert page.locator("#override-comment").input_value() == "a large order"
    assert page.locator("#override-amount").input_value() == "40"
    assert page.locator("#override-way").input_value() == "value"


@pytest.fixture
def told_of_an_adjustment(site: Site) -> Iterator[Callable[[], None]]:
    """Lets the page find that its forecast has changed since."""
    def tell() -> None:
        with site.app.app_context(), writing():
            db.session.add(Adjustment(key=ODD.key, date="2026-06-01", sold=3.0, adjusted=4.0, reason="mistyped",
                                      made_by="them", is_due=False))

    yield tell
    with site.app.app_context(), writing():
        db.session.execute(delete(Adjustment).where(Adjustment.key == ODD.key))


def test_what_is_typed_stays_when_the_forecast_changes_by_itself(
        page: Page, told_of_an_adjustment: Callable[[], None]) -> None:
    page.goto(f"/forecasts?ri={quote(ODD.key)}&horizon=7&tab=overrides")
    page.get_by_text("Override this forecast").click()
    page.locator("#override-comment").fill("a large order")
    page.get_by_role("tab", name="Unusual").click()
    page.get_by_text("Adjust a day").click()
    page.locator("#adjust-reason").fill("a strike")
    page.locator("#adjust-reason").blur()
    page.locator("#result").evaluate("part => part.dataset.old = 'yes'")
    told_of_an_adjustment()

    expect(page.locator("#result")).not_to_have_attribute("data-old", "yes", timeout=20_000)
    assert page.locator("#override-comment").input_value() == "a large order"
    expect(page.locator("#adjust-reason")).to_be_visible()
    assert page.locator("#adjust-reason").input_value() == "a strike"


def test_region_items_that_are_ticked_stay_when_others_are_searched(page: Page, slow: Slow) -> None:
    page.goto("/forecasts")
    find = page.locator("#find")
    find.focus()
    slow.answer()
    find.fill("kettle")
    slow.answer()
    page.get_by_label("north · kettle").check()
    find.fill("item 0")
    slow.waits()
    page.get_by_label("south · kettle").check()
    page.get_by_label("kettle · all regions").check()
    slow.answer()
    page.get_by_label("north · item 03").check()
    page.get_by_label("kettle · all regions").uncheck()
    page.locator("#change-selection").get_by_role("button", name="Show").click()

    page.wait_for_url("**/forecasts?*ri=*")
    assert sorted(each.get_attribute("value") or "" for each in page.locator("#selected [name=ri]").all()) == [
        "north|item 03", "north|kettle", "south|kettle"]


def test_ticks_and_the_reason_of_a_retrain_stay_when_the_overview_is_drawn_again(page: Page, slow: Slow) -> None:
    page.goto("/")
    page.locator("#by-status").click()
    slow.waits()
    page.locator("input[name=ri][value='north|item 03']").check()
    page.locator("#reason").press_sequentially("it looks st")
    slow.answer()

    expect(page.locator("#selected-count")).to_contain_text("1 selected")
    assert page.locator("#reason").input_value() == "it looks st"


def test_a_search_goes_on_while_its_first_answers_arrive(page: Page, slow: Slow) -> None:
    for url, field in (("/", "#q"), ("/data/freshness", "#q"), ("/models", "#q")):
        page.goto(url)
        page.locator(field).press_sequentially("ket")
        slow.waits()
        page.locator(field).press_sequentially("tle")
        slow.waits(2)
        slow.answer()
        assert page.locator(field).input_value() == "kettle"
        expect(page).to_have_url(re.compile("q=kettle"))


@pytest.mark.parametrize(("url", "link", "leads_to"), [
    ("/", "#by-status", "sort=status"), ("/data/freshness", "#by-region_item", "sort=region_item"),
    ("/overrides", "#by-date", "sort=date")])
def test_a_link_that_is_clicked_after_a_search_is_followed(page: Page, url: str, link: str, leads_to: str) -> None:
    page.goto(url)
    page.locator("#q").press_sequentially("kettle")
    expect(page).to_have_url(re.compile("q=kettle"))
    page.locator(link).click()

    expect(page).to_have_url(re.compile(f"q=kettle.*{leads_to}"))
    page.wait_for_timeout(400)  # a search that would ask once more waits for 300 ms
    expect(page).to_have_url(re.compile(leads_to))


def test_leaving_the_editor_with_unsaved_changes_is_asked_about(page: Page) -> None:
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.goto("/scenarios/new")
    page.get_by_label("Name", exact=True).press_sequentially("My sale")
    page.locator("#menu").get_by_role("link", name="Data").click()
    page.wait_for_url("**/data")
    assert asked == ["beforeunload"]

    page.goto(f"/scenarios/{SALE}/edit")
    page.locator("#menu").get_by_role("link", name="Data").click()
    page.wait_for_url("**/data")
    assert asked == ["beforeunload"]


def test_what_a_field_allows_stands_beside_it_until_it_is_right(page: Page) -> None:
    page.goto("/scenarios/new")
    expect(page.locator("label[for=horizon]")).to_contain_text("1 to 14")
    page.get_by_label("Horizon").fill("99")
    page.locator("#editor .apply").click()

    expect(page.locator("#horizon-error")).to_have_text("Allowed: 1 to 14.")
    expect(page.get_by_label("Horizon")).to_be_focused()
    page.locator("#name").press_sequentially("x")  # a bubble would be gone
    expect(page.locator("#horizon-error")).to_be_visible()
    page.get_by_label("Horizon").fill("7")
    expect(page.locator("#horizon-error")).to_have_count(0)


@pytest.mark.parametrize(("field", "typed", "words"), [
    ("#override-amount", "", "Fill this in."), ("#override-last", "2020-01-01", "Allowed: "),
])
def test_a_wrong_override_is_told_at_its_field(page: Page, field: str, typed: str, words: str) -> None:
    page.goto(f"/forecasts?ri={quote(ODD.key)}&horizon=7&tab=overrides")
    page.get_by_text("Override this forecast").click()
    page.locator("#override-comment").fill("a fair")
    if field != "#override-amount":
        page.locator("#override-amount").fill("5")
    page.locator(field).fill(typed)
    page.get_by_role("button", name="Override", exact=True).click()

    expect(page.locator(f"{field}-error")).to_contain_text(words)
    expect(page.locator("#override-comment")).to_have_value("a fair")


def test_scenarios_are_compared_when_as_many_are_ticked_as_can_be(page: Page) -> None:
    page.goto("/scenarios")
    button = page.locator("#compare-ticked")
    expect(button).to_be_disabled()
    boxes = page.locator("#compare [name=s]")
    boxes.nth(0).check()
    expect(button).to_be_disabled()
    expect(page.locator("#compare-words")).to_have_text("Tick 2 to 5 to compare")
    boxes.nth(1).check()
    expect(button).to_have_text("Compare (2)")
    button.click()
    expect(page.get_by_role("heading", name="2 scenarios side by side")).to_be_visible()


@pytest.mark.parametrize("layout", ["measures", "periods"])
@pytest.mark.parametrize("query", ["&past=1", ""])
def test_a_forecast_fits_on_the_paper(page: Page, layout: str, query: str) -> None:
    page.set_viewport_size({"width": 718, "height": 1047})  # A4 upright less its margins
    page.goto(f"/forecasts?all=1&layout={layout}{query}")
    page.emulate_media(media="print")

    widest = page.evaluate("""() => Math.max(...[...document.querySelectorAll("main *")]
        .filter((part) => part.checkVisibility() && !part.closest(".visually-hidden"))
        .map((part) => part.getBoundingClientRect().right))""")
    assert widest <= 718
    assert page.locator("#table tbody tr:visible").count() >= 14


def test_what_was_ticked_while_the_page_was_still_being_loaded_is_counted(page: Page) -> None:
    held: list[Route] = []
    page.route("**/htmx.min.js*", lambda route: route.continue_() if held else held.append(route))
    page.goto("/scenarios/new", wait_until="commit")
    before = page.locator("#selected").inner_text()
    tick(page, "region", KETTLE.region)
    held[0].continue_()

    expect(page.locator("#selected")).not_to_have_text(before)
    expect(page.locator(f"input[name=region][value='{KETTLE.region}']")).to_be_checked()
