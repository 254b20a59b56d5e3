"""Nothing is told to anybody unless a setting says so."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from demand_assets.dagster_instance.instance import instance_settings
from demand_assets.forecasting.telemetry.settings import TelemetrySettings
from demand_assets.settings import Settings
from deploy.processes import Folders, environment
from deploy.settings import PROJECT, RunSettings

OFF = ("PROMETHEUS_MULTIPROC_DIR", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
       "DEMAND_LOG_FORMAT", "METRICS_PORT")


def test_by_itself_nothing_is_counted_sent_or_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in OFF:
        monkeypatch.delenv(name, raising=False)
    settings, folders = TelemetrySettings(), Folders(Path("/srv/state/shop"))

    assert not settings.sends_traces
    assert settings.prometheus_multiproc_dir is None
    assert settings.demand_log_format == "text"
    assert OFF[0] not in environment(RunSettings(), folders, {})
    assert RunSettings().metrics_port is None


def test_dagster_and_mlflow_tell_their_makers_nothing() -> None:
    ours = environment(RunSettings(), Folders(Path("/srv/state/shop")), {})
    dagster = yaml.safe_load(instance_settings(Path("/srv/state/shop/dagster"), Settings()))

    assert (ours["MLFLOW_DISABLE_TELEMETRY"], ours["DAGSTER_DISABLE_TELEMETRY"]) == ("true", "yes")
    assert dagster["telemetry"] == {"enabled": False}
    said = "import demand_assets.forecasting.registry, os; print(os.environ['MLFLOW_DISABLE_TELEMETRY'])"
    alone = {name: value for name, value in os.environ.items() if "TELEMETRY" not in name}
    assert subprocess.run([sys.executable, "-c", said], env=alone, cwd=PROJECT, capture_output=True, text=True,
                          check=True).stdout == "true\n"


def test_the_app_imports_nothing_of_it_unless_asked() -> None:
    """What is imported costs memory in each process, and time at each start."""
    said = ("import sys, webapp.telemetry.requests_seen as seen, webapp.telemetry.views; seen.counters(); "
            "from demand_assets.forecasting.telemetry import tracing; tracing.is_sent(); "
            "print(sorted({name.partition('.')[0] for name in sys.modules} & {'prometheus_client', 'opentelemetry'}))")
    alone = {name: value for name, value in os.environ.items() if name not in OFF}

    assert subprocess.run([sys.executable, "-c", said], env=alone, cwd=PROJECT, capture_output=True, text=True,
                          check=True).stdout == "[]\n"
