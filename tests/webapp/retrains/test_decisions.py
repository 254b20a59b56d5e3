"""Each reason of a retrain once: of the same sentence with other numbers, with what all of them have in common."""

from flask import Flask
from flask.testing import FlaskClient

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.store.journal import Entry
from tests.webapp.conftest import Background, ask_for_retrain, page, text_of
from webapp.db.database import db
from webapp.retrains.decisions import decisions_of, is_of, shared_sentence
from webapp.retrains.progress import find_items
from webapp.tables import Retrain

MANY = [RegionItem("east", f"pan {number:02}") for number in range(14)]
WORSE = "WAPE {} % against {} % of the model in production, on the same demand: the margin of 1.0 % is not reached"


def decided(app: Flask, client: FlaskClient, background: Background) -> None:
    """Three were promoted, four not better each by other numbers, six had nothing new to learn; one waits."""
    background.catalogue(*MANY)
    ask_for_retrain(client, [], everything="1", q="pan")
    with app.app_context():
        request_id = db.session.query(Retrain).one().request_id
    background.journal(
        *(Entry(each, "promoted", request_id, reason="first model: WAPE 9.5 % against 12.0 % of seasonal naive",
                numbers={"version": 1}) for each in MANY[:3]),
        *(Entry(each, "kept", request_id, reason=WORSE.format(f"{10 + place}.5", f"{10 + place}.1"))
          for place, each in enumerate(MANY[3:7])),
        *(Entry(each, "kept", request_id, reason="nothing new") for each in MANY[7:13]))


def test_what_sentences_of_one_kind_share_is_said() -> None:
    assert shared_sentence([WORSE.format("9.5", "10.1"), WORSE.format("11.5", "10.1")]) == (
        "WAPE … against 10.1 % of the model in production, on the same demand: the margin of 1.0 % is not reached")
    assert shared_sentence(["trained to 2026-11-29", "trained to 2026-11-29"]) == "trained to 2026-11-29"
    assert shared_sentence(["trained to …", "trained to 2026-11-29"]) == "trained to …"


def test_each_decision_is_listed_once_and_opens_its_region_items(app: Flask, client: FlaskClient,
                                                                background: Background) -> None:
    decided(app, client, background)
    whole = page(client.get("/retrains/1"))

    assert [(text_of(row.select_one(".badge")), text_of(row.th), text_of(row.a))
            for row in whole.select("#decisions tbody tr")] == [
        ("promoted", "first model: WAPE 9.5 % against 12.0 % of seasonal naive", "3"),
        ("kept", "nothing new", "6"),
        ("kept", "WAPE … against … of the model in production, on the same demand: the margin of 1.0 % is not reached",
         "4"), ("queued", "–", "1")]
    assert len(whole.select("table")) == 1

    opened = page(client.get(str(whole.select("#decisions a")[2]["href"])))
    assert [text_of(row.th) for row in opened.select("tbody tr")] == [str(each) for each in MANY[3:7]]
    assert text_of(opened).count("is not reached") == 1
    assert client.get("/retrains/1?decision=gone").status_code == 404


def test_all_region_items_are_listed_when_asked_for_without_repeating_a_reason(app: Flask, client: FlaskClient,
                                                                              background: Background) -> None:
    decided(app, client, background)
    whole = page(client.get("/retrains/1?rows=all"))

    assert len(whole.select("table:not(#decisions) tbody tr")) == len(MANY)
    assert text_of(whole).count("nothing new") == 1


def test_in_german_too(app: Flask, client: FlaskClient, background: Background) -> None:
    decided(app, client, background)
    whole = page(client.get("/retrains/1", headers={"Accept-Language": "de"}))

    assert "WAPE … gegen … des Modells in Produktion" in text_of(whole.select_one("#decisions"))


def test_the_rows_of_all_decisions_are_those_of_the_retrain(app: Flask, client: FlaskClient,
                                                           background: Background) -> None:
    decided(app, client, background)
    with app.app_context():
        retrain = db.session.query(Retrain).one()
        of_each = [find_items(retrain, "", 1, is_of(one)).items for one in decisions_of(retrain)]
        assert sorted(row.key for rows in of_each for row in rows) == [each.key for each in MANY]
        assert [len(rows) for rows in of_each] == [one.count for one in decisions_of(retrain)]
