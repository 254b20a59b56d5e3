"""The job that lets go of what is too old: every part is told of, and none stops another."""

import dagster as dg
import pytest

from demand_assets.defs.expiry import daily_expiry, expire
from demand_assets.defs.resources import PipelineResource
from demand_assets.forecasting.contract.dagster_names import (
    EXPIRE_JOURNAL_OP,
    EXPIRE_RUNS_OP,
    EXPIRE_VERSIONS_OP,
    EXPIRY_JOB,
)
from demand_assets.pipeline.run import Pipeline

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def some_days(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEMAND_KEEP_JOURNAL_DAYS", "1")


def old_entry(pipeline: Pipeline) -> None:
    pipeline.store.write_bytes("journal/20250101/20250101T000000000000-00000000.jsonl", b"12345")


def told(result: dg.ExecuteInProcessResult) -> dict[str, dict[str, object]]:
    """Op -> its metadata."""
    return {str(event.step_key): {name: value.value for name, value in event.step_output_data.metadata.items()}
            for event in result.all_events if event.event_type is dg.DagsterEventType.STEP_OUTPUT}


def test_what_went_is_told_by_each_part(instance: dg.DagsterInstance, resource: PipelineResource, pipeline: Pipeline,
                                        ) -> None:
    old_entry(pipeline)

    result = expire.execute_in_process(instance=instance, resources={"pipeline": resource})

    assert told(result) == {
        EXPIRE_JOURNAL_OP: {"journal files": 1, "measurements": 0, "half written files": 0, "bytes freed": 5},
        EXPIRE_VERSIONS_OP: {"versions": 0, "runs of MLflow": 0, "bytes freed": 0},
        EXPIRE_RUNS_OP: {"runs of Dagster": 0, "bytes freed": 0}}


def test_without_mlflow_the_other_parts_are_done(instance: dg.DagsterInstance, resource: PipelineResource,
                                                 pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    old_entry(pipeline)
    monkeypatch.setenv("DEMAND_MLFLOW_URL", "http://127.0.0.1:9")

    result = expire.execute_in_process(instance=instance, resources={"pipeline": resource}, raise_on_error=False)

    assert not result.success
    assert set(told(result)) == {EXPIRE_JOURNAL_OP, EXPIRE_RUNS_OP}
    assert told(result)[EXPIRE_JOURNAL_OP]["journal files"] == 1


def test_it_runs_daily_by_itself() -> None:
    assert daily_expiry.job_name == EXPIRY_JOB
    assert daily_expiry.default_status is dg.DefaultScheduleStatus.RUNNING
