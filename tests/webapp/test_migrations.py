"""A database of an older version keeps what is in it."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import inspect, text
from sqlalchemy.exc import DatabaseError

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.forecast.totals import Bounds
from deploy.services import Services as Servers
from tests.webapp.conftest import settings_in
from webapp import create_app
from webapp.access import role_of
from webapp.audit.seals import seal_some, verify
from webapp.db.database import db, now, writing
from webapp.region_items.catalogue import new_row, note_place
from webapp.region_items.forecast_figures import note_made, note_total
from webapp.systems.signs_of_life import LoopReport, note_loops
from webapp.tables import (
    GroupForecast,
    Override,
    RegionItemRow,
    Selection,
    SignInLink,
    SystemState,
    User,
    UserSession,
)

BEFORE_ROLES_MATTERED = "0008"
LOSE = ["lose=yes"]
"""Says that what an older version has no place for may be lost."""
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
        downgrade(revision=BEFORE_ROLES_MATTERED, x_arg=LOSE)
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
        downgrade(revision="0011", x_arg=LOSE)

        assert db.session.execute(text("SELECT name, message FROM system_state")).all() == [("mlflow", "no answer")]


BEFORE_SEALS = "0018"
ENTRY = ("INSERT INTO audit_entry (at, \"by\", via, address, act, kind, subject, reason) VALUES "
         "('2026-11-01 00:00:00.000000', 'ada@example.com', 'browser', '', 'asked', 'retrain', 'retrain 1', '')")


def keeps_the_audit_log(app: Flask) -> None:
    """Entries of before are there, are sealed, and stay guarded on the way back."""
    with app.app_context():
        upgrade(revision=BEFORE_SEALS)
        with writing():
            db.session.execute(text(ENTRY))
        upgrade(revision="0019")
        assert seal_some(look_at_all=True) == 1
        assert verify().problem is None
        db.session.remove()
        downgrade(revision=BEFORE_SEALS, x_arg=LOSE)
        with pytest.raises(DatabaseError, match="only added to"), writing():
            db.session.execute(text("DELETE FROM audit_entry"))
        upgrade(revision="0019")
        assert seal_some() == 1
        assert verify().problem is None
        db.session.remove()


def test_the_audit_log_of_before_is_sealed_and_back(tmp_path: Path) -> None:
    keeps_the_audit_log(create_app(settings_in(tmp_path)))


def test_totals_by_attributes_go_on_the_way_back_and_others_stay(tmp_path: Path) -> None:
    app = create_app(settings_in(tmp_path))
    group = ("INSERT INTO group_forecast (kind, name, made_at, size, total, lower, upper, compared_size, running) "
             "VALUES ('{}', 'x', '2026-11-01 00:00:00', 1, 1, 0, 2, 0, '{{}}')")
    with app.app_context():
        upgrade(revision="0021")
        with writing():
            db.session.execute(text(group.format("region")))
        upgrade(revision="0022")
        with writing():
            db.session.execute(text(group.format("a_name_of_an_attribute")))
        downgrade(revision="0021")

        assert db.session.execute(text("SELECT kind FROM group_forecast")).all() == [("region",)]
        assert not inspect(db.engine).has_table("attribute_value")
        upgrade(revision="0022")


BEFORE_FOUR_TABLES = "0012"
KEPT = {"key": "north|kettle", "position": 3, "in_catalogue": True, "region": "north", "item": "kettle",
        "search": "north kettle", "status": "production", "last_date": "2026-06-30", "quarantined_rows": 2,
        "quarantined": '{"price_positive": 2}', "quarantine_reason": "", "production_version": 4, "wanted": "{}",
        "model_problem": "", "decision": "promote", "reason": "better", "wape": 0.25, "numbers": '{"wape": 0.25}',
        "best": "own", "outlook_due": False, "outlook_wanted": 7, "outlook_total": 84.5, "moved": -1.5,
        "groups_due": 0, "live_wape": 0.125, "live_periods": 28, "drift": 0.5, "drifted": "price",
        "pinned_by": "ada@example.com", "step": "promoted", "step_at": "2026-06-30T10:00:00.000+00:00",
        "step_reason": "better", "activity": "", "activity_run": ""}


MADE_AGAIN = {"outlook_due": True, "outlook_wanted": KEPT["outlook_wanted"] + 1, "groups_due": KEPT["groups_due"] + 1}
"""What the migrations 0035 and 0040 change of a row: every stored forecast is made again, as it has more to tell, and
regions are summed up by period."""


def keeps_region_items(app: Flask) -> None:
    """A row of the one table of before is in the four, and in the one again."""
    columns = ", ".join(KEPT)
    with app.app_context():
        upgrade(revision=BEFORE_FOUR_TABLES)
        with writing():
            for key in ("south|kettle", "north|kettle"):
                db.session.execute(text(f"INSERT INTO region_item ({columns}) VALUES "  # names of ours
                                        f"({', '.join(f':{name}' for name in KEPT)})"), KEPT | {"key": key})
        before = everything()
        upgrade()
        row = db.session.get_one(RegionItemRow, KEPT["key"])
        assert {name: getattr(row, name.replace("outlook_", "forecast_")) for name in KEPT} == KEPT | MADE_AGAIN | {
            "quarantined": {"price_positive": 2}, "wanted": {}, "numbers": {"wape": 0.25}}
        assert (row.promoted_at, row.live_skill, row.candidate_numbers) == (None, None, {})
        with writing():
            note_place(new_row(RegionItem("north", "pan")), 5)
        db.session.remove()
        downgrade(revision=BEFORE_FOUR_TABLES, x_arg=LOSE)
        assert [each for each in everything() if each["key"] != "north|pan"] == [
            each | MADE_AGAIN for each in before]
        assert len(everything()) == 3
        upgrade()
        assert db.session.get_one(RegionItemRow, "north|pan").in_catalogue
        db.session.remove()


def everything() -> list[dict[str, object]]:
    """All of the one table of before."""
    found = [dict(row) for row in db.session.execute(text("SELECT * FROM region_item ORDER BY key")).mappings()]
    db.session.rollback()
    return found


def test_region_items_keep_what_is_known_of_them_in_four_tables_and_back(tmp_path: Path) -> None:
    keeps_region_items(create_app(settings_in(tmp_path)))


BEFORE_ONE_NUMBER = "0020"
FIGURES = ("SELECT key, forecast_total, forecast_due, forecast_wanted FROM region_item_forecast JOIN "
           "region_item_catalogue ON region_item_catalogue.id = region_item_forecast.id ORDER BY key")


def makes_overridden_totals_again(app: Flask) -> None:
    """Totals are kept both ways, and those of region-items with open overrides are made again."""
    with app.app_context():
        upgrade()
        with writing():
            for place, item in enumerate(("kettle", "pan", "pot")):
                row = new_row(RegionItem("north", item))
                note_place(row, place)
                note_total(row, Bounds(100.0, 90.0, 120.0), 80.0)
                note_made(row, 0)
            at = now()
            for key, removed in (("north|kettle", None), ("north|pan", at)):
                db.session.add(Override(batch="b", key=key, date="2026-07-01", way="value", amount=3.0, comment="fair",
                                        made_by="ada@example.com", made_at=at, removed_at=removed))
            db.session.add(GroupForecast(kind="region", name="north", made_at=at, size=3, total=300.0, lower=1.0,
                                         upper=2.0, model=240.0))
        db.session.remove()
        downgrade(revision=BEFORE_ONE_NUMBER, x_arg=LOSE)
        with writing():
            assert [tuple(row) for row in db.session.execute(text(FIGURES))] == [
                ("north|kettle", 100.0, True, 1), ("north|pan", 100.0, False, 0), ("north|pot", 100.0, False, 0)]
            assert db.session.execute(text("SELECT total FROM group_forecast")).scalar() == 300.0
        db.session.remove()
        upgrade()
        rows = db.session.scalars(db.select(RegionItemRow).order_by(RegionItemRow.key)).all()
        assert [(row.forecast_total, row.forecast_model, row.forecast_due, row.forecast_wanted) for row in rows] == [
            (100.0, 100.0, True, 3), (100.0, 100.0, True, 1), (100.0, 100.0, True, 1)]  # 0035 wants all once more
        assert db.session.get_one(GroupForecast, ("region", "north")).model == 300.0
        db.session.remove()


def test_totals_of_before_are_kept_and_overridden_ones_made_again(tmp_path: Path) -> None:
    makes_overridden_totals_again(create_app(settings_in(tmp_path)))


@pytest.mark.parametrize(("keeps", "prefix"), [
    (keeps_region_items, "migrated_"), (keeps_the_audit_log, "sealed_"), (makes_overridden_totals_again, "totals_")])
def test_what_is_there_is_kept_on_postgres_too(tmp_path: Path, servers: Servers, keeps: Callable[[Flask], None],
                                               prefix: str) -> None:
    servers.add_databases(prefix)
    url = servers.environment(prefix)["WEB_DATABASE_URL"]
    app = create_app(settings_in(tmp_path).model_copy(update={"web_database_url": url}))
    keeps(app)
    with app.app_context():
        db.engine.dispose()


def test_stored_selections_of_before_count_as_used_now_and_are_there_after_the_way_back(tmp_path: Path) -> None:
    app = create_app(settings_in(tmp_path))
    with app.app_context():
        upgrade(revision="0013")
        with writing():
            db.session.execute(text("INSERT INTO selection (token, keys, made_at) VALUES "
                                    "('old', '[\"north|kettle\"]', '2020-11-01 00:00:00')"))
        upgrade(revision="0015")
        old = db.session.get_one(Selection, "old")
        assert (old.keys, now() - old.used_at < timedelta(hours=1)) == (["north|kettle"], True)
        db.session.remove()
        downgrade(revision="0013", x_arg=LOSE)

        assert db.session.execute(text("SELECT token, keys FROM selection")).all() == [("old", '["north|kettle"]')]


BEFORE_SESSIONS = "0013"


def test_people_tokens_and_links_are_kept_there_and_back_and_sessions_are_not(old: Flask) -> None:
    with old.app_context():
        upgrade(revision=BEFORE_SESSIONS)
        with writing():
            db.session.execute(text("INSERT INTO sign_in_link (digest, user_id, made_by, made_at, expires_at) VALUES "
                                    "('d', 7, 'a command', '2026-11-01 00:00:00', '2026-11-04 00:00:00')"))
        upgrade()
        with writing():
            db.session.add(UserSession(digest="d", user_id=7, way="password"))
        assert [each.user.email for each in db.session.scalars(db.select(UserSession))] == ["boss@example.com"]
        db.session.rollback()
        downgrade(revision=BEFORE_SESSIONS, x_arg=LOSE)
        assert not set(inspect(db.engine).get_table_names()) & {"user_session", "attempts", "first_admin_link"}
        upgrade()

        assert db.session.scalars(db.select(UserSession)).all() == []
        assert [link.digest for link in db.session.scalars(db.select(SignInLink))] == ["d"]


def revision() -> str:
    """Of the database, with the transaction ended."""
    found = db.session.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
    db.session.rollback()
    return str(found)


@pytest.mark.parametrize("back_to", ["0017", "0009", "base", "-1"])
def test_a_way_back_that_loses_something_says_so_before_it_starts(
        old: Flask, back_to: str, caplog: pytest.LogCaptureFixture) -> None:
    with old.app_context():
        upgrade(revision="0019")
        with pytest.raises(SystemExit):
            downgrade(revision=back_to)
        assert revision() == "0019"
        said = caplog.text
        assert "nothing was changed" in said
        assert "0019: the seals of the audit log" in said
        assert ("0018: sessions" in said) == (back_to != "-1")
        assert ("0009: the audit log, overrides" in said) == (back_to == "base")
        assert f"downgrade -x lose=yes {back_to}" in said
        with pytest.raises(SystemExit):
            downgrade(revision=back_to, x_arg=["lose=no", "other=yes"])

        downgrade(revision=back_to, x_arg=LOSE)

        assert back_to == "base" or revision() == {"-1": "0018"}.get(back_to, back_to)


def test_a_way_back_that_loses_nothing_needs_no_word(old: Flask) -> None:
    with old.app_context():
        upgrade(revision="0014")
        downgrade(revision="0009")
        assert revision() == "0009"
        upgrade()


def test_every_migration_says_what_its_way_back_loses() -> None:
    files = sorted((Path(create_app.__code__.co_filename).parent / "migrations" / "versions").glob("*.py"))

    assert [file.name for file in files if "\nLOSES = " not in file.read_text()] == []


def test_people_of_a_provider_do_not_break_the_way_back(old: Flask) -> None:
    with old.app_context():
        upgrade(revision="0009")
        with writing():
            db.session.execute(text("UPDATE \"user\" SET password = NULL, identity = 'issuer|1'"))
        downgrade(revision="0008", x_arg=LOSE)

        assert db.session.execute(text("SELECT email FROM \"user\"")).all() == [("boss@example.com",)]


def schema() -> dict[str, object]:
    """Table -> its columns and indexes, and the triggers, as the database has them."""
    found = inspect(db.engine)
    tables: dict[str, object] = {
        name: (sorted((column["name"], str(column["type"]), column["nullable"]) for column in found.get_columns(name)),
               sorted(str(index["name"]) for index in found.get_indexes(name)))
        for name in found.get_table_names()}
    with db.engine.connect() as connection:
        return tables | {"triggers": sorted(connection.scalars(text(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'")))}


def test_every_version_is_reached_from_the_next_as_from_the_one_before(tmp_path: Path) -> None:
    app = create_app(settings_in(tmp_path))
    with app.app_context():
        config = app.extensions["migrate"].migrate.get_config()
        revisions = [each.revision for each in ScriptDirectory.from_config(config).walk_revisions()][::-1]
        there = {}
        for each in revisions:
            upgrade(revision=each)
            there[each] = schema()
        for each in reversed(revisions[:-1]):
            downgrade(revision=each, x_arg=LOSE)
            assert schema() == there[each], each
        upgrade()
        assert schema() == there[revisions[-1]]
