"""Asset checks for each partition: schema, freshness, beats seasonal naive, interval coverage.

A run that makes a partition records them as it goes; each can also be run by itself.
"""

from collections.abc import Iterator
from datetime import date
from math import isnan
from typing import Any

import dagster as dg

from demand_assets.defs.partitions import region_items
from demand_assets.defs.resources import PipelineResource
from demand_assets.forecasting.contract.dagster_names import CANDIDATE_MODEL, DEMAND
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.series.censored_demand import observed
from demand_assets.forecasting.store.stored_files import NotInStoreError
from demand_assets.pipeline.outcomes import Outcome

COVERAGE_RANGE = (0.6, 0.95)
"""Share of backtest actuals inside the 80 % interval that passes for one region-item."""
DAYS_BEHIND = {"D": 2, "W": 14, "M": 62, "Q": 184}
"""How far demand of a region-item may end before the source's, by frequency."""


def evaluations(outcome: Outcome) -> Iterator[dg.AssetCheckEvaluation]:
    """The checks of a partition that has just been made, or refused."""
    if outcome.asset == DEMAND:
        yield _evaluation("schema_holds", outcome, outcome.status == "done",
                          {"reason": outcome.reason or "every rule holds",
                           "quarantined_by_rule": outcome.details.get("quarantined_by_rule", {})})
    if outcome.asset == CANDIDATE_MODEL and outcome.status == "done":
        wape, naive, share = (outcome.details[name] for name in ("wape", "wape_seasonal_naive", "coverage_80"))
        yield _evaluation("beats_seasonal_naive", outcome, beats_naive(wape, naive),
                          {"wape": str(wape), "wape_seasonal_naive": str(naive)})
        yield _evaluation("intervals_cover", outcome, covers(share),
                          {"coverage_80": str(share), "allowed": f"{COVERAGE_RANGE}"})


def beats_naive(wape: float, naive: float) -> bool:
    """Whether the backtest is no worse than seasonal naive; true where nothing was sold."""
    return isnan(wape) or isnan(naive) or wape <= naive


def covers(share: float) -> bool:
    """Whether the 80 % interval's coverage on the backtest is acceptable."""
    return isnan(share) or COVERAGE_RANGE[0] <= share <= COVERAGE_RANGE[1]


def _evaluation(name: str, outcome: Outcome, passed: bool, metadata: dict[str, Any]) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(outcome.asset), check_name=name, passed=passed, metadata=metadata,
        severity=dg.AssetCheckSeverity.WARN, partition=outcome.region_item.key)


@dg.asset_check(asset=DEMAND, partitions_def=region_items)
def schema_holds(context: dg.AssetCheckExecutionContext, pipeline: PipelineResource) -> dg.AssetCheckResult:
    """The region-item has demand that passed its schema, and nothing of its last load is in quarantine."""
    opened, one = pipeline.open(), RegionItem.from_key(context.partition_key)
    try:
        refused = opened.store.read("quarantine", one)
        stored = opened.store.has("demand", one)
    except NotInStoreError as error:
        return dg.AssetCheckResult(passed=False, metadata={"reason": str(error)})
    return dg.AssetCheckResult(passed=stored and refused.empty, severity=dg.AssetCheckSeverity.WARN, metadata={
        "quarantined_by_rule": {str(rule): int(count) for rule, count in refused["rule"].value_counts().items()}})


@dg.asset_check(asset=DEMAND, partitions_def=region_items)
def is_fresh(context: dg.AssetCheckExecutionContext, pipeline: PipelineResource) -> dg.AssetCheckResult:
    """The region-item's demand ends no more than a few periods before the source's."""
    opened, one = pipeline.open(), RegionItem.from_key(context.partition_key)
    last_in_source = opened.source.catalogue().last_date
    try:
        demand = opened.store.read("demand", one)
    except NotInStoreError as error:
        return dg.AssetCheckResult(passed=False, metadata={"reason": str(error)})
    last: date = demand.loc[observed(demand), "date"].iloc[-1].date()
    behind = (last_in_source.date() - last).days if last_in_source is not None else 0
    allowed = DAYS_BEHIND[opened.dataset.frequency]
    return dg.AssetCheckResult(passed=behind <= allowed, severity=dg.AssetCheckSeverity.WARN,
                               metadata={"last_date": str(last), "days_behind": behind, "days_allowed": allowed})


@dg.asset_check(asset=CANDIDATE_MODEL, partitions_def=region_items)
def beats_seasonal_naive(context: dg.AssetCheckExecutionContext, pipeline: PipelineResource) -> dg.AssetCheckResult:
    """The candidate's backtest is no worse than seasonal naive."""
    tags = _candidate_tags(context.partition_key, pipeline)
    wape, naive = float(tags.get("wape", "inf")), float(tags.get("wape_seasonal_naive", "-inf"))
    return dg.AssetCheckResult(passed=beats_naive(wape, naive), severity=dg.AssetCheckSeverity.WARN,
                               metadata={"wape": str(wape), "wape_seasonal_naive": str(naive)})


@dg.asset_check(asset=CANDIDATE_MODEL, partitions_def=region_items)
def intervals_cover(context: dg.AssetCheckExecutionContext, pipeline: PipelineResource) -> dg.AssetCheckResult:
    """The candidate's 80 % interval held about 80 % of the backtest's actuals."""
    share = float(_candidate_tags(context.partition_key, pipeline).get("coverage_80", "0"))
    return dg.AssetCheckResult(passed=covers(share), severity=dg.AssetCheckSeverity.WARN,
                               metadata={"coverage_80": str(share), "allowed": f"{COVERAGE_RANGE}"})


def _candidate_tags(key: str, pipeline: PipelineResource) -> dict[str, str]:
    """The tags of the partition's candidate; none when it was never trained."""
    registry, one = pipeline.open().registry, RegionItem.from_key(key)
    entry = registry.entry(one)
    return registry.tags(one, entry.candidate) if entry and entry.candidate else {}


ALL = [schema_holds, is_fresh, beats_seasonal_naive, intervals_cover]
