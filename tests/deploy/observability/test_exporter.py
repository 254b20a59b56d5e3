"""What is exposed, to whom, and that dashboards, alert rules and the operator's page name nothing else."""

import json
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import requests
import yaml
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from deploy.observability.exporter import Exporter, counted, handler, seldom
from deploy.processes import PROJECT
from tests.deploy.observability.conftest import WAITS
from tests.waiting import eventually
from webapp.db.database import db, now, writing
from webapp.tables import Production
from webapp.telemetry.counters import Counters

FOLDER = PROJECT / "deploy" / "observability"
DASHBOARDS = sorted((FOLDER / "dashboards").glob("*.json"))
ENDINGS = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (Debian: prometheus)")


def samples(exporter: Exporter) -> dict[str, float]:
    """Name and labels -> value."""
    return {f"{sample.name}{sorted(sample.labels.items()) if sample.labels else ''}": sample.value
            for family in text_string_to_metric_families(exporter.metrics().decode()) for sample in family.samples}


def value(exporter: Exporter, name: str, **labels: str) -> float | None:
    return samples(exporter).get(f"{name}{sorted(labels.items()) if labels else ''}")


def families(exporter: Exporter) -> dict[str, tuple[str, str]]:
    """Family -> type and words."""
    return {family.name: (family.type, family.documentation)
            for family in text_string_to_metric_families(exporter.metrics().decode())}


def exposed(exporter: Exporter) -> set[str]:
    return {"up", *(name + ending for name, (kind, _) in families(exporter).items() for ending in ENDINGS[kind])}


def queries(dashboard: Path) -> list[str]:
    panels = json.loads(dashboard.read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel.get("targets", [])]


def rules() -> list[dict[str, object]]:
    groups = yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def named(query: str) -> set[str]:
    """The metrics in a query."""
    return set(re.findall(r"\b(?:demand_[a-z_0-9]+|up)\b", re.sub(r'"[^"]*"|by \([^)]*\)', "", query)))


def test_dashboards_and_alert_rules_ask_for_what_there_is(exporter: Exporter) -> None:
    there = exposed(exporter)
    asked = {str(rule["expr"]) for rule in rules()}.union(*map(queries, DASHBOARDS))

    assert [dashboard.stem for dashboard in DASHBOARDS] == ["forecast-quality", "pipeline", "service"]
    assert {query: missing for query in asked if (missing := named(query) - there)} == {}
    assert all(named(query) for query in asked)


def test_the_operators_page_has_every_metric_in_its_words(exporter: Exporter) -> None:
    page = (PROJECT / "docs" / "observability.md").read_text()
    told = {name: (kind, words) for name, kind, words in re.findall(
        r"^\| `(demand_\w+)` \| (\w+) \| (.+?) \|$", page, re.MULTILINE)}

    assert told == families(exporter)


def test_the_operators_page_says_of_every_alert_what_to_do() -> None:
    page = (PROJECT / "docs" / "observability.md").read_text()

    assert {rule["alert"] for rule in rules()} == set(re.findall(r"^\| `(Demand\w+)` \|", page, re.MULTILINE))


def test_no_label_holds_a_region_an_item_or_a_person(exporter: Exporter) -> None:
    told = exporter.metrics().decode()

    assert "north" not in told
    assert "item 1" not in told
    assert "ann@" not in told
    assert len(told.splitlines()) < 600


def test_a_retrain_that_dagster_does_not_begin_is_the_oldest_of_its_queue(exporter: Exporter) -> None:
    age = value(exporter, "demand_queue_oldest_seconds", queue="retrains_in_dagster_queue")

    assert value(exporter, "demand_queue_size", queue="retrains_in_dagster_queue") == 1
    assert age is not None
    assert age >= WAITS
    assert value(exporter, "demand_queue_oldest_seconds", queue="retrains_to_send") == 0
    assert value(exporter, "demand_process_live", process="dagster-daemon") == 0
    assert value(exporter, "demand_process_ready", process="web") == 0
    assert value(exporter, "demand_system_up", system="mlflow") == 0


def test_accuracy_is_told_over_region_items_and_only_of_those_that_are_judged(exporter: Exporter) -> None:
    assert value(exporter, "demand_region_items_judged") == 2
    assert value(exporter, "demand_region_items_worse_than_naive") == 1
    assert value(exporter, "demand_region_items_outside_interval") == 1
    assert value(exporter, "demand_forecast_wape", of="live", share="0.5") == pytest.approx(0.2)
    assert value(exporter, "demand_region_items", served_by="production") == 2


@pytest.mark.parametrize(("version", "fetch_after", "unusable"), [
    (3, None, 0),  # it forecasts: its alias was set by hand, or its tags were edited, and the page says so
    (2, now() + timedelta(seconds=9), 1),  # v3 cannot, v2 forecasts on
    (None, now() + timedelta(seconds=9), 1),
    (None, None, 1)])  # its model was deleted in MLflow
def test_unusable_is_a_version_that_cannot_forecast_and_no_other_problem(
        app: Flask, exporter: Exporter, version: int | None, fetch_after: datetime | None, unusable: int) -> None:
    with app.app_context(), writing():
        row = db.session.get_one(Production, 1)
        before = row.production_version, row.fetch_after, row.model_problem
        row.wanted_version, row.production_version, row.fetch_after = 3, version, fetch_after
        row.model_problem = "v3 …"
    try:
        assert value(exporter, "demand_models_unusable") == unusable
    finally:
        with app.app_context(), writing():
            row = db.session.get_one(Production, 1)
            row.production_version, row.fetch_after, row.model_problem = before
            row.wanted_version = None


def test_a_source_that_fails_is_told_and_costs_no_other_one(exporter: Exporter) -> None:
    def broken() -> list[object]:
        raise OSError("the disk is gone")

    several = Exporter({**exporter.sources, "app": broken}, {})  # type: ignore[dict-item]

    assert value(several, "demand_metrics_source_up", source="app") == 0
    assert value(several, "demand_metrics_source_up", source="counters") == 1
    assert value(several, "demand_web_requests_total", endpoint="overview.show", method="GET", status="2xx") == 1
    assert value(several, "demand_queue_size", queue="scenarios") is None


def test_what_is_costly_is_asked_seldom_and_again_after_a_failure() -> None:
    asked: list[int] = []

    def costly() -> list[object]:
        asked.append(1)
        if len(asked) == 1:
            raise OSError("not yet")
        return [len(asked)]

    source, eager = seldom(costly, 3600), seldom(costly, 0)  # type: ignore[arg-type]
    with pytest.raises(OSError, match="not yet"):
        source()

    assert [*source(), *source()] == [2, 2]
    assert [*eager(), *eager()] == [3, 4]


def test_what_a_background_process_in_another_container_counts_is_read_and_nothing_is_written(
        counters: Counters, counting: Path) -> None:
    before = {file: file.stat().st_mtime_ns for file in counting.iterdir()}

    told = samples(Exporter({"counters": lambda: counted(counting)}, {}))

    assert told["demand_loop_failures_total[('loop', 'dagster')]"] == 1
    assert {file: file.stat().st_mtime_ns for file in counting.iterdir()} == before


@pytest.fixture
def served(exporter: Exporter, request: pytest.FixtureRequest) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(exporter, getattr(request, "param", None)))
    thread = Thread(target=lambda: server.serve_forever(0.02), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_programs_of_this_machine_read_metrics_and_pages_of_others_do_not(served: str) -> None:
    assert "demand_queue_size" in requests.get(f"{served}/metrics", timeout=9).text
    for headers in ({"Host": "evil.example"}, {"Host": ""}, {"Origin": "http://evil.example"},
                    {"X-Forwarded-For": "203.0.113.9"}, {"Host": "127.0.0.1.evil.example"}, {"Host": "[::1"}):
        assert requests.get(f"{served}/metrics", headers=headers, timeout=9).status_code == 403, headers


@pytest.mark.parametrize("served", ["a secret"], indirect=True)
def test_who_starts_it_again_needs_no_token_to_see_that_it_is_there(served: str) -> None:
    asked = {path: requests.get(f"{served}{path}", headers={"Host": "10.1.2.3:9464"}, timeout=9).status_code
             for path in ("/health/live", "/health/ready", "/health/web/live", "/health/../metrics", "/metrics")}

    assert asked == {"/health/live": 200, "/health/ready": 200, "/health/web/live": 403, "/health/../metrics": 403,
                     "/metrics": 403}


@pytest.mark.parametrize("served", ["a secret"], indirect=True)
def test_with_a_token_nobody_reads_without_it(served: str) -> None:
    asked = {sent: requests.get(f"{served}/metrics", headers={"Authorization": sent}, timeout=9).status_code
             for sent in ("", "Bearer", "Bearer a secre", "Basic a secret", "Bearer a secret")}

    assert asked == {"": 403, "Bearer": 403, "Bearer a secre": 403, "Basic a secret": 403, "Bearer a secret": 200}


@pytest.mark.parametrize(("path", "status"), [
    ("live", 200), ("ready", 200), ("web/live", 200), ("web/ready", 503), ("dagster-daemon/live", 503),
    ("nobody/live", 404), ("web/well", 404), ("../web/live", 404)])
def test_each_process_says_whether_it_lives_and_is_ready(served: str, path: str, status: int) -> None:
    assert requests.get(f"{served}/health/{path}", timeout=9).status_code == status


@promtool
def test_prometheus_understands_every_query_and_what_it_is_told(exporter: Exporter, tmp_path: Path) -> None:
    asked = [query for dashboard in DASHBOARDS for query in queries(dashboard)]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": [
        {"record": f"query:{place}", "expr": query} for place, query in enumerate(asked)]}]}))
    token, configs = tmp_path / "metrics-token", []
    token.write_text("a secret")
    for name in ("prometheus.yaml", "prometheus_compose.yaml"):
        configs.append(tmp_path / name)
        configs[-1].write_text((FOLDER / name).read_text().replace("[alerts.yaml]", f"[{FOLDER / 'alerts.yaml'}]")
                               .replace("/run/secrets/metrics-token", str(token)))

    for command in (["check", "rules", str(file)], ["check", "rules", str(FOLDER / "alerts.yaml")],
                    *(["check", "config", str(config)] for config in configs)):
        done = subprocess.run(["promtool", *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    told = subprocess.run(["promtool", "check", "metrics"], input=exporter.metrics(), capture_output=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr


@pytest.fixture
def prometheus(served: str, tmp_path: Path) -> Iterator[str]:
    """A Prometheus that has read the metrics twice; its address."""
    config = tmp_path / "prometheus.yaml"
    config.write_text(yaml.safe_dump({"global": {"scrape_interval": "1s"}, "scrape_configs": [{
        "job_name": "demand", "static_configs": [{"targets": [served.removeprefix("http://")]}]}]}))
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{found.getsockname()[1]}"
    command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'series'}",
               f"--web.listen-address={address}", "--log.level=error"]
    with subprocess.Popen(command, cwd=tmp_path) as process:
        try:
            eventually(lambda: answer_of(f"http://{address}", "count_over_time(up[1m]) >= 2"), 120,
                       lambda: "Prometheus has read nothing")
            yield f"http://{address}"
        finally:
            process.terminate()


def answer_of(prometheus: str, query: str) -> list[dict[str, object]]:
    """What Prometheus answers; nothing while it does not answer at all."""
    try:
        told = requests.get(f"{prometheus}/api/v1/query", params={"query": query}, timeout=30).json()
    except (requests.ConnectionError, requests.JSONDecodeError):
        return []
    assert told["status"] == "success", (query, told)
    found: list[dict[str, object]] = told["data"]["result"]
    return found


@pytest.mark.servers
@pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus is not installed (Debian: prometheus)")
def test_prometheus_answers_every_panel_that_there_is_something_to_say_in(prometheus: str) -> None:
    there = set(requests.get(f"{prometheus}/api/v1/label/__name__/values", timeout=30).json()["data"])
    asked = {query for dashboard in DASHBOARDS for query in queries(dashboard)}
    # Within a second no count rises, and an hour is not over.
    now = {query for query in asked if named(query) <= there and not re.search(r"rate\(|increase\(|\[|/", query)}

    assert len(now) > 25
    assert {query for query in now if not answer_of(prometheus, query)} == set()
    for query in asked - now:
        answer_of(prometheus, query)


@promtool
def test_workers_are_scaled_by_runs_and_not_by_a_silence(exporter: Exporter, tmp_path: Path) -> None:
    (rule,) = yaml.safe_load((FOLDER / "prometheus_adapter.yaml").read_text())["rules"]["external"]
    query, always = rule["metricsQuery"], 'demand_dagster_oldest_run_seconds{status="queued"}'
    runs = {'demand_dagster_runs{job="retrain",status="queued"}': "2",
            'demand_dagster_runs{job="pool",status="started"}': "1"}
    cases = [({always: "0"}, [0]), ({always: "9", **runs}, [3]), ({}, [])]
    (tmp_path / "rules.yaml").write_text("groups: []")
    (tmp_path / "cases.yaml").write_text(yaml.safe_dump({"rule_files": ["rules.yaml"], "tests": [
        {"input_series": [{"series": name, "values": value} for name, value in series.items()],
         "promql_expr_test": [{"expr": query, "eval_time": "0m", "exp_samples": [
             {"labels": "{}", "value": value} for value in wanted]}]} for series, wanted in cases]}))

    done = subprocess.run(["promtool", "test", "rules", str(tmp_path / "cases.yaml")], capture_output=True, text=True,
                          check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert rule["seriesQuery"] == always
    assert named(query) | named(always) <= exposed(exporter)
    assert value(exporter, "demand_dagster_oldest_run_seconds", status="queued") == 0


@promtool
def test_alerts_fire_on_planted_causes_and_only_then(tmp_path: Path) -> None:
    cases = (Path(__file__).parent / "alerts_test.yaml").read_text().replace("ALERTS", str(FOLDER / "alerts.yaml"))
    (tmp_path / "cases.yaml").write_text(cases)

    done = subprocess.run(["promtool", "test", "rules", str(tmp_path / "cases.yaml")], capture_output=True, text=True,
                          check=False)

    assert done.returncode == 0, done.stdout + done.stderr
