"""The background process: what it learns, what it announces, and what it survives."""

import fcntl
import json
import logging
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, func, select
from sqlalchemy.exc import OperationalError

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.registry.session import RegistryDownError
from demand_assets.forecasting.store.checksums import short_digest
from demand_assets.forecasting.store.journal import Entry, Journal, name_at
from tests.webapp.conftest import KETTLE, ODD, REGION_ITEMS, Background, ask_for_retrain, page, text_of
from tests.webapp.fakes import FakeDagster, FakeRegistry
from webapp import create_app
from webapp.background.all_loops import run
from webapp.background.journal import take_up
from webapp.background.loops.dagster import DagsterLoop
from webapp.background.loops.registry import RegistryLoop
from webapp.background.loops.store import StoreLoop
from webapp.background.process import AlreadyRunningError, OnlyOne
from webapp.db.database import db, now, writing
from webapp.retrains.request_and_item_states import SETTLING
from webapp.systems.signs_of_life import note
from webapp.tables import JournalFile, RegionItemRow, Retrain, RetrainItem, SystemState, Watermark
from webapp.tables.watermarks import set_watermark


def row(app: Flask, region_item: RegionItem = KETTLE) -> RegionItemRow:
    with app.app_context():
        found = db.session.get_one(RegionItemRow, region_item.key)
        db.session.expunge(found)
        return found


def test_the_journal_is_read_once_and_only_what_is_new(app: Flask, background: Background) -> None:
    journal = Journal(background.services.store)
    journal.write([Entry(KETTLE, "started", run_id="run1")])
    journal.write([Entry(KETTLE, "validated", numbers={"last_date": "2026-06-30"})])

    assert background.read() == 2
    assert background.read() == 0
    journal.write([Entry(KETTLE, "trained")])
    assert background.read() == 1
    assert (row(app).last_date, row(app).activity) == ("2026-06-30", "judging")


def test_the_same_entries_twice_change_nothing(app: Flask, background: Background) -> None:
    entries = [Entry(KETTLE, "started", run_id="run1"), Entry(KETTLE, "kept", reason="no")]
    background.journal(*entries)
    with app.app_context():
        take_up(entries)
        db.session.commit()

    assert (row(app).step, row(app).activity, row(app).status) == ("kept", "", "baseline")


def test_a_crash_before_the_commit_loses_and_repeats_nothing(app: Flask, background: Background) -> None:
    journal = Journal(background.services.store)
    journal.write([Entry(KETTLE, "kept", reason="first")])
    with app.app_context():
        take_up(list(journal.read(journal.files_after("")[0])))
        db.session.add(JournalFile(name="half"))
        db.session.rollback()  # killed here

    assert row(app).step == ""
    assert background.read() == 1
    assert row(app).reason == "first"


def test_a_damaged_journal_file_is_left_out_and_told(app: Flask, background: Background,
                                                     caplog: pytest.LogCaptureFixture) -> None:
    background.services.store.write_bytes("journal/20260101/20260101T000000000000-00000000.jsonl", b'{"half')
    background.journal(Entry(KETTLE, "kept", reason="no"))

    assert row(app).step == "kept"
    assert "is left out" in caplog.text
    assert background.read() == 0


def test_lines_of_a_damaged_journal_file_that_are_whole_are_taken_up(app: Flask, background: Background,
                                                                     caplog: pytest.LogCaptureFixture) -> None:
    journal = Journal(background.services.store)
    background.make_stored_forecasts()
    journal.write([Entry(KETTLE, "kept", reason="no"), Entry(ODD, "failed", reason="why")])
    name = f"journal/{(file := journal.files_after('')[0])[:8]}/{file}"
    whole = background.services.store.read_bytes(name)
    background.services.store.write_bytes(name, whole.replace(b"why", b"wxy"))

    assert background.read() == 1

    assert (row(app).step, row(app, ODD).step) == ("kept", "")
    assert "is damaged, 1 entries of it can be read" in caplog.text
    assert row(app, ODD).forecast_due  # what the lost entry told is found out anew
    assert background.read() == 0


@pytest.mark.parametrize("numbers", [{"version": "twelve"}, {"version": [2]}, {"wape": {"of": "what"}, "version": 2},
                                     {"version": 2, "backtest": 3, "data_hash": ["x"], "trained_to": 7}])
def test_an_entry_that_cannot_be_taken_up_costs_nobody_else(
        app: Flask, background: Background, client: FlaskClient, caplog: pytest.LogCaptureFixture,
        numbers: dict[str, Any]) -> None:
    """Somebody wrote it by hand, or it is of a kind that nobody foresaw."""
    ask_for_retrain(client, [ODD.key])
    background.send()
    with app.app_context():
        request_id = db.session.scalars(select(Retrain.request_id)).one()
    Journal(background.services.store).write([Entry(KETTLE, "trained", "request", "run1", numbers=numbers),
                                              Entry(ODD, "kept", request_id, "run1", "no better")])

    assert background.read() == 1
    assert background.read() == 0
    assert row(app, ODD).step == "kept"
    assert client.get("/retrains/1").status_code == 200
    Journal(background.services.store).write([Entry(KETTLE, "kept", reason="no")])
    assert background.read() == 1
    assert row(app).step == "kept"


def test_trouble_of_the_database_is_no_entrys(app: Flask, background: Background,
                                              monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: object) -> None:
        raise OperationalError("insert", {}, Exception("database is locked"))

    Journal(background.services.store).write([Entry(KETTLE, "kept", reason="no")])
    with monkeypatch.context() as patched:
        patched.setattr("webapp.background.journal.note_versions", down)
        with pytest.raises(OperationalError):
            background.read()

    assert background.read() == 1
    assert row(app).step == "kept"


def test_a_folder_in_the_place_of_a_journal_file_stops_nobody(app: Flask, background: Background,
                                                              client: FlaskClient) -> None:
    journal = Journal(background.services.store)
    journal.write([Entry(ODD, "kept", reason="lost")])
    folder = Path(background.services.settings.store_url) / "journal"
    (path,) = folder.rglob("*.jsonl")
    path.unlink()
    path.mkdir()
    journal.write([Entry(KETTLE, "kept", reason="no")])

    with app.app_context():
        StoreLoop(background.services).step()

    assert row(app).step == "kept"
    assert "The demand store answers" in client.get("/").text


def write_at(background: Background, moment: datetime, step: str, reason: str = "") -> None:
    """An entry for the kettles by a writer whose clock shows that moment."""
    at = moment.isoformat(timespec="milliseconds")
    name = f"{moment:%Y%m%dT%H%M%S%f}-0000aaaa.jsonl"
    line = json.dumps({"region_item": KETTLE.key, "step": step, "at": at, "reason": reason, "run_id": "run1"})
    background.services.store.write_bytes(f"journal/{name[:8]}/{name}", line.encode())


@pytest.mark.parametrize("ahead", [timedelta(minutes=2), timedelta(hours=13), timedelta(days=3), timedelta(days=500)])
def test_a_writer_whose_clock_is_ahead_hides_no_entries_of_others(app: Flask, background: Background,
                                                                  ahead: timedelta) -> None:
    write_at(background, now() + ahead, "started")
    background.read(sweep=True)
    assert row(app).activity == "training"
    background.journal(Entry(ODD, "started"))
    background.journal(Entry(KETTLE, "kept", reason="no"))

    assert (row(app).step, row(app, ODD).step) == ("kept", "started")
    assert background.read() == background.read(sweep=True) == 0


@pytest.mark.parametrize("behind", [timedelta(minutes=2), timedelta(hours=13), timedelta(days=2), timedelta(days=500)])
def test_what_a_writer_tells_whose_clock_is_behind_is_found_by_a_sweep(app: Flask, background: Background,
                                                                       behind: timedelta) -> None:
    background.journal(Entry(ODD, "started"))
    background.read(sweep=True)
    write_at(background, now() - behind, "kept", "late")

    background.read(sweep=True)

    assert row(app).reason == "late"
    assert background.read() == background.read(sweep=True) == 0


def test_new_demand_told_by_a_clock_that_is_behind_is_forecast_from(app: Flask, background: Background) -> None:
    background.journal(Entry(KETTLE, "kept"))
    background.make_stored_forecasts()
    write_at(background, now() - timedelta(minutes=5), "validated")

    background.read(sweep=True)

    assert row(app).forecast_due


def test_a_readers_clock_that_was_ahead_and_is_set_back_misses_nothing(app: Flask, background: Background) -> None:
    background.journal(Entry(ODD, "started"))
    with app.app_context():  # as yesterday's version left it, or as it was before the clock was set
        set_watermark("journal", f"{now() + timedelta(hours=5):%Y%m%dT%H%M%S%f}-0000aaaa.jsonl")
        db.session.commit()

    background.journal(Entry(KETTLE, "kept", reason="no"))

    assert row(app).step == "kept"


def test_a_database_that_never_swept_reads_nothing_twice(app: Flask, background: Background) -> None:
    for days in (400, 2, 0):
        write_at(background, now() - timedelta(days=days, minutes=5), "kept", f"{days} days ago")
    background.journal(Entry(ODD, "started"))
    with app.app_context():  # an earlier version kept the names of the last minute only, and no days
        db.session.execute(delete(JournalFile).where(
            JournalFile.name < f"{now() - timedelta(minutes=1):%Y%m%dT%H%M%S%f}"))
        db.session.execute(delete(Watermark).where(Watermark.name == "journal swept"))
        db.session.commit()

    assert background.read(sweep=True) == 0
    write_at(background, now() - timedelta(hours=30), "kept", "late")
    assert background.read(sweep=True) == 1


@pytest.mark.parametrize("content", [b"", b"{", b"[[1]]", b"null", b'{"checksum": "", "content": []}'])
def test_a_damaged_catalogue_leaves_the_region_items_and_is_to_be_made_again(
        app: Flask, background: Background, client: FlaskClient, content: bytes) -> None:
    store = background.services.store
    store.write_bytes("catalogue.json", content)

    with app.app_context():
        StoreLoop(background.services).step()

    assert row(app).in_catalogue
    assert [damage.name for damage in store.damages()] == ["catalogue.json"]
    assert client.get("/").status_code == 200


def test_notes_of_read_files_do_not_pile_up(app: Flask, background: Background) -> None:
    store = background.services.store
    line = b'{"region_item": "north|kettle", "step": "started", "at": "2026-01-01T00:00:00+00:00"}'
    for day in range(1, 31):
        store.write_bytes(f"journal/202601{day:02}/202601{day:02}T000000000000-00000000.jsonl", line)
    background.read()

    with app.app_context():
        files = select(func.count()).select_from(JournalFile).where(JournalFile.name.contains("-"))
        assert db.session.scalar(files) == 4
    assert background.read() == 0
    assert background.read(sweep=True) == 0


def test_region_items_that_only_the_journal_knows_are_no_error(app: Flask, background: Background) -> None:
    new = RegionItem("east", "new one")
    background.journal(Entry(new, "validated", numbers={"last_date": "2026-06-30"}))
    assert not row(app, new).in_catalogue

    background.catalogue(new, *REGION_ITEMS)
    assert (row(app, new).in_catalogue, row(app, new).position) == (True, 0)


def test_good_demand_ends_a_quarantine(app: Flask, background: Background) -> None:
    background.journal(Entry(KETTLE, "quarantined", reason="too few rows"))
    assert row(app).status == "quarantined"
    background.journal(Entry(KETTLE, "validated", numbers={"quarantined_by_rule": {}}))
    assert (row(app).status, row(app).quarantined_rows) == ("untrained", 0)


def test_a_version_is_announced_after_it_forecast_here(app: Flask, background: Background, registry: FakeRegistry,
                                                       model: ForecastModel) -> None:
    registry.promote(KETTLE, model, {"wape": 0.1})
    background.watch()
    registry.promote(KETTLE, model, {"wape": 0.05})
    background.watch()

    found = row(app)
    assert (found.production_version, found.previous_version, found.wape) == (2, 1, 0.05)
    assert found.promoted_at is not None
    assert now() - found.promoted_at < timedelta(minutes=5)
    assert registry.fetched == [("shop.north.kettle", 1), ("shop.pooled", 1), ("shop.north.kettle", 2)]


def test_only_the_version_before_is_kept_on_disk(background: Background, registry: FakeRegistry,
                                                 model: ForecastModel) -> None:
    for _ in range(4):
        registry.promote(KETTLE, model)
        background.watch()

    folder = background.services.models.folder(KETTLE, 1).parent
    assert sorted(path.name for path in folder.iterdir()) == ["3", "4"]


def test_a_version_that_cannot_be_loaded_leaves_the_old_one_serving(app: Flask, client: FlaskClient,
                                                                    background: Background, registry: FakeRegistry,
                                                                    model: ForecastModel) -> None:
    registry.promote(KETTLE, model, {"wape": 0.1})
    background.watch()
    registry.damage(KETTLE, registry.promote(KETTLE, model, {"wape": 0.05}))
    background.watch()

    assert (row(app).production_version, row(app).wape) == (1, 0.1)
    words = text_of(page(client.get(f"/forecasts?ri={KETTLE.key}")).select_one("#model"))
    assert "production v1" in words
    assert "v2 was promoted but cannot forecast here" in words


def test_a_kept_candidate_changes_no_version(app: Flask, background: Background, registry: FakeRegistry,
                                             model: ForecastModel) -> None:
    registry.promote(KETTLE, model)
    background.watch()
    registry.keep(KETTLE, "not better")
    background.watch()

    assert (row(app).production_version, row(app).candidate_version, row(app).reason) == (1, 2, "not better")


def test_files_that_vanish_are_fetched_again_and_meanwhile_something_labelled_forecasts(
        app: Flask, client: FlaskClient, background: Background, registry: FakeRegistry, model: ForecastModel) -> None:
    for _ in range(2):
        registry.promote(KETTLE, model)
        background.watch()
    folder = background.services.models.folder
    shutil.rmtree(folder(KETTLE, 2))
    background.start_again()

    words = text_of(page(client.get(f"/forecasts?ri={KETTLE.key}")))
    assert "v2 is in production, but its files here are damaged and are being fetched again; v1 forecasts" in words

    (folder(KETTLE, 1) / "model.ubj").write_bytes(b"broken")
    background.start_again()
    words = text_of(page(client.get(f"/forecasts?ri={KETTLE.key}")))
    assert "the seasonal-naive baseline forecasts until then" in words

    background.watch()
    assert folder(KETTLE, 2).exists()
    assert "damaged" not in text_of(page(client.get(f"/forecasts?ri={KETTLE.key}")))


def test_forecasts_go_on_while_mlflow_is_down_and_a_banner_says_so(app: Flask, client: FlaskClient,
                                                                   background: Background, registry: FakeRegistry,
                                                                   model: ForecastModel) -> None:
    registry.promote(KETTLE, model)
    background.watch()
    registry.is_down = True
    with app.app_context():
        note("sync", True)
        RegistryLoop(background.services, registry).step()

    soup = page(client.get(f"/forecasts?ri={KETTLE.key}"))
    assert "MLflow is down" in text_of(soup.select_one("#systems"))
    assert "production v1" in text_of(soup.select_one("#model"))

    registry.is_down = False
    with app.app_context():
        RegistryLoop(background.services, registry).step()
    assert text_of(page(client.get("/systems")).select_one("#systems")) == ""


def test_an_outage_is_one_line_when_it_begins_and_one_when_it_ends(app: Flask, dagster: FakeDagster,
                                                                   caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="webapp")
    loop = dagster_loop(app, dagster)
    with app.app_context():
        loop.step()
        dagster.is_down = True
        for _ in range(5):
            loop.follow.again()
            loop.step()
            loop.check.again()
        dagster.is_down = False
        for _ in range(5):
            loop.follow.again()
            loop.step()
            loop.check.again()

    assert [record.getMessage() for record in caplog.records] == [
        "dagster is down: Dagster cannot be reached", "dagster is back"]


def test_a_store_that_cannot_be_read_is_an_outage_too(app: Flask, client: FlaskClient, background: Background) -> None:
    folder = Path(background.services.settings.store_url)
    folder.rename(folder.with_name("moved"))
    folder.write_text("a file where a folder should be")
    with app.app_context():
        StoreLoop(background.services).step()

    assert "The demand store is down" in text_of(page(client.get("/systems")))


def test_without_the_background_process_the_pages_say_what_waits(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        note("sync", True)
        db.session.get_one(SystemState, "sync").checked_at = now() - timedelta(minutes=2)
        db.session.commit()

    assert "The background process is not running" in text_of(page(client.get("/")))


def test_a_system_that_leaves_a_question_open_counts_as_down(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        note("sync", True)
        note("mlflow", True)
        db.session.get_one(SystemState, "mlflow").checked_at = now() - timedelta(minutes=2)
        db.session.commit()

    assert "MLflow is down" in text_of(page(client.get("/systems")))


def test_it_stops_when_told_and_has_looked_at_everything(app: Flask, background: Background, dagster: FakeDagster,
                                                         registry: FakeRegistry, model: ForecastModel) -> None:
    registry.promote(ODD, model)
    Journal(background.services.store).write([Entry(KETTLE, "kept", reason="no")])
    stop, ended = Event(), []
    process = Thread(target=lambda: ended.append(run(app, create_app, registry, dagster, stop)))
    process.start()
    for _ in range(600):
        if row(app).step == "kept" and row(app, ODD).production_version == 1:
            break
        stop.wait(0.1)
    stop.set()
    process.join(30)

    assert ended == [True]
    assert (row(app).step, row(app, ODD).production_version) == ("kept", 1)


def test_a_loop_that_breaks_leaves_the_others_at_work_and_is_named(app: Flask, client: FlaskClient,
                                                                   background: Background, registry: FakeRegistry,
                                                                   model: ForecastModel) -> None:
    class Broken(FakeDagster):
        def check(self) -> None:
            raise AssertionError("nobody foresaw this")

    stop, ended = Event(), []
    process = Thread(target=lambda: ended.append(run(app, create_app, registry, Broken(), stop)))
    process.start()
    wait_until(lambda: "Sending and following retrains does not work" in text_of(page(client.get("/systems"))), stop)
    registry.promote(ODD, model)
    Journal(background.services.store).write([Entry(KETTLE, "kept", reason="no")])
    wait_until(lambda: row(app).step == "kept" and row(app, ODD).production_version == 1, stop)
    words, told = text_of(page(client.get("/systems")).select_one("#systems")), client.get("/health").json
    stop.set()
    process.join(30)

    assert ended == [True]
    assert (row(app).step, row(app, ODD).production_version) == ("kept", 1)
    assert "nobody foresaw this" in words
    assert "tried again" in words
    assert [one["name"] for one in told["loops_not_working"]] == ["dagster"]  # type: ignore[index]


def wait_until(is_so: Callable[[], bool], stop: Event) -> None:
    for _ in range(600):
        if is_so():
            return
        stop.wait(0.1)


def test_only_one_works_on_a_state_directory(tmp_path: Path) -> None:
    lock = OnlyOne(tmp_path / "sync.lock")
    with pytest.raises(AlreadyRunningError):
        OnlyOne(tmp_path / "sync.lock")
    fcntl.flock(lock._file, fcntl.LOCK_UN)
    OnlyOne(tmp_path / "sync.lock")


def test_an_outage_in_the_middle_of_a_look_leaves_the_rest_for_later(app: Flask, background: Background,
                                                                     registry: FakeRegistry,
                                                                     model: ForecastModel) -> None:
    class Flaky(FakeRegistry):
        def fetch(self, name: str, version: int, folder: Path, source: str = "") -> Path:
            raise RegistryDownError("it went away")

    registry.promote(KETTLE, model)
    registry.__class__ = Flaky
    with pytest.raises(RegistryDownError):
        background.watch()
    assert row(app).production_version is None

    registry.__class__ = FakeRegistry
    background.watch()
    assert row(app).production_version == 1


def dagster_loop(app: Flask, dagster: FakeDagster) -> DagsterLoop:
    services = app.extensions["services"]
    return DagsterLoop(dagster, services.settings.database_url, Journal(services.store))


def ended_long_ago(app: Flask, background: Background, dagster: FakeDagster) -> str:
    """A sent retrain whose run ended, and of which nobody has read more; its request id."""
    background.send()
    dagster.carried[0].state = "succeeded"
    background.follow()
    with app.app_context(), writing():
        retrain = db.session.scalars(select(Retrain)).one()
        assert retrain.ended_at is not None
        retrain.ended_at -= SETTLING  # the app was down for so long
        return retrain.request_id


def retrained(app: Flask) -> dict[str, tuple[str, bool]]:
    with app.app_context():
        return {item.key: (item.state, item.closed_by_us) for item in db.session.scalars(select(RetrainItem))}


@pytest.mark.parametrize("behind", [timedelta(0), timedelta(hours=3)], ids=["unread", "by a clock that was wrong"])
def test_what_the_journal_says_is_heard_before_a_retrain_is_given_up(
        app: Flask, client: FlaskClient, background: Background, dagster: FakeDagster, behind: timedelta) -> None:
    ask_for_retrain(client, [KETTLE.key])
    request_id = ended_long_ago(app, background, dagster)
    background.journal(Entry(ODD, "monitored"))  # up to here the journal has been read
    at = datetime.now(UTC)
    store, wrote = background.services.store, at - behind
    Journal(store).write([Entry(KETTLE, "kept", request_id, at=wrote.isoformat())])
    written = f"journal/{at:%Y%m%d}/{max(store.names(f'journal/{at:%Y%m%d}'))}"
    content = store.read_bytes(written)
    store.remove_bytes(written)
    store.write_bytes(f"journal/{wrote:%Y%m%d}/{name_at(wrote)}{short_digest(content)}.jsonl", content)

    with app.app_context():
        dagster_loop(app, dagster).step()

    assert retrained(app) == {KETTLE.key: ("kept", False)}


def test_no_retrain_is_given_up_while_the_journal_cannot_be_read(app: Flask, client: FlaskClient, dagster: FakeDagster,
                                                                 background: Background,
                                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    ask_for_retrain(client, [KETTLE.key])
    ended_long_ago(app, background, dagster)

    def is_away(*_: object, **__: object) -> None:
        raise OSError("the object store does not answer")

    with app.app_context(), monkeypatch.context() as patch:
        patch.setattr(Journal, "days", is_away)
        dagster_loop(app, dagster).step()
    assert retrained(app)[KETTLE.key] == ("queued", False)

    with app.app_context():
        dagster_loop(app, dagster).step()
    assert retrained(app)[KETTLE.key] == ("failed", True)
