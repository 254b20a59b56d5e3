"""Saved views by their pages: saved, opened, shared, renamed, removed, started with; stars."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert, select, update
from werkzeug.test import TestResponse

from tests.webapp.attribute_builders import declare, take_in
from tests.webapp.conftest import ADMIN, EMAIL, KETTLE, ODD, REGION_ITEMS, Background, page, post, text_of
from webapp.db.database import db, writing
from webapp.personal import favourites
from webapp.saved_views.changes import MOST, SavedViewError, checked_name
from webapp.tables import AuditEntry, Favourite, Production, SavedView, SavedViewItem, StartView, User

EVIL = "\"'><script>alert(1)</script>"
SOUTH = "south|kettle"


@pytest.fixture
def app(shared_app: Flask) -> Flask:
    with shared_app.app_context(), writing():
        db.session.execute(update(Production).values(status="baseline"))
    return shared_app


def saved(client: FlaskClient, name: str = "My items", **fields: object) -> TestResponse:
    return post(client, "/views", {"name": name, **fields}, form_on="/views/new")


def changed(client: FlaskClient, view_id: int, seen: int = 1, **fields: object) -> TestResponse:
    return post(client, f"/views/{view_id}", {"seen": str(seen), **fields}, form_on="/views/new")


def shown(client: FlaskClient, url: str) -> list[str]:
    """The region-items of the overview at an address, which may lead to another."""
    return [text_of(row) for row in page(client.get(url, follow_redirects=True)).select("#selection tbody th")]


def log(app: Flask) -> list[tuple[str, str]]:
    with app.app_context():
        return [(row.act, row.subject) for row in db.session.scalars(
            select(AuditEntry).where(AuditEntry.kind == "view").order_by(AuditEntry.id))]


def test_a_view_of_filters_is_opened_as_it_was_saved_and_new_region_items_come_into_it(
        app: Flask, client: FlaskClient, background: Background) -> None:
    response = saved(client, attribute="item:kettle", sort="-total", columns="status,total")

    assert response.status_code == 303
    assert shown(client, response.headers["Location"]) == ["north · kettle", "south · kettle"]
    address = client.get("/views/1").headers["Location"]
    assert all(part in address for part in ("sort=-total", "columns=status", "view=1"))
    background.catalogue(*REGION_ITEMS, type(KETTLE)("west", "kettle"))
    assert len(shown(client, "/views/1")) == 3
    background.catalogue(*REGION_ITEMS)
    assert client.get("/views/1/forecasts").headers["Location"] == "/forecasts?attribute=item:kettle"


def test_picked_region_items_stay_the_same_and_those_that_are_gone_are_told(
        app: Flask, client: FlaskClient, background: Background) -> None:
    asked = post(client, "/views/picked", {"ri": [KETTLE.key, SOUTH]}, form_on="/")
    form = page(client.get(asked.headers["Location"]))
    assert "the 2 picked region-items" in text_of(form.select_one("#holds"))

    saved(client, "Kettles", of="picked", ri=[KETTLE.key, SOUTH])
    background.catalogue(*(one for one in REGION_ITEMS if one.key != SOUTH))

    opened = page(client.get("/views/1", follow_redirects=True))
    assert [text_of(row) for row in opened.select("#selection tbody th")] == ["north · kettle"]
    told = text_of(opened.select_one("#saved-views"))
    assert "1 region-item picked for this view is no longer in the dataset" in told
    assert "1 no longer in the dataset" in text_of(page(client.get("/views")).select_one("#list"))
    assert client.get("/views/1/forecasts").headers["Location"] == "/forecasts?ri=north%7Ckettle"
    everything = post(client, "/forecasts/selection", {"everything": "1", "picked": "1"}, form_on="/")
    assert everything.headers["Location"] == "/forecasts?ri=north%7Ckettle"
    background.catalogue(*REGION_ITEMS)


def test_all_that_match_are_saved_as_the_filters_they_match(client: FlaskClient) -> None:
    response = post(client, "/views/picked", {"everything": "1", "q": "kettle", "status": "baseline"}, form_on="/")

    assert response.headers["Location"] == "/views/new?q=kettle&status=baseline"
    assert "Holds what matches its filters: 2" in text_of(
        page(client.get(response.headers["Location"])).select_one("#holds"))


@pytest.mark.parametrize(("asked", "filters"), [
    ({"region": "north"}, ["region:north"]), ({"item": "kettle"}, ["item:kettle"]), ({"all": "1"}, [])])
def test_a_selection_of_whole_regions_or_items_is_saved_as_filters(
        app: Flask, client: FlaskClient, asked: dict[str, str], filters: list[str]) -> None:
    saved(client, of="picked", **asked)

    with app.app_context():
        [view] = db.session.scalars(select(SavedView))
        assert (view.is_picked, view.arguments.get("attribute", [])) == (False, filters)


def test_a_private_view_is_there_for_its_person_alone(
        app: Flask, client: FlaskClient, viewer: FlaskClient, admin: FlaskClient) -> None:
    saved(client, "Secret", of="picked", ri=[KETTLE.key, SOUTH])

    for other in (viewer, admin):
        for path in ("/views/1", "/views/1/forecasts", "/?picked=1"):
            assert other.get(path).status_code == 404, path
        for path in ("/views/1/remove", "/views/1/filters", "/views/1"):
            assert post(other, path, {"seen": "1", "name": "x"}, form_on="/views/new").status_code == 404
        assert post(other, "/views/start", {"start": "1"}, form_on="/views").status_code == 404
        assert "Secret" not in other.get("/views").text
        assert "Secret" not in other.get("/?view=1").text
        assert other.get("/?view=1").status_code == 200  # its filters stand in the address as well
    assert log(app) == [("saved", "a private view (1)")]


def test_planners_share_and_viewers_do_not(app: Flask, client: FlaskClient, viewer: FlaskClient) -> None:
    saved(client, "Ours", q="kettle", shared="1")

    assert "Ours" in viewer.get("/views").text
    assert shown(viewer, "/views/1") == ["north · kettle", "south · kettle"]
    refused = saved(viewer, "Theirs", q="kettle", shared="1")
    assert refused.status_code == 422
    assert "Planners and administrators share views" in text_of(page(refused).select_one("#error"))
    assert page(viewer.get("/views/new")).select_one("[name=shared]") is None
    saved(viewer, "Theirs", q="kettle")
    assert changed(viewer, 2, name="Theirs", sharing="1", shared="1").status_code == 422
    assert changed(viewer, 1, name="Mine").status_code == 422
    assert post(viewer, "/views/1/remove", {}, form_on="/views").status_code == 403
    assert log(app) == [("saved", "Ours (1)"), ("saved", "a private view (2)")]


def test_of_two_who_rename_one_shared_view_the_second_is_told_who_did(
        app: Flask, client: FlaskClient, admin: FlaskClient) -> None:
    saved(client, "Ours", q="kettle", shared="1")

    assert changed(admin, 1, name="Everybody's").status_code == 303
    second = changed(client, 1, name="Mine")

    assert second.status_code == 409
    assert f"{ADMIN} changed this view" in second.text
    assert "Everybody’s" in second.text or "Everybody&#39;s" in second.text
    with app.app_context():
        [view] = db.session.scalars(select(SavedView))
        assert (view.name, view.revision, view.person) == ("Everybody's", 2, EMAIL)
    assert changed(admin, 1, 2, name="x", sharing="1").status_code == 422, "it would be private to somebody else"


def test_two_views_of_a_person_have_two_names(client: FlaskClient) -> None:
    saved(client, "Mine", q="kettle")
    saved(client, "Other", q="kettle")

    assert saved(client, "  Mine ", q="item").status_code == 422
    assert changed(client, 2, name="Mine").status_code == 422


@pytest.mark.parametrize("name", ["", "  ", "x" * 81, "a\0b", "a\x1b[31m", "turned \u202e round"])
def test_a_name_is_one_that_can_be_read(name: str) -> None:
    with pytest.raises(SavedViewError):
        checked_name(name)


def test_names_are_text_wherever_they_stand(client: FlaskClient, viewer: FlaskClient) -> None:
    saved(client, EVIL, attribute=f"region:{ODD.region}", shared="1")

    for reader in (client, viewer):
        for path in ("/", "/views", "/views/1", "/forecasts"):
            text = reader.get(path, follow_redirects=True).text
            assert "<script>alert" not in text
            assert "&lt;script&gt;alert" in text, path


def test_what_is_shown_is_saved_to_the_view_that_is_open_by_its_owner(app: Flask, client: FlaskClient) -> None:
    saved(client, "Mine", q="kettle")
    page_ = page(client.get("/?view=1&q=item"))
    assert "changed since it was opened" in text_of(page_.select_one("#saved-views"))
    unchanged = page(client.get("/views/1", follow_redirects=True))
    assert "changed since" not in text_of(unchanged.select_one("#saved-views"))

    form = {str(one["name"]): str(one["value"]) for one in page_.select("#saved-views form input")}
    assert post(client, "/views/1/filters", form, form_on="/views/new").status_code == 303

    with app.app_context():
        assert db.session.scalar(select(SavedView.arguments)) == {"q": "item"}


def test_an_attribute_that_the_dataset_no_longer_has_is_told_and_nothing_is_done_to_more_than_was_meant(
        app: Flask, client: FlaskClient) -> None:
    before = app.extensions["services"]
    declare(app)
    take_in(app, {"kettle": {"category": "Hot"}})
    try:
        saved(client, attribute=["category:Hot", "region:north"])
        post(client, "/views/start", {"start": "1"}, form_on="/views")
        assert shown(client, "/") == ["north · kettle"]
    finally:
        app.extensions["services"] = before

    opened = client.get("/views/1", follow_redirects=True)
    assert "also filters by category Hot, which this dataset no longer has: more is shown" in opened.text
    assert "attribute=category" not in opened.request.full_path
    assert client.get("/", follow_redirects=True).status_code == 200
    refused = client.get("/views/1/forecasts")
    assert refused.status_code == 422
    assert "category Hot" in refused.text
    assert "no longer in the dataset: category Hot" in text_of(page(client.get("/views")).select_one("#list"))


def test_the_overview_opens_with_what_was_chosen_and_everything_is_one_click_away(
        client: FlaskClient, viewer: FlaskClient) -> None:
    saved(client, "Mine", attribute="item:kettle", shared="1")
    post(client, "/views/start", {"start": "1"}, form_on="/views")

    assert shown(client, "/") == ["north · kettle", "south · kettle"]
    assert len(shown(client, "/?view=all")) == 25
    first = page(client.get("/", follow_redirects=True))
    assert first.select_one("#movers") is not None, "what needs somebody is there as without a view"
    # what drops the last filter leads to everything, and not back to the start
    [chip] = first.select("#table .chip")
    assert len(shown(client, str(chip["href"]))) == 25
    pushed = client.get("/?q=", headers={"HX-Request": "true", "HX-Target": "table", "HX-Trigger": "filters"})
    assert pushed.headers["HX-Push-Url"] == "/?view=all"
    assert len(shown(viewer, "/")) == 25
    post(client, "/views/start", {"start": ""}, form_on="/views")
    assert client.get("/").status_code == 200


def test_a_start_that_is_removed_or_made_private_is_everything_again(
        app: Flask, client: FlaskClient, viewer: FlaskClient) -> None:
    saved(client, "Ours", q="kettle", shared="1")
    post(viewer, "/views/start", {"start": "1"}, form_on="/views")
    assert viewer.get("/").status_code == 302

    changed(client, 1, name="Ours", sharing="1")
    assert viewer.get("/").status_code == 200
    changed(client, 1, 2, name="Ours", sharing="1", shared="1")
    assert viewer.get("/").status_code == 302
    assert post(client, "/views/1/remove", {}, form_on="/views").status_code == 303
    assert viewer.get("/").status_code == 200
    with app.app_context():
        assert not db.session.scalars(select(StartView)).all()
    saved(client, "Next", q="item", shared="1")
    assert viewer.get("/views/1").status_code == 404, "the link to one that was removed opens no other"


def test_shared_views_of_somebody_who_is_gone_can_be_used_and_an_administrator_removes_them(
        app: Flask, client: FlaskClient, viewer: FlaskClient, admin: FlaskClient) -> None:
    saved(client, "Ours", of="picked", ri=[KETTLE.key, SOUTH], shared="1")
    with app.app_context(), writing():
        user = db.session.scalars(select(User).where(User.email == EMAIL)).one()
        user.email = "renamed@example.com"  # as if deleted by hand: nobody of that address is there

    assert shown(viewer, "/views/1") == ["north · kettle", "south · kettle"]
    assert post(admin, "/views/1/remove", {}, form_on="/views").status_code == 303
    with app.app_context():
        assert not db.session.scalars(select(SavedViewItem)).all()
    assert log(app)[-1] == ("removed", "Ours (1)")


def test_500_views_are_listed_by_page_and_one_more_is_refused(app: Flask, client: FlaskClient) -> None:
    with app.app_context(), writing():
        db.session.execute(insert(SavedView), [
            {"person": EMAIL, "name": f"view {n:03}", "is_shared": False, "is_picked": False, "arguments": {},
             "changed_by": EMAIL} for n in range(MOST)])

    assert saved(client, "one more").status_code == 422
    menu = page(client.get("/")).select_one(".saved-views-menu")
    assert len(menu.select("a")) < 25
    assert "485 more" in text_of(menu)
    assert len(page(client.get("/views?q=view 4&size=100")).select("#list tbody tr")) == 100
    assert len(page(client.get("/views?q=view 499")).select("#list tbody tr")) == 1


def test_stars_are_one_person_s_own_and_filter_the_overview(
        app: Flask, client: FlaskClient, viewer: FlaskClient) -> None:
    fragment = post(client, "/favourites", {"star": SOUTH, "on": "1"}, form_on="/", headers={"HX-Request": "true"})
    post(client, "/favourites", {"star": SOUTH, "on": "1"}, form_on="/")  # a second click of another tab

    assert page(fragment).select_one("button")["aria-pressed"] == "true"
    assert shown(client, "/?flag=favourite") == ["south · kettle"]
    assert client.get("/favourites/forecasts").headers["Location"] == "/forecasts?ri=south%7Ckettle"
    assert shown(viewer, "/?flag=favourite") == []
    assert viewer.get("/favourites/forecasts").status_code == 404
    star = page(client.get("/?q=south kettle")).select_one("tbody .star")
    assert (star["aria-pressed"], star["aria-label"]) == ("true", "Favourite: south · kettle")
    assert page(client.get(f"/forecasts?ri={SOUTH}")).select_one(".star")["aria-pressed"] == "true"
    post(client, "/views/start", {"start": "favourites"}, form_on="/views")
    assert shown(client, "/") == ["south · kettle"]
    post(client, str(star["formaction"]), {"star": SOUTH}, form_on="/views")
    assert shown(client, "/?flag=favourite") == []
    assert post(client, "/favourites", {"star": "no|where", "on": "1"}, form_on="/views").status_code == 404


def test_a_star_without_scripts_leads_back_to_where_it_was_and_nowhere_else(client: FlaskClient) -> None:
    for referrer, back in (("http://localhost/?q=kettle", "/?q=kettle"), ("https://evil.example/x", "/?view=all"),
                           ("http://localhost//evil.example", "/?view=all"), ("", "/?view=all")):
        response = post(client, "/favourites", {"star": SOUTH, "on": "1"}, form_on="/", headers={"Referer": referrer})
        assert response.headers["Location"] == back


def test_there_are_only_so_many_favourites(app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(favourites, "MOST", 1)
    post(client, "/favourites", {"star": SOUTH, "on": "1"}, form_on="/")

    assert post(client, "/favourites", {"star": KETTLE.key, "on": "1"}, form_on="/").status_code == 422
    with app.app_context():
        assert list(db.session.scalars(select(Favourite.key))) == [SOUTH]
