"""Where a dataset file says that prices and costs stand, and what is refused of it."""

from pathlib import Path
from typing import Any

import pytest

from demand_assets.forecasting.dataset.dataset_file import Dataset, DatasetFileError, load_dataset
from demand_assets.forecasting.dataset.prices_and_costs import UnitAmount

HEAD = 'frequency = "D"\ncurrency = "€"\n[source]\nkind = "file"\npath = "sales.csv"\n'
PRICE_DRIVER = '[[drivers]]\nname = "price"\nkind = "number"\n'
COST = '[[attributes]]\nname = "landed"\nof = "item"\nkind = "number"\n'


def loaded(folder: Path, text: str) -> Dataset:
    (folder / "shop.toml").write_text(HEAD + text)
    return load_dataset(folder / "shop.toml")


def test_without_an_entry_the_price_is_the_price_driver_and_nothing_else_changes(tmp_path: Path) -> None:
    bare, priced = loaded(tmp_path, ""), loaded(tmp_path, PRICE_DRIVER)

    assert (bare.has_money, bare.amount("price"), bare.amount("cost")) == (False, None, None)
    assert (priced.has_money, priced.amount("price"), priced.amount("cost")) == (
        True, UnitAmount(driver="price"), None)
    assert bare.of_source is bare
    assert priced.of_source is priced


def test_a_price_in_the_rows_is_read_from_the_source_and_is_no_driver(tmp_path: Path) -> None:
    dataset = loaded(tmp_path, '[money]\nprice = { column = "VK" }\ncost = { expression = "amount / sold" }\n')

    assert dataset.driver_names == ()
    assert dataset.of_source.driver_names == ("unit_price", "unit_cost")
    assert dataset.of_source.columns.drivers == {"unit_price": "VK"}
    assert dataset.of_source.columns.expressions == {"unit_cost": "amount / sold"}
    of_source = dataset.of_source
    assert of_source.of_source is of_source


@pytest.mark.parametrize(("entries", "words"), [
    ('[money]\nprice = {}\n', "give one of column, expression, attribute and driver"),
    ('[money]\nprice = { column = "a", driver = "price" }\n' + PRICE_DRIVER, "not 2: column, driver"),
    ('[money]\ncost = { attribute = "landed" }\n', "the attribute 'landed', which is none of kind 'number'; there are "
                                                   "none"),
    ('[money]\ncost = { attribute = "brand" }\n[[attributes]]\nname = "brand"\nof = "item"\n' + COST,
     "there is landed"),
    ('[money]\nprice = { driver = "promo" }\n[[drivers]]\nname = "promo"\nkind = "yes_no"\n', "the driver 'promo'"),
    ('[money]\nprice = { column = "" }\n', "at least 1 character"),
    ('[money]\nprise = { column = "a" }\n', "Extra inputs are not permitted"),
    ('[money]\nprice = { column = "VK" }\n[[drivers]]\nname = "unit_price"\nkind = "number"\n',
     "may not be called 'unit_price'"),
])
def test_what_cannot_be_is_refused_by_its_entry(tmp_path: Path, entries: str, words: str) -> None:
    with pytest.raises(DatasetFileError) as error:
        loaded(tmp_path, entries)

    assert words in str(error.value)
    assert "money" in str(error.value)


def test_a_driver_may_be_called_as_our_column_where_nothing_is_read_into_that(tmp_path: Path) -> None:
    driver = '[[drivers]]\nname = "unit_cost"\nkind = "number"\n'

    assert not loaded(tmp_path, driver).has_money
    of_driver = loaded(tmp_path, driver + PRICE_DRIVER + '[money]\ncost = { driver = "unit_cost" }\n')
    assert of_driver.amount("cost") == UnitAmount(driver="unit_cost")


def test_simulated_demand_has_no_column() -> None:
    entries: dict[str, Any] = {"name": "shop", "frequency": "D", "source": {"kind": "simulated"},
                               "money": {"price": {"column": "a"}}}

    with pytest.raises(ValueError, match="simulated demand has none"):
        Dataset.model_validate(entries)
