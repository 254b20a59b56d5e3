"""``python -m demand_assets.dagster_instance.daemon run …``: Dagster's daemon, and beside it the watch over runs.

Takes the arguments of ``dagster-daemon``, and is that alone where runs go to workers or with stock parts.
"""

import sys
from importlib.metadata import entry_points
from threading import Event, Thread

from demand_assets.settings import Settings


def main() -> int:
    """Run until told to stop; the exit status."""
    if is_watching(Settings()):
        # Imported here: leans on private parts of Dagster, which stock parts do without.
        from demand_assets.dagster_instance.runs.lost_runs import watch

        Thread(target=watch, args=(Event(),), name="lost-runs", daemon=True).start()
    (daemon,) = entry_points(group="console_scripts", name="dagster-daemon")
    return int(daemon.load()() or 0)


def is_watching(settings: Settings) -> bool:
    """Whether runs are processes that we start on this machine, and Dagster is told of those that are gone."""
    return (settings.run_launcher, settings.dagster_workers, settings.dagster_failures) == (
        "local", "watched", "reported")


if __name__ == "__main__":
    sys.exit(main())
