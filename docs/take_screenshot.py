"""The pictures of the documents, of the real pages of a product started for it: ``python docs/take_screenshot.py``."""

import shutil
import sys
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import urlencode

from playwright.sync_api import Locator, Page, sync_playwright

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from benchmarks.support.product import running  # noqa: E402  the project is no installed package

PICTURES = PROJECT / "docs" / "pictures"
SHOWN = ("east|coffee maker", "east|grill", "north|blender", "north|grill", "south|toaster")
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "chromium-headless-shell")
REGIONS, ITEM = ("east", "north", "south", "west"), "coffee maker"
"""Of the scenario, as the planner's tutorial has it."""


def main() -> None:
    """Start the product on simulated demand, do what the tutorial says, take the pictures."""
    PICTURES.mkdir(exist_ok=True)
    with (running(PROJECT / "datasets" / "simulated.toml", ready=r"(\d+) of \1 decided") as product,
          sync_playwright() as playwright):
        browser = playwright.chromium.launch(executable_path=next(filter(None, map(shutil.which, CHROMIUM)), None),
                                             args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 860})
        page.goto(f"{product.url}/sign-in")
        page.locator("[name=email]").fill(product.email)
        page.locator("[name=password]").fill(product.password)
        page.locator("main form [type=submit]").first.click()
        take_pictures(page, product.url)
        browser.close()


def take_pictures(page: Page, url: str) -> None:
    """The pictures of the README, the tutorial and the explanations, by somebody who is signed in."""
    page.goto(url)
    if (skip := page.get_by_role("button", name="Skip")).count():
        skip.first.click()
    page.goto(url)
    _picture(page, PICTURES / "overview.png")
    page.goto(f"{url}/forecasts?{urlencode([('ri', key) for key in SHOWN])}")
    page.get_by_role("button", name="+ price").click()
    page.locator("[data-change] input[type=number]").fill("-15")
    page.get_by_role("button", name="Compare with the plan").click()
    page.locator("#scenario-total").wait_for()
    page.wait_for_timeout(1500)
    page.evaluate("window.scrollTo(0, 0)")
    _picture(page, PROJECT / "docs" / "forecast.png")
    make_scenario(page, url)
    _picture(page, PICTURES / "scenario.png")
    page.get_by_text("Apply to the plan").first.click()
    page.get_by_role("button", name="Apply to the plan").click()
    page.get_by_role("button", name="Undo all").wait_for()
    page.goto(f"{url}/forecasts?{urlencode({'ri': f'{REGIONS[0]}|{ITEM}'})}")
    grid = page.locator("#grid")
    grid.scroll_into_view_if_needed()
    page.wait_for_timeout(1500)
    _picture(page, PICTURES / "grid.png", grid)


def make_scenario(page: Page, url: str) -> None:
    """The tutorial's scenario: a week of a price that is ten percent lower, and a promotion."""
    monday = date.today() + timedelta(days=8 + (-date.today().weekday() - 1) % 7)
    page.goto(f"{url}/scenarios/new")
    for name in (*REGIONS, ITEM):
        page.get_by_label(name, exact=True).first.check()
    for number, driver in enumerate(("price", "promotion")):
        page.get_by_role("button", name=f"+ {driver}").click()
        change = page.locator("[data-change]").nth(number)
        for which, day in enumerate((monday, monday + timedelta(days=6))):
            change.locator("input[type=date]").nth(which).fill(day.isoformat())
    page.locator("[data-change] input[type=number]").first.fill("-10")
    page.locator("[name=name]").fill("Coffee makers before Christmas")
    page.get_by_role("button", name="Save and compute").first.click()
    page.get_by_role("heading", name="Result").wait_for()


def _picture(page: Page, file: Path, part: Locator | None = None) -> None:
    (part or page).screenshot(path=file)
    print(file)


if __name__ == "__main__":
    main()
