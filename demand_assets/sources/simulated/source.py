"""Demand with known truth, made on the fly; it ends yesterday and grows a day every day."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from demand_assets.forecasting.contract.periods import Dates, Ordinals, ordinals, period_dates
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.contract.source import Catalogue, SourceError
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.demand.source_entries import SimulatedSource as Settings
from demand_assets.sources.simulated.world import Floats, World, item_names, region_names

DRIVERS = ("price", "promo", "holiday", "temperature")
_KNOWN_AHEAD = ("price", "promo", "holiday")


class Simulation:
    """The simulated source. A day that is added never changes an earlier one.

    Args:
        dataset: its source is simulated; its drivers are among price, promo, holiday and temperature.
        started_at: when the simulated clock began, for ``seconds_per_day``; now unless given. It is not kept here:
            whoever holds the state passes the moment of the first start on each later one.
        clock: the present moment, with a time zone.
    """

    def __init__(self, dataset: Dataset, started_at: datetime | None = None,
                 clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        if not isinstance(dataset.source, Settings):
            raise SourceError(f"dataset {dataset.name} has a source of kind {dataset.source.kind!r}, not 'simulated'")
        if unknown := sorted(set(dataset.driver_names) - set(DRIVERS)):
            raise SourceError(f"simulated demand has no driver {', '.join(unknown)}; it has {', '.join(DRIVERS)}. "
                              "Remove the others from the dataset file.")
        self._dataset, self._settings, self._clock = dataset, dataset.source, clock
        self._started_at = started_at or clock()
        self._world = World(dataset.source.seed, dataset.source.confounded, dataset.frequency)
        self._catalogue = tuple(sorted(RegionItem(region, item) for region in region_names(dataset.source.regions)
                                       for item in item_names(dataset.source.items)))
        self._known = frozenset(self._catalogue)

    def today(self) -> pd.Timestamp:
        """The simulated day that is not over yet."""
        if self._settings.today:
            first = pd.Timestamp(self._settings.today)
        elif self._settings.seconds_per_day:
            first = pd.Timestamp(self._started_at.astimezone().date())
        else:
            return pd.Timestamp(self._clock().astimezone().date())
        if self._settings.seconds_per_day:
            elapsed = (self._clock() - self._started_at).total_seconds()
            first += timedelta(days=max(0, int(elapsed / self._settings.seconds_per_day)))
        return first

    def fingerprint(self) -> str:
        """Changes when a period ends."""
        return str(self._last_date().date())

    def catalogue(self) -> Catalogue:
        """Every region-item, those launched late among them."""
        return Catalogue(self._catalogue, self._last_date())

    def read(self, region_items: Sequence[RegionItem]) -> pd.DataFrame:
        """Demand up to the last period that is over, and one horizon beyond it the drivers that are known ahead."""
        last = self._last_number()
        start = self._last_date() - pd.DateOffset(days=round(self._settings.years * 365.25))
        first = self._number(start.replace(day=1)) + (self._dataset.frequency == "W")
        tables = [self._table(region_item, first, last) for region_item in sorted(set(region_items) & self._known)]
        if not tables:
            entry = self._dataset.stock_entry
            return pd.DataFrame(columns=["region", "item", "row", "date", "demand", *([entry] if entry else []),
                                         *self._dataset.driver_names])
        table = pd.concat(tables, ignore_index=True)
        table.insert(2, "row", np.arange(1, len(table) + 1))
        return table

    def truth(self, region_item: RegionItem, drivers: pd.DataFrame) -> Floats:
        """Expected demand of each row's period while the item is in stock: what answers to scenarios are scored by.

        Args:
            region_item: one of the catalogue.
            drivers: column date, and those of price, promo, holiday and temperature that differ from the plan. Null
                means the plan's value; for temperature, which no plan knows, the usual one of the date.
        Returns: one number a row, in units.
        """
        dates = drivers["date"].to_numpy().astype("datetime64[D]")
        values = {**self._world.drivers(region_item, dates),
                  "temperature": self._world.climate(region_item.region, dates)}
        for name in DRIVERS:
            if name in drivers.columns:
                given = drivers[name].to_numpy(dtype=float)
                values[name] = np.where(np.isnan(given), values[name], given)
        return self._world.expected(region_item, dates, values)

    def wanted(self, region_item: RegionItem, dates: Dates) -> Floats:
        """What was wanted in each period, in stock or not, in units: what no source outside of a simulation knows.

        Args:
            dates: of consecutive periods.
        """
        first, last = (self._number(pd.Timestamp(date)) for date in (dates[0], dates[-1]))
        return self._world.stocked(region_item, first, last, self._settings.stock_outs).wanted

    def _table(self, region_item: RegionItem, first: int, last: int) -> pd.DataFrame:
        launch = self._world.launch(region_item, self.today().to_datetime64().astype("datetime64[D]"))
        first = max(first, self._number(pd.Timestamp(launch)) + 1)
        dates = self._dates(np.arange(first, last + self._dataset.horizon + 1))
        demand, known = np.full(len(dates), np.nan), slice(0, last + 1 - first)
        share, entry, stock = self._settings.stock_outs, self._dataset.stock_entry, np.full(len(dates), np.nan)
        if share or entry:
            stocked = self._world.stocked(region_item, first, last, share)
            demand[known] = stocked.sold
            stock[known] = stocked.left if entry == "stock" else np.where(
                stocked.left > 0, 1.0, stocked.sold / np.maximum(stocked.wanted, 1.0) * 0.99)
        else:
            demand[known] = self._world.demand(region_item, first, last)
        values = self._world.drivers(region_item, dates)
        for name in set(DRIVERS) - set(_KNOWN_AHEAD):
            values[name][last + 1 - first:] = np.nan
        return pd.DataFrame({"region": region_item.region, "item": region_item.item,
                             "date": dates.astype("datetime64[ns]"), "demand": demand,
                             **({entry: stock} if entry else {}),
                             **{name: values[name] for name in self._dataset.driver_names}})

    def _last_number(self) -> int:
        """The last period that is over: the one before today's."""
        return self._number(self.today()) - 1

    def _last_date(self) -> pd.Timestamp:
        return pd.Timestamp(self._dates(np.array([self._last_number()]))[0])

    def _number(self, date: pd.Timestamp) -> int:
        day = np.array([date.to_datetime64()]).astype("datetime64[D]")
        return int(ordinals(day, self._dataset.frequency)[0])

    def _dates(self, numbers: Ordinals) -> Dates:
        return period_dates(numbers, self._dataset.frequency)
