"""The benchmark of what is new: what counts as launched, what methods may know of it, and what it writes."""

import json

import numpy as np
import pandas as pd
import pytest

from benchmarks import cold_start
from benchmarks.support.launch_methods import METHODS
from benchmarks.support.launches import cuts_of
from demand_assets.forecasting.contract.region_item import RegionItem

CUT = pd.Timestamp("1990-11-08")
NEW = RegionItem("5", "brand b")
BEGINS = pd.Timestamp("1990-11-22")


def rows(times_of_new: float = 1.0) -> pd.DataFrame:
    """Six shops and three brands over 80 weeks; brand a sells 20 a week, brand b 40, c 60, twice as many on deals.

    Shop 5 has brand b from two weeks after the cut on, shop 4 brand c from four months after it on.
    """
    weeks = pd.date_range("1989-10-26", periods=80, freq="7D")
    parts = []
    for shop in range(6):
        for place, brand in enumerate("abc"):
            deal = (np.arange(80) % 4 == place).astype(int)
            table = pd.DataFrame({"date": weeks, "region": str(shop), "item": f"brand {brand}",
                                  "demand": 20.0 * (place + 1) * (1 + deal), "price": 2.0 + place - 0.5 * deal,
                                  "deal": deal, "feat": 0.25 * deal})
            if (shop, brand) == (5, "b"):
                table = table[table["date"] >= BEGINS].assign(demand=lambda own: own["demand"] * times_of_new)
            if (shop, brand) == (4, "c"):
                table = table[table["date"] >= "1991-03-07"]
            parts.append(table)
    return pd.concat(parts)


@pytest.fixture
def juice(tmp_path, monkeypatch):
    """The folder of real data, with made-up orange juice."""
    rows().to_parquet(tmp_path / "dominicks_oj.parquet")
    monkeypatch.setenv("REAL_DATA_DIR", str(tmp_path))
    return tmp_path


def test_what_begins_in_the_quarter_after_a_cut_is_new_and_nothing_of_it_is_known(juice) -> None:
    (cut,) = cuts_of("dominicks_oj", every=1)

    assert cut.date == CUT
    assert list(cut.launched) == [NEW]
    assert cut.launched[NEW]["date"].tolist() == list(pd.date_range(BEGINS, periods=6, freq="7D"))
    assert len(cut.known) == 16
    assert NEW not in cut.known
    assert max(table["date"].max() for table in cut.known.values()) == CUT


@pytest.mark.parametrize("method", METHODS)
def test_no_method_sees_any_demand_of_what_is_new(juice, method) -> None:
    if method == "lightgbm":
        pytest.importorskip("lightgbm")
    before = [METHODS[method](cut, 1)[NEW] for cut in cuts_of("dominicks_oj", every=1)]
    rows(times_of_new=7.0).to_parquet(juice / "dominicks_oj.parquet")
    (cut,) = cuts_of("dominicks_oj", every=1)

    after = METHODS[method](cut, 1)[NEW]

    assert after.shape == (6,)
    assert after.min() > 0
    np.testing.assert_array_equal(after, before[0])
    assert cut.actual[NEW].min() == 7 * 40


def test_the_mean_of_what_is_alike_is_that_of_the_brand(juice) -> None:
    """No other brand b is in shop 5, and in all others it sells (40 + 40 + 40 + 80) / 4 = 50 a week."""
    (cut,) = cuts_of("dominicks_oj", every=1)

    assert METHODS["category_mean"](cut, 1)[NEW].tolist() == [50.0] * 6


def test_json(juice) -> None:
    file = juice / "out.json"

    assert cold_start.main(["--sets", "dominicks_oj", "--methods", "product,category_mean", "--cores", "1",
                            "--json", str(file)]) == 0

    found = json.loads(file.read_text())
    its = found["sets"]["dominicks_oj"]
    assert "cpu" in found["machine"]
    assert (its["region_items"], its["groups"], its["cuts"]) == (1, 1, ["1990-11-08"])
    assert set(its["methods"]["product"]) == {"wape", "wape_of_months", "bias"}
    mean = its["methods"]["category_mean"]
    assert set(mean) == {"wape", "wape_of_months", "bias", "product_minus_this", "product_is"}
    came = rows().query("region == '5' and item == 'brand b'")["demand"].to_numpy()[:6]
    assert mean["wape"] == pytest.approx(np.abs(came - 50).sum() / came.sum(), abs=1e-4)
    assert mean["bias"] == pytest.approx(300 / came.sum() - 1, abs=1e-4)


def test_a_set_that_is_not_there_is_named(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("REAL_DATA_DIR", str(tmp_path))

    assert cold_start.main(["--sets", "m5", "--methods", "product"]) == 1
    assert "set m5" in capsys.readouterr().err
