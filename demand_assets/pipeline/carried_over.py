"""What a training says of the demand that region-items carry on from others: from which, how much, or why nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.series.adjusted_demand import CARRIED
from demand_assets.forecasting.series.carried_over_demand import CARRIED_FROM, why_nothing
from demand_assets.forecasting.store.demand_store import DemandStore
from demand_assets.forecasting.store.stored_files import NotInStoreError

_SHOWN = 8
"""How many region-items of each kind are told one by one."""


def carried_over(store: DemandStore, region_items: Sequence[RegionItem]) -> dict[str, dict[str, Any]]:
    """Key -> of each region-item with predecessors, ``from`` (words), ``periods`` and ``units`` that are carried over,
    and ``why_not`` where none are.

    Args:
        region_items: those asked about; those without predecessors are left out.
    """
    found: dict[str, dict[str, Any]] = {}
    for one in sorted(region_items):
        links = store.links_of(one)
        if not links:
            continue
        try:
            demand = store.read("demand", one)
        except NotInStoreError as error:
            found[one.key] = {"from": ", ".join(link.words for link in links), "periods": 0, "units": 0.0,
                              "why_not": str(error)}
            continue
        units = demand[CARRIED].to_numpy(dtype=np.float64) if CARRIED in demand else np.zeros(0)
        there = units[~np.isnan(units)]
        found[one.key] = {
            "from": demand.attrs.get(CARRIED_FROM) or ", ".join(link.words for link in links), "periods": len(there),
            "units": float(f"{there.sum():.12g}"),
            "why_not": "" if len(there) else why_nothing(demand, [
                (link, _stored(store, RegionItem(one.region, link.of))) for link in links])}
    return found


def carried_in_words(told: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The same as lines to read: what was carried over in one, then those that carry nothing over."""
    lines = []
    if there := {key: one for key, one in told.items() if one["periods"]}:
        each = "; ".join(f"{key} from {one['from']}: {one['periods']} periods, {one['units']:,.6g} units"
                         for key, one in list(there.items())[:_SHOWN])
        more = f"; and {len(there) - _SHOWN} more, all in the JSON file (JSON=…)" if len(there) > _SHOWN else ""
        lines.append(f"carried over, and no demand of their own: {each}{more}")
    nothing = [(key, one) for key, one in told.items() if not one["periods"]]
    lines += [f"{key}: nothing is carried over from {one['from']}: {one['why_not']}" for key, one in nothing[:_SHOWN]]
    if len(nothing) > _SHOWN:
        lines.append(f"and {len(nothing) - _SHOWN} more that carry nothing over")
    return lines


def _stored(store: DemandStore, region_item: RegionItem) -> pd.DataFrame | None:
    """Its demand, or what is stored of one that ended too long ago; None where neither is."""
    for stage in ("demand", "ended_demand"):
        try:
            return store.read(stage, region_item)
        except NotInStoreError:
            continue
    return None
