"""Reads that cost much: a few at a time for each person, and one computation for all who ask the same meanwhile."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from threading import Lock
from typing import Any, TypeVar, cast

from flask import Flask, current_app

AT_ONCE = 2
"""Costly reads of one person in one worker, which has four threads: whoever asks more leaves room for others."""

T = TypeVar("T")


class TooManyAtOnceError(RuntimeError):
    """Somebody has as many costly reads at work as one may."""


class CostlyReads:
    """Those that are at work in this worker."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._at_work: Counter[str] = Counter()
        self._running: dict[Hashable, Future[Any]] = {}
        self._next: dict[Hashable, Future[Any]] = {}

    @contextmanager
    def place_for(self, person: str) -> Iterator[None]:
        """A place for one read of that person. Raises: TooManyAtOnceError."""
        with self._lock:
            if self._at_work[person] >= AT_ONCE:
                raise TooManyAtOnceError
            self._at_work[person] += 1
        try:
            yield
        finally:
            with self._lock:
                self._at_work[person] -= 1
                self._at_work += Counter()  # forgets those at zero

    def shared(self, question: Hashable, compute: Callable[[], T]) -> T:
        """The answer to a question, computed once for all who ask it at the same time.

        Whoever asks while it is being computed shares the computation after that with all who wait, so that nobody gets
        an answer from before the question. Raises: what the computation raises.
        """
        with self._lock:
            before, waiting = self._running.get(question), self._next.get(question)
            if waiting is None:
                own: Future[Any] = Future()
                (self._running if before is None else self._next)[question] = own
        if waiting is not None:
            return cast(T, waiting.result())
        if before is not None:
            wait([before])
            with self._lock:
                del self._next[question]
                self._running[question] = own
        try:
            answer = compute()
        except BaseException as error:
            self._end(question, own)
            own.set_exception(error)
            raise
        self._end(question, own)
        own.set_result(answer)
        return answer

    def _end(self, question: Hashable, own: "Future[Any]") -> None:
        with self._lock:
            if self._running.get(question) is own:
                del self._running[question]


def costly_reads() -> CostlyReads:
    """Those of the app that answers this request."""
    return cast(CostlyReads, current_app.extensions["costly_reads"])


def add_to(app: Flask) -> None:
    """Count them in this app."""
    app.extensions["costly_reads"] = CostlyReads()
