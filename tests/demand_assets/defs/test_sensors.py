"""What happens by itself, tick by tick, on a real Dagster instance."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from demand_assets.definitions import defs
from demand_assets.defs.assets import region_item
from demand_assets.defs.cursors import Cursor
from demand_assets.defs.jobs import monitor, promote
from demand_assets.defs.resources import PipelineResource
from demand_assets.defs.sensors import (
    MOST_TRIES,
    judge_candidates,
    mend_damaged,
    new_demand,
    retrain_when_needed,
    watch_production,
)
from demand_assets.forecasting.contract.dagster_names import REQUEST_TAG, run_config
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.contract.source import SourceError
from demand_assets.forecasting.gate.monitoring import Observation
from demand_assets.forecasting.store.stored_files import DamagedFileError
from demand_assets.pipeline.monitor import FOLDER, latest, measure
from demand_assets.pipeline.outcomes import RequestedBy
from demand_assets.pipeline.run import Pipeline
from demand_assets.settings import Settings
from tests.demand_assets.conftest import PINNED, begin, copy_state, instance_of, settings_in

ASSETS = ["raw_demand", "demand", "features_for_inspection", "candidate_model"]


def context(instance: dg.DagsterInstance, resource: PipelineResource, cursor: str | None = None):
    return dg.build_sensor_context(instance=instance, cursor=cursor, resources={"pipeline": resource})


def keys_of(request: dg.RunRequest) -> list[str]:
    return next(iter(request.run_config["ops"].values()))["config"]["region_items"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a dataset whose models are made fast."""
    return settings_in(tmp_path, PINNED)


@pytest.fixture
def keys(pipeline: Pipeline) -> list[str]:
    return [one.key for one in pipeline.source.catalogue().region_items]


def report_candidate(instance: dg.DagsterInstance, run_id: str, key: str) -> None:
    """As though that run had just trained it: the event of another run, under its id."""

    @dg.op
    def made() -> Iterator[object]:
        yield dg.AssetMaterialization("candidate_model", partition=key)
        yield dg.Output(None)

    @dg.job
    def retrain() -> None:
        made()

    with dg.DagsterInstance.ephemeral() as elsewhere:
        event, = (event for event in retrain.execute_in_process(instance=elsewhere).all_events
                  if event.is_step_materialization)
    instance.report_dagster_event(event, run_id)


def train(instance: dg.DagsterInstance, resource: PipelineResource, keys: list[str]) -> None:
    dg.materialize([region_item], selection=dg.AssetSelection.assets(*ASSETS).without_checks(), instance=instance,
                   resources={"pipeline": resource}, run_config=run_config(keys))


def take_in(instance: dg.DagsterInstance, resource: PipelineResource, keys: list[str]) -> None:
    dg.materialize([region_item], selection=dg.AssetSelection.assets("raw_demand", "demand").without_checks(),
                   instance=instance, resources={"pipeline": resource}, run_config=run_config(keys))


@pytest.fixture(scope="module")
def state_taken_in(tmp_path_factory: pytest.TempPathFactory, empty_mlflow: Path, empty_dagster: Path) -> Path:
    """A state directory whose Dagster has taken all demand in; to be copied."""
    settings = settings_in(tmp_path_factory.mktemp("taken_in"), PINNED)
    pipeline = begin(settings, empty_mlflow)
    with instance_of(settings, pipeline, empty_dagster) as instance:
        take_in(instance, PipelineResource(dataset=str(settings.dataset), state=str(settings.state)),
                [one.key for one in pipeline.source.catalogue().region_items])
    return settings.state


@pytest.fixture
def taken_in(settings: Settings, state_taken_in: Path) -> None:
    """The pipeline begins with all demand taken in by Dagster; for ``usefixtures``, which comes before it."""
    copy_state(state_taken_in, settings)


def report_raw(instance: dg.DagsterInstance, keys: list[str], state: str) -> None:
    """As though a run had stored raw demand that it read from that state of the source."""
    for key in keys:
        instance.report_runless_asset_event(dg.AssetMaterialization(
            "raw_demand", partition=key, metadata={"source_state": state}))


class TestNewDemand:
    def test_the_first_look_only_takes_note(self, instance: dg.DagsterInstance, resource: PipelineResource,
                                            pipeline: Pipeline, keys: list[str]) -> None:
        result = new_demand(context(instance, resource))

        assert list(result.run_requests) == []
        kept = Cursor.read(result.cursor)
        assert (kept.done, kept.wanted) == (pipeline.source.fingerprint(), "")
        assert [one.key for one in pipeline.store.read_catalogue()] == keys

    def test_what_was_read_before_the_source_changed_is_taken_in_at_the_first_look(
            self, instance: dg.DagsterInstance, resource: PipelineResource, pipeline: Pipeline,
            keys: list[str]) -> None:
        """As by ``make train``, before the product is started for the first time; the last one it never read."""
        list(pipeline.carry([RegionItem.from_key(key) for key in keys[:3]], {"raw_demand", "demand"}, RequestedBy()))
        report_raw(instance, keys[:2], "an older state")
        report_raw(instance, keys[2:3], pipeline.source.fingerprint())

        result = new_demand(context(instance, resource))

        assert [(one.job_name, keys_of(one)) for one in result.run_requests] == [("refresh", keys[:2])]
        report_raw(instance, keys[:2], pipeline.source.fingerprint())
        after = new_demand(context(instance, resource, result.cursor))
        assert all(keys_of(one) == keys[3:] for one in after.run_requests)

    def test_an_unchanged_source_is_left_alone(self, instance: dg.DagsterInstance, resource: PipelineResource,
                                               pipeline: Pipeline) -> None:
        result = new_demand(context(instance, resource, pipeline.source.fingerprint()))

        assert "has not changed" in result.skip_reason.skip_message

    def test_new_demand_refreshes_the_known_and_trains_the_new(
            self, instance: dg.DagsterInstance, resource: PipelineResource, pipeline: Pipeline,
            keys: list[str]) -> None:
        known = RegionItem.from_key(keys[0])
        list(pipeline.carry([known], {"raw_demand", "demand"}, RequestedBy()))
        instance.delete_dynamic_partition("region_items", keys[3])

        result = new_demand(context(instance, resource, "an older state"))

        refreshed, trained = result.run_requests
        assert (refreshed.job_name, keys_of(refreshed)) == ("refresh", keys[:1])
        assert (trained.job_name, keys_of(trained)) == ("retrain", keys[1:])
        assert result.dynamic_partitions_requests[0].partition_keys == [keys[3]]

    def test_what_others_took_in_before_the_sensor_looked_is_not_asked_for(
            self, instance: dg.DagsterInstance, resource: PipelineResource, pipeline: Pipeline,
            keys: list[str]) -> None:
        first = new_demand(context(instance, resource))
        before = replace(Cursor.read(first.cursor), done="an older state", since=1)
        report_raw(instance, keys[:3], "an older state")
        report_raw(instance, keys[:3], pipeline.source.fingerprint())

        result = new_demand(context(instance, resource, before.text()))

        assert [keys_of(request) for request in result.run_requests] == [keys[3:]]
        report_raw(instance, keys[3:], pipeline.source.fingerprint())
        assert "has been taken in" in new_demand(context(instance, resource, result.cursor)).skip_reason.skip_message


@pytest.mark.usefixtures("taken_in")
class TestDamagedFiles:
    @pytest.fixture
    def damaged(self, instance: dg.DagsterInstance, resource: PipelineResource, pipeline: Pipeline,
                keys: list[str]) -> RegionItem:
        one = RegionItem.from_key(keys[1])
        for name in (f"demand/{one.path}.parquet", "catalogue.json"):
            pipeline.store.write_bytes(name, b"?")
        for read in (lambda: pipeline.store.read("demand", one), pipeline.store.read_catalogue):
            with pytest.raises(DamagedFileError) as caught:
                read()
            pipeline.store.note_damage(caught.value)
        return one

    def test_they_are_made_again_and_forgotten(self, instance: dg.DagsterInstance, resource: PipelineResource,
                                               pipeline: Pipeline, keys: list[str], damaged: RegionItem) -> None:
        asked = mend_damaged(context(instance, resource))
        (request,) = asked.run_requests
        soon = mend_damaged(context(instance, resource, asked.cursor))
        take_in(instance, resource, keys_of(request))
        after = mend_damaged(context(instance, resource, asked.cursor))

        assert (request.job_name, keys_of(request)) == ("refresh", [damaged.key])
        assert "asked for again" in soon.skip_reason.skip_message
        assert "no file is damaged" in after.skip_reason.skip_message
        assert pipeline.store.damages() == []
        assert [one.key for one in pipeline.store.read_catalogue()] == keys

    def test_what_cannot_be_mended_is_asked_for_again(self, instance: dg.DagsterInstance, resource: PipelineResource,
                                                      damaged: RegionItem) -> None:
        asked = mend_damaged(context(instance, resource))
        later = replace(Cursor.read(asked.cursor), asked_at=Cursor.read(asked.cursor).asked_at - 3600).text()
        again = mend_damaged(context(instance, resource, later))

        assert [keys_of(request) for request in again.run_requests] == [[damaged.key]]
        assert again.run_requests[0].run_key != asked.run_requests[0].run_key


@pytest.mark.usefixtures("taken_in")
class TestNewDemandIsNeverLost:
    """A source has changed; what becomes of the runs that are to take it in?"""

    @pytest.fixture
    def asked(self, instance: dg.DagsterInstance, resource: PipelineResource, pipeline: Pipeline,
              keys: list[str]) -> dg.SensorResult:
        return new_demand(context(instance, resource, "an older state"))

    def carry_out(self, instance: dg.DagsterInstance, resource: PipelineResource, request: dg.RunRequest,
                  keys: list[str] | None = None) -> None:
        assets = dg.AssetSelection.assets("raw_demand", "demand").without_checks()
        dg.materialize([region_item], selection=assets, instance=instance, resources={"pipeline": resource},
                       run_config=run_config(keys or keys_of(request)), tags=request.tags)

    def later(self, cursor: str | None, minutes: float = 600) -> str:
        return replace(Cursor.read(cursor), asked_at=Cursor.read(cursor).asked_at - 60 * minutes).text()

    def test_it_is_done_when_it_was_taken_in(self, instance: dg.DagsterInstance, resource: PipelineResource,
                                             pipeline: Pipeline, asked: dg.SensorResult) -> None:
        self.carry_out(instance, resource, asked.run_requests[0])

        seen = new_demand(context(instance, resource, asked.cursor))
        after = new_demand(context(instance, resource, seen.cursor))

        assert "has been taken in" in seen.skip_reason.skip_message
        assert Cursor.read(seen.cursor).done == pipeline.source.fingerprint()
        assert "has not changed" in after.skip_reason.skip_message

    def test_a_run_that_never_was_is_asked_for_again_after_a_pause(
            self, instance: dg.DagsterInstance, resource: PipelineResource, asked: dg.SensorResult,
            keys: list[str]) -> None:
        soon = new_demand(context(instance, resource, asked.cursor))
        again = new_demand(context(instance, resource, self.later(asked.cursor)))

        assert "asked for again" in soon.skip_reason.skip_message
        assert [keys_of(request) for request in again.run_requests] == [keys]
        assert again.run_requests[0].run_key != asked.run_requests[0].run_key

    @pytest.mark.parametrize("end", ["report_run_failed", "report_run_canceled"])
    def test_a_run_that_ended_before_it_read_is_asked_for_again(
            self, instance: dg.DagsterInstance, resource: PipelineResource, asked: dg.SensorResult, keys: list[str],
            end: str) -> None:
        run = instance.create_run_for_job(defs.resolve_job_def("refresh"), tags=asked.run_requests[0].tags,
                                          status=dg.DagsterRunStatus.STARTED)
        meanwhile = new_demand(context(instance, resource, self.later(asked.cursor)))
        getattr(instance, end)(run)
        again = new_demand(context(instance, resource, self.later(asked.cursor)))

        assert "is being taken in" in meanwhile.skip_reason.skip_message
        assert [keys_of(request) for request in again.run_requests] == [keys]

    @pytest.mark.parametrize(("tags", "taken"), [
        ({"dagster/asset_partition_range_start": 1, "dagster/asset_partition_range_end": 2}, [1, 2]),
        ({"dagster/partition": 1}, [1])])
    def test_what_a_backfill_takes_in_meanwhile_is_left_to_it(
            self, instance: dg.DagsterInstance, resource: PipelineResource, asked: dg.SensorResult, keys: list[str],
            tags: dict[str, int], taken: list[int]) -> None:
        run = instance.create_run_for_job(
            defs.resolve_implicit_global_asset_job_def(), status=dg.DagsterRunStatus.STARTED,
            asset_selection=frozenset({dg.AssetKey("raw_demand")}),
            tags={"dagster/backfill": "b1"} | {name: keys[place] for name, place in tags.items()})
        meanwhile = new_demand(context(instance, resource, self.later(asked.cursor)))
        instance.report_run_canceled(run)
        after = new_demand(context(instance, resource, self.later(asked.cursor)))

        left = [key for place, key in enumerate(keys) if place not in taken]
        assert [keys_of(request) for request in meanwhile.run_requests] == [left]
        assert [keys_of(request) for request in after.run_requests] == [keys]

    def test_only_what_is_missing_is_asked_for_again(self, instance: dg.DagsterInstance, resource: PipelineResource,
                                                     asked: dg.SensorResult, keys: list[str]) -> None:
        self.carry_out(instance, resource, asked.run_requests[0], keys[:3])

        again = new_demand(context(instance, resource, self.later(asked.cursor)))

        assert [keys_of(request) for request in again.run_requests] == [keys[3:]]

    def test_the_pause_grows_and_a_clock_that_is_set_back_does_not_stop_it(
            self, instance: dg.DagsterInstance, resource: PipelineResource, asked: dg.SensorResult) -> None:
        second = new_demand(context(instance, resource, self.later(asked.cursor, minutes=1.1)))
        too_soon = new_demand(context(instance, resource, self.later(second.cursor, minutes=1.1)))
        set_back = new_demand(context(instance, resource, self.later(second.cursor, minutes=-600)))

        assert len(second.run_requests) == len(set_back.run_requests) == 1
        assert "2 tries" in too_soon.skip_reason.skip_message

    def test_a_source_that_goes_back_to_what_it_was_is_taken_in_again(
            self, instance: dg.DagsterInstance, resource: PipelineResource, pipeline: Pipeline,
            keys: list[str]) -> None:
        cursor = Cursor(done=pipeline.source.fingerprint(), wanted="a state that did not last", tries=1, asks=7)

        result = new_demand(context(instance, resource, cursor.text()))

        assert [keys_of(request) for request in result.run_requests] == [keys]

    def test_a_run_that_read_the_source_before_it_changed_did_not_take_it_in(
            self, instance: dg.DagsterInstance, resource: PipelineResource, pipeline: Pipeline,
            asked: dg.SensorResult, keys: list[str]) -> None:
        report_raw(instance, keys, "as it was before")
        report_raw(instance, keys[:2], pipeline.source.fingerprint())

        again = new_demand(context(instance, resource, self.later(asked.cursor)))

        assert [keys_of(request) for request in again.run_requests] == [keys[2:]]

    def test_an_old_reading_that_was_stored_last_did_not_take_it_in_either(
            self, instance: dg.DagsterInstance, resource: PipelineResource, pipeline: Pipeline,
            asked: dg.SensorResult, keys: list[str]) -> None:
        report_raw(instance, keys, pipeline.source.fingerprint())
        report_raw(instance, keys[3:], "as it was before")

        again = new_demand(context(instance, resource, self.later(asked.cursor)))

        assert [keys_of(request) for request in again.run_requests] == [keys[3:]]

    def test_what_a_planners_retrain_will_take_in_is_left_to_it_until_it_is_over(
            self, instance: dg.DagsterInstance, resource: PipelineResource, asked: dg.SensorResult,
            keys: list[str]) -> None:
        job = defs.resolve_job_def("retrain")
        run = instance.create_run_for_job(job, run_config=run_config(keys[:3]), status=dg.DagsterRunStatus.STARTING,
                                          tags={"demand/kind": "retrain"})
        some = new_demand(context(instance, resource, self.later(asked.cursor)))
        other = instance.create_run_for_job(job, run_config=run_config(keys[3:]), status=dg.DagsterRunStatus.STARTED,
                                            tags={"demand/kind": "retrain"})
        none = new_demand(context(instance, resource, self.later(asked.cursor)))
        instance.report_run_canceled(run)
        instance.delete_run(other.run_id)
        after = new_demand(context(instance, resource, self.later(asked.cursor)))

        assert [keys_of(request) for request in some.run_requests] == [keys[3:]]
        assert "others asked for" in none.skip_reason.skip_message
        assert [keys_of(request) for request in after.run_requests] == [keys]

    def test_a_source_that_is_down_loses_nothing(self, instance: dg.DagsterInstance, resource: PipelineResource,
                                                 monkeypatch: pytest.MonkeyPatch, keys: list[str]) -> None:
        source = resource.open().source

        def is_down() -> str:
            raise SourceError("the source is down")

        with monkeypatch.context() as down:
            down.setattr(source, "fingerprint", is_down)
            with pytest.raises(SourceError):
                new_demand(context(instance, resource, "an older state"))
        with monkeypatch.context() as down:
            down.setattr(source, "catalogue", is_down)
            with pytest.raises(SourceError):
                new_demand(context(instance, resource, "an older state"))

        assert new_demand(context(instance, resource, "an older state")).run_requests


@pytest.mark.usefixtures("pooled")
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
        assert "asked for again" in after.skip_reason.skip_message

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

    def test_a_run_that_did_not_judge_is_asked_for_again(self, instance: dg.DagsterInstance,
                                                         resource: PipelineResource, keys: list[str]) -> None:
        train(instance, resource, keys[:2])
        asked = judge_candidates(context(instance, resource))
        failed = instance.create_run_for_job(promote, status=dg.DagsterRunStatus.STARTED)
        instance.report_run_failed(failed)

        soon = judge_candidates(context(instance, resource, asked.cursor))
        kept = Cursor.read(asked.cursor)
        again = judge_candidates(context(instance, resource, replace(kept, asked_at=kept.asked_at - 3600).text()))

        assert "asked for again" in soon.skip_reason.skip_message
        assert sorted(keys_of(again.run_requests[0])) == keys[:2]
        assert again.run_requests[0].run_key != asked.run_requests[0].run_key

    def test_what_can_never_be_judged_does_not_hold_up_the_rest(self, instance: dg.DagsterInstance,
                                                                resource: PipelineResource, keys: list[str]) -> None:
        train(instance, resource, keys[:1])
        kept = Cursor.read(judge_candidates(context(instance, resource)).cursor)

        given_up = judge_candidates(context(instance, resource, replace(kept, tries=MOST_TRIES, asked_at=0.0).text()))
        train(instance, resource, keys[1:2])
        after = judge_candidates(context(instance, resource, given_up.cursor))

        assert "given up" in given_up.skip_reason.skip_message
        assert keys_of(after.run_requests[0]) == keys[1:2]

    def test_the_newest_decision_counts(self, instance: dg.DagsterInstance, resource: PipelineResource,
                                        keys: list[str]) -> None:
        judge = {"instance": instance, "resources": {"pipeline": resource},
                 "run_config": run_config(keys[:1], op="judge")}
        train(instance, resource, keys[:1])
        promote.execute_in_process(**judge)
        train(instance, resource, keys[:1])
        promote.execute_in_process(**judge)

        result = judge_candidates(context(instance, resource))

        assert result.run_requests is None or list(result.run_requests) == []

    def test_a_decision_that_put_nothing_into_production_counts(
            self, instance: dg.DagsterInstance, resource: PipelineResource, keys: list[str]) -> None:
        train(instance, resource, keys[:2])
        instance.report_runless_asset_event(dg.AssetObservation("production_model", partition=keys[0]))

        result = judge_candidates(context(instance, resource))

        assert keys_of(result.run_requests[0]) == keys[1:2]

    def test_a_cursor_of_an_earlier_version_goes_on_where_it_was(self, instance: dg.DagsterInstance,
                                                                 resource: PipelineResource, keys: list[str]) -> None:
        train(instance, resource, keys[:1])
        last = instance.fetch_materializations(dg.AssetKey("candidate_model"), limit=1).records[0].storage_id

        assert judge_candidates(context(instance, resource, str(last - 1))).run_requests
        assert "no new candidate" in judge_candidates(context(instance, resource, str(last))).skip_reason.skip_message


@pytest.mark.usefixtures("pooled")
def test_a_crash_before_the_alias_moves_is_mended_by_judging_again(
        instance: dg.DagsterInstance, resource: PipelineResource, pipeline: Pipeline, keys: list[str]) -> None:
    one = RegionItem.from_key(keys[0])
    train(instance, resource, keys[:1])
    pipeline.registry.session.client.set_model_version_tag(one.model_name("shop"), "1", "decision", "promote")

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

        assert "of 1 measured models in production none" in result.skip_reason.skip_message

    @pytest.mark.parametrize(("end", "is_asked_again"), [("report_run_failed", True), ("report_run_canceled", False)])
    def test_a_retrain_that_made_no_candidate_is_asked_for_again_unless_somebody_cancelled_it(
            self, instance: dg.DagsterInstance, automatic: PipelineResource, pipeline: Pipeline, keys: list[str],
            end: str, is_asked_again: bool) -> None:
        self.observed(pipeline, keys[0], wape=0.9)
        first = retrain_when_needed(context(instance, automatic))
        run = instance.create_run_for_job(defs.resolve_job_def("retrain"), tags=first.run_requests[0].tags,
                                          status=dg.DagsterRunStatus.STARTED)
        getattr(instance, end)(run)
        (at, *rest), = json.loads(first.cursor).values()
        an_hour_ago = (datetime.fromisoformat(at) - timedelta(hours=1)).isoformat()

        soon = retrain_when_needed(context(instance, automatic, first.cursor))
        later = retrain_when_needed(context(instance, automatic, json.dumps({keys[0]: [an_hour_ago, *rest]})))

        assert soon.run_requests is None or list(soon.run_requests) == []
        assert bool(later.run_requests) == is_asked_again

    def test_drift_asks_again_when_there_is_more_to_learn_whatever_became_of_the_candidate(
            self, instance: dg.DagsterInstance, automatic: PipelineResource, pipeline: Pipeline,
            keys: list[str]) -> None:
        self.observed(pipeline, keys[0], drift=2.0, new_periods=9)
        first = retrain_when_needed(context(instance, automatic))
        (at, *rest), = json.loads(first.cursor).values()
        yesterday = json.dumps({keys[0]: [(datetime.fromisoformat(at) - timedelta(hours=30)).isoformat(), *rest]})
        instance.create_run_for_job(defs.resolve_job_def("retrain"), tags=first.run_requests[0].tags,
                                    status=dg.DagsterRunStatus.SUCCESS)

        again = retrain_when_needed(context(instance, automatic, yesterday))
        self.observed(pipeline, keys[0], drift=2.0, new_periods=16)
        later = retrain_when_needed(context(instance, automatic, yesterday))

        assert "1 retrained before on almost the same demand" in again.skip_reason.skip_message
        assert [keys_of(request) for request in later.run_requests] == [[keys[0]]]

    def test_a_cursor_without_what_was_learned_is_gone_on_with(
            self, instance: dg.DagsterInstance, automatic: PipelineResource, pipeline: Pipeline,
            keys: list[str]) -> None:
        self.observed(pipeline, keys[0], wape=0.9)
        before = json.dumps({keys[0]: [str(datetime.now(UTC)), "sensor-of-before", 1]})

        assert not retrain_when_needed(context(instance, automatic, before)).run_requests

    @pytest.mark.parametrize(("hours", "is_asked_again"), [(0, False), (19, False), (21, True),
                                                            (-19, False), (-24 * 365, True)])  # the clock was put back
    def test_the_cool_down_of_twenty_hours_is_kept_also_by_a_cursor_of_an_earlier_version(
            self, instance: dg.DagsterInstance, automatic: PipelineResource, pipeline: Pipeline, keys: list[str],
            hours: int, is_asked_again: bool) -> None:
        self.observed(pipeline, keys[0], wape=0.9)
        before = json.dumps({keys[0]: str(datetime.now(UTC) - timedelta(hours=hours))})

        assert bool(retrain_when_needed(context(instance, automatic, before)).run_requests) == is_asked_again


@pytest.mark.usefixtures("pooled")
def test_production_is_measured_when_demand_was_refreshed(
        instance: dg.DagsterInstance, resource: PipelineResource, pipeline: Pipeline, keys: list[str]) -> None:
    train(instance, resource, keys[:2])
    promote.execute_in_process(instance=instance, resources={"pipeline": resource},
                               run_config=run_config(keys[:2], op="judge"))

    retraining = instance.create_run_for_job(defs.resolve_job_def("retrain"), status=dg.DagsterRunStatus.STARTED,
                                             tags={"demand/kind": "retrain"})
    assert "are being retrained" in watch_production(context(instance, resource)).skip_reason.skip_message
    instance.report_run_canceled(retraining)
    asked = watch_production(context(instance, resource))
    request = asked.run_requests[0]
    result = monitor.execute_in_process(instance=instance, resources={"pipeline": resource},
                                        run_config=request.run_config)

    assert result.success
    failed = watch_production(context(instance, resource, asked.cursor))
    assert "asked for again" in failed.skip_reason.skip_message  # that run had no tag: as though it never was
    kept = Cursor.read(asked.cursor)
    again = watch_production(context(instance, resource, replace(kept, asked_at=kept.asked_at - 3600).text()))
    assert keys_of(again.run_requests[0]) == keys_of(request)
    monitor.execute_in_process(instance=instance, resources={"pipeline": resource}, tags=again.run_requests[0].tags,
                               run_config=request.run_config)
    done = watch_production(context(instance, resource, again.cursor))
    assert "no new demand" in done.skip_reason.skip_message
    observed = latest(pipeline.store, datetime.now(UTC))
    in_production = {one for one in map(RegionItem.from_key, keys[:2]) if pipeline.registry.entry(one).production}
    assert {one.region_item for one in observed} == in_production
    assert all(isinstance(one, Observation) and one.new_periods == 0 for one in observed)
    assert measure(pipeline, [RegionItem("no", "where")], datetime.now(UTC)) == []
