"""Loops that fail alone: each in a thread of its own, made anew after a pause that grows from failure to failure.

The thread that supervises them writes down how each is, so that every page can tell. Pauses and patience are counted on
a clock that nobody sets; what is told are moments of the calendar.
"""

import logging
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event, Lock, Thread
from time import monotonic

from flask import Flask
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from demand_assets.forecasting.store.file_events import Wake
from demand_assets.forecasting.telemetry.background_beat import beat
from webapp.background.pacing import QUIET
from webapp.db.conflicts import is_conflict
from webapp.db.database import now
from webapp.systems.signs_of_life import NOTED_EVERY, Heard, LoopReport, note_loops
from webapp.telemetry.counters import counters

log = logging.getLogger("webapp.background")

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 300.0
"""After the first failure, and after many: each pause is twice the one before."""
STEADY_SECONDS = 120.0
"""A loop that worked for so long begins with the first pause again when it fails."""
PATIENCE_SECONDS = 900.0
"""A loop that is at one step for longer does not come back: it is told on the pages."""
LONGEST_STEP_SECONDS = 3600.0
"""A loop that is at one step for longer never will: only a new process helps, as no thread can be ended."""
LOOK_SECONDS = 1.0
STOP_SECONDS = 10.0
"""How long loops may take to end their step when the process is told to stop; what they leave, the next one does."""
LONGEST_WHY = 300

QUIET_SECONDS = 5.0
"""After so long a quiet loop takes a step all the same."""
UNTOLD_SECONDS = 0.25
"""After so long, or its own seconds, a quiet loop takes a step whom nobody tells of changes."""
Step = Callable[[], float | None]
"""Seconds to wait before the next one, where those are not the loop's; or ``QUIET``."""


@dataclass(frozen=True)
class Loop:
    """Something that is done over and over."""

    name: str
    begin: Callable[[], Step]
    """Makes it, as if it had never run; again after each failure."""
    seconds: float
    """Between two steps."""
    patience_seconds: float = PATIENCE_SECONDS
    wake: Wake | None = None
    """Tells when something was written that it looks at."""
    longest_step_seconds: float = LONGEST_STEP_SECONDS
    first_pause_seconds: float = FIRST_PAUSE_SECONDS


def why(error: BaseException) -> str:
    """Why a loop failed, in words for a page; nothing that a statement or a connection may hold."""
    if isinstance(error, MemoryError):
        return "the machine has too little memory"
    if isinstance(error, DBAPIError) and is_conflict(error):
        return "another change held it up for too long"
    if isinstance(error, DBAPIError):
        return f"the app's database does not do what it is asked ({type(error.orig).__name__})"
    if isinstance(error, SQLAlchemyError):
        return f"the app's database does not answer ({type(error).__name__})"
    if isinstance(error, OSError) and error.strerror:
        return f"a file or a connection failed: {error.strerror}"
    said = ": ".join([type(error).__name__, *str(error).splitlines()[:1]])
    return f"an unexpected error ({said[:LONGEST_WHY]})"


class Supervised:
    """A loop and the thread that it runs in."""

    def __init__(self, loop: Loop, app: Flask, stop: Event) -> None:
        self.name = loop.name
        self._loop, self._app, self._stop = loop, app, stop
        self._thread: Thread | None = None
        self._lock = Lock()
        self._works: bool | None = None
        """None until its first step is over."""
        self._why = ""
        self._since: datetime | None = None
        self._failures = 0
        self._steady_since: float | None = None
        self._tried_again: float | None = None
        self._step_began: float | None = None

    def keep_running(self) -> None:
        """See that its thread runs: at first, and when an error ended it that even telling of it did not survive."""
        if self._thread is not None and self._thread.is_alive():
            return
        if self._thread is not None:
            self.failed(RuntimeError("its thread ended"))
        thread = Thread(target=self._run, name=f"{self.name} loop", daemon=True)
        try:
            thread.start()
        except (RuntimeError, MemoryError) as error:  # the machine has no room for a thread: later, then
            self.failed(error)
            return
        self._thread = thread

    def wake(self) -> None:
        """Let it go on where it waits for a change."""
        if self._loop.wake is not None:
            self._loop.wake.wake()

    def report(self) -> LoopReport:
        """How it is now."""
        with self._lock:
            at_work = monotonic() - self._step_began if self._step_began is not None else 0.0
            if at_work > self._loop.patience_seconds:
                self._since = self._since or now() - timedelta(seconds=at_work)
                return LoopReport(self.name, False, self._since, "it is stuck",
                                  _moment_in(self._loop.longest_step_seconds - at_work))
            wait = self._tried_again - monotonic() if self._tried_again is not None else 0.0
            return LoopReport(self.name, self._works, self._since, self._why,
                              None if self._works is not False else _moment_in(wait))

    @property
    def is_lost(self) -> bool:
        """Whether it will never come back."""
        with self._lock:
            return self._step_began is not None and monotonic() - self._step_began > self._loop.longest_step_seconds

    def is_ended(self, seconds: float) -> bool:
        """Whether its thread ends within so many seconds."""
        if self._thread is not None:
            self._thread.join(max(seconds, 0.0))
        return self._thread is None or not self._thread.is_alive()

    def _run(self) -> None:
        if self._tried_again is not None:
            self._stop.wait(self._tried_again - monotonic())
        step: Step | None = None
        counted, wake = counters(), self._loop.wake
        while not self._stop.is_set():
            try:
                with self._lock:
                    self._step_began = monotonic()
                is_told = wake.begin() if wake else False
                with counted.step(self.name) if counted else nullcontext():
                    step = step or self._loop.begin()
                    with self._app.app_context():
                        pause = step()
            except BaseException as error:  # a thread has nobody above it: whatever it is, this loop fails alone
                step = None
                patience = self.failed(error)
                is_known = isinstance(error, SQLAlchemyError)
                log.error("the %s loop failed: %s; it is tried again in %.0f s", self.name, error if is_known else
                          why(error), patience, exc_info=None if is_known else error)
                self._stop.wait(patience)
            else:
                self.worked()
                self._pause(pause, is_told)

    def _pause(self, seconds: float | None, is_told: bool) -> None:
        """Wait so long, less when something was written meanwhile, but never less than the loop's seconds.

        Args:
            is_told: whether all that was written since before the step is told.
        """
        shortest = self._loop.seconds
        if seconds is None:
            seconds = shortest
        if seconds == QUIET:
            seconds = QUIET_SECONDS if is_told else max(shortest, UNTOLD_SECONDS)
        if is_told and self._loop.wake is not None:
            paused = monotonic()
            self._loop.wake.wait(seconds)
            seconds = min(seconds, shortest) - (monotonic() - paused)
        self._stop.wait(seconds)

    def failed(self, error: BaseException) -> float:
        """Note a failure; how long to pause, in seconds."""
        with self._lock:
            if self._steady_since is not None and monotonic() - self._steady_since > STEADY_SECONDS:
                self._failures = 0
            pause: float = min(self._loop.first_pause_seconds * 2 ** min(self._failures, 20), LONGEST_PAUSE_SECONDS)
            self._failures += 1
            self._works, self._why, self._since = False, why(error), self._since or now()
            self._steady_since, self._step_began, self._tried_again = None, None, monotonic() + pause
            return pause

    def worked(self) -> None:
        """Note a step that did what it should."""
        with self._lock:
            self._works, self._why, self._since = True, "", None
            self._steady_since = self._steady_since or monotonic()
            self._step_began = self._tried_again = None


def _moment_in(seconds: float) -> datetime:
    return now() + timedelta(seconds=max(seconds, 0.0))


def supervise(app: Flask, loops: Sequence[Loop], stop: Event) -> bool:
    """Keep loops running until told to stop; False when one never came back: only a new process helps then."""
    watched = [Supervised(loop, app, stop) for loop in loops]
    teller = _Teller(app)
    while not stop.is_set():
        for one in watched:
            one.keep_running()
        teller.tell([one.report() for one in watched])
        beat(app.extensions["services"].settings.folder)
        if lost := [one.name for one in watched if one.is_lost]:
            log.error("the %s loop does not come back; the process ends, so that it is started again", lost[0])
            stop.set()
            for one in watched:
                one.wake()
            return False
        stop.wait(LOOK_SECONDS)
    for one in watched:
        one.wake()
    until = monotonic() + STOP_SECONDS
    for one in watched:
        if not one.is_ended(until - monotonic()):
            log.warning("the %s loop is cut off in what it does; the next process does it again", one.name)
    return True


class _Teller:
    """Writes down how the loops are; while the database does not take it, what was to be told waits."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._is_told = True
        self._heard = Heard("sync")
        self._last: Sequence[LoopReport] | None = None
        self._told_at = 0.0

    def tell(self, reports: Sequence[LoopReport]) -> None:
        """Write down what changed, and that this process runs."""
        try:
            with self._app.app_context():
                self._heard.well()
                if reports != self._last or monotonic() - self._told_at > NOTED_EVERY.total_seconds():
                    note_loops(reports)
                    self._last, self._told_at = reports, monotonic()
        except SQLAlchemyError as error:
            if self._is_told:
                log.error("how the loops are cannot be written down, as the app's database fails: %s", error)
            self._is_told, self._last = False, None
        else:
            self._is_told = True
