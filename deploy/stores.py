"""``python -m deploy.stores``: create the databases and buckets that the settings name and that are not there yet.

For a first start of containers. Nothing that exists is changed; a store that the settings do not name is left out.
"""

import sys
from collections.abc import Iterable
from urllib.parse import urlsplit

import fsspec
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import OperationalError, ProgrammingError


class Stores(BaseSettings):
    """Where the product keeps what it must not lose; the names of the variables are the fields' names in capitals."""

    model_config = SettingsConfigDict(hide_input_in_errors=True, env_ignore_empty=True, extra="ignore", frozen=True)

    dagster_database_url: str | None = None
    mlflow_database_url: str | None = None
    web_database_url: str | None = None
    mlflow_artifacts_url: str | None = None
    demand_store_url: str | None = None

    @property
    def databases(self) -> list[str]:
        """URLs of databases on a server."""
        urls = (self.dagster_database_url, self.mlflow_database_url, self.web_database_url)
        return [url for url in urls if url and url.startswith(("postgres://", "postgresql"))]

    @property
    def buckets(self) -> list[str]:
        """Names of buckets, each once."""
        urls = (self.mlflow_artifacts_url, self.demand_store_url)
        return sorted({urlsplit(url).netloc for url in urls if url and url.startswith("s3://")})


def create_databases(urls: Iterable[str]) -> list[str]:
    """Create the databases that are missing; their names."""
    created = []
    for url in urls:
        # SQLAlchemy takes a bare postgresql:// for a driver that is not installed.
        wanted = make_url(url).set(drivername="postgresql+psycopg2")
        server = create_engine(wanted.set(database="postgres"), isolation_level="AUTOCOMMIT")
        with server.connect() as connection:
            there = connection.scalar(text("SELECT 1 FROM pg_database WHERE datname = :name"),
                                      {"name": wanted.database})
            if not there:
                quoted = connection.dialect.identifier_preparer.quote_identifier(str(wanted.database))
                connection.exec_driver_sql(f"CREATE DATABASE {quoted}")
                created.append(str(wanted.database))
        server.dispose()
    return created


def create_buckets(names: Iterable[str]) -> list[str]:
    """Create the buckets that are missing; their names. Address and keys are those of the AWS_… variables."""
    files = None
    created = []
    for name in names:
        files = files or fsspec.filesystem("s3")
        if not files.exists(name):
            files.mkdir(name)
            created.append(name)
    return created


def main() -> int:
    """Create what is missing and say what that was; 1 when a store cannot be reached or refuses."""
    stores = Stores()
    try:
        created = create_databases(stores.databases) + create_buckets(stores.buckets)
    except (OperationalError, ProgrammingError, OSError) as error:
        print(f"a store cannot be prepared: {error}", file=sys.stderr)
        return 1
    print(f"created: {', '.join(created)}" if created else "every database and bucket is there")
    return 0


if __name__ == "__main__":
    sys.exit(main())
