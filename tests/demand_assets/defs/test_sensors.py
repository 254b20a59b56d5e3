"""What happens by itself, tick by tick, on a real Dagster instance."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.events import StepMaterializationData

from demand_assets.definitions import defs
from demand_assets.defs.assets import region_item
from demand_assets.defs.jobs import monitor, promote
from demand_assets.defs.resources import PipelineResource
from demand_assets.defs.sensors import judge_candidates, new_demand, retrain_when_needed, watch_production
from demand_assets.forecasting.contract.dagster_names import REQUEST_TAG, run_config
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.gate.monitoring import Observation
from demand_assets.pipeline.monitor import FOLDER, latest, measure
from demand_assets.pipeline.outcomes import Asked
from demand_assets.pipeline.run import Pipeline
from demand_assets.settings import Settings

ASSETS = ["raw_demand", "demand", "demand_features", "candidate_model"]


def context(instance: dg.DagsterInstance, resource: PipelineResource, cursor: str | None = None):
    return dg.build_sensor_context(instance=instance, cursor=cursor, resources={"pipeline": resource})


def keys_of(request: dg.RunRequest) -> list[str]:
    return next(iter(request.run_config["ops"].values()))["config"]["region_items"]


@pytest.fixture
def keys(pipeline: Pipeline) -> list[str]:
    return [one.key for one in pipeline.source.catalogue().region_items]


def report_candidate(instance: dg.DagsterInstance, run_id: str, key: str) -> None:
    """As though that run had just trained it."""
    made = StepMaterializationData(dg.AssetMaterialization("candidate_model", partition=key))
    instance.report_dagster_event(
        dg.DagsterEvent(event_type_value=dg.DagsterEventType.ASSET_MATERIALIZATION.value, job_name="retrain",
                        event_specific_data=made), run_id)


def train(instance: dg.DagsterInstance, resource: PipelineResource, keys: list[str]) -> None:
    dg.materialize([region_item], selection=dg.AssetSelection.assets(*ASSETS).without_checks(), instance=instance,
                   resources={"pipeline": resource}, run_config=run_config(keys))


class TestNewDemand:
    def test_the_first_look_only_takes_note(self, instance: dg.DagsterInstance, resource: PipelineResource,
                                            pipeline: Pipeline, keys: list[str]) -> None:
        result = new_demand(context(instance, resource))

        assert list(result.run_requests) == []
        assert result.cursor == pipeline.source.fingerprint()
        assert [one.key for one in pipeline.store.read_catalogue()] == keys

    def test_an_unchanged_source_is_left_alone(self, instance: dg.DagsterInstance, resource: PipelineResource,
                                               pipeline: Pipeline) -> None:
        result = new_demand(context(instance, resource, pipeline.source.fingerprint()))

        assert "has not changed" in result.skip_reason.skip_message

    def test_new_demand_refreshes_the_known_and_trains_the_new(
            self, instance: dg.DagsterInstance, resource: PipelineResource, pipeline: Pipeline,
            keys: list[str]) -> None:
        known = RegionItem.from_key(keys[0])
        list(pipeline.carry([known], {"raw_demand", "demand"}, Asked()))
        instance.delete_dynamic_partition("region_items", keys[3])

        result = new_demand(context(instance, resource, "an older state"))

        refreshed, trained = result.run_requests
        assert (refreshed.job_name, keys_of(refreshed)) == ("refresh", keys[:1])
        assert (trained.job_name, keys_of(trained)) == ("retrain", keys[1:])
        assert result.dynamic_partitions_requests[0].partition_keys == [keys[3]]


class TestJudgeCandidates:
    def test_all_new_candidates_go_to_one_run(self, instance: dg.DagsterInstance, resource: PipelineResource,
                                              keys: list[str]) -> None:
        train(instance, resource, keys[:3])

        result = judge_candidates(context(instance, resource))

        assert [sorted(keys_of(request)) for request in result.run_requests] == [keys[:3]]

    def test_the_same_tick_twice_asks_for_the_same_run(self, instance: dg.DagsterInstance,
                                                       resource: PipelineResource, keys: list[str]) -> None:
        train(instance, resource, keys[:1])

        first, again = (judge_candidates(context(instance, resource)) for _ in range(2))
        after = judge_candidates(context(instance, resource, first.cursor))

        assert first.run_requests[0].run_key == again.run_requests[0].run_key
        assert "no new candidate" in after.skip_reason.skip_message

    def test_candidates_judged_in_the_run_that_trained_them_are_left_alone(
            self, instance: dg.DagsterInstance, resource: PipelineResource, keys: list[str]) -> None:
        dg.materialize([region_item], instance=instance, resources={"pipeline": resource},
                       run_config=run_config(keys[:2]))
        train(instance, resource, keys[1:3])

        result = judge_candidates(context(instance, resource))

        assert keys_of(result.run_requests[0]) == keys[1:3]

    def test_candidates_of_a_run_that_will_judge_them_are_left_to_it_until_it_is_over(
            self, instance: dg.DagsterInstance, resource: PipelineResource, keys: list[str]) -> None:
        run = instance.create_run_for_job(defs.resolve_job_def("retrain"), run_config=run_config(keys[:1]),
                                          status=dg.DagsterRunStatus.STARTED)
        report_candidate(instance, run.run_id, keys[0])
        train(instance, resource, keys[1:2])

        meanwhile = judge_candidates(context(instance, resource))
        instance.report_run_canceled(run)
        after = judge_candidates(context(instance, resource, meanwhile.cursor))

        assert keys_of(meanwhile.run_requests[0]) == keys[1:2]
        assert sorted(keys_of(after.run_requests[0])) == keys[:2]

    def test_it_waits_while_candidates_are_being_judged(self, instance: dg.DagsterInstance,
                                                        resource: PipelineResource, keys: list[str]) -> None:
        train(instance, resource, keys[:1])
        instance.create_run_for_job(promote, status=dg.DagsterRunStatus.STARTED, tags={"demand/kind": "promotion"})

        result = judge_candidates(context(instance, resource))

        assert "being judged" in result.skip_reason.skip_message


def test_a_crash_before_the_alias_moves_is_mended_by_judging_again(
        instance: dg.DagsterInstance, resource: PipelineResource, pipeline: Pipeline, keys: list[str]) -> None:
    one = RegionItem.from_key(keys[0])
    train(instance, resource, keys[:1])
    pipeline.registry.client.set_model_version_tag(one.model_name("shop"), "1", "decision", "promote")

    promote.execute_in_process(instance=instance, resources={"pipeline": resource},
                               run_config=run_config(keys[:1], op="judge"))

    assert pipeline.registry.entry(one).decided == 1
    assert pipeline.registry.entry(one).decision in ("promote", "keep")


class TestRetrainWhenNeeded:
    def observed(self, pipeline: Pipeline, key: str, **numbers: object) -> None:
        now = datetime.now(UTC)
        line = {"region_item": key, "version": 1, "observed_at": str(now), "promoted_at": str(now - timedelta(days=9)),
                "new_periods": 2, "wape": 0.1, "wape_backtest": 0.1, "bias": 0.0, "drift": 0.0, "drifted": "demand",
                "volume": 5.0, **numbers}
        pipeline.store.write_bytes(f"{FOLDER}/{now:%Y%m%dT%H%M%S}-{key[:2]}.jsonl", json.dumps(line).encode())

    @pytest.fixture
    def automatic(self, settings: Settings, resource: PipelineResource) -> PipelineResource:
        file = Path(settings.dataset)
        file.write_text(file.read_text() + "\n[retraining]\nautomatic = true\n")
        return resource

    def test_it_is_off_unless_the_dataset_says_otherwise(self, instance: dg.DagsterInstance, pipeline: Pipeline,
                                                         resource: PipelineResource, keys: list[str]) -> None:
        self.observed(pipeline, keys[0], wape=0.9)

        result = retrain_when_needed(context(instance, resource))

        assert "automatic = true" in result.skip_reason.skip_message

    def test_decay_asks_for_a_retrain_once(self, instance: dg.DagsterInstance, automatic: PipelineResource,
                                           pipeline: Pipeline, keys: list[str]) -> None:
        self.observed(pipeline, keys[0], wape=0.9)

        first = retrain_when_needed(context(instance, automatic))
        second = retrain_when_needed(context(instance, automatic, first.cursor))

        assert [keys_of(request) for request in first.run_requests] == [[keys[0]]]
        assert first.run_requests[0].tags[REQUEST_TAG].startswith("sensor-")
        assert first.run_requests[0].tags["demand/asked_by"] == "sensor: accuracy decayed"
        assert second.run_requests is None or list(second.run_requests) == []

    def test_good_models_are_left_alone(self, instance: dg.DagsterInstance, automatic: PipelineResource,
                                        pipeline: Pipeline, keys: list[str]) -> None:
        self.observed(pipeline, keys[0])

        result = retrain_when_needed(context(instance, automatic))

        assert "still good" in result.skip_reason.skip_message


def test_production_is_measured_when_demand_was_refreshed(
        instance: dg.DagsterInstance, resource: PipelineResource, pipeline: Pipeline, keys: list[str]) -> None:
    train(instance, resource, keys[:2])
    promote.execute_in_process(instance=instance, resources={"pipeline": resource},
                               run_config=run_config(keys[:2], op="judge"))

    retraining = instance.create_run_for_job(defs.resolve_job_def("retrain"), status=dg.DagsterRunStatus.STARTED,
                                             tags={"demand/kind": "retrain"})
    assert "are being retrained" in watch_production(context(instance, resource)).skip_reason.skip_message
    instance.report_run_canceled(retraining)
    request = watch_production(context(instance, resource)).run_requests[0]
    result = monitor.execute_in_process(instance=instance, resources={"pipeline": resource},
                                        run_config=request.run_config)

    assert result.success
    observed = latest(pipeline.store, datetime.now(UTC))
    in_production = {one for one in map(RegionItem.from_key, keys[:2]) if pipeline.registry.entry(one).production}
    assert {one.region_item for one in observed} == in_production
    assert all(isinstance(one, Observation) and one.new_periods == 0 for one in observed)
    assert measure(pipeline, [RegionItem("no", "where")], datetime.now(UTC)) == []
