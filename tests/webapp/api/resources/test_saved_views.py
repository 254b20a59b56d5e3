"""Programs read saved views, and what they hold."""

from flask import Flask

from tests.webapp.api.conftest import Program
from tests.webapp.conftest import ADMIN, KETTLE, VIEWER
from webapp.db.database import db, writing
from webapp.tables import SavedView, SavedViewItem


def keep(app: Flask, **columns: object) -> None:
    with app.app_context(), writing():
        db.session.add(SavedView(**{"arguments": {}, "changed_by": ADMIN, "person": ADMIN, **columns}))


def test_own_and_shared_views_are_read_and_what_they_hold(app: Flask, viewing: Program) -> None:
    keep(app, name="Kettles", is_shared=True, arguments={"attribute": ["item:kettle"], "sort": "-total"})
    keep(app, name="Hidden")
    keep(app, name="Mine", person=VIEWER, is_picked=True)
    keep(app, name="Lost", is_shared=True, arguments={"attribute": ["colour:red"]})
    with app.app_context(), writing():
        for key in (KETTLE.key, "gone|kettle"):
            db.session.add(SavedViewItem(view_id=3, key=key))

    listed = viewing.told("/saved-views")["saved_views"]

    assert [one["name"] for one in listed] == ["Lost", "Mine", "Kettles"]
    assert [(one["picked"], one["gone"], one["lost"]) for one in listed] == [
        (False, 0, ["colour red"]), (True, 1, []), (False, 0, [])]
    assert viewing.told("/saved-views/1")["address"] == "/?attribute=item:kettle&sort=-total&view=1"
    assert [one["name"] for one in viewing.told("/saved-views?shared=false")["saved_views"]] == ["Mine"]
    held = [[one["key"] for one in viewing.told(f"/region-items?saved_view={number}")["region_items"]]
            for number in (1, 3)]
    assert held == [["north|kettle", "south|kettle"], ["north|kettle"]]
    for path in ("/saved-views/2", "/region-items?saved_view=2"):
        assert viewing.get(path).status_code == 404
    assert viewing.get("/region-items?saved_view=4").status_code == 422
