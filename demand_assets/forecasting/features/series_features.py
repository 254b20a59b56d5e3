"""Features for training and for forecasting: one function for both, so that they cannot differ.

A row is an (origin, lead): everything in it is known at the origin, but for the calendar and the drivers of the target
period, which are planned. Demand enters cleared of what drivers did to it and divided by the level at the origin, so
that a model learns shapes, not sizes.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.contract.dataset import Dataset
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.contract.schemas import DemandFeatures
from demand_assets.forecasting.features.driver_effects import Effects, has_effect, scaled
from demand_assets.forecasting.features.panel_facts import PanelFacts
from demand_assets.forecasting.series.gapped import Floats, Ints, at, mean_known, shifted, trailing_sum
from demand_assets.forecasting.store.adjustments import ADJUSTED, usual

LEVEL_WINDOW = {"D": 28, "W": 8, "M": 12}
WARMUP = {"D": 28, "W": 8, "M": 6}
"""Periods of demand that an origin needs behind it to be trained on."""
MEAN_WINDOWS = {"D": (7, 28, 91, 364), "W": (4, 8, 26, 52), "M": (3, 6, 12, 24)}
SMOOTHING = {"D": 7, "W": 3, "M": 1}
"""Periods over which last year's demand around the target is averaged."""
LEVEL_FLOOR = 0.05
"""Share of the mean positive demand known at the origin below which no level falls."""
SHRINKAGE_PERIODS = 2.0
"""Weight of the long-run mean in the level, in periods."""
LAST_VALUES = 3
SMALLEST = 1e-9
"""What a driver that is always positive counts as where a scenario sets it to nothing."""
EFFECT = "effect:"
"""How the columns begin that hold a driver's effect at the target, as a logarithm: no feature, but put back after."""
STATE_DEPTHS = (4, 12, 52)
"""Past periods in the target's state whose mean is a feature."""


@dataclass(frozen=True)
class SeriesFeatures:
    """The features of one region-item, ready to be looked up by (origin, lead).

    Periods are counted from 0; those from ``known`` on are the future, whose demand is not known.
    """

    dates: pd.DatetimeIndex
    demand: Floats
    """As models learn it, with planners' adjustments: shape (periods,), in units; NaN where unknown and in the future.
    """
    known: int
    dataset: Dataset
    drivers: dict[str, Floats]
    """One column for a number or yes/no driver, one for each category (``name=value``); each of shape (periods,)."""
    categories: dict[str, tuple[str, ...]] = field(default_factory=dict)
    common: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The values of each category driver that have a column in ``drivers``; the others share ``name=(other)``."""
    positive: tuple[str, ...] = ()
    effects: Effects = field(default_factory=dict)
    """Of the item; a driver without one has none."""
    usual_values: Effects = field(default_factory=dict)
    """Of the item's number drivers, as their effects multiply them."""
    item_level: float = np.nan
    """Of the panel, as region_level; NaN where the panel does not know the name."""
    region_level: float = np.nan
    as_sold: Floats | None = None
    """Demand without adjustments; None where there are none."""
    borrowed_level: float = 1.0
    """The level before anything was known, in units; it fades with every period in which nothing is sold."""

    @property
    def sold(self) -> Floats:
        """What was sold in each period, which forecasts are judged by; shape (periods,), in units."""
        return self.demand if self.as_sold is None else self.as_sold

    @property
    def adjustments(self) -> int:
        """How many periods planners adjusted."""
        return int(np.count_nonzero(~np.isnan(self.sold) & (self.sold != self.demand)))

    @cached_property
    def _effects(self) -> dict[str, Floats]:
        """The logarithm of what each driver multiplies demand by in each period, beside its usual value; zero where
        boosters see the drivers themselves."""
        found = {}
        for driver in self.dataset.drivers:
            if has_effect(driver):
                values = scaled(self.drivers[driver.name], driver.name in self.positive)
                usual = self.usual_values.get(driver.name, 0.0)
                found[driver.name] = np.nan_to_num((values - usual) * self.effects.get(driver.name, 0.0))
        return found

    @cached_property
    def effect(self) -> Floats:
        """What drivers multiply demand by in each period, beside their usual values; shape (periods,)."""
        return np.exp(sum(self._effects.values(), np.zeros(len(self.dates))))

    @cached_property
    def cleared(self) -> Floats:
        """Demand as it would be with each driver at its usual value, in units; NaN where unknown; shape (periods,)."""
        return self.demand / self.effect

    @cached_property
    def level(self) -> Floats:
        """Level of cleared demand at the end of each period, in units, positive; shape (periods,)."""
        window = LEVEL_WINDOW[self.dataset.frequency]
        recent, count = trailing_sum(self.cleared, window)
        total, seen = trailing_sum(self.cleared, len(self.cleared))
        positive, sold = trailing_sum(np.where(self.cleared > 0, self.cleared, np.nan), len(self.cleared))
        long_run = total / np.maximum(seen, 1)
        level = (recent + SHRINKAGE_PERIODS * long_run) / (count + SHRINKAGE_PERIODS)
        floor = LEVEL_FLOOR * positive / np.maximum(sold, 1)
        fading = self.borrowed_level * window / (window + seen)
        return np.where(sold > 0, np.maximum(level, floor), fading)

    @cached_property
    def largest(self) -> Floats:
        """Largest demand seen up to each period, in units; shape (periods,)."""
        return np.maximum.accumulate(np.nan_to_num(self.demand, nan=0.0))

    @cached_property
    def names(self) -> list[str]:
        """The names of the columns of ``rows``."""
        return list(self._columns(*_NO_ROWS))

    @cached_property
    def constraints(self) -> tuple[int, ...]:
        """For each column, +1 or -1 where the driver's declared effect holds the model to a direction, else 0.

        Yes/no drivers of the periods before and after the target are free: after a promo less may be sold.
        """
        return tuple(self._direction(name) for name in self.names)

    def rows(self, origins: Ints, leads: Ints) -> npt.NDArray[np.float32]:
        """The features of pairs of an origin and a lead.

        Args:
            origins: period numbers, shape (n,).
            leads: periods ahead, from 1, shape (n,).
        Returns: shape (n, len(names)); NaN where the history is too short.
        """
        return self.named_rows(origins, leads)[1]

    def named_rows(self, origins: Ints, leads: Ints) -> tuple[tuple[str, ...], npt.NDArray[np.float32]]:
        """``rows`` with the names of their columns."""
        columns = self._columns(origins, leads)
        rows = np.empty((len(origins), len(columns)), dtype=np.float32)
        for place, values in enumerate(columns.values()):
            rows[:, place] = values
        return tuple(columns), rows

    def with_future(self, drivers: pd.DataFrame) -> Self:
        """The same past under other drivers of the first future periods, one row of the table for each.

        What only the past tells is not computed again.
        """
        changed = dict(self.drivers)
        span = slice(self.known, self.known + len(drivers))
        for name, values in _driver_columns(drivers, self.dataset, self.common).items():
            if not np.array_equal(changed[name][span], values, equal_nan=True):
                changed[name] = changed[name].copy()
                changed[name][span] = values
        other = replace(self, drivers=changed)
        other.__dict__.update({name: self.__dict__[name] for name in _OF_THE_PAST if name in self.__dict__})
        return other

    def _columns(self, origins: Ints, leads: Ints) -> dict[str, Floats]:
        target = origins + leads
        ones = np.ones(len(origins))
        return {**{f"{EFFECT}{name}": values[target] for name, values in self._effects.items()},
                "lead": leads.astype(np.float64), "item_level": self.item_level * ones,
                "region_level": self.region_level * ones,
                **{name: values[target] for name, values in self._calendar.items()},
                **{name: values[origins] for name, values in self._origin.items()},
                **self._lags(origins, leads), **self._states(origins, leads), **self._driver_features(origins, leads)}

    def _direction(self, column: str) -> int:
        if not column.startswith("target:"):
            return 0
        name, *rest = column.removeprefix("target:").split(":")
        driver = self.dataset.driver(name.split("=")[0])
        if driver.kind != "number" and rest in (["before"], ["after"]):
            return 0
        return {"increasing": 1, "decreasing": -1, "none": 0}[driver.effect]

    @cached_property
    def _calendar(self) -> dict[str, Floats]:
        dates = self.dates
        columns = {"month": dates.month}
        if self.dataset.frequency == "D":
            columns |= {"day_of_week": dates.dayofweek, "day_of_month": dates.day, "day_of_year": dates.dayofyear}
        elif self.dataset.frequency == "W":
            columns |= {"week_of_year": (dates.dayofyear - 1) // 7, "day_of_month": dates.day}
        else:
            columns |= {"days_in_month": dates.days_in_month}
        return {name: np.asarray(values, dtype=np.float64) for name, values in columns.items()}

    @cached_property
    def _origin(self) -> dict[str, Floats]:
        """Features of the recent past of cleared demand, as of the end of each period."""
        level = self.level
        columns: dict[str, Floats] = {}
        for back in range(LAST_VALUES):
            columns[f"last_{back + 1}"] = shifted(self.cleared, back) / level
        for window in MEAN_WINDOWS[self.dataset.frequency]:
            total, count = trailing_sum(self.cleared, window)
            columns[f"mean_{window}"] = np.where(count > 0, total / np.maximum(count, 1), np.nan) / level
        window = LEVEL_WINDOW[self.dataset.frequency]
        total, count = trailing_sum(self.cleared, window)
        squares, _ = trailing_sum(self.cleared**2, window)
        mean = total / np.maximum(count, 1)
        columns["spread"] = np.sqrt(np.maximum(squares / np.maximum(count, 1) - mean**2, 0.0)) / level
        zeros, _ = trailing_sum(np.where(np.isnan(self.cleared), np.nan, self.cleared == 0), window)
        columns["share_of_zeros"] = zeros / np.maximum(count, 1)
        periods = np.arange(len(self.cleared), dtype=np.float64)
        last_sale = np.maximum.accumulate(np.where(self.cleared > 0, periods, -1.0))
        columns["since_last_sale"] = periods - last_sale
        logs, count = trailing_sum(np.log1p(self.cleared), window)
        columns["geometric_mean"] = np.expm1(logs / np.maximum(count, 1)) / level
        columns["level"] = np.log(level)
        return columns

    @cached_property
    def _recent(self) -> dict[str, Floats]:
        """The mean of each driver over the level's window."""
        means = {}
        for name, values in self.drivers.items():
            total, count = trailing_sum(values, LEVEL_WINDOW[self.dataset.frequency])
            means[name] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
        return means

    @cached_property
    def _usual(self) -> dict[str, Floats]:
        """The median of each number driver over the last year: a shelf price without its promos."""
        return {driver.name: pd.Series(self.drivers[driver.name]).rolling(
                    self.dataset.year_length, min_periods=1).median().to_numpy()
                for driver in self.dataset.drivers if driver.kind == "number"}

    def _usual_at(self, name: str, origins: Ints) -> Floats:
        """``_usual`` at these origins; a single one, as when forecasting, needs no median of every other period."""
        if "_usual" in self.__dict__ or not len(origins) or (origins != origins[0]).any():
            return self._usual[name][origins]
        year = self.drivers[name][max(int(origins[0]) + 1 - self.dataset.year_length, 0): int(origins[0]) + 1]
        return np.full(len(origins), np.median(year[~np.isnan(year)]) if (~np.isnan(year)).any() else np.nan)

    def _lags(self, origins: Ints, leads: Ints) -> dict[str, Floats]:
        """Seasonal lags relative to the target that are known at the origin, over the level at the origin."""
        if len(leads) and (origins == self.known - 1).all() and leads.max() <= self.dataset.horizon:
            return {name: values[leads - 1] for name, values in self._lags_ahead.items()}
        return self._lags_at(origins, leads)

    @cached_property
    def _lags_ahead(self) -> dict[str, Floats]:
        """``_lags`` of the future, for each lead: no scenario changes them."""
        horizon = self.dataset.horizon
        return self._lags_at(np.full(horizon, self.known - 1, dtype=np.int64), np.arange(1, horizon + 1))

    def _lags_at(self, origins: Ints, leads: Ints) -> dict[str, Floats]:
        level = self.level[origins]
        columns: dict[str, Floats] = {}
        for season in self.dataset.season_lengths:
            nearest = origins + leads - season * (-(-leads // season))
            is_year = season >= self.dataset.year_length
            values = np.stack([at(self.cleared, nearest - season * back) for back in range(2 if is_year else 8)])
            for back in range(2 if is_year else 4):
                columns[f"season_{season}_lag_{back + 1}"] = values[back] / level
            for depth in (2,) if is_year else (4, 8):
                columns[f"season_{season}_mean_{depth}"] = mean_known(values[:depth]) / level
        year = self.dataset.year_length
        years_back = year * (-(-leads // year))
        reach = SMOOTHING[self.dataset.frequency] // 2
        shapes = []
        for older in range(0, 3 * year, year):
            around = np.stack([np.where(leads - years_back + shift <= 0,
                                        at(self.cleared, origins + leads - years_back - older + shift), np.nan)
                               for shift in range(-reach, reach + 1)])
            shapes.append(mean_known(around) / at(self.level, origins - year - older))
        columns["last_year_shape"] = shapes[0]
        columns["years_shape"] = mean_known(np.stack(shapes))
        return columns

    @cached_property
    def _state(self) -> Ints:
        """A number for the weekday and the yes/no drivers of each period, shape (periods,).

        A number driver whose default is zero counts as yes where it is above zero.
        """
        daily = self.dataset.frequency == "D"
        codes = (self._calendar["day_of_week"] if daily else np.zeros(len(self.dates))).astype(np.int64)
        for name in self._switches:
            codes = codes * 2 + (np.nan_to_num(self.drivers[name]) > 0)
        return codes

    @property
    def _switches(self) -> list[str]:
        return [driver.name for driver in self.dataset.drivers if driver.name not in self.effects
                and (driver.kind == "yes_no" or (driver.kind == "number" and driver.default == 0))]

    @cached_property
    def _by_state(self) -> tuple[Ints, Floats, Floats]:
        """Known periods in order of state and time, as sorted keys, and cumulated demand over level and in units."""
        known = np.flatnonzero(~np.isnan(self.cleared))
        keys = self._state[known] * (len(self.dates) + 1) + known
        order = np.argsort(keys, kind="stable")
        units = self.cleared[known[order]]
        ratios = units / self.level[known[order]]
        return keys[order], np.append(0.0, np.cumsum(ratios)), np.append(0.0, np.cumsum(units))

    def _states(self, origins: Ints, leads: Ints) -> dict[str, Floats]:
        """Means over the last periods known at the origin that were in the target's state."""
        if self.dataset.frequency != "D" and not any(has_effect(driver) for driver in self.dataset.drivers):
            return {}
        keys, ratios, units = self._by_state
        wanted = self._state[origins + leads] * (len(self.dates) + 1)
        first, last = np.searchsorted(keys, wanted), np.searchsorted(keys, wanted + origins, side="right")
        columns = {}
        for depth in STATE_DEPTHS:
            start = np.maximum(first, last - depth)
            count = np.where(last > start, last - start, np.nan)
            columns[f"state_mean_{depth}"] = (ratios[last] - ratios[start]) / count
            if depth != STATE_DEPTHS[-1]:
                columns[f"state_units_{depth}"] = (units[last] - units[start]) / count / self.level[origins]
        return columns

    def _driver_features(self, origins: Ints, leads: Ints) -> dict[str, Floats]:
        """Drivers at the target: plain, against the recent past, against the same season, and their neighbours."""
        target = origins + leads
        last = np.minimum(origins + self.dataset.horizon, len(self.dates) - 1)  # what every forecast knows is planned
        season = self.dataset.season_length
        columns: dict[str, Floats] = {}
        for name, values in self.drivers.items():
            columns[f"target:{name}"] = values[target]
            if "=" in name:
                continue
            is_ratio = name in self.positive
            recent, now = self._recent[name][origins], values[target]
            before, after = values[np.maximum(target - 1, 0)], values[np.minimum(target + 1, last)]
            columns[f"target:{name}:against_recent"] = _against(now, recent, is_ratio)
            columns[f"target:{name}:against_season"] = _against(
                now, at(values, target - season * (-(-leads // season))), is_ratio)
            columns[f"target:{name}:before"] = _against(before, recent, True) if is_ratio else before
            columns[f"target:{name}:after"] = _against(after, recent, True) if is_ratio else after
            if self.dataset.driver(name).kind == "number":
                columns[f"target:{name}:against_usual"] = _against(now, self._usual_at(name, origins), is_ratio)
        return columns


_OF_THE_PAST = ("cleared", "level", "largest", "_calendar", "_origin", "_recent", "_usual", "_by_state",
                "_lags_ahead")
"""What ``rows`` looks up at origins and earlier only, or has nothing to do with drivers."""
_NO_ROWS = (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))


def series_features(demand: pd.DataFrame, dataset: Dataset, facts: PanelFacts | None = None,
                    region_item: RegionItem | None = None) -> SeriesFeatures:
    """The features of one region-item.

    Args:
        demand: schema Demand, with rows beyond the last known demand for the known future; with a column ``ADJUSTED``
            where planners adjusted it.
        dataset: names drivers, seasons and frequency.
        facts: what is borrowed from the panel; of this region-item alone unless given.
        region_item: whose demand it is; needed with ``facts``.
    """
    units = usual(demand)
    known = int(np.flatnonzero(~np.isnan(units))[-1]) + 1 if (~np.isnan(units)).any() else 1
    values_of: dict[str, tuple[str, ...]] = {}
    common: dict[str, tuple[str, ...]] = {}
    for driver in dataset.drivers:
        if driver.kind == "category":
            values_of[driver.name] = (facts.categories[driver.name] if facts
                                      else tuple(sorted(set(_texts(demand[driver.name])[:known]))))
            common[driver.name] = facts.common[driver.name] if facts else values_of[driver.name]
    drivers = _driver_columns(demand, dataset, common)
    plain: dict[str, Any] = {"dates": pd.DatetimeIndex(demand["date"]), "demand": units, "known": known,
                             "dataset": dataset, "drivers": drivers, "categories": values_of, "common": common}
    if ADJUSTED in demand:
        plain["as_sold"] = demand["demand"].to_numpy(dtype=np.float64)
    if facts is None or region_item is None:
        return SeriesFeatures(**plain)
    return SeriesFeatures(**plain, positive=facts.positive, effects=facts.effects_of(region_item),
                          usual_values=facts.usual_of(region_item),
                          item_level=facts.item_levels.get(region_item.item, np.nan),
                          region_level=facts.region_levels.get(region_item.region, np.nan),
                          borrowed_level=facts.expected_level(region_item) or 1.0)


def _driver_columns(table: pd.DataFrame, dataset: Dataset, common: dict[str, tuple[str, ...]]) -> dict[str, Floats]:
    """``SeriesFeatures.drivers`` of a table with the drivers' own columns."""
    columns: dict[str, Floats] = {}
    for driver in dataset.drivers:
        if driver.kind != "category":
            columns[driver.name] = table[driver.name].to_numpy(dtype=np.float64)
            continue
        values = _texts(table[driver.name])
        for category in common[driver.name]:
            columns[f"{driver.name}={category}"] = (values == category).astype(np.float64)
        others = ~np.isin(values.astype(str), common[driver.name])
        columns[f"{driver.name}=(other)"] = others.astype(np.float64)
    return columns


def _texts(values: "pd.Series[Any]") -> npt.NDArray[Any]:
    """A category driver's values as texts, empty where unknown."""
    return values.astype("string").fillna("").to_numpy(dtype=object)


_EXACT = frozenset(DemandFeatures.to_schema().columns)
"""Columns of the features table with full precision; the others have that of the boosters."""


def features_table(demand: pd.DataFrame, dataset: Dataset, region_item: RegionItem) -> pd.DataFrame:
    """What is known at the end of each period, and of its calendar and drivers: schema DemandFeatures.

    For people to look at: a category driver is one column of texts, not one column for each value.
    """
    series = series_features(demand, dataset, PanelFacts.without_categories(dataset), region_item)
    plain = {"date": series.dates, "demand": series.sold, **series._calendar, "level": series.level}
    rest = {**series._origin, **{f"recent:{name}": values for name, values in series._recent.items()},
            **{f"target:{name}": values for name, values in series.drivers.items()}}
    columns = plain | {name: values if name in _EXACT else values.astype(np.float32)
                       for name, values in rest.items() if not name.endswith("=(other)") and name not in plain}
    return pd.DataFrame(columns | {
        f"target:{driver.name}": demand[driver.name].astype("string").fillna("").to_numpy(dtype=object)
        for driver in dataset.drivers if driver.kind == "category"})


def is_of_last_year(column: str, dataset: Dataset) -> bool:
    """Whether a feature looks back a year or more at single periods: what a short history can do without."""
    seasons = tuple(f"season_{season}_" for season in dataset.season_lengths if season >= dataset.year_length)
    return column in ("last_year_shape", "years_shape") or column.startswith(seasons)


def is_of_effect(column: str, dataset: Dataset) -> bool:
    """Whether a feature tells of a driver that has a log-linear effect."""
    return any(column.split(":")[:2] == ["target", driver.name] for driver in dataset.drivers if has_effect(driver))


def _against(values: Floats, reference: Floats, is_ratio: bool) -> Floats:
    """The logarithm of the ratio, or the difference."""
    if is_ratio:
        return np.log(np.maximum(values, SMALLEST) / np.maximum(reference, SMALLEST))
    return values - reference
