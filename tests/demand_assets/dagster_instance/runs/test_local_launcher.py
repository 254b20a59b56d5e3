"""Runs as processes of this machine: started without the code server, never two of one run, and gone on with."""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import psutil
import pytest

from demand_assets.dagster_instance.instance import RESUMES, open_instance, prepare_home
from demand_assets.settings import Settings
from tests.demand_assets.dagster_instance.runs.runs_to_kill import (
    Daemon,
    daemon_of,
    ended,
    messages,
    processes_of,
    status_of,
)
from tests.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.servers, pytest.mark.timeout(900)]  # busy machines are slow
RUNS = "demand_assets.dagster_instance.runs.run_process"
STARTED = dg.DagsterRunStatus.STARTED


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"DAGSTER_WORKERS": "watched", "DAGSTER_FAILURES": "reported", "RUN_LAUNCHER": "local",
                            "DAGSTER_DATABASE_URL": ""}.items():
            patch.setenv(name, value)
        folder = tmp_path_factory.mktemp("launcher") / "home"
        prepare_home(folder, Settings())
        yield folder


@pytest.fixture(scope="module")
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    with open_instance(home) as instance:
        yield instance


@pytest.fixture(scope="module")
def processes(home: Path) -> Iterator[Daemon]:
    with daemon_of(home) as daemon:
        yield daemon


@pytest.fixture
def daemon(processes: Daemon) -> Daemon:
    """What runs are asked for at, which answers; the daemon itself is each test's to start."""
    processes.start_asking()
    return processes


def started(instance: dg.DagsterInstance, run_id: str, notes: Path, daemon: Daemon) -> int:
    """The process in which the run's work has begun."""
    eventually(lambda: notes.exists() and notes.read_text() and status_of(instance, run_id) is STARTED, 90, daemon.said)
    return int(notes.read_text().split()[-1])


def worked(notes: Path) -> list[str]:
    """What the run's processes noted, without their ids."""
    return [line.split()[0] for line in notes.read_text().splitlines()]


def test_ten_queued_runs_outlive_a_code_server_that_is_killed_and_comes_back(instance, daemon, tmp_path):
    notes = [tmp_path / f"notes-{number}" for number in range(10)]
    go_on = tmp_path / "go on"
    daemon.start("daemon")
    first = daemon.ask_for(notes[0], until=go_on)
    started(instance, first, notes[0], daemon)
    runs = [first, *(daemon.ask_for(one) for one in notes[1:])]

    daemon.kill("code")
    go_on.touch()
    half = ended(instance, runs[:5], daemon)
    daemon.start("code")

    assert half + ended(instance, runs[5:], daemon) == ["SUCCESS"] * 10
    assert [worked(one) for one in notes] == [["begins", "ends"]] * 10


def test_a_killed_worker_and_code_server_cost_the_run_nothing(instance, daemon, tmp_path):
    notes, go_on = tmp_path / "notes", tmp_path / "go on"
    daemon.start("daemon")
    run = daemon.ask_for(notes, until=go_on)
    process = started(instance, run, notes, daemon)

    os.kill(process, signal.SIGKILL)
    daemon.kill("code")
    eventually(lambda: worked(notes) == ["begins", "begins"], 60, daemon.said)
    go_on.touch()

    assert ended(instance, [run], daemon) == ["SUCCESS"]
    assert worked(notes) == ["begins", "begins", "ends"]


def test_a_run_goes_on_while_dagster_is_stopped_and_started(instance, daemon, tmp_path):
    notes, go_on = tmp_path / "notes", tmp_path / "go on"
    daemon.start("daemon")
    run = daemon.ask_for(notes, until=go_on)
    waiting = [daemon.ask_for(tmp_path / f"notes-{number}") for number in range(3)]
    process = started(instance, run, notes, daemon)

    daemon.kill("daemon")
    daemon.start("daemon")
    assert psutil.pid_exists(process)
    go_on.touch()

    assert ended(instance, [run, *waiting], daemon) == ["SUCCESS"] * 4
    assert worked(notes) == ["begins", "ends"]


def test_a_run_is_forked_and_goes_on_without_the_starter_as_do_new_ones(instance, daemon, tmp_path):
    notes, later, go_on = tmp_path / "notes", tmp_path / "later", tmp_path / "go on"
    daemon.start("daemon")
    run = daemon.ask_for(notes, until=go_on)
    process = psutil.Process(started(instance, run, notes, daemon))
    starter = psutil.Process(process.ppid())
    assert "deploy.supervision.run_starter" in starter.cmdline()
    assert (starter.nice(), os.getsid(process.pid)) == (process.nice(), process.pid)

    daemon.kill("starter")
    new = daemon.ask_for(later)
    assert ended(instance, [new], daemon) == ["SUCCESS"]
    go_on.touch()

    assert ended(instance, [run], daemon) == ["SUCCESS"]
    assert worked(notes) == worked(later) == ["begins", "ends"]


def test_an_order_that_is_cut_off_starts_nothing_and_holds_up_nobody(instance, daemon, tmp_path):
    notes, go_on = tmp_path / "notes", tmp_path / "go on"
    daemon.start("daemon")
    for part in (b"", b"12", b"500".ljust(20) + b"{"):
        with socket.socket(socket.AF_UNIX) as connection, Path(os.devnull).open() as file:
            connection.connect(str(daemon.starter))
            if part:
                socket.send_fds(connection, [part], [file.fileno(), file.fileno()])

    run = daemon.ask_for(notes, until=go_on)
    process = psutil.Process(started(instance, run, notes, daemon))
    assert "deploy.supervision.run_starter" in psutil.Process(process.ppid()).cmdline()
    go_on.touch()

    assert ended(instance, [run], daemon) == ["SUCCESS"]
    assert worked(notes) == ["begins", "ends"]


def test_a_run_that_kills_every_process_is_given_up(instance, daemon, tmp_path):
    notes = tmp_path / "notes"
    daemon.start("daemon")
    run = daemon.ask_for(notes, job="deadly")

    assert ended(instance, [run], daemon, 240) == ["FAILURE"]

    assert worked(notes) == ["begins"] * (1 + RESUMES)
    found = instance.get_run_by_id(run)
    assert found.tags["dagster/max_retries"] == "0"
    assert "the run's process is gone" in "\n".join(messages(instance, run))


def test_a_start_that_was_lost_goes_back_into_the_queue(instance, daemon, tmp_path):
    notes = tmp_path / "notes"
    daemon.kill("daemon")
    run = daemon.ask_for(notes)
    instance.report_dagster_event(dg.DagsterEvent("PIPELINE_STARTING", "noted"), run)  # the daemon was killed just then
    daemon.start("daemon")

    assert ended(instance, [run], daemon) == ["SUCCESS"]

    assert worked(notes) == ["begins", "ends"]
    assert "Its process was gone before the run began; it is started again." in messages(instance, run)


def test_a_run_is_cancelled_and_says_so(instance, daemon, tmp_path):
    notes = tmp_path / "notes"
    daemon.start("daemon")
    run = daemon.ask_for(notes, until=tmp_path / "never")
    started(instance, run, notes, daemon)

    instance.run_launcher.terminate(run)

    assert ended(instance, [run], daemon) == ["CANCELED"]
    assert worked(notes) == ["begins"]
    eventually(lambda: processes_of(run) == [], 30, daemon.said)


def test_a_run_that_is_stopped_with_the_machine_is_gone_on_with(instance, daemon, tmp_path):
    notes, go_on = tmp_path / "notes", tmp_path / "go on"
    daemon.start("daemon")
    run = daemon.ask_for(notes, until=go_on)
    process = started(instance, run, notes, daemon)

    os.kill(process, signal.SIGTERM)
    eventually(lambda: worked(notes) == ["begins", "begins"], 60, daemon.said)
    go_on.touch()

    assert ended(instance, [run], daemon) == ["SUCCESS"]
    assert worked(notes) == ["begins", "begins", "ends"]


def test_a_run_is_never_carried_out_by_two_processes(instance, daemon, tmp_path):
    notes, go_on = tmp_path / "notes", tmp_path / "go on"
    daemon.start("daemon")
    run = daemon.ask_for(notes, until=go_on)
    process = started(instance, run, notes, daemon)
    context = type("RequestedBy", (), {"dagster_run": instance.get_run_by_id(run), "resume_attempt_number": 1})

    instance.run_launcher.launch_run(context)  # as after a start that only seemed to have failed
    instance.run_launcher.resume_run(context)

    assert [each.pid for each in processes_of(run) if RUNS in each.cmdline()] == [process]
    go_on.touch()
    assert ended(instance, [run], daemon) == ["SUCCESS"]
    assert worked(notes) == ["begins", "ends"]


def test_a_run_whose_process_died_while_it_was_cancelled_is_cancelled(instance, daemon, tmp_path):
    notes = tmp_path / "notes"
    run = daemon.ask_for(notes, until=tmp_path / "never")
    daemon.start("daemon")
    process = started(instance, run, notes, daemon)

    os.kill(process, signal.SIGSTOP)
    instance.run_launcher.terminate(run)
    os.kill(process, signal.SIGKILL)

    assert ended(instance, [run], daemon, 60) == ["CANCELED"]
