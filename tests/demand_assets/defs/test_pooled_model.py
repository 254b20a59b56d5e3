"""The pooled model in the pipeline: trained once where there is none, renewed when asked, named by what needs it."""

from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import dagster as dg

from demand_assets.defs.assets import pooled_model, region_item
from demand_assets.defs.resources import PipelineResource
from demand_assets.forecasting.contract.dagster_names import RETRAINED_ASSETS, run_config
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.pipeline.outcomes import Outcome, RequestedBy
from demand_assets.pipeline.run import Pipeline
from demand_assets.settings import Settings

TODAY = RequestedBy(request_id="r1", run_id="run", by="a test")


def take_in(pipeline: Pipeline, ones: list[RegionItem]) -> None:
    list(pipeline.carry(ones, {"raw_demand", "demand"}, TODAY))


def train(pipeline: Pipeline, ones: list[RegionItem]) -> list[Outcome]:
    """In a run of its own: the same run goes on with what it has registered."""
    return list(pipeline.carry(ones, {"candidate_model"}, replace(TODAY, run_id=uuid4().hex)))


def test_the_first_training_makes_a_pooled_model_and_the_next_stands_on_it_too(pipeline: Pipeline) -> None:
    ones = list(pipeline.source.catalogue().region_items)
    take_in(pipeline, ones)

    first = train(pipeline, ones[:2])
    second = train(pipeline, ones[:1])

    assert pipeline.registry.pooled_production() == 1
    assert [outcome.details["pooled_version"] for outcome in (*first, *second)] == [1, 1, 1]
    assert pipeline.registry.load_pooled(1).card["region_items"] == len(ones)


def test_dagster_is_told_of_the_first_pooled_model_before_what_stands_on_it(
        pipeline: Pipeline, instance: dg.DagsterInstance, resource: PipelineResource) -> None:
    keys = [one.key for one in pipeline.source.catalogue().region_items]
    for _ in range(2):
        dg.materialize([region_item], selection=dg.AssetSelection.assets(*RETRAINED_ASSETS).without_checks(),
                       instance=instance, resources={"pipeline": resource}, run_config=run_config(keys[:2]))

    pooled = instance.fetch_materializations(dg.AssetKey("pooled_model"), limit=5).records
    candidates = instance.fetch_materializations(dg.AssetKey("candidate_model"), limit=9, ascending=True).records

    assert [one.asset_materialization.metadata["version"].value for one in pooled] == [1]
    assert pooled[0].storage_id < candidates[0].storage_id


def test_a_renewed_pooled_model_is_stood_on_from_then_on(settings: Settings, pipeline: Pipeline,
                                                         instance: dg.DagsterInstance,
                                                         resource: PipelineResource) -> None:
    ones = list(pipeline.source.catalogue().region_items)
    take_in(pipeline, ones)
    [before] = train(pipeline, ones[:1])
    settings.dataset.write_text(settings.dataset.read_text() + "\n[training]\nrounds = 25\n")  # else it is the same

    result = dg.materialize([pooled_model], instance=instance, resources={"pipeline": resource})
    [after] = train(pipeline, ones[:1])

    [made] = result.asset_materializations_for_node("pooled_model")
    assert made.metadata["version"].value == 2
    assert made.metadata["decision"].value == "promote"
    assert (before.details["pooled_version"], after.details["pooled_version"]) == (1, 2)
    again = pipeline.registry.load(ones[0], before.details["version"])
    assert again.pooled.version == 1


def test_a_short_region_item_is_told_who_serves_it(pipeline: Pipeline) -> None:
    ones = list(pipeline.source.catalogue().region_items)
    take_in(pipeline, ones)
    pipeline.store.write("demand", ones[0], pipeline.store.read("demand", ones[0]).tail(12).reset_index(drop=True))

    outcomes = {outcome.region_item: outcome for outcome in train(pipeline, ones)}

    assert outcomes[ones[0]].status == "quarantined"
    assert "too short for a model of its own" in outcomes[ones[0]].reason
    assert all("version" in outcomes[one].details for one in ones[1:])


def test_a_dataset_too_short_for_any_model_says_so_for_each(pipeline: Pipeline) -> None:
    ones = list(pipeline.source.catalogue().region_items)
    take_in(pipeline, ones)
    for one in ones:
        pipeline.store.write("demand", one, pipeline.store.read("demand", one).head(9))

    outcomes = train(pipeline, ones)

    assert len(outcomes) == len(ones)
    assert all("nothing to stand on yet" in outcome.reason for outcome in outcomes)
    assert pipeline.registry.pooled_production() is None


def test_a_region_items_own_files_stay_small(pipeline: Pipeline, tmp_path: Path) -> None:
    ones = list(pipeline.source.catalogue().region_items)
    take_in(pipeline, ones)
    [outcome] = train(pipeline, ones[:1])

    files = pipeline.registry.fetch(ones[0].model_name("shop"), outcome.details["version"], tmp_path)

    assert sum(file.stat().st_size for file in files.rglob("*") if file.is_file()) < 100_000
