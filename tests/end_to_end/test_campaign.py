"""A few rounds of the campaign of faults, and the auditor on what they leave: it finds what is planted there."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.registry.entry import PRODUCTION
from deploy.settings import PROJECT
from deploy.state_directory.ownership import processes_of
from tests.chaos.__main__ import campaign
from tests.chaos.auditor import audit
from tests.chaos.campaign import Campaign
from tests.chaos.schedule import schedule
from tests.demand_assets.damage import flipped
from tests.end_to_end.conftest import Product
from tests.waiting import eventually

SEED, ROUNDS = 1, 3


@pytest.fixture(scope="module")
def finished(products: list[Product]) -> Iterator[Campaign]:
    """A campaign whose rounds are done, and whose product is stopped."""
    for other in products:
        other.clean_up()  # two at a time are slow
    said: list[str] = []
    with campaign(SEED, "embedded", said.append) as made:
        made.run(schedule(SEED, ROUNDS))
        made.product.stop()
        yield made
    assert said[-1] == "everything is ended"


def found(finished: Campaign, is_verified: bool = False) -> list[str]:
    """What the auditor finds now, but that a product which is stopped makes no forecasts, and ends no run that a sensor
    began in the moment before: the next start sees to that one.

    Args:
        is_verified: whether the product's own checks are run too, which take seconds.
    """
    seen = finished.observer.at_rest(None)
    if is_verified:
        seen = finished.observer.verified(seen)
    return [one for one in audit(finished.accepted, seen) if not one.startswith(("no forecast", "not ended: Dagster"))]


def test_nothing_is_lost_or_doubled_in_a_few_rounds(finished):
    assert finished.result.findings == []
    assert finished.result.rounds == ROUNDS
    assert any(one.is_certain for one in finished.accepted)
    assert processes_of(finished.product.folder) == []
    assert found(finished) == []


def test_a_changed_booster_is_found(finished):
    file = min((finished.product.folder / "web" / "models").glob("tiny.[ns]*/*/*.ubj"))
    whole = file.read_bytes()
    file.write_bytes(flipped(whole))

    assert any(one.startswith("files: ") and f"{file.name} is not what" in one for one in found(finished))

    file.write_bytes(whole)
    assert found(finished) == []


def test_a_wrong_alias_is_found(finished):
    registry = finished.observer.registry
    key, one = next((key, entry) for key, entry in finished.observer.serving(None).items() if entry.alias)
    name = RegionItem.from_key(key).model_name(registry.dataset)
    registry.session.client.delete_registered_model_alias(name, PRODUCTION)

    assert f"alias: {key} has vNone in production, and the app announces v{one.alias}" in found(finished)

    registry.session.set_alias(name, PRODUCTION, one.alias)
    assert found(finished) == []


def test_a_doubled_version_is_found(finished):
    registry = finished.observer.registry
    version = next(one for one in finished.observer.on_the_way().versions if one.decision and one.request_id)
    name = RegionItem.from_key(version.key).model_name(registry.dataset)
    source = registry.session.version(name, version.version)
    doubled = registry.session.client.create_model_version(name, source.source, tags=dict(source.tags))

    assert any(f"more than one decided version of {version.key}: v{version.version}, v{doubled.version}" in one
               for one in found(finished))

    registry.session.client.delete_model_version(name, doubled.version)
    assert found(finished) == []


def test_a_rewritten_audit_entry_is_found(finished):
    file = finished.product.folder / "web" / "app.db"
    with closing(sqlite3.connect(file)) as database, database:
        guards = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = "
                                  "'audit_entry'").fetchall()
        for name, _ in guards:
            database.execute(f'DROP TRIGGER "{name}"')
        (words,), = database.execute("SELECT reason FROM audit_entry WHERE id = 2")
        database.execute("UPDATE audit_entry SET reason = 'nothing to see here' WHERE id = 2")

    assert any(one.startswith("audit log: ") for one in found(finished, is_verified=True))

    with closing(sqlite3.connect(file)) as database, database:
        database.execute("UPDATE audit_entry SET reason = ? WHERE id = 2", [words])
        for _, guard in guards:
            database.execute(guard)
    assert found(finished, is_verified=True) == []


def test_a_lost_request_is_found(finished):
    accepted = next(one for one in finished.accepted if one.is_certain and one.kind == "retrain")
    with closing(sqlite3.connect(finished.product.folder / "web" / "app.db")) as database, database:
        database.execute("UPDATE retrain SET reason = '' WHERE reason = ?", [accepted.marker])

    assert any(one.startswith(f"lost: retrain {accepted.marker!r}") for one in found(finished))


def test_ctrl_c_leaves_neither_process_nor_folder_behind(tmp_path: Path):
    running = subprocess.Popen([sys.executable, "-m", "tests.chaos", "--rounds", "1"], cwd=PROJECT,
                               env={**os.environ, "TMPDIR": str(tmp_path)}, stdout=subprocess.PIPE, text=True,
                               start_new_session=True)

    def servers() -> list[psutil.Process]:
        return [process for folder in tmp_path.glob("chaos-*/state/tiny") if len(processes_of(folder)) > 4
                for process in processes_of(folder)]

    try:
        started = eventually(servers, 120, lambda: "nothing was started")
        os.kill(running.pid, signal.SIGINT)
        said, _ = running.communicate(timeout=120)
    finally:
        running.kill()

    assert running.returncode == 130
    assert "everything is ended" in said
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in started)
    assert list(tmp_path.iterdir()) == []
