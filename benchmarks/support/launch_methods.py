"""How the first month of what is new is forecast: by the product, by the mean of what is alike, and by a LightGBM."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.support.launches import DAYS, Cut
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.attributes import BESIDE
from demand_assets.forecasting.dataset.stored_drivers import with_every_driver
from demand_assets.forecasting.features.level import LEVEL_WINDOW
from demand_assets.forecasting.model.training.pooled_model import train_pooled
from demand_assets.forecasting.series.gapped import Floats

ROWS = 600_000
"""That the LightGBM learns from, evenly chosen: as many as the product's pooled model."""
Forecasts = dict[RegionItem, Floats]
"""In units, shape (periods,)."""


def product(cut: Cut, cores: int = 1) -> Forecasts:
    """The pooled model, which serves what is new: it knows names, attributes and drivers, and no demand."""
    model = train_pooled(sorted(cut.known), cut.known.__getitem__, cut.dataset, cores)
    leads = np.arange(1, cut.dataset.horizon + 1)
    found = {}
    for one, month in cut.launched.items():
        blank = _blank(month, cut)
        series = model.series_of(blank, cut.dataset, one)
        found[one] = model.forecast(series, np.zeros(len(leads), dtype=np.int64), leads)
    return found


def _blank(month: pd.DataFrame, cut: Cut) -> pd.DataFrame:
    """The first month without its demand, after a period that tells nothing."""
    before = month.iloc[:1].assign(date=month["date"].iloc[0] - pd.Timedelta(days=DAYS[cut.dataset.frequency]))
    for driver in cut.dataset.drivers:
        before[driver.name] = pd.Series(driver.of_kind.unknown(1), index=before.index)
    blank = pd.concat([before, month], ignore_index=True).assign(demand=np.nan)
    complete = with_every_driver(blank, cut.dataset)
    complete.attrs[BESIDE] = month.attrs.get(BESIDE, {})
    return complete


def category_mean(cut: Cut, cores: int = 1) -> Forecasts:
    """The mean demand of a period over what is alike in the region before the cut; over all regions, over everything in
    the region, over everything where there is none."""
    del cores
    means = _Means(cut)
    return {one: np.full(cut.dataset.horizon, means.of(one)) for one in cut.launched}


class _Means:
    """Mean demand of a period just before the cut, in units, by what region-items have in common."""

    def __init__(self, cut: Cut) -> None:
        self._cut = cut
        window = LEVEL_WINDOW[cut.dataset.frequency]
        self._sums: dict[tuple[str, str], list[float]] = {}
        for one, table in cut.known.items():
            recent = table["demand"].to_numpy(dtype=np.float64)[-window:]
            if (table["date"].iloc[-1] < cut.date) or np.isnan(recent).all():
                continue  # no longer sold
            for key in self._keys(one):
                self._sums.setdefault(key, []).append(float(np.nanmean(recent)))

    def _keys(self, one: RegionItem) -> list[tuple[str, str]]:
        alike = self._cut.alike(one)
        return [(one.region, alike), ("", alike), (one.region, ""), ("", "")]

    def of(self, one: RegionItem) -> float:
        """Of the nearest relatives that there are."""
        return next((float(np.mean(self._sums[key])) for key in self._keys(one) if key in self._sums), 0.0)


def lightgbm(cut: Cut, cores: int = 1) -> Forecasts:
    """One LightGBM of single periods, by names and attributes, drivers, calendar, age, and the mean of what is alike.

    Prices are there in money and beside the usual one of what is alike; there are no lags, for nothing new has any.
    """
    import lightgbm as lgb

    rows = _Rows(cut)
    table, demand = rows.known()
    model = lgb.LGBMRegressor(objective="tweedie", n_estimators=400, learning_rate=0.05, num_leaves=63,
                              min_child_samples=50, n_jobs=cores, random_state=0, verbosity=-1)
    model.fit(table, demand)
    return {one: np.maximum(model.predict(rows.of(one, month)), 0.0) for one, month in cut.launched.items()}


class _Rows:
    """The features of the LightGBM."""

    def __init__(self, cut: Cut) -> None:
        self._cut, self._means = cut, _Means(cut)
        self._begins = min(table["date"].iloc[0] for table in cut.known.values())
        every = [*cut.known.items(), *cut.launched.items()]
        self._texts = {name: sorted({value for one, table in every for value in self._text(one, table)[name]})
                       for name in self._text(*every[0])}
        prices: dict[str, list[float]] = {}
        self._ratios = [driver.name for driver in cut.dataset.drivers if driver.kind == "number"]
        for one, table in cut.known.items():
            for name in self._ratios:
                value = table[name].to_numpy(dtype=np.float64)
                if not np.isnan(value).all():
                    prices.setdefault(f"{name} {cut.alike(one)}", []).append(float(np.nanmedian(value)))
        self._usual = {name: float(np.median(values)) for name, values in prices.items()}

    def _text(self, one: RegionItem, table: pd.DataFrame) -> dict[str, list[str]]:
        found = {name: [str(value)] for name, value in table.attrs.get(BESIDE, {}).items()} | {"region": [one.region]}
        if not self._cut.category:  # an item that is new everywhere has no name that was seen
            found["item"] = [one.item]
        for driver in self._cut.dataset.drivers:
            if driver.kind == "category":
                found[driver.name] = table[driver.name].astype("string").fillna("").tolist()
        return found

    def of(self, one: RegionItem, table: pd.DataFrame) -> pd.DataFrame:
        """The features of each row of a table."""
        dates = table["date"]
        columns: dict[str, Any] = {}
        for name, values in self._text(one, table).items():
            filled = values * len(table) if len(values) == 1 else values
            columns[name] = pd.Categorical(filled, categories=self._texts[name])
        for driver in self._cut.dataset.drivers:
            if driver.kind != "category":
                columns[driver.name] = table[driver.name].to_numpy(dtype=np.float64)
        for name in self._ratios:
            usual = self._usual.get(f"{name} {self._cut.alike(one)}", 0.0)
            columns[f"{name}_beside_usual"] = columns[name] / usual if usual > 0 else columns[name]
        age = np.arange(len(table), dtype=np.float64)
        if dates.iloc[0] == self._begins:
            age = np.full(len(table), np.nan)  # it began before the data
        return pd.DataFrame(columns | {
            "age": age, "month": dates.dt.month.to_numpy(), "weekday": dates.dt.dayofweek.to_numpy(),
            "day": dates.dt.day.to_numpy(), "mean_of_alike": self._means.of(one)})

    def known(self) -> tuple[pd.DataFrame, Floats]:
        """Of an even choice of all known periods, and their demand in units."""
        total = sum(len(table) for table in self._cut.known.values())
        step = max(1, -(-total // ROWS))
        parts, demand = [], []
        for place, (one, table) in enumerate(self._cut.known.items()):
            units = table["demand"].to_numpy(dtype=np.float64)
            chosen = np.arange(place % step, len(table), step)
            chosen = chosen[~np.isnan(units[chosen])]
            if len(chosen):
                parts.append(self.of(one, table).iloc[chosen])
                demand.append(units[chosen])
        return pd.concat(parts, ignore_index=True), np.concatenate(demand)


METHODS: Mapping[str, Callable[[Cut, int], Forecasts]] = {
    "product": product, "category_mean": category_mean, "lightgbm": lightgbm}
