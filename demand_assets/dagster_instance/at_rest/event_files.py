"""Where to see, without a question to it, that Dagster was told something, while its databases are in SQLite."""

from pathlib import Path

from demand_assets.forecasting.store.written_since import files_of_database


def events_of(home: Path) -> list[Path]:
    """What is written when a run is asked for or its status changes, or an asset is made.

    A run's status itself is written a moment after its event.
    """
    return files_of_database(home / "history" / "runs" / "index.db")
