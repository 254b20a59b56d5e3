"""What an engineer sees on Dagster's pages after a training, and after the gate kept a candidate out."""

from collections.abc import Iterator
from dataclasses import replace

import dagster as dg
import pytest

from demand_assets.definitions import defs
from demand_assets.defs.assets import assets_of, region_item
from demand_assets.defs.events import event_of, pooled_events
from demand_assets.defs.resources import PipelineResource
from demand_assets.forecasting.contract.dagster_names import run_config
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.gate.gate import Decision
from demand_assets.pipeline.outcomes import Outcome, RequestedBy
from demand_assets.pipeline.run import Pipeline
from demand_assets.settings import Settings

KETTLE = RegionItem("north", "kettle")
NUMBERS = {"wape": 0.4, "bias": 0.2, "wape_production": 0.3, "wape_seasonal_naive": 0.5, "coverage_80": 0.81}


def newest(instance: dg.DagsterInstance, asset: str) -> dg.AssetMaterialization | None:
    record = instance.get_latest_materialization_event(dg.AssetKey(asset))
    return record.asset_materialization if record else None


def values(materialization: dg.AssetMaterialization) -> dict[str, object]:
    return {name: value.value for name, value in materialization.metadata.items()}


def retrain(instance: dg.DagsterInstance, resource: PipelineResource, keys: list[str]) -> dg.ExecuteInProcessResult:
    return dg.materialize([region_item], instance=instance, resources={"pipeline": resource},
                          run_config=run_config(keys))


def test_a_first_training_tells_the_pooled_model_before_its_candidates_and_a_keep_leaves_production_what_it_was(
        instance: dg.DagsterInstance, resource: PipelineResource, pipeline: Pipeline,
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_PAGE_URL", "http://mlflow:5000/")
    one = pipeline.source.catalogue().region_items[0]
    result = retrain(instance, resource, [one.key])

    told = [event.materialization.asset_key.to_user_string() for event in result.all_events
            if event.is_step_materialization]
    assert told.index("pooled_model") < told.index("candidate_model")
    pooled = newest(instance, "pooled_model")
    assert pooled is not None
    assert values(pooled)["version"] == 1
    assert values(pooled)["mlflow"] == "http://mlflow:5000/#/models/shop.pooled/versions/1"
    if pipeline.registry.entry(one).production is None:
        pipeline.registry.record_decision(one, 1, Decision("promote", "first"), "")

    again = retrain(instance, resource, [one.key])  # the same demand and recipe: nothing new

    assert [event for event in again.all_events if event.is_step_materialization
            and event.materialization.asset_key.to_user_string() == "pooled_model"] == []
    production = newest(instance, "production_model")
    assert production is not None
    assert pipeline.registry.entry(one).production == 1
    seen = values(production)
    assert (seen["version"], seen["candidate_version"], seen["verdict"]) == (1, 2, "keep")
    assert seen["mlflow"] == f"http://mlflow:5000/#/models/shop.{one.region}.{one.item}/versions/1"
    assert production.tags["dagster/data_version"] == "1"


def test_a_decision_that_puts_nothing_into_production_makes_no_production_model(resource: PipelineResource) -> None:
    kept = Outcome(KETTLE, "production_model", reason="worse than seasonal naive", details={
        "version": 1, "request_id": "", **NUMBERS, "verdict": "keep"})

    seen = event_of(kept, resource.settings, "shop")

    assert isinstance(seen, dg.AssetObservation)
    assert (seen.asset_key.to_user_string(), seen.partition) == ("production_model", KETTLE.key)
    assert seen.metadata["candidate_version"].value == 1
    assert seen.metadata["contest"].value == NUMBERS


def test_a_pooled_model_that_is_worse_leaves_the_asset_what_it_was(
        instance: dg.DagsterInstance, resource: PipelineResource, pipeline: Pipeline) -> None:
    list(pipeline.carry(pipeline.source.catalogue().region_items, {"raw_demand", "demand"}, RequestedBy()))
    first = pipeline.pool(RequestedBy())
    worse = replace(first, version=2, decision=Decision("keep", "it is worse"))

    @dg.asset(name="pooled_model", output_required=False)
    def made() -> Iterator[object]:
        yield from pooled_events(first, resource.settings, "shop")

    @dg.asset(name="pooled_model", output_required=False)
    def kept() -> Iterator[object]:
        yield from pooled_events(worse, resource.settings, "shop")

    assert all(dg.materialize([asset], instance=instance).success for asset in (made, kept))

    serving = newest(instance, "pooled_model")
    assert serving is not None
    assert values(serving)["version"] == 1
    [seen] = instance.fetch_observations(dg.AssetKey("pooled_model"), limit=9).records
    assert (seen.asset_observation.metadata["candidate_version"].value,
            seen.asset_observation.metadata["decision"].value) == (2, "keep")


def test_everything_says_what_it_is_for_and_who_answers_for_it(settings: Settings) -> None:
    specs = [spec for assets in assets_of(settings) for spec in assets.specs]

    assert len(specs) == 6
    assert all(spec.owners == ["team:demand-forecasting"] and spec.code_version and spec.description for spec in specs)
    aged = {spec.key.to_user_string(): spec.freshness_policy.fail_window.to_timedelta().days for spec in specs
            if spec.freshness_policy}
    assert aged == {"raw_demand": 14, "demand": 14}
    for one in (*(defs.sensors or []), *(defs.schedules or [])):
        assert one.description


def test_assets_are_shown_although_the_dataset_file_cannot_be_used(settings: Settings) -> None:
    settings.dataset.write_text("no dataset")

    broken = Settings(dataset=settings.dataset, state=settings.state, owners="a@example.org, team:models")

    specs = [spec for assets in assets_of(broken) for spec in assets.specs]
    assert {tuple(spec.owners) for spec in specs} == {("a@example.org", "team:models")}
    assert not any(spec.freshness_policy for spec in specs)


@pytest.mark.parametrize(("server", "page"), [
    ("http://mlflow:5000", "http://mlflow:5000/#/models/shop.a%20b.%C3%A9~7C/versions/2"),
    ("postgresql://mlflow", None), ("", None)])
def test_a_model_is_linked_where_there_are_pages(settings: Settings, monkeypatch: pytest.MonkeyPatch, server: str,
                                                 page: str | None) -> None:
    monkeypatch.setenv("MLFLOW_URL", server)

    assert Settings(dataset=settings.dataset).model_page("shop.a b.é~7C", 2) == page
