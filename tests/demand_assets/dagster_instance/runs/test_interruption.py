"""A run whose end Dagster cannot be told is gone on with where it is: that is no attempt that its process spent."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import Engine, event

from demand_assets.dagster_instance.instance import open_instance, prepare_home
from demand_assets.dagster_instance.runs.interruption import carry_out
from demand_assets.forecasting.store.waiting_for_room import Patience
from demand_assets.settings import Settings

DONE: list[str] = []
"""What the op below did, in this process."""


LEFT: list[dict[str, int]] = []
"""What ``filled`` counts, for the op."""


class Full(dg.Config):
    """From which commit on the disk is full, counted from the op's end, and for how many."""

    first: int
    times: int


@contextmanager
def filled() -> Iterator[dict[str, int]]:
    """A disk that is full at the commits that are left in ``from`` and ``for``."""
    left = {"from": 0, "for": 0, "refused": 0}

    def at_commit(_connection: object) -> None:
        left["from"] -= 1
        if left["from"] < 0 < left["for"]:
            left["for"] -= 1
            left["refused"] += 1
            raise OSError(errno.ENOSPC, "No space left on device")

    event.listen(Engine, "commit", at_commit)
    LEFT.append(left)
    try:
        yield left
    finally:
        event.remove(Engine, "commit", at_commit)
        LEFT.clear()


@dg.op
def work(config: Full) -> None:
    """Be done, and from then on the disk is full, once."""
    DONE.append("done")
    if len(DONE) == 1:
        LEFT[0]["from"], LEFT[0]["for"] = config.first, config.times


@dg.job(executor_def=dg.in_process_executor)
def noted() -> None:
    """One op."""
    work()


@pytest.mark.parametrize(("first", "times", "storage"), [(0, 100, "pooled"), (2, 7, "stock")])
def test_a_run_goes_on_by_itself_once_its_end_can_be_told(tmp_path: Path, first: int, times: int,
                                                          storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("demand_assets.forecasting.store.waiting_for_room.PAUSE_SECONDS", 0.0)
    DONE.clear()
    prepare_home(tmp_path, Settings(DAGSTER_STORAGE=storage, DAGSTER_DATABASE_URL=""))
    with open_instance(tmp_path) as instance:
        run = instance.create_run_for_job(noted, job_code_origin=dg.reconstructable(noted).get_python_origin(),
                                          run_config={"ops": {"work": {"config": {"first": first, "times": times}}}})
        instance.report_dagster_event(dg.DagsterEvent("PIPELINE_STARTING", "noted"), run.run_id)
        with filled() as left:
            status = carry_out(instance, run.run_id, resume=False, patience=Patience(lambda seconds: None))

        assert left["refused"] == times
        assert (status, instance.get_run_by_id(run.run_id).status) == (0, dg.DagsterRunStatus.SUCCESS)
