import pytest

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.sources import open_source
from tests.demand_assets.sources.shop import file_dataset, write_items


@pytest.mark.parametrize("other", ["10.0", "10.00"])
def test_a_number_is_one_name_however_its_files_write_it(tmp_path, other):
    write_items(tmp_path / "a.csv", other, "abc")
    write_items(tmp_path / "b.csv", "11", "12", "10")

    source = open_source(file_dataset(tmp_path, drivers=False))

    assert [one.item for one in source.catalogue().region_items] == ["10", "11", "12", "abc"]
    assert source.read([RegionItem("n", "10")])["demand"].tolist() == [1, 3]
    assert source.catalogue().notices == (f"The item '10' is also written {other!r}; both are read as '10'.",)


def test_names_that_differ_in_zeros_capitals_or_spaces_only_are_told(tmp_path):
    write_items(tmp_path / "a.csv", "007", "7", "Pear", "PEAR", "apple", "green tea", "green  tea")

    notice = open_source(file_dataset(tmp_path / "a.csv", drivers=False)).catalogue().notices[0]

    assert "'007' and '7'; 'PEAR' and 'Pear'; 'green  tea' and 'green tea'." in notice


def test_names_in_digits_and_letters_of_another_width_or_script_are_told(tmp_path):
    write_items(tmp_path / "a.csv", "12", "１２", "١٢", "tea", "ｔｅａ", "茶")

    (notice,) = open_source(file_dataset(tmp_path / "a.csv", drivers=False)).catalogue().notices

    assert "'12' and '١٢' and '１２'; 'tea' and 'ｔｅａ'." in notice
