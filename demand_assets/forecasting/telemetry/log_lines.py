"""How every process of ours writes its log lines: for people, or with ``DEMAND_LOG_FORMAT=json`` one object a line."""

import json
import logging
import os
from datetime import UTC, datetime
from typing import Any

from typing_extensions import override

from demand_assets.forecasting.telemetry.settings import TelemetrySettings
from demand_assets.forecasting.telemetry.tracing import current_trace

TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
JSON = "demand_assets.forecasting.telemetry.log_lines.JsonLine"


class JsonLine(logging.Formatter):
    """One JSON object a line: ``time`` (UTC), ``level``, ``logger``, ``message``, ``process``, ``pid``, and where there
    is one ``trace_id`` and ``error`` (the traceback)."""

    def __init__(self, *_: Any, **__: Any) -> None:
        super().__init__()
        self._process = TelemetrySettings().process_name

    @override
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(), "logger": record.name, "message": record.getMessage(),
            "process": self._process, "pid": os.getpid()}
        if trace := current_trace():
            line["trace_id"] = trace
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_text or self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def is_json() -> bool:
    """Whether log lines are JSON."""
    return TelemetrySettings().demand_log_format == "json"


def set_up(level: int = logging.WARNING) -> None:
    """Let the process write its log lines to standard error, as its setting says; does nothing where it does so
    already.

    Args:
        level: from which on lines are written.
    """
    logging.basicConfig(level=level, handlers=[_handler(JsonLine() if is_json() else logging.Formatter(TEXT))])


def set_up_beside_dagster() -> None:
    """Let our own lines be JSON where that is asked for, in a process whose others Dagster writes."""
    if is_json():
        ours = logging.getLogger("demand_assets")
        ours.addHandler(_handler(JsonLine()))
        ours.propagate = False


def _handler(formatter: logging.Formatter) -> logging.Handler:
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    return handler
