"""Programs of the process runner that are started by fork: what they share is imported once, before, by the runner.

A server's Python spends seconds and some hundred megabytes on libraries that its neighbours use too. Here the runner
imports what a program needs when that is started for the first time, and the program's process is a copy of the runner
that goes on as that module: the same pages of memory, no second import. It stays a child of supervisor's, which signals
it, waits for it and starts it again as always. What is imported is never imported again: a program that is started
again runs the code that was there when it was started first.

A process that was forked has its parent's command line and environment, by which the product's processes are told apart
(``ownership``). So the runner is started with room for both, and each copy writes its own there.

It is done where it is sure, and otherwise a program is started as a new Python, as with ``DEMAND_START=exec``.
docs/decisions/0042-forked-from-one-parent.md says why and what it costs.
"""

import atexit
import ctypes
import gc
import importlib
import importlib.util
import io
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import process_time
from types import ModuleType
from typing import NoReturn

from demand_assets.dagster_instance.runs.run_lock import RUN_VARIABLE
from deploy.processes import GUARDED_MLFLOW, METRICS_PROGRAM, PROCESS_VARIABLE, RUN_STARTER

TAKEOVER = "deploy.supervision.takeover"
REGISTRY = ("pandas", "mlflow", "demand_assets.forecasting.registry.registry")
DAGSTER = (*REGISTRY, "dagster", "dagster_graphql", "demand_assets.defs.sensors", "demand_assets.defs.checks",
           "demand_assets.defs.schedules", "demand_assets.defs.jobs", "demand_assets.defs.assets",
           "demand_assets.dagster_instance.runs.runs_lost_before_start")
APP = (*REGISTRY, "webapp")
FORECASTS = (*APP, "webapp.background.process", "xgboost")
NEEDS: Mapping[str, tuple[str, ...]] = {
    GUARDED_MLFLOW: REGISTRY,
    "dagster": DAGSTER,
    "demand_assets.dagster_instance.webserver": (*DAGSTER, "dagster_webserver.cli"),
    "demand_assets.dagster_instance.daemon": (*DAGSTER, "dagster_webserver.cli"),
    "gunicorn": FORECASTS,
    "webapp.background": FORECASTS,
    "deploy.web_database": APP,
    "deploy.state_directory.unfinished_runs": DAGSTER,
    "demand_assets.commands.first_training": DAGSTER,
    METRICS_PROGRAM: (*DAGSTER, "webapp"),
    RUN_STARTER: (*DAGSTER, "xgboost"),
}
"""Module that a program runs -> what is imported before it is forked: what others need too, while the rest is its own
to import, beside the runner; libraries, and our modules that read no setting and open nothing when they are imported.
A program that is not here is started as a new Python."""
HARMLESS_THREADS = ("jemalloc_bg_thd",)
"""Threads of libraries that see to themselves when their process is forked, by the names that the system has."""


@dataclass(frozen=True)
class Program:
    """What a command line of the process runner starts."""

    module: str
    arguments: tuple[str, ...]
    niceness: int = 0
    server: str = ""
    """The name by which it takes over from its earlier life; empty when it has none."""
    port: int = 0

    @property
    def command(self) -> tuple[str, ...]:
        """Its command line, had it been started by itself."""
        return (sys.executable, "-m", self.module, *self.arguments)


def program_of(command: Sequence[str]) -> Program | None:
    """The program, as ``processes.runner_settings`` writes command lines; None for one that cannot be forked."""
    rest, niceness, server, port = list(command), 0, "", 0
    if rest[:2] == ["nice", "-n"] and len(rest) > 2:
        niceness, rest = int(rest[2]), rest[3:]
    if rest[:3] == [sys.executable, "-m", TAKEOVER] and len(rest) > 4:
        server, port, rest = rest[3], int(rest[4]), rest[5:]
    if rest[:2] != [sys.executable, "-m"] or len(rest) < 3 or rest[2] not in NEEDS:
        return None
    return Program(rest[2], tuple(rest[3:]), niceness, server, port)


@dataclass(frozen=True)
class Room:
    """A part of this process's memory that the system shows."""

    at: int
    size: int

    def fill(self, content: bytes, rest: bytes) -> None:
        """Let the system show this from now on; what there is no room for is cut off."""
        ctypes.memmove(self.at, content[:self.size].ljust(self.size, rest), self.size)


@dataclass(frozen=True)
class Labels:
    """Where the system reads this process's command line, and the parts of its environment that name it."""

    command: Room
    names: Mapping[str, Room]
    """For those of PROCESS_VARIABLE and RUN_VARIABLE that it was started with."""

    @classmethod
    def of_this_process(cls) -> "Labels | None":
        """Where they are; None where that is not sure, as on a system without Linux's ``/proc``."""
        try:
            fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
            command_at, command_end, environment_at, environment_end = (int(field) for field in fields[45:49])
            command, surroundings = (Path(f"/proc/self/{name}").read_bytes() for name in ("cmdline", "environ"))
        except (OSError, ValueError):
            return None
        if not command or not surroundings or (len(command), len(surroundings)) != (
                command_end - command_at, environment_end - environment_at):
            return None
        if (ctypes.string_at(command_at, len(command)), ctypes.string_at(environment_at, len(surroundings))) != (
                command, surroundings):
            return None
        names = {}
        for name in (PROCESS_VARIABLE, RUN_VARIABLE):
            mark = f"\0{name}=".encode()
            if (found := (b"\0" + surroundings).find(mark)) >= 0:
                start = found + len(mark) - 1
                names[name] = Room(environment_at + start, surroundings.index(b"\0", start) - start)
        return cls(Room(command_at, len(command)), names) if PROCESS_VARIABLE in names else None

    def write(self, command: Sequence[str], names: Mapping[str, str]) -> None:
        """Let the system show these from now on; blanks for the names that are not given."""
        room = self.command.size
        self.command.fill(b"\0".join(word.encode() for word in command)[:room - 1], b"\0")
        for name, place in self.names.items():
            place.fill(names.get(name, "").encode(), b" ")


class ForkedStart:
    """What the process runner does for programs that it forks."""

    def __init__(self, labels: Labels, needs: Mapping[str, tuple[str, ...]] = NEEDS) -> None:
        self._labels, self._needs = labels, needs
        self._left_open: list[str] = []
        self.is_sure = False
        """Whether the program that was prepared last may be forked."""

    def prepare(self, program: Program) -> list[str]:
        """What is to be told of it; what the program needs is imported, and it is known whether it may be forked.

        To be called in the runner: the threads that are in the way are not there any more in what is forked.
        """
        told, began = [], process_time()
        with _without_garbage_collection():
            for module in self._needs[program.module]:
                if module not in sys.modules:
                    files = _open_files()
                    try:
                        importlib.import_module(module)
                    except Exception as error:  # noqa: BLE001  # the program tells it in its own log, and only it ends
                        told.append(f"{module}, which {program.module} needs, could not be imported: {error!r}")
                    if _open_files() - files:
                        self._left_open.append(module)
            if process_time() - began > 0.01:
                gc.freeze()  # pages that the collector never writes to stay shared
        if refusal := self._refusal():
            told.append(f"{program.module} is started as a new Python: {refusal}")
        self.is_sure = not refusal
        return told

    def _refusal(self) -> str:
        if (threads := threading.active_count()) != 1:
            return f"{threads} threads run in what it would be forked from"
        if self._left_open:
            return f"files stay open that were opened when this was imported: {', '.join(self._left_open)}"
        foreign = [name for name in _threads() if name not in HARMLESS_THREADS]
        return f"threads of libraries run in what it would be forked from: {', '.join(foreign)}" if foreign else ""

    def become(self, program: Program, environment: Mapping[str, str]) -> NoReturn:
        """Go on as that program, in a process that was forked for it."""
        status = 1
        try:
            named = {PROCESS_VARIABLE: program.server} if program.server else {}
            self._labels.write(program.command, {**environment, **named})
            _as_new(environment)
            os.nice(program.niceness)
            status = _run(program)
        except KeyboardInterrupt:
            status = 128 + signal.SIGINT
        except BaseException:  # noqa: BLE001  # as Python itself does: told, and the process ends
            traceback.print_exc()
        finally:
            _end(status)


def _run(program: Program) -> int:
    """The exit status of the program, which is run in this process."""
    try:
        if program.server:
            # Imported here: it and what it needs are the program's, not the runner's.
            from deploy.supervision.takeover import take_over

            if not take_over(program.server, program.port):
                return 1
            os.environ[PROCESS_VARIABLE] = program.server
        _run_as_main(program.module, program.arguments)
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            return ended.code or 0
        print(ended.code, file=sys.stderr)
        return 1
    return 0


def _run_as_main(module: str, arguments: Sequence[str]) -> None:
    """Run a module as ``python -m`` does."""
    spec = importlib.util.find_spec(module)
    if spec and spec.submodule_search_locations is not None:
        spec = importlib.util.find_spec(f"{module}.__main__")
    if spec is None or spec.loader is None or spec.origin is None:
        raise ImportError(f"no module named {module} can be run")
    code = spec.loader.get_code(spec.name)  # type: ignore[attr-defined]  # every loader of files has it
    main = ModuleType("__main__")
    vars(main).update(__file__=spec.origin, __loader__=spec.loader, __package__=spec.parent, __spec__=spec)
    sys.argv = [spec.origin, *arguments]
    _kept.append(sys.modules["__main__"])
    sys.modules["__main__"] = main
    exec(code, vars(main))  # nosec B102  # one of our own programs, by the name in NEEDS


_kept: list[object] = []
"""What the runner was: files and sockets, whose numbers are others' now, must not be closed a second time."""


def _as_new(environment: Mapping[str, str]) -> None:
    """Leave behind what belongs to the runner: signals, streams, environment, random numbers."""
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if signal.getsignal(number) not in (None, signal.SIG_DFL, signal.SIG_IGN):
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _kept.extend((sys.stdin, sys.stdout, sys.stderr, sys.__stdin__, sys.__stdout__, sys.__stderr__))
    given = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)), encoding="utf-8")
    said, complained = _unbuffered(1, "strict"), _unbuffered(2, "backslashreplace")
    vars(sys).update(stdin=given, __stdin__=given, stdout=said, __stdout__=said, stderr=complained,
                     __stderr__=complained)
    os.environ.clear()
    os.environ.update(environment)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()  # Python's own module does so by itself
    gc.enable()


def _unbuffered(descriptor: int, errors: str) -> io.TextIOWrapper:
    """A stream as Python's own are with PYTHONUNBUFFERED."""
    raw = io.FileIO(descriptor, "w", closefd=False)
    return io.TextIOWrapper(raw, encoding="utf-8", errors=errors, write_through=True)


def _end(status: int) -> NoReturn:
    """End as Python does: wait for threads, do what is to be done at the exit. The runner's own part is never gone
    back to."""
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status)


def _open_files() -> set[str]:
    """The numbers of the files that are open, with what they are."""
    found = set()
    for file in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the folder itself, which was open to be read
            found.add(f"{file.name} {file.readlink()}")
    return found


def _threads() -> Iterator[str]:
    """The names of this process's threads, but for the main one's."""
    for task in Path("/proc/self/task").iterdir():
        if int(task.name) != os.getpid():
            yield (task / "comm").read_text().strip()


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
