"""What the process of a run does before the run goes on; the run itself is tried with its launcher."""

import logging

import pytest

from demand_assets.dagster_instance.runs.run_process import LEAST_FREE, wait_for_room


def test_a_process_waits_for_room_on_a_full_disk_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    left = iter([0, 0, LEAST_FREE - 1, LEAST_FREE])
    with caplog.at_level(logging.WARNING):
        assert wait_for_room(lambda: next(left), pause_seconds=0.0) == 3

    assert [record.message for record in caplog.records] == ["the disk is full: the run waits for room"]


def test_where_there_is_room_nothing_waits() -> None:
    assert wait_for_room(lambda: LEAST_FREE) == 0
