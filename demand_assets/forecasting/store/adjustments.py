"""What planners say of the past of a region-item: what demand would usually have been, and which item it replaces.

The web app writes one small file for each region-item to the demand store; whoever reads demand finds the adjusted
units in a column of their own, beside the history and never over it. Features and what models learn from use them, in
training and in forecasting alike; what is shown, compared with and judged by stays what was sold.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pandas as pd

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.predecessors import Link
from demand_assets.forecasting.series.adjusted_demand import ADJUSTED
from demand_assets.forecasting.series.censored_demand import observed

_LINKS, _REPLACED_BY = "predecessors", "replaced_by"
"""Beside the dates in the file."""


class AdjustmentsError(ValueError):
    """A file of adjustments that cannot be read."""


def file_of(region_item: RegionItem) -> str:
    """The name of the region-item's file in the demand store."""
    return f"adjustments/{region_item.path}.json"


@dataclass(frozen=True)
class SaidByPlanners:
    """What planners said of a region-item's past."""

    units: Mapping[date, float] = field(default_factory=dict)
    """Date of a period -> units that are used in place of what was sold."""
    links: tuple[Link, ...] = ()
    """What its demand before its own is carried over from."""
    replaced_by: tuple[Link, ...] = ()
    """The links of other items that name it."""


NOTHING = SaidByPlanners()


def to_json(said: SaidByPlanners) -> dict[str, Any]:
    """The file's content, as JSON types."""
    links = {name: [link.to_json() for link in links] for name, links in (
        (_LINKS, said.links), (_REPLACED_BY, said.replaced_by)) if links}
    return {str(at): said.units[at] for at in sorted(said.units)} | links


def from_json(content: Any) -> SaidByPlanners:
    """What ``to_json`` gave.

    Raises: AdjustmentsError: it is something else.
    """
    try:
        links, replaced_by = (tuple(map(Link.from_json, content.get(name, ()))) for name in (_LINKS, _REPLACED_BY))
        return SaidByPlanners({date.fromisoformat(at): float(units) for at, units in content.items()
                        if at not in (_LINKS, _REPLACED_BY)}, links, replaced_by)
    except (ValueError, TypeError, AttributeError) as error:
        raise AdjustmentsError(f"the adjustments {str(content)[:60]!r} cannot be read: {error}") from error


def beside(demand: pd.DataFrame, units: Mapping[date, float]) -> pd.DataFrame:
    """Demand with the adjusted units in a column beside it; as it is where no adjusted period is known or out of stock.

    Args:
        demand: columns date and demand, at least.
        units: as for ``to_json``; periods that the demand does not know are left out.
    """
    if not units:
        return demand
    adjusted = demand["date"].map({pd.Timestamp(at): value for at, value in units.items()}).astype(float)
    adjusted = adjusted.where(observed(demand))
    return demand.assign(**{ADJUSTED: adjusted}) if adjusted.notna().any() else demand
