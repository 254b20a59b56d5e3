"""What several rows of one period mean: repeated, added up, averaged, the last of them, or refused."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.contract.periods import WORDS, Mask, Ordinals
from demand_assets.forecasting.contract.quarantine import Refusals
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.series.gapped import Floats
from demand_assets.forecasting.validation.date_rules import by_owner


@dataclass(frozen=True)
class RowValues:
    """What several rows of a period are put together of; parallel, changed in place."""

    owner: Ordinals
    number: Ordinals
    demand: Floats
    drivers: dict[str, npt.NDArray[Any]]
    out: Floats
    """1 out of stock, 0 not, NaN where nothing tells."""


def accept_several(refusals: Refusals, dataset: Dataset, rows: RowValues, is_taken: Mask) -> tuple[Mask, Mask, Mask]:
    """Rows left out because they are identical to another of their period, because they were put together with another,
    and because they contradict another; the values of what stands for its period are changed in place."""
    nothing = np.zeros(len(rows.owner), dtype=bool)
    is_repeated, is_combined, is_refused = nothing.copy(), nothing.copy(), nothing.copy()
    at = np.flatnonzero(is_taken)
    at = at[by_owner(rows.owner[at], rows.number[at])]
    if ((np.diff(rows.number[at]) != 0) | (np.diff(rows.owner[at]) != 0)).all():
        return is_repeated, is_combined, is_refused
    at = np.sort(at)
    keys = pd.DataFrame({"owner": rows.owner[at], "number": rows.number[at]})
    is_one_of_several = keys.duplicated(keep=False).to_numpy()
    at = at[is_one_of_several]
    if not len(at):
        return is_repeated, is_combined, is_refused
    at = at[np.argsort(refusals.panel["row"].to_numpy()[at], kind="stable")]
    group = pd.DataFrame({"owner": rows.owner[at], "number": rows.number[at]}).groupby(
        ["owner", "number"], sort=False).ngroup().to_numpy(dtype=np.intp)
    values = pd.DataFrame({"demand": rows.demand[at], "out": rows.out[at],
                           **{f"driver {name}": column[at] for name, column in rows.drivers.items()}})
    refused = np.full(len(at), "", dtype=object)
    is_marked = refusals.of_demand[at]
    refused[is_marked] = refusals.texts("demand", at[is_marked])
    first = ~pd.Series(group).duplicated().to_numpy()
    rule = dataset.rules.several_rows
    if rule is None:
        is_repeated[at] = values.assign(refused=refused, group=group).duplicated().to_numpy()
        by_group = values.assign(refused=refused).groupby(group)
        is_clear = (by_group.nunique() <= 1).all(axis=1).to_numpy()[group]
        combined = values.groupby(group).first()
    elif rule == "refuse":
        is_clear, combined = np.zeros(len(at), dtype=bool), values.groupby(group).first()
    else:
        is_clear, combined = np.ones(len(at), dtype=bool), _combined(values, group, rule, dataset)
        marked = pd.Series(is_marked).groupby(group)
        combined.loc[marked.any().to_numpy() if rule != "last" else marked.last().to_numpy(), "demand"] = np.nan
    stands = at[first & is_clear]
    rows.demand[stands] = combined["demand"].to_numpy()[group[first & is_clear]]
    rows.out[stands] = combined["out"].to_numpy()[group[first & is_clear]]
    for name, column in rows.drivers.items():
        column[stands] = combined[f"driver {name}"].to_numpy(dtype=column.dtype)[group[first & is_clear]]
        if column.dtype == object:
            column[stands] = np.where(pd.isna(column[stands]), None, column[stands])
    is_combined[at] = ~first & is_clear & ~is_repeated[at]
    is_refused[at] = ~is_clear & ~is_repeated[at]
    period = WORDS[dataset.frequency][0]
    refusals.add(is_refused, "date", "conflicting",
                 lambda n, value: f"Several rows{'' if rule == 'refuse' else ' with different values'} for the "
                           f"{period} of {value}; which holds is not known, so none is taken. Say what several rows "
                           f"mean with rules.several_rows = 'sum', 'mean' or 'last', or keep one row a {period}.")
    return is_repeated, is_combined, is_refused


def _combined(values: pd.DataFrame, group: npt.NDArray[np.integer[Any]], rule: str, dataset: Dataset) -> pd.DataFrame:
    """The values of each group's rows put together: unknown ones do not count."""
    grouped = values.groupby(group)
    combined = grouped.last()
    if rule == "last":
        return combined
    combined["out"] = grouped["out"].max()  # at least so much, if of any part
    combined["demand"] = grouped["demand"].sum(min_count=1) if rule == "sum" else grouped["demand"].mean()
    for driver in dataset.drivers:
        column = f"driver {driver.name}"
        if driver.name in dataset.money.by_row:
            combined[column] = _weighted_mean(values[column], values["demand"], group)
        elif driver.kind != "category":
            combined[column] = grouped[column].mean() if driver.kind == "number" else grouped[column].max()
    return combined


def _weighted_mean(amounts: "pd.Series[float]", units: "pd.Series[float]",
                   group: npt.NDArray[np.integer[Any]]) -> "pd.Series[float]":
    """The mean of each group's known amounts, weighed by the units sold at each; the plain one where nothing was."""
    sold = units.where(amounts.notna() & (units > 0), 0.0)
    weights = sold.groupby(group).sum()
    weighed = (sold * amounts.fillna(0.0)).groupby(group).sum() / weights.where(weights > 0)
    return weighed.fillna(amounts.groupby(group).mean())
