"""Columns of a table with a column for each item, or region, that are perhaps none, by what they are called."""

from demand_assets.forecasting.contract.source import Catalogue
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.demand.source_entries import FileSource
from demand_assets.proposals.columns.names import called
from demand_assets.proposals.draft import written

_KINDS = ("price", "cost", "promo", "holiday", "open", "closed", "weather", "calendar", "money", "afterwards", "stock")
_SURE = 3


def columns_of_no_items(dataset: Dataset, catalogue: Catalogue) -> list[str]:
    """Words for each column that is read as an item, or a region, and is called as prices, the weather and the like
    are: where any column may come to a table, it is taken for one."""
    source = dataset.source
    if not isinstance(source, FileSource) or source.layout not in ("items", "regions"):
        return []
    ours = source.layout.removesuffix("s")
    if f"{{{ours}}}" in dataset.columns.demand:
        return []
    names = sorted({catalogue.long_names.get(name, name)
                    for name in (getattr(one, ours) for one in catalogue.region_items)})
    return [f"the column {name!r} is read as the demand of {'an item' if ours == 'item' else 'a region'} of that name; "
            f"if it is none, declare it under [[drivers]], or set rules.leave_out_{ours}s = [{written(name)}]"
            for name in names if any(called(name, kind) == _SURE for kind in _KINDS)]
