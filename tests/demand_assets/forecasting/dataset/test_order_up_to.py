"""What a dataset file says of lead times and service levels, and what is refused of it."""

from pathlib import Path

import pytest

from demand_assets.forecasting.dataset.dataset_file import Dataset, DatasetFileError, load_dataset

HEAD = 'frequency = "D"\n[source]\nkind = "file"\npath = "sales.csv"\n'
LEAD = '[[attributes]]\nname = "lead_days"\nof = "item"\nkind = "number"\n'


def loaded(folder: Path, text: str) -> Dataset:
    (folder / "shop.toml").write_text(HEAD + text)
    return load_dataset(folder / "shop.toml")


def test_entries_are_numbers_or_attributes(tmp_path: Path) -> None:
    said = loaded(tmp_path, LEAD + '[order_up_to]\nlead_time = "lead_days"\nreview_period = 7\n').order_up_to

    assert [(said.number(entry), said.attribute(entry)) for entry in ("lead_time", "review_period", "service_level")
            ] == [(None, "lead_days"), (7.0, None), (None, None)]


@pytest.mark.parametrize(("entry", "words"), [
    ('lead_time = "weeks"', "'weeks', which is none of kind 'number'; there is lead_days"),
    ("lead_time = -1", "lead_time"), ("lead_time = 1.5", "lead_time"), ("review_period = 0", "review_period"),
    ("service_level = 0.95", "service_level"), ("service_level = 100.0", "service_level"), ("level = 95", "level")],
    ids=str)
def test_what_cannot_be_is_refused_by_name(tmp_path: Path, entry: str, words: str) -> None:
    with pytest.raises(DatasetFileError, match=words):
        loaded(tmp_path, f"{LEAD}[order_up_to]\n{entry}\n")
