"""What planners say that past demand would usually have been: kept beside the history, never over it.

The web app writes one small file for each region-item to the demand store; whoever reads demand finds the adjusted
units in a column of their own. Features and what models learn from use them, in training and in forecasting alike;
what is shown, compared with and judged by stays what was sold.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

import pandas as pd

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.series.adjusted import ADJUSTED
from demand_assets.forecasting.series.censored import observed


class AdjustmentsError(ValueError):
    """A file of adjustments that cannot be read."""


def file_of(region_item: RegionItem) -> str:
    """The name of the region-item's file in the demand store."""
    return f"adjustments/{region_item.path}.json"


def to_json(units: Mapping[date, float]) -> dict[str, float]:
    """The file's content, as JSON types.

    Args:
        units: date of a period -> units that are used in place of what was sold.
    """
    return {str(at): units[at] for at in sorted(units)}


def from_json(content: Any) -> dict[date, float]:
    """What ``to_json`` gave.

    Raises: AdjustmentsError: it is something else.
    """
    try:
        return {date.fromisoformat(at): float(units) for at, units in content.items()}
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
