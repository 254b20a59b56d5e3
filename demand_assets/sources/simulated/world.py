"""The world that simulated demand comes from: every value is a pure function of seed, names and date."""

from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

import holidays
import numpy as np
import numpy.typing as npt

from demand_assets.forecasting.contract.periods import Dates, Frequency, Ordinals, ordinals, period_dates, weekdays
from demand_assets.forecasting.contract.region_item import RegionItem

Floats = npt.NDArray[np.float64]

REGIONS = ("north", "south", "east", "west")
ITEMS = ("kettle", "toaster", "blender", "mixer", "grill", "juicer", "fan", "heater", "coffee maker", "rice cooker",
         "waffle iron", "ice maker")

_PRICE_BLOCK = {"D": 56, "W": 8, "M": 2, "Q": 1}
_PROMO_BLOCK, _PROMO_LENGTH = {"D": 14, "W": 4, "M": 4, "Q": 4}, {"D": 7, "W": 1, "M": 1, "Q": 1}
_STOCK_BLOCK = {"D": 90, "W": 26, "M": 24, "Q": 8}
_DELIVERED_EVERY = {"D": 7, "W": 4, "M": 2, "Q": 1}
"""Periods for which a delivery has to last."""
_PLENTY, _STEPS_TO_SHARE = 8.0, 24
_DAYS = {"D": 1.0, "W": 7.0, "M": 30.4, "Q": 91.3}
_LAUNCH_CYCLE_DAYS = 6 * 365
_SHORTEST_LIFE_DAYS = 120
_FIRST_YEAR = 2000
_KEPT = 256
"""Regions and spans of time whose weather and holidays are kept."""


@dataclass(frozen=True)
class Traits:
    """What makes one region-item's demand."""

    level: float
    """Units a day at the usual price, without promo, in 2020."""
    growth: float
    """Logarithmic, a year."""
    week: Floats
    """A factor for each weekday, Monday first."""
    year_size: float
    year_phase: float
    price: float
    """The usual price."""
    elasticity: float
    promo_lift: float
    """A promo multiplies demand by one more than this."""
    holiday: float
    """A holiday multiplies demand by the exponential of this."""
    temperature: float
    """Ten degrees more multiply demand by the exponential of this."""
    shape: float
    """Of the gamma that varies the mean from period to period; small means erratic."""
    is_late: bool
    launch_phase: float


@dataclass(frozen=True)
class Stocked:
    """Demand and what became of it; each of shape (periods,), in units."""

    wanted: Floats
    sold: Floats
    left: Floats
    """On hand at the end of the period: 0 means out of stock."""


class World:
    """Drivers, expected demand and demand of any region-item at any date.

    Args:
        seed: another seed, another world.
        confounded: prices fall during promos and rise with the season.
        frequency: what a period is; weeks begin on Monday.
    """

    def __init__(self, seed: int, confounded: bool, frequency: Frequency) -> None:
        self._seed, self._confounded, self._frequency = seed, confounded, frequency

    def drivers(self, region_item: RegionItem, dates: Dates) -> dict[str, Floats]:
        """Price, promo (0 or 1), holiday (0 or 1) and temperature (°C) in each period."""
        numbers = ordinals(dates, self._frequency)
        traits = self.traits(region_item)
        promo = self._spells("promo", region_item, numbers, _PROMO_BLOCK[self._frequency], 0.22,
                             _PROMO_LENGTH[self._frequency])
        factor = 0.88 + 0.24 * self._uniform(("price", *_names(region_item)), numbers // _PRICE_BLOCK[self._frequency])
        if self._confounded:
            factor = factor * np.where(promo == 1, 0.8, 1.0) * np.sqrt(self._year_season(traits, dates))
        return {"price": np.round(traits.price * factor, 2), "promo": promo, "holiday": self._holidays(dates),
                "temperature": self._temperature(region_item.region, dates)}

    def expected(self, region_item: RegionItem, dates: Dates, drivers: dict[str, Floats]) -> Floats:
        """Expected demand of each period under these drivers while the item is in stock, in units."""
        traits = self.traits(region_item)
        years = (dates.astype("datetime64[D]").astype(np.int64) - 18262) / 365.25
        week = traits.week[weekdays(dates)] if self._frequency == "D" else _DAYS[self._frequency]
        effects = (traits.elasticity * np.log(np.maximum(drivers["price"], 0.01) / traits.price)
                   + np.log1p(traits.promo_lift) * drivers["promo"] + traits.holiday * drivers["holiday"]
                   + traits.temperature * (drivers["temperature"] - 15) / 10 + traits.growth * years)
        season = self._year_season(traits, dates) * self._regime(region_item, dates)
        return np.asarray(traits.level * week * season * np.exp(effects))

    def demand(self, region_item: RegionItem, first: int, last: int) -> Floats:
        """Units sold in each period from the number ``first`` to ``last``: counts, zero while out of stock."""
        years, span = self._years(first, last)
        return np.concatenate([self._demand_of_year(region_item, year) for year in years])[span]

    def stocked(self, region_item: RegionItem, first: int, last: int, share: float) -> Stocked:
        """What was wanted, sold and left in each period from the number ``first`` to ``last``, where deliveries are
        made for what is usually sold, so that items run out when more is wanted: before holidays, during promos.

        Args:
            share: of the periods of a year, so many end out of stock for want of a delivery.
        """
        years, span = self._years(first, last)
        parts = [self._stocked_in_year(region_item, year, share) for year in years]
        return Stocked(*(np.concatenate(values)[span] for values in zip(*parts, strict=True)))

    def climate(self, region: str, dates: Dates) -> Floats:
        """The temperature that is usual at the date, °C."""
        mean, size = self._uniform(("climate", region), np.arange(2))
        return np.asarray(9 + 9 * mean + (7 + 6 * size) * np.cos(2 * np.pi * (_day_of_year(dates) - 200) / 365.25))

    def launch(self, region_item: RegionItem, today: np.datetime64) -> np.datetime64:
        """The first day of sale. A late item is replaced by a successor every six years, whose rows start there."""
        traits = self.traits(region_item)
        if not traits.is_late:
            return np.datetime64(f"{_FIRST_YEAR}-01-01")
        first = np.datetime64(f"{_FIRST_YEAR}-01-01") + int(traits.launch_phase * _LAUNCH_CYCLE_DAYS)
        lives = (today.astype("datetime64[D]") - first).astype(int) - _SHORTEST_LIFE_DAYS
        return first + int(lives // _LAUNCH_CYCLE_DAYS) * _LAUNCH_CYCLE_DAYS

    @lru_cache(maxsize=20_000)  # noqa: B019 - a world lives as long as its source
    def traits(self, region_item: RegionItem) -> Traits:
        """What makes this region-item's demand."""
        item = self._uniform(("item", region_item.item), np.arange(20))
        own = self._uniform(("own", *_names(region_item)), np.arange(8))
        is_intermittent = own[0] < 0.12
        level = 0.12 + 0.4 * item[0] if is_intermittent else float(np.exp(1.6 + 2.4 * item[0]))
        week = np.array([0.9, 0.86, 0.88, 0.95, 1.1, 1.25, 1.06]) ** (0.3 + 1.4 * item[1])
        return Traits(
            level=level * float(np.exp(0.8 * (own[1] - 0.5))), growth=-0.04 + 0.1 * item[2], week=week / week.mean(),
            year_size=0.05 + 0.35 * item[3], year_phase=float(item[4]), price=round(4 + 60 * float(item[5]) ** 2, 2),
            elasticity=-0.5 - 1.7 * item[6], promo_lift=0.25 + 0.9 * item[7], holiday=-0.5 + 1.1 * item[8],
            temperature=-0.08 + 0.3 * item[9] ** 2, shape=1.5 if is_intermittent else 8 + 30 * own[2],
            is_late=bool(own[3] < 0.12), launch_phase=float(own[4]))

    def _demand_of_year(self, region_item: RegionItem, year: int) -> Floats:
        wanted, out_of_stock = self._wanted_in_year(region_item, year)
        return np.where(out_of_stock, 0.0, wanted)

    def _stocked_in_year(self, region_item: RegionItem, year: int, share: float) -> tuple[Floats, Floats, Floats]:
        """Units wanted, sold and left at the end of each period of a year."""
        wanted, gone = self._wanted_in_year(region_item, year)
        asked, numbers = np.where(gone, 0.0, wanted), _numbers_of_year(year, self._frequency)
        dates, nothing = period_dates(numbers, self._frequency), np.zeros(len(numbers))
        usual = self.expected(region_item, dates, {**self.drivers(region_item, dates), "promo": nothing,
                                                   "holiday": nothing})
        cycle = np.unique(numbers // _DELIVERED_EVERY[self._frequency], return_inverse=True)[1]
        so_far = np.cumsum(asked)
        starts = np.flatnonzero(np.diff(cycle, prepend=-1))
        in_cycle = so_far - (so_far - asked)[starts][cycle]  # wanted since the delivery, this period included
        delivered = np.bincount(cycle, usual)

        def left(times: float) -> Floats:
            return np.asarray(np.ceil(times * delivered)[cycle] - in_cycle)

        low, high = (0.0, _PLENTY) if share else (_PLENTY, _PLENTY)
        for _ in range(_STEPS_TO_SHARE):
            middle = (low + high) / 2
            low, high = (middle, high) if (left(middle) <= 0).mean() > share else (low, middle)
        units = left(high)
        sold = np.clip(asked + np.minimum(units, 0.0), 0.0, None) if share else asked
        return wanted, sold, np.where(gone, 0.0, np.maximum(units, 0.0 if share else 1.0))

    def _wanted_in_year(self, region_item: RegionItem, year: int) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Units wanted in each period of a year, and where none of the item is there whatever is wanted."""
        numbers = _numbers_of_year(year, self._frequency)
        dates = period_dates(numbers, self._frequency)
        expected = self.expected(region_item, dates, self.drivers(region_item, dates))
        shape = self.traits(region_item).shape
        generator = np.random.Generator(np.random.Philox(key=self._key("noise", *_names(region_item), str(year))))
        wanted = generator.poisson(expected * generator.gamma(shape, 1 / shape, len(dates))).astype(float)
        out_of_stock = self._spells("stock", region_item, numbers, _STOCK_BLOCK[self._frequency], 0.15,
                                    6 if self._frequency == "D" else 1)
        return wanted, out_of_stock == 1

    def _years(self, first: int, last: int) -> tuple[list[int], slice]:
        """The years that have the periods from one number to another, and where in all of their periods these are."""
        dates = period_dates(np.array([first, last], dtype=np.int64), self._frequency)
        begin, end = (dates.astype("datetime64[Y]").astype(np.int64) + 1970).tolist()
        start = first - int(_numbers_of_year(begin, self._frequency)[0])
        return list(range(begin, end + 1)), slice(start, start + last - first + 1)

    def _year_season(self, traits: Traits, dates: Dates) -> Floats:
        return 1 + traits.year_size * np.sin(2 * np.pi * (_day_of_year(dates) / 365.25 - traits.year_phase))

    def _regime(self, region_item: RegionItem, dates: Dates) -> Floats:
        """The factor since the last structural break; a few region-items have one each year."""
        last = int(dates.max().astype("datetime64[Y]").astype(np.int64)) + 1970
        years = np.arange(_FIRST_YEAR, last + 1)
        names = _names(region_item)
        years = years[self._uniform(("break", *names), years) < 0.035]
        days = (self._uniform(("break day", *names), years) * 360).astype(int)
        breaks = (years - 1970).astype("datetime64[Y]").astype("datetime64[D]") + days
        size = self._uniform(("break size", *names), years)
        factors = np.concatenate([[1.0], np.where(size < 0.5, 0.45 + 0.5 * size, 0.8 + 1.2 * size)])
        return np.asarray(factors[np.searchsorted(breaks, dates, side="right")])

    def _temperature(self, region: str, dates: Dates) -> Floats:
        return self._weather(region, dates.astype("datetime64[D]").tobytes()).copy()

    @lru_cache(maxsize=_KEPT)  # noqa: B019 - as above
    def _weather(self, region: str, days: bytes) -> Floats:
        """The temperature of a region on these days, which all of its items have in common."""
        dates = np.frombuffer(days, dtype="datetime64[D]")
        numbers = ordinals(dates, self._frequency)
        noise = sum((weight * self._normal(("weather", region), numbers - back)
                     for back, weight in enumerate((1.6, 1.2, 0.9, 0.6, 0.4))), np.zeros(len(dates)))
        return np.round(self.climate(region, dates) + noise, 1)

    def _holidays(self, dates: Dates) -> Floats:
        return self._days_off(dates.astype("datetime64[D]").tobytes()).copy()

    @lru_cache(maxsize=_KEPT)  # noqa: B019 - as above
    def _days_off(self, days_asked: bytes) -> Floats:
        dates = np.frombuffer(days_asked, dtype="datetime64[D]")
        numbers = ordinals(dates, self._frequency)
        years = np.unique(dates.astype("datetime64[Y]").astype(int) + 1970)
        days = _holidays_of(int(years.min()), int(years.max()) + 1)
        return np.isin(numbers, ordinals(days, self._frequency)).astype(float)

    def _spells(self, what: str, region_item: RegionItem, numbers: Ordinals, block: int, share: float,
                length: int) -> Floats:
        """1 during a spell: a block of periods has one with probability ``share``, somewhere inside."""
        blocks = numbers // block
        names = (what, *_names(region_item))
        start = (self._uniform((*names, "start"), blocks) * (block - length + 1)).astype(np.int64)
        inside = (numbers % block >= start) & (numbers % block < start + length)
        return (inside & (self._uniform(names, blocks) < share)).astype(float)

    def _key(self, *names: str) -> int:
        return int.from_bytes(blake2b("\x1f".join((str(self._seed), *names)).encode(), digest_size=8).digest())

    def _uniform(self, names: tuple[str, ...], counters: npt.NDArray[np.int64]) -> Floats:
        """A number in [0, 1) for each counter: SplitMix64, Steele et al. (2014), addressed by counter."""
        step = (counters.astype(np.int64) + 1).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        mixed = step + np.uint64(self._key(*names))
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return ((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(11)).astype(float) * 2.0 ** -53

    def _normal(self, names: tuple[str, ...], counters: npt.NDArray[np.int64]) -> Floats:
        """A standard normal number for each counter: Box and Muller (1958)."""
        radius = np.sqrt(-2 * np.log1p(-self._uniform((*names, "radius"), counters)))
        return np.asarray(radius * np.cos(2 * np.pi * self._uniform((*names, "angle"), counters)))


def region_names(count: int) -> tuple[str, ...]:
    """The names of so many regions; more regions never rename the first."""
    return tuple(REGIONS[n] if n < len(REGIONS) else f"region_{n + 1:05d}" for n in range(count))


def item_names(count: int) -> tuple[str, ...]:
    """The names of so many items; more items never rename the first."""
    return tuple(ITEMS[n] if n < len(ITEMS) else f"item_{n + 1:06d}" for n in range(count))


def _names(region_item: RegionItem) -> tuple[str, str]:
    return region_item.region, region_item.item


def _day_of_year(dates: Dates) -> Floats:
    days = dates.astype("datetime64[D]")
    return np.asarray((days - days.astype("datetime64[Y]").astype("datetime64[D]")).astype(float))


@lru_cache(maxsize=256)
def _numbers_of_year(year: int, frequency: Frequency) -> Ordinals:
    """The numbers of the periods that begin in the year."""
    days = np.arange(f"{year}-01-01", f"{year + 1}-01-01", dtype="datetime64[D]")
    numbers = np.unique(ordinals(days, frequency))
    return np.asarray(numbers[period_dates(numbers, frequency) >= days[0]])


@lru_cache(maxsize=16)
def _holidays_of(first_year: int, last_year: int) -> Dates:
    calendar = holidays.country_holidays("US", years=range(first_year, last_year + 1))
    return np.array(sorted(calendar), dtype="datetime64[D]")
