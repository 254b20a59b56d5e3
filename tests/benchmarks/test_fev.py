"""The benchmark of fev-bench's tasks: their series, seasonal naive and measures by hand, and what it writes."""

import json

import numpy as np
import pandas as pd
import pytest

from benchmarks import fev
from benchmarks.support.decile_shares import farthest_off, quantile_loss, shares_at_deciles
from benchmarks.support.sets.fev_tasks import (
    TASKS,
    Goals,
    Series,
    Task,
    mase_of,
    rossmann_days,
    rossmann_weeks,
    sql_of,
    wape_of,
)
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.demand.source_entries import FileSource

NAN = np.nan
SHORT = Task("short", "rossmann", "D", horizon=2, windows=2, season=2, naive_wape=0.0, naive_mase=0.0, goals=Goals())


def series_of(*demand: list[float], task: Task = SHORT) -> Series:
    dataset = Dataset(name="short", frequency="D", horizon=2, source=FileSource(kind="file", path="none.csv"))
    return Series(task, dataset, [RegionItem("shop", str(place)) for place in range(len(demand))], np.array(demand),
                  lambda ones: {})


def test_windows_stand_at_each_series_own_end() -> None:
    series = series_of([1, 2, 3, 4, 5, 6, 7, 8], [NAN, 10, 20, 30, 40, 50, 60, NAN])

    assert series.origins.tolist() == [[3, 2], [5, 4]]
    assert series.actual.tolist() == [[[5, 6], [30, 40]], [[7, 8], [50, 60]]]
    assert series.seasonal_naive.tolist() == [[[3, 4], [10, 20]], [[5, 6], [30, 40]]]


def test_seasonal_naive_fills_gaps_with_the_value_before_them() -> None:
    series = series_of([1, 2, 3, NAN, 5, 6, NAN, 8])

    assert series.seasonal_naive.tolist() == [[[3, 3]], [[5, 6]]]
    assert np.isnan(series.actual[1]).tolist() == [[True, False]]


def test_errors_are_scaled_by_those_of_seasonal_naive_before_each_window() -> None:
    """Steps over two periods are 2, 2 and unknown, then 9 before the second window: its gap counts nowhere."""
    series = series_of([1, 2, 3, 4, NAN, 13, 14, 15], [5, 5, 5, 5, 5, 5, 5, 5])

    assert series.scales.tolist() == [[2.0, 0.0], [(2 + 2 + 9) / 3, 0.0]]
    assert mase_of(series.actual[:1], series.actual[:1] + 3, series.scales[:1]).tolist() == [1.5]


def test_wape_is_of_all_series_of_a_window() -> None:
    actual = np.array([[[10.0, NAN], [30, 20]], [[0, 0], [0.5, 0]]])

    assert wape_of(actual, np.array([[[12.0, 9], [27, 21]], [[1, 0], [0.5, 0]]])).tolist() == [
        0.1, 0.25]  # 2 + 3 + 1 of 60; a mean actual below 1 counts as 1


def test_scaled_quantile_loss_of_a_point_is_its_scaled_error() -> None:
    actual, scale = np.array([[[10.0, NAN]]]), np.array([[4.0]])

    assert sql_of(actual, np.full((1, 1, 2, 9), 8.0), scale) == pytest.approx([0.5])
    told = sql_of(actual, np.linspace(8, 12, 9)[None, None, None] * np.ones((1, 1, 2, 1)), scale)
    assert told == pytest.approx([2 * sum(abs(10 - decile) * min(share, 1 - share) for share, decile in zip(
        np.arange(0.1, 1, 0.1), np.linspace(8, 12, 9), strict=True)) / 9 / 4])


def test_the_shares_below_a_decile_and_at_or_below_it() -> None:
    """Of four actuals two are zero, and so is the lowest decile."""
    actual, deciles = np.array([0.0, 0, 2, 9]), np.tile(np.arange(9.0), (4, 1))

    shares = shares_at_deciles(actual, deciles)

    assert (shares["p10"], shares["p20"], shares["p30"]) == ([0.0, 0.5], [0.5, 0.5], [0.5, 0.75])
    assert shares["p90"] == [0.75, 0.75]
    assert farthest_off(shares) == pytest.approx(0.35)  # p40: three of four lie below
    assert quantile_loss(actual, np.full((4, 9), 2.0)) == pytest.approx((2 + 2 + 0 + 7) / 11)


@pytest.fixture
def chemists(tmp_path, monkeypatch):
    """A folder with three shops like Rossmann's over its days, one of them without half a year."""
    days = pd.date_range("2013-01-01", "2015-07-31")
    parts = []
    for place, shop in enumerate(("1", "2", "10")):
        is_open = (days.dayofweek < 6).astype(int)
        promo = ((days.dayofweek < 5) & (np.arange(len(days)) // 7 % 2 == 0)).astype(int)
        noise = np.random.default_rng(place).integers(-40, 40, len(days))
        demand = (1000.0 * (place + 1) + 20 * days.dayofweek + 500 * promo + noise) * is_open
        parts.append(pd.DataFrame({
            "date": days, "region": shop, "item": "all", "demand": demand, "open": is_open, "promo": promo,
            "state_holiday": np.where(days.dayofyear == 1, "a", "0"), "school_holiday": (days.month == 8).astype(int)}))
    parts[1] = parts[1][~parts[1]["date"].between("2014-07-01", "2014-12-31")]
    pd.concat(parts).to_parquet(tmp_path / "rossmann.parquet")
    monkeypatch.setenv("REAL_DATA_DIR", str(tmp_path))
    return tmp_path


def test_days_have_gaps_and_weeks_have_none(chemists) -> None:
    days, weeks = (load(TASKS[name][0]) for name, load in (
        ("rossmann_1D", rossmann_days), ("rossmann_1W", rossmann_weeks)))
    rows = pd.read_parquet(chemists / "rossmann.parquet")

    assert days.region_items == [RegionItem(shop, "all") for shop in ("1", "10", "2")]
    assert days.demand.shape == (3, 942)
    assert np.isnan(days.demand).sum(axis=1).tolist() == [0, 0, 184]
    assert weeks.demand.shape == (3, 133)  # without what stands before the first Monday and after the last Sunday
    whole = rows[rows["date"].between("2013-01-07", "2015-07-26")].groupby("region")["demand"].sum()
    assert weeks.demand.sum(axis=1).tolist() == [whole[shop] for shop in ("1", "10", "2")]
    assert (weeks.demand == 0).sum(axis=1).tolist() == [0, 0, 25]
    known = weeks.read([RegionItem("1", "all")])[RegionItem("1", "all")]
    assert known["date"].iloc[0] == pd.Timestamp("2013-01-07")
    assert known.loc[0, ["demand", "open", "promo", "state_holiday"]].tolist() == [weeks.demand[0, 0], 6, 1, 0]
    newyear = known.set_index("date").loc["2013-12-30"]
    assert newyear[["open", "state_holiday", "school_holiday"]].tolist() == [6, 1, 0]


def test_the_product_is_measured_on_every_kth(chemists) -> None:
    file = chemists / "out.json"

    assert fev.main(["--tasks", "rossmann_1W", "--every", "2", "--cores", "1", "--json", str(file)]) == 0

    found = json.loads(file.read_text())
    task = found["tasks"]["rossmann_1W"]
    assert "cpu" in found["machine"]
    assert (task["series"], task["sample"], task["every"], task["left_out"]) == (3, 2, 2, {})
    assert 0 < task["wape"] < task["naive_wape_of_sample"]
    assert 0 < task["sql"] < 1
    assert list(task["deciles"]) == [f"p{tenth}0" for tenth in range(1, 10)]
    assert task["deciles"]["p10"][1] < task["deciles"]["p90"][0]
    assert len(task["wape_by_window"]) == 8
    assert np.mean(task["wape_by_window"]) == pytest.approx(task["wape"], abs=1e-5)
    assert task["published_naive_wape"] == pytest.approx(0.2192445789)


def test_seasonal_naive_alone(chemists) -> None:
    found = fev.measured(rossmann_days(TASKS["rossmann_1D"][0]), every=0)

    assert 0 < found["naive_wape"] < 1
    assert found["wape"] is found["sql"] is None


def test_what_is_not_there_is_named(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("REAL_DATA_DIR", str(tmp_path))

    assert fev.main(["--tasks", "walmart,m5_1D"]) == 1

    shown = capsys.readouterr().err
    assert str(tmp_path / "walmart_store_dept.parquet") in shown
    assert str(tmp_path / "m5.parquet") in shown
