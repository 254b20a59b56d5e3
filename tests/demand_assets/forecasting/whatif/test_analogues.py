"""The days most like a future one; every distance can be worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.drivers import Driver
from demand_assets.forecasting.whatif.analogues import nearest_past
from tests.demand_assets.forecasting.conftest import HERE

SHOP = Dataset(name="shop", frequency="D", horizon=7, source=HERE, drivers=(
    Driver(name="price", kind="number", effect="decreasing"), Driver(name="promo", kind="yes_no"),
    Driver(name="event", kind="category")))


def days(rows: list[tuple[str, float, float, float, str]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["date", "demand", "price", "promo", "event"]).assign(
        date=lambda table: pd.to_datetime(table["date"]))


MONDAY = days([("2026-06-15", np.nan, 10, 0, "")])
PAST = days([
    ("2026-06-01", 5, 8, 0, ""),       # a Monday; the price is 2 away, one standard deviation
    ("2026-06-02", 6, 12, 0, "fair"),  # a Tuesday, price one deviation away, another event
    ("2026-06-08", 7, 8, 1, ""),       # a Monday, price one deviation away, a promo
    ("2026-06-09", np.nan, 10, 0, ""),  # its demand is not known
    ("2026-06-10", 8, 12, 0, ""),      # a Wednesday, price one deviation away
])


def test_nearest_by_drivers_and_calendar() -> None:
    found = nearest_past(PAST, SHOP, MONDAY, count=4)

    quarter = 365.25 / 4
    assert found["date"].dt.strftime("%m-%d").tolist() == ["06-01", "06-10", "06-08", "06-02"]
    assert found["demand"].tolist() == [5, 8, 7, 6]
    assert found["distance"].tolist() == pytest.approx([  # the price, then the year, then what else differs
        np.sqrt(1 + (14 / quarter) ** 2), np.sqrt(1 + (5 / quarter) ** 2 + 1), np.sqrt(1 + (7 / quarter) ** 2 + 1),
        np.sqrt(1 + (13 / quarter) ** 2 + 2)])


def test_each_future_day_has_its_own() -> None:
    week = pd.concat([MONDAY, MONDAY.assign(date=pd.Timestamp("2026-06-16"), event="fair", price=12.0)])

    found = nearest_past(PAST, SHOP, week, count=1)

    assert found["future_date"].dt.day.tolist() == [15, 16]
    assert found["date"].dt.day.tolist() == [1, 2]


def test_a_rare_promo_weighs_no_more_than_a_spread() -> None:
    """One promo in 100 days: its own standard deviation, 0.1, would make it weigh ten times the price."""
    past = pd.concat([MONDAY.assign(date=pd.Timestamp("2026-06-15") - pd.Timedelta(days=7 * week), demand=float(week),
                                    price=10.0 + week % 2) for week in range(1, 100)])
    past["promo"] = (past["demand"] == 52).astype(float)

    found = nearest_past(past, SHOP, MONDAY.assign(promo=1.0), count=100)

    assert found["demand"].iloc[0] == 52  # the same time of year, price and promo
    assert found["distance"].max() < 3.1  # no promo 1, price two of its deviations of 0.5, half a year 2: root of 9


def test_the_turn_of_the_year_is_near() -> None:
    past = days([("2025-12-29", 1, 10, 0, ""), ("2025-10-06", 2, 10, 0, "")])

    found = nearest_past(past, SHOP, MONDAY.assign(date=pd.Timestamp("2026-01-05")), count=1)

    assert found["demand"].tolist() == [1]


def test_an_unknown_driver_counts_as_a_spread_and_equals_go_newest_first() -> None:
    weekly = SHOP.model_copy(update={"frequency": "W"})
    past = pd.concat([MONDAY.assign(date=pd.Timestamp(date), demand=units, price=price)
                      for date, units, price in (("2024-06-14", 1.0, 10.0), ("2025-06-15", 2.0, 10.0),
                                                 ("2023-06-15", 3.0, np.nan))])

    found = nearest_past(past, weekly, MONDAY, count=3)

    assert found["demand"].tolist() == [2, 1, 3]  # 2024 is a leap year: June 14 is its day 166, as June 15 is of 2026
    assert found["distance"].tolist() == [0, 0, 1]
