"""Region-items as Dagster partitions: one dynamic set, added region-major so that a region is one contiguous range."""

from collections.abc import Sequence

import dagster as dg

from demand_assets.forecasting.contract.dagster_names import REGION_ITEMS
from demand_assets.forecasting.contract.region_item import RegionItem

region_items = dg.DynamicPartitionsDefinition(name=REGION_ITEMS)


def missing_keys(present: Sequence[str], wanted: Sequence[RegionItem]) -> list[str]:
    """Keys of region-items that are no partitions yet, region-major."""
    known = set(present)
    return [region_item.key for region_item in sorted(wanted) if region_item.key not in known]


def sync_partitions(instance: dg.DagsterInstance, wanted: Sequence[RegionItem]) -> list[str]:
    """Add a partition for each new region-item; the keys that were added."""
    added = missing_keys(instance.get_dynamic_partitions(str(region_items.name)), wanted)
    if added:
        instance.add_dynamic_partitions(str(region_items.name), added)
    return added
