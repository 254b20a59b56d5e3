"""The background process: one on each state directory, from its start until it is told to stop."""

import fcntl
import logging
import os
import signal
import threading
from pathlib import Path
from threading import Event
from types import FrameType

from flask import Flask
from sqlalchemy import inspect
from sqlalchemy.exc import DBAPIError

from demand_assets.forecasting.model.serving.own_model import import_boosters
from demand_assets.forecasting.telemetry import log_lines
from webapp.background.all_loops import run
from webapp.dagster_client import DagsterClient
from webapp.db.database import db
from webapp.http.open_files import raise_limit
from webapp.services import Services
from webapp.settings import Settings
from webapp.stored_forecasts.worker_process import AppFactory
from webapp.tables import Delivery

log = logging.getLogger("webapp.background")


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


def _only_one(path: Path, stop: Event) -> OnlyOne | None:
    """The lock, once it can be had: a full disk or a read-only folder is waited for; None when told to stop meanwhile.

    Raises: AlreadyRunningError: another process has it.
    """
    told = ""
    while not stop.is_set():
        try:
            return OnlyOne(path)
        except OSError as error:
            if told != str(error):
                told = str(error)
                log.error("the state directory cannot be written, which is waited for: %s", error)
            stop.wait(5.0)
    return None


def wait_for_tables(app: Flask, stop: Event) -> None:
    """Wait until the database answers and has its tables: the launcher upgrades it, we only use it."""
    waited = False
    while not stop.is_set():
        try:
            with app.app_context():
                if _has_tables():
                    return
            missing = "has not all its tables yet; waiting for `flask --app webapp db upgrade`"
        except DBAPIError as error:  # not there yet, full, read-only or damaged: whatever it is, it may be mended
            missing = f"does not answer yet: {error.orig}"
        if not waited:
            log.warning("the database %s", missing)
            waited = True
        stop.wait(1.0)


def _has_tables() -> bool:
    """Whether the newest table that this process writes is there."""
    return inspect(db.engine).has_table(Delivery.__tablename__)


def main(make_app: AppFactory) -> int:
    """Run until SIGTERM or SIGINT; the exit status: 0 then, 1 when the process is to be started again."""
    from demand_assets.forecasting.registry.registry import Registry
    from demand_assets.forecasting.registry.session import ask_once

    ask_once()
    import_boosters()
    log_lines.set_up(logging.INFO)
    stop = Event()

    def stopped(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stopped)
    app = make_app(Settings())
    services: Services = app.extensions["services"]
    settings = services.settings
    raise_limit()
    try:
        lock = _only_one(settings.folder / "sync.lock", stop)
    except AlreadyRunningError as error:
        log.error("%s", error)
        return 1
    if lock is None:
        return 0
    wait_for_tables(app, stop)
    registry = Registry(settings.registry_uri, settings.dataset.name, stock=settings.demand_registry == "stock")
    is_well = run(app, make_app, registry, DagsterClient(settings.dagster_url), stop)
    if any(thread.name.endswith(" loop") for thread in threading.enumerate()):
        logging.shutdown()
        os._exit(int(not is_well))  # a loop is still at work: what would wait for it at the end might wait for ever
    del lock
    return int(not is_well)
