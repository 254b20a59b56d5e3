"""The pipeline's settings, read once from the environment."""

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from pydantic import AliasChoices, Field, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from demand_assets.forecasting.contract.database_urls import with_driver

if TYPE_CHECKING:
    from demand_assets.forecasting.dataset.dataset_file import Dataset


class Settings(BaseSettings):
    """Where things are. Every field can be set by an environment variable ``DEMAND_<FIELD>``."""

    model_config = SettingsConfigDict(hide_input_in_errors=True, env_prefix="DEMAND_", extra="ignore", frozen=True)

    dataset: Path = Path("datasets/simulated.toml")
    state: Path = Path("var")
    """Holds one folder for each dataset; nothing is written elsewhere."""
    horizon: int | None = None
    """Periods; the dataset file's unless given."""
    store_url: str | None = None
    """The demand store; ``<state>/<dataset>/demand`` unless given."""
    mlflow_url: str | None = Field(default=None, validation_alias=AliasChoices("DEMAND_MLFLOW_URL", "MLFLOW_URL"))
    """MLflow's tracking server, or its database, which is quicker; the one in the state directory unless given."""
    mlflow_page_url: str | None = Field(default=None, validation_alias=AliasChoices("MLFLOW_PAGE_URL", "MLFLOW_URL"))
    """MLflow's pages as a browser reaches them, for links; the tracking server unless given."""
    owners: str = "team:demand-forecasting"
    """Who answers for the assets in Dagster: e-mail addresses or ``team:name``, separated by commas."""
    mlflow_artifacts_url: str | None = Field(default=None, validation_alias=AliasChoices("MLFLOW_ARTIFACTS_URL"))
    """Where models' files go, as in ``s3://bucket/models``; a folder in the state directory unless given."""
    registry: Literal["quick", "stock"] = "quick"
    """``stock``: use nothing but MLflow's public parts, which is slower (docs/private_parts.md)."""
    dagster_database_url: str | None = Field(default=None, validation_alias=AliasChoices("DAGSTER_DATABASE_URL"))
    """PostgreSQL for Dagster's runs and events; SQLite in the state directory unless given."""
    dagster_storage: Literal["pooled", "stock"] = Field(default="pooled",
                                                        validation_alias=AliasChoices("DAGSTER_STORAGE"))
    """Dagster's event log with connections that stay open, or Dagster's own; docs/private_parts.md."""
    dagster_failures: Literal["reported", "stock"] = Field(default="reported",
                                                           validation_alias=AliasChoices("DAGSTER_FAILURES"))
    """Whether we tell Dagster of failures that it does not see by itself; docs/private_parts.md."""
    dagster_workers: Literal["watched", "stock"] = Field(default="watched",
                                                         validation_alias=AliasChoices("DAGSTER_WORKERS"))
    """Our launcher and workers, which are watched over and can be told to stop, or those of dagster-celery;
    docs/private_parts.md."""
    dagster_backfills: Literal["prompt", "stock"] = Field(default="prompt",
                                                          validation_alias=AliasChoices("DAGSTER_BACKFILLS"))
    """Whether Dagster's daemon looks at backfills within a second, or every 30 as Dagster's own; docs/private_parts.md.
    """
    dagster_loops: Literal["resting", "stock"] = Field(default="resting",
                                                       validation_alias=AliasChoices("DAGSTER_LOOPS"))
    """Whether Dagster's daemon looks when something changed, or at each turn as Dagster's own; docs/private_parts.md.
    """
    dagster_web: Literal["guarded", "stock"] = Field(default="guarded", validation_alias=AliasChoices("DAGSTER_WEB"))
    """Whether Dagster's webserver refuses what pages of other web sites send it; docs/private_parts.md."""
    dagster_allowed_hosts: str = Field(default="", validation_alias=AliasChoices("DAGSTER_ALLOWED_HOSTS"))
    """Names by which Dagster's webserver is reached beside this machine's own, without ports, separated by commas."""
    dagster_allowed_origins: str = Field(default="", validation_alias=AliasChoices("DAGSTER_ALLOWED_ORIGINS"))
    """Origins, as in ``http://localhost:3001``, whose pages may command Dagster beside its own, separated by commas."""
    dagster_url: str = Field(default="http://127.0.0.1:3000", validation_alias=AliasChoices("DAGSTER_URL"))
    """Dagster's webserver."""
    run_launcher: Literal["local", "celery"] = Field(default="local", validation_alias=AliasChoices("RUN_LAUNCHER"))
    """Who carries out runs: processes of the machine of Dagster's daemon, or warm workers on any number of machines."""
    celery_broker_url: str | None = Field(default=None, validation_alias=AliasChoices("CELERY_BROKER_URL"))
    """Redis, as in ``redis://host:6379/0``; how workers get their runs."""
    workers: int = Field(default=2, ge=1, le=256, validation_alias=AliasChoices("WORKERS"))
    """Runs that one worker carries out at the same time."""
    max_concurrent_runs: int | None = Field(default=None, ge=1)
    """Runs at a time, on all machines; 2 unless given, and with workers twice what one of them carries out."""
    cores: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1)
    """Models trained at the same time on this machine, one thread each."""
    keep_journal_days: float = Field(default=90, ge=0)
    """Days after which what happened to region-items is kept as their newest entries only. 0 keeps for ever,
    here and in the other DEMAND_KEEP_…; docs/expiry.md has what is never removed, whatever these say."""
    keep_monitoring_days: float = Field(default=30, ge=0)
    """Days for which measurements of production are kept; the sensor that retrains looks at those of two."""
    keep_versions: int = Field(default=10, ge=0)
    """Newest versions of each model that are kept, however old."""
    keep_versions_days: float = Field(default=30, ge=0)
    """Days for which a version is kept, however many there are."""
    keep_runs_days: float = Field(default=90, ge=0)
    """Days for which Dagster's runs that are over are kept, with their events and logs, and its ticks."""

    @field_validator("horizon", "store_url", "mlflow_url", "mlflow_page_url", "mlflow_artifacts_url",
                     "dagster_database_url", "celery_broker_url", "max_concurrent_runs", mode="before")
    @classmethod
    def _empty_is_unset(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("run_launcher", "workers", "registry", "dagster_storage", "dagster_failures", "dagster_workers",
                     "dagster_backfills", "dagster_loops", "dagster_web", "keep_journal_days", "keep_monitoring_days",
                     "keep_versions", "keep_versions_days", "keep_runs_days", mode="before")
    @classmethod
    def _empty_is_default(cls, value: object, field: ValidationInfo) -> object:
        return cls.model_fields[str(field.field_name)].default if value == "" else value

    @model_validator(mode="after")
    def _workers_can_be_reached(self) -> "Settings":
        if self.run_launcher == "celery" and not (self.celery_broker_url and self.dagster_database_url):
            raise ValueError("RUN_LAUNCHER=celery needs CELERY_BROKER_URL (redis://…) and DAGSTER_DATABASE_URL "
                             "(postgresql://…), which the workers share with Dagster; docs/scaling.md says how")
        return self

    @property
    def dagster_hosts(self) -> tuple[str, ...]:
        """The names by which Dagster's webserver is reached beside this machine's own."""
        return _listed(self.dagster_allowed_hosts)

    @property
    def dagster_origins(self) -> tuple[str, ...]:
        """Origins of other pages that may command Dagster."""
        return _listed(self.dagster_allowed_origins)

    @property
    def owner_names(self) -> tuple[str, ...]:
        """Who answers for the assets in Dagster."""
        return _listed(self.owners)

    @property
    def runs_at_a_time(self) -> int:
        """How many runs go on at the same time, on all machines."""
        return self.max_concurrent_runs or (2 * self.workers if self.run_launcher == "celery" else 2)

    @property
    def cores_of_a_run(self) -> int:
        """Models that one run trains at the same time: a worker's runs share its cores."""
        return max(1, self.cores // self.workers) if self.run_launcher == "celery" else self.cores

    @cached_property
    def described(self) -> "Dataset":
        """The dataset that the dataset file describes.

        Raises: DatasetFileError: the file cannot be used.
        """
        # Imported here: it needs pandas, and most processes that read settings read no dataset file.
        from demand_assets.forecasting.dataset.dataset_file import load_dataset

        return load_dataset(self.dataset, self.horizon)

    @property
    def folder(self) -> Path:
        """The dataset's folder in the state directory, absolute."""
        return (self.state / self.described.name).resolve()

    def model_page(self, name: str, version: int) -> str | None:
        """The page of a registered model's version in MLflow; None where no server has pages."""
        if not (self.mlflow_page_url or "").startswith(("http://", "https://")):
            return None
        return f"{str(self.mlflow_page_url).rstrip('/')}/#/models/{quote(name, safe='')}/versions/{version}"

    @property
    def registry_uri(self) -> str:
        """Where the model registry is."""
        return with_driver(self.mlflow_url or f"sqlite:///{self.folder}/mlflow/mlflow.db")

    @property
    def artifacts_url(self) -> str:
        """Where models' files go."""
        return self.mlflow_artifacts_url or f"{self.folder}/mlflow/artifacts"

    @property
    def demand_store_url(self) -> str:
        """Where the demand store is."""
        return self.store_url or str(self.folder / "demand")


def _listed(text: str) -> tuple[str, ...]:
    """What stands between the commas, without white space and without what is empty."""
    return tuple(filter(None, map(str.strip, text.split(","))))
