"""A process that is killed in the middle of a change leaves all of it or nothing of it: the change and its entry in the
audit log.

A child process makes each change and kills itself (SIGKILL) after every single statement and before the commit, one
moment in each run; then the database is looked at. On SQLite, where a kill leaves the files as they are, one run copies
them at every such moment, and the copies are looked at; a kill is made before the commit, when all has been written.
"""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, select

from demand_assets.forecasting.forecast.totals import Bounds
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from tests.webapp import account_changes as accounts
from tests.webapp import scim_changes as scim
from tests.webapp.conftest import EMAIL, KETTLE, ODD, PASSWORD
from tests.webapp.fakes import FakeRegistry
from tests.webapp.killed import left_at_each_moment, makes
from tests.webapp.overrides.builders import part
from webapp import create_app
from webapp.accounts import users
from webapp.accounts.views import create_user
from webapp.adjustments.adjustments import WantedAdjustment, adjust, remove
from webapp.adjustments.predecessors import WantedLink, replace_with, unlink
from webapp.administration.app_settings import AppSettings, change_settings
from webapp.audit.record import record
from webapp.background.journal import read_catalogue
from webapp.db.database import Base, db, now, writing
from webapp.groups.changes import add_group, change_group, remove_group
from webapp.models.actions import carry_out, store_act
from webapp.order_up_to import lead_times as order_up_to
from webapp.overrides import overrides
from webapp.overrides.wanted_override import Cell, WantedOverride
from webapp.published_plans.publishing import WantedPlan, publish
from webapp.published_plans.readiness import WORDS, Readiness
from webapp.region_items.open_overrides import open_overrides
from webapp.retrains.requests import ask_to_cancel, retry_keys, store
from webapp.saved_views import changes as saved_views
from webapp.scenarios.applying.apply import Decided, apply
from webapp.scenarios.repository import archive, by_token, change, create, duplicate
from webapp.scenarios.request import ScenarioRequest, ScopedDriverChange
from webapp.scenarios.result import LineItemResult, PeriodResult, PlanAndScenario, Result
from webapp.scenarios.states import end, hold, stamp
from webapp.services import Services
from webapp.serving.model_files import ModelFiles
from webapp.settings import Settings
from webapp.tables import (
    AuditEntry,
    Override,
    RegionItemRow,
    Retrain,
    SavedScenario,
    StoredForecast,
    WorkEntry,
)
from webapp.value_added.targets import remove_target, set_target
from webapp.work_list import actions as work_acts
from webapp.work_list.refresh import take_up
from webapp.work_list.states import Cause
from webapp.work_list.thresholds import default_rule, remove_rule, set_rule

KEYS = [KETTLE.key, ODD.key]
TOKEN, OTHER = "a" * 32, "b" * 32
DAY = date(2026, 6, 16)
ASKED = ScenarioRequest((KETTLE.key,), 14, (
    ScopedDriverChange("price", "percent", -20.0, date(2026, 7, 1), date(2026, 7, 14)),))
MOST_MOMENTS = 200


@dataclass
class World:
    """What changes are made in."""

    app: Flask
    registry: FakeRegistry


@dataclass(frozen=True)
class Change:
    """What somebody does, and what was there before."""

    make: Callable[[World], Any]
    before: Callable[[World], Any] = lambda world: None
    entries: int = 1
    """That it adds to the audit log."""


def retrain(_: World) -> Any:
    return store("t" * 32, KEYS, EMAIL, "a new price")


def cancel(_: World) -> None:
    ask_to_cancel(db.session.scalars(select(Retrain)).one())


def cancelled_retrain(world: World) -> None:
    retrain(world)
    cancel(world)


def retry(_: World) -> None:
    store("r" * 32, retry_keys(db.session.scalars(select(Retrain)).one()), EMAIL, act="retried")


def in_production(_: World) -> None:
    with writing():
        db.session.get_one(RegionItemRow, KETTLE.key).production_version = 1


def ask_for_pin(world: World) -> None:
    in_production(world)
    store_act(TOKEN, KETTLE.key, "pin", 1, "Christmas", EMAIL)


def carry(world: World) -> None:
    services: Services = world.app.extensions["services"]
    carry_out(world.registry, services, ModelFiles(world.registry, services.models))


def adjusted(units: float) -> Callable[[World], None]:
    return lambda world: adjust(WantedAdjustment(KETTLE.key, DAY, units, "a large order"), 9.0, EMAIL)


def made_group(_: World) -> None:
    add_group("North", rules=[("region", "north")], members=[1, 2])


def said(scale: float) -> Callable[[World], Any]:
    return lambda world: replace_with(WantedLink(KETTLE.item, "item 01", (KETTLE.region,), scale, None, "a new box"),
                                      EMAIL)


def scenario(_: World) -> None:
    create(TOKEN, "Sale", "for all", ASKED, EMAIL)


def saved_scenario() -> SavedScenario:
    found = by_token(TOKEN)
    assert found is not None
    return found


def changed_scenario(_: World) -> None:
    change(TOKEN, stamp(saved_scenario()), "Big sale", "", ScenarioRequest(ASKED.keys, 7, ASKED.changes), EMAIL,
           is_private=True)


def computed_scenario(world: World) -> None:
    """One that sells 3 more a day than the plan."""
    scenario(world)
    bounds = PlanAndScenario(Bounds(60, 50, 70), Bounds(66, 56, 76), Bounds(6, 6, 6))
    days = (date(2026, 7, 1), date(2026, 7, 2))
    line = LineItemResult(KETTLE.key, "", date(2026, 6, 30), True, bounds, None, days, (30.0, 30.0), (33.0, 33.0), (),
                          (), {})
    result = Result(bounds, None, tuple(PeriodResult(day, bounds, None) for day in days), (line,), {}, True, 0, (), (),
                    (), (), (), 0)
    with writing():
        end(hold(TOKEN), stamp(saved_scenario()), result)


def one_forecast(_: World) -> None:
    with writing():
        db.session.add(StoredForecast(key=KETTLE.key, made_at=now(), origin="2026-06-30", served_by="1",
                                      content=part(30.0).to_bytes()))


def override(way: Any, amount: float, days: int = 2) -> Callable[[World], Any]:
    wanted = WantedOverride(date(2026, 7, 1), date(2026, 7, days), way, amount, "a fair", f"form {amount}")
    return lambda _: overrides.place(wanted, {KETTLE.key: part(30.0), ODD.key: part(10.0)})


def saved_cells(_: World) -> None:
    """One is overridden anew, the override of another is removed."""
    held = [one for each in open_overrides(KEYS).values() for one in each]
    seen = {day: overrides.mark_of(one for one in held if one.date == f"2026-07-0{day}") for day in (1, 2)}
    overrides.place_cells([Cell(date(2026, 7, 1), "value", 100.0, "a fair", seen[1]),
                           Cell(date(2026, 7, 2), None, 0.0, "", seen[2])], "a grid",
                          {KETTLE.key: part(30.0), ODD.key: part(10.0)})


def overridden_twice(world: World) -> None:
    override("percent", 10.0)(world)
    override("value", 100.0, days=1)(world)


def tasks(kind: str, *keys: str) -> Callable[[World], Any]:
    """Tasks of region-items; of unusual sales with what was unusual."""
    def found(_: World) -> None:
        take_up([Cause(kind, key, default_rule(kind), told={"since": ""}) for key in keys], [kind])
        with writing():
            rows = [{"date": "2026-06-16", "sold": 50.0, "usual": 10.0}]
            db.session.add_all([StoredForecast(key=key, made_at=now(), origin="2026-06-30", served_by="",
                                               content=b"", unusual={"rows": rows}) for key in keys])
    return found


def worked(what: work_acts.Act, **more: Any) -> Callable[[World], Any]:
    return lambda _: work_acts.act(work_acts.WantedAction(what, **more),
                                    dict.fromkeys(db.session.scalars(select(WorkEntry.id)), 1), date.today())


def rule(threshold: float) -> Callable[[World], Any]:
    return lambda _: set_rule("moved", "", is_on=True, threshold=threshold, periods=None, due_days=1, again_days=0)


def lead_time(periods: int) -> Callable[[World], Any]:
    return lambda _: order_up_to.set_rule("", periods, 7, 95.0)


def saved_view(name: str) -> Callable[[World], Any]:
    return lambda _: saved_views.save(name, True, {"q": "kettle"}, [KETTLE.key])


def target(wape: float) -> Callable[[World], Any]:
    return lambda _: set_target("", wape, 0.0, 0.1)


def undo_newest(_: World) -> None:
    overrides.undo(db.session.scalars(select(Override.batch).order_by(Override.id.desc())).first() or "")


CHANGES = {
    "a retrain is asked": Change(retrain),
    "a retrain is cancelled": Change(cancel, before=retrain),
    "a retrain is asked again": Change(retry, before=cancelled_retrain),
    "a roll back with a pin is asked": Change(
        lambda _: store_act(TOKEN, KETTLE.key, "roll_back", 2, "too high", EMAIL, also_pin=True), in_production),
    "a pin is carried out": Change(carry, before=ask_for_pin),
    "an adjustment is made": Change(adjusted(40.0)),
    "an adjustment is replaced": Change(adjusted(20.0), before=adjusted(40.0)),
    "an adjustment is removed": Change(lambda _: remove(1, EMAIL), before=adjusted(40.0)),
    "an item is said to replace another": Change(said(0.5)),
    "it is said with another scale": Change(said(0.8), before=said(0.5)),
    "it is taken back": Change(lambda _: unlink(1, EMAIL), before=said(0.5)),
    "a scenario is created": Change(scenario),
    "a scenario is changed and made private": Change(changed_scenario, before=scenario, entries=2),
    "a scenario is duplicated": Change(lambda _: duplicate(saved_scenario(), OTHER, EMAIL), before=scenario),
    "a scenario is applied": Change(lambda _: apply(saved_scenario(), Decided(), "form"), before=computed_scenario),
    "a scenario is archived": Change(lambda _: archive(TOKEN, True), before=scenario),
    "the plan is published": Change(
        lambda _: publish(WantedPlan("Week 27", "", "p" * 32, Readiness.all_of(WORDS))), before=one_forecast),
    "an override is made": Change(override("percent", 10.0)),
    "an override is replaced": Change(override("value", 100.0), before=override("percent", 10.0)),
    "cells of a grid are saved": Change(saved_cells, before=override("percent", 10.0), entries=2),
    "an override is removed": Change(lambda _: overrides.remove(1), before=override("percent", 10.0)),
    "overrides are undone": Change(undo_newest, before=overridden_twice),
    "tasks are assigned": Change(worked("assign", owner=EMAIL), before=tasks("refused", *KEYS), entries=2),
    "unusual sales are accepted": Change(worked("accept", reason="a fair"), before=tasks("unusual", KETTLE.key),
                                         entries=2),
    "a rule of work is changed": Change(rule(0.5), before=rule(0.3)),
    "a rule of work is removed": Change(lambda _: remove_rule(1), before=rule(0.3)),
    "a lead time is changed": Change(lead_time(3), before=lead_time(2)),
    "a lead time is removed": Change(lambda _: order_up_to.remove_rule(1), before=lead_time(2)),
    "a target is set": Change(target(0.3), before=target(0.2)),
    "a target is removed": Change(lambda _: remove_target(1), before=target(0.2)),
    "a view is saved": Change(saved_view("Ours")),
    "a view is renamed": Change(lambda _: saved_views.change(1, 1, "Theirs"), before=saved_view("Ours")),
    "a view is removed": Change(lambda _: saved_views.remove(1), before=saved_view("Ours")),
    "a group is made": Change(made_group),
    "a group is changed": Change(lambda _: change_group(1, {
        "name": "South", "role": "planner", "rules": [("region", "south")], "members": []}), before=made_group),
    "a group is removed": Change(lambda _: remove_group(1), before=made_group),
    "a user is created": Change(lambda _: create_user("new@example.com", PASSWORD, "admin")),
    "a user is added": Change(lambda _: users.add_user("new@example.com", "viewer")),
    "a role is changed": Change(lambda _: accounts.demote(), lambda _: accounts.two_administrators()),
    "a user is deactivated": Change(lambda _: accounts.deactivate(), lambda _: accounts.with_a_link()),
    "a link is replaced": Change(lambda _: accounts.replace_link(), lambda _: accounts.with_a_link()),
    "a password is chosen by a link": Change(lambda _: accounts.choose(), lambda _: accounts.with_a_link()),
    "a token is made": Change(lambda _: accounts.token(), lambda _: accounts.two_administrators()),
    "a token is revoked": Change(lambda _: accounts.revoke(), lambda _: accounts.with_a_token()),
    "a token of SCIM is made": Change(lambda _: scim.token(), entries=1),
    "a user is made by SCIM": Change(lambda _: scim.make()),
    "a user is deactivated by SCIM": Change(lambda _: scim.deactivate(), lambda _: scim.somebody()),
    "a user is removed by SCIM": Change(lambda _: scim.remove(), lambda _: scim.somebody_in_a_group(), entries=3),
    "a group is made by SCIM": Change(lambda _: scim.make_group(), lambda _: scim.somebody()),
    "a group is taken over by SCIM": Change(lambda _: scim.make_group(), lambda _: scim.group_by_hand()),
    "a group is changed by SCIM": Change(lambda _: scim.patch_group(), lambda _: scim.somebody_in_a_group()),
    "a group is hidden by SCIM": Change(lambda _: scim.remove_group(), lambda _: scim.kept_group_with_a_role()),
    "settings are changed": Change(lambda _: change_settings(AppSettings(session_hours=12, token_days=30)), entries=2),
    "somebody new comes by single sign-on": Change(
        lambda _: accounts.come_by_single_sign_on(), lambda _: accounts.with_newcomers_let_in()),
    "somebody is joined by single sign-on": Change(
        lambda _: accounts.join_by_single_sign_on(), lambda _: accounts.somebody_to_join()),
}
"""Everything that people change."""


@pytest.fixture
def on_sqlite(app: Flask, registry: FakeRegistry, model: ForecastModel) -> World:
    registry.promote(KETTLE, model)
    return World(app, registry)


@pytest.fixture
def on_postgres(settings: Settings, empty_postgres: Callable[[str], str], registry: FakeRegistry, model: ForecastModel,
                request: pytest.FixtureRequest) -> Iterator[World]:
    url = empty_postgres(f"atomic{list(CHANGES).index(request.node.callspec.params['name'])}")
    app = create_app(settings.model_copy(update={"web_database_url": url}))
    with app.app_context():
        read_catalogue(app.extensions["services"].store)
    registry.promote(KETTLE, model)
    yield World(app, registry)
    with app.app_context():
        db.engine.dispose()


@pytest.mark.parametrize("name", CHANGES)
def test_of_a_killed_change_there_is_all_or_nothing(on_sqlite: World, tmp_path: Path, name: str) -> None:
    all_or_nothing(on_sqlite, CHANGES[name], tmp_path / "copies")


@pytest.mark.parametrize("name", list(CHANGES)[::4])  # some of each kind: it takes long, and one writing() serves all
def test_of_a_killed_change_there_is_all_or_nothing_on_postgres(on_postgres: World, name: str) -> None:
    all_or_nothing(on_postgres, CHANGES[name])


@pytest.mark.parametrize("is_copied", [True, False])
def test_a_change_in_two_transactions_would_be_found(on_sqlite: World, tmp_path: Path, is_copied: bool) -> None:
    def in_two(_: World) -> None:
        with writing():
            db.session.get_one(RegionItemRow, KETTLE.key).reason = "changed"
        with writing():
            record("changed", "model", "north · kettle")

    with pytest.raises(AssertionError, match="half of the change"):
        all_or_nothing(on_sqlite, Change(in_two), tmp_path / "copies" if is_copied else None)


def all_or_nothing(world: World, change_: Change, copies: Path | None = None) -> None:
    """Args: copies: a folder for those of the files of SQLite; without, there is a kill at every moment."""
    with world.app.app_context():
        change_.before(world)
        before, logged = contents(db.engine), entries()
        first = 0
        if copies is not None:
            services: Services = world.app.extensions["services"]
            left = left_at_each_moment(lambda: change_.make(world), services.settings.folder / "app.db", copies)
            for moment, file in enumerate(left):
                assert contents(file) == before, f"at moment {moment}, half of the change was there"
            first = len(left) - 1
            put_back(left[0], services.settings.folder / "app.db")
        for moment in count(first):
            assert moment < MOST_MOMENTS
            is_killed = makes(lambda: change_.make(world), moment)
            if not is_killed:
                break
            assert contents(db.engine) == before, f"killed at moment {moment}, half of the change was there"
        assert moment > 2, "it was killed too seldom to show anything"
        assert contents(db.engine) != before
        assert entries() == logged + change_.entries


def put_back(copy: Path, file: Path) -> None:
    """The database as it was copied; nobody may have it open."""
    for path in file.parent.glob(f"{file.name}*"):
        path.unlink()
    for path in copy.parent.iterdir():
        shutil.copy(path, file.parent)


def contents(of: Engine | Path) -> dict[str, list[str]]:
    """Every row of every table, as the database has it: one that is asked, or a file of SQLite."""
    if isinstance(of, Path):
        with closing(sqlite3.connect(of)) as connection:
            return {name: sorted(repr(list(row)) for row in connection.execute(f'SELECT * FROM "{name}"'))
                    for name in Base.metadata.tables}
    with of.connect() as connection:
        return {name: sorted(repr([bytes(one) if isinstance(one, memoryview) else one for one in row])
                             for row in connection.exec_driver_sql(f'SELECT * FROM "{name}"'))
                for name in Base.metadata.tables}


def entries() -> int:
    db.session.rollback()
    return len(db.session.scalars(select(AuditEntry.id)).all())
