"""The sets on which live forecasts are judged: a source cut before its last horizon, and what came after."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.support.sets.accuracy_sets import SetError, described, environment, every_kth
from demand_assets.forecasting.contract.calendar_events import EventTables
from demand_assets.forecasting.contract.periods import ordinals, weekdays
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.contract.source import SourceError
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.demand.source_entries import FileSource
from demand_assets.forecasting.dataset.drivers import Driver
from demand_assets.forecasting.validation.rows_to_demand import RawDemandError, validate_panel
from demand_assets.forecasting.validation.written.dates import read_dates
from demand_assets.sources import open_source

MADE_UP = "made_up"
"""The name of the set that needs no file: drivers by each rule."""
LIMITS = {"D": 20, "W": 40, "M": 40}
"""Region-items in a sample by frequency."""
WEEKS, SHOPS, ITEMS = 208, 6, 8
REALISED = {"future": "known"}
"""What makes a driver's future the one that came."""


@dataclass(frozen=True)
class LiveSet:
    """A set as it was known one horizon before its end, and as it is known now."""

    name: str
    dataset: Dataset
    known: dict[RegionItem, pd.DataFrame]
    """Schema Demand, by the product's own validation of rows that end at the cut; later ones have known drivers alone.
    """
    came: dict[RegionItem, pd.DataFrame]
    """Schema Demand of the whole source, for the same region-items and more."""
    left_out: dict[RegionItem, str]
    """Sampled, but not taken in at the cut, with the reason."""

    @property
    def with_realised_drivers(self) -> tuple[Dataset, dict[RegionItem, pd.DataFrame]]:
        """The dataset and its demand up to the cut, with the drivers that came as the known plan."""
        drivers = tuple(driver if driver.future == "calendar" else driver.model_copy(update=REALISED)
                        for driver in self.dataset.drivers)
        tables = {}
        for one, known in self.known.items():
            origin = known.loc[known["demand"].notna(), "date"].iloc[-1]
            came = self.came[one]
            tables[one] = came.assign(demand=came["demand"].where(came["date"] <= origin))
        return self.dataset.model_copy(update={"drivers": drivers}), tables


def live_set(name: str, limit: int | None = None) -> LiveSet:
    """The set of that name, of a sample of region-items: sorted by region and item, every k-th.

    Args:
        name: as for ``accuracy_sets.described``, or ``MADE_UP``.
        limit: region-items at most; by frequency unless given.
    Raises: SetError: the set cannot be read, or nothing is known of it at the cut.
    """
    if name == MADE_UP:
        dataset, raw = made_up()
        region_items = sorted(map(RegionItem, *raw[["region", "item"]].drop_duplicates().to_numpy().T))
        last = raw["date"].max()
        return _cut(name, dataset, raw, every_kth(region_items, limit or len(region_items)), last,
                    last + pd.Timedelta(days=7), {})
    dataset = described(name)
    try:
        source = open_source(dataset, environment=environment())
        catalogue = source.catalogue()
        sampled = every_kth(catalogue.region_items, limit or LIMITS[dataset.frequency])
        raw = source.read(sampled)
        if catalogue.last_date is None:
            raise SetError(f"set {name}: there is no demand in it")
        return _cut(Path(name).stem, dataset, raw, sampled, catalogue.last_date, source.today(), catalogue.events)
    except (SourceError, RawDemandError) as error:
        raise SetError(f"set {name}: {error}") from error


def _cut(name: str, dataset: Dataset, raw: pd.DataFrame, sampled: list[RegionItem], last: pd.Timestamp,
         today: pd.Timestamp, events: EventTables) -> LiveSet:
    came = validate_panel(raw, dataset, sampled, last, today, events)
    cut, end = before_last_horizon(raw, dataset, last)
    after = np.timedelta64(1, "D") if dataset.frequency == "D" else np.timedelta64(35, "D")
    known = validate_panel(cut, dataset, sampled, end, min(today, end + after), events)
    tables = {one.region_item: one.demand for one in known if one.demand is not None}
    whole = {one.region_item: one.demand for one in came if one.demand is not None}
    left_out = {one.region_item: one.problem.split(". ")[0] for one in known if one.demand is None}
    left_out |= {one: "it has no forecast to compare with" for one in tables if one not in whole
                 or tables[one]["demand"].isna().all()}
    if not (tables := {one: table for one, table in tables.items() if one not in left_out}):
        reasons = "; ".join(sorted(set(left_out.values()))[:3])
        raise SetError(f"set {name}: nothing is known one horizon before its end ({reasons})")
    return LiveSet(name, dataset, tables, whole, left_out)


def before_last_horizon(raw: pd.DataFrame, dataset: Dataset, last: pd.Timestamp) -> tuple[pd.DataFrame, pd.Timestamp]:
    """The rows as they stood one horizon before the last period, and the last period known then.

    Of later periods only drivers that are known ahead are left; rows without any are gone.
    """
    columns, end = dataset.columns, np.array([last.to_datetime64()]).astype("datetime64[D]")
    days = read_dates(raw["date"], dataset.frequency, columns.date_format, columns.time_zone,
                      columns.week_dated == "last_day").days
    weekday = int(weekdays(end)[0])
    final = int(ordinals(end, dataset.frequency, weekday)[0]) - dataset.horizon
    is_later = np.zeros(len(raw), dtype=bool)
    is_dated = ~np.isnat(days)
    is_later[is_dated] = ordinals(days[is_dated], dataset.frequency, weekday) > final
    ahead = [driver.name for driver in dataset.of_source.drivers if driver.future == "known"]
    unknown = ["demand", *(driver.name for driver in dataset.of_source.drivers if driver.name not in ahead)]
    cut = raw.copy()
    for column in unknown:
        cut[column] = cut[column].astype(object).where(~is_later, None)
    known_dates = days[is_dated & ~is_later]
    return cut if ahead else cut[~is_later], pd.Timestamp(known_dates.max())


def made_up() -> tuple[Dataset, pd.DataFrame]:
    """A weekly dataset with drivers by each rule, and its rows; always the same.

    Holidays are known, prices repeat their last value, the weather repeats last year's, promotions and displays are
    given: they come without being planned, as in the files that referees keep.
    """
    drivers = (
        Driver(name="holiday", kind="yes_no", effect="increasing", future="known"),
        Driver(name="price", kind="number", effect="decreasing", future="repeat_last"),
        Driver(name="temperature", kind="number", future="repeat_season"),
        Driver(name="promo", kind="yes_no", effect="increasing", future="given", default=False),
        Driver(name="display", kind="category", future="given", default="none"))
    dataset = Dataset(name=MADE_UP, frequency="W", horizon=8, drivers=drivers,
                      source=FileSource(kind="file", path="made_up.parquet"))
    generator = np.random.default_rng(40)
    dates = pd.date_range("2020-01-06", periods=WEEKS, freq="7D")
    week = dates.dayofyear.to_numpy() / 365.25
    holiday = np.isin(np.arange(WEEKS) % 52, (15, 35, 50)).astype(float)
    temperature = 12 - 10 * np.cos(2 * np.pi * week) + generator.normal(0, 2, WEEKS)
    parts = []
    for shop in range(SHOPS):
        for item in range(ITEMS):
            price = 5 * np.exp(np.cumsum(generator.normal(0, 0.15, WEEKS) * (generator.random(WEEKS) < 0.15)))
            promo = (generator.random(WEEKS) < 0.25).astype(float)
            display = generator.choice(["none", "shelf end", "window"], WEEKS, p=[0.8, 0.12, 0.08])
            level = 20 * np.exp(generator.normal(0, 0.6) + 0.002 * np.arange(WEEKS))
            lift = np.select([display == "shelf end", display == "window"], [0.2, 0.5], 0.0)
            expected = level * np.exp(-1.8 * np.log(price / 5) + 0.6 * promo + lift + 0.35 * holiday
                                      + 0.015 * (temperature - 12))
            parts.append(pd.DataFrame({
                "region": f"shop {shop}", "item": f"item {item}", "date": dates,
                "demand": generator.negative_binomial(20, 20 / (20 + expected)).astype(float), "holiday": holiday,
                "price": price.round(2), "temperature": temperature.round(1), "promo": promo, "display": display}))
    raw = pd.concat(parts, ignore_index=True)
    raw.insert(2, "row", np.arange(1, len(raw) + 1))
    return dataset, raw
