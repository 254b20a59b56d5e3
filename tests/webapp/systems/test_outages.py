from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.webapp.conftest import page, text_of
from webapp.audit.seals import seal_some
from webapp.db.database import db, now, writing
from webapp.systems.signs_of_life import SILENT, note
from webapp.tables import SystemState

ALL = ("dagster", "mlflow", "store", "sync")


@pytest.fixture
def all_up(app: Flask) -> Flask:
    with app.app_context():
        for name in ALL:
            note(name, True)
        seal_some()  # what was recorded when the tests began
    return app


def polled(client: FlaskClient, soup_of: str = "/") -> str:
    """Where the banner of a page asks again."""
    banner = page(client.get(soup_of)).select_one("#systems")
    assert banner is not None
    return str(banner["hx-get"])


def test_nothing_is_sent_again_while_nothing_changes(all_up: Flask, client: FlaskClient) -> None:
    url = polled(client)

    assert client.get(url).status_code == 204
    with all_up.app_context():
        note("mlflow", True, "still well")
    assert client.get(url).status_code == 204


def test_health_says_since_when_the_background_process_is_silent(all_up: Flask, client: FlaskClient) -> None:
    assert client.get("/health").json == {"status": "ok", "db": "ok"}
    last = now() - SILENT - timedelta(minutes=5)
    with all_up.app_context(), writing():
        db.session.get_one(SystemState, "sync").checked_at = last

    told = client.get("/health")

    assert (told.status_code, told.json["status"]) == (200, "degraded")  # type: ignore[index]
    assert told.json["background_process_silent_since"] == last.isoformat(timespec="seconds")  # type: ignore[index]


def test_an_outage_appears_by_itself_and_goes_away_by_itself(all_up: Flask, client: FlaskClient) -> None:
    url = polled(client)
    with all_up.app_context():
        note("mlflow", False, "no answer on port 5000")

    outage = client.get(url)
    assert outage.status_code == 200
    soup = page(outage)
    assert "MLflow is down" in text_of(soup.select_one("#systems"))
    assert "Forecasts and scenarios work" in text_of(soup.select_one("#systems"))
    assert text_of(soup.select_one("#system-state summary")) == "MLflow is down"
    assert "no answer on port 5000" in text_of(soup.select_one("#system-state"))
    assert soup.html is None

    again = str(soup.select("#systems")[0]["hx-get"])
    assert client.get(again).status_code == 204
    with all_up.app_context():
        note("mlflow", True)
    back = page(client.get(again))
    assert text_of(back.select_one("#systems")) == ""
    assert text_of(back.select_one("#system-state summary")) == "All systems answer"


def test_each_system_is_named_with_its_state_and_since_when(all_up: Flask, client: FlaskClient) -> None:
    with all_up.app_context():
        note("dagster", False)

    lines = [text_of(line) for line in page(client.get("/")).select("#system-state li")]
    assert [line.split(" since ")[0] for line in lines] == [
        "Dagster is down", "MLflow answers", "The demand store answers", "The background process runs"]


def test_without_the_background_process_the_others_are_not_known(all_up: Flask, client: FlaskClient) -> None:
    with all_up.app_context(), writing():
        db.session.get_one(SystemState, "sync").checked_at = now() - SILENT - timedelta(seconds=5)

    soup = page(client.get("/"))
    lines = [text_of(line).split(" since ")[0] for line in soup.select("#system-state li")]
    assert lines == ["Dagster not known", "MLflow not known", "The demand store not known",
                     "The background process is not running"]
    assert "Retrain requests are kept, but not sent" in text_of(soup.select_one("#systems"))


def test_before_anything_was_watched_nothing_is_claimed(client: FlaskClient) -> None:
    soup = page(client.get("/"))

    assert text_of(soup.select_one("#system-state summary")) == "State of some systems is not known"
    assert text_of(soup.select_one("#systems")) == ""


def test_static_files_with_a_version_are_kept_for_good_and_answers_are_compressed(client: FlaskClient) -> None:
    versioned, plain = client.get("/static/app.css?v=1"), client.get("/static/app.css")
    compressed = client.get("/", headers={"Accept-Encoding": "gzip"})

    assert "immutable" in versioned.headers["Cache-Control"]
    assert plain.headers["Cache-Control"] == "public, max-age=86400"
    assert compressed.headers["Content-Encoding"] == "gzip"


def test_a_worker_lives_without_its_database_and_is_not_ready(app: Flask, anonymous: FlaskClient) -> None:
    assert [anonymous.get(f"/health/{what}").status_code for what in ("live", "ready")] == [200, 200]
    with app.app_context():
        db.drop_all()

    assert [anonymous.get(f"/health/{what}").status_code for what in ("live", "ready")] == [200, 503]
