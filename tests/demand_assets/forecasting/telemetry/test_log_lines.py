"""Log lines as JSON, one object a line."""

import json
import logging
import logging.config
import sys

import pytest

from demand_assets.forecasting.telemetry.log_lines import JsonLine, set_up_beside_dagster
from demand_assets.forecasting.telemetry.tracing import span, trace_id_of, traceparent_of
from deploy.processes import JSON_LINES


def line(formatter: logging.Formatter, *said: object, error: bool = False) -> dict[str, object]:
    try:
        raise ValueError("two\nlines") if error else KeyError
    except (ValueError, KeyError):
        record = logging.LogRecord("webapp.a", logging.WARNING, "a.py", 1, *said, sys.exc_info() if error else None)
    text = formatter.format(record)
    assert "\n" not in text
    found: dict[str, object] = json.loads(text)
    return found


def test_a_line_is_one_object_with_the_trace_it_belongs_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEMAND_PROCESS", "web-sync")
    with span("sent", traceparent_of("r1")):
        said = line(JsonLine(), 'süd "%s"\nINFO forged', ("a",), error=True)

    assert said["message"] == 'süd "a"\nINFO forged'
    assert (said["level"], said["logger"], said["process"]) == ("warning", "webapp.a", "web-sync")
    assert said["trace_id"] == trace_id_of("r1")
    assert "ValueError: two" in str(said["error"])
    assert "trace_id" not in line(JsonLine(), "nothing", ())


@pytest.mark.parametrize(("run", "name"), [("", "dagster-daemon"), ("  ", "dagster-daemon"), ("abc", "run")])
def test_a_run_is_no_daemon_though_that_started_it(run: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEMAND_PROCESS", "dagster-daemon")
    monkeypatch.setenv("DEMAND_DAGSTER_RUN", run)

    assert line(JsonLine(), "x", ())["process"] == name


def test_what_mlflows_server_is_told_of_its_lines_names_the_same_form() -> None:
    told = json.loads(JSON_LINES.read_text())

    assert isinstance(logging.config.DictConfigurator(told).configure_formatter(told["formatters"]["json"]), JsonLine)


def test_beside_dagster_nothing_changes_unless_json_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = logging.getLogger("demand_assets")
    before = list(ours.handlers), ours.propagate
    monkeypatch.setenv("DEMAND_LOG_FORMAT", "")

    set_up_beside_dagster()

    assert (list(ours.handlers), ours.propagate) == before
