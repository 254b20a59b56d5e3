"""On paper: all of a page is there, also of one that still changes, and nothing runs off."""

from urllib.parse import quote

import pytest
from playwright.sync_api import Page

from tests.waiting import eventually
from tests.webapp.browser.screens import LONG_SALE, SALE, WHAT_IF
from tests.webapp.conftest import KETTLE
from webapp.region_items.overview_table.columns import COLUMNS

WITH_COST = ("margin", "cost")
"""Columns of datasets that say what a unit costs."""
PAPER = {"width": 718, "height": 1047}
"""A4 upright less its margins."""
ONE = f"/forecasts?ri={quote(KETTLE.key)}"
ROWS = "main tbody tr:not(.no-print tr):visible"
"""The grid is not printed: its periods are rows of the table below it on paper."""
WIDEST = """() => Math.max(...[...document.querySelectorAll("main *")]
    .filter((part) => part.checkVisibility() && !part.closest(".visually-hidden"))
    .map((part) => part.getBoundingClientRect().right))"""


@pytest.mark.parametrize("url", [
    f"/?columns={','.join(name for name in COLUMNS if name not in WITH_COST)}&size=50", "/totals", "/retrains",
    "/retrains/1", "/overrides", "/models", f"/models/region-item?ri={quote(KETTLE.key)}", f"/scenarios/{SALE}",
    f"/scenarios/compare?s={SALE}&s={LONG_SALE}",
    f"{ONE}&layout=measures&tab=table", f"{ONE}&layout=measures{WHAT_IF}&why=1&tab=why",
    f"{ONE}&coverage=95&past=1{WHAT_IF}&tab=table",
    "/forecasts?region=north&layout=measures&past=1&tab=region-items", "/data/region-items"])
def test_a_page_is_whole_on_paper(page: Page, url: str) -> None:
    page.set_viewport_size({"width": 1400, "height": 1047})
    page.goto(url)
    rows = page.locator(ROWS).count()
    assert rows

    page.set_viewport_size(PAPER)
    page.emulate_media(media="print")

    # Charts follow the width of their page a moment later.
    eventually(lambda: page.evaluate(WIDEST) <= PAPER["width"], 20, lambda: f"it is {page.evaluate(WIDEST)} wide")
    assert page.locator(ROWS).count() >= rows
