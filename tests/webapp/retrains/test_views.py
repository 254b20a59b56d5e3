import json
import re
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.store.journal import Entry
from tests.webapp.conftest import KETTLE, ODD, REGION_ITEMS, Background, ask_for_retrain, hidden, page, post, text_of
from tests.webapp.fakes import FakeDagster, FakeRegistry, keys_of
from webapp.dagster_client import DagsterDownError, DagsterUnsureError
from webapp.db.database import db, writing
from webapp.retrains.dispatch import MOST_RANGES
from webapp.retrains.request_and_item_states import JUDGING, SETTLING, note_run
from webapp.tables import Retrain, RetrainItem

ROWS = "table:not(#decisions)"
"""Of region-items."""
SCATTERED = [REGION_ITEMS[0], REGION_ITEMS[4], REGION_ITEMS[9], ODD]


def requests_stored(app: Flask) -> list[str]:
    with app.app_context():
        return [retrain.request_id for retrain in db.session.query(Retrain).order_by(Retrain.id)]


def state(client: FlaskClient, number: int = 1) -> str:
    return text_of(page(client.get(f"/retrains/{number}/progress")).select_one(".badge"))


def items(client: FlaskClient, number: int = 1) -> dict[str, str]:
    soup = page(client.get(f"/retrains/{number}/progress"))
    return {text_of(row.th): text_of(row.select_one(".badge")) for row in soup.select(f"{ROWS} tbody tr")}


def line(client: FlaskClient, region_item: object, number: int = 1) -> str:
    soup = page(client.get(f"/retrains/{number}/progress"))
    return next(text_of(row) for row in soup.select(f"{ROWS} tbody tr") if text_of(row.th) == str(region_item))


def test_a_request_is_stored_and_shown_before_anything_is_sent(app: Flask, client: FlaskClient,
                                                               dagster: FakeDagster) -> None:
    response = ask_for_retrain(client, keys_of(SCATTERED))

    assert (response.status_code, response.location) == (303, "/retrains/1")
    assert state(client) == "waiting to be sent"
    assert items(client) == {str(each): "queued" for each in SCATTERED}
    assert dagster.carried == []


def test_the_same_form_sent_twice_is_one_request(app: Flask, client: FlaskClient) -> None:
    token = hidden(page(client.get("/")), "token")
    fields = {"token": token, "ri": keys_of(SCATTERED)}

    first, second = (post(client, "/retrains", fields) for _ in range(2))

    assert first.location == second.location == "/retrains/1"
    assert len(requests_stored(app)) == 1
    assert "Already requested" in text_of(page(client.get(second.location)))


def test_another_selection_on_the_same_form_is_another_request(app: Flask, client: FlaskClient) -> None:
    token = hidden(page(client.get("/")), "token")
    post(client, "/retrains", {"token": token, "ri": [KETTLE.key]})
    post(client, "/retrains", {"token": token, "ri": [ODD.key]})

    assert len(set(requests_stored(app))) == 2


def test_region_items_of_an_unfinished_retrain_are_not_asked_again(app: Flask, client: FlaskClient) -> None:
    ask_for_retrain(client, keys_of(SCATTERED[:2]))
    overlapping = ask_for_retrain(client, keys_of(SCATTERED))

    words = text_of(page(client.get(overlapping.location)))
    assert "2 region-items are already in an unfinished retrain: north · kettle, north · item" in words
    assert set(items(client, 2)) == {str(each) for each in SCATTERED[2:]}
    covered = ask_for_retrain(client, keys_of(SCATTERED[:1]))
    assert covered.location == "/retrains/1"
    assert len(requests_stored(app)) == 2


def test_retrains_are_backfills_and_a_scattered_pick_is_one_run(client: FlaskClient, background: Background,
                                                                dagster: FakeDagster) -> None:
    ask_for_retrain(client, keys_of(REGION_ITEMS[1:2 * (MOST_RANGES + 1):2]))
    ask_for_retrain(client, keys_of(reversed(REGION_ITEMS[13:24])))
    ask_for_retrain(client, keys_of(REGION_ITEMS[2:5:2]))
    background.send()

    run, neighbours, two = dagster.carried
    assert (run.sent.carrier, run.keys) == ("run", keys_of(REGION_ITEMS[1:2 * (MOST_RANGES + 1):2]))
    assert (neighbours.sent.carrier, neighbours.keys) == ("backfill", keys_of(REGION_ITEMS[13:24]))
    assert (two.sent.carrier, two.keys) == ("backfill", keys_of(REGION_ITEMS[2:5:2]))
    assert state(client) == "running"
    assert "/runs/run0" in str(page(client.get("/retrains/1")))
    assert "/runs/b/backfill1" in str(page(client.get("/retrains/2")))


def test_a_request_is_sent_once_whatever_happens_in_between(app: Flask, client: FlaskClient, background: Background,
                                                            dagster: FakeDagster) -> None:
    ask_for_retrain(client, [KETTLE.key])
    dagster.launch_run(requests_stored(app)[0], [KETTLE.key])  # sent, and then the background process was killed
    background.send()
    background.send()

    assert len(dagster.carried) == 1
    assert state(client) == "running"


def test_a_lost_answer_does_not_send_it_again(app: Flask, client: FlaskClient, background: Background,
                                              dagster: FakeDagster) -> None:
    ask_for_retrain(client, [KETTLE.key])
    dagster.answer_gets_lost = True
    with pytest.raises(DagsterUnsureError):
        background.send()
    make_due(app)
    background.send()

    assert len(dagster.carried) == 1
    assert state(client) == "running"


def make_due(app: Flask) -> None:
    """Let the time of the next attempt come."""
    with app.app_context():
        for retrain in db.session.query(Retrain):
            retrain.next_attempt_at = None
        db.session.commit()


def test_while_dagster_is_down_requests_are_kept_and_the_page_says_so(app: Flask, client: FlaskClient,
                                                                      background: Background,
                                                                      dagster: FakeDagster) -> None:
    dagster.is_down = True
    ask_for_retrain(client, [KETTLE.key])
    with pytest.raises(DagsterDownError):
        background.send()
    words = text_of(page(client.get("/retrains/1")))
    assert "Dagster is down: the request is kept and will be sent when it is back" in words

    dagster.is_down = False
    background.send()
    assert dagster.carried == []  # its time has not come
    make_due(app)
    background.send()
    assert state(client) == "running"


def test_while_dagster_is_down_a_cancelled_request_does_not_promise_to_be_sent(
        app: Flask, client: FlaskClient, background: Background, dagster: FakeDagster) -> None:
    dagster.is_down = True
    ask_for_retrain(client, [KETTLE.key])
    with pytest.raises(DagsterDownError):
        background.send()
    post(client, "/retrains/1/cancel", {}, form_on="/retrains/1")

    words = text_of(page(client.get("/retrains/1")))
    assert "Being cancelled" in words
    assert "will be sent" not in words
    dagster.is_down = False
    make_due(app)
    background.send()
    assert (state(client), dagster.carried) == ("cancelled", [])


def test_what_kept_it_from_being_sent_is_forgotten_when_it_is_decided(app: Flask, client: FlaskClient,
                                                                      background: Background,
                                                                      dagster: FakeDagster) -> None:
    dagster.is_down = True
    ask_for_retrain(client, [KETTLE.key])
    with pytest.raises(DagsterDownError):
        background.send()
    background.journal(Entry(KETTLE, "kept", requests_stored(app)[0]))

    assert state(client) == "kept"
    assert "cannot be reached" not in client.get("/retrains/1/progress").text


def test_each_region_item_is_followed_to_its_decision(app: Flask, client: FlaskClient, background: Background,
                                                      dagster: FakeDagster) -> None:
    ask_for_retrain(client, keys_of(SCATTERED))
    background.send()
    request_id = requests_stored(app)[0]
    a, b, c, d = SCATTERED
    background.journal(*(Entry(each, "started", request_id) for each in SCATTERED))
    assert set(items(client).values()) == {"training"}

    background.journal(Entry(a, "trained", request_id, numbers={"version": 4, "wape": 0.2}),
                       Entry(b, "trained", request_id, numbers={"version": 2}),
                       Entry(c, "quarantined", request_id, reason="all rows were refused"),
                       Entry(d, "failed", request_id, reason="ValueError: no"))
    assert items(client) == {str(a): "being judged", str(b): "being judged", str(c): "quarantined", str(d): "failed"}

    background.journal(
        Entry(a, "promoted", request_id, reason="WAPE 10.0 % against 20.0 %",
              numbers={"version": 4, "replaced": 3, "wape": 0.1, "wape_production": 0.2, "wape_seasonal_naive": 0.3}),
        Entry(b, "kept", request_id, reason="not better", numbers={"version": 2, "replaced": 1}))

    assert re.search(r"v3 → v4 , promoted today, \d+:\d\d.[AP]M UTC . WAPE 10.0 % against 20.0 %", line(client, a))
    assert "10.0 % 20.0 % 30.0 %" in line(client, a)
    assert "v1 stays (v2 was judged): not better" in line(client, b)
    assert "all rows were refused" in line(client, c)
    assert "ValueError: no" in line(client, d)
    soup = page(client.get("/retrains/1/progress"))
    assert "3 of 4 done, 1 failed." in text_of(soup)
    assert text_of(soup.select_one(".badge")) == "partly failed"
    assert "hx-trigger" not in str(soup)


def test_a_reason_of_several_is_told_once(app: Flask, client: FlaskClient, background: Background) -> None:
    ask_for_retrain(client, keys_of(SCATTERED[:2]))
    background.send()
    request_id = requests_stored(app)[0]
    background.journal(*(Entry(each, "failed", request_id, reason="no file matches juice.csv")
                         for each in SCATTERED[:2]))

    soup = page(client.get("/retrains/1"))
    assert text_of(soup).count("no file matches juice.csv") == 1
    assert "for the reason above" in line(client, SCATTERED[0])


def test_of_a_first_model_the_numbers_are_told_by_the_columns_alone(app: Flask, client: FlaskClient,
                                                                    background: Background) -> None:
    ask_for_retrain(client, [KETTLE.key])
    background.send()
    background.journal(Entry(KETTLE, "promoted", requests_stored(app)[0], numbers={
        "version": 1, "wape": 0.646, "wape_seasonal_naive": 1.353, "total_periods": 28, "wape_totals": 0.465,
        "wape_totals_seasonal_naive": 1.0},
        reason="first model: WAPE 46.5 % of totals of 28 periods against 100.0 % of seasonal naive"))

    for path in ("/retrains/1", "/models"):
        told = text_of(page(client.get(path)).select_one("tbody tr"))
        assert "against" not in told
        assert "46.5 % in totals of 28 days 64.6 % by day" in told
        assert "100.0 % 135.3 % by day" in told


def test_a_running_retrain_asks_again_every_two_seconds(client: FlaskClient) -> None:
    ask_for_retrain(client, [KETTLE.key])

    assert page(client.get("/retrains/1/progress")).select_one("#retrain-1")["hx-trigger"] == "every 1s"  # type: ignore[index]


def test_decisions_of_other_requests_change_nothing_here(client: FlaskClient, background: Background) -> None:
    ask_for_retrain(client, [KETTLE.key])
    background.journal(Entry(KETTLE, "promoted", "another request", numbers={"version": 9}))

    assert items(client) == {str(KETTLE): "queued"}


def test_what_a_run_left_open_is_closed_with_a_reason(app: Flask, client: FlaskClient, background: Background,
                                                      dagster: FakeDagster, monkeypatch: pytest.MonkeyPatch) -> None:
    ask_for_retrain(client, keys_of(SCATTERED))
    background.send()
    request_id = requests_stored(app)[0]
    background.journal(Entry(SCATTERED[0], "started", request_id), Entry(SCATTERED[1], "trained", request_id))
    dagster.carried[0].state = "failed"
    background.follow()
    assert "failed" not in items(client).values()  # a crashed run may be started again

    let_time_pass(app, seconds=20)
    background.follow()
    assert list(items(client).values()) == ["failed", "being judged", "failed", "failed"]
    assert "The training was cut off. Nothing has changed: the last model still serves." in line(client, SCATTERED[0])

    background.journal(Entry(SCATTERED[1], "kept", request_id, reason="no"))
    assert state(client) == "partly failed"


def test_a_candidate_that_nobody_judges_is_given_up_in_the_end(app: Flask, client: FlaskClient,
                                                               background: Background, dagster: FakeDagster) -> None:
    ask_for_retrain(client, [KETTLE.key])
    background.send()
    background.journal(Entry(KETTLE, "trained", requests_stored(app)[0]))
    dagster.carried[0].state = "succeeded"
    background.follow()
    let_time_pass(app, seconds=16 * 60)
    background.follow()
    assert "promotion sensor" in line(client, KETTLE)

    background.journal(Entry(KETTLE, "promoted", requests_stored(app)[0], numbers={"version": 1}))
    assert items(client) == {str(KETTLE): "promoted"}  # what the journal says counts


def let_time_pass(app: Flask, seconds: float) -> None:
    """Let the run have ended that long ago."""
    with app.app_context():
        for retrain in db.session.query(Retrain):
            assert retrain.ended_at is not None
            retrain.ended_at -= timedelta(seconds=seconds)
        db.session.commit()


def test_cancelling_before_it_is_sent_sends_nothing(client: FlaskClient, background: Background,
                                                    dagster: FakeDagster) -> None:
    ask_for_retrain(client, keys_of(SCATTERED))
    post(client, "/retrains/1/cancel", {})
    background.send()

    assert state(client) == "cancelled"
    assert dagster.carried == []
    ask_for_retrain(client, keys_of(SCATTERED))
    assert set(items(client, 2)) == {str(each) for each in SCATTERED}


def test_what_cannot_be_stopped_while_it_starts_is_stopped_as_soon_as_it_can(
        app: Flask, client: FlaskClient, background: Background, dagster: FakeDagster) -> None:
    ask_for_retrain(client, keys_of(SCATTERED))
    background.send()
    post(client, "/retrains/1/cancel", {})
    dagster.is_starting = True
    background.follow()
    assert dagster.carried[0].state == "waiting"

    dagster.carried[0].state, dagster.is_starting = "running", False
    background.follow()

    assert dagster.carried[0].state == "cancelled"


def test_a_run_that_follows_a_failed_one_after_the_cancel_is_stopped_too(
        app: Flask, client: FlaskClient, background: Background, dagster: FakeDagster) -> None:
    ask_for_retrain(client, keys_of(SCATTERED))
    background.send()
    dagster.carried[0].state = "failed"
    post(client, "/retrains/1/cancel", {})
    background.follow()
    dagster.carried[0].state = "running"  # it is started again by Dagster

    background.follow()

    assert dagster.carried[0].state == "cancelled"


def test_cancelling_a_running_one_stops_it_in_dagster(app: Flask, client: FlaskClient, background: Background,
                                                      dagster: FakeDagster) -> None:
    ask_for_retrain(client, keys_of(SCATTERED))
    background.send()
    background.journal(Entry(SCATTERED[0], "promoted", requests_stored(app)[0], numbers={"version": 1}))
    post(client, "/retrains/1/cancel", {})
    assert "Being cancelled" in text_of(page(client.get("/retrains/1")))

    background.follow()
    let_time_pass(app, seconds=20)
    background.follow()
    assert dagster.carried[0].state == "cancelled"
    assert list(items(client).values()) == ["promoted", "cancelled", "cancelled", "cancelled"]
    assert state(client) == "finished"
    assert "nothing left to cancel" in text_of(page(client.get(post(client, "/retrains/1/cancel", {}).location)))


def test_region_items_that_dagster_does_not_know_are_told_and_the_rest_is_sent(client: FlaskClient,
                                                                               background: Background,
                                                                               dagster: FakeDagster) -> None:
    dagster.keys.remove(ODD.key)
    ask_for_retrain(client, [KETTLE.key, ODD.key])
    background.send()

    assert dagster.carried[0].keys == [KETTLE.key]
    assert "Dagster has no partition for it" in line(client, ODD)


def test_unknown_region_items_and_retrains_are_404(client: FlaskClient) -> None:
    assert ask_for_retrain(client, ["north|nothing"]).status_code == 404
    assert client.get("/retrains/7").status_code == 404
    assert client.get("/retrains/99999999999999999999").status_code == 404
    assert post(client, "/retrains/7/cancel", {}).status_code == 404


def test_everything_that_matches_can_be_retrained(client: FlaskClient, background: Background,
                                                  dagster: FakeDagster) -> None:
    ask_for_retrain(client, [], everything="1")
    background.send()

    assert (dagster.carried[0].sent.carrier, len(dagster.carried[0].keys)) == ("backfill", len(REGION_ITEMS))


def test_the_list_shows_who_asked_and_what_came_of_it(app: Flask, client: FlaskClient, background: Background) -> None:
    assert "No retrains yet" in text_of(page(client.get("/retrains")))
    ask_for_retrain(client, [KETTLE.key])
    background.send()
    background.journal(Entry(KETTLE, "kept", requests_stored(app)[0]))

    assert re.search(r"#1 .* planner@example.com – kept 1 1 kept", text_of(page(client.get("/retrains")).tbody))


def test_a_first_training_says_how_many_got_no_model_and_each_count_leads_to_them(client: FlaskClient,
                                                                                  background: Background) -> None:
    about: dict[str, Any] = {"request_id": "first-1", "run_id": "run1", "asked_by": "first training"}
    background.journal(Entry(KETTLE, "started", **about), Entry(ODD, "started", **about))
    background.journal(Entry(KETTLE, "promoted", numbers={"version": 1}, **about),
                       Entry(ODD, "kept", reason="worse", **about))

    row = page(client.get("/retrains")).select_one("#retrains tbody tr")
    assert "automatic (first training)" in text_of(row)
    links = {text_of(link): str(link["href"]) for link in row.select("[data-label=Decision] a")}  # type: ignore[union-attr]
    assert list(links) == ["1 promoted", "1 without a model of its own"]
    shown = page(client.get(links["1 without a model of its own"]))
    assert text_of(shown.select_one(".state-link.here")) == "1 without a model of its own"
    assert [text_of(one) for one in shown.select("#region-items tbody th")] == [str(ODD)]


def test_a_decision_that_the_journal_lost_is_taken_from_the_registry(app: Flask, client: FlaskClient,
                                                                     background: Background, registry: FakeRegistry,
                                                                     model: ForecastModel) -> None:
    ask_for_retrain(client, [KETTLE.key])
    background.send()
    long_ago = "2026-01-01T00:00:00.000+00:00"
    background.journal(Entry(KETTLE, "trained", requests_stored(app)[0], numbers={"version": 1}, at=long_ago))
    registry.promote(KETTLE, model, decided_at="2026-01-01T00:01:00+00:00")
    background.watch()

    assert items(client) == {str(KETTLE): "promoted"}
    assert state(client) == "promoted"


@pytest.mark.parametrize("is_given_up", [False, True])
def test_a_lost_decision_counts_that_was_made_before_the_training_was_told_once_more(
        app: Flask, client: FlaskClient, background: Background, registry: FakeRegistry, model: ForecastModel,
        is_given_up: bool) -> None:
    ask_for_retrain(client, [KETTLE.key])
    background.send()
    background.journal(Entry(KETTLE, "trained", requests_stored(app)[0], numbers={"version": 1},
                             at="2026-01-01T00:02:00.000+00:00"))
    if is_given_up:
        with app.app_context(), writing():
            retrain = db.session.scalars(db.select(Retrain)).one()
            note_run(retrain, "succeeded", cancel_sent=False)
            retrain.ended_at -= JUDGING
            note_run(retrain, "succeeded", cancel_sent=False)
        assert items(client) == {str(KETTLE): "failed"}
    registry.promote(KETTLE, model, decided_at="2026-01-01T00:01:00+00:00")
    background.watch()

    assert items(client) == {str(KETTLE): "promoted"}


def test_a_decision_counts_where_the_app_had_given_up_before_it_heard_of_a_version(
        app: Flask, client: FlaskClient, background: Background, registry: FakeRegistry, model: ForecastModel) -> None:
    ask_for_retrain(client, [KETTLE.key, ODD.key])
    background.send()
    with app.app_context(), writing():
        retrain = db.session.scalars(db.select(Retrain)).one()
        note_run(retrain, "failed", cancel_sent=False)
        retrain.ended_at -= SETTLING
        note_run(retrain, "failed", cancel_sent=False)
    assert items(client) == {str(KETTLE): "failed", str(ODD): "failed"}
    registry.promote(KETTLE, model, decided_at="2026-01-01T00:01:00+00:00", request_id=requests_stored(app)[0])
    registry.promote(ODD, model, decided_at="2026-01-01T00:01:00+00:00", request_id="of another retrain")
    background.watch()

    assert items(client) == {str(KETTLE): "promoted", str(ODD): "failed"}
    with app.app_context():
        assert {item.key: item.version for item in db.session.scalars(db.select(RetrainItem))} == {
            KETTLE.key: 1, ODD.key: None}


def test_a_decision_on_another_version_is_none_on_this_one(
        app: Flask, client: FlaskClient, background: Background, registry: FakeRegistry, model: ForecastModel) -> None:
    ask_for_retrain(client, [KETTLE.key])
    background.send()
    background.journal(Entry(KETTLE, "trained", requests_stored(app)[0], numbers={"version": 2},
                             at="2026-01-01T00:00:00.000+00:00"))
    registry.promote(KETTLE, model, decided_at="2026-01-01T00:01:00+00:00")
    background.watch()

    assert items(client) == {str(KETTLE): "being judged"}


def listed(client: FlaskClient, **filters: str) -> list[str]:
    """Number of each retrain of the list, as it stands."""
    soup = page(client.get("/retrains", query_string=filters))
    return [text_of(row.th) for row in soup.select("#retrains tbody tr")]


def test_what_a_sensor_or_an_engineer_asked_for_is_listed_with_who_and_why(client: FlaskClient,
                                                                           background: Background) -> None:
    by_sensor, by_engineer = "sensor: new demand, age", "an engineer"
    background.journal(
        Entry(KETTLE, "started", "sensor-1", "run1", asked_by=by_sensor, at="2026-06-30T10:00:00.000+00:00"),
        Entry(ODD, "started", "sensor-1", "run1", asked_by=by_sensor, at="2026-06-30T10:00:00.000+00:00"))
    background.journal(
        Entry(KETTLE, "trained", "sensor-1", "run1", numbers={"version": 1}, asked_by=by_sensor),
        Entry(KETTLE, "kept", "sensor-1", "run1", reason="worse", numbers={"version": 1}, asked_by=by_sensor))

    words = text_of(page(client.get("/retrains")).tbody)
    assert re.search(r"#1 .* automatic \(sensor\) new demand, age running 2 1 kept , 1 training", words)
    assert items(client) == {str(KETTLE): "kept", str(ODD): "training"}

    background.journal(Entry(ODD, "failed", "sensor-1", "run1", reason="no", asked_by=by_sensor),
                       Entry(KETTLE, "trained", "", "run2", numbers={"version": 2}, asked_by=by_engineer))
    assert state(client) == "partly failed"
    assert listed(client, by="automatic") == ["#1"]
    assert listed(client, by="engineer") == ["#2"]
    assert listed(client, by="planner") == []


def test_an_engineers_backfill_is_one_retrain_with_all_of_its_region_items(
        app: Flask, client: FlaskClient, background: Background, dagster: FakeDagster) -> None:
    first, second, third, fourth = REGION_ITEMS[:4]
    dagster.launch_backfill("", keys_of([first, second, third, fourth]), "by hand")
    (carried,) = dagster.carried
    carried.state = "running"
    ask_for_retrain(client, [fourth.key])  # a planner's holds one of them
    name = f"backfill-{carried.sent.id}"
    background.journal(Entry(first, "started", name, "run1", asked_by="an engineer"))
    background.follow()

    assert items(client, 2) == {str(first): "training", **{str(one): "queued" for one in (second, third, fourth)}}
    assert f"/runs/b/{carried.sent.id}" in str(page(client.get("/retrains/2")))
    assert listed(client, by="engineer") == ["#2"]
    background.journal(Entry(first, "kept", name, "run1", reason="worse", asked_by="an engineer"),
                       Entry(second, "started", name, "run2", asked_by="an engineer"))
    background.follow()
    assert len(items(client, 2)) == 4
    assert items(client, 2)[str(second)] == "training"

    carried.state = "cancelled"
    background.follow()
    let_settle(app)
    background.follow()
    assert items(client, 2) == {str(first): "kept", **{str(one): "cancelled" for one in (second, third, fourth)}}


def let_settle(app: Flask) -> None:
    """Let the moment pass in which what a retrain that ended left open may still be told."""
    with app.app_context():
        for retrain in db.session.query(Retrain):
            if retrain.ended_at is not None:
                retrain.ended_at -= SETTLING
        db.session.commit()


def test_a_run_that_only_takes_in_demand_is_no_retrain(client: FlaskClient, background: Background) -> None:
    background.journal(Entry(KETTLE, "started", "", "run1"), Entry(KETTLE, "validated", "", "run1"))

    assert listed(client) == []


def test_a_journal_from_before_who_asked_was_written_is_told_by_the_requests_name(client: FlaskClient,
                                                                                  background: Background) -> None:
    background.journal(Entry(KETTLE, "started", "train-1", "run1"), Entry(ODD, "started", "sensor-2", "run2"))

    words = text_of(page(client.get("/retrains")).tbody)
    assert "make train" in words
    assert "sensor" in words


def test_a_region_item_that_a_sensor_retrains_is_not_asked_again(client: FlaskClient, background: Background) -> None:
    background.journal(Entry(KETTLE, "started", "sensor-1", "run1", asked_by="sensor: age"))

    asked = ask_for_retrain(client, [KETTLE.key])

    assert asked.location == "/retrains/1"
    assert "1 region-item is already in an unfinished retrain" in text_of(page(client.get(asked.location)))
    assert listed(client) == ["#1"]


def test_what_a_sensor_has_retrained_may_be_asked_for(client: FlaskClient, background: Background) -> None:
    background.journal(Entry(KETTLE, "started", "sensor-1", "run1"), Entry(KETTLE, "kept", "sensor-1", "run1"))

    assert ask_for_retrain(client, [KETTLE.key]).location == "/retrains/2"
    assert items(client, 2) == {str(KETTLE): "queued"}


def test_a_sensor_may_take_up_what_a_planner_waits_for(app: Flask, client: FlaskClient, background: Background,
                                                       dagster: FakeDagster) -> None:
    ask_for_retrain(client, [KETTLE.key])
    background.journal(Entry(KETTLE, "started", "sensor-1", "run1", asked_by="sensor: age"),
                       Entry(KETTLE, "kept", "sensor-1", "run1", asked_by="sensor: age"))
    background.journal(Entry(KETTLE, "kept", requests_stored(app)[0]))

    assert items(client, 1) == items(client, 2) == {str(KETTLE): "kept"}


def test_a_dead_run_of_a_sensor_is_closed(app: Flask, client: FlaskClient, background: Background,
                                          dagster: FakeDagster) -> None:
    background.journal(Entry(KETTLE, "started", "sensor-1", "gone", asked_by="sensor: age"))
    background.follow()
    let_time_pass(app, seconds=20)
    background.follow()

    assert items(client) == {str(KETTLE): "failed"}
    assert listed(client, show="failed") == ["#1"]


def test_the_list_is_paged_and_filtered(app: Flask, client: FlaskClient) -> None:
    for number in range(26):
        ask_for_retrain(client, [REGION_ITEMS[number].key])

    assert listed(client) == [f"#{number}" for number in range(26, 1, -1)]
    assert listed(client, page="2") == listed(client, page="9") == ["#1"]
    assert len(listed(client, show="mine")) == len(listed(client, show="running")) == 25
    assert listed(client, show="failed") == []
    assert "Nothing matches" in text_of(page(client.get("/retrains?show=failed")))
    for wrong in ("show=nothing", "by=nobody", "page=0", "page=x"):
        assert client.get(f"/retrains?{wrong}").status_code == 422


def test_a_page_that_has_everything_is_sent_nothing(app: Flask, client: FlaskClient, background: Background) -> None:
    ask_for_retrain(client, keys_of(SCATTERED))
    background.send()
    for url, where in (("/retrains/1/progress", "#retrain-1"), ("/retrains", "#retrains")):
        live = page(client.get(url)).select_one(where)
        assert live is not None
        asks = str(live["hx-get"])
        assert client.get(asks).status_code == 204

        background.journal(Entry(SCATTERED[len(where) % 2], "started", requests_stored(app)[0]))

        changed = client.get(asks)
        assert changed.status_code == 200
        assert page(changed).select_one(where) is not None


def test_an_update_tells_screen_readers_how_far_it_is(client: FlaskClient) -> None:
    ask_for_retrain(client, [KETTLE.key])

    said = page(client.get("/retrains/1")).select_one("#retrain-said")
    update = page(client.get("/retrains/1/progress?seen=older")).select_one("#retrain-said[hx-swap-oob]")

    assert said is not None
    assert said["aria-live"] == "polite"
    assert text_of(update) == "Waiting to be sent, 0 % done."


def test_region_items_are_paged_and_filtered_by_state(app: Flask, client: FlaskClient, background: Background) -> None:
    many = [RegionItem("east", f"pan {n:03}") for n in range(60)]
    background.catalogue(*REGION_ITEMS, *many)
    ask_for_retrain(client, [], everything="1", q="pan")
    background.journal(Entry(many[3], "failed", requests_stored(app)[0], reason="no"))

    whole = page(client.get("/retrains/1"))
    assert [text_of(row.th) for row in whole.select("#decisions tbody tr")] == ["for the reason above", "–"]
    assert not whole.select(f"{ROWS} tbody tr")
    assert len(page(client.get("/retrains/1/progress?rows=all")).select(f"{ROWS} tbody tr")) == 50
    second = page(client.get("/retrains/1?page=2"))
    assert len(second.select(f"{ROWS} tbody tr")) == 10
    failed = page(client.get("/retrains/1/progress?state=failed"))
    assert [text_of(row.th) for row in failed.select("tbody tr")] == [str(many[3])]
    assert [text_of(link) for link in failed.select(".state-link")] == ["1 failed", "59 queued", "show all"]
    assert "None is promoted" in text_of(page(client.get("/retrains/1/progress?state=promoted")))
    assert client.get("/retrains/1?state=gone").status_code == 422


def test_the_gates_numbers_stand_side_by_side(app: Flask, client: FlaskClient, background: Background) -> None:
    ask_for_retrain(client, [KETTLE.key])
    background.journal(Entry(KETTLE, "kept", requests_stored(app)[0], "run7", "not better", {
        "version": 2, "replaced": 1, "wape": 0.21, "wape_production": 0.2, "wape_seasonal_naive": 0.3, "bias": -0.05,
        "coverage_80": 0.79, "total_periods": 7, "wape_totals": 0.11, "wape_totals_production": 0.1,
        "wape_totals_seasonal_naive": 0.15}))

    told = line(client, KETTLE)
    assert "11.0 % in totals of 7 days 21.0 % by day 10.0 % 20.0 % by day 15.0 % 30.0 % by day −5.0 % 79 %" in told
    links = {text_of(link): str(link["href"]) for link in page(client.get("/retrains/1")).select("tbody a")}
    assert links["Run"] == "http://dagster.test/runs/run7"
    assert links["v2 in MLflow"].endswith("/#/models/shop.north.kettle/versions/2")


def test_a_planner_says_why(client: FlaskClient) -> None:
    ask_for_retrain(client, [KETTLE.key], reason="  the promo  was missed ")

    assert "Why: the promo was missed" in text_of(page(client.get("/retrains/1")))
    assert "the promo was missed" in text_of(page(client.get("/retrains")).tbody)
    assert ask_for_retrain(client, [ODD.key], reason="x" * 301).status_code == 422


def test_what_failed_is_tried_again_by_the_rules_of_any_request(app: Flask, client: FlaskClient,
                                                                background: Background) -> None:
    ask_for_retrain(client, keys_of(SCATTERED), reason="stale")
    a, b, c, d = SCATTERED
    request_id = requests_stored(app)[0]
    background.journal(Entry(a, "failed", request_id, reason="no"), Entry(b, "failed", request_id, reason="no"),
                       Entry(c, "kept", request_id), Entry(d, "promoted", request_id, numbers={"version": 2}))
    soup = page(client.get("/retrains/1"))
    assert "Retry the 2 failed" in text_of(soup)
    token = hidden(soup, "token")

    first, again = (post(client, "/retrains/1/retry", {"token": token}, form_on="/retrains/1") for _ in range(2))

    assert first.location == again.location == "/retrains/2"
    assert set(items(client, 2)) == {str(a), str(b)}
    assert "Why: retry of 2 region-items of #1: stale" in text_of(page(client.get("/retrains/2")))
    other = post(client, "/retrains/1/retry", {"token": "t" * 32}, form_on="/retrains/1")
    assert other.location == "/retrains/2"  # they are in an unfinished retrain
    assert "2 region-items are already in an unfinished retrain" in text_of(page(client.get(other.location)))
    assert len(requests_stored(app)) == 2


@pytest.mark.parametrize(("reason", "told"), [
    ("stale", ": stale"), ("", ""), ("retry the kettles", ": retry the kettles")])
def test_a_retry_of_a_retry_tells_the_first_reason_alone(app: Flask, client: FlaskClient, background: Background,
                                                         reason: str, told: str) -> None:
    ask_for_retrain(client, [KETTLE.key], reason=reason)
    for number in (1, 2, 3):
        background.journal(Entry(KETTLE, "failed", requests_stored(app)[-1], reason="no"))
        post(client, f"/retrains/{number}/retry", {"token": f"{number}" * 32}, form_on=f"/retrains/{number}")

    assert f"Why: retry of 1 region-item of #3{told} " in text_of(page(client.get("/retrains/4")).main)


def test_a_reason_that_an_older_version_wrote_with_its_readers_thousands_is_read(
        app: Flask, client: FlaskClient, background: Background) -> None:
    ask_for_retrain(client, [KETTLE.key], reason="stale")
    background.journal(Entry(KETTLE, "failed", requests_stored(app)[-1], reason="no"))
    for number, separator in enumerate((",", ".", "\N{NARROW NO-BREAK SPACE}", "\N{NO-BREAK SPACE}", "’", ""), 1):
        with app.app_context(), writing():
            retrain = db.session.get_one(Retrain, number)
            retrain.reason = f"retry of 1{separator}234 region-items of #7: stale"
        post(client, f"/retrains/{number}/retry", {"token": f"{number}" * 32}, form_on=f"/retrains/{number}")
        background.journal(Entry(KETTLE, "failed", requests_stored(app)[-1], reason="no"))
        with app.app_context():
            assert db.session.get_one(Retrain, number + 1).reason == f"retry of 1 region-item of #{number}: stale"


def test_where_nothing_failed_nothing_is_tried_again(client: FlaskClient) -> None:
    ask_for_retrain(client, [KETTLE.key])

    response = post(client, "/retrains/1/retry", {"token": "t" * 32})

    assert "Nothing failed in this retrain" in text_of(page(client.get(response.location)))


def test_the_forecast_before_and_after_is_drawn_by_both_versions(app: Flask, client: FlaskClient,
                                                                 background: Background, registry: FakeRegistry,
                                                                 model: ForecastModel) -> None:
    registry.promote(KETTLE, model)
    background.watch(sweep=True)
    ask_for_retrain(client, [KETTLE.key, ODD.key])
    registry.promote(KETTLE, model)
    background.watch()
    background.journal(
        Entry(KETTLE, "promoted", requests_stored(app)[0], numbers={"version": 2, "replaced": 1}),
        Entry(ODD, "kept", requests_stored(app)[0], numbers={"version": 1, "replaced": None}))

    url = f"/retrains/1/forecast?ri={KETTLE.key}"
    soup = page(client.get(url))
    drawn = json.loads(soup.select_one(".compare-data").text)  # type: ignore[union-attr]
    assert [line["name"] for line in drawn["lines"]] == ["Before: v1", "After: v2"]
    assert [len(line["rows"]) for line in drawn["lines"]] == [14, 14]
    assert "The new model forecasts as many units over 14 days as the one before" in text_of(soup)
    part = client.get(url, headers={"HX-Request": "true"})
    assert "<html" not in part.text
    assert "no candidate of this retrain was promoted" in client.get(f"/retrains/1/forecast?ri={ODD.key}").text
    assert client.get("/retrains/1/forecast?ri=north|nothing").status_code == 404


def test_a_first_model_is_drawn_against_what_stood_in_for_it(app: Flask, client: FlaskClient, background: Background,
                                                             registry: FakeRegistry, model: ForecastModel) -> None:
    ask_for_retrain(client, [KETTLE.key])
    registry.promote(KETTLE, model)
    background.watch(sweep=True)
    background.journal(Entry(KETTLE, "promoted", requests_stored(app)[0], numbers={"version": 1, "replaced": None}))

    assert "Before: seasonal naive" in client.get(f"/retrains/1/forecast?ri={KETTLE.key}").text


def test_versions_whose_files_are_gone_are_told(app: Flask, client: FlaskClient, background: Background) -> None:
    ask_for_retrain(client, [KETTLE.key])
    background.journal(Entry(KETTLE, "promoted", requests_stored(app)[0], numbers={"version": 3, "replaced": 2}))

    assert "The files of v2 are not here" in client.get(f"/retrains/1/forecast?ri={KETTLE.key}").text


def test_pinned_models_are_told_before_they_are_retrained(app: Flask, client: FlaskClient, background: Background,
                                                          registry: FakeRegistry, model: ForecastModel) -> None:
    registry.promote(KETTLE, model)
    registry.pin(KETTLE, 1, "ada@example.com", "Christmas")
    background.watch(sweep=True)

    asked = ask_for_retrain(client, [KETTLE.key, ODD.key], reason="why not")
    words = text_of(page(asked))
    assert "1 model of the 2 selected is pinned" in words
    assert "pinned by ada@example.com: Christmas" in words
    assert requests_stored(app) == []

    fields = {str(field["name"]): str(field["value"]) for field in page(asked).select("main form input[name]")
              if field["name"] != "ri"} | {"ri": [KETTLE.key, ODD.key]}
    post(client, "/retrains", {**fields, "pinned": "leave"})
    assert set(items(client, 1)) == {str(ODD)}
    assert "why not" in text_of(page(client.get("/retrains/1")))
    ask_for_retrain(client, [KETTLE.key], pinned="include")
    assert set(items(client, 2)) == {str(KETTLE)}
    assert ask_for_retrain(client, [KETTLE.key], pinned="leave").status_code == 422
