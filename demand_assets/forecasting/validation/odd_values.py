"""What looks odd and is taken as it stands, in words: stamps of another time zone, zeros and nines that may mean "not
known", defaults of drivers that the past contradicts."""

import numpy as np
import numpy.typing as npt

from demand_assets.forecasting.contract.periods import MONTHS, in_words
from demand_assets.forecasting.contract.source import as_text
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.drivers import Driver
from demand_assets.forecasting.series.driver_values import contradicted_default, in_quotes
from demand_assets.forecasting.series.gapped import Floats
from demand_assets.forecasting.validation.date_rules import DAY_MINUTES, midnights_elsewhere
from demand_assets.forecasting.validation.histories import Columns
from demand_assets.forecasting.validation.placeholders import is_zero_where_unsold, placeholders_among
from demand_assets.forecasting.validation.row_rules import ReadPanel
from demand_assets.forecasting.validation.suspicions import may_hide_placeholders

ENOUGH_TO_TELL = 5
"""Rows from which on something may be told of them."""
SURELY = "Its dates are the UTC"
"""How the words begin where stamps can hardly be anything else."""


def stamped_before_midnight(dataset: Dataset, panel: ReadPanel, rows: npt.NDArray[np.intp]) -> str:
    """Words where all stamps look like midnight of another time zone, told in UTC; begins with ``SURELY`` where they
    hardly can be anything else."""
    if dataset.columns.time_zone is not None or len(rows) < ENOUGH_TO_TELL:
        return ""
    times = midnights_elsewhere(panel.dates, rows)
    if not times:
        return ""
    is_usual = np.isin(panel.dates.minute[rows], np.array(times) % DAY_MINUTES)
    days = panel.days[rows][~np.isnat(panel.days[rows]) & is_usual]
    is_month_end = dataset.frequency in MONTHS and np.all(
        (days + np.timedelta64(1, "D")).astype("datetime64[M]") != days.astype("datetime64[M]"))
    at = " and ".join(f"{time // 60 % 24:02}:{time % 60:02}" for time in times)
    others = int((~is_usual & ~np.isnat(panel.days[rows])).sum())
    but = f" but {others}, which are refused" if others else ""
    cure = ("Name the time zone, as in columns.time_zone = 'Europe/Berlin'; with columns.time_zone = 'UTC' the dates "
            "count as they are written.")
    if panel.has_zone[rows].any() or is_month_end or len(times) == 2:
        return f"{SURELY} moments at which local days begin: all are stamped {at}{but}. {cure}"
    return f"Its dates are all stamped {at}{but}, which may be local midnight told in UTC. {cure}"


def delivered_drivers(dataset: Dataset) -> list[Driver]:
    """The drivers that the source delivers."""
    return [driver for driver in dataset.drivers if driver.future != "calendar"]


def contradicted_defaults(dataset: Dataset, table: Columns) -> dict[str, str]:
    """Words for each driver whose planned default is not what its last year was, by its name."""
    return {driver.name: f"{driver.title} is planned as {in_quotes(driver.default, driver)}, but {words}: forecasts "
            f"will be off by what it does. Set another default for the driver {driver.name}, deliver its plan as rows "
            "ahead (future = 'known'), or repeat the past (future = 'repeat_season' or 'repeat_last')."
            for driver in delivered_drivers(dataset)
            if (words := contradicted_default(table[driver.name], driver, dataset.frequency, dataset.year_length))}


def zero_where_unsold(dataset: Dataset, table: Columns) -> list[str]:
    """Words for each driver that is 0 where nothing was sold and nowhere else."""
    units = table["demand"]
    unsold = in_words(int((units == 0).sum()), dataset.frequency)
    return [f"{driver.title} is 0 in the {unsold} in which nothing was sold, and in hardly any other: it looks like "
            f"\"not known\". Set placeholders = [0] for the driver {driver.name}, or placeholders = [] if it was "
            "really so." for driver in dataset.drivers
            if may_hide_placeholders(driver) and is_zero_where_unsold(units, table[driver.name])]


def strange_numbers(dataset: Dataset, panel: ReadPanel, rows: npt.NDArray[np.intp]) -> list[str]:
    """Words for numbers such as -1 and 9999 in demand and drivers that no other value comes near."""
    found = []
    if dataset.rules.placeholders is None:
        found += [f"Demand is {value} in {often:,} {'row' if often == 1 else 'rows'}, and nothing else comes near: it "
                  f"looks like \"not known\". Set rules.placeholders = [{value}] to declare that, or "
                  "rules.placeholders = [] if it was really so." for value, often in _strange(panel.read[rows])]
    for driver in dataset.drivers:
        if may_hide_placeholders(driver):
            found += [f"{driver.title} is {value} in {often:,} {'row' if often == 1 else 'rows'}, and nothing else "
                      f"comes near: it looks like \"not known\". Set placeholders = [{value}] for the driver "
                      f"{driver.name}, or placeholders = [] if it was really so."
                      for value, often in _strange(panel.read_drivers[driver.name][rows])]
    return found


def _strange(values: Floats) -> list[tuple[str, int]]:
    """What looks like a placeholder, with all its digits, and how often it stands there."""
    return [(as_text(value), often) for value, often in placeholders_among(values)]
