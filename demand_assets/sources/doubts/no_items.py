"""Columns of a table with a column for each item, or region, that are perhaps none, by what they are called."""

import json
from collections.abc import Iterable

from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.demand.source_entries import FileSource
from demand_assets.sources.column_names import is_word_for

_KINDS = ("price", "cost", "promo", "holiday", "open", "closed", "weather", "calendar", "money", "afterwards", "stock")
_MOST = 10
"""So many are told one by one."""


def columns_of_no_items(dataset: Dataset, regions: Iterable[str], items: Iterable[str]) -> list[str]:
    """Words for each column that is read as an item, or a region, and is called as prices, the weather and the like
    are: where any column may come to a table, it is taken for one.

    Args:
        regions, items: that are used, in their long names.
    """
    source = dataset.source
    if not isinstance(source, FileSource) or source.layout not in ("items", "regions"):
        return []
    ours = source.layout.removesuffix("s")
    if f"{{{ours}}}" in dataset.columns.demand:
        return []
    names = sorted(name for name in set(items if ours == "item" else regions) if is_word_for(name, _KINDS))
    shown = {name: json.dumps(name, ensure_ascii=False) for name in names[:_MOST]}
    told = [f"the column {name!r} is read as the demand of {'an item' if ours == 'item' else 'a region'} of that name; "
            f"if it is none, declare it under [[drivers]], or set rules.leave_out_{ours}s = [{as_toml}]"
            for name, as_toml in shown.items()]
    if len(names) > _MOST:
        told.append(f"and {len(names) - _MOST} more columns whose names are no {ours}s'")
    return told
