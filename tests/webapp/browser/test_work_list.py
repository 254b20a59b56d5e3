"""The list of work without a mouse, and two people on the same task."""

from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, Locator, Page, StorageState, expect
from sqlalchemy import delete, select

from tests.webapp.browser.conftest import Site
from tests.webapp.conftest import ADMIN, EMAIL
from webapp.db.database import db, writing
from webapp.tables import WorkEntry

NAMES = [f"north · item {number:02}" for number in range(4)]


@pytest.fixture
def tasks(site: Site) -> Iterator[Flask]:
    """Four tasks of the same kind."""
    told = {"moved": 1.0, "forecast": 2.0}
    with site.app.app_context(), writing():
        db.session.execute(delete(WorkEntry).where(WorkEntry.kind == "moved"))
        db.session.add_all([WorkEntry(kind="moved", subject=f"north|item {place:02}", due="2099-01-01",
                                      rank=9.0 - place, told=told) for place in range(len(NAMES))])
    yield site.app
    with site.app.app_context(), writing():
        db.session.execute(delete(WorkEntry).where(WorkEntry.kind == "moved"))


def box(page: Page, place: int) -> Locator:
    """What ticks a task."""
    return page.get_by_role("checkbox", name=f"Tick Forecast moved, {NAMES[place]}")


def states(app: Flask) -> list[tuple[str, str]]:
    """Owner and reason of each."""
    with app.app_context():
        return [(one.owner, one.reason) for one in db.session.scalars(
            select(WorkEntry).where(WorkEntry.kind == "moved").order_by(WorkEntry.rank.desc()))]


def test_tasks_are_worked_down_by_keyboard_alone(page: Page, tasks: Flask) -> None:
    page.goto("/work?kind=moved")
    page.keyboard.press("j")
    expect(box(page, 0)).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("m")  # the second is taken, and the focus stays at its place
    expect(page.get_by_role("status").filter(has_text="1 task now yours")).to_be_visible()
    expect(box(page, 1)).to_be_focused()

    page.keyboard.press("k")
    page.keyboard.press("e")
    page.keyboard.type("a promotion")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="1 task resolved")).to_be_visible()
    expect(box(page, 1)).to_be_focused()  # which took its place

    for key in ("j", "x", "j", "x", "e"):
        page.keyboard.press(key)
    expect(page.locator("#ticked-count")).to_have_text("2 ticked")
    page.keyboard.press("Enter")  # with the reason of before
    expect(page.get_by_role("status").filter(has_text="2 tasks resolved")).to_be_visible()
    assert states(tasks) == [("", "a promotion"), (EMAIL, ""), ("", "a promotion"), ("", "a promotion")]

    page.keyboard.press("g")
    page.keyboard.press("r")  # no retrain: "g r" leads to the retrains
    expect(page.get_by_role("heading", level=1)).to_have_text("Retrains")
    page.go_back()
    page.keyboard.press("j")
    page.keyboard.press("r")
    expect(page.get_by_role("heading", name="Retrain 1 region-item?")).to_be_visible()


def test_of_two_on_the_same_task_the_second_is_told(page: Page, tasks: Flask, site: Site,
                                                   admin_signed_in: StorageState, browser: Browser) -> None:
    context = browser.new_context(base_url=site.url, storage_state=admin_signed_in)
    other = context.new_page()
    other.goto("/work?kind=moved")
    page.goto("/work?kind=moved")
    page.keyboard.press("j")
    page.keyboard.press("m")
    expect(page.get_by_role("status").filter(has_text="1 task now yours")).to_be_visible()

    other.keyboard.press("j")
    other.keyboard.press("a")
    other.locator("#owner-wanted").select_option(ADMIN)
    other.keyboard.press("Enter")

    expect(other.get_by_role("status").filter(has_text=f"assigned to {EMAIL}, by {EMAIL}")).to_be_visible()
    assert states(tasks)[0] == (EMAIL, "")
    context.close()


def test_the_acts_are_there_once_something_is_ticked(page: Page, tasks: Flask) -> None:
    page.goto("/work?kind=moved")
    expect(page.get_by_text("Tick what to resolve")).to_be_visible()
    for name in ("Resolve", "Take", "Assign", "Snooze"):
        expect(page.get_by_role("button", name=name, exact=True)).to_be_hidden()

    box(page, 0).check()

    expect(page.get_by_role("button", name="Resolve", exact=True)).to_be_visible()
    box(page, 0).uncheck()
    expect(page.get_by_role("button", name="Resolve", exact=True)).to_be_hidden()


def test_a_line_of_several_tasks_is_counted_and_worked_as_all_of_them(page: Page, tasks: Flask, site: Site) -> None:
    with site.app.app_context(), writing():
        db.session.add_all([WorkEntry(kind="failed", subject=f"north|item {place:02}", due="2099-01-01", rank=1.0,
                                      told={"why": "no answer"}) for place in range(2)])
    page.goto("/work?kind=failed")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator("#ticked-count")).to_have_text("2 ticked")

    page.keyboard.press("m")

    expect(page.get_by_role("status").filter(has_text="2 tasks now yours")).to_be_visible()
    page.keyboard.press("o")
    expect(page.locator("#work tbody tr")).to_have_count(2)
    with site.app.app_context(), writing():
        db.session.execute(delete(WorkEntry).where(WorkEntry.kind == "failed"))
