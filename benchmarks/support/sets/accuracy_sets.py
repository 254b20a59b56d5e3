"""The data sets on which accuracy is compared: which region-items, and which are left out and why.

The sample: region-items sorted by region and item, every k-th, so many at most. Data are read and validated as the
product does it.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from benchmarks.support.panel_forecasts import known_periods
from demand_assets.forecasting.contract.periods import in_words
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.contract.source import SourceError
from demand_assets.forecasting.dataset.dataset_file import Dataset, DatasetFileError, load_dataset
from demand_assets.forecasting.dataset.demand.source_entries import FileSource
from demand_assets.forecasting.model.enough_history import needed_periods
from demand_assets.forecasting.validation.rows_to_demand import RawDemandError, validate_panel
from demand_assets.sources import open_source
from demand_assets.sources.environment import Environment

PROJECT = Path(__file__).resolve().parents[3]
DATA_FOLDER = "REAL_DATA_DIR"
SETS = {"dominicks_oj": "orange_juice", "store_item_demand": "store_item_demand", "rossmann": "rossmann",
        "walmart": "walmart_store_dept", "m5": "m5"}
"""Name -> stem of the dataset file."""
OTHER_FILES = {"m5": f"${{{DATA_FOLDER}}}/m5_sample.parquet"}
"""Read in place of the dataset file's."""
LIMITS = {"D": 50, "W": 100, "M": 100}
"""Region-items in a sample by frequency."""
WINDOWS = 3


class SetError(RuntimeError):
    """A set that cannot be compared on; the message names it and the cure."""


@dataclass(frozen=True)
class Sample:
    """What the methods forecast."""

    name: str
    dataset: Dataset
    tables: dict[RegionItem, pd.DataFrame]
    """Schema Demand."""
    left_out: dict[RegionItem, str]
    """Sampled, but not forecast, with the reason."""


def described(name: str) -> Dataset:
    """The dataset of a set, or of a dataset file given by its path.

    Raises: SetError: there is no such set, or its dataset file is wrong.
    """
    file = Path(name) if name.endswith(".toml") else PROJECT / "datasets" / f"{SETS.get(name, name)}.toml"
    if not file.is_file():
        raise SetError(f"set {name}: there is no {file}. Give {', '.join(SETS)}, the name of a file in datasets/, or "
                       "the path of a dataset file (.toml).")
    try:
        dataset = load_dataset(file)
    except DatasetFileError as error:
        raise SetError(f"set {name}: {error}") from error
    if name in OTHER_FILES:
        dataset = dataset.model_copy(
            update={"source": dataset.source.model_copy(update={"path": OTHER_FILES[name]})})
    return dataset


def is_there(name: str) -> bool:
    """Whether the set's file is there."""
    source = described(name).source
    return not isinstance(source, FileSource) or Path(Environment(environment()).expand(source.path)).exists()


def environment() -> dict[str, str]:
    """The process's environment, with the folder of real data."""
    return {**os.environ, DATA_FOLDER: str(data_folder())}


def data_folder() -> Path:
    """Where the real data are."""
    return Path(os.environ.get(DATA_FOLDER) or PROJECT.parent / "shared" / "data").absolute()


def sample(name: str, limit: int | None = None) -> Sample:
    """The sample of a set.

    Args:
        name: a set, the stem of a file in ``datasets/``, or a path of a dataset file.
        limit: region-items at most; by frequency unless given.
    Raises: SetError: the set cannot be read, or nothing in it is long enough.
    """
    dataset = described(name)
    limit = limit or LIMITS[dataset.frequency]
    try:
        source = open_source(dataset, environment=environment())
        catalogue = source.catalogue()
        sampled = every_kth(catalogue.region_items, limit)
        validated = validate_panel(source.read(sampled), dataset, sampled, catalogue.last_date, source.today())
    except (SourceError, RawDemandError) as error:
        raise SetError(f"set {name}: {error} Real data are looked for in {data_folder()}; {DATA_FOLDER} names another "
                       "folder.") from error
    tables, left_out = {}, {}
    for one in validated:
        first_sentence = one.problem.split(". ")[0]
        problem = f"quarantined: {first_sentence}" if one.demand is None else _too_short(one.demand, dataset)
        if problem:
            left_out[one.region_item] = problem
        else:
            tables[one.region_item] = one.demand
    if not tables:
        reasons = "; ".join(sorted(set(left_out.values()))[:3])
        raise SetError(f"set {name}: none of {len(left_out)} region-items can be compared on ({reasons}). Give a set "
                       "with longer demand, or a shorter horizon in its dataset file.")
    return Sample(Path(name).stem, dataset, tables, left_out)


def every_kth(region_items: Iterable[RegionItem], limit: int) -> list[RegionItem]:
    """Every k-th of them, sorted by region and item, at most so many, with the smallest k for which they are."""
    ordered = sorted(region_items)
    return ordered[::max(1, -(-len(ordered) // limit))]


def _too_short(demand: pd.DataFrame, dataset: Dataset) -> str:
    before = known_periods(demand) - WINDOWS * dataset.horizon
    needed = needed_periods(dataset)
    if before >= needed:
        return ""
    return f"too short: {in_words(max(before, 0), dataset.frequency)} before the first origin, {needed} are needed"
