"""Revenue and margin: what they are made of, what is not known, and what of it comes back from the store."""

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.forecast.revenue_and_margin import (
    Known,
    MoneySum,
    UnitMoney,
    as_kept,
    past_prices,
    unit_money,
)

DATES = np.datetime64("2026-07-01") + np.arange(3)
NAN = float("nan")
PRICE = {"name": "price", "kind": "number", "future": "repeat_last"}


def dataset(**money: Any) -> Dataset:
    return Dataset.model_validate({
        "name": "shop", "frequency": "D", "source": {"kind": "file", "path": "-"}, "drivers": [PRICE],
        "attributes": [{"name": "landed", "of": "item", "kind": "number"}], "money": money})


def planned(**columns: Any) -> dict[str, Any]:
    return {"date": DATES.astype("datetime64[ns]"), **{name: np.array(values, dtype=float)
                                                       for name, values in columns.items()}}


def history(**columns: Any) -> pd.DataFrame:
    length = len(next(iter(columns.values())))
    return pd.DataFrame({"date": pd.date_range("2026-06-28", periods=length), **columns})


@pytest.mark.parametrize("bad", [NAN, 0.0, -2.0, float("inf")])
def test_one_period_without_a_price_leaves_the_revenue_unknown(bad: float) -> None:
    money = unit_money(dataset(), planned(price=[9.0, bad, 9.0]), history(price=[8.0, bad]), {})
    found = MoneySum()
    found.add(DATES, np.ones(3), money)

    assert (money.price, money.latest_price) == (None, Known(8.0, date(2026, 6, 28)))
    assert (found.size, found.priced, found.unpriced, found.revenue_known) == (1, 0, 1, None)
    assert found.revenue_on(date(2026, 7, 1)) is None


def test_a_sum_is_of_those_whose_price_is_known_and_a_cost_above_the_price_is_a_loss() -> None:
    price, cost = np.array([10.0, 8.0, 10.0]), np.full(3, 11.0)
    found = MoneySum()
    found.add(DATES, np.array([1.0, 2.0, 3.0]), UnitMoney(price, cost, None, None))
    found.add(DATES[1:], np.array([5.0, 5.0]), UnitMoney(np.full(2, 2.0), None, None, None))
    found.add(DATES, np.full(3, 1000.0), UnitMoney(None, cost, None, None))

    assert (found.size, found.priced, found.costed, found.unpriced, found.uncosted) == (3, 2, 1, 1, 2)
    assert found.revenue_known == 10 + 16 + 30 + 20
    assert found.margin_known == -1 - 6 - 3
    assert [found.revenue_on(day) for day in DATES.astype(object)] == [10.0, 26.0, 40.0]
    assert [found.margin_on(day) for day in DATES.astype(object)] == [-1.0, -6.0, -3.0]


def test_a_scenario_is_at_its_own_price_and_another_price_follows_in_proportion() -> None:
    plan, used = planned(price=[10.0, 10.0, 10.0]), planned(price=[10.0, 8.0, 12.5])
    of_driver = unit_money(dataset(), plan, history(price=[10.0]), {}, used)
    of_item = unit_money(dataset(price={"attribute": "landed"}, cost={"attribute": "landed"}), plan,
                         history(price=[10.0]), {"landed": 4.0}, used)

    assert of_driver.price is not None
    assert of_driver.price.tolist() == [10.0, 8.0, 12.5]
    assert of_item.price is not None
    assert of_item.price.tolist() == [4.0, 3.2, 5.0]
    assert of_item.cost is not None
    assert of_item.cost.tolist() == [4.0] * 3
    assert of_item.latest_price == Known(4.0, None)


def test_a_scenario_may_set_a_price_that_no_plan_knows_but_not_take_one_for_known() -> None:
    used = planned(price=[5.0, 5.0, 5.0])

    assert unit_money(dataset(), planned(price=[NAN] * 3), history(price=[NAN]), {}, used).price is None


def test_a_price_never_known_is_told_as_it_is_planned_first() -> None:
    money = unit_money(dataset(), planned(price=[7.0, 6.0, 6.0]), history(price=[NAN]), {})

    assert money.latest_price == Known(7.0, date(2026, 7, 1))


def test_past_prices_reach_over_what_is_not_known() -> None:
    found = past_prices(dataset(), history(price=[NAN, 9.0, 0.0, 8.0, NAN]), {})

    assert found is not None
    assert found.tolist() == [9.0, 9.0, 9.0, 8.0, 8.0]
    assert past_prices(dataset(), history(price=[NAN, 0.0]), {}) is None
    assert past_prices(dataset(price={"attribute": "landed"}), history(price=[1.0]), {}) is None


@pytest.mark.parametrize("price", [None, np.full(3, 9.9), np.array([9.9, 1 / 3, 7.0])])
def test_what_is_kept_comes_back_to_the_last_bit_and_shorter(price: Any) -> None:
    money = UnitMoney(price, None, Known(9.9, date(2026, 6, 30)), Known(4.0, None))
    stored = money.to_json()
    back, short = UnitMoney.from_json(stored, 3), UnitMoney.from_json(stored, 2)

    assert (back.latest_price, back.latest_cost, back.cost) == (money.latest_price, money.latest_cost, None)
    assert (back.price is None) == (short.price is None) == (price is None)
    if back.price is not None and short.price is not None:
        assert back.price.tolist() == price.tolist()
        assert short.price.tolist() == price.tolist()[:2]


def test_units_are_as_they_are_kept() -> None:
    units = np.array([0.1, 1234567.891])

    assert as_kept(units).tolist() == np.frombuffer(units.astype("<f4").tobytes(), "<f4").astype(float).tolist()
