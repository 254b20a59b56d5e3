"""A connection to MLflow: opened when it is first asked, and opened anew in another process that it is sent to."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import requests

from demand_assets.forecasting.registry.private_mlflow import RegistryRows, quick_models

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel


class RegistryDownError(RuntimeError):
    """MLflow cannot be reached."""


class NotRegisteredError(LookupError):
    """No such model, version or alias."""


def ask_once() -> None:
    """Let what this process asks MLflow fail soon, instead of being asked again and again for minutes."""
    from mlflow.environment_variables import MLFLOW_HTTP_REQUEST_MAX_RETRIES, MLFLOW_HTTP_REQUEST_TIMEOUT

    MLFLOW_HTTP_REQUEST_MAX_RETRIES.set(0)  # type: ignore[no-untyped-call]
    MLFLOW_HTTP_REQUEST_TIMEOUT.set(15)  # type: ignore[no-untyped-call]


class Session:
    """MLflow, for the models of one dataset.

    Args:
        uri: the tracking server, or a database URL to use its store without a server.
        dataset: the dataset's name.
        artifacts: where the artifacts of new experiments go; the server's default unless given.
        stock: whether to use nothing but MLflow's public parts, which is slower.
    """

    def __init__(self, uri: str, dataset: str, artifacts: str | None = None, stock: bool = False) -> None:
        self.uri = uri
        self.dataset = dataset
        self.artifacts = artifacts
        self.stock = stock

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process keeps its connection, however often it is sent one."""
        return opened_session, (self.uri, self.dataset, self.artifacts, self.stock)

    def is_up(self) -> bool:
        """Whether the tracking server answers; always true without a server."""
        if not self.uri.startswith("http"):
            return True
        try:
            return requests.get(f"{self.uri}/health", timeout=2).ok
        except requests.RequestException:
            return False

    def check_up(self) -> None:
        """Nothing, when MLflow answers.

        Raises: RegistryDownError: it does not.
        """
        if not self.is_up():
            raise RegistryDownError(f"MLflow does not answer at {self.uri}")

    @contextmanager
    def asked_once(self) -> Iterator[None]:
        """What MLflow's silence means in the block, said as ``check_up`` says it.

        Raises: RegistryDownError: MLflow does not answer, or stops answering in the block.
        """
        from mlflow.exceptions import MlflowException

        self.check_up()
        try:
            yield
        except (MlflowException, requests.RequestException) as error:
            raise RegistryDownError(f"MLflow at {self.uri} stopped answering: {error}") from error

    def model(self, name: str) -> "RegisteredModel | None":
        """The registered model; None when there is none of that name."""
        from mlflow.exceptions import MlflowException

        try:
            return (self.rows or self.client).get_registered_model(name)
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise

    def version(self, name: str, version: int) -> "ModelVersion":
        """One version of a registered model.

        Raises: NotRegisteredError: there is no such version.
        """
        from mlflow.exceptions import MlflowException

        try:
            found: ModelVersion = (self.rows or self.client).get_model_version(name, str(version))
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                raise NotRegisteredError(f"{name} has no version {version}") from error
            raise
        return found

    def set_tag(self, name: str, key: str, value: str) -> None:
        """Set a tag of a registered model."""
        self._settled(lambda: self.models.set_registered_model_tag(name, key, value))

    def delete_tag(self, name: str, key: str) -> None:
        """Remove a tag of a registered model; nothing when there is none."""
        self._settled(lambda: self.models.delete_registered_model_tag(name, key))

    def set_version_tag(self, name: str, version: int, key: str, value: str) -> None:
        """Set a tag of a version."""
        self._settled(lambda: self.client.set_model_version_tag(name, str(version), key, value))

    def set_alias(self, name: str, alias: str, version: int) -> None:
        """Let an alias name a version.

        Raises: NotRegisteredError: there is no such version.
        """
        from mlflow.exceptions import MlflowException

        try:
            self._settled(lambda: self.models.set_registered_model_alias(name, alias, str(version)))
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                raise NotRegisteredError(f"{name} has no version {version}") from error
            raise

    def promote(self, name: str, alias: str, version: int, key: str, value: str) -> "RegisteredModel":
        """Set a tag of a registered model, let an alias name a version and date the model, in this order; the model as
        it is then. At once where the database is at hand.

        Raises: NotRegisteredError: there is no such version.
        """
        from mlflow.exceptions import MlflowException

        if not self.rows:
            self.set_tag(name, key, value)
            self.set_alias(name, alias, version)
            return self.date(name)
        try:
            dated: RegisteredModel = self.models.promote(name, alias, str(version), key, value)
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                raise NotRegisteredError(f"{name} has no version {version}") from error
            raise
        return dated

    @staticmethod
    def _settled(change: Callable[[], object]) -> None:
        """Make a change again that another process made first: MLflow looks whether there is a row, then inserts it."""
        from mlflow.exceptions import MlflowException

        try:
            change()
        except MlflowException as error:
            if error.error_code != "BAD_REQUEST":
                raise
            change()

    def date(self, name: str) -> "RegisteredModel":
        """The registered model as it is now, its time of last change set, so that whoever looks for changes finds it.

        MLflow dates neither aliases nor tags. Of the public calls that date a registered model, giving it the name
        that it has is the only one that leaves the description alone, which people edit.
        """
        found: RegisteredModel | None = self.models.rename_registered_model(name, name)
        return found or self.client.get_registered_model(name)  # MLflow's own client does not hand it over

    @cached_property
    def client(self) -> "MlflowClient":
        """MLflow's own client."""
        from mlflow import MlflowClient

        return MlflowClient(self.uri, registry_uri=self.uri)

    @cached_property
    def models(self) -> Any:
        """What changes registered models: aliases, tags, dates, descriptions."""
        return self.client if self.stock else self.rows or quick_models(self.uri)

    @cached_property
    def rows(self) -> RegistryRows | None:
        """Registered models in MLflow's database, where that is at hand and may be used."""
        return None if self.stock or self.uri.startswith("http") else RegistryRows(self.uri)

    @cached_property
    def experiment(self) -> str:
        """The id of the dataset's experiment; made when it is not there."""
        found = self.client.get_experiment_by_name(self.dataset)
        if found:
            return str(found.experiment_id)
        return str(self.client.create_experiment(self.dataset, artifact_location=self.artifacts))


@lru_cache(maxsize=8)
def opened_session(uri: str, dataset: str, artifacts: str | None, stock: bool) -> Session:
    """The session of a process that is sent one again and again; it keeps its connection."""
    return Session(uri, dataset, artifacts, stock)
