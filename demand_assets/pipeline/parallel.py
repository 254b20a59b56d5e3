"""Work in parts, side by side: threads for little, processes that stay for the next work for much.

Python runs one thread of a process at a time, and much of a small model's training is Python; a second process costs
some seconds to start, and then the second core is really used.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from importlib import import_module
from multiprocessing import current_process
from typing import TypeVar

from loky import get_reusable_executor

Task = TypeVar("Task")
Result = TypeVar("Result")

AHEAD = 2
"""Parts that wait for each worker, so that none idles; no more, since each part is held in memory."""
LIBRARIES = ("demand_assets.pipeline.train_stage", "xgboost", "mlflow.xgboost")
"""Imported where they are first needed otherwise, since they take seconds."""
IDLE_SECONDS = 300
"""After so long without work a process ends; long enough for a pooled model to be trained in between."""


def side_by_side(work: Callable[[Task], Result], tasks: Iterable[Task], workers: int,
                 in_processes: bool) -> Iterator[Result]:
    """The results, as they come.

    Args:
        work: for processes, something that can be pickled, as tasks and results are.
        tasks: taken when a worker is about to be free.
    Raises: what the work raises; what was not begun by then is not begun.
    """
    if workers == 1:
        yield from map(work, tasks)
        return
    with _executor(workers, in_processes) as executor:
        going: set[Future[Result]] = set()
        try:
            for task in tasks:
                going.add(executor.submit(work, task))
                while len(going) >= AHEAD * workers:
                    done, going = wait(going, return_when=FIRST_COMPLETED)
                    yield from (future.result() for future in done)
            while going:
                done, going = wait(going, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        finally:
            for future in going:
                future.cancel()


@contextmanager
def _executor(workers: int, in_processes: bool) -> Iterator[Executor]:
    if not in_processes or current_process().daemon:  # Celery's processes may have no children
        with ThreadPoolExecutor(workers) as threads:
            yield threads
        return
    processes = get_reusable_executor(max_workers=workers, timeout=IDLE_SECONDS)
    try:
        yield processes
    except BaseException:
        processes.shutdown(wait=True, kill_workers=True)  # a run that is cancelled leaves nobody at work
        raise


def warm_up(workers: int, libraries: Sequence[str] = LIBRARIES) -> None:
    """Let processes start and import what training needs, or these, while this process does something else."""
    if workers > 1 and not current_process().daemon:
        processes = get_reusable_executor(max_workers=workers, timeout=IDLE_SECONDS)
        for _ in range(workers):
            processes.submit(_import_libraries, libraries)


def _import_libraries(libraries: Sequence[str]) -> None:
    for name in libraries:
        import_module(name)
