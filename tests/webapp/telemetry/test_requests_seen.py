"""Requests are counted and traced where that is asked for."""

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, values
from prometheus_client.multiprocess import MultiProcessCollector

from demand_assets.forecasting.telemetry import tracing
from tests.webapp.conftest import EMAIL, KETTLE, ask_for_retrain, signed_in
from webapp import create_app
from webapp.db.database import db
from webapp.settings import Settings
from webapp.tables import Retrain
from webapp.telemetry.counters import counters


@pytest.fixture
def counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Path:
    """Where an app that is made now counts."""
    folder = tmp_path / "counted"
    folder.mkdir()
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(folder))
    monkeypatch.setattr(values, "ValueClass", values.MultiProcessValue())
    counters.cache_clear()
    yield folder
    counters.cache_clear()


def requests_in(folder: Path) -> dict[tuple[str, str, str], float]:
    collector = MultiProcessCollector(CollectorRegistry(), path=str(folder))
    return {(sample.labels["method"], sample.labels["endpoint"], sample.labels["status"]): sample.value
            for metric in collector.collect() for sample in metric.samples
            if sample.name == "demand_web_requests_total"}


def test_requests_are_counted_whatever_they_are_called_and_metrics_are_for_who_has_the_token(
        counted: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METRICS_TOKEN", "a secret")
    client = create_app(settings).test_client()
    client.get("/health/live")
    client.get("/no/such/page")
    client.open("/health", method="INVENTED")
    shown, without, wrong = (client.get("/metrics", headers=headers) for headers in (
        {"Authorization": "Bearer a secret"}, {}, {"Authorization": "Bearer another"}))

    found = requests_in(counted)
    assert found["GET", "health.live", "2xx"] == 1
    assert found["GET", "none", "4xx"] == 1
    assert found["other", "none", "4xx"] == 1
    assert "demand_web_requests_total" in shown.text
    assert (shown.status_code, without.status_code, wrong.status_code) == (200, 403, 403)
    assert "demand_" not in without.text + wrong.text


def test_without_a_token_the_app_shows_no_metrics_for_whoever_asks_may_come_through_a_proxy(
        counted: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("METRICS_TOKEN", raising=False)
    client = create_app(settings).test_client()

    assert client.get("/metrics", environ_base={"REMOTE_ADDR": "127.0.0.1"}).status_code == 404


def test_counts_of_a_worker_that_ended_stay(counted: Path, settings: Settings) -> None:
    for worker in (1, 2):
        values.ValueClass = values.MultiProcessValue(process_identifier=lambda worker=worker: worker)
        counters.cache_clear()
        client = create_app(settings).test_client()
        for _ in range(worker):
            client.get("/health/live")

    assert requests_in(counted)["GET", "health.live", "2xx"] == 3


def test_where_nothing_is_counted_there_are_no_metrics(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)

    assert create_app(settings).test_client().get("/metrics").status_code == 404


def test_the_click_begins_the_trace_and_its_page_belongs_to_it(settings: Settings,
                                                               monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, str, str]] = []
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(tracing, "tell", lambda name, _began, parent="", request_id="", **_: told.append(
        (name, parent, request_id)))
    app = create_app(settings)
    client = signed_in(app.test_client(), EMAIL)

    shown = client.get(ask_for_retrain(client, [KETTLE.key], token="a" * 32).location)
    ask_for_retrain(client, [KETTLE.key], token="a" * 32)

    with app.app_context():
        request_id = db.session.query(Retrain).one().request_id
    assert f"For logs and traces: {tracing.trace_id_of(request_id)}" in " ".join(shown.text.split())
    asked = [one[1:] for one in told if one[0] == "POST retrains.ask"]
    assert asked == [("", request_id), (tracing.traceparent_of(request_id), "")]  # the second click is no second root
    assert ("GET retrains.detail", tracing.traceparent_of(request_id), "") in told
