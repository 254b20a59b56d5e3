"""What the app lets go, and what it never does."""

import os
from datetime import datetime, timedelta
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.store.journal import Entry
from tests.webapp.conftest import KETTLE, REGION_ITEMS, Background, ask_for_retrain
from tests.webapp.fakes import FakeRegistry
from webapp.background.expiry import AT_ONCE, expire
from webapp.db.database import Base, db, now, writing
from webapp.region_items.selection import link_arguments
from webapp.services import Services
from webapp.settings import Settings
from webapp.tables import (
    Answered,
    AuditEntry,
    Delivery,
    ModelAction,
    Notice,
    Override,
    Retrain,
    RetrainItem,
    SavedScenario,
    Selection,
    SignInLink,
    User,
    WorkEntry,
)

LONG_AGO = timedelta(days=400)


def count(kind: type[Base]) -> int:
    found = db.session.scalar(select(func.count()).select_from(kind)) or 0
    db.session.rollback()
    return found


def expired(services: Services, settings: Settings | None = None) -> dict[str, int]:
    return expire(settings or services.settings, services.models)


def for_ever(services: Services) -> Settings:
    return services.settings.model_copy(update={name: 0.0 for name in Settings.model_fields if "_keep_" in name})


def retrain(number: int, state: str = "finished", ended: datetime | None = None, slot: int | None = None) -> Retrain:
    at = now() - LONG_AGO
    return Retrain(request_id=f"r{number}", asked_by="ada", size=1, state=state, asked_at=at, finished_at=ended or at,
                   items=[RetrainItem(key=REGION_ITEMS[number % 5].key, state="kept" if slot is None else "training",
                                      open_slot=slot)])


def test_retrains_that_are_over_for_long_go_and_no_others(app: Flask, services: Services) -> None:
    with app.app_context():
        with writing():
            db.session.add_all([
                retrain(0), retrain(1, ended=now()), retrain(2, state="sent"), retrain(3, state="stored"),
                retrain(4, slot=1), retrain(5, state="cancelled"), *(retrain(n) for n in range(10, 10 + AT_ONCE))])
        assert not expired(services, for_ever(services))

        assert expired(services) == {"retrains": AT_ONCE + 2}

        assert set(db.session.scalars(select(Retrain.request_id))) == {"r1", "r2", "r3", "r4"}
        assert count(RetrainItem) == 4


def test_an_open_retrain_goes_on_after_an_expiry(client: FlaskClient, app: Flask, background: Background) -> None:
    ask_for_retrain(client, [KETTLE.key])
    background.send()
    with app.app_context():
        with writing():
            db.session.execute(update(Retrain).values(asked_at=now() - LONG_AGO))
        expired(background.services)
        request_id = db.session.scalars(select(Retrain.request_id)).one()
    background.journal(Entry(KETTLE, "kept", request_id=request_id, reason="no"))

    with app.app_context():
        assert db.session.scalars(select(Retrain)).one().state == "finished"


def test_a_selection_goes_when_its_link_is_not_followed_any_more(app: Flask, client: FlaskClient, services: Services,
                                                                 ) -> None:
    keys = [f"north|item {number:02}" for number in range(28)] * 2
    with app.test_request_context():
        links = [str(link_arguments([*keys, extra])["selection"]) for extra in ("a", "b")]
        with writing():
            db.session.execute(update(Selection).values(used_at=now() - LONG_AGO))
    assert client.get(f"/forecasts?selection={links[0]}").status_code == 200

    with app.app_context():
        assert expired(services) == {"stored selections": 1}

    assert client.get(f"/forecasts?selection={links[0]}").status_code == 200
    gone = client.get(f"/forecasts?selection={links[1]}")
    assert gone.status_code == 404
    assert "unused ones are removed after a while" in gone.text
    with app.test_request_context():  # the same region-items have the same link again
        assert link_arguments([*keys, "b"])["selection"] == links[1]


def test_acts_links_and_answers_go_when_nobody_needs_them(app: Flask, services: Services) -> None:
    old, asked = now() - LONG_AGO, {"key": KETTLE.key, "kind": "pin", "version": 1, "reason": "x", "asked_by": "ada"}
    with app.app_context():
        with writing():
            user = db.session.scalars(select(User)).first()
            assert user is not None
            db.session.add_all([
                ModelAction(token="old", state="done", asked_at=old, done_at=old, **asked),
                ModelAction(token="waits", state="stored", asked_at=old, **asked),
                ModelAction(token="new", state="refused", asked_at=old, done_at=now(), **asked),
                SignInLink(digest="used", user_id=user.id, made_by="a", expires_at=old, used_at=old),
                SignInLink(digest="open", user_id=user.id, made_by="a", expires_at=now() + timedelta(days=1)),
                Answered(owner="a", key="old", asked="", status=200, at=old),
                Answered(owner="a", key="new", asked="", status=200)])

        assert expired(services) == {"roll backs, pins and fetches": 1, "sign-in links": 1,
                                     "answers to repeated requests": 1}

        assert set(db.session.scalars(select(ModelAction.token))) == {"waits", "new"}
        assert set(db.session.scalars(select(SignInLink.digest))) == {"open"}
        assert set(db.session.scalars(select(Answered.key))) == {"new"}


def test_what_people_made_is_never_let_go(app: Flask, services: Services) -> None:
    old = now() - timedelta(days=4000)
    with app.app_context():
        with writing():
            db.session.add_all([
                Override(batch="b", key=KETTLE.key, date="2015-01-01", way="value", amount=1.0, comment="",
                         made_by="ada", made_at=old, removed_at=old),
                SavedScenario(name="old", created_by="ada", created_at=old, changed_at=old, archived_at=old),
                AuditEntry(by="ada", via="page", address="", act="pinned", kind="model", subject="x", reason="",
                           at=old)])
        before = [count(kind) for kind in (Override, SavedScenario, AuditEntry, User)]

        assert expired(services) == {}

        assert [count(kind) for kind in (Override, SavedScenario, AuditEntry, User)] == before


def test_copies_of_versions_that_do_not_forecast_go_when_they_are_old(
        app: Flask, services: Services, background: Background, registry: FakeRegistry, model: ForecastModel,
        three: None) -> None:
    compared = services.models.folder(KETTLE, 1)
    for version in (1, 2):
        registry.fetch(compared.parent.name, version, services.models.root)
    half = services.models.root / ".again-x"
    half.mkdir()
    old, young = services.models.folder(KETTLE, 3), services.models.folder(KETTLE, 2)
    for folder in (compared, half, old):
        aged(folder)

    with app.app_context():
        assert expired(services, for_ever(services)) == {"copies of models": 1}  # half fetched: nobody's
        assert expired(services) == {"copies of models": 1}

    assert [compared.exists(), half.exists(), old.exists(), young.exists()] == [False, False, True, True]
    assert services.models.pooled_folder(1).exists()
    assert client_forecasts(app, services)


def aged(folder: Path) -> None:
    os.utime(folder, (0, 0))


def client_forecasts(app: Flask, services: Services) -> bool:
    """Whether what is in production still forecasts."""
    with app.app_context():
        return services.models.load(KETTLE, 3).version == 3


def test_tasks_that_are_done_for_long_go_unless_their_cause_is_there(app: Flask, services: Services) -> None:
    def task(subject: str, resolved: bool, is_caused: bool) -> WorkEntry:
        return WorkEntry(kind="moved", subject=subject, due="2025-01-01", is_caused=is_caused,
                         resolved_at=now() - LONG_AGO if resolved else None)

    with app.app_context():
        with writing():
            db.session.add_all([task("over", True, False), task("lasts", True, True), task("open", False, True)])

        assert expired(services) == {"tasks": 1}

        assert set(db.session.scalars(select(WorkEntry.subject))) == {"lasts", "open"}


def test_old_notices_go_but_none_that_would_be_told_again(app: Flask, services: Services) -> None:
    def of(days: float, state: str) -> list[Base]:
        at, cause = now() - timedelta(days=days), f"{days} {state}"
        return [Notice(person="a", cause=cause, event="data", text="x", link="/", at=at),
                Delivery(way="mail", receiver="a", cause=cause, content={}, at=at, state=state)]

    with app.app_context():
        with writing():
            db.session.add_all([*of(100, "sent"), *of(101, "waiting"), *of(80, "sent"), *of(3, "sent")])
        assert expired(services) == {"notices": 2, "deliveries": 1}
        hasty = services.settings.model_copy(update={"web_keep_notices_days": 0.1})
        assert expired(services, hasty) == {"notices": 1, "deliveries": 1}

        assert list(db.session.scalars(select(Notice.cause))) == ["3 sent"]
