"""The Compose file says what the product's settings and commands are called, and where its services find each other."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.container import TOLD, commands
from deploy.documentation.settings_page import settings
from deploy.processes import Folders
from deploy.settings import PROJECT, RunSettings

FILE = PROJECT / "deploy" / "compose.yaml"
DESCRIBED = yaml.safe_load(FILE.read_text())
SERVICES: dict[str, dict[str, Any]] = DESCRIBED["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
OF_OTHERS = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "MLFLOW_S3_ENDPOINT_URL",
             "MLFLOW_SERVER_ALLOWED_HOSTS"}
PORTS = {"mlflow": "MLFLOW_PORT", "code": "CODE_PORT", "dagster-web": "DAGSTER_PORT", "web": "WEB_PORT",
         "metrics": "METRICS_PORT", "prometheus": "", "postgres": "", "redis": "", "s3": ""}


def test_every_command_is_a_process_of_the_product_and_every_variable_a_setting() -> None:
    known = commands(RunSettings(listen_host="0.0.0.0", demand_start="exec", metrics_port=9464), Folders(Path("/srv")))
    allowed = settings().keys() | OF_OTHERS | set(TOLD)

    assert {service["command"][3] for service in OURS.values()} == set(known) - {"migrate"}
    assert {f"{name}: {variable}" for name, service in OURS.items() for variable in service["environment"]
            if variable not in allowed} == set()


def test_every_address_is_of_a_service_at_a_port_of_its_own() -> None:
    ports = RunSettings(metrics_port=9464).ports
    texts = [str(value) for service in SERVICES.values() for value in service.get("environment", {}).values()]
    texts += [value for name in ("prometheus_compose.yaml", "grafana/datasources.yaml")
              for value in re.findall(r"[\w.-]+:\d+", (PROJECT / "deploy" / "observability" / name).read_text())]
    found = {(host, int(port)) for text in texts for host, port in re.findall(r"(?:^|[@/,])([a-z0-9-]+):(\d+)", text)}
    hosts = {host for host, _ in found}

    assert hosts <= PORTS.keys()
    assert {(host, port) for host, port in found if PORTS[host] and ports[PORTS[host]] != port} == set()
    assert {"mlflow", "dagster-web", "postgres", "redis", "s3", "metrics", "web", "prometheus"} <= hosts


def test_metrics_are_asked_for_as_a_whole_or_not_at_all() -> None:
    optional = {name for name, service in SERVICES.items() if service.get("profiles")}

    assert optional == {"metrics", "prometheus", "grafana"}
    assert [name for name, service in SERVICES.items() if name not in optional
            and optional & set(service.get("depends_on", ()))] == []
    # What counts and what reads it are one folder in memory, which the reader cannot change.
    assert "counted:/run/counted" in SERVICES["web-sync"]["volumes"]
    assert "counted:/run/counted:ro" in SERVICES["metrics"]["volumes"]
    assert SERVICES["metrics"]["environment"]["METRICS_COUNTED"] in SERVICES["web-sync"]["environment"][
        "PROMETHEUS_MULTIPROC_DIR"]
    assert DESCRIBED["volumes"]["counted"]["driver_opts"]["type"] == "tmpfs"


@pytest.mark.parametrize("name", ["web", "web-sync"])
def test_both_who_send_e_mails_can(name: str) -> None:
    assert {"WEB_MAIL_SERVER", "WEB_MAIL_PORT", "WEB_MAIL_SECURITY", "WEB_MAIL_USERNAME", "WEB_MAIL_PASSWORD",
            "WEB_MAIL_SENDER", "WEB_PUBLIC_URL"} <= SERVICES[name]["environment"].keys()
