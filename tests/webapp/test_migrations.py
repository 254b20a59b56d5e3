"""A database of an older version keeps what is in it."""

from pathlib import Path

import pytest
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import text

from tests.webapp.conftest import settings_in
from webapp import create_app
from webapp.access import role_of
from webapp.db.database import db, now, writing
from webapp.systems.state import LoopReport, note_loops
from webapp.tables import SystemState, User

BEFORE_ROLES_MATTERED = "0008"
AN_ADMIN = (
    "INSERT INTO role (id, name, description) VALUES (1, 'planner', ''), (2, 'admin', '')",
    "INSERT INTO \"user\" (id, email, password, active, fs_uniquifier, created_at) "
    "VALUES (7, 'boss@example.com', 'a hash', true, 'u', '2026-11-01 00:00:00')",
    "INSERT INTO user_roles (user_id, role_id) VALUES (7, 2)",
)


@pytest.fixture
def old(tmp_path: Path) -> Flask:
    """An app with the database of the version before, in which somebody is administrator."""
    app = create_app(settings_in(tmp_path))
    with app.app_context():
        upgrade(revision=BEFORE_ROLES_MATTERED)
        with writing():
            for statement in AN_ADMIN:
                db.session.execute(text(statement))
    return app


def test_people_keep_their_roles_there_and_back(old: Flask) -> None:
    with old.app_context():
        upgrade()
        downgrade(revision=BEFORE_ROLES_MATTERED)
        upgrade()

        user = db.session.scalars(db.select(User)).one()
        assert (user.email, user.password, role_of(user)) == ("boss@example.com", "a hash", "admin")


def test_references_are_held_to_again_after_a_migration(old: Flask) -> None:
    with old.app_context():
        upgrade()

        assert db.session.execute(text("PRAGMA foreign_keys")).scalar() == 1
        assert not db.session.execute(text("PRAGMA foreign_key_check")).all()


def test_how_systems_are_is_kept_there_and_back_and_what_loops_are_is_forgotten_on_the_way(old: Flask) -> None:
    with old.app_context():
        upgrade(revision="0011")
        with writing():
            db.session.execute(text("INSERT INTO system_state (name, is_up, checked_at, since, message) VALUES "
                                    "('mlflow', false, '2026-11-01 00:00:00', '2026-11-01 00:00:00', 'no answer')"))
        upgrade(revision="0012")
        note_loops([LoopReport("store", False, None, "it broke", now())])
        assert {state.name: state.message for state in db.session.scalars(db.select(SystemState))} == {
            "mlflow": "no answer", "loop:store": "it broke"}
        db.session.rollback()
        downgrade(revision="0011")

        assert db.session.execute(text("SELECT name, message FROM system_state")).all() == [("mlflow", "no answer")]
