"""Two people at once, each in a browser of their own: what one does, the other sees, or does not."""

import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, StorageState, expect
from sqlalchemy import delete

from tests.webapp.browser.conftest import Site
from tests.webapp.conftest import KETTLE, ODD
from webapp.db.database import db, writing
from webapp.tables import SavedView

NEWCOMER, THEIR_PASSWORD = "newcomer@example.com", "a passphrase of one's own"


@pytest.fixture
def administrator(site: Site, admin_signed_in: StorageState, browser: Browser) -> Iterator[Page]:
    context = browser.new_context(base_url=site.url, storage_state=admin_signed_in)
    yield context.new_page()
    context.close()


@pytest.fixture
def newcomer(site: Site, browser: Browser) -> Iterator[Page]:
    context = browser.new_context(base_url=site.url)
    yield context.new_page()
    context.close()


def sign_in(page: Page) -> None:
    page.get_by_label("E-mail").fill(NEWCOMER)
    page.get_by_label("Password").fill(THEIR_PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.locator("#account-menu").wait_for()


def test_an_administrator_and_a_newcomer_side_by_side(administrator: Page, newcomer: Page) -> None:
    administrator.goto("/admin/users/new")
    administrator.get_by_label("E-mail").fill(NEWCOMER)
    administrator.get_by_label("planner").check()
    administrator.locator("main form [type=submit]").click()
    link = administrator.locator("#secret").inner_text()

    newcomer.goto(link)
    for field in newcomer.locator("[type=password]").all():
        field.fill(THEIR_PASSWORD)
    newcomer.locator("main form [type=submit]").click()
    newcomer.wait_for_url("**/sign-in*")
    sign_in(newcomer)

    # A planner plans, and keeps a scenario to oneself.
    newcomer.goto(f"/scenarios/new?ri={quote(KETTLE.key)}")
    newcomer.get_by_role("button", name="+ price").click()
    newcomer.locator("#change-0-value").fill("-10")
    newcomer.get_by_label("Name").fill("A secret sale")
    newcomer.get_by_label("Only for me").check()
    newcomer.get_by_role("button", name="Save and compute", exact=True).last.click()
    expect(newcomer.get_by_role("heading", name="A secret sale")).to_be_visible()
    assert administrator.goto(newcomer.url).status == 404  # type: ignore[union-attr]
    administrator.goto("/scenarios")
    expect(administrator.get_by_text("A secret sale")).to_have_count(0)
    assert newcomer.goto("/admin/users").status == 403  # type: ignore[union-attr]

    # The administrator takes the planning away while a what-if is being typed.
    newcomer.goto(f"/forecasts?ri={quote(ODD.key)}")
    newcomer.get_by_role("button", name="+ price").click()
    newcomer.locator("#change-0-value").fill("-10")
    administrator.goto("/admin/users")
    administrator.get_by_role("link", name=NEWCOMER).click()
    administrator.locator("#role").select_option("viewer")
    administrator.get_by_role("button", name="Change the role").click()
    expect(administrator.locator("main dd").first).to_contain_text("viewer: ")

    # The page's next look for news meets the door: they are signed out where they are, sign in again, and look without
    # planning.
    newcomer.get_by_label("Password").wait_for()
    sign_in(newcomer)
    newcomer.goto(f"/forecasts?ri={quote(ODD.key)}")
    expect(newcomer.locator("#totals")).to_be_visible()
    expect(newcomer.get_by_role("button", name="+ price")).to_have_count(0)
    assert newcomer.goto("/scenarios/new").status == 403  # type: ignore[union-attr]
    administrator.goto("/admin/audit")
    newest = administrator.locator("main tbody tr").filter(has_text="role changed").first
    for words in ("admin@example.com", "role changed", NEWCOMER, "planner", "viewer"):
        expect(newest).to_contain_text(words)


def test_two_planners_choose_apart_and_open_what_one_of_them_shared(site: Site, page: Page,
                                                                    administrator: Page) -> None:
    for planner, region in ((page, "north"), (administrator, "south")):
        planner.goto("/totals")
        planner.locator(f"#tick-region-{region}").check()
        expect(planner).to_have_url(re.compile(f"attribute=region(:|%3A){region}"))
    for planner, region, other in ((page, "north", "south"), (administrator, "south", "north")):
        expect(planner.locator("#table .chip")).to_have_text(re.compile(f"region {region}"))
        expect(planner.locator(f"#tick-region-{other}")).not_to_be_checked()

    page.locator("#tabs").get_by_role("link", name="Region-items").click()
    page.get_by_role("link", name="Save view").click()
    page.get_by_label("Name").fill("The north of two")
    page.get_by_label("Share with everyone here").check()
    page.get_by_role("button", name="Save", exact=True).click()
    try:
        administrator.goto("/")
        administrator.locator("#saved-views summary").click()
        administrator.get_by_role("link", name="The north of two").click()
        expect(administrator.locator("#tick-region-north")).to_be_checked()
        administrator.locator("#tabs").get_by_role("link", name="Totals").click()
        expect(administrator.locator("#table .chip")).to_have_text(re.compile("region north"))
        page.goto("/totals?attribute=region:north")
        theirs, own = (re.findall(r"\d", one.locator("#table tbody").inner_text()) for one in (administrator, page))
        assert theirs == own, "each writes numbers in their own way"
        administrator.locator("#tick-region-south").check()  # which changes nothing of what is shared
        expect(administrator.locator("#table .chip")).to_have_count(2)
        page.goto("/")
        page.locator("#saved-views summary").click()
        page.get_by_role("link", name="The north of two").click()
        expect(page.locator("#table .chip")).to_have_text(re.compile("region north"))
    finally:
        with site.app.app_context(), writing():
            db.session.execute(delete(SavedView).where(SavedView.name == "The north of two"))
