"""Columns of a wide table that are perhaps no items: told with the catalogue, so that each reader of it tells them."""

import pytest

from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.sources import open_source
from demand_assets.sources.doubts.no_items import columns_of_no_items


def wide(path, **rules):
    return Dataset.model_validate({"name": "shop", "frequency": "D", "columns": {"date": "day", "region": ""},
                                   "source": {"kind": "file", "path": str(path), "layout": "items"}, "rules": rules})


def source(path, header, **rules):
    path.write_text("\n".join([header, *(f"2024-01-{day:02},{day},{day + 1},{day + 2}" for day in range(1, 9))]))
    return open_source(wide(path, **rules))


@pytest.mark.parametrize("name", ["temperature", "Preis", "is_open", "Lagerbestand", "気温"])
def test_a_column_that_is_called_as_what_is_no_demand_is_told_and_the_advice_works(tmp_path, name):
    (told,) = source(tmp_path / "a.csv", f"day,tea,rain jacket,{name}").catalogue().notices

    assert told.startswith(f"the column {name!r} is read as the demand of an item of that name")
    assert f'rules.leave_out_items = ["{name}"]' in told
    assert source(tmp_path / "a.csv", f"day,tea,rain jacket,{name}", leave_out_items=(name,)).catalogue().notices == ()


def test_of_very_many_some_are_told():
    dataset = wide("a.csv")
    names = [f"price {number}" for number in range(30)]

    assert columns_of_no_items(dataset, ["all"], names) == []
    told = columns_of_no_items(dataset, ["all"], ["".join(["pri", "_" * number, "ce"]) for number in range(15)])
    assert (len(told), told[-1]) == (11, "and 5 more columns whose names are no items'")
