"""Many partitions in one run: each region-item's success and failure is its own."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from demand_assets.defs.assets import region_item
from demand_assets.defs.jobs import promote
from demand_assets.defs.partitions import region_items
from demand_assets.defs.resources import PipelineResource
from demand_assets.forecasting.contract.dagster_names import ASKED_BY_TAG, REQUEST_TAG, run_config
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.gate.gate import Decision
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.registry.registry import Registry
from demand_assets.forecasting.store.journal import FINAL_STEPS, Entry, Journal
from demand_assets.pipeline.outcomes import RequestedBy
from demand_assets.pipeline.run import Pipeline
from demand_assets.settings import Settings
from tests.demand_assets.conftest import PINNED, settings_in

ASSETS = ["raw_demand", "demand", "features_for_inspection", "candidate_model", "production_model"]


def run(instance: dg.DagsterInstance, resource: PipelineResource, assets: Sequence[str], *,
        keys: Sequence[str] = (), whole_range: tuple[str, str] | None = None,
        request_id: str = "") -> dg.ExecuteInProcessResult:
    tags = {REQUEST_TAG: request_id}
    if whole_range:
        tags |= {"dagster/asset_partition_range_start": whole_range[0],
                 "dagster/asset_partition_range_end": whole_range[1]}
    return dg.materialize(
        [region_item], selection=dg.AssetSelection.assets(*assets).without_checks(), instance=instance,
        resources={"pipeline": resource}, raise_on_error=False, tags=tags,
        run_config=run_config(keys) if keys else None)


def journal(pipeline: Pipeline) -> list[Entry]:
    found = Journal(pipeline.store)
    return [entry for name in found.files_after("") for entry in found.read(name)]


def failed_partitions(instance: dg.DagsterInstance, asset: str) -> set[str]:
    keys = instance.get_dynamic_partitions("region_items")
    statuses = instance.get_status_by_partition(dg.AssetKey(asset), keys, region_items) or {}
    return {key for key, status in statuses.items() if status is dg.AssetPartitionStatus.FAILED}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a dataset whose models are made fast."""
    return settings_in(tmp_path, PINNED)


@pytest.fixture
def keys(pipeline: Pipeline) -> list[str]:
    return [one.key for one in pipeline.source.catalogue().region_items]


def test_a_range_goes_from_the_source_to_production(
        pipeline: Pipeline, instance: dg.DagsterInstance, resource: PipelineResource, keys: list[str]) -> None:
    result = run(instance, resource, ASSETS, whole_range=(keys[0], keys[-1]), request_id="r1")

    assert result.success
    for asset in ASSETS[:-1]:
        assert instance.get_materialized_partitions(dg.AssetKey(asset)) == set(keys)
    in_production = {key for key in keys if pipeline.registry.entry(RegionItem.from_key(key)).production}
    assert instance.get_materialized_partitions(dg.AssetKey("production_model")) == in_production
    assert failed_partitions(instance, "production_model") == set()
    for one in pipeline.source.catalogue().region_items:
        assert pipeline.registry.entry(one).candidate == 1
    steps = {(entry.region_item.key, entry.step) for entry in journal(pipeline) if entry.request_id == "r1"}
    assert {(key, step) for key in keys for step in ("started", "validated", "trained")} <= steps
    assert {key for key, step in steps if step in ("promoted", "kept")} == set(keys)


@pytest.mark.parametrize("scattered", [True, False], ids=["keys in the configuration", "range"])
def test_a_bad_region_item_fails_alone(pipeline: Pipeline, instance: dg.DagsterInstance, resource: PipelineResource,
                                       settings: Settings, keys: list[str], scattered: bool) -> None:
    bad = RegionItem.from_key(keys[1])
    list(pipeline.carry([RegionItem.from_key(key) for key in keys], {"raw_demand"}, RequestedBy()))
    pipeline.store.remove("raw_demand", bad)

    result = run(instance, resource, ["demand", "features_for_inspection"], request_id="r2",
                 **({"keys": keys} if scattered else {"whole_range": (keys[0], keys[-1])}))

    assert not result.success
    assert instance.get_materialized_partitions(dg.AssetKey("demand")) == set(keys) - {bad.key}
    # Without being told, Dagster knows of those only that the run said at its start it would make.
    is_told = settings.dagster_failures == "reported"
    assert failed_partitions(instance, "demand") == ({bad.key} if is_told or not scattered else set())
    failure = [entry for entry in journal(pipeline) if entry.step == "failed"]
    assert [(entry.region_item, entry.request_id) for entry in failure] == [(bad, "r2")]
    assert "raw_demand" in failure[0].reason


@pytest.mark.parametrize("asked_by", ["", "sensor: new demand"])
def test_what_a_scattered_retrain_never_reached_has_failed_in_dagster_too(
        instance: dg.DagsterInstance, resource: PipelineResource, settings: Settings, keys: list[str],
        asked_by: str) -> None:
    settings.dataset.write_text("no dataset")
    tags = {ASKED_BY_TAG: asked_by} if asked_by else {}
    result = dg.materialize([region_item], selection=dg.AssetSelection.assets(*ASSETS).without_checks(),
                            instance=instance, resources={"pipeline": resource}, raise_on_error=False, tags=tags,
                            run_config=run_config(keys[::2]))

    assert not result.success
    is_told = settings.dagster_failures == "reported" and not asked_by
    assert failed_partitions(instance, "production_model") == (set(keys[::2]) if is_told else set())


def test_a_run_without_region_items_says_what_to_do(instance: dg.DagsterInstance, resource: PipelineResource,
                                                    pipeline: Pipeline) -> None:
    result = run(instance, resource, ["raw_demand"])

    assert "pick partitions" in result.get_step_failure_events()[0].step_failure_data.error_display_string


@pytest.mark.usefixtures("pooled")
def test_judging_twice_decides_once(pipeline: Pipeline, instance: dg.DagsterInstance, resource: PipelineResource,
                                    keys: list[str]) -> None:
    run(instance, resource, ASSETS, keys=keys[:1])
    before = pipeline.registry.entry(RegionItem.from_key(keys[0]))

    again = promote.execute_in_process(instance=instance, resources={"pipeline": resource},
                                       run_config=run_config(keys[:1], op="judge"))

    assert again.success
    assert pipeline.registry.entry(RegionItem.from_key(keys[0])) == before
    assert len([entry for entry in journal(pipeline) if entry.step in ("promoted", "kept")]) == 1


class PromotedMeanwhile(Registry):
    """Another run promotes version 1 while a later candidate is judged."""

    has_promoted = False

    def load(self, region_item: RegionItem, version: int) -> ForecastModel:
        model = super().load(region_item, version)
        if not self.has_promoted:
            self.has_promoted = True
            self.record_decision(region_item, 1, Decision("promote", "by another run"), "")
        return model


def carried_to_candidate(pipeline: Pipeline, one: RegionItem, asked: RequestedBy) -> None:
    stages = {"raw_demand", "demand", "features_for_inspection", "candidate_model"}
    assert [outcome.status for outcome in pipeline.carry([one], stages, asked)] == ["done"] * 4


@pytest.mark.usefixtures("pooled")
def test_a_candidate_is_judged_again_when_another_run_promoted_meanwhile(pipeline: Pipeline, settings: Settings,
                                                                         keys: list[str]) -> None:
    one = RegionItem.from_key(keys[0])
    for _ in range(2):
        carried_to_candidate(pipeline, one, RequestedBy())
    registry = PromotedMeanwhile(settings.registry_uri, "shop", f"{settings.folder}/mlflow/artifacts")

    outcome, = replace(pipeline, registry=registry).carry([one], {"production_model"}, RequestedBy())

    assert (outcome.details["version"], outcome.details["replaced"]) == (2, 1)
    entry = registry.entry(one)
    assert entry.production == (2 if outcome.details["verdict"] == "promote" else 1)
    assert entry.promoted_at is not None


class PinnedMeanwhile(Registry):
    """A person pins version 1 while a later candidate is judged."""

    has_pinned = False

    def load(self, region_item: RegionItem, version: int) -> ForecastModel:
        if not self.has_pinned:
            self.has_pinned = True
            self.pin(region_item, 1, "ada", "Christmas")
        return super().load(region_item, version)


@pytest.mark.usefixtures("pooled")
def test_a_pinned_model_is_not_replaced_whoever_asks(pipeline: Pipeline, instance: dg.DagsterInstance,
                                                     resource: PipelineResource, keys: list[str]) -> None:
    one = RegionItem.from_key(keys[0])
    run(instance, resource, ASSETS, keys=keys[:1])
    pipeline.registry.record_decision(one, 1, Decision("promote", "first"), "")
    pipeline.registry.pin(one, 1, "ada", "Christmas")

    run(instance, resource, ASSETS, keys=keys[:1], request_id="a planner's")
    carried_to_candidate(pipeline, one, RequestedBy("another's"))
    promote.execute_in_process(instance=instance, resources={"pipeline": resource},
                               run_config=run_config(keys[:1], op="judge"))

    kept = {entry.request_id: entry.reason for entry in journal(pipeline) if entry.step == "kept" and entry.request_id}
    assert set(kept) == {"a planner's", "another's"}
    assert all(reason.startswith("pinned by ada: Christmas; the candidate would") for reason in kept.values())
    entry = pipeline.registry.entry(one)
    assert (entry.production, entry.candidate, entry.pinned_by) == (1, 3, "ada")


@pytest.mark.usefixtures("pooled")
def test_a_pin_that_comes_while_a_candidate_is_judged_counts(pipeline: Pipeline, settings: Settings,
                                                             keys: list[str]) -> None:
    one = RegionItem.from_key(keys[0])
    carried_to_candidate(pipeline, one, RequestedBy())
    pipeline.registry.record_decision(one, 1, Decision("promote", "first"), "")
    carried_to_candidate(pipeline, one, RequestedBy())
    registry = PinnedMeanwhile(settings.registry_uri, "shop", f"{settings.folder}/mlflow/artifacts")

    outcome, = replace(pipeline, registry=registry).carry([one], {"production_model"}, RequestedBy())

    assert outcome.reason.startswith("pinned by ada: Christmas")
    assert registry.entry(one).production == 1


@pytest.mark.usefixtures("pooled")
def test_a_version_that_was_rolled_back_from_is_not_judged_and_promoted_again(
        pipeline: Pipeline, instance: dg.DagsterInstance, resource: PipelineResource, keys: list[str]) -> None:
    one = RegionItem.from_key(keys[0])
    for version in (1, 2):
        carried_to_candidate(pipeline, one, RequestedBy())
        pipeline.registry.record_decision(one, version, Decision("promote", "better"), "")
    pipeline.registry.roll_back(one, 1, 2, "ada", "too high")

    promote.execute_in_process(instance=instance, resources={"pipeline": resource},
                               run_config=run_config(keys[:1], op="judge"))

    entry = pipeline.registry.entry(one)
    assert (entry.production, entry.candidate, entry.decided) == (1, 2, 2)


@pytest.mark.usefixtures("pooled")
def test_the_journal_says_who_asked(pipeline: Pipeline, keys: list[str]) -> None:
    list(pipeline.carry([RegionItem.from_key(keys[0])], set(ASSETS), RequestedBy("r1", "run1", "sensor: new demand")))

    assert {entry.asked_by for entry in journal(pipeline)} == {"sensor: new demand"}


@pytest.mark.usefixtures("pooled")
def test_a_retrain_whose_candidate_was_replaced_before_it_was_judged_comes_to_an_end(pipeline: Pipeline,
                                                                                     keys: list[str]) -> None:
    one = RegionItem.from_key(keys[0])
    for request in ("first", "second"):
        carried_to_candidate(pipeline, one, RequestedBy(request))

    for request in ("first", "second"):
        list(pipeline.carry([one], {"production_model"}, RequestedBy(request)))

    ends = {entry.request_id: entry for entry in journal(pipeline) if entry.step in FINAL_STEPS}
    assert sorted(ends) == ["first", "second"]
    assert "a later retrain's v2 was judged instead" in ends["first"].reason
    assert len([entry for entry in journal(pipeline) if entry.step in FINAL_STEPS]) == 2


@pytest.mark.usefixtures("pooled")
def test_partition_checks_are_recorded(pipeline: Pipeline, instance: dg.DagsterInstance, resource: PipelineResource,
                                       keys: list[str]) -> None:
    run(instance, resource, ASSETS, keys=keys[:2])

    for asset, check in (("demand", "schema_holds"), ("candidate_model", "beats_seasonal_naive"),
                         ("candidate_model", "intervals_cover")):
        records = instance.event_log_storage.get_asset_check_execution_history(
            dg.AssetCheckKey(dg.AssetKey(asset), check), limit=10)
        partitions = {record.event.dagster_event.event_specific_data.partition for record in records}
        assert partitions == set(keys[:2])
