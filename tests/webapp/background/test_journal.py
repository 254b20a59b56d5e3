"""The reader of the journal: what it makes of versions that expired, and of entries that did while it was away."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, event, select, update

from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.store.demand_store import DemandStore
from demand_assets.forecasting.store.journal import Entry, Journal, is_sum
from tests.webapp.conftest import KETTLE, ODD, Background, ask_for_retrain, hidden, page, settings_in, text_of
from tests.webapp.fakes import FakeRegistry
from webapp import create_app
from webapp.background.journal import read_catalogue, read_journal
from webapp.background.loops.registry import BETWEEN_SECONDS, RegistryLoop
from webapp.db.database import db, writing
from webapp.models import versions_in_registry as registered
from webapp.models.versions_in_registry import GAP, RegisteredVersions
from webapp.settings import Settings
from webapp.tables import Catalogue, JournalFile, ModelVersion, RegionItemRow, Retrain, Watermark

SOON = datetime.now(UTC) + timedelta(days=3)


def versions(app: Flask) -> list[int]:
    with app.app_context():
        return list(db.session.scalars(select(ModelVersion.version).where(ModelVersion.key == KETTLE.key).order_by(
            ModelVersion.version)))


def filled(app: Flask, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch, most: int = 20) -> int:
    """How many times the registry is asked until the gap is filled."""
    monkeypatch.setattr(registered, "TOLD_LATE", timedelta(0))
    with app.app_context():
        asked, reads = 0, RegisteredVersions(registry)
        while asked < most and reads.is_due():
            reads.read_some()
            asked += 1
    return asked


def trained(background: Background, version: int) -> None:
    background.journal(Entry(KETTLE, "trained", numbers={"version": version, "wape": 0.2}),
                       Entry(KETTLE, "promoted", reason="better", numbers={"version": version}))


def test_versions_that_expired_are_offered_no_more(app: Flask, admin: FlaskClient, background: Background, three: None,
                                                   ) -> None:
    before = db_step(app)
    background.journal(Entry(KETTLE, "expired", numbers={"versions": [1]}),
                       Entry(ODD, "expired", numbers={"versions": [2, 3]}))

    assert versions(app) == [2, 3]
    assert db_step(app) == before
    shown = text_of(page(admin.get("/models/region-item", query_string={"ri": KETTLE.key})).select_one("#versions"))
    assert "v2" in shown
    gone = admin.get("/models/act", query_string={"ri": KETTLE.key, "kind": "roll_back", "version": 1})
    assert gone.status_code == 404


def stands(app: Flask, **told: Any) -> None:
    """Let the region-item's forecast be stored, with what is told of it."""
    with app.app_context(), writing():
        row = db.session.scalars(select(RegionItemRow).where(RegionItemRow.key == KETTLE.key)).one()
        for name, value in {"forecast_total": 1.0, "forecast_due": False, **told}.items():
            setattr(row, name, value)


def is_due(app: Flask) -> bool:
    with app.app_context():
        return bool(db.session.get_one(RegionItemRow, KETTLE.key).forecast_due)


def taken_in(mark: str) -> Entry:
    return Entry(KETTLE, "validated", numbers={"demand_mark": mark, "last_date": "2026-06-30"})


def test_demand_taken_in_as_it_was_makes_no_forecast_again(app: Flask, background: Background) -> None:
    background.journal(taken_in("a"))
    stands(app)

    background.journal(taken_in("a"))

    assert not is_due(app)


@pytest.mark.parametrize("entry", [taken_in("b"), taken_in(""), Entry(KETTLE, "validated")])
def test_other_demand_or_such_of_which_nothing_is_known_makes_one(app: Flask, background: Background,
                                                                  entry: Entry) -> None:
    background.journal(taken_in("a"))
    stands(app)

    background.journal(entry)

    assert is_due(app)


def test_demand_as_it_was_makes_the_forecast_that_is_missing(app: Flask, background: Background) -> None:
    background.journal(taken_in("a"))
    stands(app, forecast_total=None)

    background.journal(taken_in("a"))

    assert is_due(app)


def test_an_older_entry_that_comes_late_does_not_hide_newer_demand(app: Flask, background: Background) -> None:
    old = replace(taken_in("a"), at="2026-01-01T00:00:00.000+00:00")
    background.journal(taken_in("b"))
    stands(app)

    background.journal(old)

    assert is_due(app)
    stands(app)
    background.journal(taken_in("b"))
    assert not is_due(app)


@pytest.mark.parametrize(("version", "due"), [(1, False), (None, True)])
def test_a_decision_to_keep_moves_the_forecast_only_where_no_model_of_its_own_serves(
        app: Flask, background: Background, version: int | None, due: bool) -> None:
    stands(app, production_version=version)

    background.journal(Entry(KETTLE, "kept", reason="not better", numbers={"version": 2}))

    assert is_due(app) == due


def db_step(app: Flask) -> tuple[Any, ...]:
    with app.app_context():
        row = db.session.get_one(RegionItemRow, KETTLE.key)
        return row.step, row.step_at, row.activity, row.production_version


def test_a_roll_back_that_was_asked_for_before_its_version_expired_is_refused_with_the_reason(
        app: Flask, admin: FlaskClient, background: Background, registry: FakeRegistry, three: None) -> None:
    form = page(admin.get("/models/act", query_string={"ri": KETTLE.key, "kind": "roll_back", "version": 1}))
    admin.post("/models/act", data={"csrf_token": hidden(form, "csrf_token"), "token": hidden(form, "token"),
                                    "ri": KETTLE.key, "kind": "roll_back", "version": "1", "reason": "was better"})
    registry.expire(KETTLE, 1)
    background.journal(Entry(KETTLE, "expired", numbers={"versions": [1]}))

    background.act()

    shown = page(admin.get("/models/region-item", query_string={"ri": KETTLE.key})).get_text(" ")
    assert "has no version 1" in shown
    assert db_step(app)[-1] == 3


@pytest.mark.parametrize("was_there", [True, False], ids=["was away", "is new"])
def test_a_reader_that_missed_what_expired_is_told_and_reads_the_versions_from_the_registry(
        app: Flask, background: Background, registry: FakeRegistry, model: ForecastModel, three: None, was_there: bool,
        monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    journal = Journal(background.services.store)
    for version in (4, 5, 6):  # while the app is away
        registry.promote(KETTLE, model)
        journal.write([Entry(KETTLE, "trained", numbers={"version": version})])
        journal.write([Entry(KETTLE, "promoted", reason=f"v{version}", numbers={"version": version})])
    registry.expire(KETTLE, 1)
    journal.write([Entry(KETTLE, "expired", numbers={"versions": [1]})])
    journal.write([Entry(ODD, "validated", numbers={"last_date": "2026-06-30"})])
    journal.expire(SOON)
    assert all(map(is_sum, journal.files_after("")))
    if not was_there:
        forgotten(app)

    background.read()

    assert ("part of what came after has expired" in caplog.text) == was_there
    assert db_step(app)[0] == "promoted"
    assert filled(app, registry, monkeypatch) > 1
    assert versions(app) == [2, 3, 4, 5, 6]
    with app.app_context():
        assert db.session.get_one(RegionItemRow, ODD.key).last_date == "2026-06-30"
        told = db.session.get_one(ModelVersion, (KETTLE.key, 6))
        assert (told.reason, told.decision) == ("v6", "promote")  # the sum's, not overwritten
    assert filled(app, registry, monkeypatch) == 0


def forgotten(app: Flask) -> None:
    """As with a new database."""
    with app.app_context(), writing():
        for kind in (ModelVersion, JournalFile, Watermark):
            db.session.execute(delete(kind))


def test_a_reader_that_was_there_all_the_time_notices_nothing(app: Flask, background: Background, three: None,
                                                              caplog: pytest.LogCaptureFixture) -> None:
    trained(background, 4)
    Journal(background.services.store).expire(SOON)

    background.read()

    assert "has expired" not in caplog.text
    with app.app_context():
        mark = db.session.get(Watermark, GAP)
        assert mark is None or not mark.value


def test_what_expires_while_the_registry_is_read_has_it_read_again(
        app: Flask, background: Background, registry: FakeRegistry, three: None,
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registered, "TOLD_LATE", timedelta(0))
    forgotten(app)
    Journal(background.services.store).expire(SOON)
    background.read()
    with app.app_context():
        reads = RegisteredVersions(registry)
        assert reads.is_due()
        reads.read_some()  # versions 1 and 2
    registry.expire(KETTLE, 1)  # 3 moves to a page that was read
    background.journal(Entry(KETTLE, "expired", numbers={"versions": [1]}))
    with app.app_context():
        for _ in range(10):
            if reads.is_due():
                reads.read_some()

    assert versions(app) == [2, 3]


def test_a_retrain_whose_end_expired_unread_still_ends(app: Flask, client: FlaskClient, background: Background,
                                                       ) -> None:
    ask_for_retrain(client, [KETTLE.key])
    background.send()
    with app.app_context():
        request_id = db.session.scalars(select(Retrain.request_id)).one()
    journal = Journal(background.services.store)
    journal.write([Entry(KETTLE, "kept", request_id=request_id, reason="its own end")])
    journal.write([Entry(KETTLE, "kept", request_id="another", reason="a later one's")])
    journal.expire(SOON)
    background.dagster.carried.clear()  # its run has expired too

    background.read()
    for _ in range(2):
        background.follow()
        with app.app_context(), writing():
            db.session.execute(update(Retrain).values(ended_at=datetime(2026, 1, 1, tzinfo=UTC)))
    background.follow()

    with app.app_context():
        retrain = db.session.scalars(select(Retrain).where(Retrain.request_id == request_id)).one()
        assert retrain.is_finished


class Vanishing(DemandStore):
    """A store in which an expiry of another process comes between the listing and the reading of a file."""

    done = False

    def read_bytes(self, name: str) -> bytes:
        if name.startswith("journal/") and not self.done:
            self.done = True
            Journal(DemandStore(self._url)).expire(SOON)
        return super().read_bytes(name)


def test_entries_that_expire_while_they_are_read_are_found_in_their_sum(app: Flask, background: Background) -> None:
    journal = Journal(background.services.store)
    for reason in ("first", "second"):
        journal.write([Entry(KETTLE, "kept", reason=reason)])
    with app.app_context():
        reading = Journal(Vanishing(background.services.settings.store_url))

        assert read_journal(reading) == 0
        assert read_journal(reading) == 1

    assert db_step(app)[0] == "kept"


def test_the_loop_of_the_registry_fills_the_gap(app: Flask, background: Background, registry: FakeRegistry, three: None,
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registered, "TOLD_LATE", timedelta(0))
    with app.app_context(), writing():
        db.session.execute(delete(ModelVersion))
        registered.note_gap()
    with app.app_context():
        loop = RegistryLoop(background.services, registry)
        for _ in range(5):
            loop.between.again()
            assert BETWEEN_SECONDS > 1
            loop.ask_something_else()

    assert versions(app) == [1, 2, 3]


def test_what_an_engineer_wrote_into_a_runs_tags_holds_nobody_up(
        settings: Settings, empty_postgres: Callable[[str], str]) -> None:
    """PostgreSQL refuses what is longer than its column; the retrain has a shorter name then, and the next entry is
    read."""
    on_postgres = create_app(settings.model_copy(update={"web_database_url": empty_postgres("long_tags")}))
    journal = Journal(on_postgres.extensions["services"].store)
    journal.write([Entry(KETTLE, "trained", request_id="x" * 5000, run_id="r1", asked_by=f"{'y' * 5000}: why",
                         numbers={"version": 3})])
    journal.write([Entry(ODD, "promoted", request_id="ours", run_id="r2", numbers={"version": 2**40})])
    journal.write([Entry(ODD, "kept", request_id="ours", run_id="r2", reason="worse", numbers={"version": 2})])
    with on_postgres.app_context():
        assert read_journal(journal) == 3
        assert read_journal(journal) == 0
        retrains = db.session.scalars(select(Retrain).order_by(Retrain.id)).all()
        assert [(one.request_id, len(one.asked_by), one.size) for one in retrains] == [("x" * 64, 255, 1),
                                                                                       ("ours", len("an engineer"), 1)]
        assert db.session.get_one(RegionItemRow, ODD.key).step_reason == "worse"


def listed(app: Flask) -> list[str]:
    """The keys of the rows that are in the catalogue, in their order."""
    with app.app_context():
        return list(db.session.scalars(select(Catalogue.key).where(Catalogue.in_catalogue).order_by(
            Catalogue.position)))


def test_rows_are_compared_with_the_catalogue_again_when_either_is_another(
        app: Flask, settings: Settings, background: Background) -> None:
    store, other = background.services.store, create_app(settings_in(settings.demand_dataset.parent))
    before = listed(app)
    with app.app_context():
        followed = read_catalogue(store)
        assert followed is not None
        asked = list[str]()
        event.listen(db.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
        assert read_catalogue(store, followed) == followed
        assert not any("region_item_catalogue" in statement for statement in asked)

        with other.app_context(), writing():
            db.session.execute(update(Catalogue).where(Catalogue.key == KETTLE.key).values(in_catalogue=False))
        assert read_catalogue(store, followed) is None
        assert listed(app) == before

        followed = read_catalogue(store)
        store.write_catalogue([ODD])
        assert read_catalogue(store, followed) is None
        assert listed(app) == [ODD.key]
        assert read_catalogue(store, read_catalogue(store)) is not None
