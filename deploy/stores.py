"""``python -m deploy.stores``: create the databases and buckets that the settings name and that are not there yet.

For a first start of containers. A store that the settings do not name is left out. With POSTGRES_ADMIN_URL the roles
that the URLs name are made too, each database belongs to its own, and one that was the administrator's is handed over;
without it nothing that exists is changed.
"""

import sys
from collections.abc import Iterable
from urllib.parse import urlsplit

import fsspec
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import URL, create_engine, make_url, text
from sqlalchemy.exc import OperationalError, ProgrammingError

DRIVER = "postgresql+psycopg2"
"""SQLAlchemy takes a bare postgresql:// for a driver that is not installed."""


class Stores(BaseSettings):
    """Where the product keeps what it must not lose; the names of the variables are the fields' names in capitals."""

    model_config = SettingsConfigDict(hide_input_in_errors=True, env_ignore_empty=True, extra="ignore", frozen=True)

    postgres_admin_url: str | None = None
    """PostgreSQL, signed in as a role that may make roles and databases."""
    dagster_database_url: str | None = None
    mlflow_database_url: str | None = None
    web_database_url: str | None = None
    web_database_owner_url: str | None = None
    """The web app's database as the role that owns its tables; that of ``web_database_url`` only uses them."""
    mlflow_artifacts_url: str | None = None
    demand_store_url: str | None = None

    @property
    def databases(self) -> list[str]:
        """URLs of databases on a server."""
        return _on_a_server(self.dagster_database_url, self.mlflow_database_url, self.web_database_url)

    @property
    def owned(self) -> list[str]:
        """URLs of the same databases, each as the role that owns it."""
        return _on_a_server(self.dagster_database_url, self.mlflow_database_url,
                            self.web_database_owner_url or self.web_database_url)

    @property
    def buckets(self) -> list[str]:
        """Names of buckets, each once."""
        urls = (self.mlflow_artifacts_url, self.demand_store_url)
        return sorted({urlsplit(url).netloc for url in urls if url and url.startswith("s3://")})


def _on_a_server(*urls: str | None) -> list[str]:
    return [url for url in urls if url and url.startswith(("postgres://", "postgresql"))]


_OBJECTS = """\
SELECT format('%s %I.%I', CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE'
              ELSE 'TABLE' END, nspname, relname)
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = 'public' AND relkind IN ('r', 'p', 'v', 'm', 'S') AND pg_get_userbyid(relowner) <> :role
  AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid
                  AND deptype IN ('a', 'i', 'e'))
UNION ALL SELECT 'ROUTINE ' || pg_proc.oid::regprocedure
FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
WHERE nspname = 'public' AND pg_get_userbyid(proowner) <> :role
  AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = pg_proc.oid AND deptype = 'e')
UNION ALL SELECT 'TYPE ' || pg_type.oid::regtype FROM pg_type JOIN pg_namespace ON pg_namespace.oid = typnamespace
WHERE nspname = 'public' AND typtype IN ('e', 'd') AND pg_get_userbyid(typowner) <> :role
"""
"""What is in a database and is not the role's."""


def set_roles_apart(admin_url: str, owned: Iterable[str], used: Iterable[str]) -> None:
    """Make the roles that the URLs name, with their passwords, and give each database to its owner.

    Args:
        owned: URLs of databases as the roles that own them; a database that is not there is left to
            ``create_databases``, one that is has all in it handed over.
        used: URLs as roles that may only enter; what they may do there, the migration of its tables says.
    """
    server = create_engine(make_url(admin_url).set(drivername=DRIVER), isolation_level="AUTOCOMMIT",
                           hide_parameters=True)
    with server.connect() as connection:
        quote = connection.dialect.identifier_preparer.quote_identifier
        admin = connection.scalar(text("SELECT current_user"))
        for url in map(make_url, [*owned, *used]):
            if url.username in (None, admin):
                continue
            role = quote(str(url.username)).replace("%", "%%")
            there = connection.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :name"), {"name": url.username})
            connection.exec_driver_sql(f"{'ALTER' if there else 'CREATE'} ROLE {role} LOGIN PASSWORD %s",
                                       (url.password or "",))
            if not connection.scalar(text("SELECT pg_has_role(current_user, :name, 'MEMBER')"),
                                     {"name": url.username}):
                connection.exec_driver_sql(f"GRANT {role} TO CURRENT_USER")
    for url in map(make_url, owned):
        if url.username in (None, admin):
            continue
        with server.connect() as connection:
            if connection.scalar(text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": url.database}):
                connection.exec_driver_sql(f"ALTER DATABASE {quote(str(url.database))} OWNER TO "
                                           f"{quote(str(url.username))}")
                _hand_over(make_url(admin_url), str(url.database), str(url.username))
    server.dispose()


def _hand_over(admin: URL, database: str, role: str) -> None:
    engine = create_engine(admin.set(drivername=DRIVER, database=database))
    with engine.begin() as connection:
        to = connection.dialect.identifier_preparer.quote_identifier(role)
        for one in list(connection.scalars(text(_OBJECTS), {"role": role})):
            connection.execute(text(f"ALTER {one} OWNER TO {to}".replace(":", "\\:")))
    engine.dispose()


def close_to_others(admin_url: str, owned: Iterable[str], used: Iterable[str]) -> None:
    """Let only the roles that the URLs name, and superusers, enter the databases."""
    server = create_engine(make_url(admin_url).set(drivername=DRIVER), isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        quote = connection.dialect.identifier_preparer.quote_identifier
        for url in map(make_url, owned):
            connection.exec_driver_sql(f"REVOKE ALL ON DATABASE {quote(str(url.database))} FROM PUBLIC")
        for url in map(make_url, [*owned, *used]):
            if url.username is not None:
                connection.exec_driver_sql(f"GRANT CONNECT ON DATABASE {quote(str(url.database))} TO "
                                           f"{quote(url.username)}")
    server.dispose()


def create_databases(urls: Iterable[str], admin_url: str | None = None) -> list[str]:
    """Create the databases that are missing; their names.

    Args:
        admin_url: as whom; the roles that the URLs name then own them. As these roles themselves unless given.
    """
    created = []
    for url in urls:
        wanted = make_url(url).set(drivername=DRIVER)
        as_whom = make_url(admin_url).set(drivername=DRIVER) if admin_url else wanted
        server = create_engine(as_whom.set(database="postgres"), isolation_level="AUTOCOMMIT")
        with server.connect() as connection:
            there = connection.scalar(text("SELECT 1 FROM pg_database WHERE datname = :name"),
                                      {"name": wanted.database})
            if not there:
                quote = connection.dialect.identifier_preparer.quote_identifier
                owner = f" OWNER {quote(wanted.username)}" if admin_url and wanted.username is not None else ""
                connection.exec_driver_sql(f"CREATE DATABASE {quote(str(wanted.database))}{owner}")
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
        if stores.postgres_admin_url:
            set_roles_apart(stores.postgres_admin_url, stores.owned, stores.databases)
        created = create_databases(stores.owned, stores.postgres_admin_url)
        if stores.postgres_admin_url:
            close_to_others(stores.postgres_admin_url, stores.owned, stores.databases)
        created += create_buckets(stores.buckets)
    except (OperationalError, ProgrammingError, OSError) as error:
        print(f"a store cannot be prepared: {error}", file=sys.stderr)
        return 1
    print(f"created: {', '.join(created)}" if created else "every database and bucket is there")
    return 0


if __name__ == "__main__":
    sys.exit(main())
