"""When a period begins, and which one is not over yet."""

import numpy as np

from demand_assets.forecasting.contract.periods import MONTHS, Dates, Frequency, Mask, ordinals, period_dates


def starts(days: Dates, frequency: Frequency) -> Dates:
    """The first day of each date's period; a week begins on its date."""
    if frequency not in MONTHS:
        return days
    begins = np.full(len(days), np.datetime64("NaT", "D"))
    known = ~np.isnat(days)
    begins[known] = period_dates(ordinals(days[known], frequency), frequency)
    return begins


def is_running(days: Dates, frequency: Frequency, today: np.datetime64) -> Mask:
    """Whether each date's period has begun and is not over on that day; a week begins on its date."""
    if frequency in MONTHS:
        return np.asarray(starts(days, frequency) == starts(np.array([today], "datetime64[D]"), frequency))
    length = np.timedelta64(1 if frequency == "D" else 7, "D")
    return np.asarray((days <= today) & (today < days + length))
