"""What a sensor asks of the source, which may never answer: a database behind a firewall, a drive of the network that
is away, a plug-in.

The code server has a handful of threads for all that Dagster asks of it. A look that hangs would keep one of them, and
each look after it another, until nothing is answered any more and no retrain can be sent. So a look has a thread of its
own, which is waited for only so long; while it goes on, no other is begun.
"""

from collections.abc import Callable
from functools import lru_cache
from threading import Lock, Thread
from time import monotonic
from typing import TypeVar

from demand_assets.forecasting.contract.source import SourceError

T = TypeVar("T")
LONGEST_SECONDS = 45.0
"""For which a look is waited for: shorter than Dagster waits for a tick, so that the tick says what it waited for. A
large source that takes longer is looked through all the same, and the next tick finds it done."""


class Looks:
    """The looks of one sensor, one at a time.

    Args:
        seconds: for which one is waited for.
    """

    def __init__(self, seconds: float = LONGEST_SECONDS) -> None:
        self._seconds = seconds
        self._lock = Lock()
        self._thread: Thread | None = None
        self._began = 0.0

    def made(self, look: Callable[[], T]) -> T:
        """What the look finds.

        Raises: SourceError: it takes too long, or one before it still does; whatever the look itself raises.
        """
        found: list[T] = []
        failed: list[BaseException] = []

        def run() -> None:
            try:
                found.append(look())
            except BaseException as error:  # noqa: BLE001  raised again by who waits for it
                failed.append(error)

        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                raise self._no_answer()
            thread = self._thread = Thread(target=run, name="look at the source", daemon=True)
            self._began = monotonic()
            thread.start()
        thread.join(self._seconds)
        if failed:
            raise failed[0]
        if not found:
            raise self._no_answer()
        return found[0]

    def _no_answer(self) -> SourceError:
        return SourceError(f"the source has not answered for {monotonic() - self._began:.0f} s. It is not asked again "
                           "until it does; see whether its database, drive or plug-in hangs. A code server that is "
                           "started again asks anew.")


@lru_cache(maxsize=16)
def looks_of(sensor: str) -> Looks:
    """The looks of a sensor, of the process that evaluates it."""
    return Looks()
