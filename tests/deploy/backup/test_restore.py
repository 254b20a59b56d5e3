"""``make restore``: whole, or refused before anything is changed."""

import shutil
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask_migrate import upgrade
from sqlalchemy import text

from demand_assets.forecasting.store.half_restored import mark, mark_of, refuse_half_restored
from deploy.backup.archive import Archive, ArchiveWriter, BackupError, Manifest
from deploy.backup.restore import main, restore
from deploy.backup.take import take
from deploy.settings import PROJECT
from deploy.state_directory.ownership import AlreadyRunningError, state_lock
from tests.deploy.backup.kills import exit_status_with
from tests.deploy.backup.states import FILES, NAME, NOT_KEPT, RUN, contents, hashes, make_state, names_in, rows
from webapp import create_app
from webapp.db.database import db, writing
from webapp.settings import Settings as WebSettings
from webapp.tables import Selection

NOW = datetime(2026, 11, 28, 10, tzinfo=UTC)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state directory with something of all that is kept."""
    make_state(tmp_path / "var")
    return tmp_path / "var"


@pytest.fixture
def backup(state: Path) -> Path:
    """A backup of it."""
    return take(contents(state), NAME, state.parent / "a.tar", NOW)[0]


def restored(backup: Path, state: Path, overwrite: bool = False) -> list[str]:
    return list(restore(Archive(backup), contents(state), overwrite))


def altered(backup: Path, target: Path, **told: object) -> Path:
    """The same backup with another manifest."""
    archive = Archive(backup)
    with ArchiveWriter(target) as writer:
        for name, content in archive.members():
            writer.add(name, content, archive.manifest.files[name].size)
        return writer.finish(Manifest.model_validate(archive.manifest.model_dump() | told))


def test_everything_is_back_and_only_its_owner_reads_it(state: Path, backup: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "var"

    said = restored(backup, other)

    root = other / NAME
    assert {name: (root / name).read_text() for name in FILES} == FILES
    assert not any((root / name).exists() for name in NOT_KEPT)
    assert rows(root / "dagster/history/runs.db", "SELECT * FROM alembic_version") == [("29b539ebc72a",)]
    assert {stat.S_IMODE(path.stat().st_mode) for path in root.rglob("*") if path.is_file()} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (root, *root.rglob("*")) if path.is_dir()} == {0o700}
    assert names_in(other) == [NAME]
    assert said[-1] == f"{root} is as it was"


def test_on_another_machine_files_are_looked_for_there(state: Path, backup: Path, tmp_path: Path) -> None:
    shutil.rmtree(state)
    other = tmp_path / "other machine" / "var"

    said = restored(backup, other)

    ((source, location),) = rows(other / NAME / "mlflow" / "mlflow.db",
                                 "SELECT source, storage_location FROM model_versions")
    assert source == location == f"{other}/{NAME}/mlflow/artifacts/{RUN}/artifacts/models/north/kettle"
    assert (Path(str(source)) / "model.ubj").read_text() == "model"
    assert any("MLflow looks in" in line for line in said)


def test_files_of_adjustments_are_written_again(state: Path, backup: Path, tmp_path: Path) -> None:
    restored(backup, tmp_path / "other")

    assert rows(tmp_path / "other" / NAME / "web" / "app.db", "SELECT is_due FROM adjustment") == [(1,)]


@pytest.mark.parametrize("damage", [lambda content: content[:-1], lambda content: content[:len(content) // 2],
                                    lambda content: bytes([content[0] ^ 1]) + content[1:], lambda content: b""])
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_damaged_or_cut_backup_changes_nothing(state: Path, backup: Path, damage, overwrite: bool) -> None:
    backup.write_bytes(damage(backup.read_bytes()))
    before = hashes(state.parent)

    with pytest.raises(BackupError):
        restored(backup, state, overwrite)

    assert hashes(state.parent) == before


def test_what_is_there_is_not_overwritten_unless_told_and_then_put_aside(state: Path, backup: Path) -> None:
    (state / NAME / "web" / "secret_key").write_text("another")
    before = hashes(state)
    with pytest.raises(BackupError, match=r"has files.*OVERWRITE=yes"):
        restored(backup, state)
    assert hashes(state) == before
    of_before = hashes(state / NAME)

    said = restored(backup, state, overwrite=True)

    (aside,) = (path for path in state.iterdir() if path.name != NAME)
    assert hashes(aside) == of_before
    assert any(str(aside) in line for line in said)
    assert (state / NAME / "web" / "secret_key").read_text() == "of sessions"


def test_folders_without_files_are_nothing(backup: Path, tmp_path: Path) -> None:
    (tmp_path / "other" / NAME / "dagster").mkdir(parents=True)

    restored(backup, tmp_path / "other")

    assert names_in(tmp_path / "other") == [NAME]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_state_that_is_served_is_never_overwritten(state: Path, backup: Path, overwrite: bool) -> None:
    before = hashes(state)
    with state_lock(state / NAME / "run"), pytest.raises(AlreadyRunningError):
        restored(backup, state, overwrite)
    assert hashes(state) == before


def test_a_state_that_a_process_has_open_is_never_overwritten(state: Path, backup: Path) -> None:
    hold = "import sys, time; held = open(sys.argv[1]); print(); sys.stdout.flush(); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", hold, str(state / NAME / "web" / "app.db")],
                          stdout=subprocess.PIPE) as holder:
        try:
            assert holder.stdout
            holder.stdout.readline()
            with pytest.raises(BackupError, match=f"in use by the processes {holder.pid}"):
                restored(backup, state, overwrite=True)
        finally:
            holder.kill()
    restored(backup, state, overwrite=True)


@pytest.mark.parametrize("told", [{"format": 2}, {"revisions": {"web": "9999"}}, {"revisions": {"mlflow": "abcdef"}},
                                  {"revisions": {"dagster": "abcdef"}}])
def test_a_backup_of_a_newer_version_is_refused(backup: Path, tmp_path: Path, told: dict[str, object]) -> None:
    newer = altered(backup, tmp_path / "newer.tar", product="9.0", **told)

    with pytest.raises(BackupError, match=r"a newer version of the product \(9\.0\).*Install that version"):
        restored(newer, tmp_path / "other")
    assert not (tmp_path / "other").exists() or names_in(tmp_path / "other") == []


def test_a_backup_of_the_other_profile_is_refused(backup: Path, tmp_path: Path) -> None:
    of_servers = altered(backup, tmp_path / "servers.tar",
                         databases=dict.fromkeys(("web", "dagster", "mlflow"), "postgresql"))

    with pytest.raises(BackupError, match=r"PostgreSQL server.*PROFILE=stores"):
        restored(of_servers, tmp_path / "other")
    told = contents(tmp_path / "other", web_database_url="postgresql://nobody@127.0.0.1:1/web")
    with pytest.raises(BackupError, match=r"files in the state directory.*PROFILE=embedded"):
        list(restore(Archive(backup), told))


@pytest.mark.parametrize("more", [[], ["--overwrite"]])
def test_killed_at_any_step_the_state_is_whole_or_said_to_be_half_restored(tmp_path: Path, more: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", "tests.deploy.backup.killed_restore", tmp_path, *more], cwd=PROJECT,
                          capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_interrupted_at_any_word_what_was_there_is_there_or_the_backup_is(backup: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    make_state(target)
    (target / NAME / "web" / "secret_key").write_text("before")
    steps = 0
    while True:
        going_on = restore(Archive(backup), contents(target), overwrite=True)
        said = [next(going_on, None) for _ in range(steps + 1)]
        going_on.close()  # as Ctrl-C does
        assert (target / NAME / "web" / "secret_key").read_text() in ("before", "of sessions")
        if said[-1] is None:
            break
        steps += 1
    assert steps > 1


def test_a_mark_of_other_databases_allows_nothing(backup: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    make_state(target)
    mark_of(target / NAME).write_text(mark(backup, False, ["postgresql://trial@127.0.0.1/web"]))

    with pytest.raises(BackupError, match="OVERWRITE=yes"):
        restored(backup, target)


def test_on_a_full_disk_nothing_is_changed(state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                           capfd: pytest.CaptureFixture[str]) -> None:
    (state / NAME / "demand" / "large.bin").write_bytes(bytes(200_000))
    backup, _ = take(contents(state), NAME, tmp_path / "large.tar", NOW)
    before = hashes(state)
    for name, value in {"CALLED_FROM": tmp_path, "STATE": "var", "FROM": backup.name, "OVERWRITE": "yes"}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.delenv("PROFILE", raising=False)

    assert exit_status_with(50_000, main) == 1

    assert hashes(state) == before
    assert "cannot be put back" in capfd.readouterr().err
    refuse_half_restored(state / NAME)
    assert main() == 0


def test_the_command_says_what_it_does_and_what_comes_next(backup: Path, tmp_path: Path,
                                                           monkeypatch: pytest.MonkeyPatch,
                                                           capsys: pytest.CaptureFixture[str]) -> None:
    for name, value in {"CALLED_FROM": tmp_path, "STATE": "other", "FROM": backup.name}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.delenv("PROFILE", raising=False)
    monkeypatch.setenv("DATASET", "shop.toml")

    assert main() == 0
    said = capsys.readouterr().out
    assert "is whole: dataset shop" in said
    assert f"make run STATE={tmp_path / 'other'} PROFILE=embedded" in said
    assert main() == 1
    assert "something is there" in capsys.readouterr().err
    monkeypatch.setenv("FROM", "")
    assert main() == 1
    assert "FROM is not set" in capsys.readouterr().err


def test_a_backup_of_an_older_version_is_upgraded_when_the_restored_state_starts(tmp_path: Path) -> None:
    make_state(tmp_path / "var")
    web = tmp_path / "var" / NAME / "web"
    (web / "app.db").unlink()
    app = create_app(WebSettings(demand_state=web, web_database_url=f"sqlite:///{web / 'app.db'}"))
    with app.app_context():
        upgrade(revision="0012")
        with writing():
            db.session.execute(text("INSERT INTO selection (token, keys, made_at) VALUES ('old', '[]', '2026-11-01')"))
        db.engine.dispose()
    archive = take(contents(tmp_path / "var"), NAME, tmp_path / "old.tar", NOW)[0]
    assert Archive(archive).manifest.revisions["web"] == "0012"

    restored(archive, tmp_path / "other")

    file = tmp_path / "other" / NAME / "web" / "app.db"
    assert rows(file, "SELECT version_num FROM alembic_version") == [("0012",)]
    app = create_app(WebSettings(demand_state=file.parent, web_database_url=f"sqlite:///{file}"))
    with app.app_context():
        upgrade()
        assert [each.token for each in db.session.scalars(db.select(Selection))] == ["old"]
        db.engine.dispose()


def test_what_was_written_after_the_backup_is_gone_and_nothing_from_a_log_beside_a_database_comes_back(
        state: Path, backup: Path) -> None:
    with closing(sqlite3.connect(state / NAME / "web" / "app.db")) as connection, connection:
        connection.execute("INSERT INTO adjustment VALUES ('later', 0)")

    restored(backup, state, overwrite=True)

    assert rows(state / NAME / "web" / "app.db", "SELECT key FROM adjustment") == [("north|kettle",)]
