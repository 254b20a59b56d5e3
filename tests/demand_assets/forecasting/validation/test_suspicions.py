"""Whoever is above suspicion is so rightly, and what a rule says something of is suspected."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.validation.date_rules import midnights_elsewhere
from demand_assets.forecasting.validation.histories import Histories, histories_of
from demand_assets.forecasting.validation.placeholders import placeholders_among
from demand_assets.forecasting.validation.row_rules import ReadPanel, read_panel
from demand_assets.forecasting.validation.suspicions import Suspicions, suspicions_of
from tests.demand_assets.forecasting.raw_demand import KETTLE, PRICE, TOASTER, TODAY, dataset, days, raw

ITEMS = [RegionItem("north", f"item {number}") for number in range(4)]
STEPS = st.one_of(st.lists(st.sampled_from([0, 1, 1, 1, 2, 7, 28, 30, 91]), max_size=40),
                  st.sampled_from([1, 7, 28, 30, 35, 91, 182]).map(lambda step: [step] * 20))
TIMES = st.sampled_from(["", "", "", "T22:00:00Z", "T23:00", "T05:00"])
UNITS = st.sampled_from([1.0, 2.0, 3.0, 40.0, -1.0, -9999.0, 99.0, 9999.0, np.nan, "see note"])


def suspected(rows: pd.DataFrame, items: list[RegionItem], frequency: str = "D"
              ) -> tuple[Suspicions, ReadPanel, Histories]:
    of = dataset(frequency, (PRICE,))
    panel = read_panel(rows, of, items, TODAY)
    histories = histories_of(panel, of, len(items), None)
    return suspicions_of(panel, of, histories), panel, histories


def one_by_one(rows: pd.DataFrame, name: str, frequency: str = "D") -> bool:
    """Whether the kettle is suspected, beside a toaster that is not."""
    clean = raw(days(60, "2023-06-01"), demand=[float(n) for n in range(60)], region_item=TOASTER, price=1.0)
    found = getattr(suspected(pd.concat([rows, clean]), [KETTLE, TOASTER], frequency)[0], name)
    assert frequency != "D" or not found[1]
    return bool(found[0])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(STEPS, TIMES, st.booleans(), st.lists(UNITS, min_size=1)), min_size=1, max_size=4),
       st.sampled_from("DW"))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_of_what_is_above_suspicion_no_rule_has_something_to_say(histories, frequency):
    parts = []
    for item, (steps, time, goes_back, units) in zip(ITEMS, histories, strict=False):
        dates = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.cumsum([0, *steps]), unit="D")
        texts = [f"{date.date()}{time}" for date in (dates[::-1] if goes_back else dates)]
        parts.append(raw(texts, [units[n % len(units)] for n in range(len(texts))], item,
                         price=[units[-1 - n % len(units)] for n in range(len(texts))]))
    rows = pd.concat(parts, ignore_index=True).assign(row=lambda table: np.arange(1, len(table) + 1))

    found, panel, where = suspected(rows, ITEMS, frequency)

    for place in range(len(ITEMS)):
        mine = where.rows(place)
        if not found.frequency[place]:
            assert panel.frequency_seen(mine) in (None, frequency)
            assert panel.retail_periods_seen(mine) == ""
        assert found.midnights[place] or midnights_elsewhere(panel.dates, mine) == ()
        assert found.placeholders[place] or not placeholders_among(panel.read[mine])
        assert found.placeholders[place] or not placeholders_among(panel.read_drivers["price"][mine])


def test_clean_rows_are_above_suspicion():
    rows = raw(days(60), demand=[float(n) for n in range(60)], price=2.0)

    assert not any(one_by_one(rows, name) for name in vars(suspected(rows, [KETTLE])[0]))


@pytest.mark.parametrize(("changed", "name"), [
    ({"date": [str(day.date()) for day in pd.date_range("2022-01-03", periods=60, freq="7D")]}, "frequency"),
    ({"date": [*days(30), *days(30, "2023-01-01")]}, "frequency"),
    ({"date": [f"{day}T10:00:00" for day in days(60)]}, "frequency"),
    ({"date": [f"{day}T22:00:00Z" for day in days(60)]}, "midnights"),
    ({"demand": [*[5.0] * 59, "see note"]}, "newest"), ({"date": [*days(59), "soon"]}, "newest"),
    ({"date": ["soon", *days(59)]}, "undated"), ({"date": ["1999-01-01", *days(59)]}, "undated"),
    ({"demand": [*[5.0] * 58, -1.0, -1.0]}, "placeholders"), ({"price": [*[5.0] * 59, 9999.0]}, "placeholders")])
def test_what_a_rule_may_have_something_to_say_of_is_suspected(changed, name):
    assert one_by_one(raw(days(60), price=1.0).assign(**changed), name)


def test_a_month_is_always_looked_at():
    assert one_by_one(raw([f"2023-{month:02}" for month in range(1, 13)], price=1.0), "frequency", "M")
