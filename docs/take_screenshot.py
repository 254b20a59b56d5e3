"""The README's picture, taken from the real page of a product started for it: ``python docs/take_screenshot.py``."""

import shutil
import sys
from pathlib import Path
from urllib.parse import urlencode

from playwright.sync_api import sync_playwright

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from benchmarks.support.product import running  # noqa: E402  the project is no installed package

PICTURE = PROJECT / "docs" / "forecast.png"
SHOWN = ("east|coffee maker", "east|grill", "north|blender", "north|grill", "south|toaster")


def main() -> None:
    """Start the product on simulated demand, ask for a scenario, take the picture."""
    with (running(PROJECT / "datasets" / "simulated.toml", ready=r"(\d+) of \1 decided") as product,
          sync_playwright() as playwright):
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"),
                                             args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 860})
        page.goto(f"{product.url}/sign-in")
        page.locator("[name=email]").fill(product.email)
        page.locator("[name=password]").fill(product.password)
        page.locator("main form [type=submit]").first.click()
        page.goto(f"{product.url}/forecasts?{urlencode([('ri', key) for key in SHOWN])}")
        page.get_by_role("button", name="+ price").click()
        page.locator("[data-change] input[type=number]").fill("-15")
        page.get_by_role("button", name="Compare with the plan").click()
        page.locator("#scenario-total").wait_for()
        page.wait_for_timeout(1500)
        page.evaluate("window.scrollTo(0, 0)")
        page.screenshot(path=PICTURE)
        browser.close()
    print(PICTURE)


if __name__ == "__main__":
    main()
