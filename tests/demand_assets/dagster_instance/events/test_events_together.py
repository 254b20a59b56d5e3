"""What is told of some partitions at once comes to Dagster whatever happens on the way, and nothing of it for ever
otherwise than it is."""

import logging
import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest

from demand_assets.dagster_instance.events.reported_together import reported_together
from demand_assets.dagster_instance.instance import open_instance, prepare_home
from demand_assets.dagster_instance.runs.interruption import carry_out
from demand_assets.forecasting.store.waiting_for_room import Patience
from demand_assets.settings import Settings
from tests.demand_assets.dagster_instance.conftest import thing
from tests.demand_assets.dagster_instance.events.killed_in_a_block import (
    before_statements,
    begun,
    gone_on_with_after,
    kill,
    statuses,
    times_told,
)

DEMAND = dg.AssetKey("demand")
TO_INDEX = ("INSERT INTO event_logs (run_id, event, dagster_event_type, timestamp, step_key, asset_key, partition) "
            "VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING")
"""How the statement begins that adds events of a block to the index."""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Dagster's home, with its databases in SQLite."""
    prepare_home(tmp_path, Settings(DAGSTER_STORAGE="pooled", DAGSTER_DATABASE_URL=""))
    return tmp_path


@dg.multi_asset(specs=[dg.AssetSpec("demand", skippable=True)], partitions_def=thing.partitions_def)
def warns(context: dg.AssetExecutionContext) -> Iterator[object]:
    """Two partitions told together, and a line in the log between them."""
    with reported_together(context.instance):
        yield dg.AssetMaterialization("demand", partition="a")
        context.log.warning("said in between")
        yield dg.AssetMaterialization("demand", partition="b")


def refuse(_connection: object) -> None:
    raise sqlite3.OperationalError("database is locked")


@pytest.mark.parametrize(("times", "is_done", "told"), [(1, True, ["a", "b"]), (2, False, ["a"])])
def test_a_line_in_the_log_that_cannot_be_stored_takes_no_event_with_it(
        home: Path, times: int, is_done: bool, told: list[str]) -> None:
    with open_instance(home) as instance, before_statements(refuse, TO_INDEX, times) as refused:
        result = dg.materialize([warns], instance=instance, partition_key="a", raise_on_error=False)

        assert (len(refused), result.success) == (times, is_done)
        assert instance.get_materialized_partitions(DEMAND) == set(told)
        assert [entry.dagster_event.partition for entry in instance.all_logs(
            result.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION) if entry.dagster_event] == told


class AtRestError(Exception):
    """The run is to be gone on with."""


def leave(_seconds: float) -> None:
    """Leave a run whose process would go on with it."""
    raise AtRestError


def test_a_locked_database_is_waited_for_and_each_event_told_once(
        home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("demand_assets.forecasting.store.waiting_for_room.PAUSE_SECONDS", 0.0)
    monkeypatch.setattr("demand_assets.dagster_instance.sqlite_event_log.BUSY_SECONDS", 0.01)
    waiting = logging.getLogger("demand_assets.forecasting.store.waiting_for_room")
    with (open_instance(home) as instance,
          closing(sqlite3.connect(home / "history" / "runs" / "index.db", isolation_level=None)) as other):
        run = begun(instance, ["a", "b"])
        let_go = logging.Handler(logging.WARNING)
        let_go.emit = lambda record: other.execute("ROLLBACK")  # type: ignore[method-assign,assignment]
        waiting.addHandler(let_go)
        try:
            with before_statements(lambda connection: other.execute("BEGIN IMMEDIATE"), TO_INDEX) as locked:
                status = carry_out(instance, run, resume=False, patience=Patience(leave))
        finally:
            waiting.removeHandler(let_go)

        assert (len(locked), status, statuses(instance, "model", ["a", "b"])) == (1, 0, ["MATERIALIZED"] * 2)
        assert times_told(instance, ["a", "b"]) == [1] * 6


def test_a_run_that_is_interrupted_while_its_events_are_stored_has_told_them(home: Path) -> None:
    keys = ["a", "b", "c", "d"]
    with open_instance(home) as instance, before_statements(
            lambda connection: os.kill(os.getpid(), signal.SIGINT), "INSERT INTO asset_check_executions") as met:
        run = begun(instance, keys)
        with pytest.raises(AtRestError):
            carry_out(instance, run, resume=False, patience=Patience(leave))

        assert len(met) == 1
        assert statuses(instance, "model", keys) == ["MATERIALIZED"] * 2 + ["IN_PROGRESS"] * 2


@pytest.mark.parametrize(("moment", "told"), [(0, {1}), (1, {1}), (2, {2})])  # the run's log, the index, what follows
def test_wherever_a_run_is_killed_going_on_tells_what_it_told_less(home: Path, moment: int, told: set[int]) -> None:
    assert gone_on_with_after(home, moment) == ({"MATERIALIZED"}, {1} | told)


def test_what_was_made_before_a_run_was_killed_does_not_fail_with_it(home: Path) -> None:
    keys = ["a", "b", "c", "d"]
    with open_instance(home) as instance:
        run = begun(instance, keys)
    kill(home, run, 2)  # in the second block
    kill(home, run, 0, resume=True)
    with open_instance(home) as instance:
        found = instance.get_run_by_id(run)
        assert found is not None
        instance.report_run_failed(found)

        assert statuses(instance, "model", keys) == ["MATERIALIZED"] * 2 + ["FAILED"] * 2
