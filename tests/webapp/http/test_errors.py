"""A full disk, a read-only folder, no file left to open: said in words, and over as soon as the cause is."""

import contextlib
import os
import resource
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from demand_assets.forecasting.model.serving.own_model import ForecastModel
from tests.waiting import eventually
from tests.webapp.conftest import (
    EMAIL,
    KETTLE,
    REGION_ITEMS,
    Background,
    hidden,
    page,
    settings_in,
    text_of,
    with_session,
)
from tests.webapp.fakes import FakeDagster, FakeRegistry
from webapp import create_app
from webapp.background.all_loops import run
from webapp.db.database import db
from webapp.tables import Retrain


@pytest.fixture
def small_disk(tmp_path: Path, template: Path) -> Iterator[Path]:
    """A disk of its own for the state directory, which can be filled."""
    state = tmp_path / "var"
    state.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(state)], check=False,
                             capture_output=True)
    if mounted.returncode:
        pytest.skip("no right to mount a disk here")
    try:
        shutil.copytree(template / "var", state, dirs_exist_ok=True)
        yield state
    finally:
        subprocess.run(["umount", "-l", str(state)], check=True)


@pytest.fixture
def app_on_it(small_disk: Path, tmp_path: Path) -> Flask:
    return create_app(settings_in(tmp_path))


@pytest.fixture
def planner(app_on_it: Flask, session_cookies: dict[str, str]) -> FlaskClient:
    return with_session(app_on_it.test_client(), session_cookies[EMAIL])


def fill(disk: Path) -> Path:
    """The file that takes all the room there is."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    return filler


def ask(client: FlaskClient, keys: list[str]) -> tuple[int, str]:
    """Ask for a retrain as the overview's form does; the status and the words."""
    soup = page(client.get("/"))
    answer = client.post("/retrains", data={"csrf_token": hidden(soup, "csrf_token"), "token": hidden(soup, "token"),
                                            "ri": keys})
    return answer.status_code, text_of(page(answer))


def ask_until_refused(client: FlaskClient) -> tuple[int, str]:
    """Ask for one region-item after the other, until there is no room for the next."""
    status, words = 303, ""
    for one in REGION_ITEMS * 40:
        status, words = ask(client, [one.key])
        if status not in (302, 303):
            break
    return status, words


def test_on_a_full_disk_pages_answer_and_what_would_be_stored_is_refused_in_words(
        small_disk: Path, planner: FlaskClient) -> None:
    assert planner.get(f"/forecasts?ri={KETTLE.key}").status_code == 200
    filler = fill(small_disk)

    status, words = ask_until_refused(planner)

    assert (status, "disk" in words, "is full" in words) == (507, True, True)
    for url in ("/", f"/forecasts?ri={KETTLE.key}", "/retrains", "/health", "/scenarios", "/data"):
        assert planner.get(url).status_code == 200, url
    filler.unlink()
    assert ask(planner, [REGION_ITEMS[-1].key])[0] in (302, 303)


def test_the_loops_wait_for_room_and_go_on(small_disk: Path, app_on_it: Flask, planner: FlaskClient,
                                           tmp_path: Path) -> None:
    dagster, stop = FakeDagster(), Event()
    registry = FakeRegistry(tmp_path / "registry", "shop")
    planner.get("/")  # the database is open, as in whatever fills up while it runs
    filler = fill(small_disk)
    ended: list[bool] = []

    def never() -> Flask:
        raise AssertionError("so few stored forecasts are made in this process")

    process = Thread(target=lambda: ended.append(run(app_on_it, lambda *_: never(), registry, dagster, stop)))
    process.start()
    try:
        assert ask_until_refused(planner)[0] == 507
        assert not ended
        filler.unlink()
        status, _ = ask(planner, [REGION_ITEMS[-2].key])
        assert status in (302, 303)
        with app_on_it.app_context():
            def is_sent() -> bool:
                db.session.rollback()
                return not db.session.scalars(select(Retrain).where(Retrain.state == "stored")).all()

            eventually(is_sent, 120, lambda: "the requests were never sent")
    finally:
        stop.set()
        process.join(60)
    assert ended == [True]


@contextlib.contextmanager
def read_only(state: Path, app: Flask) -> Iterator[None]:
    """Nothing below the folder can be written in the block."""
    with app.app_context():
        db.engine.dispose()
    subprocess.run(["mount", "--bind", str(state), str(state)], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(state)], check=True)
        yield
        with app.app_context():
            db.engine.dispose()
    finally:
        subprocess.run(["umount", "-l", str(state)], check=True)


@pytest.mark.parametrize("is_open", [True, False])
def test_a_read_only_state_is_said_and_pages_answer(small_disk: Path, app_on_it: Flask, planner: FlaskClient,
                                                    is_open: bool) -> None:
    with contextlib.ExitStack() as held:
        if is_open:  # as while another process has the database open
            held.enter_context(contextlib.closing(sqlite3.connect(small_disk / "shop" / "web" / "app.db"))).execute(
                "SELECT count(*) FROM user")
        planner.get("/")
        with read_only(small_disk, app_on_it):
            status, words = planner.get("/").status_code, ""
            if status == 200:
                status, words = ask(planner, [KETTLE.key])
        assert status == 503
        assert not is_open or "read-only" in words
    assert ask(planner, [KETTLE.key])[0] in (302, 303)


@contextlib.contextmanager
def files_left(number: int) -> Iterator[None]:
    """Only so many more files can be opened in the block."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(path.name) for path in Path("/proc/self/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1 + number, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize("left", range(7))
def test_without_files_to_open_every_answer_is_right_or_to_be_asked_again(
        app: Flask, client: FlaskClient, background: Background, registry: FakeRegistry, model: ForecastModel,
        left: int) -> None:
    registry.promote(KETTLE, model)
    background.watch()
    background.start_again()
    with app.app_context():
        db.engine.dispose()
    held = [os.open("/dev/null", os.O_RDONLY) for _ in range(64)]  # gaps below the highest are filled
    try:
        with files_left(left):
            answers = [client.get(url) for url in (f"/forecasts?ri={KETTLE.key}", "/", "/retrains", "/data")]
    finally:
        for one in held:
            os.close(one)

    for answer in answers:
        assert answer.status_code in (200, 503), (answer.status_code, answer.text[:200])
        assert answer.status_code == 200 or "Retry-After" in answer.headers
    assert client.get(f"/forecasts?ri={KETTLE.key}").status_code == 200


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("is_running", [True, False])
def test_a_write_ahead_log_that_was_cut_ends_nothing(app: Flask, client: FlaskClient, share: float,
                                                     is_running: bool) -> None:
    folder = Path(app.extensions["services"].settings.folder)
    with contextlib.closing(sqlite3.connect(folder / "app.db")) as other:  # keeps the log from being taken over
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()  # the tables are safe
        other.execute("SELECT count(*) FROM user").fetchall()
        for one in REGION_ITEMS[:5]:
            assert ask(client, [one.key])[0] in (302, 303)
        if is_running:
            cut(folder / "app.db-wal", share)
            statuses = {client.get(url).status_code for url in ("/", "/retrains", f"/forecasts?ri={KETTLE.key}")}
            assert statuses <= {200, 503}, statuses
    with app.app_context():
        db.engine.dispose()
    if not is_running and (folder / "app.db-wal").exists():
        cut(folder / "app.db-wal", share)

    assert client.get("/").status_code == 200
    assert ask(client, [REGION_ITEMS[-1].key])[0] in (302, 303)


def cut(path: Path, share: float) -> None:
    with path.open("r+b") as file:
        file.truncate(int(path.stat().st_size * share))


@pytest.mark.parametrize("content", [b"?" * 8192, b"SQLite format 3\0" + b"\xff" * 8192])
def test_a_damaged_database_is_said(app: Flask, client: FlaskClient, content: bytes) -> None:
    folder = Path(app.extensions["services"].settings.folder)
    with app.app_context():
        db.engine.dispose()
    for path in folder.glob("app.db*"):
        path.unlink()
    (folder / "app.db").write_bytes(content)

    answers = [client.get("/"), client.get("/health"), client.post("/retrains", data={"ri": [KETTLE.key]})]

    assert [answer.status_code for answer in answers] == [503, 503, 503]
