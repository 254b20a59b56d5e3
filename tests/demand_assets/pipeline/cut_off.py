"""A run in a process of its own that kills itself on the way."""

import errno
import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from sqlalchemy import Engine, event

from demand_assets.defs.resources import open_pipeline
from demand_assets.forecasting.contract.dagster_names import RETRAINED_ASSETS
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.pipeline.outcomes import RequestedBy
from demand_assets.settings import Settings

PRELOADED = ["mlflow.xgboost", "xgboost", "demand_assets.defs.resources", "demand_assets.pipeline.train_stage",
             __name__]


def is_killed(settings: Settings, one: RegionItem, asked: RequestedBy, moment: int) -> bool:
    """Whether a process that carries the region-item came so far: to its so many-th moment, at which it is killed."""
    context = multiprocessing.get_context("forkserver")  # each begins without open databases and threads
    context.set_forkserver_preload(PRELOADED)
    process = context.Process(target=carry_until, args=(settings, one, asked, moment))
    process.start()
    process.join(120)
    assert process.exitcode in (0, -signal.SIGKILL), f"the run itself failed: {process.exitcode}"
    return process.exitcode != 0


def carry_until(settings: Settings, one: RegionItem, asked: RequestedBy, moment: int) -> None:
    """Carry the region-item; be killed just before the so many-th commit to the registry's database."""
    passed = count()

    def at_commit(_connection: object) -> None:
        if next(passed) == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "commit", at_commit)
    list(open_pipeline(settings).carry([one], set(RETRAINED_ASSETS), asked))


@contextmanager
def full_from(moment: int, times: int) -> Iterator[list[str]]:
    """Let the disk be full at so many commits to a database, from the so many-th on; "stored" or "full" for each."""
    commits: list[str] = []

    def at_commit(_connection: object) -> None:
        is_full = moment <= len(commits) < moment + times
        commits.append("full" if is_full else "stored")
        if is_full:
            raise OSError(errno.ENOSPC, "No space left on device")

    event.listen(Engine, "commit", at_commit)
    try:
        yield commits
    finally:
        event.remove(Engine, "commit", at_commit)
