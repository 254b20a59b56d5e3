"""Dagster's settings file, as the product's settings make it."""

import os
import stat
import time
from pathlib import Path

import dagster as dg
import pytest
import yaml
from pydantic import ValidationError

from demand_assets.dagster_instance.instance import instance_settings, open_instance, prepare_home
from demand_assets.settings import Settings


def written(settings: Settings) -> dict:
    return yaml.safe_load(instance_settings(Path("/srv/home"), settings))


def test_storage_is_sqlite_unless_a_database_is_given(monkeypatch):
    monkeypatch.setenv("DAGSTER_DATABASE_URL", "")

    settings = written(Settings(DAGSTER_STORAGE="pooled"))

    assert settings["event_log_storage"]["config"] == {"base_dir": "/srv/home/history/runs"}
    assert settings["run_storage"]["config"] == {"base_dir": "/srv/home/history"}
    assert settings["concurrency"]["runs"]["max_concurrent_runs"] == 2


def test_every_storage_is_the_database_that_is_given(monkeypatch):
    monkeypatch.setenv("DAGSTER_DATABASE_URL", "postgresql://me:p%40ss'\"w@db:5432/dagster")

    settings = written(Settings(DAGSTER_STORAGE="pooled"))

    for storage in ("run_storage", "event_log_storage", "schedule_storage"):
        assert settings[storage]["config"] == {"postgres_url": {"env": "DAGSTER_DATABASE_URL"}}


@pytest.mark.parametrize("spelling", ["postgresql", "postgres", "postgresql+psycopg2"])
@pytest.mark.parametrize("kind", ["stock", "ours"])
@pytest.mark.parametrize("launcher", ["local", "celery"])
def test_no_password_is_in_the_settings_file_and_processes_have_what_it_refers_to(
        spelling: str, kind: str, launcher: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        tiny_dataset: Path) -> None:
    url = f"{spelling}://me:p%40ss'\"w@db:5432/dagster"
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text(f"run_storage: {{config: {{postgres_url: '{url}'}}}}")  # as before
    for name, age in (("1.tmp", 7200), ("2.tmp", 0)):
        (home / f"dagster.yaml.{name}").write_text("of a process that was killed, and of one that writes now")
        os.utime(home / f"dagster.yaml.{name}", times=(time.time() - age,) * 2)
    for name, value in {"DAGSTER_DATABASE_URL": url, "CELERY_BROKER_URL": "redis://:of-redis@h:1/0",
                        "DAGSTER_STORAGE": kind if kind == "stock" else "", "RUN_LAUNCHER": launcher,
                        "DAGSTER_WORKERS": kind if kind == "stock" else ""}.items():
        monkeypatch.setenv(name, value)

    prepare_home(home, Settings(dataset=tiny_dataset))

    assert {file.name for file in home.iterdir()} == {"dagster.yaml", "dagster.yaml.2.tmp"}
    text = (home / "dagster.yaml").read_text()
    assert "p%40ss" not in text
    assert "of-redis" not in text
    assert "{env: DAGSTER_DATABASE_URL}" in text
    assert os.environ["DAGSTER_DATABASE_URL"] == "postgresql+psycopg2://me:p%40ss'\"w@db:5432/dagster"
    assert os.environ["CELERY_BROKER_URL"] == "redis://:of-redis@h:1/0"
    if launcher == "celery":
        config = yaml.safe_load(text)["run_launcher"]["config"]
        assert config["broker"] == config["backend"] == {"env": "CELERY_BROKER_URL"}


@pytest.mark.parametrize(("workers", "launcher", "resumes"), [("watched", "RunProcessLauncher", 4), ("stock", None, 0)])
def test_what_starts_runs_is_tried_for_hours_and_a_run_is_gone_on_with_where_that_is_possible(
        workers, launcher, resumes):
    settings = written(Settings(DAGSTER_WORKERS=workers, RUN_LAUNCHER="local", DAGSTER_DATABASE_URL=""))

    assert settings.get("run_launcher", {}).get("class") == launcher
    assert settings["run_monitoring"]["max_resume_run_attempts"] == resumes
    assert settings["run_coordinator"]["config"]["max_user_code_failure_retries"] == 1000


def test_only_the_owner_may_read_it(tmp_path):
    (tmp_path / "dagster.yaml").write_text("of an earlier version")

    prepare_home(tmp_path)

    assert stat.S_IMODE((tmp_path / "dagster.yaml").stat().st_mode) == 0o600


@dg.asset(partitions_def=dg.StaticPartitionsDefinition(["a", "b"]))
def thing() -> None:
    """Two partitions."""


@dg.schedule(cron_schedule="0 3 * * 1", target=thing)
def weekly() -> dg.RunRequest:
    return dg.RunRequest(partition_key="a")


def files(home: Path) -> set[Path]:
    """Databases, but for those of single runs, which are named by the run's id."""
    return {file.relative_to(home) for file in home.rglob("*.db") if file.stem.count("-") != 4}


@pytest.mark.parametrize(("first", "second"), [("pooled", "stock"), ("stock", "pooled")])
def test_what_one_storage_wrote_the_other_reads_and_goes_on_with(tmp_path: Path, first: str, second: str) -> None:
    seen = []
    for storage, key in ((first, "a"), (second, "b")):
        prepare_home(tmp_path, Settings(DAGSTER_STORAGE=storage, DAGSTER_DATABASE_URL=""))
        with open_instance(tmp_path) as instance:
            before = instance.get_materialized_partitions(thing.key)
            run = dg.materialize([thing], instance=instance, partition_key=key)
            instance.add_dynamic_partitions("region_items", [f"of {storage}"])
            seen.append((type(instance.event_log_storage).__name__, before, run.success, files(tmp_path)))
            known = instance.get_dynamic_partitions("region_items")
            runs = len(instance.get_run_records())

    names = {"pooled": "PooledSqliteEventLogStorage", "stock": "SqliteEventLogStorage"}
    assert [one[:3] for one in seen] == [(names[first], set(), True), (names[second], {"a"}, True)]
    assert seen[0][3] == seen[1][3] == {Path("history/runs.db"), Path("history/runs/index.db"),
                                        Path("schedules/schedules.db")}
    assert (known, runs) == ([f"of {first}", f"of {second}"], 2)


def test_with_stock_parts_no_class_of_ours_is_named(monkeypatch):
    for url in ("", "postgresql://me@db/dagster"):
        text = instance_settings(Path("/srv/home"), Settings(
            DAGSTER_STORAGE="stock", DAGSTER_WORKERS="stock", DAGSTER_DATABASE_URL=url))

        assert "demand_assets." not in "".join(line for line in text.splitlines() if not line.startswith("#"))
        assert "event_log_storage" not in yaml.safe_load(text)


@pytest.mark.parametrize("name", ["DAGSTER_STORAGE", "DAGSTER_FAILURES", "DAGSTER_WORKERS", "DAGSTER_BACKFILLS"])
def test_a_switch_that_is_misspelt_is_refused_with_what_is_allowed(monkeypatch, name):
    monkeypatch.setenv(name, "Stock!")
    with pytest.raises(ValidationError, match=f"{name}(.|\n)*'stock'"):
        Settings()

    monkeypatch.setenv(name, "")
    assert getattr(Settings(), name.lower()) != "stock"


def test_an_instance_is_opened_without_a_trace_in_the_environment(monkeypatch, tmp_path: Path) -> None:
    for name in ("one", "two"):
        prepare_home(tmp_path / name)
    for outer in (None, "/somewhere/else"):
        if outer:
            monkeypatch.setenv("DAGSTER_HOME", outer)
        else:
            monkeypatch.delenv("DAGSTER_HOME", raising=False)
        with open_instance(tmp_path / "one") as one, open_instance(tmp_path / "two") as two:
            assert (one.root_directory, two.root_directory) == (str(tmp_path / "one"), str(tmp_path / "two"))
        assert os.environ.get("DAGSTER_HOME") == outer
