"""What must be there before Dagster's servers: its home with its settings.

Dagster's settings file is written anew at each start from the templates in ``deploy/``, without passwords: what holds
one is named there as a variable of the environment, which every process that opens the instance has; ``python -m
demand_assets.dagster_instance.instance`` writes the one of the dataset that the environment's settings name.
"""

import json
import os
import time
from contextlib import suppress
from math import ceil
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from demand_assets.forecasting.contract.database_urls import with_driver
from demand_assets.settings import Settings

if TYPE_CHECKING:
    import dagster as dg

START_SECONDS, POLL_SECONDS = 180, 10
"""Dagster's own launcher gives a run that does not start up after so long; whether runs live is asked so often."""
QUEUE_SECONDS = 1800
"""With workers, a run that counts as starting may wait for a free one; and ours tell which of them are lost."""
LAUNCH_RETRIES = 1000
"""How often a run is put back into Dagster's queue while what starts it does not answer, every ten seconds."""
RESUMES = 4
"""How often a run whose process died is gone on with; one that ends its process each time is given up then."""
NO_MORE = {"dagster/max_retries": "0"}
"""Tag of a run that ended its process so often that a new run would too."""
FOR_EVER = -1
"""Dagster's word for it, of ticks."""
DATABASE_VARIABLE, BROKER_VARIABLE = "DAGSTER_DATABASE_URL", "CELERY_BROKER_URL"
"""What Dagster's settings file names instead of holding it."""
LEFT_BEHIND_SECONDS = 600
"""A settings file that was being written is one of a process that was killed after so long."""
TEMPLATES = Path(__file__).resolve().parents[2] / "deploy"


def prepare_home(home: Path, settings: Settings | None = None) -> None:
    """Make the home directory, write its settings, and let this process and those that it starts open the instance.

    Args:
        settings: those of the environment unless given. Their URLs are set in the environment, which the settings file
            refers to.
    """
    settings = settings or Settings()
    home.mkdir(parents=True, exist_ok=True)
    content = instance_settings(home, settings)
    os.environ.update(referred_to(settings))
    for left in home.glob("dagster.yaml.*.tmp"):  # of earlier versions, which wrote passwords into it
        with suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > LEFT_BEHIND_SECONDS:
                left.unlink()
    new = home / f"dagster.yaml.{os.getpid()}.tmp"
    new.touch(mode=0o600)
    new.write_text(content)
    new.replace(home / "dagster.yaml")  # other processes may be reading it


def referred_to(settings: Settings) -> dict[str, str]:
    """The variables that Dagster's settings file refers to, as its libraries need them.

    Every process that opens the instance has them in its environment; ``deploy.processes.environment`` sees to it for
    those that are started by a command of Dagster's.
    """
    urls = {DATABASE_VARIABLE: with_driver(settings.dagster_database_url or ""),
            BROKER_VARIABLE: settings.celery_broker_url or ""}
    return {name: url for name, url in urls.items() if url}


def open_instance(home: Path) -> "dg.DagsterInstance":
    """The instance whose settings file is in that folder; leave it with ``with`` or ``dispose()``.

    Dagster's public way names the folder in the environment, which is put back as it was: not for several threads that
    open different ones.
    """
    import dagster as dg  # imported here: takes seconds, and most who write the settings file do not need it

    name = "DAGSTER_HOME"
    before = os.environ.get(name)
    os.environ[name] = str(home.resolve())
    try:
        return dg.DagsterInstance.get()
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def instance_settings(home: Path, settings: Settings) -> str:
    """The content of ``dagster.yaml``; no URL of a database or a broker is in it, only the variable's name."""
    is_stock, is_celery = settings.dagster_workers == "stock", settings.run_launcher == "celery"
    storage = "postgresql" if settings.dagster_database_url else "sqlite"
    parts = ["dagster.yaml", f"dagster_storage_{storage}{'_stock' if settings.dagster_storage == 'stock' else ''}.yaml"]
    values = {"DAGSTER_HOME": str(home), "MAX_CONCURRENT_RUNS": str(settings.runs_at_a_time),
              "START_TIMEOUT_SECONDS": str(START_SECONDS if is_stock and not is_celery else QUEUE_SECONDS),
              "POLL_SECONDS": str(POLL_SECONDS), "LAUNCH_RETRIES": str(LAUNCH_RETRIES),
              "RESUMES": "0" if is_stock else str(RESUMES),
              "KEEP_TICKS_DAYS": str(ceil(settings.keep_runs_days) or FOR_EVER)}
    if is_celery:
        # Imported here: no other process needs Celery.
        from demand_assets.dagster_instance.runs.celery_queue import launcher_config

        parts.append(f"dagster_launcher_celery{'_stock' if is_stock else ''}.yaml")
        urls = {name: {"env": BROKER_VARIABLE} for name in ("broker", "backend")}
        values["LAUNCHER_CONFIG"] = json.dumps(launcher_config(settings) | urls)
    elif not is_stock:
        parts.append("dagster_launcher_local.yaml")
    return Template("".join((TEMPLATES / part).read_text() for part in parts)).substitute(values)


if __name__ == "__main__":
    this = Settings()
    prepare_home(this.folder / "dagster", this)
