"""One trace for a retrain, with a collector and without."""

import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from uuid import UUID

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from demand_assets.forecasting.telemetry import tracing
from demand_assets.forecasting.telemetry.tracing import current_trace, span, tell, trace_id_of, trace_of, traceparent_of
from tests.waiting import eventually

REQUEST = str(UUID("4bf92f35-77b3-5da6-a3ce-929d0e0e4736"))


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_SDK_DISABLED"):
        monkeypatch.delenv(name, raising=False)
    tracing._tracer.cache_clear()
    yield
    tracing._tracer.cache_clear()


@pytest.fixture
def collected(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """The spans that a collector on this machine gets."""
    spans: list[Any] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"])))
            spans.extend(one for of in request.resource_spans for scope in of.scope_spans for one in scope.spans)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    Thread(target=lambda: server.serve_forever(0.02), daemon=True).start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield spans
    server.shutdown()
    server.server_close()


def test_the_trace_is_known_by_the_request_and_has_the_form_of_w3c() -> None:
    assert trace_id_of(REQUEST) == "4bf92f3577b35da6a3ce929d0e0e4736"
    for request in (REQUEST, "sensor-0123456789ab", "backfill-abc", "ünïcode"):
        version, trace, first, flags = traceparent_of(request).split("-")
        assert (version, trace, len(first), flags) == ("00", trace_id_of(request), 16, "01")
        assert int(trace, 16)
        assert int(first, 16)
    assert traceparent_of("") == trace_of("") == trace_of("no traceparent") == ""


def test_without_a_collector_the_trace_goes_through_and_opentelemetry_is_not_asked(
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "_Tracer", None)  # to make one would fail
    asked = traceparent_of(REQUEST)

    with span("run", asked) as here, span("stage") as inside:
        tell("page", 1, asked)
        assert here == inside == asked
        assert current_trace() == trace_id_of(REQUEST)

    assert current_trace() == ""


@pytest.mark.parametrize("settings", [{"OTEL_SDK_DISABLED": "true"}, {"OTEL_EXPORTER_OTLP_ENDPOINT": ""}])
def test_what_is_switched_off_sends_nothing(settings: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    for name, value in settings.items():
        monkeypatch.setenv(name, value)

    assert not tracing.is_sent()


def test_spans_form_one_tree_from_the_click_on(collected: list[Any]) -> None:
    tell("POST retrains.ask", 1_700_000_000_000_000_000, request_id=REQUEST, status=303)

    def run() -> None:
        with span("run", traceparent_of(REQUEST), region_items=2):
            with span("worker"):
                pass
            raise ValueError("secret")

    with pytest.raises(ValueError, match="secret"):
        run()

    eventually(lambda: len(collected) == 3, 30, lambda: f"{len(collected)} spans came")
    by_name = {one.name: one for one in collected}
    assert {one.trace_id.hex() for one in collected} == {trace_id_of(REQUEST)}
    assert by_name["POST retrains.ask"].span_id.hex() == traceparent_of(REQUEST).split("-")[2]
    assert by_name["POST retrains.ask"].parent_span_id == b""
    assert by_name["run"].parent_span_id == by_name["POST retrains.ask"].span_id
    assert by_name["worker"].parent_span_id == by_name["run"].span_id
    assert (by_name["run"].status.code, by_name["run"].status.message) == (2, "ValueError")
    assert by_name["worker"].status.code == 0


def test_a_generator_that_is_left_leaves_no_trace_behind() -> None:
    def work() -> Iterator[int]:
        with span("run", traceparent_of(REQUEST)):
            yield 1
            yield 2

    left = work()
    next(left)
    left.close()

    assert current_trace() == ""


def test_what_a_stranger_sends_as_a_parent_breaks_nothing(collected: list[Any]) -> None:
    for parent in ("00-zz-zz-01", "x" * 10_000, "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "\n"):
        tell("page", 1_700_000_000_000_000_000, parent)

    eventually(lambda: len(collected) == 4, 30, lambda: f"{len(collected)} spans came")
    assert all(one.parent_span_id == b"" for one in collected)
    assert "opentelemetry" in sys.modules


def test_a_header_that_is_written_wrongly_is_told_without_its_value(monkeypatch: pytest.MonkeyPatch,
                                                                    caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "Authorization: Bearer a-secret")

    assert tracing.is_sent()

    assert "OTEL_EXPORTER_OTLP_HEADERS" in caplog.text
    assert "a-secret" not in caplog.text
