"""The page that shows the API's document, drawn by its library under the app's content policy."""

from playwright.sync_api import Page, expect


def test_operations_are_drawn_and_nothing_is_refused_by_the_policy(page: Page) -> None:
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))

    page.goto("/api")

    expect(page.locator("#api .opblock-summary-path[data-path='/api/v1/totals']")).to_be_visible()
    page.locator("#api .opblock-summary-control", has_text="/api/v1/me").click()
    expect(page.locator("#api .opblock.is-open")).to_contain_text("Whose token this is")
    assert told == []


def test_it_is_no_wider_than_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto("/api")
    expect(page.locator("#api .opblock").first).to_be_visible()
    box = page.locator("#api .info .title").bounding_box()
    assert box is not None
    assert box["width"] > 200  # no class of ours makes its heading a sign

    assert page.evaluate("document.documentElement.scrollWidth") == 390
