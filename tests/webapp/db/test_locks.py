"""Many at the same moment on PostgreSQL: independent writes go on side by side, and what was right stays right."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, timedelta
from threading import Barrier, Event, Thread

import numpy as np
import pytest
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.forecast.totals import Part
from demand_assets.forecasting.store.journal import Entry
from deploy.services import Services as Servers
from tests.webapp.conftest import KETTLE, ODD, PASSWORD, REGION_ITEMS, settings_in
from webapp import create_app
from webapp.access import Actor, role_of
from webapp.accounts.password_links import choose_password, make_link
from webapp.accounts.tokens import actor_of, make_token, revoke_token
from webapp.accounts.users import UserChangeError, add_user, change_role, set_active
from webapp.accounts.views import create_user
from webapp.adjustments import adjustments
from webapp.administration.app_settings import AppSettings, app_settings, change_settings
from webapp.background.journal import read_catalogue, take_up
from webapp.db.conflicts import is_conflict
from webapp.db.database import Base, db, now, writing
from webapp.db.locks import insert_absent, locked_one, once_more
from webapp.models.actions import store_act
from webapp.overrides import overrides
from webapp.overrides.wanted_override import WantedOverride
from webapp.region_items.catalogue import rows_to_follow
from webapp.region_items.rows import locked_pooled
from webapp.region_items.selection import link_arguments
from webapp.retrains.requests import ask_to_cancel, store
from webapp.scenarios.queue import want
from webapp.scenarios.repository import create
from webapp.scenarios.request import ScenarioRequest
from webapp.serving.line_item import fetch_again
from webapp.systems.signs_of_life import note
from webapp.tables import (
    Adjustment,
    Answered,
    ApiToken,
    AuditEntry,
    ModelAction,
    Override,
    PooledRow,
    RegionItemRow,
    Retrain,
    RetrainItem,
    SavedScenario,
    Selection,
    SystemState,
    User,
)

BOSS = "boss@example.com"
KEYS = [one.key for one in REGION_ITEMS]
ROUNDS, AT_ONCE = 6, 6
SECONDS = 60


@pytest.fixture(scope="module")
def shop(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """The app with its tables in PostgreSQL."""
    folder = tmp_path_factory.mktemp("locks")
    servers.add_databases("locks_")
    url = servers.environment("locks_")["WEB_DATABASE_URL"]
    app = create_app(settings_in(folder).model_copy(update={"web_database_url": url}))
    app.extensions["services"].store.write_catalogue(REGION_ITEMS)
    with app.app_context():
        upgrade()
    return app


@pytest.fixture
def app(shop: Flask) -> Flask:
    """With one administrator and the catalogue, and nothing else."""
    empty(shop)
    with shop.app_context():
        create_user(BOSS, PASSWORD, "admin")
        read_catalogue(shop.extensions["services"].store)
    return shop


def empty(app: Flask) -> None:
    """Everything goes: as the owner of the tables, who alone can take off what guards the audit log."""
    names = ", ".join(f'"{table.name}"' for table in Base.metadata.sorted_tables)
    guarded = ("audit_entry", "audit_seal")
    with app.app_context():
        for name in guarded:
            db.session.execute(text(f"ALTER TABLE {name} DISABLE TRIGGER {name}_no_truncate"))
        db.session.execute(text(f"TRUNCATE {names}"))
        for name in guarded:
            db.session.execute(text(f"ALTER TABLE {name} ENABLE ALWAYS TRIGGER {name}_no_truncate"))
        db.session.commit()


def at_once(app: Flask, acts: Sequence[Callable[[], object]]) -> list[object]:
    """What each act gave or raised; all begin at the same moment, each with a connection of its own."""
    begin = Barrier(len(acts))

    def one(act: Callable[[], object]) -> object:
        with app.app_context():
            begin.wait(SECONDS)
            try:
                return act()
            except Exception as error:  # noqa: BLE001  # told to the test, which judges it
                return error

    with ThreadPoolExecutor(len(acts)) as pool:
        return [future.result(SECONDS) for future in [pool.submit(one, act) for act in acts]]


def count(app: Flask, kind: type[Base], *which: object) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(kind).where(*which)) or 0  # type: ignore[arg-type]


def nothing_broke(outcomes: Sequence[object]) -> None:
    assert [one for one in outcomes if isinstance(one, Exception)] == []


@contextmanager
def in_the_middle_of(app: Flask, change: Callable[[], object]) -> Iterator[None]:
    """Another transaction that has made a change and does not end meanwhile."""
    made, end = Event(), Event()

    def slow() -> None:
        with app.app_context(), writing():
            change()
            db.session.flush()
            made.set()
            end.wait(SECONDS)

    thread = Thread(target=slow)
    thread.start()
    try:
        assert made.wait(SECONDS)
        yield
    finally:
        end.set()
        thread.join(SECONDS)


def token(app: Flask) -> tuple[int, str]:
    with app.app_context():
        made, secret = make_token(db.session.scalars(select(User)).one(), "night job", "viewer",
                                  now() + timedelta(days=30))
        return made.id, secret


def hold_region_items() -> object:
    return rows_to_follow(REGION_ITEMS)


class TestSideBySide:
    """What has nothing to do with a slow transaction does not wait for it."""

    def test_the_use_of_a_token_is_noted(self, app: Flask) -> None:
        made, secret = token(app)
        with in_the_middle_of(app, hold_region_items), app.app_context():
            assert actor_of(secret, "10.0.0.1") is not None
            assert db.session.get_one(ApiToken, made).used_from == "10.0.0.1"

    def test_the_use_of_a_token_does_not_even_wait_for_who_changes_the_token(self, app: Flask) -> None:
        made, secret = token(app)
        with in_the_middle_of(app, lambda: locked_one(ApiToken, made)), app.app_context():
            assert actor_of(secret, "10.0.0.1") is not None
            db.session.rollback()
            assert db.session.get_one(ApiToken, made).used_at is None

    @pytest.mark.parametrize("act", [
        lambda: store("t" * 32, [ODD.key], BOSS), lambda: add_user("new@example.com", "viewer"),
        lambda: create("c" * 32, "Sale", "", ScenarioRequest((ODD.key,), 14, ()), BOSS), lambda: note("mlflow", True),
        lambda: link_arguments(KEYS * 2), lambda: insert_absent(PooledRow, [{"id": 1, "problem": ""}])],
        ids=["retrain", "user", "scenario", "system", "selection", "pooled"])
    def test_other_changes_go_on(self, app: Flask, act: Callable[[], object]) -> None:
        with in_the_middle_of(app, lambda: locked_one(RegionItemRow, KETTLE.key)):
            nothing_broke(at_once(app, [act]))


class TestTheSameAtOnce:
    """What only one may do, many try at the same moment, again and again."""

    @pytest.mark.parametrize("_round", range(ROUNDS))
    def test_one_first_administrator(self, app: Flask, _round: int) -> None:
        empty(app)
        outcomes = at_once(app, [
            lambda n=n: create_user(f"first{n}@example.com", PASSWORD, "admin", is_first=True)  # type: ignore[misc]
            for n in range(AT_ONCE)])

        assert Counter(type(one) for one in outcomes) == {User: 1, ValueError: AT_ONCE - 1}
        assert (count(app, User), count(app, AuditEntry)) == (1, 1)

    @pytest.mark.parametrize("_round", range(ROUNDS))
    def test_one_administrator_stays(self, app: Flask, _round: int) -> None:
        with app.app_context():
            ids = [create_user(f"admin{n}@example.com", PASSWORD, "admin").id for n in range(AT_ONCE - 1)]
            ids.append(db.session.scalars(select(User.id).where(User.email == BOSS)).one())
        outcomes = at_once(app, [
            lambda n=n, one=one: change_role(one, "viewer") if n % 2 else set_active(one, False)  # type: ignore[misc]
            for n, one in enumerate(ids)])

        refused = [one for one in outcomes if one is not None]
        assert [type(one) for one in refused] == [UserChangeError]
        with app.app_context():
            assert [role_of(user) for user in db.session.scalars(select(User)) if user.active].count("admin") == 1

    @pytest.mark.parametrize("_round", range(ROUNDS))
    def test_a_region_item_is_in_one_open_retrain(self, app: Flask, _round: int) -> None:
        outcomes = at_once(app, [
            lambda n=n: store(f"{n}" * 32, KEYS if n % 2 else KEYS[::-1], BOSS)  # type: ignore[misc]
            for n in range(AT_ONCE)])

        nothing_broke(outcomes)
        assert sorted(one.is_new for one in outcomes) == [False] * (AT_ONCE - 1) + [True]  # type: ignore[attr-defined]
        assert (count(app, Retrain), count(app, RetrainItem)) == (1, len(KEYS))

    @pytest.mark.parametrize("_round", range(ROUNDS))
    def test_overlapping_retrains_share_out_the_region_items(self, app: Flask, _round: int) -> None:
        outcomes = at_once(app, [
            lambda n=n: store(f"{n}" * 32, (KEYS[n:] + KEYS[:n])[:20], BOSS)  # type: ignore[misc]
            for n in range(AT_ONCE)])

        nothing_broke(outcomes)
        with app.app_context():
            keys = db.session.scalars(select(RetrainItem.key).where(RetrainItem.open_slot == 1)).all()
        assert len(keys) == len(set(keys)) == 20 + AT_ONCE - 1

    @pytest.mark.parametrize("_round", range(ROUNDS))
    def test_the_same_form_stores_one_retrain_and_one_cancel(self, app: Flask, _round: int) -> None:
        nothing_broke(at_once(app, [lambda: store("t" * 32, KEYS, BOSS)] * AT_ONCE))
        assert (count(app, Retrain), count(app, AuditEntry, AuditEntry.act == "asked")) == (1, 1)
        nothing_broke(at_once(app, [
            lambda: ask_to_cancel(db.session.scalars(select(Retrain)).one())] * AT_ONCE))
        assert count(app, AuditEntry, AuditEntry.act == "cancelled") == 1

    @pytest.mark.parametrize("_round", range(ROUNDS))
    def test_a_request_with_an_idempotency_key_is_carried_out_once(self, app: Flask, _round: int) -> None:
        with app.app_context():
            _, secret = make_token(db.session.scalars(select(User)).one(), "program", "planner",
                                   now() + timedelta(days=30))
        client = app.test_client()
        headers = {"Authorization": f"Bearer {secret}", "Idempotency-Key": "k" * 20}
        body = {"keys": [KETTLE.key], "reason": "new prices"}
        outcomes = at_once(app, [lambda: client.application.test_client().post(
            "/api/v1/retrains", json=body, headers=headers).status_code] * AT_ONCE)

        assert set(outcomes) <= {201, 202, 409}
        assert set(outcomes) & {201, 202}
        assert (count(app, Retrain), count(app, Answered)) == (1, 1)

    @pytest.mark.parametrize("_round", range(ROUNDS))
    def test_one_act_on_a_model_waits(self, app: Flask, _round: int) -> None:
        outcomes = at_once(app, [
            lambda n=n: store_act(f"{n // 2}" * 32, KETTLE.key, "pin", 1, "Christmas", BOSS)  # type: ignore[misc]
            for n in range(AT_ONCE)])

        nothing_broke(outcomes)
        assert count(app, ModelAction) == 1

    @pytest.mark.parametrize("_round", range(ROUNDS))
    def test_a_period_has_one_open_override_and_one_open_adjustment(self, app: Flask, _round: int) -> None:
        nothing_broke(at_once(app, [
            lambda n=n: place(f"{n}" * 8, KEYS[:5] if n % 2 else KEYS[4::-1], 10.0 + n)  # type: ignore[misc]
            for n in range(AT_ONCE)]))
        nothing_broke(at_once(app, [
            lambda n=n: adjustments.adjust(  # type: ignore[misc]
                adjustments.WantedAdjustment(KETTLE.key, date(2026, 6, 16), 20.0 + n, "an order"), 9.0, BOSS)
            for n in range(AT_ONCE)]))

        assert count(app, Override, Override.removed_at.is_(None)) == 5 * 2
        assert count(app, Override) == 5 * 2 * AT_ONCE
        assert count(app, Adjustment, Adjustment.removed_at.is_(None)) == 1
        assert count(app, Adjustment) == AT_ONCE

    @pytest.mark.parametrize("_round", range(ROUNDS))
    def test_overrides_are_undone_while_others_are_made(self, app: Flask, _round: int) -> None:
        with app.app_context():
            first = place("first", KEYS[:5], 10.0)
            second = place("second", KEYS[:5], 12.0)
        nothing_broke(at_once(app, [
            lambda: overrides.undo(second.batch, by()), lambda: overrides.undo(second.batch, by()),
            lambda: place("third", KEYS[4::-1], 14.0), lambda: overrides.undo(first.batch, by())]))

        with app.app_context():
            open_ones = db.session.execute(select(Override.key, Override.date).where(
                Override.removed_at.is_(None))).all()
        assert len(open_ones) == len(set(open_ones)) == 10

    @pytest.mark.parametrize("_round", range(ROUNDS))
    def test_one_scenario_of_a_form_one_user_of_an_address_one_selection(self, app: Flask, _round: int) -> None:
        asked = ScenarioRequest((KETTLE.key,), 14, ())
        stored = at_once(app, [lambda: create("c" * 32, "Sale", "", asked, BOSS)] * AT_ONCE)
        nothing_broke(at_once(app, [lambda: want("c" * 32)] * AT_ONCE))
        added = at_once(app, [lambda: add_user("new@example.com", "viewer")] * AT_ONCE)
        nothing_broke(at_once(app, [lambda: link_arguments(KEYS * 2)] * AT_ONCE))

        assert Counter(stored) == {True: 1, False: AT_ONCE - 1}
        assert Counter(type(one) for one in added) == {User: 1, UserChangeError: AT_ONCE - 1}
        assert (count(app, SavedScenario), count(app, Selection)) == (1, 1)

    @pytest.mark.parametrize("_round", range(ROUNDS))
    def test_a_link_works_once_and_a_token_is_revoked_once(self, app: Flask, _round: int) -> None:
        made, _ = token(app)
        with app.app_context():
            secret = make_link(db.session.scalars(select(User.id)).one())
        outcomes = at_once(app, [lambda: choose_password(secret, "another password", "10.0.0.1")] * AT_ONCE)
        nothing_broke(at_once(app, [lambda: revoke_token(made)] * AT_ONCE))

        assert Counter(outcomes) == {BOSS: 1, None: AT_ONCE - 1}
        assert count(app, AuditEntry, AuditEntry.act == "token revoked") == 1

    @pytest.mark.parametrize("_round", range(ROUNDS))
    def test_settings_changed_at_once_are_recorded_as_they_followed_each_other(self, app: Flask, _round: int) -> None:
        nothing_broke(at_once(app, [
            lambda n=n: change_settings(AppSettings(session_hours=10 + n)) for n in range(2)]))  # type: ignore[misc]
        nothing_broke(at_once(app, [
            lambda n=n: change_settings(AppSettings(session_hours=20 + n)) for n in range(AT_ONCE)]))  # type: ignore[misc]

        with app.app_context():
            told = [(entry.before["value"], entry.after["value"]) for entry in db.session.scalars(  # type: ignore[index]
                select(AuditEntry).where(AuditEntry.kind == "setting").order_by(AuditEntry.id))]
            assert [before for before, _ in told] == [720, *(after for _, after in told[:-1])]
            assert told[-1][1] == app_settings().session_hours

    @pytest.mark.parametrize("_round", range(ROUNDS))
    def test_a_system_is_noted_by_several_loops(self, app: Flask, _round: int) -> None:
        nothing_broke(at_once(app, [lambda: note("store", False, "no disk")] * AT_ONCE))
        assert count(app, SystemState) == 1


class TestDifferentAtOnce:
    """What touches the same rows in different orders."""

    @pytest.mark.parametrize("_round", range(ROUNDS))
    def test_journal_registry_people_and_stored_forecasts_together(self, app: Flask, _round: int) -> None:
        new = [RegionItem("east", f"new {n}") for n in range(5)]

        def journal(entries: list[Entry]) -> None:
            with writing():
                take_up(entries)

        def count_up(order: int) -> None:
            with writing():
                for row in rows_to_follow([*REGION_ITEMS, *new][::order]).values():
                    row.groups_due += 1

        def pooled() -> None:
            with writing():
                row = locked_pooled()
                row.wanted_version = 3

        steps = [Entry(one, step, run_id="r1") for one in [*REGION_ITEMS, *new] for step in ("started", "trained")]
        outcomes = at_once(app, [
            lambda: journal(steps), lambda: journal(steps[::-1]), lambda: count_up(1), lambda: count_up(-1), pooled,
            lambda: fetch_again(KEYS[::-1], True), lambda: store("t" * 32, KEYS[::-1], BOSS),
            lambda: place("p", KEYS[:9], 11.0), lambda: store("u" * 32, KEYS[::2], BOSS)])

        nothing_broke(outcomes)
        with app.app_context():
            rows = db.session.scalars(select(RegionItemRow)).all()
            assert {row.key for row in rows} == {one.key for one in [*REGION_ITEMS, *new]}
            # once for the catalogue, twice here; new ones were not in the catalogue
            assert {row.groups_due - row.in_catalogue for row in rows} == {2}
            keys = db.session.scalars(select(RetrainItem.key).where(RetrainItem.open_slot == 1)).all()
            assert len(keys) == len(set(keys))


class TestConflicts:
    """Two that wait for each other: one of them is tried again, or told."""

    def test_work_that_lost_is_done_once_more(self, app: Flask) -> None:
        tries: Counter[str] = Counter()
        both = Barrier(2)

        @once_more
        def add(first: str, second: str) -> None:
            tries[first] += 1
            with writing():
                locked_one(RegionItemRow, first).groups_due += 10
                db.session.flush()
                if tries[first] == 1:
                    both.wait(SECONDS)
                locked_one(RegionItemRow, second).groups_due += 10

        nothing_broke(at_once(app, [lambda: add(KETTLE.key, ODD.key), lambda: add(ODD.key, KETTLE.key)]))

        assert sorted(tries.values()) == [1, 2]
        with app.app_context():
            assert {db.session.get_one(RegionItemRow, key).groups_due for key in (KETTLE.key, ODD.key)} == {21}

    def test_who_waits_too_long_is_told_to_send_it_again(self, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys.modules[writing.__module__], "LOCK_SECONDS", 1)
        with app.app_context():
            _, secret = make_token(db.session.scalars(select(User)).one(), "program", "planner",
                                   now() + timedelta(days=30))
        body = {"keys": [KETTLE.key], "reason": "new prices"}
        with in_the_middle_of(app, lambda: locked_one(RegionItemRow, KETTLE.key)):
            answer = app.test_client().post("/api/v1/retrains", json=body,
                                            headers={"Authorization": f"Bearer {secret}"})

        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert "send it again" in answer.text
        assert count(app, Retrain) == 0

    def test_other_errors_of_the_database_are_no_conflict(self, app: Flask) -> None:
        with app.app_context(), pytest.raises(OperationalError) as failed:
            db.session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        assert not is_conflict(failed.value)


def by() -> Actor:
    return Actor(BOSS, "admin", "browser", "")


def part() -> Part:
    """A forecast of five days from 1 July on."""
    return Part(np.datetime64("2026-07-01") + np.arange(5), np.full(5, 30.0), np.full(5, 1.0), (-1.0, -2.0, -3.0),
                (1.0, 2.0, 3.0))


def place(form: str, keys: Sequence[str], units: float) -> overrides.OverrideResult:
    days = date(2026, 7, 1)
    return overrides.place(WantedOverride(days, days + timedelta(days=1), "value", units, "a fair", form),
                           {key: part() for key in keys}, by())
