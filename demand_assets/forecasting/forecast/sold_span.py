"""From when until when a region-item is sold: outside of it the forecast is zero, whatever the model says."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.contract.periods import MONTHS, Dates, Frequency, ordinals, period_dates
from demand_assets.forecasting.dataset.attributes import BESIDE
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.series.carried_over_demand import BEGINS, ENDS
from demand_assets.forecasting.series.censored_demand import sold as sold_in


@dataclass(frozen=True)
class SoldSpan:
    """The days on which a region-item is sold; without limits unless given."""

    begins: date | None = None
    """The first day; None also where it has been sold already."""
    ends: date | None = None
    """The first day on which it is sold no longer."""
    why: tuple[str, ...] = ()
    """What is forecast as zero and why, as sentences."""

    @classmethod
    def of(cls, demand: pd.DataFrame, dataset: Dataset) -> "SoldSpan":
        """Of stored demand, by its attributes and by what replaces it or what it replaces.

        Of several ends the first counts, of several beginnings the last.
        """
        begins, ends = dict(demand.attrs.get(BEGINS, {})), dict(demand.attrs.get(ENDS, {}))
        known = demand.attrs.get(BESIDE, {})
        for attribute in dataset.attributes:
            value = known.get(attribute.name)
            if attribute.marks and type(value) is date:
                (ends if attribute.marks == "end" else begins).setdefault(value, attribute.title)
        if not begins and not ends:
            return cls()
        units = sold_in(demand)
        sold = pd.DataFrame({"date": demand["date"], "demand": units})[units > 0]
        begin = max(begins, default=None) if sold.empty else None
        end = min(ends, default=None)
        why = []
        if begin is not None:
            why.append(f"It is forecast as 0 before {begin} ({begins[begin]}).")
        if end is not None:
            since = float(sold.loc[sold["date"] >= pd.Timestamp(end), "demand"].sum())
            although = f", although {since:g} were sold since" if since else ""
            why.append(f"It is forecast as 0 from {end} on ({ends[end]}){although}.")
        return cls(begin, end, tuple(why))

    def covers(self, dates: Dates, frequency: Frequency) -> npt.NDArray[np.bool_]:
        """Whether it is sold on some day of each period; a period in which it begins or ends is covered."""
        is_sold = np.ones(len(dates), dtype=bool)
        if self.ends is not None:
            is_sold &= dates < np.datetime64(self.ends)
        if self.begins is not None:
            is_sold &= last_days(dates, frequency) >= np.datetime64(self.begins)
        return is_sold

    def words_for(self, dates: Dates, frequency: Frequency) -> tuple[str, ...]:
        """``why``, where it makes a difference for these periods."""
        return () if self.covers(dates, frequency).all() else self.why


def last_days(dates: Dates, frequency: Frequency) -> Dates:
    """The last day of each period, by its date."""
    if frequency in MONTHS:
        dates = period_dates(ordinals(dates, frequency) + 1, frequency)
    after = {"D": 0, "W": 6, "M": -1, "Q": -1}[frequency]
    return (dates.astype("datetime64[D]").astype(np.int64) + after).astype("datetime64[D]")
