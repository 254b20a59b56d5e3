"""A planner's day on the real pages: what each step takes in clicks, keys, screens scrolled and seconds.

    python -m benchmarks.planners_day [--dataset file.toml] [--ways "wide;phone"] [--url URL --email E] [--json file]

The product is started on simulated demand, unless --url names one that runs (its password is PLANNER_PASSWORD). Then a
real browser walks the day: at 1440 and 390 pixels, light and dark, with every request 400 ms longer, by keyboard alone.
What is clicked is found by its role and name, as a screen reader tells them, or by its place. Every step ends when what
it was for stands on the page; at its end the page is looked at (wider than the screen, findings of axe where that is
installed).

Seconds are what was waited for and the hands of somebody who knows the way (the keystroke-level model); reading and
deciding are not in them. Last, one selection's numbers are held beside each other: page, grid, chart, files, published
plan, API.
"""

import argparse
import csv
import io
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from playwright.sync_api import Error as BrowserError
from rich.console import Console
from rich.table import Table

from benchmarks.support.machine import described
from benchmarks.support.planners_hands import Hands, OutOfReachError
from benchmarks.support.product import PROJECT, running

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "chromium-headless-shell")
MOST_SECONDS = 60
WIDER = "document.documentElement.scrollWidth > innerWidth"


@dataclass(frozen=True)
class Way:
    """How the day is walked."""

    width: int
    height: int
    colours: str = "light"
    latency_ms: int = 0
    by_keyboard: bool = False


WAYS = {"wide": Way(1440, 900), "wide, dark": Way(1440, 900, "dark"), "phone": Way(390, 844),
        "phone, dark": Way(390, 844, "dark"), "wide, 400 ms": Way(1440, 900, latency_ms=400),
        "phone, 400 ms": Way(390, 844, latency_ms=400), "keyboard": Way(1440, 900, by_keyboard=True)}


@dataclass
class Day:
    """Where the planner is."""

    hands: Hands
    way: str
    region_items: list[str]
    """As pages name them."""
    regions: list[str]

    @property
    def page(self) -> Page:
        """The page that is open."""
        return self.hands.page

    def heading(self, words: str | re.Pattern[str]) -> Callable[[], None]:
        """Wait for the page of that heading."""
        return self.page.get_by_role("heading", level=1, name=words).wait_for

    def menu(self, name: str, heading: str) -> None:
        """Go there by the menu, which a phone folds."""
        link = self.page.get_by_role("navigation", name="Main").get_by_role("link", name=name, exact=True)
        toggle = self.page.get_by_role("button", name="Menu", exact=True)
        if toggle.is_visible():
            self.hands.click(toggle, until=self.page.locator("#menu.show"))
        if not link.is_visible():
            self.hands.click(self.page.locator(f"summary[aria-label*='{name}']"), until=link)
        self.hands.click(link, until=self.heading(heading))


def what_changed(day: Day) -> None:
    """From the overview to those that were promoted lately."""
    day.hands.click(day.page.locator("#changes").get_by_role("link", name=re.compile("promoted")),
                    until=day.page.locator("#table .chip").first)


def first_task(day: Day) -> None:
    """From the overview to what is worth most, where it is acted on."""
    day.hands.click(day.page.locator("#first-work li a").first, until=day.page.get_by_role("heading", level=1).first)
    day.page.locator("#first-work").wait_for(state="detached")


def rejected_data(day: Day) -> None:
    """From the overview to the region-items with rejected rows."""
    day.hands.click(day.page.locator("#changes").get_by_role("link", name=re.compile("rejected rows")),
                    until=day.page.locator("#table .chip").first)


def one_product(day: Day) -> None:
    """From anywhere to the forecast of one region-item, with last year, promotions and interval on the chart."""
    name = day.region_items[0]
    toggle = day.page.get_by_role("button", name="Menu", exact=True)
    if toggle.is_visible():
        day.hands.click(toggle, until=day.page.locator("#search-words"))
        day.hands.type(day.page.locator("#search-words"), name.split(" · ")[1])
    else:
        day.hands.press("/")
        day.hands.keys(name.split(" · ")[1])
    day.hands.click(day.page.locator("#suggestions").get_by_role("link", name=name, exact=True),
                    until=day.page.locator("#result canvas"))


def why(day: Day) -> None:
    """What drives it, and how right it was lately."""
    day.hands.click(day.page.get_by_role("tab", name="Why"), until=day.page.locator("#panel-why"))
    day.hands.click(day.page.get_by_role("tab", name="Accuracy"), until=day.page.locator("#panel-accuracy"))


def scenario(day: Day) -> None:
    """Ten percent off all items of two regions in the second half of the horizon, up to its result."""
    page, hands = day.page, day.hands
    day.menu("Scenarios", "Scenarios")
    hands.click(page.get_by_role("link", name=re.compile("New scenario|Create the first one")),
                until=day.heading("New scenario"))
    for region in day.regions[:2]:
        hands.click(page.get_by_role("group", name="Regions").get_by_label(region, exact=True))
    page.locator("#selected").get_by_text(re.compile(r"[1-9]\d* region-items")).first.wait_for()
    hands.click(page.get_by_role("button", name="+ price"), until=page.locator("#change-0-value"))
    hands.type(page.locator("#change-0-value"), "-10")
    last = date.fromisoformat(page.locator("#change-0-last").input_value())
    hands.date(page.locator("#change-0-first"), (last - timedelta(days=13)).isoformat())
    hands.type(page.locator("#name"), f"Ten percent off, {day.way}")
    hands.press("Enter", until=page.get_by_role("heading", name="Result"))


def variant(day: Day) -> None:
    """A second variant of it, beside the first."""
    page, hands = day.page, day.hands
    hands.click(page.get_by_role("button", name="Duplicate"), until=page.locator("#change-0-value"))
    hands.type(page.locator("#change-0-value"), "-15")
    hands.press("Enter", until=page.locator("#beside-original"))
    hands.click(page.locator("#beside-original"), until=lambda: page.wait_for_url("**/scenarios/compare*"))


def override(day: Day) -> None:
    """A number of one's own in the grid of what is open, with a reason."""
    page, hands = day.page, day.hands
    page.goto(f"/forecasts?ri={day.region_items[1].replace(' · ', '%7C')}")
    cell = page.locator("#grid-table tr.grid-override td:not(.grid-past)").first
    cell.wait_for()
    if hands.by_keyboard:  # the grid is one stop; its arrows go to the cell
        hands.click(page.get_by_role("link", name="Skip to the content"))
        for _ in range(100):
            if page.locator("#grid-table td:focus, #grid-table th:focus").count():
                break
            hands.press("Tab")
        for _ in range(12):
            if page.locator("#grid-table tr.grid-override td:focus").count():
                break
            hands.press("ArrowDown")
    else:
        hands.click(cell)
    hands.keys("+15 %")
    hands.press("Enter", until=page.locator("#grid-form"))
    hands.type(page.locator("#grid-comment"), "a fair")
    hands.press("Enter", until=page.locator("#grid-status").filter(has_text=re.compile("^Saved")))


def undo(day: Day) -> None:
    """Take it back."""
    page, hands = day.page, day.hands
    hands.click(page.get_by_role("tab", name="Overrides"), until=page.locator("#panel-overrides"))
    hands.click(page.locator("#overrides").get_by_role("button", name="Undo").first,
                until=page.locator("#overrides").get_by_text("None of these days is overridden"))


def retrain(day: Day) -> None:
    """It and three others, from the list: up to what is known of the retrain, or that nothing new is there."""
    page, hands = day.page, day.hands
    for place in range(4):
        hands.click(page.locator("#table tbody [name=ri]").nth(place))
    hands.click(page.get_by_role("button", name="Retrain", exact=True),
                until=day.heading(re.compile("Nothing new to learn|Retrain")))


def versions(day: Day) -> None:
    """From a forecast to the versions of its model, where it is rolled back or pinned."""
    page, hands = day.page, day.hands
    page.goto(f"/forecasts?ri={day.region_items[0].replace(' · ', '%7C')}")
    hands.click(page.get_by_role("tab", name="Model"), until=page.locator("#panel-model"))
    hands.click(page.locator("#panel-model").get_by_role("link", name=re.compile("versions", re.IGNORECASE)).first,
                until=page.locator("#versions"))


def notices(day: Day) -> None:
    """What somebody was told meanwhile."""
    toggle = day.page.get_by_role("button", name="Menu", exact=True)
    if toggle.is_visible():
        day.hands.click(toggle, until=day.page.locator("#bell"))
    day.hands.click(day.page.locator("#bell"), until=day.heading("Notices"))


def publish(day: Day) -> None:
    """Freeze the plan, and have its file."""
    page, hands = day.page, day.hands
    day.menu("Plans", "Published plans")
    hands.click(page.get_by_role("link", name="Publish today’s plan"), until=day.heading("Publish today’s plan"))
    if page.locator("#accept").count():
        hands.click(page.locator("#accept"))
    hands.type(page.get_by_label("Name", exact=True), f"Plan, {day.way}")
    hands.press("Enter", until=page.locator("#total"))
    with page.expect_download() as told:
        hands.click(page.get_by_role("link", name="CSV", exact=True))
    told.value.path()


STEPS: dict[str, tuple[str, Callable[[Day], None]]] = {
    "1 what changed since yesterday": ("/", what_changed), "1 the first task, where it is acted on": ("/", first_task),
    "1 rejected data": ("/", rejected_data), "2 one product": ("/work", one_product),
    "2 why, and how right lately": ("", why), "3 ten percent off in two regions": ("/", scenario),
    "3 a second variant beside it": ("", variant), "3 an override with its reason": ("/", override),
    "3 take it back": ("", undo), "4 retrain four": ("/", retrain), "4 versions, to roll back or pin": ("/", versions),
    "4 what I was told": ("/", notices), "5 publish and download": ("/", publish)}
"""Where each begins ("": where the one before ended), and what is done."""


def walk(context: BrowserContext, name: str, way: Way, axe: Any, pictures: Path | None) -> dict[str, Any]:
    """Every step, as JSON; a step that cannot be done says why."""
    page = context.new_page()
    page.set_default_timeout(MOST_SECONDS * 1000)
    page.goto("/?size=250")
    region_items = page.locator("#table tbody th a").all_inner_texts()
    regions = list(dict.fromkeys(each.split(" · ")[0] for each in region_items))
    if way.latency_ms:
        session = context.new_cdp_session(page)
        session.send("Network.enable")
        session.send("Network.emulateNetworkConditions", {
            "offline": False, "latency": way.latency_ms, "downloadThroughput": -1, "uploadThroughput": -1})
    steps: dict[str, Any] = {}
    for step, (begins, act) in STEPS.items():
        if begins:
            page.goto(begins)
        day = Day(Hands(page, way.by_keyboard), name, region_items, regions)
        try:
            act(day)
        except (BrowserError, OutOfReachError) as error:
            day.hands.taken.findings.append(f"not done: {str(error).splitlines()[0]}")
        page.wait_for_load_state()
        if page.evaluate(WIDER):
            day.hands.taken.findings.append("wider than the screen")
        if axe:
            day.hands.taken.findings += [f"axe: {one['id']}" for one in axe.run(page).response["violations"]]
        if pictures:
            page.wait_for_timeout(500)
            page.screenshot(path=pictures / f"{step} {name}.png".replace(" ", "_").replace(",", ""))
        steps[step] = day.hands.taken.told()
        print(f"{name}: {step}: {steps[step]}", file=sys.stderr)
    page.close()
    return steps


def agreement(context: BrowserContext, password: str) -> dict[str, Any]:
    """The total of the first region over the horizon wherever it is told; the grid's is the sum of rounded cells.

    Raises: LookupError: a file is not there, or the API does not answer.
    """
    page = context.new_page()
    page.goto("/totals")
    link = page.locator("main table tbody th a").nth(1)  # below that of all
    region = link.inner_text()
    link.click()
    page.locator("#grid-table").wait_for()
    chart = json.loads(page.locator("#result .chart-data").first.text_content() or "")
    row = page.locator("#grid-table tr.grid-forecast td:not(.grid-past)").all_inner_texts()
    query = f"region={region}&format=csv"
    periods = _rows(context, f"/forecasts/download?{query}&of=periods")
    parts = _rows(context, f"/forecasts/download?{query}&of=region-items")
    page.goto("/published-plans")
    page.locator("main tbody th a").first.click()
    page.locator("#total").wait_for()
    newest = page.get_by_role("link", name="CSV", exact=True).get_attribute("href") or ""
    published = [one for one in _rows(context, newest) if one["Region"] == region]
    heading = page.locator("#totals h2")
    page.goto(f"/forecasts?region={region}")
    return {"region": region, "page": heading.inner_text(),
            "grid": round(sum(float(text.replace(",", "")) for text in row), 1),
            "chart": round(sum(value for value in chart["plan"][-len(row):]), 1),
            "file by period": _sum(periods), "file by region-item": _sum(parts), "published plan": _sum(published),
            "API": round(_total_of_api(context, region, password), 1)}


def _total_of_api(context: BrowserContext, region: str, password: str) -> float:
    page = context.new_page()
    page.goto("/account#tokens")
    page.get_by_label("Name").fill(f"planner's day, {time.time():.0f}")
    page.get_by_label("Your password").fill(password)
    page.get_by_role("button", name="Create a token").click()
    told = context.request.get("/api/v1/totals", params={"region": region}, headers={
        "Authorization": f"Bearer {page.locator('#secret').inner_text()}"})
    if not told.ok:
        raise LookupError(f"the API answers {told.status}")
    return float(told.json()["total"]["forecast"])


def _rows(context: BrowserContext, path: str) -> list[dict[str, str]]:
    answer = context.request.get(path)
    if not answer.ok:
        raise LookupError(f"{path} answers {answer.status}")
    return list(csv.DictReader(io.StringIO(answer.text().lstrip("\ufeff"))))


def _sum(rows: list[dict[str, str]]) -> float:
    column = next(name for name in rows[0] if name.startswith("Forecast,"))
    return round(sum(float(row[column]) for row in rows if row[column]), 1)


def main() -> int:
    """Walk and report; the exit code is 1 when a step could not be done."""
    given = _parser().parse_args()
    names = [name.strip() for name in given.ways.split(";") if name.strip()] or list(WAYS)
    with _product(given) as (url, email, password), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=next(filter(None, map(shutil.which, CHROMIUM)), None),
                                             args=["--no-sandbox", "--disable-gpu"])
        result: dict[str, Any] = {"machine": described(), "ways": {}}
        held = _signed_in(browser, url, email, password)
        for name in names:
            with _context(browser, url, held, WAYS[name]) as context:
                result["ways"][name] = walk(context, name, WAYS[name], _axe(), given.pictures)
        with _context(browser, url, held, WAYS["wide"]) as context:
            result["agreement"] = agreement(context, password)
        browser.close()
    _print(result)
    if given.json:
        given.json.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    return int(any(finding.startswith("not done") for steps in result["ways"].values() for one in steps.values()
                   for finding in one["findings"]))


@contextmanager
def _product(given: argparse.Namespace) -> Iterator[tuple[str, str, str]]:
    if given.url:
        yield given.url, given.email, os.environ["PLANNER_PASSWORD"]
        return
    with running(given.dataset, ready=r"nothing is missing|(\d+) of \1 decided") as product:
        yield product.url, product.email, product.password


@contextmanager
def _context(browser: Browser, url: str, held: Any, way: Way) -> Iterator[BrowserContext]:
    context = browser.new_context(base_url=url, storage_state=held, locale="en-US", color_scheme=way.colours,
                                  viewport={"width": way.width, "height": way.height})
    yield context
    context.close()


def _signed_in(browser: Browser, url: str, email: str, password: str) -> Any:
    """What a browser holds after signing in; the tour of the first time is over."""
    context = browser.new_context(base_url=url)
    page = context.new_page()
    page.goto("/sign-in")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.locator("#account-menu").wait_for()
    if page.get_by_role("button", name="Skip").count():
        page.get_by_role("button", name="Skip").first.click()
        page.wait_for_load_state()
    held = context.storage_state()
    context.close()
    return held


def _axe() -> Any:
    try:
        from axe_playwright_python.sync_playwright import Axe
    except ImportError:
        return None
    return Axe()


def _print(result: dict[str, Any]) -> None:
    console = Console() if sys.stdout.isatty() else Console(width=160)
    table = Table(title="clicks + keys, seconds")
    table.add_column("step", no_wrap=True)
    for name in result["ways"]:
        table.add_column(name, justify="right")
    for step in STEPS:
        table.add_row(step, *(f"{one['clicks']} + {one['keys']}, {one['seconds']:.0f} s{' !' * bool(one['findings'])}"
                              for one in (steps[step] for steps in result["ways"].values())))
    console.print(table)
    for name, steps in result["ways"].items():
        for step, one in steps.items():
            for finding in one["findings"]:
                console.print(f"{name}: {step}: {finding}", markup=False, highlight=False)
    console.print(result["agreement"], markup=False)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.planners_day", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=Path, default=PROJECT / "datasets" / "simulated.toml",
                        help="one with a price, several regions, and items in all of them")
    parser.add_argument("--ways", default="", help=f"of {'; '.join(WAYS)}, with semicolons between; all unless given")
    parser.add_argument("--url", help="of a product that runs, to which nobody else writes meanwhile")
    parser.add_argument("--email", default="planner@example.com", help="of a planner there")
    parser.add_argument("--pictures", type=Path, help="a folder for a picture of where each step ends")
    parser.add_argument("--json", type=Path, help="write the numbers there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
