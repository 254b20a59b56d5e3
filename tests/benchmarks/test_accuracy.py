"""The accuracy benchmark: its metrics, what its methods may see, and what it writes."""

import json

import numpy as np
import pandas as pd
import pytest

from benchmarks import accuracy
from benchmarks.support import panel_forecasts, peers
from benchmarks.support.chosen_peers import FIVE, before_judged, blend_of
from benchmarks.support.panel_forecasts import PanelForecasts, RollingForecasts, known_at, rolling_origins
from benchmarks.support.sets.accuracy_sets import SetError, every_kth, sample
from demand_assets.forecasting.contract.region_item import RegionItem

DAYS, HORIZON = 150, 7
KETTLE, TOASTER = RegionItem("north", "kettle"), RegionItem("north", "toaster")
DATASET = """\
frequency = "D"
horizon = 7
season_lengths = [7]

[source]
kind = "file"
path = "shop.csv"

[rules]
stale_periods = 400

[[drivers]]
name = "price"
kind = "number"
effect = "decreasing"

[[drivers]]
name = "event"
kind = "category"
"""
PEERS_OF = {
    "auto_ets": "statsforecast", "dynamic_optimized_theta": "statsforecast", "croston_sba": "statsforecast",
    "mlforecast_lightgbm_global": "mlforecast", "mlforecast_xgboost_local": "mlforecast", "lightgbm_tuned": "optuna",
    "best_of_five": "statsforecast", "equal_blend": "optuna"}


def demand_of(days: int, base: float) -> pd.DataFrame:
    """Mondays sell 1, Tuesdays 2 … more than the base; half as much again at the low price."""
    dates = pd.date_range("2024-01-01", periods=days)
    price = np.where(np.arange(days) // 5 % 3 == 0, 8.0, 10.0)
    return pd.DataFrame({"date": dates, "demand": (base + dates.dayofweek + 1) * np.where(price < 9, 1.5, 1.0),
                         "price": price, "event": np.where(dates.day == 1, "fair", "")})


@pytest.fixture
def shop(tmp_path):
    """The path of a dataset file: two region-items of 150 days, and one that is too short."""
    parts = [demand_of(days, base).assign(region="north", item=item)
             for item, days, base in (("kettle", DAYS, 10.0), ("toaster", DAYS, 20.0), ("urn", 60, 5.0))]
    pd.concat(parts).to_csv(tmp_path / "shop.csv", index=False)
    file = tmp_path / "shop.toml"
    file.write_text(DATASET)
    return str(file)


def of(actual, forecast, lower=None, upper=None) -> RollingForecasts:
    nothing = np.full(np.shape(actual), np.nan)
    return RollingForecasts(np.array([3]), np.array(actual, dtype=float), np.array(forecast, dtype=float),
                            nothing if lower is None else np.array(lower, dtype=float),
                            nothing if upper is None else np.array(upper, dtype=float))


HISTORY = {one: pd.DataFrame({"demand": [1.0, 3.0, 1.0, 3.0, np.nan, np.nan]}) for one in (KETTLE, TOASTER)}
"""Up to the origin, period 3, each step is 2 up or down: squared errors are told in multiples of 4."""


def test_scores_of_two_region_items():
    panel = PanelForecasts({KETTLE: of([[10, 20]], [[12, 16]], [[11, 10]], [[14, 30]]),
                            TOASTER: of([[10, np.nan]], [[6, 99]], [[5, 0]], [[12, 1]])}, cpu_seconds=3.0)

    found = panel_forecasts.scores(panel, HISTORY)

    assert found == {"wape": 0.25,  # 2 + 4 + 4 of 40
                     "bias": -0.15,  # 2 - 4 - 4 of 40
                     "rmsse": pytest.approx((np.sqrt(10 / 4) + np.sqrt(16 / 4)) / 2, abs=1e-5),
                     "coverage_80": pytest.approx(2 / 3, abs=1e-5), "cpu_seconds": 1.5}


def test_no_interval_no_coverage():
    panel = PanelForecasts({KETTLE: of([[10, 20]], [[12, 16]])}, cpu_seconds=1.0)

    assert panel_forecasts.scores(panel, HISTORY)["coverage_80"] is None


def test_difference_is_paired_by_region_item():
    """One method is off by 1 and the other by 3 everywhere: whatever is drawn, 2 of 10 less."""
    better = PanelForecasts({one: of([[10, 10]], [[11, 9]]) for one in (KETTLE, TOASTER)}, 0.0)
    worse = PanelForecasts({one: of([[10, 10]], [[13, 7]]) for one in (KETTLE, TOASTER)}, 0.0)

    assert panel_forecasts.wape_difference(better, worse) == pytest.approx((-0.2, -0.2))


def test_origins_are_the_last_three_horizons():
    table = demand_of(DAYS, 1.0)
    table.loc[147:, "demand"] = np.nan  # a known future of three days

    assert rolling_origins(table, HORIZON, 3).tolist() == [125, 132, 139]


def test_what_is_known_at_an_origin(shop):
    sampled = sample(shop)
    table = sampled.tables[KETTLE].copy()
    table.loc[103, "price"] = np.nan

    known = known_at(table, 100, sampled.dataset)

    assert len(known) == 101 + HORIZON
    assert known["demand"].notna().sum() == 101
    assert known["price"].iloc[101:].tolist() == [10, 10, 10, 10, 8, 8, 8]  # planned; the last value where not given


def test_too_short_is_left_out_and_named(shop):
    sampled = sample(shop)

    assert list(sampled.tables) == [KETTLE, TOASTER]
    assert sampled.left_out == {
        RegionItem("north", "urn"): "too short: 39 days before the first origin, 42 are needed"}


def test_sample_is_every_kth(shop):
    assert list(sample(shop, limit=1).tables) == [KETTLE]


def test_a_sample_is_spread_over_all_and_never_cut_short():
    """Of 99, every second is 50; every first, cut after 50, would be the first half of the alphabet."""
    shops = [RegionItem(f"shop {place:02}", "kettle") for place in range(99)]

    assert every_kth(reversed(shops), 50) == shops[::2]
    assert every_kth(shops, 99) == every_kth(shops, 200) == shops
    assert len(every_kth(shops, 40)) == 33


def test_peers_choose_on_what_was_known_at_the_first_judged_origin(shop):
    sampled = sample(shop)

    earlier = before_judged(sampled.tables, sampled.dataset, 3)

    first = DAYS - 1 - 3 * HORIZON
    assert {len(table) for table in earlier.values()} == {first + 1}
    assert rolling_origins(earlier[KETTLE], HORIZON, 2).tolist() == [first - 2 * HORIZON, first - HORIZON]


def test_the_best_of_five_is_of_each_region_item(shop):
    pytest.importorskip("statsforecast")
    sampled = sample(shop)

    found = accuracy.METHODS["best_of_five"](sampled.tables, sampled.dataset, 1)

    of_each = {name: panel_forecasts.roll(method, sampled.tables, sampled.dataset, 1) for name, method in FIVE.items()}
    for one in sampled.tables:
        assert any(np.array_equal(found.of[one].forecast, panel.of[one].forecast) for panel in of_each.values())


def test_a_blend_is_the_mean_and_costs_all_of_them():
    made = {name: PanelForecasts({KETTLE: of([[10, 20]], [values])}, cpu_seconds=2.0)
            for name, values in (("a", [9, 18]), ("b", [12, 24]))}

    blend = blend_of(made)

    assert blend.of[KETTLE].forecast.tolist() == [[10.5, 21.0]]
    assert np.isnan(blend.of[KETTLE].lower_80).all()
    assert blend.cpu_seconds == 4.0


@pytest.mark.parametrize(("lower", "upper", "said"), [
    (-0.02, -0.01, "ahead"), (0.001, 0.02, "behind"), (-0.01, 0.01, "within error"), (0.0, 0.0, "within error")])
def test_how_the_product_stands_beside_a_peer(lower, upper, said):
    assert accuracy.standing(lower, upper) == said


@pytest.mark.parametrize("method", accuracy.METHODS)
def test_no_method_sees_demand_after_the_origin(shop, method):
    if method in PEERS_OF:
        pytest.importorskip(PEERS_OF[method])
    sampled = sample(shop)
    last = DAYS - 1 - HORIZON
    rewritten = {}
    for one, table in sampled.tables.items():
        rewritten[one] = table.copy()
        rewritten[one].loc[last + 1:, "demand"] *= 7

    before, after = (accuracy.METHODS[method](tables, sampled.dataset, 1) for tables in (sampled.tables, rewritten))

    for one in sampled.tables:
        assert before.of[one].origins[-1] == last
        assert before.of[one].forecast.min() > 0
        np.testing.assert_array_equal(after.of[one].forecast, before.of[one].forecast)
        np.testing.assert_array_equal(after.of[one].lower_80, before.of[one].lower_80)
        assert not np.array_equal(after.of[one].actual, before.of[one].actual)


def test_unknown_demand_is_filled_for_peers():
    demand = np.array([4.0, np.nan, 8.0, np.nan])

    assert peers.filled(demand, "D").tolist() == [4, 0, 8, 0]
    assert peers.filled(demand, "W").tolist() == [4, 6, 8, 8]


def test_json(shop, tmp_path):
    file = tmp_path / "out.json"

    code = accuracy.main(["--sets", shop, "--methods", "seasonal_naive,product", "--json", str(file)])

    written = json.loads(file.read_text())
    assert code == 0
    assert set(written) == {"machine", "sets"}
    assert set(written["sets"]) == {"shop"}
    assert set(written["sets"]["shop"]) == {"seasonal_naive", "product"}
    measured = {"wape", "rmsse", "bias", "coverage_80", "cpu_seconds"}
    assert set(written["sets"]["shop"]["product"]) == measured
    assert set(written["sets"]["shop"]["seasonal_naive"]) == {*measured, "product_minus_this", "product_is"}
    assert written["sets"]["shop"]["seasonal_naive"]["product_is"] == "ahead"
    assert written["sets"]["shop"]["seasonal_naive"]["coverage_80"] is None
    assert 0 <= written["sets"]["shop"]["product"]["wape"] < written["sets"]["shop"]["seasonal_naive"]["wape"]


def test_missing_file_is_named_and_the_other_sets_go_on(shop, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("REAL_DATA_DIR", str(tmp_path))

    code = accuracy.main(["--sets", f"rossmann,{shop}", "--methods", "seasonal_naive"])

    shown = capsys.readouterr()
    assert code == 1
    assert "set rossmann" in shown.err
    assert str(tmp_path / "rossmann.parquet") in shown.err
    assert "REAL_DATA_DIR" in shown.err
    assert "shop: 2 region-items" in shown.out


def test_unknown_set_says_what_there_is():
    with pytest.raises(SetError, match=r"no .*nonsense\.toml\. Give dominicks_oj, store_item_demand"):
        sample("nonsense")
