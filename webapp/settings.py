"""The web app's settings: read once, from the environment."""

import os
import secrets
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from demand_assets.forecasting.contract.database_urls import with_driver
from demand_assets.forecasting.dataset.dataset_file import Dataset, load_dataset
from demand_assets.forecasting.store.private_folder import keep_private


class Settings(BaseSettings):
    """What can be set; the names of the environment variables are the fields' names in capitals."""

    model_config = SettingsConfigDict(hide_input_in_errors=True, env_ignore_empty=True, extra="ignore")

    demand_dataset: Path = Path("datasets/simulated.toml")
    """The dataset file."""
    demand_state: Path = Path("var")
    """Where everything is written, one folder for each dataset."""
    demand_horizon: Annotated[int | None, Field(ge=1, le=400)] = None
    """Periods; the dataset's own unless given."""
    demand_store_url: str | None = None
    """The demand store; a folder in the state directory unless given."""
    web_database_url: str | None = None
    """An SQLAlchemy URL; an SQLite file in the state directory unless given."""
    web_database_owner_url: str | None = None
    """The same database on PostgreSQL, signed in as the role that owns the tables: only ``flask db upgrade`` uses it,
    and gives the role of ``WEB_DATABASE_URL`` what the app needs. Without it that role owns the tables itself."""
    web_secret_key: Annotated[str | None, Field(min_length=16)] = None
    """Signs sessions; made once and kept in the state directory unless given."""
    web_host: str = "127.0.0.1"
    """Address that the web app listens on."""
    web_port: Annotated[int, Field(ge=1, le=65535)] = 8000
    web_workers: Annotated[int, Field(ge=1, le=64)] = 2
    """Processes that answer requests."""
    web_https: bool = False
    """Whether a proxy in front speaks HTTPS: cookies are then sent over HTTPS only."""
    web_admin_password: str | None = None
    """Read by ``flask create-admin`` only."""
    web_first_admin_hours: Annotated[int, Field(ge=1, le=24 * 30)] = 24
    """How long the link works with which the first administrator signs up."""
    web_public_url: Annotated[str | None, Field(pattern=r"^https?://[^\s/?#]+(/[^\s?#]*)?$")] = None
    """Where people find the app, as in ``https://demand.example.com``: for links in e-mails, and for single sign-on."""
    web_mail_server: str | None = None
    """The SMTP server of notices and of links for forgotten passwords; without one, administrators make those."""
    web_mail_port: Annotated[int, Field(ge=1, le=65535)] = 587
    """Of the SMTP server."""
    web_mail_security: Literal["starttls", "tls", "none"] = "starttls"
    """How the connection to the SMTP server is encrypted."""
    web_mail_username: str | None = None
    """Of the account at the SMTP server, where it asks for one."""
    web_mail_password: str | None = None
    """Of that account."""
    web_mail_sender: str = "demand@localhost"
    """Who e-mails are from."""
    web_oidc_issuer: str | None = None
    """The provider of single sign-on; it is on when this, the client's id and its secret are set."""
    web_oidc_client_id: str | None = None
    """What the provider of single sign-on calls the app."""
    web_oidc_client_secret: str | None = None
    """What the app shows that provider."""
    web_oidc_name: Annotated[str, Field(max_length=60)] = "single sign-on"
    """What people call the provider."""
    web_rate_limit_storage_url: str | None = None
    """Where the API's requests are counted for all workers together, as in ``redis://host/1``; each counts its own in
    its memory unless given."""
    web_api_per_minute: Annotated[int, Field(ge=1)] = 600
    """Requests a minute that one API token may send: to one worker, or to all where they count together."""
    web_without_group: Literal["everything", "nothing"] = "everything"
    """What people see who are in no group: every region-item, or nothing until they are put into one.
    Administrators see everything."""
    web_hand_over_folder: Annotated[str | None, Field(pattern=r"^(/|[a-z0-9]+://)[^\x00]*$")] = None
    """The one place to which published plans are handed over: a folder that exists, by its absolute path, or a place in
    an object store, as ``s3://bucket/plans``; nowhere unless given."""
    web_keep_retrains_days: Annotated[float, Field(ge=0)] = 365
    """Days for which retrains that are over are kept. 0 keeps for ever, here and in the other WEB_KEEP_…
    (docs/expiry.md)."""
    web_keep_selections_days: Annotated[float, Field(ge=0)] = 365
    """Days for which a stored selection is kept after its link was last followed."""
    web_keep_actions_days: Annotated[float, Field(ge=0)] = 365
    """Days for which roll backs, pins and fetches of files are kept after they were carried out or refused; the audit
    log keeps them for ever."""
    web_keep_links_days: Annotated[float, Field(ge=0)] = 30
    """Days for which links to choose a password are kept after they were used or ran out."""
    web_keep_work_days: Annotated[float, Field(ge=0)] = 365
    """Days for which tasks are kept after they were resolved and their cause was gone; the audit log keeps who did
    what."""
    web_keep_notices_days: Annotated[float, Field(ge=0)] = 90
    """Days for which notices are kept, and what was sent of them; at least so long that none is told again."""
    web_keep_files_days: Annotated[float, Field(ge=0)] = 7
    """Days for which files of a version that does not forecast are kept here, as they were fetched to compare it."""
    dagster_url: str = "http://127.0.0.1:3000"
    mlflow_url: str = "http://127.0.0.1:5000"
    """MLflow's tracking server, or its database."""
    dagster_page_url: str | None = None
    """Dagster's pages as a browser reaches them, for links; ``DAGSTER_URL`` unless given."""
    mlflow_page_url: str | None = None
    """MLflow's pages as a browser reaches them, for links; the tracking server unless given."""
    mlflow_database_file: Path | None = None
    """MLflow's SQLite database where that is on this machine: while that does not change, MLflow is asked seldom."""
    demand_registry: Literal["quick", "stock"] = "quick"
    """``stock``: use nothing but MLflow's public parts (docs/private_parts.md)."""

    @model_validator(mode="after")
    def _sign_on_is_whole(self) -> Self:
        parts = (self.web_oidc_issuer, self.web_oidc_client_id, self.web_oidc_client_secret)
        if any(parts) and not all(parts):
            raise ValueError("single sign-on needs all of WEB_OIDC_ISSUER, WEB_OIDC_CLIENT_ID and "
                             "WEB_OIDC_CLIENT_SECRET, or none")
        return self

    @property
    def has_single_sign_on(self) -> bool:
        """Whether people may sign in at a provider of OpenID Connect."""
        return self.web_oidc_issuer is not None

    @cached_property
    def dataset(self) -> Dataset:
        """The dataset that is forecast.

        Raises: DatasetFileError: its file is missing or wrong.
        """
        return load_dataset(self.demand_dataset, self.demand_horizon)

    @cached_property
    def folder(self) -> Path:
        """Everything that the web app writes lies here."""
        folder = (self.demand_state / self.dataset.name / "web").resolve()
        keep_private(folder)
        return folder

    @property
    def models_folder(self) -> Path:
        """Production models as fetched from the registry: ``<name>/<version>/``."""
        return self.folder / "models"

    @property
    def store_url(self) -> str:
        """The demand store's URL."""
        return self.demand_store_url or str((self.demand_state / self.dataset.name / "demand").resolve())

    @property
    def database_url(self) -> str:
        """The database's URL, with the driver that is installed for PostgreSQL."""
        return with_driver(self.web_database_url or f"sqlite:///{self.folder / 'app.db'}")

    @property
    def database_owner_url(self) -> str | None:
        """The database's URL for the role that owns its tables; None where that is the app's own."""
        return with_driver(self.web_database_owner_url) if self.web_database_owner_url else None

    @property
    def registry_uri(self) -> str:
        """Where the model registry is."""
        return with_driver(self.mlflow_url)

    @cached_property
    def secret_key(self) -> str:
        """The key that signs sessions; the same for every process and every start."""
        if self.web_secret_key:
            return self.web_secret_key
        path = self.folder / "secret_key"
        if not path.exists():
            _write_once(path, secrets.token_hex(32))
        return path.read_text().strip()

    @property
    def listens_on(self) -> str:
        """The host and the port of the app's own server."""
        return _with_port(self.web_host, self.web_port)

    @property
    def url(self) -> str:
        """Where a browser finds the app when no proxy stands in front."""
        host = "127.0.0.1" if self.web_host in {"0.0.0.0", "::"} else self.web_host
        return f"{'https' if self.web_https else 'http'}://{_with_port(host, self.web_port)}"

    @property
    def public_url(self) -> str:
        """Where people find the app, without a slash at the end; never taken from what a request says."""
        return (self.web_public_url or self.url).rstrip("/")


def _with_port(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"  # an address of IPv6 in brackets


def _write_once(path: Path, content: str) -> None:
    """Write the file whole, readable by its owner only, unless another process was first."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
