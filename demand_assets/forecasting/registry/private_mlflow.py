"""All that is used of MLflow without a public name; ``DEMAND_REGISTRY=stock`` does without (docs/private_parts.md)."""

from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Engine

BUSY_SECONDS = 30
"""How long a statement waits for another process that writes."""


def quick_models(uri: str) -> Any:
    """MLflow's client of registered models only, with the same methods as ``MlflowClient`` for what it can do.

    ``MlflowClient`` looks before each change whether the name is a prompt's, which makes one query two.
    """
    from mlflow.tracking._model_registry.client import ModelRegistryClient

    return ModelRegistryClient(uri, uri)  # type: ignore[no-untyped-call]


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


@lru_cache(maxsize=2)
def _engine(uri: str) -> "Engine":
    from sqlalchemy import create_engine

    return create_engine(uri, connect_args={"timeout": BUSY_SECONDS} if uri.startswith("sqlite") else {},
                         pool_pre_ping=True)
