"""Settings of one run of the product, read once from the environment (``make run NAME=value`` puts them there)."""

from collections import Counter
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT = Path(__file__).resolve().parent.parent

Port = Annotated[int, Field(ge=1, le=65535)]


class SettingsError(ValueError):
    """A setting that cannot be used; the message names each wrong one."""


class RunSettings(BaseSettings):
    """What ``make run`` can be told."""

    model_config = SettingsConfigDict(env_ignore_empty=True, frozen=True)

    called_from: Path = PROJECT
    """Relative paths are taken from here."""
    dataset: Annotated[Path, AfterValidator(Path.expanduser)] = PROJECT / "datasets" / "simulated.toml"
    state: Annotated[Path, AfterValidator(Path.expanduser)] = PROJECT / "var"
    horizon: Annotated[int, Field(ge=1, le=400)] | None = None
    """Periods to forecast; the dataset file's unless given."""

    web_host: str = "127.0.0.1"
    """Address that the web app listens on."""
    listen_host: str = "127.0.0.1"
    """Address that the other servers listen on: the loopback address, for they have no sign-in. A container, whose
    network is private, says otherwise."""
    web_port: Port = 8000
    dagster_port: Port = 3000
    mlflow_port: Port = 5000
    code_port: Port = 4000

    @property
    def dataset_file(self) -> Path:
        """The dataset file, absolute."""
        return (self.called_from / self.dataset).resolve()

    @property
    def state_folder(self) -> Path:
        """The state directory of all datasets, absolute."""
        return (self.called_from / self.state).resolve()

    @property
    def ports(self) -> dict[str, int]:
        """Setting name -> port, for each server."""
        return {"WEB_PORT": self.web_port, "DAGSTER_PORT": self.dagster_port, "MLFLOW_PORT": self.mlflow_port,
                "CODE_PORT": self.code_port}


def read_settings() -> RunSettings:
    """The settings as the environment gives them.

    Raises: SettingsError: a value is out of range, or two servers were given one port.
    """
    try:
        settings = RunSettings()
    except ValidationError as error:
        raise SettingsError("\n".join(
            f"{str(problem['loc'][0]).upper()}={problem['input']} cannot be used: {problem['msg']}"
            for problem in error.errors())) from error
    for port, uses in Counter(settings.ports.values()).items():
        if uses > 1:
            names = " and ".join(name for name, value in settings.ports.items() if value == port)
            raise SettingsError(f"{names} are both {port}; give each server a port of its own")
    return settings
