"""Manners of every screen: readable by all, on a phone too, light, quiet."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, StorageState

from tests.webapp.browser.conftest import Site
from tests.webapp.browser.screens import SCREENS, Screen

WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
EVERYTHING: dict[str, Any] = {"resultTypes": ["violations"]}
CONTRAST: dict[str, Any] = {**EVERYTHING, "runOnly": {"type": "rule", "values": ["color-contrast"]}}
"""Dark differs from light in nothing else."""
FIRST_PAINT_BYTES = 300_000
CHART_LIBRARY = "echarts"
LOADED = """() => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
    .map((entry) => [entry.name, entry.transferSize])"""


CUT_OFF = """() => [...document.querySelectorAll(".stack tbody :is(td, th)")]
    .filter((cell) => cell.clientWidth && cell.scrollWidth > cell.clientWidth + 1)
    .map((cell) => `${cell.dataset.label ?? ""}: ${cell.innerText}`)"""
"""Cells of stacked tables that hold more than they show."""


@dataclass
class Visit:
    """What a browser saw of one screen."""

    screen: Screen
    loaded: dict[str, int]
    """URL -> bytes as transferred."""
    console: list[str]
    findings: list[str] = field(default_factory=list)
    """Serious and critical ones of axe, each with how the page was seen."""
    widths: dict[str, int] = field(default_factory=dict)
    """What the page needs on a phone, by theme."""
    cut_off: list[str] = field(default_factory=list)
    """Cells that a phone shows in part."""


@pytest.fixture(scope="module", params=SCREENS, ids=lambda screen: screen.name)
def visit(request: pytest.FixtureRequest, site: Site, signed_in: StorageState,
          admin_signed_in: StorageState, browser: Browser, axe: Any) -> Iterator[Visit]:
    """One screen, opened once by a browser that has nothing cached, then seen wide and narrow, light and dark."""
    screen: Screen = request.param
    held = None if screen.is_public else admin_signed_in if screen.is_admin else signed_in
    context = browser.new_context(
        base_url=site.url, storage_state=held, viewport=WIDE, color_scheme="light",
        reduced_motion="reduce")  # else colours are measured while they change
    page = context.new_page()
    console: list[str] = []
    page.on("console", lambda message: console.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: console.append(str(error)))
    page.goto(screen.url, wait_until="networkidle")
    seen = Visit(screen, dict(page.evaluate(LOADED)), console)
    page.evaluate(axe.axe_script)  # once: Axe.run would each time
    for size, width in (("wide", WIDE), ("on a phone", PHONE)):
        page.set_viewport_size(width)
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            page.wait_for_function("theme => document.documentElement.dataset.bsTheme === theme", arg=theme)
            seen.findings += findings(page, f"{size}, {theme}", EVERYTHING if theme == "light" else CONTRAST)
            if width is PHONE:
                seen.widths[theme] = page.evaluate("document.documentElement.scrollWidth")
                seen.cut_off += page.evaluate(CUT_OFF)
    yield seen
    context.close()


def findings(page: Page, how: str, options: dict[str, Any]) -> list[str]:
    violations = page.evaluate("async (options) => (await axe.run(options)).violations", options)
    return [f"{how}: {one['id']}: {node['html'][:200]}" for one in violations
            if one["impact"] in ("serious", "critical") for node in one["nodes"]]


def test_the_accessibility_check_finds_nothing_serious(visit: Visit) -> None:
    assert visit.findings == []


def test_nothing_is_wider_than_a_phone(visit: Visit) -> None:
    assert visit.widths == {"light": PHONE["width"], "dark": PHONE["width"]}


def test_a_phone_shows_whole_cells(visit: Visit) -> None:
    assert visit.cut_off == []


@pytest.mark.parametrize("tag", ["de-DE", "fr-FR"])
def test_longer_words_fit_a_phone(site: Site, signed_in: StorageState, admin_signed_in: StorageState, browser: Browser,
                                  tag: str) -> None:
    found = {}
    for screens, held in (([one for one in SCREENS if not one.is_admin and not one.is_public], signed_in),
                          ([one for one in SCREENS if one.is_admin], admin_signed_in)):
        context = browser.new_context(base_url=site.url, storage_state=held, viewport=PHONE, locale=tag)
        page = context.new_page()
        for screen in screens:
            page.goto(screen.url)
            width, cut_off = page.evaluate("document.documentElement.scrollWidth"), page.evaluate(CUT_OFF)
            if width != PHONE["width"] or cut_off:
                found[screen.name] = (width, cut_off)
        context.close()

    assert found == {}


def test_the_console_is_quiet(visit: Visit) -> None:
    own_status = "Failed to load resource: the server responded with a status of 404 (NOT FOUND)"
    assert [line for line in visit.console if not (visit.screen.url == "/nowhere" and line == own_status)] == []


def test_the_first_paint_is_light_and_the_chart_library_comes_only_where_a_chart_is(visit: Visit) -> None:
    charts = [url for url in visit.loaded if CHART_LIBRARY in url]

    assert len(charts) == (1 if visit.screen.has_chart else 0)
    assert 0 < sum(size for url, size in visit.loaded.items() if url not in charts) < FIRST_PAINT_BYTES
