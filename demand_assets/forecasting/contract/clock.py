"""Where the time goes: wall and processor seconds by stage."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter, thread_time

Seconds = dict[str, tuple[float, float]]
"""Stage -> wall seconds and processor seconds."""


class Clock:
    """Adds up what each stage takes; for one thread, whose processor seconds it counts."""

    def __init__(self) -> None:
        self._spent: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Count the block's seconds to that stage."""
        wall, processor = perf_counter(), thread_time()
        try:
            yield
        finally:
            spent = self._spent[stage]
            spent[0] += perf_counter() - wall
            spent[1] += thread_time() - processor

    def add(self, seconds: Mapping[str, tuple[float, float]]) -> None:
        """Count what another clock has counted."""
        for stage, (wall, processor) in seconds.items():
            self._spent[stage][0] += wall
            self._spent[stage][1] += processor

    @property
    def seconds(self) -> Seconds:
        """What was counted so far."""
        return {stage: (wall, processor) for stage, (wall, processor) in self._spent.items()}
