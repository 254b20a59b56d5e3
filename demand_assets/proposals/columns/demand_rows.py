"""The rows of demand by series and date, and how a column goes with it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.proposals.columns.facts import Facts

_YEAR_DAYS = 380


@dataclass(frozen=True)
class DemandRows:
    """The rows by series and date."""

    facts: Facts
    demand: npt.NDArray[np.float64]
    days: npt.NDArray[np.datetime64]
    series: npt.NDArray[np.int64]

    @property
    def is_long(self) -> bool:
        """Whether there is more than a year of history."""
        known = self.days[~np.isnat(self.days)]
        return bool(len(known)) and int((known.max() - known.min()).astype(np.int64)) >= _YEAR_DAYS

    def correlation(self, values: npt.NDArray[np.float64]) -> float:
        """With demand, within the series; 0 where it cannot be told."""
        known = np.isfinite(values) & np.isfinite(self.demand)
        if known.sum() < 10:
            return 0.0
        rows = pd.DataFrame({"series": self.series[known], "value": values[known], "demand": self.demand[known]})
        means = rows.groupby("series")[["value", "demand"]].transform("mean")
        value, demand = (rows["value"] - means["value"]).to_numpy(), (rows["demand"] - means["demand"]).to_numpy()
        size = float(np.sqrt((value ** 2).sum() * (demand ** 2).sum()))
        return float((value * demand).sum() / size) if size > 0 else 0.0
