"""Runs and schedules keep their connections, and are the rows that Dagster's own storages write and read."""

import multiprocessing
import shutil
from pathlib import Path

import dagster as dg
import pytest

from demand_assets.dagster_instance.at_rest import sqlite_storages
from demand_assets.dagster_instance.at_rest.sqlite_storages import DATABASES, KeptRunStorage, KeptScheduleStorage
from demand_assets.dagster_instance.instance import open_instance, prepare_home
from demand_assets.settings import Settings

POOLED = Settings(DAGSTER_STORAGE="pooled", DAGSTER_DATABASE_URL="")
STOCK = Settings(DAGSTER_STORAGE="stock", DAGSTER_DATABASE_URL="")


@dg.asset
def thing() -> None:
    """One."""


def runs_of(home: Path) -> int:
    with open_instance(home) as instance:
        return len(instance.get_run_records())


def materialized(home: Path) -> None:
    with open_instance(home) as instance:
        assert dg.materialize([thing], instance=instance).success


def test_they_are_what_the_settings_name(tmp_path: Path) -> None:
    prepare_home(tmp_path, POOLED)

    with open_instance(tmp_path) as instance:
        assert type(instance.run_storage) is KeptRunStorage
        assert type(instance.schedule_storage) is KeptScheduleStorage


def test_a_home_is_gone_on_with_both_ways(tmp_path: Path) -> None:
    for done, settings in enumerate((STOCK, POOLED, STOCK, POOLED)):
        prepare_home(tmp_path, settings)
        assert runs_of(tmp_path) == done

        materialized(tmp_path)


def test_a_second_instance_looks_through_no_migration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare_home(tmp_path, POOLED)
    materialized(tmp_path)

    def looked(*_: object, **__: object) -> None:
        raise AssertionError("looked through the migrations again")

    monkeypatch.setattr("alembic.script.ScriptDirectory.from_config", looked)

    assert runs_of(tmp_path) == 1


def test_another_database_in_its_place_is_opened(tmp_path: Path) -> None:
    prepare_home(tmp_path, POOLED)
    with open_instance(tmp_path) as instance:
        assert dg.materialize([thing], instance=instance).success
        shutil.rmtree(tmp_path / "history")
        assert runs_of(tmp_path) == 0

        materialized(tmp_path)
        assert runs_of(tmp_path) == 1
        assert len(instance.get_run_records()) == 1  # also to who had the old one open


def _count(home: Path, answer: "multiprocessing.Queue[tuple[int, int]]") -> None:
    answer.put((len(DATABASES._engines), runs_of(home)))


def test_a_forked_process_makes_connections_of_its_own(tmp_path: Path) -> None:
    prepare_home(tmp_path, POOLED)
    materialized(tmp_path)
    context = multiprocessing.get_context("fork")
    answer: multiprocessing.Queue[tuple[int, int]] = context.Queue()

    process = context.Process(target=_count, args=(tmp_path, answer))
    process.start()

    assert answer.get(timeout=60) == (0, 1)
    process.join()
    assert runs_of(tmp_path) == 1


def test_a_relative_folder_is_the_same_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    first = KeptRunStorage.from_config_value(None, {"base_dir": "history"})
    second = KeptRunStorage.from_config_value(None, {"base_dir": str(tmp_path / "history")})

    with first.connect(), second.connect():
        assert sqlite_storages.DATABASES.is_known(tmp_path / "history" / "runs.db")
