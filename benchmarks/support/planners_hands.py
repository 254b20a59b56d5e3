"""A planner's hands on a page: what each step takes in clicks, keys, screens scrolled and seconds."""

from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from playwright.sync_api import Locator, Page

CLICK_SECONDS, KEY_SECONDS, SCROLL_SECONDS = 1.3, 0.28, 1.0
"""Pointing and clicking, and a key of an average typist (the keystroke-level model of Card, Moran and Newell, 1980);
a screen scrolled as what pointing takes. Reading and deciding are not in it."""
MOST_STOPS = 250
"""Tab stops after which something counts as out of reach."""
HAS_FOCUS = "element => element === document.activeElement"
ARROW_TO = """element => {
    const group = element.tabIndex < 0 && document.activeElement.closest("[role=group], [role=tablist], table");
    return !group || !group.contains(element) ? "" : group.matches("[role=tablist]") ? "ArrowRight" : "ArrowDown";
}"""
"""The arrow that leads there where the focus is in its group, whose members are one stop together."""


class OutOfReachError(Exception):
    """Something on the way cannot be reached by keyboard."""


@dataclass
class Taken:
    """What a step took."""

    clicks: int = 0
    keys: int = 0
    scrolled: float = 0.0
    """Screens between where the page stood and what was clicked."""
    waited: float = 0.0
    """Seconds from the last act until what was wanted stood there, over all acts."""
    findings: list[str] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """With the hands of somebody who knows the way."""
        return (self.waited + CLICK_SECONDS * self.clicks + KEY_SECONDS * self.keys
                + SCROLL_SECONDS * self.scrolled)

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return {"clicks": self.clicks, "keys": self.keys, "screens_scrolled": round(self.scrolled, 1),
                "waited": round(self.waited, 2), "seconds": round(self.seconds, 1), "findings": self.findings}


class Hands:
    """Acts on a page and counts; by keyboard alone, what would be clicked is reached by Tab and arrows."""

    def __init__(self, page: Page, by_keyboard: bool) -> None:
        self.page = page
        self.by_keyboard = by_keyboard
        self.taken = Taken()

    def click(self, wanted: Locator, until: Locator | Callable[[], Any] | None = None) -> None:
        """Click there, and wait until that is seen, or until that returns."""
        wanted.wait_for(state="attached")
        if self.by_keyboard:
            self._go_to(wanted)
            is_box = wanted.evaluate("element => element.matches('[type=checkbox], [type=radio]')")
            self._act(lambda: self.press("Space" if is_box else "Enter"), until)
        else:
            self._scroll_to(wanted)
            self.taken.clicks += 1
            self._act(wanted.click, until)

    def type(self, wanted: Locator, text: str) -> None:
        """Go there, and type in place of what is there."""
        if self.by_keyboard:
            self._go_to(wanted)
        else:
            self._scroll_to(wanted)
            self.taken.clicks += 1
            wanted.click()
        self.press("ControlOrMeta+a")
        self.keys(text)

    def date(self, wanted: Locator, day: str) -> None:
        """Give a date: its eight digits and what leads there."""
        if self.by_keyboard:
            self._go_to(wanted)
        else:
            self._scroll_to(wanted)
            self.taken.clicks += 1
        self.taken.keys += 8
        wanted.fill(day)

    def choose(self, wanted: Locator, value: str) -> None:
        """Choose of a list."""
        if self.by_keyboard:
            self._go_to(wanted)
            self.taken.keys += 2
        else:
            self._scroll_to(wanted)
            self.taken.clicks += 2
        wanted.select_option(value)

    def keys(self, text: str) -> None:
        """Type."""
        self.taken.keys += len(text)
        self.page.keyboard.type(text)

    def press(self, key: str, until: Locator | Callable[[], Any] | None = None) -> None:
        """Press a key, and wait until that is seen."""
        self.taken.keys += 1
        self._act(lambda: self.page.keyboard.press(key), until)

    def _act(self, act: Callable[[], Any], until: Locator | Callable[[], Any] | None) -> None:
        began = perf_counter()
        act()
        if isinstance(until, Locator):
            until.first.wait_for()
        elif until:
            until()
        self.taken.waited += perf_counter() - began

    def _scroll_to(self, wanted: Locator) -> None:
        """Into sight, counting how many screens that is."""
        height = self.page.evaluate("window.innerHeight")
        place = wanted.bounding_box()
        if place and not 0 <= place["y"] <= height - place["height"]:
            self.taken.scrolled += abs(place["y"] + place["height"] / 2 - height / 2) / height
            wanted.scroll_into_view_if_needed()

    def _go_to(self, wanted: Locator) -> None:
        """By Tab, and by arrows within a group."""
        for _ in range(MOST_STOPS):
            if wanted.evaluate(HAS_FOCUS):
                return
            self.press(wanted.evaluate(ARROW_TO) or "Tab")
        raise OutOfReachError(f"{wanted} is not reached in {MOST_STOPS} stops")
