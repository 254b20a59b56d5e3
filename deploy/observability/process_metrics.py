"""Metrics of the product's processes on this machine, and of its disk, as the system has them."""

import contextlib
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from demand_assets.dagster_instance.runs.run_lock import RUN_VARIABLE
from deploy.processes import PROCESS_VARIABLE
from deploy.state_directory.ownership import processes_of

RUNS, OTHERS = "runs", "others"
"""What processes of Dagster's runs are called, and those that no server's name stands on, as the runner."""


class ProcessMetrics:
    """The processes of one state directory.

    Args:
        root: the state directory of the dataset.
        servers: the names of those that should be there.
    """

    def __init__(self, root: Path, servers: Sequence[str]) -> None:
        self._root, self._servers = root, tuple(servers)
        self._seen: dict[tuple[int, float], float] = {}
        """Process id and start -> processor seconds, as last seen."""
        self._spent: dict[str, float] = {}
        self._starts: dict[str, int] = {}

    def collect(self) -> Iterator[Metric]:
        """What they use now; what a process used stays counted when it ends."""
        found = self._found()
        names = [*self._servers, *sorted(found.keys() - set(self._servers))]
        up = GaugeMetricFamily("demand_process_up", "Whether a server of the product has a process: 1 yes, 0 no.",
                               labels=["process"])
        for name in self._servers:
            up.add_metric([name], float(name in found))
        yield up
        spent = CounterMetricFamily("demand_process_cpu_seconds", "Processor seconds of a server and of what it "
                                    "started, since the metrics' process started.", labels=["process"])
        starts = CounterMetricFamily("demand_process_starts", "Processes that a server consisted of, since the "
                                     "metrics' process started: more of them than at the start were started again.",
                                     labels=["process"])
        memory = GaugeMetricFamily("demand_process_memory_bytes", "Memory of a server, with its share of pages that "
                                   "others use too.", labels=["process"])
        files = GaugeMetricFamily("demand_process_open_files", "Files and connections that a server has open.",
                                  labels=["process"])
        threads = GaugeMetricFamily("demand_process_threads", "Threads of a server.", labels=["process"])
        for name in names:
            used, opened, running = self._use(name, found.get(name, []))
            spent.add_metric([name], self._spent.get(name, 0.0))
            starts.add_metric([name], self._starts.get(name, 0))
            memory.add_metric([name], used)
            files.add_metric([name], opened)
            threads.add_metric([name], running)
        alive = {(one.pid, one.create_time()) for each in found.values() for one in each}
        self._seen = {key: value for key, value in self._seen.items() if key in alive}
        yield from (spent, starts, memory, files, threads)
        disk = shutil.disk_usage(self._root)
        yield GaugeMetricFamily("demand_disk_free_bytes", "Free bytes of the disk that the state directory is on.",
                                value=disk.free)
        yield GaugeMetricFamily("demand_disk_size_bytes", "Bytes of that disk.", value=disk.total)

    def has_process(self, name: str) -> bool:
        """Whether a server has one."""
        return name in self._found()

    def _found(self) -> dict[str, list[psutil.Process]]:
        found: dict[str, list[psutil.Process]] = {}
        for process in (psutil.Process(), *processes_of(self._root)):
            with contextlib.suppress(psutil.Error):
                around = process.environ()
                server = around.get(PROCESS_VARIABLE, "").strip() or OTHERS
                name = RUNS if around.get(RUN_VARIABLE, "").strip() else server
                found.setdefault(name, []).append(process)
        return found

    def _use(self, name: str, processes: Sequence[psutil.Process]) -> tuple[float, int, int]:
        """Memory, open files and threads now; processor seconds are counted."""
        memory, files, threads = 0.0, 0, 0
        for process in processes:
            with contextlib.suppress(psutil.Error):
                key, times = (process.pid, process.create_time()), process.cpu_times()
                seconds = times.user + times.system
                if key not in self._seen:
                    self._starts[name] = self._starts.get(name, 0) + 1
                self._spent[name] = self._spent.get(name, 0.0) + max(seconds - self._seen.get(key, 0.0), 0.0)
                self._seen[key] = seconds
                memory += process.memory_full_info().pss
                files += process.num_fds()
                threads += process.num_threads()
        return memory, files, threads
