"""The data dictionary: each schema takes what it promises and refuses what it does not, in its own words."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandera.errors import SchemaError, SchemaErrors

from demand_assets.forecasting.contract.quarantine import RULES
from demand_assets.forecasting.validation.schemas import (
    Demand,
    Forecast,
    Quarantine,
    demand_schema,
    has_columns,
    raw_schema,
    surely_fits,
)
from tests.demand_assets.forecasting.raw_demand import EVENT, PRICE, PROMO, dataset, days, raw

SHOP = dataset(drivers=(PRICE, PROMO, EVENT))


def demand(**changes):
    table = pd.DataFrame({"date": pd.date_range("2024-01-01", periods=4), "demand": [1.0, np.nan, 0.0, 2.0],
                          "price": [9.9, np.nan, 9.9, 9.9], "promo": [0.0, 1.0, np.nan, 0.0],
                          "event": ["fair", None, None, None]})
    return table.assign(**changes)


def test_demand_with_unknown_periods_is_taken():
    demand_schema(SHOP).validate(demand())


@pytest.mark.parametrize(("changes", "words"), [
    ({"demand": [1.0, -1.0, 0.0, 2.0]}, "greater_than_or_equal_to"),
    ({"demand": ["1", "2", "3", "4"]}, "float64"),
    ({"demand": [np.nan, 1.0, 0.0, 2.0]}, "must begin with a period whose demand is known"),
    ({"date": pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-04", "2024-01-05"])}, "consecutive periods"),
    ({"date": pd.to_datetime(["2024-01-04", "2024-01-03", "2024-01-02", "2024-01-01"])}, "consecutive periods"),
    ({"promo": [0.0, 0.5, 1.0, 0.0]}, "promo must be 1 .yes. or 0 .no."),
    ({"price": [1.0, np.inf, 1.0, 1.0]}, "price must be finite"),
    ({"customers": 1.0}, "customers")])
def test_demand_that_breaks_a_rule_is_refused_in_words(changes, words):
    with pytest.raises((SchemaError, SchemaErrors), match=words):
        demand_schema(SHOP).validate(demand(**changes))


def panel_fits(table: pd.DataFrame, bounds: list[int]) -> bool:
    return surely_fits({name: table[name].to_numpy() for name in table}, np.array(bounds), SHOP)


def test_demand_that_fits_is_seen_to():
    assert panel_fits(pd.concat([demand(), demand()]), [0, 4, 8])


@settings(deadline=None)
@given(st.sampled_from(["date", "demand", "price", "promo", "event"]), st.integers(0, 7), st.sampled_from(
    [0.0, 1.0, 0.5, -1.0, np.inf, np.nan, None, "fair", pd.Timestamp("2024-01-02"), pd.NaT]), st.integers(1, 7))
def test_what_the_schema_refuses_is_never_seen_to_fit(column, place, value, end):
    table = pd.concat([demand(region_item=0), demand(region_item=1)], ignore_index=True)
    values = table[column].astype(object)
    values[place] = value
    table[column] = values.infer_objects() if column != "event" else values
    table["region_item"] = np.repeat([0, 1], [end, 8 - end])
    table["date"] = np.where(table["region_item"] == 0, table["date"], table["date"].shift(end - 4))
    try:
        demand_schema(SHOP, of_panel=True).validate(table, lazy=True)
    except (SchemaError, SchemaErrors):
        assert not panel_fits(table.drop(columns="region_item"), [0, end, 8])


@pytest.mark.parametrize("change", ["drop", "rename", "text"])
def test_raw_rows_that_lack_something_are_never_seen_to_have_it(change):
    rows = raw(days(3), price=1.0, promo=True, event="fair")
    spoilt = {"drop": rows.drop(columns="price"), "rename": rows.rename(columns={"row": "line"}),
              "text": rows.assign(row=["1", "two", "3"])}[change]

    assert has_columns(rows, SHOP)
    assert not has_columns(spoilt, SHOP)
    with pytest.raises((SchemaError, SchemaErrors)):
        raw_schema(SHOP).validate(spoilt)


@pytest.mark.parametrize(("frequency", "step"), [("W", "7D"), ("M", "MS")])
def test_weeks_and_months_are_consecutive(frequency, step):
    dates = pd.date_range("2024-02-01", periods=4, freq=step)

    demand_schema(dataset(frequency, (PRICE, PROMO, EVENT))).validate(demand(date=dates))


def is_taken(frequency: str, dates) -> bool:
    """Whether the schema takes these as consecutive periods."""
    table = pd.DataFrame({"date": dates, "demand": 1.0, "price": 1.0, "promo": 0.0, "event": None})
    try:
        demand_schema(dataset(frequency, (PRICE, PROMO, EVENT))).validate(table)
    except (SchemaError, SchemaErrors):
        return False
    return True


@pytest.mark.parametrize(("frequency", "step", "first"), [
    ("D", "D", "1970-01-01"), ("M", "MS", "1970-01-01"), *(("W", "7D", f"1970-01-0{day}") for day in range(1, 8))])
def test_consecutive_periods_are_taken_from_1970_to_2100(frequency, step, first):
    dates = pd.date_range(first, "2100-12-31", freq=step)

    assert is_taken(frequency, dates)
    assert not is_taken(frequency, dates.delete(len(dates) // 2))


@pytest.mark.parametrize("day", range(1, 8))
def test_a_week_on_another_weekday_is_refused(day):
    weeks = pd.date_range(f"1989-08-0{day}", periods=3, freq="7D").to_numpy()

    for slip in (-1, 1, 7):
        assert not is_taken("W", weeks + np.array([0, slip, 0], dtype="timedelta64[D]"))


def test_the_region_items_of_a_panel_are_told_apart():
    panel = pd.concat([demand(region_item=0), demand(region_item=1)], ignore_index=True)

    demand_schema(SHOP, of_panel=True).validate(panel)


def test_a_forecast_lies_inside_its_interval():
    forecast = pd.DataFrame({"date": pd.date_range("2024-01-01", periods=2), "lead": [1, 2], "forecast": [5.0, 6.0],
                             "lower_80": [3.0, 4.0], "upper_80": [7.0, 8.0]})

    Forecast.validate(forecast)
    with pytest.raises(SchemaError, match="inside its 80 % interval"):
        Forecast.validate(forecast.assign(upper_80=[4.0, 8.0]))
    with pytest.raises(SchemaError, match="leads must count"):
        Forecast.validate(forecast.assign(lead=[2, 3]))


@pytest.mark.parametrize("schema", [Demand, Forecast, Quarantine])
def test_every_column_is_described(schema):
    assert all(column.description for column in schema.to_schema().columns.values())


def test_every_driver_of_a_dataset_is_described():
    assert "demand falls with it" in demand_schema(SHOP).columns["price"].description


def test_every_rule_of_the_quarantine_has_words():
    assert all(len(words) > 10 for words in RULES.values())
