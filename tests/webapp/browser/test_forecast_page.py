"""The forecast page in a real browser: its tabs, its chart, its selection in one line."""

from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, StorageState, expect

from tests.webapp.browser.conftest import Site
from tests.webapp.conftest import KETTLE, REGION_ITEMS

ONE = f"/forecasts?ri={quote(KETTLE.key)}"
DRAWN = "echarts.getInstanceByDom(document.querySelector('.chart:not([data-kind])')).getOption()"


def seen_panels(page: Page) -> list[str]:
    return [panel.get_attribute("data-panel") or "" for panel in page.locator(".panel").all() if panel.is_visible()]


def test_tabs_work_by_keyboard_and_the_address_says_which_is_seen(page: Page) -> None:
    page.goto(ONE)
    tabs = page.locator("#tabs [role=tab]")
    expect(page.get_by_role("tab", selected=True)).to_have_text("What if")
    assert seen_panels(page) == ["what-if"]

    page.get_by_role("tab", name="What if").focus()
    for key, shown in (("ArrowRight", "Why"), ("End", "Table"), ("ArrowRight", "What if"), ("ArrowLeft", "Table"),
                       ("Home", "What if"), ("ArrowRight", "Why"), ("ArrowRight", "Overrides")):
        page.keyboard.press(key)
        expect(page.get_by_role("tab", name=shown, exact=True)).to_be_focused()
    assert seen_panels(page) == ["overrides"]
    assert [tab.get_attribute("tabindex") for tab in tabs.all()].count("0") == 1  # one stop of the Tab key
    assert "tab=overrides" in page.url


def test_back_forward_and_a_reload_keep_the_tab(page: Page) -> None:
    page.goto("/models")
    page.goto(ONE)
    page.get_by_role("tab", name="Accuracy").click()
    page.get_by_role("tab", name="Model").click()
    page.locator("#model").get_by_role("link", name="Its versions").click()
    page.wait_for_url("**/models/region-item*")
    page.go_back()
    expect(page.get_by_role("tab", selected=True)).to_have_text("Model")
    page.reload()
    assert seen_panels(page) == ["model"]
    page.locator("#coverage-95").click()  # swaps the page's parts, and has an address of its own
    page.wait_for_url("**coverage=95*")
    expect(page.get_by_role("tab", selected=True)).to_have_text("Model")
    assert "tab=model" in page.url
    page.go_back()
    page.wait_for_function("() => !location.search.includes('coverage')")
    expect(page.get_by_role("tab", selected=True)).to_have_text("Model")
    page.go_back()
    page.wait_for_url("**/models")


def test_a_link_into_a_panel_opens_it(page: Page) -> None:
    page.goto(f"{ONE}&tab=table#seen")
    assert seen_panels(page) == ["accuracy"]

    page.get_by_role("link", name="What if …").click()
    expect(page.locator("#panel-what-if")).to_be_visible()
    page.get_by_role("tab", name="Table").click()
    page.get_by_role("link", name="What if …").click()  # the same anchor once more
    expect(page.locator("#panel-what-if")).to_be_visible()


def test_why_is_worked_out_when_its_tab_is_opened(page: Page) -> None:
    page.goto(ONE)
    expect(page.locator("#in-words")).to_contain_text("the model")
    page.get_by_role("tab", name="Why").click()

    expect(page.locator("#why table").first).to_be_visible()
    expect(page.locator("#why canvas")).to_be_visible()


def test_what_a_tab_holds_is_there_where_the_address_names_it(page: Page) -> None:
    page.goto(f"{ONE}&tab=why")
    expect(page.locator("#why table").first).to_be_visible()
    assert page.evaluate("scrollY") == 0

    page.get_by_role("tab", name="Accuracy").click()
    expect(page.locator("#panel-accuracy details").first).to_have_attribute("open", "")


def test_without_scripts_and_on_paper_all_sections_are_there(site: Site, signed_in: StorageState, browser: Browser,
                                                             page: Page) -> None:
    everything = ["why", "overrides", "accuracy", "model", "unusual", "history", "table", "what-if"]
    context = browser.new_context(base_url=site.url, storage_state=signed_in, java_script_enabled=False)
    plain = context.new_page()
    plain.goto(f"{ONE}&tab=model")
    assert seen_panels(plain) == everything
    assert plain.locator("[role=tab]").count() == 0
    context.close()

    page.goto(ONE)
    page.emulate_media(media="print")
    assert seen_panels(page) == everything[:-1]  # but the form of a what-if


def shown(page: Page) -> list[str]:
    """The first and the last date that the chart shows, and what it shades."""
    drawn: dict[str, Any] = page.evaluate(DRAWN)
    zoom, dates = drawn["dataZoom"][0], drawn["xAxis"][0]["data"]
    return [dates[zoom["startValue"]], dates[zoom["endValue"]]]


def test_ranges_legend_and_weekends_of_the_chart(page: Page) -> None:
    page.goto(ONE)
    expect(page.get_by_role("button", name="3 months")).to_have_attribute("aria-pressed", "true")
    first, last = shown(page)
    weekends = f"{DRAWN}.series.find((one) => one.id === 'weekends').markArea.data.length"
    assert page.evaluate(weekends) in (15, 16)  # of 91 + 14 days

    page.get_by_role("button", name="All", exact=True).click()
    expect(page.get_by_role("button", name="All", exact=True)).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("button", name="3 months")).to_have_attribute("aria-pressed", "false")
    assert shown(page)[0] < first
    assert shown(page)[1] == last
    assert page.evaluate(weekends) == 0  # no single day can be told apart

    page.get_by_role("button", name="Sold", exact=True).press("Enter")
    assert page.evaluate(f"{DRAWN}.legend[0].selected.Sold") is False
    page.locator("#coverage-50").click()
    page.wait_for_url("**coverage=50*")
    expect(page.get_by_role("button", name="Sold", exact=True)).to_have_attribute("aria-pressed", "false")
    expect(page.get_by_role("button", name="All", exact=True)).to_have_attribute("aria-pressed", "true")


def test_the_address_has_the_charts_range_for_back_a_reload_and_a_link(page: Page) -> None:
    page.goto("/models")
    page.goto(ONE)
    page.get_by_role("button", name="1 year").click()
    page.wait_for_url("**range=364*")
    whole = shown(page)
    page.locator("#coverage-50").click()  # swaps the chart, and has an address of its own
    page.wait_for_url("**coverage=50*range=364*")
    expect(page.locator("#coverage-50")).to_have_attribute("aria-current", "true")
    page.locator(".chart[data-drawn]").first.wait_for()
    assert shown(page) == whole

    page.evaluate("""echarts.getInstanceByDom(document.querySelector('.chart:not([data-kind])')).dispatchAction(
        { type: 'dataZoom', startValue: 100, endValue: 130 })""")
    page.wait_for_url("**range=20*..20*")
    zoomed = shown(page)
    page.reload()
    page.locator(".chart[data-drawn]").first.wait_for()
    assert shown(page) == zoomed
    page.get_by_role("link", name="Models", exact=True).first.click()
    page.wait_for_url("**/models*")
    page.go_back()
    page.locator(".chart[data-drawn]").first.wait_for()
    assert shown(page) == zoomed

    page.get_by_role("button", name="3 months").click()  # as the page begins: nothing to say
    page.wait_for_function("() => !location.search.includes('range')")


def test_the_legend_names_what_is_in_view(page: Page) -> None:
    page.goto(ONE)
    names = page.locator(".chart-tools .legend-entry")
    expect(names.first).to_have_text("Sold")
    shown = names.all_inner_texts()
    assert shown[1:3] == ["Forecast", "80\u00a0% interval"]
    assert shown[-2:] == ["promo", "Weekend"]

    first, last = page.evaluate("""() => {
        const { dates, marks } = JSON.parse(document.querySelector("#result .chart-data").textContent);
        return [dates[marks[0].at[0] + 1], dates[marks[0].at[0] + 3]];
    }""")
    page.goto(f"{ONE}&range={first}..{last}")
    expect(names.first).to_have_text("Sold")
    assert "promo" not in names.all_inner_texts()
    page.get_by_role("button", name="All", exact=True).click()
    expect(names.filter(has_text="promo")).to_have_count(1)
    assert "Weekend" not in names.all_inner_texts()  # where single days cannot be told apart


@pytest.mark.parametrize("wrong", ["", "x", "99999", "2020-01-01..2020-02-01", "2026-07-01..2026-06-01", "..", "<b>"])
def test_a_range_that_is_none_is_as_the_page_begins(page: Page, wrong: str) -> None:
    page.goto(f"{ONE}&range={quote(wrong)}")

    expect(page.get_by_role("button", name="3 months")).to_have_attribute("aria-pressed", "true")


@pytest.mark.parametrize(("at", "lines"), [("2026-08-03T12:00:00", 1), ("2027-03-01T12:00:00", 0)])
def test_today_is_a_line_where_the_chart_reaches_it(page: Page, at: str, lines: int) -> None:
    page.clock.install(time=at)
    page.goto(ONE)
    page.locator(".chart[data-drawn]").first.wait_for()
    page.clock.run_for(1000)
    found: list[Any] = page.evaluate(f"""{DRAWN}.series.flatMap((one) => one.markLine?.data ?? [])
        .map((one) => {DRAWN}.xAxis[0].data[one.xAxis])""")

    assert found == ([at[:10]] if lines else [])


def test_long_names_and_many_chips_do_not_run_off_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    query = "&".join(f"ri={quote(one.key)}" for one in REGION_ITEMS)
    page.goto(f"/forecasts?{query}")
    page.locator("#more-selected summary").click()

    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.get_by_role("link", name=f"Leave out {REGION_ITEMS[0]}", exact=True).click()
    page.wait_for_load_state()
    assert page.locator("#selected [name=ri]").count() == len(REGION_ITEMS) - 1
