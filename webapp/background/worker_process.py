"""Long work of the background process, done by a process of its own, so that nothing else waits."""

import logging
from collections.abc import Callable, Sequence

from flask import Flask
from loky import get_reusable_executor
from loky.process_executor import TerminatedWorkerError

from webapp.services import Services
from webapp.settings import Settings

log = logging.getLogger(__name__)

IDLE_SECONDS = 120
"""The other process ends when it had nothing to do for so long."""

Work = Callable[[Services, Sequence[str]], None]


def do_apart(settings: Settings, work: Work, keys: Sequence[str]) -> None:
    """Let the other process do the work, and wait for it; when that process ends, the work stays due."""
    try:
        get_reusable_executor(max_workers=1, timeout=IDLE_SECONDS).submit(_do, settings, work, list(keys)).result()
    except TerminatedWorkerError as error:
        log.warning("the process that works for the background process ended; another goes on: %s", error)


_apps: dict[str, Flask] = {}


def _do(settings: Settings, work: Work, keys: Sequence[str]) -> None:
    from webapp import create_app

    if settings.database_url not in _apps:
        _apps[settings.database_url] = create_app(settings)
    app = _apps[settings.database_url]
    with app.app_context():
        work(app.extensions["services"], keys)
