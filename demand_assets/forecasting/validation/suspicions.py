"""Of which region-items of a panel a rule may have something to say, found for all of them at once: most are above
suspicion, and need not be looked at one by one. A suspicion is no finding."""

from dataclasses import dataclass

import numpy as np

from demand_assets.forecasting.contract.periods import Mask
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.drivers import Driver
from demand_assets.forecasting.validation.date_rules import LATEST_EAST, by_owner
from demand_assets.forecasting.validation.histories import Histories
from demand_assets.forecasting.validation.placeholders import look_strange
from demand_assets.forecasting.validation.refused_region_items import COARSER_STEPS, ENOUGH_IN_A_ROW
from demand_assets.forecasting.validation.row_rules import NO_PERIOD, ReadPanel

_STEADY = {"D": (1, 0.5), "W": (7, 0.9)}
"""Days from one date to the next, and in which share of a region-item's steps, with which its dates surely are of that
frequency. A month's or a quarter's dates are always looked at."""


@dataclass(frozen=True)
class Suspicions:
    """Which region-items are to be looked at; arrays have a place for each."""

    frequency: Mask
    """Its dates may be of another frequency, or in no order."""
    midnights: Mask
    """Its stamps may be midnights of another time zone."""
    newest: Mask
    """Something newer than its demand may be refused."""
    undated: Mask
    """Rows are refused whose period is not known."""
    placeholders: Mask
    """Values may stand for "not known"."""


def suspicions_of(panel: ReadPanel, dataset: Dataset, histories: Histories) -> Suspicions:
    """What there is to look at."""
    size = len(histories.first)

    def any_of(mask: Mask) -> Mask:
        """The region-items with a row of the mask."""
        return np.bincount(panel.owner[mask], minlength=size) > 0 if mask.any() else np.zeros(size, dtype=bool)

    refused = np.flatnonzero(panel.refusals.of_demand)
    owner, period, is_stray = panel.owner[refused], panel.period[refused], panel.is_stray[refused]
    is_undated = (period == NO_PERIOD) | is_stray
    is_newest = is_undated | (period > histories.last_observed[owner])
    newest, undated = (np.bincount(owner[mask], minlength=size) > 0 for mask in (is_newest, is_undated))
    strange = np.zeros(len(panel.owner), dtype=bool)
    if dataset.rules.placeholders is None:
        strange |= look_strange(panel.read)
    for driver in dataset.drivers:
        if may_hide_placeholders(driver):
            strange |= look_strange(panel.read_drivers[driver.name])
    return Suspicions(~_are_steady(panel, size) | any_of(panel.has_time), any_of(panel.dates.minute >= LATEST_EAST),
                      newest, undated, any_of(strange))


def may_hide_placeholders(driver: Driver) -> bool:
    """Whether a driver is a number of which the dataset file does not say which values mean "not known"."""
    return driver.kind == "number" and driver.placeholders is None


def _are_steady(panel: ReadPanel, size: int) -> Mask:
    """The region-items whose dates surely are of the dataset's frequency, and in the source's order go one way."""
    if panel.frequency not in _STEADY:
        return np.zeros(size, dtype=bool)
    length, least = _STEADY[panel.frequency]
    rows = np.flatnonzero(~np.isnat(panel.days))
    number = panel.refusals.panel["row"].to_numpy()
    rows = rows[by_owner(panel.owner[rows], number[rows])]
    owner, days = panel.owner[rows], panel.days[rows].astype(np.int64)
    steps = np.diff(days)
    is_even, is_next = steps == length, owner[1:] == owner[:-1]
    is_steady = np.bincount(owner, minlength=size) > 1
    of_uneven = np.unique(owner[1:][is_next & ~is_even])
    if not len(of_uneven):
        return is_steady
    is_looked_at = np.zeros(size, dtype=bool)
    is_looked_at[of_uneven] = True
    is_looked_at = is_looked_at[owner[1:]] & is_next
    of, steps = owner[1:][is_looked_at], steps[is_looked_at]
    goes_back, goes_on = (np.bincount(of[mask], minlength=size) > 0 for mask in (steps < 0, steps > 0))
    steps = np.abs(steps)  # of those that go one way, which are distinct dates' but for 0
    counts = np.bincount(of[steps > 0], minlength=size)
    usual = np.bincount(of[steps == length], minlength=size)
    is_steady[of_uneven] = ((counts > 0) & (usual >= least * counts) & ~(goes_back & goes_on))[of_uneven]
    for shortest, longest in COARSER_STEPS:
        if shortest > length:
            longer = np.bincount(of[(steps >= shortest) & (steps <= longest)], minlength=size)
            is_steady &= longer < ENOUGH_IN_A_ROW[shortest] - 1
    return is_steady
