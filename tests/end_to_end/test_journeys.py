"""Planners on the real pages: the morning, a price for many items, a retrain, a roll back, a bad plan, day one."""

import re

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.end_to_end.conftest import DECISION_SECONDS, retrain_all_the_same

embedded = pytest.mark.parametrize("product", ["embedded"], indirect=True)


@pytest.fixture
def in_production(page: Page) -> str:
    """The words for a region-item that has a model in production, as in "north · kettle"."""
    page.goto("/?status=production")
    rows = page.locator("#table tbody tr")
    expect(rows.first).to_be_visible(timeout=60_000)
    return rows.first.get_by_role("rowheader").inner_text()


def tick_all(page: Page) -> None:
    page.goto("/")
    page.get_by_label("Select all on this page").check()


@embedded
class TestMorning:
    def test_what_happened_is_two_clicks_away(self, page: Page, in_production: str) -> None:
        page.goto("/")
        page.locator("#changes").get_by_role("link", name=re.compile(r"\d+ ?promoted")).click()

        rows = page.locator("#table tbody tr")
        expect(rows.filter(has_text=in_production)).to_have_count(1)
        rows.filter(has_text=in_production).get_by_role("link", name=in_production, exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(in_production)

    def test_totals_and_the_heat_map_lead_to_a_forecast(self, page: Page) -> None:
        page.goto("/totals")
        page.locator("main table").get_by_role("link", name="north", exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text("north · all items")
        expect(page.locator(".chart canvas").first).to_be_visible()

        page.goto("/heat-map")
        page.locator("td.heat a").first.click()
        expect(page.locator("#by-period tbody tr")).to_have_count(14)

    def test_the_search_in_the_header_goes_anywhere_by_keyboard(self, page: Page, in_production: str) -> None:
        page.goto("/retrains")
        page.keyboard.press("/")
        page.keyboard.type(in_production.split(" · ")[0])
        page.locator("#suggestions a").first.wait_for()
        page.keyboard.press("Enter")

        expect(page).to_have_url(re.compile("/forecasts|/search"))


@embedded
class TestScenario:
    def test_a_price_for_all_items_is_computed_saved_and_compared(self, page: Page) -> None:
        tick_all(page)
        page.get_by_role("button", name="Scenario", exact=True).click()
        expect(page.locator("#selected")).to_contain_text("6 region-items")
        page.get_by_role("button", name="+ price").click()
        page.locator("[data-change] input[type=number]").fill("-10")
        page.get_by_label("Name", exact=True).fill("Ten percent off")
        page.get_by_role("button", name="Save and compute").click()

        expect(page.get_by_role("heading", level=1)).to_have_text("Ten percent off", timeout=30_000)
        expect(page.get_by_role("heading", name="Revenue")).to_be_visible()
        expect(page.locator(".chart canvas").first).to_be_visible()

        page.get_by_role("button", name="Duplicate").click()
        page.goto("/scenarios")
        ticks = page.locator("main tbody input[type=checkbox]")
        expect(ticks).to_have_count(2)
        ticks.nth(0).check()
        ticks.nth(1).check()
        page.get_by_role("button", name=re.compile("Compare")).click()
        expect(page).to_have_url(re.compile("/scenarios/compare"))
        expect(page.locator("main")).to_contain_text("Ten percent off")

    def test_a_bad_plan_is_told_line_by_line_and_its_good_rows_can_be_used(self, planner: BrowserContext) -> None:
        page = planner.new_page()  # whose console may tell of the refusal
        page.goto("/scenarios/new?region=north")
        page.get_by_role("button", name="+ price").click()
        day = page.locator("[data-change] input[type=date]").first.get_attribute("min")
        page.goto("/scenarios/new?region=north")
        items = page.locator("input[name=item]").evaluate_all("boxes => boxes.map(box => box.value)")
        plan = "\n".join(["region;item;date;price", f"north;{items[0]};{day};4,50", f"north;{items[0]};{day}x;4,50",
                          f"north;nothing of ours;{day};4,50", f"north;{items[1]};{day};cheap"])
        page.locator("#file").set_input_files({"name": "plan.csv", "mimeType": "text/csv", "buffer": plan.encode()})
        page.get_by_role("button", name="Save and compute").click()

        told = page.locator("#plan-errors")
        expect(told).to_contain_text("3 cells of the plan cannot be used")
        expect(told.locator("tbody th")).to_have_text(["Line 3", "Line 4", "Line 5"])
        told.get_by_role("button", name=re.compile("Use the 1 good row")).click()
        expect(page.locator("main")).to_contain_text("of which the scenario changes 1", timeout=30_000)
        page.close()


@embedded
class TestModels:
    def test_a_retrain_is_followed_live_and_its_version_is_rolled_back_to_and_pinned(
            self, page: Page, in_production: str) -> None:
        page.goto(f"/?q={in_production.replace(' · ', ' ')}")
        page.locator("#table tbody [name=ri]").first.check()
        page.get_by_label("Why a retrain? (optional)").fill("looks stale")
        retrain_all_the_same(page)
        expect(page.locator("main")).to_contain_text("looks stale")
        expect(page.get_by_text("1 of 1 done")).to_be_visible(timeout=DECISION_SECONDS * 1000)
        expect(page.locator("main tbody td[data-label='WAPE']")).to_contain_text("%")

        page.get_by_role("link", name="Versions").first.click()
        versions = page.locator("#versions tbody tr")
        expect(versions.nth(1)).to_be_visible()
        other = versions.filter(has=page.get_by_role("link", name=re.compile("Roll back|Put in production"))).first
        chosen = re.match(r"v\d+", other.get_by_role("rowheader").inner_text())
        assert chosen is not None
        other.get_by_role("link", name=re.compile("Roll back|Put in production")).click()
        page.get_by_label(re.compile("Reason")).fill("the planner trusts it more")
        page.get_by_label(re.compile("^Pin")).check()
        page.locator("main form [type=submit]").last.click()

        in_place = page.locator("#versions .badge", has_text=f"{chosen.group()} in production")
        expect(in_place).to_be_visible(timeout=60_000)
        expect(page.locator("#versions")).to_contain_text("the planner trusts it more")
        pinned = page.locator("#versions .badge", has_text="pinned")
        expect(pinned.first).to_be_visible(timeout=60_000)
        page.get_by_role("link", name="Unpin").click()
        page.get_by_label(re.compile("Reason")).fill("the gate may decide again")
        page.locator("main form [type=submit]").last.click()
        expect(pinned).to_have_count(0, timeout=60_000)
        page.get_by_role("link", name="Forecast", exact=True).click()
        expect(page.locator("#model .badge").first).to_have_text(f"production {chosen.group()}")
