"""Simulated demand: the same for ever, growing at its end, with effects that can be found again."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.contract.source import SourceError
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.sources import open_source
from demand_assets.sources.simulated.source import Simulation

DRIVERS = [{"name": "price", "kind": "number", "effect": "decreasing"},
           {"name": "promo", "kind": "yes_no", "effect": "increasing"}, {"name": "holiday", "kind": "yes_no"},
           {"name": "temperature", "kind": "number", "future": "repeat_season"}]


def simulation(today="2026-06-15", frequency="D", started_at=None, clock=None, drivers=DRIVERS, **settings):
    described = Dataset.model_validate({
        "name": "simulated", "frequency": frequency, "drivers": drivers, "horizon": 7,
        "source": {"kind": "simulated", "regions": 2, "items": 6, "years": 2, "today": today, **settings}})
    return Simulation(described, started_at, *([clock] if clock else []))


def all_rows(source):
    return source.read(source.catalogue().region_items)


def test_it_is_the_same_each_time():
    pd.testing.assert_frame_equal(all_rows(simulation()), all_rows(simulation()))


def test_another_seed_is_another_world():
    assert not all_rows(simulation(seed=1))["demand"].equals(all_rows(simulation(seed=2))["demand"])


@pytest.mark.parametrize("frequency", ["D", "W", "M", "Q"])
@pytest.mark.parametrize("days_later", [1, 40, 400])
def test_growing_changes_nothing_that_was_known(frequency, days_later):
    later = str((pd.Timestamp("2026-06-15") + timedelta(days=days_later)).date())
    keys = ["region", "item", "date"]
    before = all_rows(simulation(frequency=frequency)).drop(columns="row").dropna(subset="demand")

    both = before.merge(all_rows(simulation(later, frequency)), on=keys, suffixes=("", "_later"))

    assert len(both) > 0.2 * len(before)
    for name in ("demand", "price", "promo", "holiday", "temperature"):
        pd.testing.assert_series_equal(both[name], both[f"{name}_later"], check_names=False)


def test_a_region_item_is_the_same_whoever_else_is_there():
    kettle = RegionItem("north", "kettle")

    few, many = simulation().read([kettle]), simulation(regions=40, items=60).read([kettle])

    pd.testing.assert_frame_equal(few, many)


def test_demand_ends_yesterday_and_plans_go_one_horizon_on():
    source = simulation()
    table = source.read([RegionItem("north", "kettle")])

    assert source.catalogue().last_date == pd.Timestamp("2026-06-14")
    assert table.loc[table["demand"].notna(), "date"].max() == pd.Timestamp("2026-06-14")
    future = table[table["date"] > "2026-06-14"]
    assert len(future) == 7
    assert future[["price", "promo", "holiday"]].notna().all(axis=None)
    assert future["temperature"].isna().all()


@pytest.mark.parametrize(("frequency", "last"), [("W", "2026-06-08"), ("M", "2026-05-01")])
def test_only_periods_that_are_over_have_demand(frequency, last):
    assert simulation(frequency=frequency).catalogue().last_date == pd.Timestamp(last)


def test_demand_is_counted_in_whole_units():
    demand = all_rows(simulation())["demand"].dropna()

    assert (demand >= 0).all()
    assert (demand == demand.round()).all()


def test_a_simulated_day_can_pass_in_seconds():
    start = datetime(2026, 6, 15, 12, tzinfo=UTC)
    source = simulation(seconds_per_day=60, started_at=start, clock=lambda: start + timedelta(seconds=185))

    assert source.today() == pd.Timestamp("2026-06-18")
    assert source.catalogue().last_date == pd.Timestamp("2026-06-17")


def test_the_fingerprint_changes_when_a_period_ends():
    assert simulation("2026-06-15").fingerprint() != simulation("2026-06-16").fingerprint()
    assert simulation("2026-06-15", "M").fingerprint() == simulation("2026-06-16", "M").fingerprint()


def test_the_truth_is_what_is_sold_on_average():
    source = simulation(regions=6, items=12)
    ratios = []
    for region_item in source.catalogue().region_items:
        table = source.read([region_item]).dropna(subset="demand")
        ratios.append(table["demand"].mean() / source.truth(region_item, table).mean())

    assert np.median(ratios) == pytest.approx(1.0, abs=0.04)  # a little less than 1: sometimes out of stock


def test_the_truth_answers_scenarios():
    source = simulation()
    table = source.read([RegionItem("north", "kettle")]).tail(7)[["date", "price"]]

    plan = source.truth(RegionItem("north", "kettle"), table)
    cheaper = source.truth(RegionItem("north", "kettle"), table.assign(price=table["price"] * 0.9))
    promoted = source.truth(RegionItem("north", "kettle"), table.assign(promo=1.0))

    assert (cheaper > plan).all()
    assert np.log(cheaper / plan) / np.log(0.9) == pytest.approx(np.full(7, np.log(cheaper[0] / plan[0]) / np.log(0.9)))
    assert (promoted >= plan).all()
    assert (promoted > plan).any()


def test_prices_follow_promos_only_where_effects_are_confounded():
    def price_on_promo(confounded):
        table = all_rows(simulation(confounded=confounded)).dropna()
        usual = table.groupby(["region", "item"])["price"].transform("mean")
        return (table["price"] / usual)[table["promo"] == 1].mean()

    assert price_on_promo(confounded=False) == pytest.approx(1.0, abs=0.03)
    assert price_on_promo(confounded=True) < 0.9


def test_the_world_has_intermittent_and_late_region_items_and_breaks():
    table = all_rows(simulation(regions=20, items=12, years=3)).dropna(subset="demand")
    series = table.groupby(["region", "item"])

    assert 0.05 < (series["demand"].apply(lambda demand: (demand == 0).mean()) > 0.3).mean() < 0.25
    assert 0.02 < (series["date"].min() > table["date"].min()).mean() < 0.2


def test_a_driver_that_the_world_does_not_have_is_named():
    with pytest.raises(SourceError, match="no driver weather; it has price, promo, holiday, temperature"):
        simulation(drivers=[{"name": "weather", "kind": "number"}])


def test_drivers_that_are_not_declared_are_left_out():
    table = all_rows(simulation(drivers=DRIVERS[:1]))

    assert list(table.columns) == ["region", "item", "row", "date", "demand", "price"]


def test_it_opens_by_its_kind():
    described = Dataset.model_validate({"name": "s", "frequency": "D", "source": {"kind": "simulated"}})

    assert len(open_source(described).catalogue().region_items) == 48


def stocked(share, entry="stock", frequency="D", today="2026-06-15"):
    described = Dataset.model_validate({
        "name": "simulated", "frequency": frequency, "horizon": 7, "columns": {entry: "s"} if entry else {},
        "source": {"kind": "simulated", "regions": 2, "items": 6, "years": 2, "today": today, "stock_outs": share}})
    return Simulation(described)


@pytest.mark.parametrize("entry", [None, "stock", "available"])
def test_without_stock_outs_demand_is_what_it_was(entry):
    plain, told = (all_rows(source) for source in (simulation(drivers=[]), stocked(0.0, entry)))

    pd.testing.assert_frame_equal(told.drop(columns=[entry] if entry else []), plain)
    if entry:
        known = told[told["demand"].notna()]
        assert (known.loc[known[entry] <= 0, "demand"] == 0).all()
        assert 0 < (known[entry] <= 0).mean() < 0.03


@pytest.mark.parametrize("frequency", ["D", "W"])
def test_stock_outs_are_where_more_is_wanted_than_was_delivered(frequency):
    source = stocked(0.2, frequency=frequency)
    rows = all_rows(source)
    rows = rows[rows["demand"].notna()]
    parts = [(group, source.wanted(RegionItem(*names), group["date"].to_numpy().astype("datetime64[D]")))
             for names, group in rows.groupby(["region", "item"])]
    sold, wanted, left = (np.concatenate(values) for values in (
        [group["demand"] for group, _ in parts], [units for _, units in parts], [group["stock"] for group, _ in parts]))

    assert 0.15 < (left == 0).mean() < 0.25
    assert (sold <= wanted).all()
    assert (sold == wanted)[left > 0].all()
    assert sold[left == 0].sum() < 0.8 * wanted[left == 0].sum()
    assert (sold[left == 0] > 0).any()


def test_growing_changes_nothing_of_stock_outs():
    keys = ["region", "item", "date"]
    before, later = (all_rows(stocked(0.1, today=today)).dropna(subset="demand").drop(columns="row")
                     for today in ("2026-06-15", "2026-08-01"))

    both = before.merge(later, on=keys, suffixes=("", "_later"))
    assert len(both) > 0.5 * len(before)
    assert (both["demand"] == both["demand_later"]).all()
    assert (both["stock"] == both["stock_later"]).all()


def test_nothing_to_read_has_the_stock_column_too():
    assert "stock" in stocked(0.1).read([]).columns
