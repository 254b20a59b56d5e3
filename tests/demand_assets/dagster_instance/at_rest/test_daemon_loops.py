"""The daemon's loops rest while nothing happens, and look at once when something does."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest

from demand_assets.dagster_instance.at_rest.daemon_loops import RestingSensors, is_open, signs_of_sensors
from demand_assets.dagster_instance.at_rest.event_files import events_of
from demand_assets.dagster_instance.instance import open_instance, prepare_home
from demand_assets.definitions import defs
from demand_assets.defs.cursors import Cursor
from demand_assets.forecasting.store.demand_store import DemandStore
from demand_assets.forecasting.store.stored_files import DamagedFileError
from demand_assets.forecasting.store.written_since import written
from demand_assets.settings import Settings

POOLED = Settings(DAGSTER_STORAGE="pooled", DAGSTER_DATABASE_URL="")


@dataclass
class Told:
    """As Dagster notes it of a sensor."""

    cursor: str | None = None
    last_tick_success_timestamp: float | None = 1.0


@dg.asset
def thing() -> None:
    """One."""


def test_only_sensors_that_there_are_have_signs(tmp_path: Path) -> None:
    signs = signs_of_sensors(tmp_path, Settings(state=tmp_path))

    assert signs.keys() < {sensor.name for sensor in defs.sensors or ()}
    assert "new_demand" not in signs


def test_a_sensor_rests_until_something_is_written_and_another_never() -> None:
    state = ["a"]
    resting = RestingSensors({"known": lambda: state[0]})

    assert [resting.may_rest("known", Told()) for _ in range(3)] == [False, False, True]
    assert [resting.may_rest("other", Told()) for _ in range(3)] == [False] * 3
    state[0] = "b"
    assert [resting.may_rest("known", Told()) for _ in range(3)] == [False, False, True]


@pytest.mark.parametrize("told", [None, Told(last_tick_success_timestamp=None), Told(Cursor().ask("x", 1.0).text())])
def test_a_sensor_whose_tick_failed_or_that_waits_for_what_it_asked_does_not_rest(told: Told | None) -> None:
    resting = RestingSensors({"known": lambda: "same"})

    assert [resting.may_rest("known", told) for _ in range(4)] == [False] * 4


@pytest.mark.parametrize(("cursor", "expected"), [
    (None, False), ("", False), ("17", False), ("not json", False), ("{}", False),
    (Cursor().text(), False), (Cursor().ask("17", 1.0).text(), True),
    (Cursor().ask("17", 1.0).finish("17").text(), False),
    (json.dumps({"north|tea": ["2026-01-01T00:00:00+00:00", "sensor-1", 1]}), True),
])
def test_what_is_open_is_read_from_a_cursor(cursor: str | None, expected: bool) -> None:
    assert is_open(cursor) is expected


def test_damaged_files_are_looked_at_until_they_are_mended(tmp_path: Path) -> None:
    settings = Settings(state=tmp_path)
    store, sign = DemandStore(settings.demand_store_url), signs_of_sensors(tmp_path, settings)["mend_damaged"]
    assert sign() == sign()

    store.note_damage(DamagedFileError("demand/north/tea.parquet", "cut"))
    assert sign() != sign()
    for damage in store.damages():
        store.forget_damage(damage)
    assert sign() == sign()


def test_a_run_is_seen_in_the_events_files_and_a_look_is_not(tmp_path: Path) -> None:
    prepare_home(tmp_path, POOLED)
    sign = written(events_of(tmp_path))
    with open_instance(tmp_path) as instance:
        assert dg.materialize([thing], instance=instance).success
        before = sign()
        assert len(instance.get_run_records()) == 1
        assert instance.fetch_materializations(thing.key, limit=1).records
        assert sign() == before

        assert dg.materialize([thing], instance=instance).success

        assert sign() != before


QUEUED = """
import sys
from pathlib import Path
from demand_assets.dagster_instance.at_rest import daemon_loops
from demand_assets.settings import Settings

home = Path(sys.argv[1])
daemon = daemon_loops.QueuedRunCoordinatorDaemon
looks = []
daemon.run_iteration = lambda self, workspace: iter(looks.append(workspace) or ())
daemon_loops.rest_between_changes(home, Settings(DAGSTER_DATABASE_URL=""))
one = daemon(1)
for number in range(4):
    list(one.run_iteration(number))
(home / "history" / "runs").mkdir(parents=True)
(home / "history" / "runs" / "index.db").touch()
for number in range(4, 8):
    list(one.run_iteration(number))
print(looks)
"""


def test_the_queue_is_looked_at_when_an_event_was_written(tmp_path: Path) -> None:
    # In a process of its own: what is put in place of Dagster's loops stays there.
    found = subprocess.run([sys.executable, "-c", QUEUED, str(tmp_path)], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "[0, 1, 4, 5]"
