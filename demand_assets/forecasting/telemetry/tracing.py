"""One trace for a retrain: from the click through Dagster's run and its workers to the registry and back to the page.

The trace's id is made of the request's id, so that whoever knows the one knows the other: the page, the run's tag in
Dagster, the version's tag in MLflow, every line of a JSON log. Spans are sent only where a collector is named
(``OTEL_EXPORTER_OTLP_ENDPOINT``); OpenTelemetry is not even imported elsewhere.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from hashlib import sha256
from typing import Any
from uuid import UUID

from demand_assets.forecasting.telemetry.settings import TelemetrySettings

TRACEPARENT = "traceparent"
"""Name of a tag whose value is W3C's ``traceparent``: version, trace, span and flags in hexadecimal digits."""
SEND_SECONDS = 1.0
"""How long a span waits for others before it is sent."""
GIVE_UP_SECONDS = 5.0
"""How long the collector may take to answer."""
Attribute = str | int | float | bool

_current: ContextVar[str] = ContextVar("traceparent", default="")


def trace_id_of(request_id: str) -> str:
    """The id of the trace of a request, 32 hexadecimal digits: those of its UUID, of another id its digest's."""
    try:
        return UUID(request_id).hex
    except ValueError:
        return sha256(request_id.encode()).hexdigest()[:32]


def traceparent_of(request_id: str) -> str:
    """The W3C ``traceparent`` of a request's first span; empty where nobody asked."""
    return f"00-{trace_id_of(request_id)}-{_first_span(request_id)}-01" if request_id else ""


def trace_of(traceparent: str) -> str:
    """The trace's id in a ``traceparent``; empty where that is none."""
    parts = traceparent.split("-")
    return parts[1] if len(parts) == 4 and len(parts[1]) == 32 else ""


def current_trace() -> str:
    """The id of the trace that the caller's work belongs to; empty where it belongs to none."""
    return trace_of(_current.get())


@contextmanager
def span(name: str, parent: str = "", **attributes: Attribute) -> Iterator[str]:
    """Trace the block; its ``traceparent``, which is the parent's where traces are not sent.

    What the block logs, and spans in it that name no other parent, belong to it. May be left open by a generator.

    Args:
        parent: the ``traceparent`` of what it is a part of; unless given, of what the caller's work belongs to.
        attributes: numbers and short names.
    """
    before = _current.get()
    parent = parent or before
    tracer = _tracer(os.getpid())
    made = None if tracer is None else tracer.begin(name, parent, attributes)
    here = made.traceparent if made else parent
    _current.set(here)
    try:
        yield here
    except BaseException as error:
        if made and not isinstance(error, GeneratorExit):
            made.failed(error)
        raise
    finally:
        _current.set(before)
        if made:
            made.end()


def tell(name: str, began_ns: int, parent: str = "", request_id: str = "", **attributes: Attribute) -> None:
    """Send a span that ends now.

    Args:
        began_ns: nanoseconds since 1970.
        request_id: of the request that the span is the first one of; else it is a part of ``parent``.
    """
    if (tracer := _tracer(os.getpid())) is not None:
        tracer.begin(name, parent, attributes, began_ns, request_id).end()


def is_sent() -> bool:
    """Whether spans are sent."""
    return _tracer(os.getpid()) is not None


def _first_span(request_id: str) -> str:
    return sha256(b"first span of " + request_id.encode()).hexdigest()[:16]


class _Begun:
    """A span that has begun."""

    def __init__(self, otel_span: Any) -> None:
        self._span = otel_span
        context = otel_span.get_span_context()
        self.traceparent = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"

    def failed(self, error: BaseException) -> None:
        from opentelemetry.trace import Status, StatusCode

        self._span.set_status(Status(StatusCode.ERROR, type(error).__name__))

    def end(self) -> None:
        self._span.end()


def _without_header(record: logging.LogRecord) -> bool:
    """Words of ours in place of the library's, which repeat a header that is written wrongly, secrets and all."""
    record.msg = ("a header in OTEL_EXPORTER_OTLP_HEADERS or OTEL_EXPORTER_OTLP_TRACES_HEADERS is not sent: write "
                  "NAME=VALUE, several with commas between them, and other characters percent-encoded")
    record.args = ()
    return True


class _Tracer:
    """Makes spans and sends them, from this process."""

    def __init__(self, settings: TelemetrySettings) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

        given: ContextVar[tuple[int, int] | None] = ContextVar("given", default=None)

        class Ids(RandomIdGenerator):
            """Random ones, but for the first span of a request."""

            def generate_span_id(self) -> int:
                return found[1] if (found := given.get()) else super().generate_span_id()

            def generate_trace_id(self) -> int:
                return found[0] if (found := given.get()) else super().generate_trace_id()

        self._given = given
        logging.getLogger("opentelemetry.util.re").addFilter(_without_header)
        provider = TracerProvider(id_generator=Ids(), resource=Resource.create({
            "service.namespace": "demand-forecasting", "service.name": settings.process_name,
            "process.pid": os.getpid()}))
        provider.add_span_processor(BatchSpanProcessor(
            OTLPSpanExporter(timeout=GIVE_UP_SECONDS), schedule_delay_millis=int(SEND_SECONDS * 1000)))
        self._tracer = provider.get_tracer("demand-forecasting")

    def begin(self, name: str, parent: str, attributes: dict[str, Attribute], began_ns: int | None = None,
              request_id: str = "") -> _Begun:
        from opentelemetry.context import Context
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        context = TraceContextTextMapPropagator().extract({TRACEPARENT: parent}, Context()) if (
            parent and not request_id) else Context()
        given = self._given.set((int(trace_id_of(request_id), 16), int(_first_span(request_id), 16)) if (
            request_id) else None)
        try:
            return _Begun(self._tracer.start_span(name, context, start_time=began_ns, attributes={
                f"demand.{key}": value for key, value in attributes.items()}))
        finally:
            self._given.reset(given)


@lru_cache(maxsize=1)
def _tracer(_pid: int) -> _Tracer | None:
    """This process's; None where traces are not asked for. A process that was forked makes one of its own."""
    settings = TelemetrySettings()
    return _Tracer(settings) if settings.sends_traces else None
