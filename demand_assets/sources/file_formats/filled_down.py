"""Tables in which a name stands in the first row of its block only, as below merged cells and in pivot tables."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from demand_assets.forecasting.contract.region_item import one_form
from demand_assets.forecasting.contract.source import SourceError


def filled_down(columns: Mapping[str, "pd.Series[Any]"], names: Sequence[str]) -> dict[str, "pd.Series[Any]"]:
    """The columns of these names with each empty value as the one above. Where a column to the left begins anew, an
    empty value stays empty, and so do those below it: it is the row of a total.

    Args:
        columns: those, and others of names, from left to right.
    """
    found: dict[str, pd.Series[Any]] = {}
    begins_anew: pd.Series[bool] | None = None
    for name, column in columns.items():
        is_empty = column.isna() | (column.astype(str).str.strip() == "") if name in names else pd.Series(
            np.zeros(len(column), dtype=bool))
        is_kept = ~is_empty if begins_anew is None else ~is_empty | begins_anew
        last = np.maximum.accumulate(np.where(is_kept, np.arange(len(column)), -1))
        filled = pd.Series(np.append(column.to_numpy(dtype=object), None)[last], dtype=object)
        if name in names:
            found[name] = filled
        changes = filled.ne(filled.shift())
        begins_anew = changes if begins_anew is None else begins_anew | changes
    return found


def columns_to_fill(names: Sequence[str], there: Sequence[str], where: str) -> list[str]:
    """Those of ``source.fill_down``, from left to right. Raises: SourceError: one is not there."""
    wanted = {one_form(name) for name in names}
    if missing := sorted(wanted - set(there)):
        raise SourceError(f"{where} has no column {missing[0]!r}, which source.fill_down names; it has "
                          f"{', '.join(map(repr, there[:40]))}. Correct the name, or leave it out.")
    return [name for name in there if name in wanted]
