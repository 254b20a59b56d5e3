"""The loops of the one background process of the web app (``python -m webapp.background``).

Five loops, each with its own pace, so that one slow system never holds up the others: the demand store's journal and
catalogue become rows, and planners' adjustments go the other way; the registry's new production versions are tried and
announced, and roll backs and pins are carried out there; outlooks are made of what changed; large scenarios are
computed; stored retrain requests go to Dagster and are followed there. Any of the three systems may be down.
"""

import fcntl
import logging
import signal
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from time import monotonic
from types import FrameType

from flask import Flask
from sqlalchemy import inspect

from demand_assets.forecasting.model.own import import_boosters
from demand_assets.forecasting.registry.session import RegistryDownError
from demand_assets.forecasting.store.journal import Journal
from webapp import create_app
from webapp.adjustments.adjustments import tell_store
from webapp.background.journal import read_catalogue, read_journal
from webapp.dagster_client import Dagster, DagsterClient, DagsterDownError
from webapp.data_quality.uploads import finish_upload
from webapp.db.database import db
from webapp.models.actions import carry_out
from webapp.models.pooled_watch import PooledWatch
from webapp.models.watch import Registry, Watch
from webapp.retrains.dispatch import clear_dead_activities, follow_sent, send_stored
from webapp.scenarios.queue import compute_wanted
from webapp.services import Services
from webapp.serving.model_files import ModelFiles
from webapp.stored_forecasts.computing import make_due
from webapp.stored_forecasts.groups import refresh_due
from webapp.systems.state import note
from webapp.tables import SystemState

log = logging.getLogger("webapp.background")

LOOK_SECONDS, BETWEEN_SECONDS = 1.1, 12.0
"""The registry is asked what changed every 1.1 s, and for something else at most every 12 s, between two looks: one
query a second in all."""
SWEEP_SECONDS = 600.0
POOLED_SECONDS = 30.0
SEND_SECONDS, READ_SECONDS, REGISTRY_SECONDS, OUTLOOK_SECONDS, SCENARIO_SECONDS = 0.25, 0.5, 0.1, 1.0, 1.0
"""How often each loop turns; most turns find in the app's own database or in memory that nothing is due."""
GROUPS_SECONDS, GROUPS_MEANWHILE_SECONDS = 5.0, 60.0
"""How often totals are made anew at most: when no outlook waits, and while many do."""
FOLLOW_SECONDS = 1.0
ACT_SECONDS = 0.5
"""How often is looked for a roll back or a pin that a person asked for."""
CATALOGUE_SECONDS = 5.0
DEAD_ACTIVITY_SECONDS = 15.0
CHECK_SECONDS = 5.0
STOP_SECONDS = 10.0


@dataclass
class Paced:
    """An act that is done at most once in so many seconds."""

    seconds: float
    _next: float = field(default=0.0)

    def is_due(self) -> bool:
        """Whether it is time; the clock starts again when it is."""
        if monotonic() < self._next:
            return False
        self.start()
        return True

    def again(self) -> None:
        """Let it be due at once."""
        self._next = 0.0

    def start(self) -> None:
        """Let it be due after its time, counted from now."""
        self._next = monotonic() + self.seconds

    @property
    def seconds_left(self) -> float:
        """How long it is not due yet."""
        return max(self._next - monotonic(), 0.0)


class StoreLoop:
    """Journal and catalogue -> rows; planners' adjustments -> the store; what was uploaded -> its place."""

    def __init__(self, services: Services) -> None:
        self._store, self._dataset = services.store, services.dataset
        self._journal = Journal(services.store)
        self._catalogue = Paced(CATALOGUE_SECONDS)

    def step(self) -> None:
        """Look once."""
        note("sync", True)
        try:
            if self._catalogue.is_due():
                read_catalogue(self._store)
            read_journal(self._journal)
            tell_store(self._store)
            finish_upload(self._dataset)
        except OSError as error:
            note("store", False, f"the demand store cannot be read: {error}")
        else:
            note("store", True)


class RegistryLoop:
    """Production versions of the registry -> announced versions."""

    def __init__(self, services: Services, registry: Registry) -> None:
        files = ModelFiles(registry, services.models)
        self._registry, self._services, self._files = registry, services, files
        self._acts = Paced(ACT_SECONDS)
        self._watch = Watch(registry, services, files)
        self._pooled_watch = PooledWatch(registry, services, files)
        self._look = Paced(LOOK_SECONDS)
        self._between = Paced(BETWEEN_SECONDS)
        self._sweep = Paced(SWEEP_SECONDS)
        self._sweeping = False
        self._pooled = Paced(POOLED_SECONDS)
        self._is_announcing = True

    def step(self) -> None:
        """Ask the registry one thing when that is due; announce what waits until the next look."""
        asked = False
        try:
            if self._acts.is_due() and carry_out(self._registry, self._services, self._files):
                self._look.again()  # what it changed is seen at once
            if self._look.is_due():
                asked = True
                self._look_or_begin()
            elif self._look.seconds_left > LOOK_SECONDS / 3 and self._between.is_due():
                asked = self._ask_something_else()
            if asked or self._is_announcing:
                self._is_announcing = False
                self._pooled_watch.announce_wanted()
                self._is_announcing = self._watch.announce_wanted(self._look.seconds_left)
            if not self._is_announcing:
                self._watch.note_swept(self._look.seconds_left)
        except RegistryDownError as error:
            note("mlflow", False, str(error))
        else:
            if asked:
                note("mlflow", True)

    def _look_or_begin(self) -> None:
        """Look for what changed; as long as not everything was seen once, see the next part of it instead."""
        if self._watch.is_new_here:
            if self._watch.sweep():
                self._sweep.start()
        elif not self._watch.look():
            self._sweep.again()

    def _ask_something_else(self) -> bool:
        if self._pooled.is_due():
            try:
                self._pooled_watch.look()
            except RegistryDownError:
                self._pooled.again()
                raise
            return True
        if self._sweeping or (not self._watch.is_new_here and self._sweep.is_due()):
            self._sweeping = True
            if self._watch.sweep():
                self._sweeping = False
                self._pooled_watch.forget_others()
            return True
        return False


class OutlookLoop:
    """Region-items whose demand or model changed -> outlooks, and the totals they are in."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._groups = Paced(GROUPS_SECONDS)
        self._groups_meanwhile = Paced(GROUPS_MEANWHILE_SECONDS)

    def step(self) -> None:
        """Make some of what is due; sum up once all is made, and now and then meanwhile."""
        try:
            is_making = make_due(self._app)
            if (self._groups_meanwhile if is_making else self._groups).is_due():
                refresh_due(self._app)
                self._groups_meanwhile.start()
        except OSError as error:
            note("store", False, f"the demand store cannot be read: {error}")


class ScenarioLoop:
    """Scenarios that wait to be computed -> their results."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def step(self) -> None:
        """Compute one that waits."""
        try:
            compute_wanted(self._services)
        except OSError as error:
            note("store", False, f"the demand store cannot be read: {error}")


class DagsterLoop:
    """Stored requests -> Dagster, and back what became of them."""

    def __init__(self, dagster: Dagster) -> None:
        self._dagster = dagster
        self._follow = Paced(FOLLOW_SECONDS)
        self._check = Paced(CHECK_SECONDS)
        self._dead = Paced(DEAD_ACTIVITY_SECONDS)

    def step(self) -> None:
        """Look once."""
        try:
            send_stored(self._dagster)
            if not self._follow.is_due():
                return
            follow_sent(self._dagster)
            if self._dead.is_due():
                clear_dead_activities(self._dagster)
            if self._check.is_due():
                self._dagster.check()
                note("dagster", True)
        except DagsterDownError as error:
            self._check.again()
            note("dagster", False, str(error))


class AlreadyRunningError(RuntimeError):
    """Another background process works on the same state."""


class OnlyOne:
    """A lock on the state directory, let go when the process ends however it ends."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunningError(f"another webapp.background already works in {path.parent}") from error


def run(app: Flask, services: Services, registry: Registry, dagster: Dagster, stop: Event) -> int:
    """Loop until told to stop; 0 then, 1 when a loop broke in a way nobody foresaw."""
    loops: list[tuple[str, Callable[[], None], float]] = [
        ("store", StoreLoop(services).step, READ_SECONDS),
        ("registry", RegistryLoop(services, registry).step, REGISTRY_SECONDS),
        ("outlook", OutlookLoop(app).step, OUTLOOK_SECONDS),
        ("scenario", ScenarioLoop(services).step, SCENARIO_SECONDS),
        ("dagster", DagsterLoop(dagster).step, SEND_SECONDS),
    ]

    def loop(step: Callable[[], None], seconds: float) -> None:
        while not stop.is_set():
            with app.app_context():
                step()
            stop.wait(seconds)

    pool = ThreadPoolExecutor(len(loops), thread_name_prefix="sync")
    running = {pool.submit(loop, step, seconds): name for name, step, seconds in loops}
    done, _ = wait(running, return_when=FIRST_EXCEPTION)
    stop.set()
    pool.shutdown(wait=True)
    broken = False
    for future in done:
        if error := future.exception():
            broken = True
            log.error("the %s loop broke; the process runner starts it again", running[future], exc_info=error)
    return 1 if broken else 0


def wait_for_tables(app: Flask, stop: Event) -> None:
    """Wait until the database has its tables: the launcher upgrades it, we only use it."""
    waited = False
    while not stop.is_set():
        with app.app_context():
            if inspect(db.engine).has_table(SystemState.__tablename__):
                return
        if not waited:
            log.warning("the database has no tables yet; waiting for `flask --app webapp db upgrade`")
            waited = True
        stop.wait(1.0)


def main() -> int:
    """Run until SIGTERM or SIGINT; the exit status."""
    from demand_assets.forecasting.registry.registry import Registry as MlflowRegistry
    from demand_assets.forecasting.registry.session import ask_once

    ask_once()
    import_boosters()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    stop = Event()

    def stopped(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stopped)
    app = create_app()
    services: Services = app.extensions["services"]
    try:
        lock = OnlyOne(services.settings.folder / "sync.lock")
    except AlreadyRunningError as error:
        log.error("%s", error)
        return 1
    wait_for_tables(app, stop)
    settings = services.settings
    status = run(app, services, MlflowRegistry(
        settings.registry_uri, settings.dataset.name, stock=settings.demand_registry == "stock"),
                 DagsterClient(settings.dagster_url), stop)
    del lock
    return status

