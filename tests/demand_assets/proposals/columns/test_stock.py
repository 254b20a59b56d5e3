"""Which column ``make dataset`` takes for what says that an item was out of stock, and which it does not."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from demand_assets.forecasting.dataset.dataset_file import Dataset, load_dataset
from demand_assets.proposals.proposal import propose_for_files
from demand_assets.proposals.terminal_questions import default_answers

DAYS = 120
IS_OUT = np.arange(DAYS) % 11 == 0
SOLD = np.where(IS_OUT, 2, 10 + np.arange(DAYS) % 7)


def proposed(tmp_path: Path, **columns: object) -> tuple[Dataset, str]:
    """The dataset that is proposed for a table with these columns beside demand, and its file."""
    pd.DataFrame({"date": pd.date_range("2025-01-01", periods=DAYS).astype(str), "store": "north", "item": "tea",
                  "units": SOLD, **columns}).to_csv(tmp_path / "a.csv", index=False)
    draft, _ = propose_for_files(str(tmp_path / "a.csv"), "a", default_answers)
    (tmp_path / "a.toml").write_text(draft.text())
    return load_dataset(tmp_path / "a.toml"), draft.text()


@pytest.mark.parametrize(("column", "values", "entry"), [
    ("on_hand", np.where(IS_OUT, 0, 30), "stock"), ("stock", np.where(IS_OUT, -1, np.arange(DAYS) + 1), "stock"),
    ("Lagerbestand", np.where(IS_OUT, 0, 30), "stock"), ("in_stock", np.where(IS_OUT, "no", "yes"), "available"),
    ("available", np.where(IS_OUT, 0, 1), "available"), ("availability", np.where(IS_OUT, 0.4, 1.0), "available")])
def test_a_column_that_is_called_so_and_is_so(tmp_path: Path, column: str, values: object, entry: str) -> None:
    dataset, text = proposed(tmp_path, **{column: values})

    assert dataset.stock_entry == entry
    assert getattr(dataset.columns, entry) == column
    assert dataset.driver_names == ()
    assert "demand is at least what was sold" in " ".join(text.replace("#", "").split())


@pytest.mark.parametrize("column", ["oos", "stockout", "out_of_stock", "OutOfStock", "stock_out_flag"])
def test_a_column_that_says_out_of_stock(tmp_path: Path, column: str) -> None:
    dataset, _ = proposed(tmp_path, **{column: IS_OUT.astype(int)})

    assert dataset.columns.expressions == {"available": f"1 - {column}"}
    assert dataset.stock_entry == "available"


@pytest.mark.parametrize(("column", "values", "why"), [
    ("opening_stock", np.where(IS_OUT, 0, 30), "beginning"), ("stock", np.where(IS_OUT, 5, 0), "rows with sales"),
    ("stock", np.full(DAYS, 0), "nothing but"), ("oos", np.where(IS_OUT, "yes", "no"), "where(oos == 'yes', 0, 1)"),
    ("in_stock", np.where(IS_OUT, 1, 0), "rows with sales"), ("oos", np.where(IS_OUT, 0, 1), "rows with sales")])
def test_a_column_that_is_called_so_and_is_not(tmp_path: Path, column: str, values: object, why: str) -> None:
    dataset, text = proposed(tmp_path, **{column: values})

    assert dataset.stock_entry is None
    assert dataset.driver_names == ()
    assert why in " ".join(text.replace("#", "").split())


def test_of_two_columns_one_says_it(tmp_path: Path) -> None:
    dataset, text = proposed(tmp_path, in_stock=np.where(IS_OUT, "no", "yes"), on_hand=np.where(IS_OUT, 0, 30))

    assert (dataset.columns.available, dataset.columns.stock) == ("in_stock", None)
    assert "another column says already" in text
