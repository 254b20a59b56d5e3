"""Settings of one run of the product, read once from the environment (``make run NAME=value`` puts them there)."""

from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from demand_assets.forecasting.telemetry.metrics_guard import is_loopback
from deploy.masked_text import masked

PROJECT = Path(__file__).resolve().parent.parent
"""What holds the product's packages: a checkout, or the site-packages of an environment that it is installed in."""
INSTALLED_DATASETS = PROJECT / "deploy" / "datasets"
"""Where the package has the dataset files that a checkout has in ``datasets/``."""

Port = Annotated[int, Field(ge=1, le=65535)]
Read = TypeVar("Read", bound=BaseSettings)
Kept = TypeVar("Kept", bound="BackupSettings")
Profile = Literal["embedded", "stores", "celery"]
Start = Literal["fork", "exec"]

STORES = ("DAGSTER_DATABASE_URL", "MLFLOW_DATABASE_URL", "WEB_DATABASE_URL", "DEMAND_STORE_URL", "MLFLOW_ARTIFACTS_URL")
WORKER = ("DAGSTER_DATABASE_URL", "DEMAND_STORE_URL", "MLFLOW_ARTIFACTS_URL", "CELERY_BROKER_URL", "MLFLOW_URL")
NEEDED: dict[Profile, tuple[str, ...]] = {"embedded": (), "stores": STORES, "celery": (*STORES, "CELERY_BROKER_URL")}
"""The settings that a profile cannot do without."""


def home() -> Path:
    """The folder in which state is kept unless a setting says otherwise: the checkout, or where the caller stands when
    the product is installed, for nothing is ever written beside installed packages."""
    return PROJECT if (PROJECT / "pyproject.toml").is_file() else Path.cwd()


def simulated_dataset() -> Path:
    """The dataset file of simulated demand, which is forecast unless another is named."""
    folder = INSTALLED_DATASETS if INSTALLED_DATASETS.is_dir() else PROJECT / "datasets"
    return folder / "simulated.toml"


class SettingsError(ValueError):
    """A setting that cannot be used; the message names each wrong one."""


class RunSettings(BaseSettings):
    """What ``make run`` can be told."""

    model_config = SettingsConfigDict(hide_input_in_errors=True, env_ignore_empty=True, frozen=True)

    called_from: Path = Field(default_factory=home)
    """Relative paths are taken from here."""
    dataset: Annotated[Path, AfterValidator(Path.expanduser)] = Field(default_factory=simulated_dataset)
    """The dataset file."""
    state: Annotated[Path, AfterValidator(Path.expanduser)] = Field(default_factory=lambda: home() / "var")
    """Holds one folder for each dataset; nothing is written elsewhere."""
    horizon: Annotated[int, Field(ge=1, le=400)] | None = None
    """Periods to forecast; the dataset file's unless given."""

    profile: Profile = "embedded"
    """``stores`` refuses to start without databases and an object store, ``celery`` without a broker besides."""
    dagster_database_url: str | None = None
    mlflow_database_url: str | None = None
    """Of MLflow's server; SQLite in the state directory unless given."""
    web_database_url: str | None = None
    demand_store_url: str | None = None
    mlflow_artifacts_url: str | None = None
    """Where models' files go; a folder in the state directory unless given."""
    celery_broker_url: str | None = None
    """Redis, through which workers get their runs."""
    workers: Annotated[int, Field(ge=0, le=256)] = 2
    """Runs that the worker on this machine carries out at the same time; 0: no worker on this machine."""
    mlflow_url: str | None = None
    """Where a worker finds MLflow: its server, or its database."""
    mlflow_web: Literal["guarded", "stock"] = "guarded"
    """Whether MLflow's server refuses what pages of other origins send it; docs/private_parts.md."""
    dagster_workers: Literal["watched", "stock"] = "watched"
    """Whether Dagster's runs are started by our parts or by Dagster's own; docs/private_parts.md."""
    aws_endpoint_url: str | None = None
    """An object store that is not Amazon's."""

    demand_start: Start = "fork"
    """Whether the servers are forked from a process that has imported what they share, where that is sure, or each is
    a Python of its own."""

    metrics_port: Port | None = None
    """Where metrics and the health of all processes are served; nowhere, and nothing is counted, unless given."""
    metrics_host: str = "127.0.0.1"
    """Address that they are served on; another than this machine's own needs METRICS_TOKEN."""
    metrics_token: str | None = None
    """What whoever reads metrics must show."""
    metrics_counted: Path | None = None
    """Where the server of metrics finds what the background process counts, where that is another container."""
    demand_log_format: Literal["text", "json"] = "text"
    """How every process writes its log lines."""

    web_host: str = "127.0.0.1"
    """Address that the web app listens on."""
    listen_host: str = "127.0.0.1"
    """Address that the other servers listen on: the loopback address, for they have no sign-in. A container, whose
    network is private, says otherwise."""
    web_port: Port = 8000
    """Of the web app."""
    dagster_port: Port = 3000
    """Of Dagster's pages."""
    mlflow_port: Port = 5000
    """Of MLflow's pages and registry."""
    code_port: Port = 4000
    """Of Dagster's code server."""

    @property
    def has_run_starter(self) -> bool:
        """Whether Dagster's runs are forked from a server that has imported what they need."""
        return self.demand_start == "fork" and self.profile != "celery" and self.dagster_workers != "stock"

    @property
    def dataset_file(self) -> Path:
        """The dataset file, absolute."""
        return (self.called_from / self.dataset).resolve()

    @property
    def state_folder(self) -> Path:
        """The state directory of all datasets, absolute."""
        return (self.called_from / self.state).resolve()

    @property
    def has_worker(self) -> bool:
        """Whether a worker runs beside everything else."""
        return self.profile == "celery" and self.workers > 0

    @property
    def of_the_pipeline(self) -> dict[str, Any]:
        """The pipeline's settings that this run decides; it reads the others from the environment too."""
        return {"dataset": self.dataset_file, "state": self.state_folder, "horizon": self.horizon,
                "RUN_LAUNCHER": "celery" if self.profile == "celery" else "local", "WORKERS": self.workers or 2}

    @property
    def ports(self) -> dict[str, int]:
        """Setting name -> port, for each server."""
        return {"WEB_PORT": self.web_port, "DAGSTER_PORT": self.dagster_port, "MLFLOW_PORT": self.mlflow_port,
                "CODE_PORT": self.code_port, **({"METRICS_PORT": self.metrics_port} if self.metrics_port else {})}


class BackupSettings(RunSettings):
    """What ``make backup`` can be told, beside what ``make run`` can."""

    web_database_owner_url: str | None = None
    """The web app's database, signed in as the role that owns the tables, where it is another than the app's."""
    to: Annotated[Path, AfterValidator(Path.expanduser)] = Path("backups")
    """The file to be written, whose name ends in .tar, or the folder in which one gets a name by itself."""

    @property
    def target(self) -> Path:
        """Where the backup is written, absolute."""
        return (self.called_from / self.to).resolve()


class RestoreSettings(BackupSettings):
    """What ``make restore`` can be told, beside what ``make run`` can."""

    backup_file: Annotated[Path | None, AfterValidator(lambda path: path and path.expanduser())] = Field(
        default=None, validation_alias="FROM")
    """The backup that is put back."""
    overwrite: bool = False
    """Whether what is there may go."""

    @property
    def backup(self) -> Path:
        """The backup, absolute."""
        return (self.called_from / (self.backup_file or "")).resolve()


class ServicesSettings(BaseSettings):
    """What ``make services`` can be told."""

    model_config = SettingsConfigDict(hide_input_in_errors=True, env_ignore_empty=True, frozen=True)

    called_from: Path = Field(default_factory=home)
    services: Annotated[Path, AfterValidator(Path.expanduser)] = Field(
        default_factory=lambda: home() / "var" / "services")
    """Where the services keep their files."""
    postgres_port: Port = 54320
    """Of PostgreSQL."""
    redis_port: Port = 63790
    """Of Redis."""
    s3_port: Port = 9100
    """Of the S3 server."""

    @property
    def folder(self) -> Path:
        """Where the services keep their files, absolute."""
        return (self.called_from / self.services).resolve()


def read_settings() -> RunSettings:
    """The settings as the environment gives them.

    Raises: SettingsError: a value is out of range, two servers were given one port, or the profile needs more.
    """
    settings = _read(RunSettings)
    for port, uses in Counter(settings.ports.values()).items():
        if uses > 1:
            names = " and ".join(name for name, value in settings.ports.items() if value == port)
            raise SettingsError(f"{names} are both {port}; give each server a port of its own")
    _require(settings, f"PROFILE={settings.profile}", NEEDED[settings.profile])
    if settings.metrics_port and not settings.metrics_token and not is_loopback(settings.metrics_host):
        raise SettingsError(f"METRICS_HOST={settings.metrics_host} is reached from other machines; set METRICS_TOKEN, "
                            "which Prometheus then sends as a bearer token, or leave METRICS_HOST at 127.0.0.1")
    return settings


def read_worker_settings() -> RunSettings:
    """The settings of ``make worker``.

    Raises: SettingsError: a value is out of range, or one that a worker needs is not there.
    """
    settings = _read(RunSettings)
    _require(settings, "make worker", WORKER)
    return settings.model_copy(update={"profile": "celery", "workers": max(settings.workers, 1)})


def read_backup_settings() -> BackupSettings:
    """The settings of ``make backup``.

    Raises: SettingsError: a value cannot be used, or the profile needs more.
    """
    return _of_what_is_kept(_read(BackupSettings))


def read_restore_settings() -> RestoreSettings:
    """The settings of ``make restore``.

    Raises: SettingsError: a value cannot be used, the profile needs more, or no backup is named.
    """
    settings = _of_what_is_kept(_read(RestoreSettings))
    if settings.backup_file is None:
        raise SettingsError("FROM is not set; name the backup that is to be put back: make restore FROM=file.tar")
    return settings


def _of_what_is_kept(settings: Kept) -> Kept:
    _require(settings, f"PROFILE={settings.profile}", NEEDED[settings.profile])
    for name in ("DAGSTER_DATABASE_URL", "MLFLOW_DATABASE_URL", "WEB_DATABASE_URL"):
        url = getattr(settings, name.lower())
        if url and not url.startswith("postgres"):
            raise SettingsError(f"{name}={masked(url)} cannot be backed up or restored: only databases on PostgreSQL "
                                "and those in the state directory can, which are used when the setting is not set")
    return settings


def _require(settings: RunSettings, who: str, names: tuple[str, ...]) -> None:
    if missing := [name for name in names if not getattr(settings, name.lower())]:
        raise SettingsError(
            f"{who} needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not set. To try it out, "
            "run `make services` in another terminal and paste the lines that it prints; docs/scaling.md says what "
            "each setting is")


def read_services_settings() -> ServicesSettings:
    """The settings of ``make services``.

    Raises: SettingsError: a value is out of range.
    """
    return _read(ServicesSettings)


def _read(kind: type[Read]) -> Read:
    try:
        return kind()
    except ValidationError as error:
        raise SettingsError("\n".join(
            f"{str(problem['loc'][0]).upper()}={masked(str(problem['input']))} cannot be used: {problem['msg']}"
            for problem in error.errors())) from error
