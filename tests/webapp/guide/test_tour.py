"""The tour: at the first sign-in, on the overview alone, until the person ends it."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from tests.webapp.conftest import EMAIL, page, post, signed_in, text_of
from webapp.db.database import db, writing
from webapp.guide.tour import STEPS
from webapp.tables import User


@pytest.fixture
def newcomer(app: Flask) -> FlaskClient:
    """Somebody who signs in for the first time."""
    with app.app_context(), writing():
        db.session.execute(update(User).where(User.email == EMAIL).values(toured_at=None, signed_in_at=None))
    return signed_in(app.test_client(), EMAIL)


def tour_on(client: FlaskClient, path: str) -> str | None:
    found = page(client.get(path)).select_one("#tour")
    return text_of(found) if found else None


def test_it_comes_at_the_first_sign_in_and_never_in_the_middle_of_work(newcomer: FlaskClient) -> None:
    assert (tour_on(newcomer, "/") or "").startswith("Overview Tour, 1 of 5")
    for path in ("/?q=kettle", "/?page=2", "/?since=3", "/totals", "/heat-map", "/work", "/forecasts", "/?tour=9"):
        assert tour_on(newcomer, path) is None, path
    assert "Tour, 1 of" not in newcomer.get("/", headers={"HX-Request": "true", "HX-Target": "table"}).text


def test_who_skips_it_does_not_see_it_again_in_any_browser(app: Flask, newcomer: FlaskClient) -> None:
    post(newcomer, "/guide/tour", {}, "/")

    assert tour_on(newcomer, "/") is None
    assert tour_on(signed_in(app.test_client(), EMAIL), "/") is None


def test_a_second_sign_in_is_too_late(app: Flask, newcomer: FlaskClient) -> None:
    assert tour_on(newcomer, "/") is not None

    assert tour_on(signed_in(app.test_client(), EMAIL), "/") is None
    assert tour_on(newcomer, "/") is None


def test_the_help_menu_opens_it_again_step_by_step_without_a_script(client: FlaskClient) -> None:
    link = page(client.get("/data")).find("a", string="Tour")
    assert link is not None
    path, titles = str(link["href"]), []  # type: ignore[index]
    while path:
        step = page(client.get(path)).select_one("#tour")
        assert step is not None
        titles.append(text_of(step.h2))
        following = step.select_one("#tour-next")
        path = str(following["href"]) if following else ""

    assert titles == [step.title for step in STEPS]
    assert "Done" in text_of(step)


def test_a_step_that_there_is_not_is_not_found(client: FlaskClient) -> None:
    assert text_of(page(client.get("/guide/tour/5"))).startswith("Plans Tour, 5 of 5")
    assert client.get("/guide/tour/6").status_code == 404
    assert client.get("/guide/tour/0").status_code == 404
