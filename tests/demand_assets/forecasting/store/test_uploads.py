"""What was uploaded is read as it was sent, however the source dates its periods."""

from datetime import date

import pytest

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.store.uploads import NAME, Uploaded, put_staged, read_uploads, stage_uploads


@pytest.mark.parametrize(("week_dated", "written"), [("first_day", "2024-01-01"), ("last_day", "2024-01-07")])
def test_weeks_are_written_on_the_day_that_the_source_dates_them_on(tmp_path, week_dated, written):
    dataset = Dataset.model_validate({
        "name": "shop", "frequency": "W", "columns": {"week_dated": week_dated},
        "source": {"kind": "file", "path": str(tmp_path / "a.csv"), "uploads": str(tmp_path / "uploads")}})
    rows = {(RegionItem("north", "kettle"), date(2024, 1, 1)): Uploaded(5.0, {})}

    put_staged(dataset, stage_uploads(dataset, rows))

    assert written in (tmp_path / "uploads" / NAME).read_text()
    assert read_uploads(dataset) == rows
