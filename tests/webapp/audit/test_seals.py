"""The audit log's guards and its chain of seals, against somebody with the app's own connection; on both databases."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import pytest
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import create_engine, inspect, select, text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from demand_assets.forecasting.contract.database_urls import with_driver
from deploy.services import Services as Servers
from tests.webapp.conftest import PASSWORD, settings_in
from webapp import create_app
from webapp.access import COMMAND
from webapp.accounts.views import create_user
from webapp.audit import seals
from webapp.audit.record import record
from webapp.audit.seals import COLUMNS, seal_some, unsealed_since, verify
from webapp.db.database import db, now, writing
from webapp.tables import AuditEntry, AuditSeal, User

INSERT = ("audit_entry (id, at, by, via, address, act, kind, subject, reason) "
          "VALUES ({id}, '2026-01-01 00:00:00.000000', 'x', 'x', 'x', 'x', 'data', 'x', 'x')")
SEAL = "audit_seal (position, entry_id, sealed_at, seal) VALUES ({id}, 1, '2026-01-01 00:00:00.000000', 'x')"
BOTH = ("UPDATE audit_entry SET reason = 'x' WHERE id = 1", "UPDATE audit_entry SET id = 99 WHERE id = 1",
        "DELETE FROM audit_entry WHERE id = 3", "DELETE FROM audit_entry",
        "UPDATE audit_seal SET seal = 'x'", "DELETE FROM audit_seal WHERE position = 3", "DELETE FROM audit_seal",
        f"INSERT INTO {INSERT.format(id=1)} ON CONFLICT (id) DO UPDATE SET reason = 'x'",
        f"INSERT INTO {SEAL.format(id=1)} ON CONFLICT (position) DO UPDATE SET seal = 'x'")
ON_SQLITE = (f"INSERT OR REPLACE INTO {INSERT.format(id=1)}", f"REPLACE INTO {INSERT.format(id=2)}",
             f"REPLACE INTO {INSERT.replace('(id,', '(rowid,').format(id=2)}",
             f"REPLACE INTO {INSERT.format(id='2.0')}", f"""REPLACE INTO {INSERT.format(id="'2'")}""",
             f"INSERT INTO {INSERT.format(id=-1)}", f"INSERT INTO {INSERT.format(id=0)}",
             f"INSERT INTO {INSERT.format(id=7)}", f"INSERT INTO {INSERT.format(id=9223372036854775807)}",
             "REPLACE INTO audit_entry SELECT * FROM audit_entry WHERE id = 1",
             "UPDATE OR REPLACE audit_entry SET id = 2 WHERE id = 1", "UPDATE OR IGNORE audit_entry SET reason = 'x'",
             f"INSERT OR REPLACE INTO {SEAL.format(id=1)}", f"INSERT INTO {SEAL.format(id=9)}",
             "UPDATE audit_entry SET rowid = 50 WHERE id = 1")
ON_POSTGRES = ("TRUNCATE audit_entry", "TRUNCATE audit_seal",
               "TRUNCATE audit_entry, audit_seal RESTART IDENTITY CASCADE",
               "SET session_replication_role = replica; UPDATE audit_entry SET reason = 'x'",
               "SET session_replication_role = replica; DELETE FROM audit_seal",
               "SET session_replication_role = replica; TRUNCATE audit_entry CASCADE",
               "WITH gone AS (DELETE FROM audit_entry RETURNING 1) SELECT * FROM gone",
               "MERGE INTO audit_entry USING (SELECT 1 AS id) AS s ON audit_entry.id = s.id WHEN MATCHED THEN DELETE")
SWAP = tuple(f"UPDATE audit_entry SET id = {new} WHERE id = {old}" for old, new in ((1, 99), (2, 1), (99, 2)))
BEHIND_THE_GUARDS = {
    "a word": (["UPDATE audit_entry SET reason = 'x' WHERE id = 2"], "Entry 2 or its seal, number 2, was changed"),
    "when": (["UPDATE audit_entry SET at = '2026-01-01 00:00:00.000000' WHERE id = 2"], "Entry 2 or its seal"),
    "facts": (["""UPDATE audit_entry SET after = '{"a": 2}' WHERE id = 2"""], "Entry 2 or its seal"),
    "facts that read the same": (["""UPDATE audit_entry SET after = '{"a":1}' WHERE id = 2"""], "Entry 2 or its seal"),
    "no facts": (["UPDATE audit_entry SET after = NULL WHERE id = 2"], "Entry 2 or its seal"),
    "one gone": (["DELETE FROM audit_entry WHERE id = 2"], "Entry 2 was removed"),
    "one gone with its seal": (["DELETE FROM audit_entry WHERE id = 2", "DELETE FROM audit_seal WHERE entry_id = 2"],
                               "Seal 2 is missing"),
    "the first gone, the rest moved up": (
        ["DELETE FROM audit_seal WHERE position = 1", "UPDATE audit_seal SET position = position - 10",
         "UPDATE audit_seal SET position = position + 9"], "Entry 2 or its seal, number 1"),
    "two swapped": (SWAP, "Entry 1 or its seal"),
    "two seals swapped": (["UPDATE audit_seal SET entry_id = 3 - entry_id WHERE entry_id < 3"], "Entry 2 or its seal"),
    "when it was sealed": (["UPDATE audit_seal SET sealed_at = '2026-01-01 00:00:00.000000' WHERE position = 3"],
                           "Entry 3 or its seal"),
    "a false seal at the end": ([f"INSERT INTO {SEAL.format(id=5)}"], "Entry 1 was sealed a second time, as number 5"),
    "the end of the seals cut": (["DELETE FROM audit_seal WHERE position > 2"], None),
    "the end cut": (["DELETE FROM audit_seal WHERE position > 2", "DELETE FROM audit_entry WHERE id > 2"], None),
}
"""What -> the statements, and what the chain says; None where only a seal that somebody kept shows it."""


def with_sql(app: Flask, *statements: str) -> None:
    with app.app_context(), writing():
        for statement in statements:
            db.session.connection().exec_driver_sql(statement)


def name_of_database(request: pytest.FixtureRequest, prefix: str) -> str:
    """Of a test's own."""
    return f"{prefix}{abs(hash(request.node.nodeid)) % 10**9}_"


@pytest.fixture(params=["sqlite", "postgresql"])
def app(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Flask]:
    """With four sealed entries, and nothing else."""
    settings = settings_in(tmp_path)
    if request.param == "postgresql":
        url = request.getfixturevalue("empty_postgres")(name_of_database(request, "seals_"))
        settings = settings.model_copy(update={"web_database_url": url})
    else:
        shutil.copy(request.getfixturevalue("empty_database"), settings.folder)
    made = create_app(settings)
    write(made, 4)
    seal(made)
    yield made
    with made.app_context():
        db.engine.dispose()


def write(app: Flask, count: int) -> None:
    with app.app_context(), writing():
        for number in range(count):
            record("did", "data", f"thing {number}", after={"a": 1}, by=COMMAND)
            db.session.flush()


def seal(app: Flask, look_at_all: bool = True) -> int:
    with app.app_context():
        return seal_some(look_at_all)


def problem_of(app: Flask) -> str | None:
    with app.app_context():
        return verify().problem


def newest(app: Flask) -> str:
    with app.app_context():
        return verify().newest or ""


def age(app: Flask) -> None:
    """As if the entries were of yesterday; only before they are sealed."""
    unguarded(app, [f"UPDATE audit_entry SET at = '{now() - timedelta(days=1):%Y-%m-%d %H:%M:%S.%f}' "
                    "WHERE id NOT IN (SELECT entry_id FROM audit_seal)"])


def unguarded(app: Flask, statements: Sequence[str]) -> None:
    """What somebody does who may take off the triggers, and puts them on again."""
    with app.app_context(), writing():
        connection = db.session.connection()
        if connection.dialect.name == "postgresql":
            for table in ("audit_entry", "audit_seal"):
                connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            for statement in statements:
                connection.exec_driver_sql(statement)
            for table in ("audit_entry", "audit_seal"):
                for event in ("update", "delete", "truncate"):
                    connection.exec_driver_sql(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_no_{event}")
        else:
            guards = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").all()
            for name, _ in guards:
                connection.exec_driver_sql(f"DROP TRIGGER {name}")
            for statement in statements:
                connection.exec_driver_sql(statement)
            for _, made in guards:
                connection.exec_driver_sql(made)


def test_every_statement_that_rewrites_is_refused(app: Flask) -> None:
    with app.app_context():
        name = db.engine.dialect.name
    for statement in (*BOTH, *(ON_SQLITE if name == "sqlite" else ON_POSTGRES)):
        with pytest.raises(DatabaseError, match="only added to"):
            with_sql(app, statement)
        assert problem_of(app) is None, statement
    with app.app_context():
        assert list(db.session.scalars(select(AuditEntry.id).order_by(AuditEntry.id))) == [1, 2, 3, 4]


@pytest.mark.parametrize("what", BEHIND_THE_GUARDS)
def test_who_gets_around_the_guards_is_found(app: Flask, what: str) -> None:
    statements, words = BEHIND_THE_GUARDS[what]
    kept = newest(app)
    runner = app.test_cli_runner()
    assert runner.invoke(args=["audit", "verify", "--known", kept]).exit_code == 0
    unguarded(app, statements)

    assert words is None or (problem_of(app) or "").startswith(words)
    seal(app)
    told = runner.invoke(args=["audit", "verify", "--known", kept])
    assert told.exit_code == 1
    assert (words or "the end of the log was cut off") in told.output


def test_an_entry_added_in_between_afterwards_is_found(app: Flask) -> None:
    with app.app_context():
        is_sqlite = db.engine.dialect.name == "sqlite"
    unguarded(app, ["UPDATE audit_entry SET id = id + 10", "DELETE FROM audit_seal"])
    seal(app)
    assert problem_of(app) is None
    (unguarded if is_sqlite else lambda app, found: with_sql(app, *found))(app, [f"INSERT INTO {INSERT.format(id=3)}"])
    assert "Entry 3 is not sealed" in (problem_of(app) or "")

    assert seal(app) == 1
    assert "Entry 3 was added in between afterwards" in (problem_of(app) or "")


def test_an_entry_that_was_committed_late_is_sealed_as_soon_as_it_is_seen(app: Flask) -> None:
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            pytest.skip("SQLite has one writer at a time")
        entry = {"by": "a", "act": "did", "kind": "data", "subject": "late"}
        with Session(db.engine) as late:
            late.add(AuditEntry(**entry))
            late.flush()
            write(app, 2)
            assert seal_some() == 2
            late.commit()
        assert seal_some() == 1
        db.session.rollback()

        order = list(db.session.scalars(select(AuditSeal.entry_id).order_by(AuditSeal.position)))
        assert order == [1, 2, 3, 4, 6, 7, 5]
        assert verify().problem is None


def test_two_that_seal_at_once_make_one_chain(app: Flask) -> None:
    write(app, 40)
    begin = Barrier(3)

    def one(_number: int) -> None:
        begin.wait(60)
        while seal(app, look_at_all=False):
            pass

    with ThreadPoolExecutor(3) as pool:
        outcomes = [future.exception(60) for future in [pool.submit(one, number) for number in range(3)]]
    assert [error for error in outcomes if error and "unique" not in str(error).lower()] == []
    seal(app)
    with app.app_context():
        assert (verify().length, verify().problem) == (44, None)


def test_a_long_log_of_yesterday_is_sealed_in_parts(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seals, "AT_ONCE", 3)
    write(app, 7)
    age(app)
    with app.app_context():
        assert unsealed_since() is not None
        assert (verify().problem or "").startswith("Entry 5 is not sealed, though it is older than 10 minutes")
        db.session.rollback()
    told = app.test_client().get("/health").get_json()
    assert (told["status"], "audit_log_not_sealed_since" in told) == ("degraded", True)

    assert [seal(app), seal(app), seal(app), seal(app)] == [3, 3, 1, 0]
    assert problem_of(app) is None
    assert app.test_client().get("/health").get_json() == {"status": "ok", "db": "ok"}


def test_that_nothing_was_ever_sealed_is_told_too(tmp_path: Path) -> None:
    app = create_app(settings_in(tmp_path))
    with app.app_context():
        upgrade()
    assert app.test_client().get("/health").get_json() == {"status": "ok", "db": "ok"}  # there is nothing to seal
    write(app, 1)
    assert app.test_client().get("/health").get_json() == {"status": "ok", "db": "ok"}  # not yet
    age(app)
    told = app.test_client().get("/health").get_json()
    assert (told["status"], "audit_log_not_sealed_since" in told) == ("degraded", True)


def test_a_seal_is_of_every_column(app: Flask) -> None:
    with app.app_context():
        assert {column["name"] for column in inspect(db.engine).get_columns("audit_entry")} == set(COLUMNS)


def test_the_newest_seal_is_printed_and_an_unknown_one_is_told(app: Flask) -> None:
    runner = app.test_cli_runner()

    assert newest(app) in runner.invoke(args=["audit", "verify"]).output
    wrong = runner.invoke(args=["audit", "verify", "--known", "f" * 64])
    assert (wrong.exit_code, "is none of them" in wrong.output) == (1, True)


@pytest.fixture
def apart(request: pytest.FixtureRequest, servers: Servers, tmp_path: Path) -> Iterator[Callable[..., Flask]]:
    """Makes the app whose role is not the tables' owner."""
    prefix = name_of_database(request, "apart_")
    servers.add_databases(prefix)
    url = servers.environment(prefix)["WEB_DATABASE_URL"]
    name = url.rsplit("/", 1)[1]
    with create_engine(with_driver(url), isolation_level="AUTOCOMMIT").connect() as superuser:
        for role in ("keeper", "plain"):
            if not superuser.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role}):
                superuser.execute(text(f"CREATE ROLE {role} LOGIN"))
        superuser.execute(text(f"ALTER DATABASE {name} OWNER TO keeper"))

    def made(owner: str = "keeper", role: str = "plain") -> Flask:
        return create_app(settings_in(tmp_path).model_copy(update={
            "web_database_url": url.replace("demand@", f"{role}@"),
            "web_database_owner_url": url.replace("demand@", f"{owner}@")}))

    return made


REFUSED_TO_PLAIN = (
    *BOTH[:7], *ON_POSTGRES[:3], "ALTER TABLE audit_entry DISABLE TRIGGER ALL", "DROP TABLE audit_seal",
    "DROP TRIGGER audit_entry_no_update ON audit_entry", "ALTER TABLE audit_entry ADD COLUMN x int",
    "SET session_replication_role = replica", "DROP FUNCTION audit_entry_is_only_added_to() CASCADE",
    "CREATE OR REPLACE FUNCTION audit_entry_is_only_added_to() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RETURN NEW; END $$", "CREATE TABLE mine (id int)", "DROP SCHEMA public CASCADE",
    "CREATE TRIGGER mine BEFORE INSERT ON audit_entry FOR EACH ROW EXECUTE FUNCTION audit_entry_is_only_added_to()",
    "CREATE RULE mine AS ON INSERT TO audit_entry DO INSTEAD NOTHING", "SELECT setval('audit_entry_id_seq', 1)",
    "SET ROLE keeper", "TRUNCATE \"user\" CASCADE", "UPDATE alembic_version SET version_num = '0001'")


def test_the_apps_role_can_do_no_more_than_the_app_needs(apart: Callable[..., Flask]) -> None:
    app = apart()
    with app.app_context():
        upgrade()
        upgrade()
        create_user("ada@example.com", PASSWORD, "admin")
        with writing():
            db.session.execute(db.update(User).values(active=False))
        assert seal_some() == 1
    for statement in REFUSED_TO_PLAIN:
        with pytest.raises(DatabaseError, match=r"permission denied|must be owner|must be able to"):
            with_sql(app, statement)
    told = app.test_cli_runner().invoke(args=["audit", "verify"])
    assert (told.exit_code, "may remove" in told.output) == (0, False)
    with app.app_context():
        db.engine.dispose()


@pytest.mark.parametrize(("owner", "role", "words"), [
    ("keeper", "keeper", "both sign in as 'keeper'"), ("keeper", "nobody_yet", "does not exist"),
    ("keeper", "demand", "may remove what guards"), ("demand", "keeper", "may remove what guards")])
def test_roles_that_are_not_apart_are_told(apart: Callable[..., Flask], owner: str, role: str, words: str,
                                           caplog: pytest.LogCaptureFixture) -> None:
    with apart(owner, role).app_context(), pytest.raises(SystemExit):
        upgrade()

    assert words in caplog.text


def test_an_owner_apart_is_for_postgres_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    app = create_app(settings_in(tmp_path).model_copy(update={"web_database_owner_url": "postgresql://keeper@h/web"}))
    with app.app_context(), pytest.raises(SystemExit):
        upgrade()

    assert "SQLite knows no roles" in caplog.text
