"""One process at a time has the lock of an instance's backfill loop, whichever database the instance has."""

from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest
import sqlalchemy as db

from demand_assets.dagster_instance.daemon import wait_for
from demand_assets.dagster_instance.instance import open_instance, prepare_home
from demand_assets.dagster_instance.loop_lock import DatabaseLock, FileLock, LoopLock, lock_of
from demand_assets.forecasting.contract.database_urls import with_driver
from demand_assets.settings import Settings


def goes_from_one_to_the_next(lock: Callable[[], LoopLock]) -> None:
    first, second = lock(), lock()
    assert first.take()
    assert first.take()  # has it already
    assert not second.take()
    told = Event()
    told.set()
    assert not wait_for(second, told, 0.0)
    second.give_back()  # which it has not
    assert not second.take()

    first.give_back()
    assert wait_for(second, Event(), 0.0)
    assert not first.take()
    second.give_back()


def test_on_one_machine(tmp_path: Path) -> None:
    assert isinstance(lock_of(tmp_path, ""), FileLock)
    goes_from_one_to_the_next(lambda: lock_of(tmp_path, None))
    other = tmp_path / "other"
    other.mkdir()
    assert lock_of(tmp_path, "").take()
    assert lock_of(other, "").take()


@pytest.fixture
def url(services) -> str:
    services.add_databases("locks_")
    return with_driver(services.environment("locks_")["DAGSTER_DATABASE_URL"])


def test_on_several_machines_a_connection_that_broke_has_lost_it(url: str, tmp_path: Path) -> None:
    assert isinstance(lock_of(tmp_path, url), DatabaseLock)
    goes_from_one_to_the_next(lambda: lock_of(tmp_path, url))
    first, second = lock_of(tmp_path, url), lock_of(tmp_path, url)
    assert first.take()
    with db.create_engine(url, isolation_level="AUTOCOMMIT").connect() as other:
        other.execute(db.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                              "WHERE datname = current_database() AND pid <> pg_backend_pid()"))
    assert second.take()
    assert not first.take()
    second.give_back()
    assert first.take()
    first.give_back()


def test_what_is_not_over_in_postgresql_tells_when_something_was_written(url: str, tmp_path: Path) -> None:
    from demand_assets.dagster_instance.backfills import BulkActionStatus, PartitionBackfill, written_in_database

    prepare_home(tmp_path, Settings(DAGSTER_DATABASE_URL=url))
    with open_instance(tmp_path) as instance:
        written = written_in_database(url)
        seen = [written()]
        assert written() == seen[0]
        backfill = PartitionBackfill("b1", BulkActionStatus.REQUESTED, False, {}, 1.0, asset_selection=[])
        instance.add_backfill(backfill)
        seen.append(written())
        instance.update_backfill(backfill.with_status(BulkActionStatus.CANCELING))
        seen.append(written())
        instance.update_backfill(backfill.with_status(BulkActionStatus.CANCELED))
        seen.append(written())

    assert seen[0] == seen[3]
    assert len(set(seen)) == 3
