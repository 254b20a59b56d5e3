"""Tables with a column for each item, or each region: what is proposed is read as it was sold."""

from pathlib import Path

import pandas as pd
import pytest

from tests.demand_assets.proposals.layouts.builders import proposed, read_units, refusal, sales, true_units, written

ITEMS = ["Kettle", "Jug", "Rain jacket", "Sun cream"]
SOLD = sales(ITEMS)
TABLE = SOLD.pivot(index=["date", "region"], columns="item", values="demand").reset_index()
ALONE = sales(ITEMS, ["all"])


@pytest.mark.parametrize("suffix", ["csv", "xlsx", "parquet"])
def test_a_column_for_each_item(suffix: str, tmp_path: Path) -> None:
    draft, dataset = proposed(written(TABLE, tmp_path / f"sales.{suffix}"))

    assert dataset.source.layout == "items"  # type: ignore[union-attr]
    assert read_units(dataset) == true_units(SOLD)
    assert "'Jug', 'Kettle', 'Rain jacket', 'Sun cream'" in draft.notes[0]


def test_without_a_region(tmp_path: Path) -> None:
    table = ALONE.pivot(index="date", columns="item", values="demand").reset_index()

    _, dataset = proposed(written(table, tmp_path / "sales.csv"))

    assert read_units(dataset) == true_units(ALONE)


def test_a_column_for_each_region(tmp_path: Path) -> None:
    table = SOLD.pivot(index=["date", "item"], columns="region", values="demand").reset_index()

    _, dataset = proposed(written(table, tmp_path / "sales.csv"))

    assert dataset.source.layout == "regions"  # type: ignore[union-attr]
    assert read_units(dataset) == true_units(SOLD)


@pytest.mark.parametrize("ids", [["101", "102", "103"], ["4006381333931", "4006381333948", "20240101"], ["007", "7"]])
def test_items_that_are_numbers_keep_their_digits(ids: list[str], tmp_path: Path) -> None:
    sold = sales(ids, ["all"])

    _, dataset = proposed(written(sold.pivot(index="date", columns="item", values="demand").reset_index(),
                                  tmp_path / "sales.csv"))

    assert read_units(dataset) == true_units(sold)


def test_a_total_among_the_items_is_left_out_as_are_texts_and_the_numbers_of_rows(tmp_path: Path) -> None:
    table = TABLE.assign(Total=TABLE[ITEMS].sum(axis=1), weekday=TABLE["date"].dt.day_name(), row=range(len(TABLE)))

    draft, dataset = proposed(written(table, tmp_path / "sales.csv"))

    assert set(draft.rules["leave_out_items"][0]) == {"Total", "weekday", "row"}
    assert read_units(dataset) == true_units(SOLD)


@pytest.mark.parametrize(("before", "after"), [("", " units"), ("sales_", ""), ("Menge ", "")])
def test_items_that_are_called_alike_are_named_by_what_differs(before: str, after: str, tmp_path: Path) -> None:
    table = TABLE.rename(columns={item: f"{before}{item}{after}" for item in ITEMS})
    table = table.assign(price=[9.5 + place // 2 % 3 for place in range(len(table))], Total=1)

    draft, dataset = proposed(written(table, tmp_path / "sales.csv"))

    assert dataset.columns.demand == f"{before}{{item}}{after}"
    assert read_units(dataset) == true_units(SOLD)
    assert dataset.driver_names == ("price",)
    assert not draft.rules.get("leave_out_items")


def test_other_measures_of_an_item_are_none(tmp_path: Path) -> None:
    table = TABLE.rename(columns={item: f"{item} units" for item in ITEMS})
    table = table.assign(**{f"{item} revenue": table[f"{item} units"] * 3 for item in ITEMS})

    _, dataset = proposed(written(table, tmp_path / "sales.csv"))

    assert read_units(dataset) == true_units(SOLD)


def test_prices_of_each_item_are_one_driver(tmp_path: Path) -> None:
    prices = {f"price {item}": [number + place // 2 % 3 for place in range(len(TABLE))]
              for number, item in enumerate(ITEMS, 4)}

    _, dataset = proposed(written(TABLE.assign(**prices), tmp_path / "sales.csv"))

    assert read_units(dataset) == true_units(SOLD)
    assert dataset.columns.drivers == {"price": "price {item}"}
    assert "leave_out_items" not in dataset.rules.model_fields_set


def test_drivers_beside_what_may_be_items_are_refused_and_the_advice_works(tmp_path: Path) -> None:
    table = TABLE.assign(price=[9.5 + place // 2 % 3 for place in range(len(TABLE))],
                         temperature=[place // 2 % 25 + 0.5 for place in range(len(TABLE))])
    said = refusal(written(table, tmp_path / "sales.csv"))
    assert "'Jug', 'Kettle', 'Rain jacket', 'Sun cream' may each be the demand of one item, beside 'price'" in said
    assert "call them 'Jug units' and so on" in said

    _, dataset = proposed(written(table.rename(columns={item: f"{item} units" for item in ITEMS}),
                                  tmp_path / "again.csv"))

    assert read_units(dataset) == true_units(SOLD)
    assert set(dataset.driver_names) == {"price", "temperature"}


def test_whoever_says_that_they_are_items_has_the_others_as_drivers(tmp_path: Path) -> None:
    table = TABLE.assign(price=[9.5 + place // 2 % 3 for place in range(len(TABLE))])

    _, dataset = proposed(written(table, tmp_path / "sales.csv"), lambda question, answers, usual: (
        "yes" if question.startswith("Is each of") else usual))

    assert read_units(dataset) == true_units(SOLD)
    assert dataset.driver_names == ("price",)


def test_measures_of_one_demand_are_no_items(tmp_path: Path) -> None:
    table = ALONE[ALONE["item"] == "Jug"][["date", "demand"]].rename(columns={"demand": "units_sold"})
    table = table.assign(units_returned=1, customers=table["units_sold"] * 2)

    _, dataset = proposed(written(table, tmp_path / "sales.csv"))

    assert dataset.source.layout == "auto"  # type: ignore[union-attr]
    assert dataset.columns.demand == "units_sold"


def test_a_file_for_each_region(tmp_path: Path) -> None:
    (tmp_path / "shops").mkdir()
    for region, rows in TABLE.groupby("region"):
        written(rows.drop(columns="region"), tmp_path / "shops" / f"{region}.csv")

    _, dataset = proposed(tmp_path / "shops")

    assert read_units(dataset) == true_units(SOLD)


def test_days_without_a_value_count_as_said(tmp_path: Path) -> None:
    is_kept = (SOLD["item"] != "Jug") | (SOLD["date"].dt.dayofyear % 2 == 0)
    table = SOLD[is_kept].pivot(index=["date", "region"], columns="item", values="demand").reset_index()

    draft, dataset = proposed(written(table, tmp_path / "sales.csv"))
    assert draft.rules["gaps"][0] == "unknown"
    assert "'zero' if nothing was sold" in draft.rules["gaps"][1]
    assert read_units(dataset) == true_units(SOLD[is_kept])

    zero = dataset.model_copy(update={"rules": dataset.rules.model_copy(update={"gaps": "zero"})})
    is_before_the_first_jug = (SOLD["item"] == "Jug") & (SOLD["date"] == SOLD["date"].min())
    assert read_units(zero) == true_units(SOLD.assign(demand=SOLD["demand"].where(is_kept, 0))[
        ~is_before_the_first_jug])


def test_year_and_month_in_columns_of_their_own_are_no_items(tmp_path: Path) -> None:
    sold = sales(["tea", "jug"], first="2022-01-01", periods=46, frequency="MS")
    table = sold.pivot(index=["date", "region"], columns="item", values="demand").reset_index()
    table = table.assign(year=table["date"].dt.year, month=table["date"].dt.month).drop(columns="date")

    _, dataset = proposed(written(table, tmp_path / "sales.csv"))

    assert read_units(dataset) == true_units(sold)


def test_days_as_spreadsheets_count_them_are_no_item(tmp_path: Path) -> None:
    days = (TABLE["date"] - pd.Timestamp("1899-12-30")).dt.days

    _, dataset = proposed(written(TABLE.assign(date=days), tmp_path / "sales.csv"))

    assert read_units(dataset) == true_units(SOLD)


def test_a_number_of_each_region_is_no_item(tmp_path: Path) -> None:
    table = TABLE.assign(size=TABLE["region"].map({"Ulm": 120, "Bonn": 80}))

    _, dataset = proposed(written(table, tmp_path / "sales.csv"))

    assert read_units(dataset) == true_units(SOLD)
    assert [one.name for one in dataset.attributes] == ["size"]


def test_rows_that_stand_there_twice_count_once(tmp_path: Path) -> None:
    _, dataset = proposed(written(pd.concat([TABLE, TABLE.tail(20)]), tmp_path / "sales.csv"))

    assert read_units(dataset) == true_units(SOLD)


def test_many_items_some_of_which_sell_as_many_as_there_are_years(tmp_path: Path) -> None:
    sold = sales([f"sku {number}" for number in range(120)], ["all"], periods=40)

    _, dataset = proposed(written(sold.pivot(index="date", columns="item", values="demand").reset_index(),
                                  tmp_path / "sales.csv"))

    assert read_units(dataset) == true_units(sold)


def test_columns_that_add_up_to_the_demand_are_no_drivers(tmp_path: Path) -> None:
    table = TABLE[["date", "region", "Kettle", "Jug"]].assign(demand=TABLE["Kettle"] + TABLE["Jug"])

    draft, dataset = proposed(written(table, tmp_path / "sales.csv"))

    assert not dataset.driver_names
    assert dict(draft.left)["Jug"].startswith("with 'Kettle' it is the demand")
    said = dict(draft.left)["Jug"]
    assert "remove the column of their sum" in said

    _, items = proposed(written(table.drop(columns="demand"), tmp_path / "again.csv"))
    assert read_units(items) == true_units(SOLD[SOLD["item"].isin(["Kettle", "Jug"])])


def test_columns_that_count_one_thing_in_several_ways_are_no_items(tmp_path: Path) -> None:
    table = sales(["tea"], ["all"]).drop(columns="region").rename(columns={"demand": "net_qty"})
    table["return_qty"] = table.index % 3
    table["gross_qty"] = table["net_qty"] + table["return_qty"]

    draft, dataset = proposed(written(table, tmp_path / "sales.csv"))

    assert dataset.columns.demand in ("gross_qty", "net_qty")
    assert "'gross_qty'" in draft.columns["demand"][1]
    assert dataset.source.layout == "auto"  # type: ignore[union-attr]
