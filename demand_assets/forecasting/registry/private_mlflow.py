"""All that is used of MLflow without a public name; ``DEMAND_REGISTRY=stock`` does without (docs/private_parts.md)."""

import os
from collections.abc import Callable, Mapping
from functools import lru_cache
from time import time
from typing import TYPE_CHECKING, Any, TypeVar

from demand_assets.forecasting.registry.entry import CANDIDATE

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel
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

    The methods are named as the client's, and raise what it raises. Statements are made once: making one takes five
    times as long as carrying it out.

    Args:
        uri: of the database.
    """

    def __init__(self, uri: str) -> None:
        from mlflow.entities.model_registry.model_version_stages import STAGE_DELETED_INTERNAL
        from mlflow.store.model_registry.dbmodels import models
        from mlflow.utils.workspace_utils import DEFAULT_WORKSPACE_NAME
        from sqlalchemy import bindparam, delete, func, insert, select, update

        self._uri, self._workspace = uri, DEFAULT_WORKSPACE_NAME
        known, tags, aliases, versions, version_tags = (
            each.__table__ for each in (models.SqlRegisteredModel, models.SqlRegisteredModelTag,
                                        models.SqlRegisteredModelAlias, models.SqlModelVersion,
                                        models.SqlModelVersionTag))

        def of(table: Any, *columns: str) -> list[Any]:
            return [table.c.workspace == self._workspace,
                    *(table.c[column] == bindparam(f"of_{column}") for column in ("name", *columns))]

        is_kept = versions.c.current_stage != STAGE_DELETED_INTERNAL
        self._add_model, self._add_tag, self._add_alias, self._add_version, self._add_version_tag = map(
            insert, (known, tags, aliases, versions, version_tags))
        self._date = update(known).where(*of(known)).values(last_updated_time=bindparam("now"))
        self._describe = update(known).where(*of(known)).values(
            last_updated_time=bindparam("now"), description=bindparam("words"))
        self._model, self._name = select(known).where(*of(known)), select(known.c.name).where(*of(known))
        self._tags = select(tags.c.key, tags.c.value).where(*of(tags))
        self._change_tag = update(tags).where(*of(tags, "key")).values(value=bindparam("new"))
        self._remove_tag = delete(tags).where(*of(tags, "key"))
        self._aliases = select(aliases.c.alias, aliases.c.version).where(*of(aliases))
        self._change_alias = update(aliases).where(*of(aliases, "alias")).values(version=bindparam("new"))
        self._last_number = select(func.max(versions.c.version)).where(*of(versions))
        self._newest = select(func.max(versions.c.version)).where(*of(versions), is_kept).group_by(
            versions.c.current_stage)
        self._version = select(versions).where(*of(versions, "version"), is_kept)
        self._version_tags = select(version_tags.c.key, version_tags.c.value).where(*of(version_tags, "version"))

    def add_version(self, name: str, identity: Mapping[str, str], source: str, run_id: str,
                    tags: Mapping[str, str]) -> int:
        """Register a version, and its model where there is none; the version's number.

        Args:
            identity: tags of the model, where it is new.
            tags: of the version.
        """
        def add(connection: "Connection") -> int:
            if not self._dated(connection, name):
                now = _now()
                connection.execute(self._add_model, [self._row(name, creation_time=now, last_updated_time=now)])
                connection.execute(self._add_tag, [
                    self._row(name, key=key, value=value) for key, value in identity.items()])
            newest = connection.scalar(self._last_number, {"of_name": name})
            version, now = int(newest or 0) + 1, _now()
            connection.execute(self._add_version, [self._row(
                name, version=version, creation_time=now, last_updated_time=now, source=source,
                storage_location=source, run_id=run_id)])
            connection.execute(self._add_version_tag, [
                self._row(name, version=version, key=key, value=str(value)) for key, value in tags.items()])
            return version

        return self._settled(add, lasts=False)

    def set_registered_model_tag(self, name: str, key: str, value: str) -> None:
        """Set a tag of a registered model."""
        def change(connection: "Connection") -> None:
            self._check_model(connection, name)
            self._set_tag(connection, name, key, value)

        self._settled(change)

    def delete_registered_model_tag(self, name: str, key: str) -> None:
        """Remove a tag of a registered model; nothing when there is none."""
        self._settled(lambda connection: connection.execute(self._remove_tag, {"of_name": name, "of_key": key}))

    def set_registered_model_alias(self, name: str, alias: str, version: str) -> None:
        """Let an alias name a version."""
        self._settled(lambda connection: self._set_alias(connection, name, alias, version), lasts=alias != CANDIDATE)

    def update_registered_model(self, name: str, description: str) -> None:
        """Write the description of a registered model."""
        def change(connection: "Connection") -> None:
            self._check_model(connection, name)
            connection.execute(self._describe, {"of_name": name, "words": description, "now": _now()})

        self._settled(change)

    def rename_registered_model(self, name: str, new_name: str) -> "RegisteredModel":
        """Date a registered model, which keeps its name; as it is then."""
        assert name == new_name
        return self._settled(lambda connection: self._model_dated(connection, name))

    def promote(self, name: str, alias: str, version: str, key: str, value: str) -> "RegisteredModel":
        """Set a tag of a registered model, let an alias name a version, and date the model, all at once or nothing; the
        model as it is then."""
        def change(connection: "Connection") -> "RegisteredModel":
            self._check_model(connection, name)
            self._set_tag(connection, name, key, value)
            self._set_alias(connection, name, alias, version)
            return self._model_dated(connection, name)

        return self._settled(change)

    def get_registered_model(self, name: str) -> "RegisteredModel":
        """A registered model with its tags, aliases and newest version of each stage."""
        return self._asked(lambda connection: self._as_it_is(connection, name))

    def get_model_version(self, name: str, version: str) -> "ModelVersion":
        """A version of a registered model with its tags and the aliases that name it."""
        def ask(connection: "Connection") -> "ModelVersion":
            found = self._version_of(connection, name, int(version))
            if found is None:
                raise _missing(f"Model Version (name={name}, version={version}) not found")
            found.aliases = [alias for alias, number in connection.execute(self._aliases, {"of_name": name})
                             if number == int(version)]
            return found

        return self._asked(ask)

    def _as_it_is(self, connection: "Connection", name: str) -> "RegisteredModel":
        from mlflow.entities.model_registry import RegisteredModel, RegisteredModelAlias, RegisteredModelTag

        of = {"of_name": name}
        model = connection.execute(self._model, of).one_or_none()
        if model is None:
            raise _missing(f"Registered Model with name={name} not found")
        tags, aliases = connection.execute(self._tags, of).all(), connection.execute(self._aliases, of).all()
        newest = connection.execute(self._newest, of).scalars().all()
        latest = [found for number in newest if (found := self._version_of(connection, name, number))]
        return RegisteredModel(
            model.name, model.creation_time, model.last_updated_time, model.description, latest,
            [RegisteredModelTag(key, value) for key, value in tags],  # type: ignore[no-untyped-call]
            [RegisteredModelAlias(alias, version) for alias, version in aliases], workspace=model.workspace)  # type: ignore[no-untyped-call]

    def _version_of(self, connection: "Connection", name: str, number: int) -> "ModelVersion | None":
        from mlflow.entities.model_registry import ModelVersion, ModelVersionTag

        of = {"of_name": name, "of_version": number}
        one = connection.execute(self._version, of).one_or_none()
        if one is None:
            return None
        told = connection.execute(self._version_tags, of).all()
        return ModelVersion(
            one.name, one.version, one.creation_time, one.last_updated_time, one.description, one.user_id,
            one.current_stage, one.source, one.run_id, one.status, one.status_message,
            [ModelVersionTag(key, value) for key, value in told], one.run_link,  # type: ignore[no-untyped-call]
            [], workspace=one.workspace)

    def _settled(self, change: Callable[["Connection"], Found], lasts: bool = True) -> Found:
        """Make a change, again where another process made the same row in this moment, or the connection was ended
        before all of it was said; not where it was ended while it was committed, since it may have been made."""
        from sqlalchemy.exc import DBAPIError, IntegrityError

        for is_last in (False, False, True):
            is_said = False
            try:
                with _engine(self._uri, lasts).begin() as connection:
                    found = change(connection)
                    is_said = True
            except DBAPIError as error:
                if is_last or not (isinstance(error, IntegrityError) or (error.connection_invalidated and not is_said)):
                    raise
            else:
                return found
        raise AssertionError("it returns or raises")

    def _asked(self, ask: Callable[["Connection"], Found]) -> Found:
        """What is there, asked again where the connection was ended on the way."""
        from sqlalchemy.exc import DBAPIError

        try:
            with _engine(self._uri).connect() as connection:
                return ask(connection)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
        with _engine(self._uri).connect() as connection:
            return ask(connection)

    def _dated(self, connection: "Connection", name: str) -> bool:
        """Whether there is the registered model, which is then dated, and no other process's until this one is done."""
        return bool(connection.execute(self._date, {"of_name": name, "now": _now()}).rowcount)

    def _model_dated(self, connection: "Connection", name: str) -> "RegisteredModel":
        if not self._dated(connection, name):
            raise _missing(f"Registered Model with name={name} not found")
        return self._as_it_is(connection, name)

    def _check_model(self, connection: "Connection", name: str) -> None:
        if connection.scalar(self._name, {"of_name": name}) is None:
            raise _missing(f"Registered Model with name={name} not found")

    def _set_tag(self, connection: "Connection", name: str, key: str, value: str) -> None:
        if not connection.execute(self._change_tag, {"of_name": name, "of_key": key, "new": value}).rowcount:
            connection.execute(self._add_tag, [self._row(name, key=key, value=value)])

    def _set_alias(self, connection: "Connection", name: str, alias: str, version: str) -> None:
        number = int(version)
        if connection.execute(self._version, {"of_name": name, "of_version": number}).one_or_none() is None:
            raise _missing(f"Model Version (name={name}, version={version}) not found")
        if not connection.execute(self._change_alias, {"of_name": name, "of_alias": alias, "new": number}).rowcount:
            connection.execute(self._add_alias, [self._row(name, alias=alias, version=number)])

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


def _engine(uri: str, lasts: bool = True) -> "Engine":
    """Connections whose commits are on the disk when they return; where they need not last a power cut, of SQLite those
    that are only seen by every process."""
    return _connected(uri, lasts or not uri.startswith("sqlite"))


@lru_cache(maxsize=4)
def _connected(uri: str, lasts: bool) -> "Engine":
    from sqlalchemy import create_engine, event

    is_file = uri.startswith("sqlite")
    engine = create_engine(uri, connect_args={"timeout": BUSY_SECONDS} if is_file else {}, pool_pre_ping=not is_file)
    if not lasts:
        event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=NORMAL"))
    os.register_at_fork(after_in_child=lambda: engine.dispose(close=False))  # the connections are the parent's
    return engine
