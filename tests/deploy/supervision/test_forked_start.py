"""A program that is forked is to itself and to the system as one that was started as a new Python."""

import json
import os
import signal
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from deploy.processes import (
    PROCESS_VARIABLE,
    RUN_FOLDER_VARIABLE,
    RUN_STARTER,
    Folders,
    preparations,
    processes,
    runner_settings,
)
from deploy.settings import PROJECT, RunSettings
from deploy.supervision.forked_start import NEEDS, Program, program_of
from deploy.supervision.runner import COMMAND_ROOM, NAME_ROOM

RUNNER = """\
import json, os, random, signal, sys, threading
import numpy
from deploy.supervision.forked_start import ForkedStart, Labels, Program

labels = Labels.of_this_process()
if labels is None:
    sys.exit("no room")
forked = ForkedStart(labels)
signal.signal(signal.SIGTERM, lambda *_: None)
signal.signal(signal.SIGUSR2, lambda *_: None)
os.environ["OF_THE_RUNNER"] = "yes"
if sys.argv[1].startswith("imports"):
    forked = ForkedStart(labels, {"told": (sys.argv[1],)})
    told = forked.prepare(Program("told", ()))
    if not (child := os.fork()):
        print(json.dumps([*told, forked.is_sure]), flush=True)
        os._exit(0)
    sys.exit(os.waitpid(child, 0)[1])
for given in json.loads(sys.argv[1]):
    environment = given.pop("environment", {})
    sys.stdout.flush()
    if not (child := os.fork()):
        forked.become(Program(**given), environment | {name: os.environ[name] for name in
                      ("PYTHONPATH", "DEMAND_RUN_FOLDER")})
    print("ended", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
TOLD = """\
import atexit, json, multiprocessing, os, random, signal, sys, threading, time
import numpy, psutil
from deploy.state_directory.ownership import is_runner


def answer(number):
    print("spawned", number + 1, flush=True)


if __name__ == "__main__":
    atexit.register(print, "at the exit", flush=True)
    me, parent = psutil.Process(), psutil.Process(os.getppid())
    print("told", json.dumps({
        "argv": sys.argv[1:], "command": [word for word in me.cmdline() if word], "main": __spec__.name,
        "seen": {name: value.strip() for name, value in me.environ().items()},
        "environment": dict(os.environ), "is_runner": is_runner(me), "parent_is_runner": is_runner(parent),
        "signals": [signal.getsignal(number) is expected for number, expected in (
            (signal.SIGTERM, signal.SIG_DFL), (signal.SIGUSR2, signal.SIG_DFL),
            (signal.SIGINT, signal.default_int_handler))],
        "random": [random.random(), float(numpy.random.random())], "nice": me.nice() - parent.nice()}), flush=True)
    if "spawn" in sys.argv:
        process = multiprocessing.get_context("spawn").Process(target=answer, args=(1,))
        process.start()
        process.join()
    if "thread" in sys.argv:
        threading.Thread(target=lambda: (threading.main_thread().join(), print("thread ended", flush=True))).start()
    if "words" in sys.argv:
        sys.exit("these words")
    if "fails" in sys.argv:
        raise ValueError("this failure")
    if "killed" in sys.argv:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)
    sys.exit(int(sys.argv[1]))
"""


class Forks:
    """Starts programs as the process runner does."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "runner_process.py").write_text(RUNNER)
        (folder / "told.py").write_text(TOLD)
        (folder / "imports_thread.py").write_text(
            "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n")
        (folder / "imports_file.py").write_text("kept = open(__file__)\n")
        (folder / "imports_closed.py").write_text("open(__file__).close()\n")
        (folder / "imports_broken.py").write_text("import no_such_library\n")

    def run(self, *arguments: str, name_room: int = NAME_ROOM) -> "subprocess.CompletedProcess[str]":
        """A runner with such arguments, run to its end."""
        named = {PROCESS_VARIABLE: " " * name_room} if name_room else {}
        surroundings = {name: value for name, value in os.environ.items() if name != PROCESS_VARIABLE}
        surroundings |= {"PYTHONPATH": f"{PROJECT}:{self._folder}", RUN_FOLDER_VARIABLE: str(self._folder),
                         "OMP_NUM_THREADS": "1", **named, "AFTER": "untouched"}
        return subprocess.run([sys.executable, "-P", str(self._folder / "runner_process.py"), *arguments,
                               " " * COMMAND_ROOM], env=surroundings, capture_output=True, text=True, check=False,
                              timeout=120)

    def __call__(self, *programs: dict[str, Any]) -> "subprocess.CompletedProcess[str]":
        """What a runner and the programs that it forks print."""
        return self.run(json.dumps([{"module": "told"} | one for one in programs]))


@pytest.fixture(scope="module")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Forks:
    return Forks(tmp_path_factory.mktemp("forks"))


def told(done: "subprocess.CompletedProcess[str]") -> list[dict[str, Any]]:
    return [json.loads(line.removeprefix("told ")) for line in done.stdout.splitlines() if line.startswith("told ")]


@pytest.fixture(scope="module")
def two(forks: Forks) -> "subprocess.CompletedProcess[str]":
    """Two programs of one runner: a server, and one that is none."""
    return forks({"arguments": ["0", "spawn", "thread"], "server": "mlflow", "niceness": 2,
                  "environment": {"OF_THE_PROGRAM": "yes"}}, {"arguments": ["7"]})


def test_the_system_shows_each_as_what_it_is(two: "subprocess.CompletedProcess[str]") -> None:
    server, other = told(two)

    assert server["command"] == [sys.executable, "-m", "told", "0", "spawn", "thread"]
    assert other["command"] == [sys.executable, "-m", "told", "7"]
    assert [one["seen"][PROCESS_VARIABLE] for one in (server, other)] == ["mlflow", ""]
    assert {one["seen"]["AFTER"] for one in (server, other)} == {"untouched"}
    assert [one["is_runner"] for one in (server, other)] == [False, False]
    assert server["parent_is_runner"]


def test_nothing_of_the_runner_is_left(two: "subprocess.CompletedProcess[str]") -> None:
    server, other = told(two)

    assert server["signals"] == other["signals"] == [True, True, True]
    assert server["environment"]["OF_THE_PROGRAM"] == "yes"
    assert "OF_THE_RUNNER" not in server["environment"]
    assert server["environment"][PROCESS_VARIABLE] == "mlflow"
    assert PROCESS_VARIABLE not in other["environment"]
    assert server["nice"] == 2
    assert not set(server["random"]) & set(other["random"])


def test_it_runs_and_ends_as_python_does(two: "subprocess.CompletedProcess[str]") -> None:
    server, _ = told(two)
    lines = [line for line in two.stdout.splitlines() if not line.startswith("told")]

    assert server["main"] == "told"
    assert server["argv"] == ["0", "spawn", "thread"]
    assert lines == ["spawned 2", "thread ended", "at the exit", "ended 0", "at the exit", "ended 7"]


def test_each_way_to_end_has_pythons_status(forks: Forks) -> None:
    done = forks({"arguments": ["words"]}, {"arguments": ["fails"]}, {"arguments": ["killed"]},
                 {"module": "no_such_module", "arguments": []})

    statuses = [int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("ended")]
    assert statuses == [1, 1, -signal.SIGTERM, 1]
    assert "these words" in done.stderr
    assert "ValueError: this failure" in done.stderr
    assert "no_such_module" in done.stderr
    assert done.stdout.count("at the exit") == 2


def test_a_long_command_line_and_a_long_name_are_cut_off_and_spoil_nothing(forks: Forks) -> None:
    (it,) = told(forks({"arguments": ["0", "long " * 2000], "server": "n" * 500}))

    assert it["command"][:4] == [sys.executable, "-m", "told", "0"]
    assert len("\0".join(it["command"])) > COMMAND_ROOM
    assert it["argv"][1] == "long " * 2000
    assert it["seen"]["AFTER"] == "untouched"
    assert it["seen"][PROCESS_VARIABLE] == "n" * NAME_ROOM
    assert it["environment"][PROCESS_VARIABLE] == "n" * 500


def test_a_stranger_on_a_servers_port_is_told(forks: Forks) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        done = forks({"arguments": ["0"], "server": "mlflow", "port": stranger.getsockname()[1]})

    assert "(mlflow) is in use by" in done.stdout
    assert done.stdout.endswith("ended 1\n")
    assert not told(done)


@pytest.mark.parametrize(("module", "told", "is_sure"), [
    ("imports_thread", "told is started as a new Python: 2 threads run in what it would be forked from", False),
    ("imports_file", "told is started as a new Python: files stay open that were opened when this was imported: "
     "imports_file", False),
    ("imports_closed", "", True),
    ("imports_broken", "imports_broken, which told needs, could not be imported: ModuleNotFoundError", True)])
def test_what_an_import_leaves_behind_is_noticed(forks: Forks, module: str, told: str, is_sure: bool) -> None:
    *problems, may_be_forked = json.loads(forks.run(module).stdout)

    assert [problem[:len(told)] for problem in problems] == ([told] if told else [])
    assert may_be_forked is is_sure


def test_nothing_is_forked_where_the_name_has_no_room(forks: Forks) -> None:
    assert "no room" in forks.run("[]", name_room=0).stderr


def test_what_is_forked_is_known_from_its_command_line(tmp_path: Path) -> None:
    settings, folders = RunSettings(profile="celery", metrics_port=9464), Folders(tmp_path)
    lines = [line.removeprefix("command = ").split() for line in runner_settings(settings, folders).splitlines()
             if line.startswith("command = ")]
    programs = [program_of(line) for line in lines]
    names = [process.name for process in [*processes(settings, folders), *preparations()]]
    starter = [line for line in runner_settings(RunSettings(), folders).splitlines() if RUN_STARTER in line]
    forked = [program_of(line.removeprefix("command = ").split()) for line in starter]

    assert [name for name, program in zip(names, programs, strict=True) if program is None] == ["worker"]
    assert forked == [Program(RUN_STARTER, (), 3, "run-starter", 0)]
    by_name = dict(zip(names, programs, strict=True))
    assert by_name["web-sync"] == Program("webapp.background", (), 0, "web-sync", 0)
    assert by_name["start-database"] == Program("deploy.web_database", ())
    code = by_name["dagster-code"]
    assert code is not None
    assert (code.module, code.niceness, code.server, code.port) == ("dagster", 3, "dagster-code", settings.code_port)
    assert {program.module for program in [*programs, *forked] if program} == set(NEEDS)


@pytest.mark.parametrize("command", [
    ["nice", "-n", "0", sys.executable, "-m", "mlflow", "server"], [sys.executable, "-c", "pass"],
    ["/usr/bin/python3", "-m", "gunicorn"], ["nice", "-n", "3", "sleep", "1"], [sys.executable, "-m"], ["nice"]])
def test_every_other_command_is_started_as_it_stands(command: list[str]) -> None:
    assert program_of(command) is None


@pytest.mark.parametrize("module", sorted({module for needed in NEEDS.values() for module in needed} | set(NEEDS)))
def test_what_is_imported_before_is_there(module: str) -> None:
    if module.partition(".")[0] in ("demand_assets", "webapp", "deploy"):
        file = PROJECT.joinpath(*module.split("."))
        assert file.with_suffix(".py").is_file() or (file / "__init__.py").is_file()
    else:
        assert find_spec(module.partition(".")[0])
