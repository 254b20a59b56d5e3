"""Demand that was taken in before the dataset file was changed."""

import numpy as np
import pandas as pd
import pytest

from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.demand.source_entries import FileSource
from demand_assets.forecasting.dataset.drivers import Driver
from demand_assets.forecasting.dataset.predecessors import Link
from demand_assets.forecasting.dataset.prices_and_costs import Money
from demand_assets.forecasting.dataset.stored_drivers import drivers_in, with_every_driver
from demand_assets.forecasting.series.carried_over_demand import Other, with_carried


def dataset(*drivers: tuple[str, str]) -> Dataset:
    return Dataset(name="shop", frequency="D", source=FileSource(kind="file", path="nowhere.csv"), drivers=tuple(
        Driver.model_validate({"name": name, "kind": kind}) for name, kind in drivers))


STORED = pd.DataFrame({"date": pd.date_range("2026-01-01", periods=3), "demand": [1.0, 2.0, 3.0],
                       "price": [9.5, np.nan, 9.0], "promo": [0.0, 1.0, np.nan], "event": ["fair", None, "none"],
                       "never": [None, None, None]})


@pytest.mark.parametrize(("name", "kind", "is_there"), [
    ("price", "number", True), ("promo", "yes_no", True), ("event", "category", True), ("weather", "number", False),
    ("promo", "number", True), ("price", "yes_no", False), ("price", "category", False), ("event", "number", False),
    ("event", "yes_no", False), ("never", "number", True), ("never", "category", True)])
def test_a_column_is_there_when_its_values_are_of_the_declared_kind(name: str, kind: str, is_there: bool) -> None:
    assert (name in drivers_in(STORED, dataset((name, kind)))) is is_there


def test_what_is_not_there_is_unknown_and_the_rest_is_left_alone() -> None:
    completed = with_every_driver(STORED, dataset(("price", "category"), ("promo", "yes_no"), ("weather", "number")))

    assert completed["price"].isna().all()
    assert completed["weather"].isna().all()
    assert completed["weather"].dtype == np.float64
    pd.testing.assert_series_equal(completed["promo"], STORED["promo"])
    assert STORED["price"].notna().any()


def test_demand_that_has_everything_is_not_copied() -> None:
    assert with_every_driver(STORED, dataset(("price", "number"), ("event", "category"))) is STORED


@pytest.mark.parametrize(("money", "drivers", "name"), [
    ({"price": {"column": "VK"}}, (), "unit_price"), ({"cost": {"column": "EK"}}, (), "unit_cost"),
    ({"price": {"expression": "a / b"}}, (("price", "number"),), "unit_price")])
def test_what_another_item_was_sold_for_is_no_price_of_its_successor(money: dict[str, object],
                                                                     drivers: tuple[tuple[str, str], ...],
                                                                     name: str) -> None:
    shop = dataset(*drivers).model_copy(update={"money": Money.model_validate(money)})
    old, new = (pd.DataFrame({"date": pd.date_range(first, periods=3, freq="D"), "demand": units, name: value,
                              "price": value})
                for first, units, value in (("2026-01-01", [4.0, 5.0, 6.0], 9.5), ("2026-01-04", 7.0, np.nan)))
    carried = with_carried(new.assign(**{name: [np.nan, 8.0, 8.0]}), [Other(Link("new", "old"), old)])

    told = with_every_driver(carried, shop)

    assert told[name].tolist()[3:] == pytest.approx([np.nan, 8.0, 8.0], nan_ok=True)
    assert told[name].iloc[:3].isna().all()
    assert told["price"].iloc[:3].tolist() == [9.5] * 3  # a driver is as it was then
    assert with_every_driver(carried, dataset((name, "number")))[name].iloc[:3].tolist() == [9.5] * 3
