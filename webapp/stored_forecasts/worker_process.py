"""Long work that a process of its own does, so that the threads of this one go on meanwhile."""

import logging
from collections.abc import Callable, Sequence

from flask import Flask
from loky import get_reusable_executor
from loky.process_executor import TerminatedWorkerError

from webapp.services import Services
from webapp.settings import Settings

log = logging.getLogger(__name__)

IDLE_SECONDS = 120
"""The worker process ends when it had nothing to do for so long."""

Work = Callable[[Services, Sequence[str]], None]
AppFactory = Callable[[Settings], Flask]
"""Makes the app in the worker process, which finds it there by its module and name."""


def do_in_worker(make_app: AppFactory, settings: Settings, work: Work, keys: Sequence[str]) -> None:
    """Let the worker process do the work, and wait for it; when that process ends, the work stays due.

    Raises: what the work raises.
    """
    executor = get_reusable_executor(max_workers=1, timeout=IDLE_SECONDS)
    try:
        executor.submit(_do, make_app, settings, work, list(keys)).result()
    except TerminatedWorkerError as error:
        log.warning("the worker process ended; another goes on: %s", error)


_apps: dict[str, Flask] = {}
"""Those that were made in this worker process, by the address of their database."""


def _do(make_app: AppFactory, settings: Settings, work: Work, keys: Sequence[str]) -> None:
    if settings.database_url not in _apps:
        _apps[settings.database_url] = make_app(settings)
    app = _apps[settings.database_url]
    with app.app_context():
        work(app.extensions["services"], keys)
