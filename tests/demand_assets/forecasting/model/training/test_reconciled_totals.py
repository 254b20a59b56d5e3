"""Totals forecast by themselves: which there are, what their windows allow, and that none sees what came later."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.attributes import BESIDE, Attribute, Hierarchies
from demand_assets.forecasting.dataset.dataset_file import Backtesting, Dataset, Pins
from demand_assets.forecasting.dataset.drivers import Driver
from demand_assets.forecasting.features.series_features import SeriesFeatures, series_features
from demand_assets.forecasting.features.total_factors import TotalFactors
from demand_assets.forecasting.model.serving.pooled_model import PooledModel
from demand_assets.forecasting.model.training.pooled_model import train_pooled, train_totals
from demand_assets.forecasting.model.training.reconciled_totals import (
    Read,
    Windows,
    chosen_attribute,
    factors_of,
    windows_of,
    with_totals,
)
from demand_assets.forecasting.series.planned_drivers import future_drivers
from tests.demand_assets.forecasting.conftest import HERE

GROUP = Attribute(name="group", of="item")
RARE = Attribute(name="rare", of="item")


def dataset_of(*attributes: Attribute, levels: tuple[str, ...] = ()) -> Dataset:
    return Dataset(name="shop", frequency="D", horizon=7, source=HERE, attributes=attributes,
                   hierarchies=Hierarchies(item=levels))


@pytest.mark.parametrize(("regions", "items", "attributes", "chosen"), [
    (4, 8, (), ""), (4, 7, (), None), (3, 8, (), None), (1, 100, (), None),
    (4, 8, (GROUP,), ""), (2, 16, (GROUP,), "group"), (1, 32, (GROUP,), "group"), (1, 31, (GROUP,), None),
    (1, 32, (RARE,), None), (2, 16, (RARE, GROUP), "group")])
def test_totals_have_enough_members_and_are_enough(regions: int, items: int, attributes: tuple[Attribute, ...],
                                                   chosen: str | None) -> None:
    known = {RegionItem(f"r{region}", f"i{item}"): {"group": f"g{item % 4 if regions < 2 else item % 2}",
                                                    **({"rare": f"{item}"} if item < 4 else {})}
             for region in range(regions) for item in range(items)}

    assert chosen_attribute(known, dataset_of(*attributes)) == chosen


def windows(told: float, units: float = 10.0, noise: float = 0.0, wrong_in: tuple[int, ...] = ()) -> Windows:
    """Five windows of two totals of three region-items that sell 12 each: what is told of each total over its sum."""
    generator = np.random.default_rng(1)
    actual = 12.0 + noise * generator.normal(size=(5, 6, 7))
    actual[4] = np.nan
    totals = np.full((5, 2, 7), 3 * units * told)
    for place in wrong_in:
        totals[place] = 3 * units / told
    return Windows(7 * np.arange(5), np.repeat([0, 1], 3), np.full((5, 6, 7), units), actual, totals)


def test_totals_that_were_right_twice_are_trusted() -> None:
    factors, shares = factors_of(windows(1.2), 7)

    assert shares == [0.0, 0.0, 1.0, 1.0, 1.0]
    np.testing.assert_allclose(factors[4], 1.2)
    assert (factors[:2] == 1).all()


def test_totals_that_were_wrong_are_not_used() -> None:
    assert factors_of(windows(0.8), 7)[1] == [0.0] * 5


def test_totals_that_were_right_and_wrong_are_drawn_to_nothing() -> None:
    once = factors_of(windows(1.2, noise=1.0, wrong_in=(1,)), 7)[1]
    twice = factors_of(windows(1.2, noise=1.0, wrong_in=(1, 3)), 7)[1]

    assert once[2] == 0.0
    assert 0.0 < once[4] < 0.95
    assert twice[4] == 0.0


def test_what_helps_totals_and_spoils_region_items_is_not_used() -> None:
    """Half of the items sell nothing and half twice as much, so that the median is far below the mean."""
    told = windows(1.5, units=6.0)
    actual = np.tile([0.0, 0.0, 40.0], 2)[None, :, None] * np.ones((5, 6, 7))

    assert factors_of(replace(told, actual=actual), 7)[1] == [0.0] * 5


def test_a_total_far_from_its_sum_is_followed_so_far_only() -> None:
    factors, _ = factors_of(windows(1.2, units=1.0), 7, is_trusted=True)
    far, _ = factors_of(windows(9.0, units=1.0), 7, is_trusted=True)

    assert factors.max() == pytest.approx(1.2)
    assert far.max() == pytest.approx(2.0)


def test_of_nothing_forecast_there_is_nothing_to_correct() -> None:
    assert (factors_of(windows(1.2, units=0.0), 7, is_trusted=True)[0] == 1).all()


DAYS, LAST = 115, pd.Timestamp("2025-06-19")
CHEAP = Pins(scale="tweedie", drivers="boosted", year_features=False, own_share=0.0, rounds=5, depth=3)
SHOP = Dataset(name="shop", frequency="D", horizon=7, source=HERE, training=CHEAP, season_lengths=(7,),
               backtest=Backtesting(windows=2), drivers=(
    Driver(name="price", kind="number", effect="decreasing", future="repeat_last"),
    Driver(name="promo", kind="yes_no", effect="increasing"),
    Driver(name="event", kind="category", future="given", default="")))


def shops() -> dict[RegionItem, pd.DataFrame]:
    """Four regions of eight slow items, whose week is far clearer in their sums than in each; prices of each item."""
    generator = np.random.default_rng(3)
    days = np.arange(DAYS)
    week = np.array([0.5, 0.6, 0.7, 0.9, 1.4, 1.9, 1.0])
    tables = {}
    for region in range(4):
        for item in range(8):
            future = np.full(DAYS + 7, np.nan)
            future[:DAYS] = generator.poisson(0.8 * week[days % 7] * (1 + 0.2 * region))
            table = pd.DataFrame({
                "date": pd.date_range(end=LAST + pd.Timedelta(days=7), periods=DAYS + 7, freq="D"), "demand": future,
                "price": np.full(DAYS + 7, 2.0 + item), "promo": np.zeros(DAYS + 7),
                "event": np.array(["", "fair"], dtype=object)[(np.arange(DAYS + 7) % 30 == 3).astype(int)]})
            table.attrs[BESIDE] = {}
            tables[RegionItem(f"r{region}", f"i{item}")] = table.iloc[item * 5:].reset_index(drop=True)
    return tables


SHOPS = shops()


def longest_of(dataset: Dataset) -> SeriesFeatures:
    return series_features(SHOPS[RegionItem("r0", "i0")], dataset)


def trained(tables: dict[RegionItem, pd.DataFrame], dataset: Dataset = SHOP) -> PooledModel:
    return train_pooled(sorted(tables), tables.__getitem__, dataset)


@pytest.fixture(scope="module")
def model() -> PooledModel:
    return trained(SHOPS)


@pytest.mark.parametrize("left_out", ["promo", "event"])
def test_totals_do_not_put_in_what_a_plan_leaves_out(model: PooledModel, left_out: str) -> None:
    """Promotions that nobody planned, and events that each item has at its own time, are a planner's to add."""
    drivers = tuple(Driver(name="promo", kind="yes_no", future="given", default=False)
                    if driver.name == left_out == "promo" else driver for driver in SHOP.drivers)
    dataset = SHOP.model_copy(update={"drivers": drivers})
    tables = {}
    for number, (one, table) in enumerate(SHOPS.items()):
        tables[one] = table.assign(event=np.roll(table["event"], number)) if left_out == "event" else table
        tables[one].attrs[BESIDE] = {}
    bare = replace(model, facts=replace(model.facts, totals=TotalFactors()))

    def never(totals: Sequence[RegionItem], read: Read, described: Dataset, cores: int) -> PooledModel:
        raise AssertionError("no totals are forecast")

    told = with_totals(bare, sorted(tables), tables.__getitem__, dataset, longest_of(dataset), 1, never)

    assert told == (bare, {})


def test_the_end_is_asked_with_drivers_as_they_are_planned() -> None:
    """As a page asks, also where boosters are asked that see a plan and no what-if."""
    dataset = SHOP.model_copy(update={"training": CHEAP.model_copy(update={"drivers": "mean"})})
    tables = {}
    for one in list(SHOPS)[:4]:
        table = SHOPS[one].assign(price=SHOPS[one]["price"] * (1 + np.arange(len(SHOPS[one])) % 5 / 20))
        table.loc[table["demand"].isna(), "price"] = np.nan
        table.attrs[BESIDE] = {}
        tables[one] = table
    made = trained(tables, dataset)
    last = longest_of(dataset).known - 1

    _, told, _ = windows_of(made, list(tables), tables.__getitem__, dataset, longest_of(dataset), "",
                            np.array([last - 7, last]), 1, train_totals)

    for number, (one, table) in enumerate(tables.items()):
        complete, _ = future_drivers(table, dataset, dataset.horizon)
        complete.attrs.update(table.attrs)
        series = series_features(complete, dataset, made.facts, one)
        np.testing.assert_allclose(told.units[1, number], made.forecast(
            series, np.full(7, series.known - 1), np.arange(1, 8)), rtol=1e-6)


def test_it_is_told_what_totals_were_used_for(model: PooledModel) -> None:
    told = model.card["totals"]

    assert told["by"] == "all"
    assert told["totals"] == 4
    assert list(told["shares"].values())[:2] == [0.0, 0.0]  # nothing had ended yet by which to judge
    assert set(model.facts.totals.tables) == {date for date, share in told["shares"].items() if share}
    for regions in model.facts.totals.tables.values():
        assert sorted(regions) == ["r0", "r1", "r2", "r3"]
        assert all(len(factors["all"]) == 7 and 0.5 <= min(factors["all"]) <= max(factors["all"]) <= 2.0
                   for factors in regions.values())


def test_all_demand_after_an_origin_may_change_and_factors_of_that_origin_do_not(model: PooledModel) -> None:
    origin = LAST - pd.Timedelta(days=7)
    rewritten = {}
    for one, table in SHOPS.items():
        is_later = (table["date"] > origin) & table["demand"].notna()
        rewritten[one] = table.assign(demand=table["demand"].where(~is_later, 9.0))
        rewritten[one].attrs[BESIDE] = {}

    again = trained(rewritten)

    known = [date for date in model.card["totals"]["shares"] if pd.Timestamp(date) <= origin]
    assert len(known) == 4
    assert set(known) & set(model.facts.totals.tables)
    for date in known:
        assert again.card["totals"]["shares"][date] == model.card["totals"]["shares"][date]
        assert again.facts.totals.tables.get(date) == model.facts.totals.tables.get(date)


def test_the_last_fit_forecasts_the_total_that_it_says(model: PooledModel) -> None:
    """What is served of a region's items adds up to the sum without totals, times the factor of each day."""
    leads = np.arange(1, 8)
    bare = replace(model, facts=replace(model.facts, totals=TotalFactors()))
    factors = model.facts.totals.of("r1", "all").get(str(LAST.date()), (1.0,) * 7)
    sums = []
    for each in (bare, model):
        of_each = [each.forecast(series_features(table, SHOP, each.facts, one),
                                 np.full(7, DAYS - 1 - 5 * int(one.item[1:])), leads)
                   for one, table in SHOPS.items() if one.region == "r1"]
        sums.append(np.sum(of_each, axis=0))

    np.testing.assert_allclose(sums[1], sums[0] * factors, rtol=1e-5)
