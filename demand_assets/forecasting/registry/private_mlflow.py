"""All that is used of MLflow without a public name; ``DEMAND_REGISTRY=stock`` does without (docs/private_parts.md)."""

import os
from collections.abc import Callable, Mapping
from functools import lru_cache
from time import time
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from mlflow.entities.model_registry import RegisteredModel
    from sqlalchemy import Connection, Engine

BUSY_SECONDS = 30
"""How long a statement waits for another process that writes."""

Found = TypeVar("Found")


def quick_models(uri: str) -> Any:
    """MLflow's client of registered models only, with the same methods as ``MlflowClient`` for what it can do.

    ``MlflowClient`` looks before each change whether the name is a prompt's, which makes one query two.
    """
    from mlflow.tracking._model_registry.client import ModelRegistryClient

    return ModelRegistryClient(uri, uri)  # type: ignore[no-untyped-call]


class RegistryRows:
    """Registered models in MLflow's own database: the same rows by a few statements each, where MLflow's client maps
    every row of a model to an object and back.

    The methods are named as the client's, and raise what it raises.

    Args:
        uri: of the database.
    """

    def __init__(self, uri: str) -> None:
        from mlflow.store.model_registry.dbmodels import models
        from mlflow.utils.workspace_utils import DEFAULT_WORKSPACE_NAME

        self._uri, self._workspace = uri, DEFAULT_WORKSPACE_NAME
        self._models, self._tags, self._aliases, self._versions, self._version_tags = (
            each.__table__ for each in (models.SqlRegisteredModel, models.SqlRegisteredModelTag,
                                        models.SqlRegisteredModelAlias, models.SqlModelVersion,
                                        models.SqlModelVersionTag))

    def add_version(self, name: str, identity: Mapping[str, str], source: str, run_id: str,
                    tags: Mapping[str, str]) -> int:
        """Register a version, and its model where there is none; the version's number.

        Args:
            identity: tags of the model, where it is new.
            tags: of the version.
        """
        from sqlalchemy import func, insert, select

        def add(connection: "Connection") -> int:
            if not self._dated(connection, name):
                now = _now()
                connection.execute(insert(self._models), [self._row(
                    name, creation_time=now, last_updated_time=now)])
                connection.execute(insert(self._tags), [
                    self._row(name, key=key, value=value) for key, value in identity.items()])
            newest = connection.scalar(select(func.max(self._versions.c.version)).where(*self._of(
                self._versions, name)))
            version, now = int(newest or 0) + 1, _now()
            connection.execute(insert(self._versions), [self._row(
                name, version=version, creation_time=now, last_updated_time=now, source=source,
                storage_location=source, run_id=run_id)])
            connection.execute(insert(self._version_tags), [
                self._row(name, version=version, key=key, value=str(value)) for key, value in tags.items()])
            return version

        return self._settled(add)

    def set_registered_model_tag(self, name: str, key: str, value: str) -> None:
        """Set a tag of a registered model."""
        def change(connection: "Connection") -> None:
            self._check_model(connection, name)
            self._put(connection, self._tags, name, {"key": key}, {"value": value})

        self._settled(change)

    def delete_registered_model_tag(self, name: str, key: str) -> None:
        """Remove a tag of a registered model; nothing when there is none."""
        from sqlalchemy import delete

        self._settled(lambda connection: connection.execute(
            delete(self._tags).where(*self._of(self._tags, name), self._tags.c.key == key)))

    def set_registered_model_alias(self, name: str, alias: str, version: str) -> None:
        """Let an alias name a version."""
        from sqlalchemy import select

        def change(connection: "Connection") -> None:
            if connection.scalar(select(self._versions.c.version).where(
                    *self._of_kept_versions(name), self._versions.c.version == int(version))) is None:
                raise _missing(f"Model Version (name={name}, version={version}) not found")
            self._put(connection, self._aliases, name, {"alias": alias}, {"version": int(version)})

        self._settled(change)

    def update_registered_model(self, name: str, description: str) -> None:
        """Write the description of a registered model."""
        from sqlalchemy import update

        def change(connection: "Connection") -> None:
            self._check_model(connection, name)
            connection.execute(update(self._models).where(*self._of(self._models, name)).values(
                description=description, last_updated_time=_now()))

        self._settled(change)

    def rename_registered_model(self, name: str, new_name: str) -> "RegisteredModel":
        """Date a registered model, which keeps its name; as it is then."""
        assert name == new_name

        def change(connection: "Connection") -> None:
            if not self._dated(connection, name):
                raise _missing(f"Registered Model with name={name} not found")

        self._settled(change)
        return self.get_registered_model(name)

    def get_registered_model(self, name: str) -> "RegisteredModel":
        """A registered model with its tags, aliases and newest version of each stage."""
        from mlflow.entities.model_registry import (
            ModelVersion,
            ModelVersionTag,
            RegisteredModel,
            RegisteredModelAlias,
            RegisteredModelTag,
        )
        from sqlalchemy import func, select

        versions, tags, aliases = self._versions, self._tags, self._aliases
        with _engine(self._uri).connect() as connection:
            model = connection.execute(select(self._models).where(*self._of(self._models, name))).one_or_none()
            if model is None:
                raise _missing(f"Registered Model with name={name} not found")
            its_tags = connection.execute(select(tags.c.key, tags.c.value).where(*self._of(tags, name))).all()
            its_aliases = connection.execute(
                select(aliases.c.alias, aliases.c.version).where(*self._of(aliases, name))).all()
            newest = connection.execute(select(func.max(versions.c.version)).where(
                *self._of_kept_versions(name)).group_by(versions.c.current_stage)).scalars().all()
            latest = []
            for number in newest:
                one = connection.execute(select(versions).where(
                    *self._of(versions, name), versions.c.version == number)).one()
                told = connection.execute(select(self._version_tags.c.key, self._version_tags.c.value).where(
                    *self._of(self._version_tags, name), self._version_tags.c.version == number)).all()
                latest.append(ModelVersion(
                    one.name, one.version, one.creation_time, one.last_updated_time, one.description, one.user_id,
                    one.current_stage, one.source, one.run_id, one.status, one.status_message,
                    [ModelVersionTag(key, value) for key, value in told], one.run_link,  # type: ignore[no-untyped-call]
                    [], workspace=one.workspace))
        return RegisteredModel(
            model.name, model.creation_time, model.last_updated_time, model.description, latest,
            [RegisteredModelTag(key, value) for key, value in its_tags],  # type: ignore[no-untyped-call]
            [RegisteredModelAlias(alias, version) for alias, version in its_aliases], workspace=model.workspace)  # type: ignore[no-untyped-call]

    def _settled(self, change: Callable[["Connection"], Found]) -> Found:
        """Make a change, again where another process made the same row in this moment."""
        from sqlalchemy.exc import IntegrityError

        for is_last in (False, False, True):
            try:
                with _engine(self._uri).begin() as connection:
                    return change(connection)
            except IntegrityError:
                if is_last:
                    raise
        raise AssertionError("it returns or raises")

    def _dated(self, connection: "Connection", name: str) -> bool:
        """Whether there is the registered model, which is then dated, and no other process's until this one is done."""
        from sqlalchemy import update

        return bool(connection.execute(update(self._models).where(*self._of(self._models, name)).values(
            last_updated_time=_now())).rowcount)

    def _check_model(self, connection: "Connection", name: str) -> None:
        from sqlalchemy import select

        if connection.scalar(select(self._models.c.name).where(*self._of(self._models, name))) is None:
            raise _missing(f"Registered Model with name={name} not found")

    def _put(self, connection: "Connection", table: Any, name: str, key: Mapping[str, str],
             values: Mapping[str, Any]) -> None:
        """Change the row with that key; add it where there is none."""
        from sqlalchemy import insert, update

        which = [table.c[column] == value for column, value in key.items()]
        if not connection.execute(update(table).where(*self._of(table, name), *which).values(values)).rowcount:
            connection.execute(insert(table), [self._row(name, **key, **values)])

    def _of(self, table: Any, name: str) -> tuple[Any, Any]:
        return table.c.workspace == self._workspace, table.c.name == name

    def _of_kept_versions(self, name: str) -> tuple[Any, ...]:
        from mlflow.entities.model_registry.model_version_stages import STAGE_DELETED_INTERNAL

        return *self._of(self._versions, name), self._versions.c.current_stage != STAGE_DELETED_INTERNAL

    def _row(self, name: str, **values: Any) -> dict[str, Any]:
        return {"workspace": self._workspace, "name": name, **values}


def remove_version(uri: str, name: str, version: int) -> bool:
    """Whether the version is gone from MLflow's database; not while an alias names it.

    MLflow's own ``delete_model_version`` leaves its row and all its tags, and takes aliases away without a word.

    Args:
        uri: of the database.
    """
    from mlflow.store.model_registry.dbmodels.models import (
        SqlModelVersion,
        SqlModelVersionTag,
        SqlRegisteredModelAlias,
    )
    from sqlalchemy import delete, exists

    is_named = exists().where(SqlRegisteredModelAlias.name == name, SqlRegisteredModelAlias.version == version)
    with _engine(uri).begin() as connection:
        connection.execute(delete(SqlModelVersionTag).where(
            SqlModelVersionTag.name == name, SqlModelVersionTag.version == version, ~is_named))
        removed = connection.execute(delete(SqlModelVersion).where(
            SqlModelVersion.name == name, SqlModelVersion.version == version, ~is_named))
    return bool(removed.rowcount)


def _missing(words: str) -> Exception:
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST

    return MlflowException(words, RESOURCE_DOES_NOT_EXIST)


def _now() -> int:
    return int(time() * 1000)


@lru_cache(maxsize=2)
def _engine(uri: str) -> "Engine":
    from sqlalchemy import create_engine

    engine = create_engine(uri, connect_args={"timeout": BUSY_SECONDS} if uri.startswith("sqlite") else {},
                           pool_pre_ping=not uri.startswith("sqlite"))
    os.register_at_fork(after_in_child=lambda: engine.dispose(close=False))  # the connections are the parent's
    return engine
