"""Numbers that count up within a month or a year, as "month to date" does: no demand of a period."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.contract.periods import WORDS
from demand_assets.proposals.cannot_propose import CannotProposeError
from demand_assets.proposals.columns.facts import Facts
from demand_assets.proposals.columns.found_roles import Roles
from demand_assets.proposals.columns.periods import series_codes

_FEWEST_STEPS, _FEWEST_TURNS = 20, 2
_MOSTLY, _NEARLY_ALL = 0.5, 0.99
_ANEW = 0.7
"""Of what was reached: from so little on the count begins anew."""


def check_counted_up(facts: Facts, roles: Roles, demand: npt.NDArray[np.float64]) -> None:
    """Nothing, where numbers do not grow within each month, or each year, and begin anew in the next.

    Raises: CannotProposeError: they do.
    """
    known = ~np.isnat(roles.days) & np.isfinite(demand)
    rows = pd.DataFrame({"key": series_codes(roles.keys(facts), facts.rows)[known], "day": roles.days[known],
                         "units": demand[known]}).sort_values(["key", "day"], kind="stable")
    if rows.duplicated(["key", "day"]).any():
        return
    units, day, key = (rows[name].to_numpy() for name in ("units", "day", "key"))
    is_step = np.diff(key) == 0
    steps, before = np.diff(units)[is_step], units[:-1][is_step]
    for word, unit in (("month", "datetime64[M]"), ("year", "datetime64[Y]")):
        is_turn = (np.diff(day.astype(unit).astype(np.int64)) != 0)[is_step]
        within, turns = steps[~is_turn], (before + steps)[is_turn] < _ANEW * before[is_turn]
        if len(within) < _FEWEST_STEPS or len(turns) < _FEWEST_TURNS:
            continue
        if (within >= 0).all() and (within > 0).mean() >= _MOSTLY and turns.mean() >= _NEARLY_ALL:
            name = roles.demand or "demand"
            raise CannotProposeError(f"the column {name!r} grows within each {word} and begins anew in the next: it "
                                     f"counts up what was sold; write the units of each {WORDS[roles.frequency][0]}")
