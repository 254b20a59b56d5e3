"""Dagster's settings file, as the product's settings make it."""

import stat
from pathlib import Path

import yaml

from demand_assets.dagster_instance.instance import instance_settings, prepare_home
from demand_assets.settings import Settings


def written(settings: Settings) -> dict:
    return yaml.safe_load(instance_settings(Path("/srv/home"), settings))


def test_storage_is_sqlite_unless_a_database_is_given(monkeypatch):
    monkeypatch.setenv("DAGSTER_DATABASE_URL", "")

    settings = written(Settings())

    assert settings["event_log_storage"]["config"] == {"base_dir": "/srv/home/history/runs"}
    assert "run_storage" not in settings
    assert settings["concurrency"]["runs"]["max_concurrent_runs"] == 2


def test_every_storage_is_the_database_that_is_given(monkeypatch):
    monkeypatch.setenv("DAGSTER_DATABASE_URL", "postgresql://me:p%40ss'\"w@db:5432/dagster")

    settings = written(Settings())

    for storage in ("run_storage", "event_log_storage", "schedule_storage"):
        assert settings[storage]["config"] == {"postgres_url": "postgresql+psycopg2://me:p%40ss'\"w@db:5432/dagster"}


def test_only_the_owner_may_read_it(tmp_path):
    (tmp_path / "dagster.yaml").write_text("of an earlier version")

    prepare_home(tmp_path)

    assert stat.S_IMODE((tmp_path / "dagster.yaml").stat().st_mode) == 0o600
