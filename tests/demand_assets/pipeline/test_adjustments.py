"""A planner's adjustment reaches the next training, and its model says so."""

import pandas as pd

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.pipeline.outcomes import Outcome, RequestedBy
from demand_assets.pipeline.run import Pipeline

ASSETS = ["raw_demand", "demand", "features_for_inspection", "candidate_model", "production_model"]


def train(pipeline: Pipeline, one: RegionItem) -> Outcome:
    found = {outcome.asset: outcome for outcome in pipeline.carry([one], ASSETS, RequestedBy())}
    return found["candidate_model"]


def test_an_adjustment_changes_the_next_training_and_its_hash(pipeline: Pipeline) -> None:
    one = pipeline.source.catalogue().region_items[0]
    before = train(pipeline, one)
    demand = pipeline.store.read("demand", one)
    last = demand.loc[demand["demand"].notna()].iloc[-5]
    pipeline.store.write_adjustments(one, {last["date"].date(): last["demand"] + 100})

    after = train(pipeline, one)  # takes its demand in again, which leaves the adjustment beside it

    assert (before.details["adjustments"], after.details["adjustments"]) == (0, 1)
    assert before.details["data_hash"] != after.details["data_hash"]
    tags = pipeline.registry.tags(one, after.details["version"])
    assert (tags["adjustments"], tags["data_hash"]) == ("1", after.details["data_hash"])
    assert pipeline.store.read("demand", one)["demand"].equals(demand["demand"])


def test_the_pooled_model_learns_it_too(pipeline: Pipeline) -> None:
    ones = pipeline.source.catalogue().region_items
    for one in ones:
        train(pipeline, one)
    before = pipeline.pool(RequestedBy()).model
    demand = pipeline.store.read("demand", ones[0])
    known = demand.loc[demand["demand"].notna()].tail(40)
    pipeline.store.write_adjustments(ones[0], {
        pd.Timestamp(at).date(): units * 5 + 10 for at, units in zip(known["date"], known["demand"], strict=True)})

    after = pipeline.pool(RequestedBy()).model

    learned, learned_before = ([booster.save_raw() for booster in model.latest.boosters.values()]
                               for model in (after, before))
    assert learned != learned_before
