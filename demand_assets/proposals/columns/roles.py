"""Which column is the date, the region, the item and the demand: asked in this order."""


import pandas as pd

from demand_assets.proposals.columns.date_columns import (
    choose_date,
    date_readings,
    frequency_found,
    may_be_date,
    read_periods,
    take_dates_of_names,
)
from demand_assets.proposals.columns.facts import Facts
from demand_assets.proposals.columns.found_roles import Roles
from demand_assets.proposals.columns.keys_and_demand import choose_demand, choose_keys, fill_keys
from demand_assets.proposals.columns.periods import (
    Reading,
)
from demand_assets.proposals.terminal_questions import Ask
from demand_assets.sources.column_names import called


def roles_of(facts: Facts, ask: Ask, is_wide: bool, wide: Reading | None, today: pd.Timestamp) -> Roles:
    """Which column is what.

    Args:
        is_wide: whether the columns' names are dates, which then are no columns here.
        wide: how these were read.
    Raises: CannotProposeError: there is no date, or no demand.
    """
    roles = Roles()
    by_name = [column for column in facts.columns if any(map(str.strip, column.distinct))]
    readings: dict[str, list[Reading]] = {}
    if is_wide and wide is not None and facts.dates is not None:
        take_dates_of_names(roles, facts, wide)
    else:
        readings = {column.name: found for column in by_name
                    if may_be_date(column) and (found := date_readings(column))}
    named = [name for name in readings
             if not called(name, "date") and max(called(name, "item"), called(name, "region")) == 3]
    for name in named if len(named) < len(readings) else ():
        del readings[name]
    dates = set(readings)
    if not is_wide:
        choose_date(roles, by_name, readings, facts)
    choose_keys(roles, [column for column in by_name if column.name not in dates], facts)
    if not is_wide:
        choose_demand(roles, [column for column in by_name if column.name not in dates], ask, facts)
        fill_keys(roles, [column for column in by_name if column.name not in dates], facts)
    elif roles.region is None and roles.item is None:
        fill_keys(roles, by_name, facts)
    if is_wide:
        roles.frequency, why = frequency_found(roles, facts, wide.by if wide else "D")
        roles.reasons["frequency"] = why
        return roles
    read_periods(roles, facts, readings, ask, today)
    return roles
