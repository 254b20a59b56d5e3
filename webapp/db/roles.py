"""Two roles on PostgreSQL: one that owns the tables and changes them, and the app's, which only uses them."""

from sqlalchemy import inspect, make_url, text
from sqlalchemy.engine import Connection

ONLY_ADDED_TO = ("audit_entry", "audit_seal")
ONLY_READ = ("alembic_version",)


class RolesError(RuntimeError):
    """The two roles are not apart; the message says what to change."""


def check_apart(owner_url: str, app_url: str) -> None:
    """Nothing, when the two URLs name one database on PostgreSQL and two roles.

    Raises: RolesError.
    """
    owner, app = make_url(owner_url), make_url(app_url)
    if {owner.get_backend_name(), app.get_backend_name()} != {"postgresql"}:
        raise RolesError("WEB_DATABASE_OWNER_URL is for PostgreSQL, and WEB_DATABASE_URL must name the same database; "
                         "SQLite knows no roles. Leave WEB_DATABASE_OWNER_URL empty, or set both.")
    if (owner.host, owner.port or 5432, owner.database) != (app.host, app.port or 5432, app.database):
        raise RolesError(f"WEB_DATABASE_OWNER_URL names {_place(owner_url)} and WEB_DATABASE_URL {_place(app_url)}; "
                         "both must name the same database.")
    if not app.username or owner.username == app.username:
        raise RolesError(f"WEB_DATABASE_OWNER_URL and WEB_DATABASE_URL both sign in as {app.username!r}; the app needs "
                         "a role of its own: CREATE ROLE demand_app LOGIN PASSWORD '…'.")


def give_rights(connection: Connection, app_url: str) -> None:
    """Give the app's role what the app needs of every table, and no more; the connection is the owner's.

    Raises: RolesError: the app's role could take more by itself.
    """
    role = make_url(app_url).username
    schema = connection.scalar(text("SELECT current_schema()"))
    may_all = connection.scalar(text(
        "SELECT app.rolsuper OR app.rolcreaterole OR pg_has_role(app.oid, nspowner, 'MEMBER') "
        "OR pg_has_role(app.oid, (SELECT oid FROM pg_roles WHERE rolname = current_user), 'MEMBER') "
        "FROM pg_roles AS app, pg_namespace WHERE app.rolname = :role AND nspname = :schema"),
        {"role": role, "schema": schema})
    if may_all is None:
        raise RolesError(f"The role {role!r} of WEB_DATABASE_URL does not exist: "
                         f"CREATE ROLE {role} LOGIN PASSWORD '…'.")
    if may_all:
        raise RolesError(f"The role {role!r} of WEB_DATABASE_URL may remove what guards the audit log: it is a "
                         f"superuser, makes roles, or owns the database or the schema {schema!r}. Give the app a plain "
                         "role.")
    quote = connection.dialect.identifier_preparer.quote
    to, place = quote(str(role)), quote(str(schema))
    for statement in (f"REVOKE ALL ON ALL TABLES IN SCHEMA {place} FROM PUBLIC, {to}",
                      f"REVOKE ALL ON ALL SEQUENCES IN SCHEMA {place} FROM PUBLIC, {to}",
                      f"REVOKE CREATE ON SCHEMA {place} FROM PUBLIC, {to}",
                      f"GRANT USAGE ON SCHEMA {place} TO {to}",
                      f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {place} TO {to}"):
        connection.execute(text(statement))
    for table in inspect(connection).get_table_names(schema):
        rights = ("SELECT" if table in ONLY_READ else "SELECT, INSERT" if table in ONLY_ADDED_TO
                  else "SELECT, INSERT, UPDATE, DELETE")
        connection.execute(text(f"GRANT {rights} ON {place}.{quote(table)} TO {to}"))


def _place(url: str) -> str:
    parts = make_url(url)
    return f"{parts.database!r} at {parts.host}:{parts.port or 5432}"
