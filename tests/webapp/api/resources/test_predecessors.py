"""Predecessors said by a program: what a planner's word on the page is, with the same rules."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from demand_assets.forecasting.contract.region_item import RegionItem
from tests.webapp.api.conftest import Program
from tests.webapp.conftest import EMAIL, KETTLE, Background, demand_of, page, text_of
from webapp.db.database import db, writing
from webapp.tables import AuditEntry, CarriedLink

NEW = RegionItem("north", "item 01")
ASKED = {"item": NEW.item, "replaces": "kettle", "regions": ["north"], "scale": 0.5, "reason": "new packaging"}


@pytest.fixture(autouse=True)
def new_item(background: Background) -> None:
    """An item that was first sold 20 days ago."""
    background.services.store.write("demand", NEW, demand_of(6.0, 20))


def refused(planning: Program, **more: Any) -> str:
    response = planning.post("/predecessors", ASKED | more)
    assert response.status_code == 422, response.text
    assert planning.told("/predecessors")["predecessors"] == []
    return str(response.json["detail"])


def test_one_is_carried_over_shown_on_the_page_and_taken_back(app: Flask, client: FlaskClient, planning: Program,
                                                              background: Background) -> None:
    made = planning.post("/predecessors", ASKED | {"date": "2026-06-20"}, Idempotency_Key="packaging-2026")
    assert made.status_code == 201, made.text
    (link,) = made.json["predecessors"]
    assert {name: link[name] for name in ("key", "region", "item", "other", "kind", "scale", "date", "made_by")} == {
        "key": NEW.key, "region": "north", "item": NEW.item, "other": "kettle", "kind": "replaces", "scale": 0.5,
        "date": "2026-06-20", "made_by": EMAIL}
    background.tell_store()
    periods = planning.told(f"/region-items/{NEW.key}/demand?first=2026-06-01&last=2026-06-02")["periods"]
    sold = background.services.store.read("demand", KETTLE).set_index("date")["demand"]
    assert [one["carried"] for one in periods] == pytest.approx([0.5 * sold["2026-06-01"], 0.5 * sold["2026-06-02"]])
    row = page(client.get(f"/forecasts?ri={NEW.key}")).select_one("#carried tbody tr")
    assert text_of(row).startswith("kettle 0.5 Jun 20, 2026 new packaging")

    again = planning.post("/predecessors", ASKED | {"date": "2026-06-20"}).json  # the same once more changes nothing
    assert again == made.json
    assert planning.told(f"/predecessors?open=true&key={KETTLE.key}")["predecessors"] == [link]
    removed = planning.ask("DELETE", f"/predecessors/{link['id']}").json
    assert (removed["removed_by"], removed["id"]) == (EMAIL, link["id"])
    background.tell_store()
    assert planning.told(f"/region-items/{NEW.key}/demand?first=2026-06-01&last=2026-06-02")["periods"] == []
    assert planning.told("/predecessors?open=true")["predecessors"] == []
    assert [one["id"] for one in planning.told("/predecessors?open=false")["predecessors"]] == [link["id"]]
    with app.app_context():
        entries = db.session.query(AuditEntry).filter(AuditEntry.kind == "predecessor").order_by(AuditEntry.id)
        assert [one.act for one in entries] == ["linked", "removed"]


@pytest.mark.parametrize(("more", "says"), [
    ({"replaces": "item 01"}, "cannot replace itself"), ({"scale": 0}, "above 0"), ({"scale": 5000}, "1000"),
    ({"replaces": "nonesuch"}, "no item 'nonesuch'"), ({"regions": ["north", "nowhere"]}, "in nowhere"),
    ({"regions": []}, ""), ({"reason": " "}, ""), ({"date": "20.6.2026"}, ""), ({"scale": "half"}, ""),
    ({"item": "a|b\n"}, ""), ({"similar": ["kettle"]}, "")])
def test_what_cannot_be_said_is_refused_and_nothing_is_made(planning: Program, more: dict[str, Any],
                                                            says: str) -> None:
    assert says in refused(planning, **more)


def test_a_circle_is_refused(planning: Program) -> None:
    assert planning.post("/predecessors", ASKED).status_code == 201

    back = planning.post("/predecessors", ASKED | {"item": "kettle", "replaces": NEW.item})

    assert back.status_code == 422
    assert "closes a circle" in back.json["detail"]


def test_what_the_dataset_file_says_is_listed_and_taken_away_there(app: Flask, planning: Program) -> None:
    with app.app_context(), writing():
        db.session.add(CarriedLink(key=NEW.key, other="kettle", other_key=KETTLE.key, kind="similar", is_of_file=True))

    (link,) = planning.told("/predecessors")["predecessors"]

    assert (link["of_dataset_file"], link["kind"], link["date"]) == (True, "similar", None)
    assert "dataset file" in planning.ask("DELETE", f"/predecessors/{link['id']}").json["detail"]
    assert planning.ask("DELETE", "/predecessors/99").status_code == 404


def test_whoever_may_only_look_says_nothing(viewing: Program) -> None:
    assert viewing.post("/predecessors", ASKED).status_code == 403
    assert viewing.ask("DELETE", "/predecessors/1").status_code == 403
    assert viewing.told("/predecessors") == {"predecessors": [], "next": None}
