"""Columns of a source that look like the price or the cost of a unit, and that its dataset file does not use."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from pydantic import ValidationError

from demand_assets.forecasting.contract.source import SourceError
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.demand.source_entries import FileSource
from demand_assets.proposals.cannot_propose import CannotProposeError
from demand_assets.proposals.columns.drivers import drivers_of
from demand_assets.proposals.columns.facts import facts_of_file
from demand_assets.proposals.columns.own_price_and_cost import ProposedAmount
from demand_assets.proposals.columns.roles import roles_of
from demand_assets.proposals.samples import sampled
from demand_assets.proposals.tables import groups_in


def unused_money(dataset: Dataset, today: pd.Timestamp | None = None) -> list[ProposedAmount]:
    """The columns that ``[money]`` could name, at most one of each kind; none where it names one already, and none of
    sources that are no files of this machine or cannot be looked at.

    Args:
        today: the real one unless given.
    """
    source = dataset.source
    if not isinstance(source, FileSource) or "://" in source.path or "$" in source.path:
        return []
    used = {*dataset.of_source.columns.drivers.values(), *dataset.driver_names,
            *(attribute.column or attribute.name for attribute in dataset.attributes),
            *(value for value in (dataset.columns.date, dataset.columns.region, dataset.columns.item,
                                  dataset.columns.demand) if value)}
    today = today or pd.Timestamp.now().normalize()
    try:
        group = groups_in(source.path)[0]
        with TemporaryDirectory(prefix="demand-sample-") as folder:
            path = sampled(group, Path(folder)) if group.is_large else group.path
            read = {"kind": "file", "path": path, **group.source}
            if group.is_large:
                read.pop("format", None)
            facts = facts_of_file(read, group.names, (), None, "D")
            roles = roles_of(facts, lambda _, __, usual: usual, False, None, today)
            demand = facts.column(roles.demand) if roles.demand else None
            found = drivers_of(facts, roles, demand.numbers).money if demand is not None else []
    except (CannotProposeError, SourceError, ValidationError):  # what can be told of the data is told elsewhere
        return []
    return [one for one in found if one.column is not None and one.column.name not in used
            and dataset.amount(one.kind) is None]
