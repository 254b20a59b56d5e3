"""Faults as they are done to the running product, and undone."""

import contextlib
import os
import random
import signal
import socket
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import psutil

from demand_assets.dagster_instance.instance import RESUMES
from demand_assets.dagster_instance.runs.run_lock import RUN_VARIABLE
from tests.chaos.product import Product
from tests.chaos.schedule import RUN, WHOLE, Act
from tests.chaos.stepped_clock import SteppedClock
from tests.demand_assets.damage import CONTENTS

BALLAST = "ballast"
CHUNK = 1 << 20
FOLDERS = {"demand": "demand/demand", "raw": "demand/raw_demand", "journal": "demand/journal", "catalogue": "demand",
           "cached model": "web/models", "cached pooled model": "web/models"}


class Faults:
    """What is done to one product. Every fault that lasts is undone by ``undo``."""

    def __init__(self, product: Product, clock: SteppedClock, has_small_disk: bool) -> None:
        self._product, self._clock, self._has_small_disk = product, clock, has_small_disk
        self.done: Counter[str] = Counter()
        """What was really done -> how often."""
        self.deaths: Counter[str] = Counter()
        """Run of Dagster -> how often its process was ended."""
        self._frozen: list[psutil.Process] = []
        self._connections: list[socket.socket] = []

    def signal(self, number: signal.Signals, targets: Sequence[str], pick: float, verb: str) -> list[str]:
        """Signal one process of each kind, all of them where a run is meant; what was found to be there."""
        found = self._product.processes()
        hit = []
        for target in targets:
            if target in (RUN, *WHOLE):
                self._note_deaths(found.get(RUN, ()))
            processes = sorted(found.get(target, ()), key=lambda process: process.pid)
            some = processes if target == RUN else processes[int(pick * len(processes)):][:1]
            if sum(_signalled(process, number) for process in some):
                hit.append(target)
                self.done[f"{verb} {target}"] += 1
        return hit

    @property
    def spent(self) -> set[str]:
        """The runs that were ended so often that Dagster need not go on with them any more."""
        return {run for run, times in self.deaths.items() if times > RESUMES}

    def _note_deaths(self, processes: Iterable[psutil.Process]) -> None:
        runs = set()
        for process in processes:
            with contextlib.suppress(psutil.Error):
                runs.add(process.environ().get(RUN_VARIABLE, "").strip())  # a worker's process does not tell its run
        self.deaths.update(runs - {""})

    def freeze(self, act: Act) -> None:
        """Let processes stand still, as on a machine that is out of memory, so that connections to them hang."""
        found = self._product.processes()
        frozen = [process for kind in (act.target, f"{act.target} child") for process in found.get(kind, ())
                  if _signalled(process, signal.SIGSTOP)]
        self._frozen += frozen
        self.done[f"freeze {act.target}"] += bool(frozen)

    def thaw(self) -> None:
        """Let them go on."""
        for process in self._frozen:
            _signalled(process, signal.SIGCONT)
        self._frozen.clear()

    def connect_slowly(self, act: Act) -> None:
        """Connections of which a part of a request comes, and then nothing."""
        head = b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\n"
        part = head if act.target == "head" else head + b"Content-Length: 100000\r\n\r\nemail="
        with contextlib.suppress(OSError):  # it is not there now, or takes no more
            for _ in range(int(act.amount)):
                connection = socket.create_connection(("127.0.0.1", int(self._product.ports["WEB_PORT"])), timeout=2)
                self._connections.append(connection)
                connection.sendall(part)
        self.done[f"slow {act.target}s"] += 1

    def disconnect(self) -> None:
        """Let go of them."""
        for connection in self._connections:
            connection.close()
        self._connections.clear()

    def damage(self, act: Act) -> None:
        """Change what a file of that kind holds, as a disk or a person does."""
        files = self._files(act.target)
        if not files:
            return
        file = files[int(act.picks[0] * len(files))]
        with contextlib.suppress(OSError):
            content = file.read_bytes()
            change = CONTENTS[int(act.picks[1] * len(CONTENTS))]
            file.write_bytes(change(content) if content else b"?")
            self.done[f"damage {act.target}"] += 1

    def _files(self, kind: str) -> list[Path]:
        folder = self._product.folder / FOLDERS[kind]
        found = folder.glob("catalogue*") if kind == "catalogue" else folder.rglob("*")
        is_pooled = kind == "cached pooled model"
        return sorted(file for file in found if file.is_file() and not any(
            part.startswith(".") for part in file.relative_to(folder).parts) and (
            "model" not in kind or (file.relative_to(folder).parts[0].endswith(".pooled")) == is_pooled))

    def step_clock(self, act: Act) -> None:
        """Put the clock of a server forward or back; its runs have the same."""
        if self._clock.is_there:
            self._clock.step(act.target, act.amount)
            self.done[f"clock {act.target} {act.amount:+g}"] += 1

    def right_clocks(self) -> None:
        """Put all clocks right again."""
        self._clock.right()

    def fill_disk(self) -> None:
        """Leave no room on the disk that the state is on."""
        if not self._has_small_disk:
            return
        ballast = self._product.state / BALLAST
        with contextlib.suppress(OSError), ballast.open("wb") as file:
            at = 0
            size = CHUNK * 16
            while size >= 4096:
                try:
                    os.posix_fallocate(file.fileno(), at, size)
                    at += size
                except OSError:
                    size //= 2
        self.done["full disk"] += 1

    def free_disk(self) -> None:
        """Let there be room again."""
        (self._product.state / BALLAST).unlink(missing_ok=True)

    def cut_database(self, act: Act) -> None:
        """Let PostgreSQL end all connections to one of the databases."""
        url = self._product.settings.get(f"{act.target.upper()}_DATABASE_URL")
        if not url:
            return
        import psycopg2

        with contextlib.closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                           "WHERE datname = current_database() AND pid <> pg_backend_pid()")
        self.done[f"cut database {act.target}"] += 1

    def undo(self) -> None:
        """Undo all that lasts."""
        self.thaw()
        self.disconnect()
        self.right_clocks()
        self.free_disk()


def _signalled(process: psutil.Process, number: signal.Signals) -> bool:
    try:
        process.send_signal(number)
    except psutil.Error:
        return False
    return True


def chosen(values: Sequence[object], pick: float, count: int) -> list[object]:
    """So many of the values, by a number in [0, 1)."""
    return random.Random(pick).sample(list(values), min(count, len(values)))
