"""Tables as people have them, what is proposed for them, and what is read by that."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pytest

from demand_assets.forecasting.dataset.dataset_file import Dataset, load_dataset
from demand_assets.proposals.cannot_propose import CannotProposeError
from demand_assets.proposals.draft import Draft
from demand_assets.proposals.proposal import propose_for_files
from demand_assets.proposals.terminal_questions import Ask, default_answers
from demand_assets.proposals.trial_reading import look_through

Units = dict[tuple[str, str, str], float]
"""Region, item and day -> what was sold."""


def sales(items: Iterable[str], regions: Iterable[str] = ("Ulm", "Bonn"), first: str = "2025-06-02", periods: int = 120,
          frequency: str = "D") -> pd.DataFrame:
    """A row for each period of each region-item; no two of them sell the same in all periods."""
    days = pd.date_range(first, periods=periods, freq=frequency)
    return pd.DataFrame([(day, region, item, 10 * (number + 1) + 100 * place + (turn * (5 + number)) % 17)
                         for turn, day in enumerate(days) for place, region in enumerate(regions)
                         for number, item in enumerate(items)], columns=["date", "region", "item", "demand"])


def true_units(rows: pd.DataFrame) -> Units:
    """The units of such rows."""
    return {(row.region, row.item, str(row.date.date())): float(row.demand) for row in rows.itertuples()}


def written(table: pd.DataFrame, path: Path) -> Path:
    """The table in a file of the kind that its name says."""
    if path.suffix == ".xlsx":
        table.to_excel(path, index=False)
    elif path.suffix == ".parquet":
        table.to_parquet(path, index=False)
    else:
        table.to_csv(path, index=False)
    return path


def proposed(path: Path, ask: Ask = default_answers) -> tuple[Draft, Dataset]:
    """What is proposed, and the dataset of the file that is written of it."""
    draft, _ = propose_for_files(str(path), "made", ask, None, pd.Timestamp("2026-11-30"))
    target = path.parent / "made.toml"
    target.write_text(draft.text())
    return draft, load_dataset(target)


def read_units(dataset: Dataset) -> Units:
    """What the product reads, through its validation."""
    return {(one.region_item.region, one.region_item.item, str(row.date.date())): float(row.demand)
            for one in look_through(dataset).usable if one.demand is not None
            for row in one.demand.itertuples() if row.demand == row.demand}


def refusal(path: Path) -> str:
    """The one line that says what is missing."""
    with pytest.raises(CannotProposeError) as raised:
        propose_for_files(str(path), "made", default_answers, None)
    assert "\n" not in str(raised.value)
    return str(raised.value)
