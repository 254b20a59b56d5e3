"""What must be there before the servers: Dagster's home with its settings, and MLflow's database in a mode for many
writers."""

import sqlite3
from contextlib import closing
from pathlib import Path

SETTINGS = Path(__file__).resolve().parent.parent / "deploy" / "dagster.yaml"
HOME = "$DAGSTER_HOME"
"""Stands for the home directory in the settings file; Dagster itself expands it nowhere but in `env` entries."""


def prepare_home(home: Path) -> None:
    """Make the home directory and write its settings."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "dagster.yaml").write_text(SETTINGS.read_text().replace(HOME, str(home)))


def prepare_registry(folder: Path) -> None:
    """Let MLflow's SQLite database be written ahead: a commit is cheaper, and readers and writers do not wait for each
    other. The file keeps the mode for whoever opens it."""
    folder.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(folder / "mlflow.db")) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
