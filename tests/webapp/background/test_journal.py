"""The reader of the journal: what it makes of versions that expired, and of entries that did while it was away."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, select, update

from demand_assets.forecasting.model.own_model import ForecastModel
from demand_assets.forecasting.store.demand_store import DemandStore
from demand_assets.forecasting.store.journal import Entry, Journal, is_sum
from tests.webapp.conftest import KETTLE, ODD, Background, ask_for_retrain, hidden, page, text_of
from tests.webapp.fakes import FakeRegistry
from webapp.background.journal import read_journal
from webapp.background.loops.registry import BETWEEN_SECONDS, RegistryLoop
from webapp.db.database import db, writing
from webapp.models import versions_in_registry as registered
from webapp.models.versions_in_registry import GAP, RegisteredVersions
from webapp.tables import JournalFile, ModelVersion, RegionItemRow, Retrain, Watermark

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
