"""Dagster's home directory: its settings file, written anew at each start."""

from pathlib import Path

SETTINGS = Path(__file__).resolve().parent.parent / "deploy" / "dagster.yaml"
HOME = "$DAGSTER_HOME"
"""Stands for the home directory in the settings file; Dagster itself expands it nowhere but in `env` entries."""


def prepare_home(home: Path) -> None:
    """Make the home directory and write its settings."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "dagster.yaml").write_text(SETTINGS.read_text().replace(HOME, str(home)))
