"""What is known of one region-item's demand, as a table and as the arrays that sums over many are made of."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from demand_assets.forecasting.contract.periods import Dates
from demand_assets.forecasting.series.censored_demand import at_least, sold
from demand_assets.forecasting.series.gapped import Floats


@dataclass(frozen=True)
class KnownHistory:
    """Periods up to the last known demand, or the last one out of stock. Requests share it, so nobody may change it."""

    table: pd.DataFrame
    """Date, demand (NaN = unknown) and drivers, oldest first."""
    _days_with: dict[str, Dates] = field(default_factory=dict)

    @cached_property
    def days(self) -> Dates:
        """Of each period, shape (periods,)."""
        return np.asarray(self.table["date"]).astype("datetime64[D]")

    @cached_property
    def sold(self) -> Floats:
        """Units sold in each period, out of stock or not; NaN where unknown."""
        return sold(self.table)

    @cached_property
    def out_of_stock(self) -> Dates:
        """The days of the periods out of stock."""
        return self.days[~np.isnan(at_least(self.table))]

    def days_with(self, driver: str) -> Dates:
        """The days on which a yes/no driver is yes, or a number above zero."""
        if driver not in self._days_with:
            self._days_with[driver] = self.days[np.asarray(self.table[driver], dtype=np.float64) > 0]
        return self._days_with[driver]
