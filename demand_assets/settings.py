"""The pipeline's settings, read once from the environment."""

import os
from functools import cached_property
from pathlib import Path

from pydantic import AliasChoices, Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from demand_assets.forecasting.dataset import Dataset, load_dataset


class Settings(BaseSettings):
    """Where things are. Every field can be set by an environment variable ``DEMAND_<FIELD>``."""

    model_config = SettingsConfigDict(env_prefix="DEMAND_", extra="ignore", frozen=True)

    dataset: Path = Path("datasets/simulated.toml")
    state: Path = Path("var")
    """Holds one folder for each dataset; nothing is written elsewhere."""
    horizon: int | None = None
    """Periods; the dataset file's unless given."""
    store_url: str | None = None
    """The demand store; ``<state>/<dataset>/demand`` unless given."""
    mlflow_url: str | None = Field(None, validation_alias=AliasChoices("MLFLOW_URL", "DEMAND_MLFLOW_URL"))
    """MLflow's tracking server; its database in the state directory, without a server, unless given."""
    dagster_url: str = Field("http://127.0.0.1:3000", validation_alias=AliasChoices("DAGSTER_URL"))
    """Dagster's webserver."""
    cores: int = Field(os.cpu_count() or 1, ge=1)
    """Models trained at the same time, one thread each."""

    @field_validator("horizon", "store_url", "mlflow_url", mode="before")
    @classmethod
    def _empty_is_unset(cls, value: object) -> object:
        return None if value == "" else value

    @cached_property
    def described(self) -> Dataset:
        """The dataset that the dataset file describes.

        Raises: DatasetFileError: the file cannot be used.
        """
        return load_dataset(self.dataset, self.horizon)

    @property
    def folder(self) -> Path:
        """The dataset's folder in the state directory, absolute."""
        return (self.state / self.described.name).resolve()

    @property
    def registry_uri(self) -> str:
        """Where the model registry is."""
        return self.mlflow_url or f"sqlite:///{self.folder}/mlflow/mlflow.db"

    @property
    def demand_store_url(self) -> str:
        """Where the demand store is."""
        return self.store_url or str(self.folder / "demand")
