"""Backfills are looked at when there is something to do, by one loop, and start each of their runs once."""

import errno
import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import dagster as dg
import pytest

from demand_assets.dagster_instance import backfills, daemon
from demand_assets.dagster_instance.backfills import (
    BACKFILL_TAG,
    ENDING_SECONDS,
    LONGEST_ENDING_SECONDS,
    PROGRESS_SECONDS,
    UNTOLD_SECONDS,
    Backfills,
    BulkActionStatus,
    PartitionBackfill,
    look_after,
    written_in_files,
)
from demand_assets.dagster_instance.loop_lock import FileLock
from demand_assets.forecasting.store.file_events import FileEvents
from demand_assets.forecasting.store.written_since import files_of_database
from tests.demand_assets.dagster_instance.conftest import KEYS
from tests.waiting import eventually

Workspaces = Callable[..., Any]
REGION_ITEMS = dg.DynamicPartitionsDefinition(name="region_items")


class Clock:
    """Says what a test sets."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def ask(instance: dg.DagsterInstance, workspace: Any, keys: list[str], name: str = "asked") -> str:
    """Ask for a backfill of both assets, as Dagster's webserver does."""
    instance.add_backfill(PartitionBackfill.from_asset_partitions(
        backfill_id=name, asset_graph=workspace.create_request_context().asset_graph, partition_names=keys,
        asset_selection=[dg.AssetKey("demand"), dg.AssetKey("model")], backfill_timestamp=time.time(),
        tags={"demand/request_id": "r1", "dagster/max_retries": "0"}, dynamic_partitions_store=instance,
        all_partitions=False, title=None, description=None, run_config=None))
    return name


def set_status(instance: dg.DagsterInstance, name: str, status: BulkActionStatus) -> None:
    instance.update_backfill(instance.get_backfill(name).with_status(status))


def status(instance: dg.DagsterInstance, name: str = "asked") -> str:
    return str(instance.get_backfill(name).status.value)


def runs(instance: dg.DagsterInstance, name: str = "asked") -> list[dg.DagsterRun]:
    found = [record.dagster_run for record in instance.get_run_records(dg.RunsFilter(tags={BACKFILL_TAG: name}))]
    return sorted(found, key=lambda run: run.tags["dagster/asset_partition_range_start"])


def ranges(instance: dg.DagsterInstance, name: str = "asked") -> list[tuple[str, str]]:
    return [(run.tags["dagster/asset_partition_range_start"], run.tags["dagster/asset_partition_range_end"])
            for run in runs(instance, name)]


def loop(instance: dg.DagsterInstance, workspace: Any) -> Iterator[Any]:
    """A daemon's loop that does not wait between its looks, for whose clock a second goes by with each."""
    home, clock = Path(instance.root_directory), Clock()
    for turned in look_after(Backfills(instance, written_in_files(home), clock), workspace, Event(), FileLock(home),
                             pause_seconds=0.0):
        clock.now += turned is None
        yield turned


def turn(going: Iterator[Any], times: int = 1) -> None:
    """Let the loop look so many times."""
    while times:
        times -= next(going) is None


AS_THE_POLICY_SAYS = [(KEYS[0], KEYS[4]), (KEYS[5], KEYS[9]), (KEYS[10], KEYS[11])]


def test_the_next_look_starts_a_backfills_runs_in_chunks(with_backfills: dg.DagsterInstance,
                                                         workspace_of: Workspaces) -> None:
    workspace = workspace_of()
    going = loop(with_backfills, workspace)
    turn(going, 3)
    ask(with_backfills, workspace, KEYS)
    ask(with_backfills, workspace, [KEYS[3], KEYS[7], KEYS[8]], "scattered")
    turn(going, 2)

    assert ranges(with_backfills) == AS_THE_POLICY_SAYS
    assert ranges(with_backfills, "scattered") == [(KEYS[3], KEYS[3]), (KEYS[7], KEYS[8])]
    assert {run.tags["demand/request_id"] for run in runs(with_backfills)} == {"r1"}
    assert {run.status for run in runs(with_backfills)} == {dg.DagsterRunStatus.QUEUED}


def test_a_loop_at_rest_is_woken_by_a_backfill_and_told_of_its_end(
        with_backfills: dg.DagsterInstance, workspace_of: Workspaces, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfills, "QUIET_SECONDS", 600.0)
    stop, workspace, home = Event(), workspace_of(), Path(with_backfills.root_directory)
    wake = FileEvents().wake(lambda: files_of_database(home / "history" / "runs.db"))
    rests, wait = Event(), wake.wait

    def noted_wait(seconds: float) -> bool:
        rests.set()
        return wait(seconds)

    monkeypatch.setattr(wake, "wait", noted_wait)
    with ThreadPoolExecutor(1) as loops:
        going = loops.submit(list, look_after(
            Backfills(with_backfills, written_in_files(home)), workspace, stop, FileLock(home), wake=wake))
        try:
            assert rests.wait(60)
            ask(with_backfills, workspace, KEYS)
            eventually(lambda: ranges(with_backfills) == AS_THE_POLICY_SAYS, 60, lambda: str(ranges(with_backfills)))
        finally:
            stop.set()
            wake.wake()
        going.result()


def test_two_loops_at_once_start_each_run_once(with_backfills: dg.DagsterInstance, workspace_of: Workspaces) -> None:
    stop, names = Event(), [f"b{number}" for number in range(2)]
    workspace, home = workspace_of(), Path(with_backfills.root_directory)
    with ThreadPoolExecutor(2) as first, ThreadPoolExecutor(2) as second, ThreadPoolExecutor(2) as loops:
        threads = (first, second)
        going = [loops.submit(list, look_after(Backfills(with_backfills, written_in_files(home)), workspace, stop,
                                               FileLock(home), pool, 0.05)) for pool in threads]
        for name in names:
            ask(with_backfills, workspace, KEYS, name)
        try:
            eventually(lambda: all(len(runs(with_backfills, name)) >= len(AS_THE_POLICY_SAYS) for name in names), 60,
                       lambda: f"{[len(runs(with_backfills, name)) for name in names]} runs")
        finally:
            stop.set()
        for each in going:
            each.result()

    assert [ranges(with_backfills, name) for name in names] == [AS_THE_POLICY_SAYS] * len(names)


def test_dagsters_own_loop_waits_for_ours_and_ours_for_dagsters(with_backfills: dg.DagsterInstance,
                                                                workspace_of: Workspaces) -> None:
    home, told = Path(with_backfills.root_directory), Event()
    workspace = workspace_of()
    going, name = loop(with_backfills, workspace), ask(with_backfills, workspace, KEYS)
    turn(going)
    told.set()
    own = FileLock(home)
    assert not daemon.wait_for(own, told, 0.0)  # Dagster's own was told to stop before it was its turn

    going.close()
    assert daemon.wait_for(own, Event(), 0.0)
    begun, ended = ranges(with_backfills), status(with_backfills)
    set_status(with_backfills, name, BulkActionStatus.CANCELING)
    after = loop(with_backfills, workspace)
    turn(after, 3)
    assert (ranges(with_backfills), status(with_backfills)) == (begun, "CANCELING")
    assert ended == "REQUESTED"

    own.give_back()
    turn(after)
    assert status(with_backfills) in ("CANCELING", "CANCELED")
    assert {run.status for run in runs(with_backfills)} == {dg.DagsterRunStatus.CANCELED}


def test_a_daemon_that_is_killed_between_two_runs_is_gone_on_with(
        with_backfills: dg.DagsterInstance, workspace_of: Workspaces, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace, sent = workspace_of(), []
    ask(with_backfills, workspace, KEYS)
    create = with_backfills.create_run

    def killed_at_the_second(**asked: Any) -> Any:
        sent.append(asked)
        if len(sent) == 2:
            raise SystemExit
        return create(**asked)

    monkeypatch.setattr(with_backfills, "create_run", killed_at_the_second)
    with pytest.raises(SystemExit):
        turn(loop(with_backfills, workspace))
    assert len(runs(with_backfills)) == 1

    turn(loop(with_backfills, workspace), 3)

    assert ranges(with_backfills) == AS_THE_POLICY_SAYS
    assert {run.status for run in runs(with_backfills)} == {dg.DagsterRunStatus.QUEUED}


def test_cancelled_in_dagster_its_runs_and_it_end_cancelled(with_backfills: dg.DagsterInstance,
                                                            workspace_of: Workspaces) -> None:
    workspace = workspace_of()
    going, name = loop(with_backfills, workspace), ask(with_backfills, workspace, KEYS)
    turn(going, 2)
    set_status(with_backfills, name, BulkActionStatus.CANCELING)  # as Dagster's page does
    turn(going, 10)

    assert status(with_backfills) == "CANCELED"

    assert {run.status for run in runs(with_backfills)} == {dg.DagsterRunStatus.CANCELED}


def test_a_run_that_is_over_is_noticed_at_once_and_its_partitions_have_failed(
        with_backfills: dg.DagsterInstance, workspace_of: Workspaces) -> None:
    workspace = workspace_of()
    going, name = loop(with_backfills, workspace), ask(with_backfills, workspace, KEYS[:5])
    turn(going, 3)
    (run,) = runs(with_backfills, name)
    planned = statuses(with_backfills)
    with_backfills.report_run_failed(run, "killed")
    turn(going, 4)

    assert status(with_backfills) == "COMPLETED_FAILED"
    assert planned == dict.fromkeys(KEYS[:5], "IN_PROGRESS") | dict.fromkeys(KEYS[5:])
    assert statuses(with_backfills) == dict.fromkeys(KEYS[:5], "FAILED") | dict.fromkeys(KEYS[5:])


def statuses(instance: dg.DagsterInstance) -> dict[str, str | None]:
    """Partition -> how it stands on Dagster's page of the asset."""
    found = instance.get_status_by_partition(dg.AssetKey("model"), KEYS, REGION_ITEMS)
    return {key: each and each.value for key, each in (found or {}).items()}


def be_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the daemon's process has in its environment."""
    for variable, value in daemon.PATIENT.items():
        monkeypatch.setenv(variable, value)


def test_while_the_disk_is_full_a_backfill_waits(with_backfills: dg.DagsterInstance, workspace_of: Workspaces,
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    be_patient(monkeypatch)
    workspace, tried, create = workspace_of(), [], with_backfills.create_run

    def full_for_long(**asked: Any) -> Any:
        tried.append(asked)
        if len(tried) <= 7:
            raise OSError(errno.ENOSPC, "No space left on device")
        return create(**asked)

    monkeypatch.setattr(with_backfills, "create_run", full_for_long)
    ask(with_backfills, workspace, KEYS[:5])
    turn(loop(with_backfills, workspace), 60)

    assert (status(with_backfills), ranges(with_backfills)) == ("REQUESTED", AS_THE_POLICY_SAYS[:1])


def test_while_the_code_is_away_a_backfill_waits(with_backfills: dg.DagsterInstance, workspace_of: Workspaces,
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    be_patient(monkeypatch)
    ask(with_backfills, workspace_of(), KEYS)
    turn(loop(with_backfills, workspace_of("away.py")), 8)
    assert (status(with_backfills), runs(with_backfills)) == ("REQUESTED", [])

    turn(loop(with_backfills, workspace_of()), 2)

    assert ranges(with_backfills) == AS_THE_POLICY_SAYS


def test_at_rest_nothing_is_asked_until_something_is_written(with_backfills: dg.DagsterInstance,
                                                             workspace_of: Workspaces) -> None:
    clock, told = Clock(), ["nothing"]
    backfills = Backfills(with_backfills, lambda: told[0], clock)
    assert backfills.due({}) == []
    name = ask(with_backfills, workspace_of(), KEYS[:1])
    clock.now += UNTOLD_SECONDS - 1
    assert backfills.due({}) == []

    told[0] = "something"
    assert [each.backfill_id for each in backfills.due({})] == [name]

    silent = Backfills(with_backfills, lambda: "nothing", clock)
    assert len(silent.due({})) == 1
    ask(with_backfills, workspace_of(), KEYS[1:2], "another")
    clock.now += UNTOLD_SECONDS
    assert "another" in {each.backfill_id for each in silent.due({})}


def test_what_is_written_shows_in_the_times_of_the_files(with_backfills: dg.DagsterInstance,
                                                         workspace_of: Workspaces) -> None:
    written = written_in_files(Path(with_backfills.root_directory))
    before = written()
    assert written() == before
    name = ask(with_backfills, workspace_of(), KEYS[:1])
    asked = written()
    assert asked != before
    set_status(with_backfills, name, BulkActionStatus.CANCELING)
    assert written() != asked


def test_a_backfill_is_looked_at_seldom_while_its_runs_go_on_and_never_twice_at_once(
        with_backfills: dg.DagsterInstance, workspace_of: Workspaces) -> None:
    clock, workspace = Clock(), workspace_of()
    name = ask(with_backfills, workspace, KEYS)
    backfills = Backfills(with_backfills, written_in_files(Path(with_backfills.root_directory)), clock)
    assert len(backfills.due({})) == 1
    turn(loop(with_backfills, workspace))  # carries the look out
    look = Future[None]()
    assert backfills.due({name: look}) == []
    clock.now += 0.2
    look.set_result(None)
    assert len(backfills.due({name: look})) == 1  # its runs are new
    clock.now += 0.1
    assert backfills.due({name: look}) == []
    clock.now += PROGRESS_SECONDS - 1
    assert backfills.due({name: look}) == []
    clock.now += 1
    assert len(backfills.due({name: look})) == 1
    clock.now += 3.0  # a look that took long
    assert backfills.due({name: look}) == []
    clock.now += 3.0 * 10 - 1
    assert backfills.due({name: look}) == []
    clock.now += 1
    assert len(backfills.due({name: look})) == 1


def test_a_look_that_changes_nothing_is_repeated_less_and_less_often(with_backfills: dg.DagsterInstance,
                                                                     workspace_of: Workspaces) -> None:
    clock = Clock()
    ask(with_backfills, workspace_of(), KEYS)
    backfills = Backfills(with_backfills, written_in_files(Path(with_backfills.root_directory)), clock)
    began, pauses = [], []
    while clock.now < 1060:
        if backfills.due({}):
            began.append(clock.now)
        clock.now += 0.25
    pauses = [after - before for before, after in itertools.pairwise(began)]

    assert pauses[0] <= 2 * ENDING_SECONDS
    assert pauses == sorted(pauses)
    assert LONGEST_ENDING_SECONDS <= pauses[-1] <= LONGEST_ENDING_SECONDS + 1
