"""The dataset files that come with the product, on the open data sets that they describe."""

import os
from pathlib import Path

import pytest

from demand_assets.forecasting.dataset.dataset_file import load_dataset
from demand_assets.forecasting.validation.rows_to_demand import validate_panel
from demand_assets.sources import open_source

ROOT = Path(__file__).parents[3]
DATA = Path(os.environ.get("REAL_DATA_DIR") or ROOT.parent / "shared" / "data")

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"the open data sets are not there: {DATA} (REAL_DATA_DIR)")


def opened(name):
    described = load_dataset(ROOT / "datasets" / f"{name}.toml")
    return described, open_source(described, environment={"REAL_DATA_DIR": str(DATA)})


@pytest.mark.parametrize(("name", "count", "last", "trusted"), [
    ("orange_juice", 913, "1992-10-01", 100), ("orange_juice_original", 15, "1992-10-01", 15),
    ("store_item_demand", 500, "2017-12-31", 100), ("store_item_demand_original", 15, "2017-12-31", 15),
    ("walmart_store_dept", 3331, "2012-10-26", 85), ("walmart_store_dept_original", 15, "2012-10-26", 15),
    ("rossmann", 1115, "2015-07-31", 100)])
def test_region_items_end_and_share_that_is_trusted(name, count, last, trusted):
    described, source = opened(name)
    catalogue = source.catalogue()

    some = catalogue.region_items[:100]
    validated = validate_panel(source.read(some), described, some, catalogue.last_date, source.today())

    assert len(catalogue.region_items) == count
    assert str(catalogue.last_date.date()) == last
    assert sum(not one.problem for one in validated) >= trusted
    assert all(one.quarantine.empty for one in validated)


def test_published_orange_juice_is_the_same_juice():
    _, published = opened("orange_juice_original")

    rows = published.read(published.catalogue().region_items[:1])

    assert str(rows["date"].min().date()) == "1990-06-14"
    assert rows["demand"].iloc[0] == pytest.approx(8256)
    assert rows["price"].iloc[0] == pytest.approx(0.0604688, abs=1e-6)


def test_weeks_with_more_returns_than_sales_count_as_zero():
    described, source = opened("walmart_store_dept")
    catalogue = source.catalogue()

    validated = validate_panel(source.read(catalogue.region_items), described, catalogue.region_items,
                               catalogue.last_date, source.today())

    assert sum(one.counts.get("negative_as_zero", 0) for one in validated) == 1285
