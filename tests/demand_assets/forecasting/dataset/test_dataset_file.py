"""The dataset file: what is taken for granted, and how each mistake is named."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from demand_assets.forecasting.contract.quarantine import RULES
from demand_assets.forecasting.dataset import dataset_file as dataset_module
from demand_assets.forecasting.dataset.dataset_file import Dataset, DatasetFileError, load_dataset

ROOT = Path(__file__).parents[4]
SHOP = """
frequency = "D"
[source]
kind = "file"
path = "demand.csv"
"""


def written(folder, text, name="shop.toml"):
    file = folder / name
    file.write_text(text)
    return file


def test_what_is_not_said_is_taken_for_granted(tmp_path):
    shop = load_dataset(written(tmp_path, SHOP))

    assert (shop.name, shop.title, shop.horizon, shop.season_lengths) == ("shop", "shop", 28, (7, 364))
    assert (shop.columns.date, shop.columns.region, shop.columns.item) == ("date", "region", "item")
    assert shop.season_length == 7
    assert shop.stale_periods == 91


@pytest.mark.parametrize(("entry", "words"), [
    ('[columns]\ntime_zone = "Berlin"', "no time zone; write one as in 'Europe/Berlin'"),
    ('[columns]\ndate_format = "%d.%m."', "'%d.%m.' says no year"),
    ('[rules]\nseveral_rows = "add"', "'sum', 'mean', 'last' or 'refuse'"),
    ('[rules]\nunfinished = "yes"', "'set_aside' or 'final'"), ('[rules]\nrefused_units_share = 2', "less than")])
def test_a_wrong_entry_says_what_is_allowed(tmp_path, entry, words):
    with pytest.raises(DatasetFileError, match=re.escape(words)):
        load_dataset(written(tmp_path, f"{SHOP}{entry}\n"))


CATEGORY = '[[attributes]]\nname = "category"\nof = "item"\n'


@pytest.mark.parametrize(("entry", "words"), [
    ('[[attributes]]\nname = "category"', "attributes.0.of"), (CATEGORY + 'kind = "colour"', "'yes_no', 'number'"),
    (CATEGORY.replace("category", "demand"), "may not be called 'demand'"),
    (CATEGORY + CATEGORY, "attributes declared twice: category"),
    (CATEGORY + '[[drivers]]\nname = "category"\nkind = "category"', "both as an attribute and as a driver"),
    (CATEGORY + 'date_format = "%d"', "date_format is for kind = 'date'"),
    (CATEGORY + 'read_from = "table"', "there is no [attribute_tables.item]"),
    (CATEGORY + '[hierarchies]\nitem = ["department", "category"]', "hierarchies.item names department"),
    (CATEGORY + '[hierarchies]\nregion = ["category"]', "attributes of kind 'text' of regions: none is declared"),
    (CATEGORY + '[hierarchies]\nitem = ["category", "category"]', "names a level twice"),
    (CATEGORY + '[attribute_tables.item]\nkey = "id"', "attribute_tables.item.source"),
    (CATEGORY + '[attribute_tables.shop]\nkey = "id"', "attribute_tables.shop")])
def test_attributes_that_do_not_fit_are_named(tmp_path, entry, words):
    with pytest.raises(DatasetFileError, match=re.escape(words)):
        load_dataset(written(tmp_path, f"{SHOP}{entry}\n"))


def test_simulated_demand_has_no_columns_of_attributes(tmp_path):
    with pytest.raises(DatasetFileError, match=r"give a table \[attribute_tables.item\]"):
        load_dataset(written(tmp_path, f'frequency = "D"\n[source]\nkind = "simulated"\n{CATEGORY}'))


def test_a_table_of_attributes_is_taken_from_the_files_folder(tmp_path):
    shop = load_dataset(written(tmp_path, SHOP + CATEGORY + """
[attribute_tables.item]
key = "id"
source = { kind = "file", path = "items.csv" }
"""))

    assert shop.table_of(shop.attributes[0]).source.path == str(tmp_path / "items.csv")


def test_a_relative_path_is_taken_from_the_files_folder(tmp_path):
    assert load_dataset(written(tmp_path, SHOP)).source.path == str(tmp_path / "demand.csv")


@pytest.mark.parametrize("path", ["s3://bucket/demand.csv", "/data/demand.csv", "${DATA}/demand.csv"])
def test_urls_and_whole_paths_stay_as_they_are(tmp_path, path):
    assert load_dataset(written(tmp_path, SHOP.replace("demand.csv", path))).source.path == path


def test_the_horizon_can_be_overridden(tmp_path):
    assert load_dataset(written(tmp_path, SHOP), horizon=14).horizon == 14


def test_an_empty_column_means_that_there_is_only_one(tmp_path):
    shop = load_dataset(written(tmp_path, SHOP + '[columns]\nregion = ""\n'))

    assert shop.columns.region is None


def test_a_name_is_made_of_the_files(tmp_path):
    assert load_dataset(written(tmp_path, SHOP, "2024 Müller-Shop.toml")).name == "d_2024_m_ller_shop"


@pytest.mark.parametrize(("change", "words"), [
    (("frequency", "frequenzy"), "frequenzy: Extra inputs are not permitted"),
    (('"D"', '"Y"'), "frequency: Input should be 'D', 'W', 'M' or 'Q'"),
    (('kind = "file"', 'kind = "excel"'), "source: 'excel' is no source kind .*: there are simulated, file, sql"),
    (('kind = "file"', 'kind = "sql"\nurl = "sqlite://"\ntable = "a"\nquery = "b"'), "path: Extra inputs"),
    (("[source]", "horizon = 500\n[source]"), "horizon: Input should be less than or equal to 400"),
    (("[source]", "season_lengths = [1]\n[source]"), "season_lengths are periods between 2 and 400"),
    (("[source]", '[[drivers]]\nname = "Price"\nkind = "number"\n[source]'), "drivers.0.name: String should match"),
    (("[source]", '[[drivers]]\nname = "date"\nkind = "number"\n[source]'), "may not be called 'date'"),
    (("[source]", '[[drivers]]\nname = "a"\nkind = "category"\neffect = "increasing"\n[source]'), "has no order"),
    (("[source]", '[[drivers]]\nname = "a"\nkind = "number"\nfuture = "given"\n[source]'), "needs a default"),
    (("[source]", '[[drivers]]\nname = "a"\nkind = "number"\ndefault = "x"\n[source]'), "does not fit kind = 'number'"),
    (('kind = "file"\npath = "demand.csv"', 'kind = "simulated"\ntoday = "1 May"'), "source.simulated.today"),
    (("[source]", '[columns]\ndate_start = "1 May"\n[source]'), "columns.date_start"),
    (("[source]", '[columns.expressions]\nprofit = "a"\n[source]'), "names what is no driver: profit"),
    (('"D"', "D"), "is no valid TOML")])
def test_mistakes_are_named_with_their_entry(tmp_path, change, words):
    with pytest.raises(DatasetFileError, match=words):
        load_dataset(written(tmp_path, SHOP.replace(*change)))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DatasetFileError, match=r"nothing.toml cannot be read: No such file"):
        load_dataset(tmp_path / "nothing.toml")


@pytest.mark.parametrize("file", sorted((ROOT / "datasets").glob("*.toml")), ids=lambda file: file.stem)
def test_the_dataset_files_that_come_with_the_product_can_be_used(file):
    assert isinstance(load_dataset(file), Dataset)


REFERENCE = (ROOT / "docs" / "datasets.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("example", re.findall(r"```toml\n(.*?)```", REFERENCE, re.DOTALL))
def test_the_examples_of_the_reference_can_be_used(tmp_path, example):
    text = example if "frequency" in example else f'frequency = "D"\n{example}'
    if "[source]" not in example:
        text += '[source]\nkind = "file"\npath = "a.csv"\n[[drivers]]\nname = "price"\nkind = "number"\n'

    assert isinstance(load_dataset(written(tmp_path, text)), Dataset)


def test_the_reference_explains_every_rule_of_the_quarantine():
    assert [rule for rule in RULES if f"`{rule}`" not in REFERENCE] == []


def test_the_reference_mentions_every_entry():
    models = [model for model in vars(dataset_module).values()
              if isinstance(model, type) and issubclass(model, BaseModel) and model is not BaseModel]

    missing = [f"{model.__name__}.{name}" for model in models for name in model.model_fields
               if f"`{name}`" not in REFERENCE]

    assert missing == []
