"""An item that is sold no longer, or not yet, is forecast as zero, and why is told."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.attributes import BESIDE, Attribute
from demand_assets.forecasting.dataset.demand.stock_entries import AT_LEAST
from demand_assets.forecasting.dataset.predecessors import Link, Predecessors
from demand_assets.forecasting.forecast.forecaster import Forecaster
from demand_assets.forecasting.forecast.sold_span import SoldSpan, last_days
from demand_assets.forecasting.model.serving.baseline import BASELINE
from demand_assets.forecasting.series.carried_over_demand import BEGINS, ENDS
from demand_assets.forecasting.store.demand_store import DemandStore
from tests.demand_assets.forecasting.conftest import daily_demand

OLD, NEW = RegionItem("north", "old"), RegionItem("north", "new")
LAST = daily_demand(60)["date"].iloc[-1].date()


@pytest.fixture
def store(tmp_path):
    """Demand of an old item and of a new one that was never sold."""
    store, sold = DemandStore(str(tmp_path)), daily_demand(60)
    store.write("demand", OLD, sold)
    store.write("demand", NEW, pd.DataFrame({"date": sold["date"].tail(1), "demand": [np.nan]}))
    return store


def day(after):
    return (pd.Timestamp(LAST) + pd.Timedelta(days=after)).date()


def test_an_item_is_forecast_until_another_replaces_it_which_begins_then(store, daily):
    before = Forecaster(daily, store).forecast(OLD, BASELINE).table
    store.write_predecessors(Predecessors((Link("new", "old", since=day(4)),)))

    old, new = (Forecaster(daily, store).forecast(one, BASELINE) for one in (OLD, NEW))

    for part in ("forecast", "lower_80", "upper_80"):
        assert not old.table[part].iloc[3:].any()
        assert not new.table[part].iloc[:3].any()
    assert old.table["forecast"].iloc[:3].tolist() == before["forecast"].iloc[:3].tolist()
    assert (new.table["forecast"].iloc[3:] > 0).all()
    assert old.assumed == (f"It is forecast as 0 from {day(4)} on (replaced by new).",)
    assert new.assumed == (f"It is forecast as 0 before {day(4)} (replaces old).",)


def test_a_planners_word_ends_it_too_and_goes_without_a_trace(store, daily):
    before = Forecaster(daily, store).forecast(OLD, BASELINE)
    store.write_adjustments(OLD, {}, replaced_by=[Link("new", "old", region="north", since=day(-10), by="ann@shop")])
    ended = Forecaster(daily, store).forecast(OLD, BASELINE)
    store.write_adjustments(OLD, {})

    assert not ended.table["upper_80"].any()
    assert ended.assumed[0].startswith(f"It is forecast as 0 from {day(-10)} on (replaced by new), although ")
    assert Forecaster(daily, store).forecast(OLD, BASELINE).table.equals(before.table)


@pytest.mark.parametrize("link", [
    Link("new", "old", region="south", since=day(1)), Link("new", "old"), Link("new", "old", "similar", since=day(1))])
def test_other_regions_links_without_a_day_and_similar_items_end_nothing(store, daily, link):
    store.write_predecessors(Predecessors((link,)))

    assert (Forecaster(daily, store).forecast(OLD, BASELINE).table["forecast"] > 0).all()


def test_dates_among_the_attributes_begin_and_end(daily):
    dataset = daily.model_copy(update={"attributes": (
        Attribute(name="closed", of="region", kind="date", marks="end"),
        Attribute(name="gone", of="item", kind="date", marks="end"),
        Attribute(name="opened", of="region", kind="date", marks="begin"),
        Attribute(name="made", of="item", kind="date"))})
    demand = daily_demand(5)
    demand.attrs[BESIDE] = {"closed": date(2026, 1, 2), "gone": date(2026, 1, 1), "opened": date(2025, 12, 1),
                            "made": date(2020, 1, 1)}

    span = SoldSpan.of(demand, dataset)

    assert (span.begins, span.ends) == (None, date(2026, 1, 1))  # it was sold, so it has begun
    assert span.why == ("It is forecast as 0 from 2026-01-01 on (gone).",)
    demand["demand"] = np.nan
    assert SoldSpan.of(demand, dataset).begins == date(2025, 12, 1)


@pytest.mark.parametrize(("frequency", "first", "periods", "expected"), [
    ("D", "2026-01-01", "D", [False, True, True, False]), ("W", "2025-12-25", "7D", [False, True, False, False]),
    ("M", "2025-12-01", "MS", [False, True, False, False])])
def test_a_period_in_which_it_begins_or_ends_is_forecast(frequency, first, periods, expected):
    dates = pd.date_range(first, periods=4, freq=periods).to_numpy().astype("datetime64[D]")

    assert SoldSpan(date(2026, 1, 2), date(2026, 1, 4)).covers(dates, frequency).tolist() == expected


def test_what_says_nothing_limits_nothing(daily):
    demand = daily_demand(5)

    assert SoldSpan.of(demand, daily) == SoldSpan()
    assert BEGINS not in demand.attrs
    assert ENDS not in demand.attrs


@pytest.mark.parametrize(("frequency", "last"), [
    ("D", "2024-10-01"), ("W", "2024-10-07"), ("M", "2024-10-31"), ("Q", "2024-12-31")])
def test_a_period_ends_with_its_last_day(frequency, last):
    assert last_days(np.array(["2024-10-01"], dtype="datetime64[D]"), frequency).astype(str).tolist() == [last]


def test_sales_out_of_stock_are_sales(daily):
    demand = pd.DataFrame({"date": pd.date_range("2024-01-01", periods=2), "demand": [0.0, np.nan],
                           AT_LEAST: [np.nan, 3.0]})
    demand.attrs |= {BEGINS: {date(2024, 2, 1): "launch"}, ENDS: {date(2024, 1, 2): "end"}}
    span = SoldSpan.of(demand, daily)

    assert span.begins is None
    assert span.why == ("It is forecast as 0 from 2024-01-02 on (end), although 3 were sold since.",)
