"""What is told of the product to those who run it, and where to: nothing is sent or counted unless asked for."""

from pathlib import Path
from typing import Literal

from pydantic_settings import BaseSettings, SettingsConfigDict


class TelemetrySettings(BaseSettings):
    """What can be set; the names of the environment variables are the fields' names in capitals."""

    model_config = SettingsConfigDict(hide_input_in_errors=True, env_ignore_empty=True, extra="ignore", frozen=True)

    demand_log_format: Literal["text", "json"] = "text"
    """How every process writes its log lines."""
    otel_exporter_otlp_endpoint: str | None = None
    """Where traces are sent, as OTLP over HTTP: the collector's address, as in ``http://127.0.0.1:4318``."""
    otel_exporter_otlp_traces_endpoint: str | None = None
    """The same, for traces alone and to the last part of the address."""
    otel_sdk_disabled: bool = False
    """Whether no traces are sent, whatever else is set."""
    prometheus_multiproc_dir: Path | None = None
    """Where this process keeps what it counts; it counts nothing without."""
    metrics_token: str | None = None
    """What whoever reads metrics must show; without it only programs on the same machine may."""
    demand_process: str = ""
    """Which of the product's servers this process is, or was started by."""
    demand_dagster_run: str = ""
    """Which of Dagster's runs it carries out."""

    @property
    def process_name(self) -> str:
        """What this process is called in log lines and traces."""
        return "run" if self.demand_dagster_run.strip() else self.demand_process.strip() or "command"

    @property
    def sends_traces(self) -> bool:
        """Whether traces are asked for."""
        return not self.otel_sdk_disabled and bool(
            self.otel_exporter_otlp_endpoint or self.otel_exporter_otlp_traces_endpoint)
