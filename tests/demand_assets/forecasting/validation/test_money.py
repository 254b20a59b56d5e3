"""Prices and costs in the rows of demand: read, refused and put together, and never a reason to lose demand."""

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.contract.source import SourceError
from demand_assets.forecasting.dataset.dataset_file import Dataset, load_dataset
from demand_assets.forecasting.series.planned_drivers import future_drivers
from demand_assets.forecasting.store.uploads import NAME, Uploaded, put_staged, read_uploads, stage_uploads
from demand_assets.forecasting.validation.rows_to_demand import Validated, validate_panel
from demand_assets.sources import open_source

DAYS = pd.date_range("2026-01-01", periods=40)
MONEY = '[money]\nprice = { column = "VK" }\ncost = { column = "EK" }\n'


def dataset_of(folder: Any, rows: pd.DataFrame, entries: str = MONEY, source: str = "") -> Dataset:
    rows.to_csv(folder / "sales.csv", index=False, sep=";")
    (folder / "shop.toml").write_text(
        f'frequency = "D"\nhorizon = 3\n[source]\nkind = "file"\npath = "sales.csv"\n{source}\n'
        f'[columns]\nregion = ""\nitem = "item"\n{entries}\n')
    return load_dataset(folder / "shop.toml")


def taken_in(dataset: Dataset) -> Validated:
    source = open_source(dataset)
    found = source.catalogue().region_items
    return validate_panel(source.read(found), dataset, list(found), DAYS[-1], pd.Timestamp("2026-06-01"))[0]


def sales(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"date": DAYS.strftime("%Y-%m-%d"), "item": "tea", "demand": 4, "VK": "9,50", "EK": "4,25"} |
                        columns)


def test_marks_of_numbers_are_settled_as_for_demand(tmp_path: Any) -> None:
    prices = ["9,5", "1.234,5", *["9,5"] * 38]
    demand = taken_in(dataset_of(tmp_path, sales(VK=prices))).demand

    assert demand is not None
    assert demand["unit_price"].tolist()[:3] == [9.5, 1234.5, 9.5]
    assert set(demand["unit_cost"]) == {4.25}


def test_a_price_whose_mark_nothing_settles_is_not_guessed(tmp_path: Any) -> None:
    with pytest.raises(SourceError, match=r"1[.]234"):
        taken_in(dataset_of(tmp_path, sales(VK=["1.234"] * 40)))


@pytest.mark.parametrize("bad", ["0", "-3", "n.a.", "free", "inf", ""])
def test_what_is_no_price_is_not_known_and_costs_no_demand(tmp_path: Any, bad: str) -> None:
    """Not even where it stands in every row: a region-item is not set aside for its prices."""
    half = [bad if place % 2 else "9,5" for place in range(40)]
    some = taken_in(dataset_of(tmp_path, sales(VK=half)))
    none = taken_in(dataset_of(tmp_path, sales(VK=[bad] * 40)))

    for validated in (some, none):
        assert validated.problem == ""
        assert validated.demand is not None
        assert validated.demand["demand"].tolist() == [4.0] * 40
        assert validated.units.refused == 0
    assert some.demand is not None
    assert none.demand is not None
    assert some.demand["unit_price"].isna().tolist() == [False, True] * 20
    assert none.demand["unit_price"].isna().all()


def test_several_prices_of_a_period_are_weighed_by_what_was_sold_at_each(tmp_path: Any) -> None:
    rows = pd.concat([sales(demand=3, VK="10"), sales(demand=1, VK="6"), sales(demand=5, VK="")])
    nothing = rows["date"] == "2026-01-02"
    rows.loc[nothing, "demand"] = 0
    demand = taken_in(dataset_of(tmp_path, rows, MONEY + '[rules]\nseveral_rows = "sum"\n')).demand

    assert demand is not None
    assert demand["demand"].tolist()[:2] == [9.0, 0.0]
    assert demand["unit_price"].tolist()[:2] == [9.0, 8.0]  # (3 x 10 + 1 x 6) / 4; where nothing was sold (10 + 6) / 2


def test_returns_have_no_part_in_a_mean_price(tmp_path: Any) -> None:
    rows = pd.concat([sales(demand=3, VK="10"), sales(demand=-2, VK="2")])
    demand = taken_in(dataset_of(tmp_path, rows, MONEY + '[rules]\nseveral_rows = "sum"\nnegative = "zero"\n')).demand

    assert demand is not None
    assert demand["demand"].tolist()[0] == 1.0
    assert demand["unit_price"].tolist()[0] == 10.0


def test_a_price_may_be_an_amount_over_units(tmp_path: Any) -> None:
    rows = sales(amount="36", demand=[0, *[4] * 39]).drop(columns=["VK", "EK"])
    demand = taken_in(dataset_of(tmp_path, rows, '[money]\nprice = { expression = "amount / demand" }\n')).demand

    assert demand is not None
    assert np.isnan(demand["unit_price"].iloc[0])
    assert set(demand["unit_price"].iloc[1:]) == {9.0}


def test_a_price_goes_on_until_another_is_planned(tmp_path: Any) -> None:
    rows = sales(VK=["9,5"] * 39 + [""])
    ahead = pd.DataFrame({"date": ["2026-02-11"], "item": "tea", "demand": "", "VK": "12", "EK": ""})
    dataset = dataset_of(tmp_path, pd.concat([rows, ahead]))
    demand = taken_in(dataset).demand

    assert demand is not None
    table, assumed = future_drivers(demand, dataset, 3)
    assert table["unit_price"].tolist()[-4:] == [pytest.approx(np.nan, nan_ok=True), 9.5, 12.0, 12.0]
    assert table["unit_cost"].tolist()[-3:] == [4.25] * 3
    assert assumed == ()


def test_a_column_that_is_not_there_is_named_with_its_entry(tmp_path: Any) -> None:
    with pytest.raises(SourceError, match="no column 'VK' for the price of a unit"):
        taken_in(dataset_of(tmp_path, sales().drop(columns="VK")))


def test_a_column_for_each_item_is_taken_as_for_drivers(tmp_path: Any) -> None:
    rows = sales(price_tea="7").drop(columns=["VK", "EK"])
    demand = taken_in(dataset_of(tmp_path, rows, '[money]\nprice = { column = "price_{item}" }\n')).demand

    assert demand is not None
    assert set(demand["unit_price"]) == {7.0}


def test_rows_that_were_uploaded_before_there_was_such_an_entry_are_read(tmp_path: Any) -> None:
    dataset = dataset_of(tmp_path, sales(), source='uploads = "kept"')
    later = pd.DataFrame({"item": ["tea"], "date": ["2026-02-10"], "demand": [7]})
    (tmp_path / "kept").mkdir()
    later.to_csv(tmp_path / "kept" / NAME, index=False)
    demand = taken_in(dataset).demand

    assert demand is not None
    assert demand["demand"].iloc[-1] == 7
    assert demand["unit_price"].iloc[-2:].isna().tolist() == [False, True]
    assert [one.drivers for one in read_uploads(dataset).values()] == [{}]
    put_staged(dataset, stage_uploads(dataset, {(RegionItem("all", "tea"), date(2026, 2, 11)): Uploaded(
        8.0, {"unit_price": 6.5})}))
    assert "VK" in (tmp_path / "kept" / NAME).read_text()
    again = taken_in(dataset).demand
    assert again is not None
    assert again["unit_price"].iloc[-1] == 6.5
