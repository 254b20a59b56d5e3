"""The benchmark of live forecasts: what a cut source still tells, and what the benchmark writes."""

import json

import numpy as np
import pandas as pd
import pytest

from benchmarks import live
from benchmarks.support.sets.live_sets import MADE_UP, before_last_horizon, live_set, made_up
from demand_assets.forecasting.contract.region_item import RegionItem

HORIZON, DAYS = 7, 150
KETTLE = RegionItem("north", "kettle")
DATASET = """\
frequency = "D"
horizon = 7
season_lengths = [7]

[source]
kind = "file"
path = "shop.csv"

[rules]
stale_periods = 400

[backtest]
windows = 1

[training]
scale = "tweedie"
drivers = "boosted"
year_features = false
rounds = 25
depth = 3
own_share = 0

[[drivers]]
name = "holiday"
kind = "yes_no"

[[drivers]]
name = "promo"
kind = "yes_no"
effect = "increasing"
future = "given"
default = false
"""


def rows(days: int = DAYS, promo_at_the_end: float = 1.0, times_at_the_end: float = 1.0) -> pd.DataFrame:
    """Two items whose demand doubles on promos, which one day in three has, and every one of the last seven."""
    dates = pd.date_range("2024-01-01", periods=days)
    is_end = np.arange(days) >= days - HORIZON
    promo = np.where(is_end, promo_at_the_end, np.arange(days) % 3 == 0)
    units = (10.0 + dates.dayofweek) * (1 + promo) * np.where(is_end, times_at_the_end, 1.0)
    return pd.concat([pd.DataFrame({"date": dates, "region": "north", "item": item, "demand": units * size,
                                    "holiday": (dates.day == 1).astype(int), "promo": promo.astype(int)})
                      for item, size in (("kettle", 1.0), ("toaster", 2.0))])


@pytest.fixture
def shop(tmp_path):
    """The path of a dataset file; ``shop.csv`` beside it."""
    rows().to_csv(tmp_path / "shop.csv", index=False)
    file = tmp_path / "shop.toml"
    file.write_text(DATASET)
    return file


def test_nothing_of_the_last_horizon_is_known_but_what_is_known_ahead(shop):
    before = live_set(str(shop))
    known = before.known[KETTLE]

    assert known["demand"].notna().sum() == DAYS - HORIZON
    ahead = known.iloc[DAYS - HORIZON:]
    assert len(ahead) == HORIZON
    assert ahead["holiday"].notna().all()
    assert ahead["promo"].isna().all()
    assert before.came[KETTLE]["demand"].notna().sum() == DAYS
    rows(promo_at_the_end=0.0, times_at_the_end=9.0).to_csv(shop.parent / "shop.csv", index=False)
    pd.testing.assert_frame_equal(live_set(str(shop)).known[KETTLE], known)


def test_the_drivers_that_came_are_known_for_the_comparison(shop):
    dataset, tables = live_set(str(shop)).with_realised_drivers

    assert {driver.future for driver in dataset.drivers} == {"known"}
    assert tables[KETTLE]["promo"].tail(HORIZON).tolist() == [1.0] * HORIZON
    assert tables[KETTLE]["demand"].tail(HORIZON).isna().all()


def test_the_made_up_set_has_drivers_by_each_rule_and_is_always_the_same():
    (dataset, raw), (_, again) = made_up(), made_up()

    assert {driver.future for driver in dataset.drivers} == {"known", "repeat_last", "repeat_season", "given"}
    pd.testing.assert_frame_equal(raw, again)
    cut, end = before_last_horizon(raw, dataset, raw["date"].max())
    later = cut[cut["date"] > end]
    assert later["date"].nunique() == dataset.horizon
    assert later["holiday"].notna().all()
    assert later[["demand", "price", "temperature", "promo", "display"]].isna().all(axis=None)
    assert len(live_set(MADE_UP, limit=3).known) == 3


def test_json(shop, tmp_path):
    file = tmp_path / "out.json"

    code = live.main(["--sets", str(shop), "--cores", "1", "--json", str(file)])

    found = json.loads(file.read_text())["sets"]["shop"]
    assert code == 0
    assert {"reported_wape", "live_wape", "live_wape_realised", "naive_wape", "reported_coverage_80",
            "live_coverage_80"} <= set(found)
    assert len(found["deciles"]) == 9
    assert all(0 <= below <= at_or_below <= 1 for below, at_or_below in found["deciles"].values())
    assert 0 <= found["deciles_off"] < 1
    assert found["quantile_loss"] > 0
    assert found["live_wape"] > 2 * found["live_wape_realised"]  # nobody planned the promos of the last week


def test_a_set_that_is_not_there_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("REAL_DATA_DIR", str(tmp_path))

    assert live.main(["--sets", "rossmann"]) == 1
    assert "set rossmann" in capsys.readouterr().err
