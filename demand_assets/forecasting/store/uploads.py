"""What programs uploaded: rows kept in one file of the dataset's uploads folder, which the source reads beside its own.

The file is written whole or not at all. Where the source itself tells of a period's demand, that stands; else what was
uploaded does, and what it leaves out is as the source has it.
"""

import contextlib
import csv
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.demand.source_entries import FileSource
from demand_assets.forecasting.validation.written.dates import read_dates

NAME = "uploaded.csv"
STAGED = ".uploaded.{}.staged"
FORM: dict[str, Any] = {"format": "csv", "delimiter": ",", "decimal": ".", "thousands": None, "encoding": "utf-8",
                        "skip_lines": 0, "header_rows": 1, "layout": "long", "name_column": None, "fill_down": []}
"""How it is written, whatever the source's own files are."""
IN_STOCK = ("0", "1")
"""What is written of a period out of stock, and of one in stock, be it units on hand or yes and no."""
_OUT_OF_STOCK = {"0": True, "1": False}
Value = float | bool | str
Place = tuple[RegionItem, date]


class NoUploadsError(RuntimeError):
    """The dataset takes no uploads; the message says why, and what would change that."""


@dataclass(frozen=True)
class Uploaded:
    """What was uploaded for one region-item and period."""

    demand: float | None
    """Units; None for a plan of drivers."""
    drivers: Mapping[str, Value]
    out_of_stock: bool | None = None
    """None where it was not said."""

    def over(self, before: "Uploaded | None") -> "Uploaded":
        """This where it tells something, else what was uploaded before."""
        if before is None:
            return self
        is_new = self.demand is not None  # what was said of stock was said of the units
        return Uploaded(self.demand if is_new else before.demand, {**before.drivers, **self.drivers},
                        self.out_of_stock if is_new else before.out_of_stock)


def uploads_folder(dataset: Dataset) -> Path:
    """Where uploads of this dataset are kept.

    Raises: NoUploadsError.
    """
    columns = dataset.of_source.columns
    if dataset.uploads is None:
        raise NoUploadsError(f"{dataset.title} takes no uploads. Correct or complete its source, or, where that is "
                             "files, give `uploads = \"folder\"` under [source] in the dataset file.")
    if columns.expressions or columns.date_start or any("{" in name for name in (
            columns.demand, *columns.drivers.values())):
        raise NoUploadsError(f"The columns of {dataset.title} are computed from its source's, so rows cannot be "
                             "uploaded. Complete the source.")
    return dataset.uploads


def stock_column(dataset: Dataset) -> str | None:
    """The source's column that says which periods are out of stock; None where none does."""
    entry = dataset.stock_entry
    return getattr(dataset.columns, entry) if entry else None


def read_uploads(dataset: Dataset) -> dict[Place, Uploaded]:
    """What was uploaded so far.

    Raises: NoUploadsError.
    """
    path, dataset = uploads_folder(dataset) / NAME, dataset.of_source
    columns = dataset.columns
    if not path.exists():
        return {}
    found: dict[Place, Uploaded] = {}
    names = {name: columns.drivers.get(name, name) for name in dataset.driver_names}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            at = RegionItem(row[columns.region] if columns.region else "all", row[columns.item] if columns.item
                            else "all")
            day = pd.to_datetime(row[columns.date], format=columns.date_format or "%Y-%m-%d").date()
            drivers = {name: _value(row[column], dataset.driver(name).kind) for name, column in names.items()
                       if row.get(column)}
            units = float(row[columns.demand]) if row[columns.demand] else None
            found[at, day - timedelta(_days_into(dataset))] = Uploaded(
                units, drivers, _OUT_OF_STOCK.get(row.get(stock_column(dataset) or "", "")))
    return found


def stage_uploads(dataset: Dataset, rows: Mapping[Place, Uploaded]) -> str:
    """Write these rows beside what was uploaded so far, for ``put_staged`` to put in its place; what was staged before
    and not put is forgotten.

    Returns: the name of the staged file.
    Raises: NoUploadsError. OSError: the folder cannot be written.
    """
    folder, dataset = uploads_folder(dataset), dataset.of_source
    columns = dataset.columns
    names = {name: columns.drivers.get(name, name) for name in dataset.driver_names}
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    stock = [stock_column(dataset)] if stock_column(dataset) else []
    writer.writerow([*filter(None, (columns.region, columns.item)), columns.date, columns.demand, *stock,
                     *names.values()])
    for (at, day), row in sorted(rows.items(), key=lambda one: one[0]):
        named = [name for name, column in ((at.region, columns.region), (at.item, columns.item)) if column]
        told = "" if row.out_of_stock is None else IN_STOCK[not row.out_of_stock]
        writer.writerow([*named, _day(day, dataset), _written(row.demand), *(told for _ in stock),
                         *(_written(row.drivers.get(name)) for name in names)])
    folder.mkdir(parents=True, exist_ok=True)
    for forgotten in folder.glob(STAGED.format("*")):
        forgotten.unlink()
    staged = folder / STAGED.format(uuid4().hex)
    with staged.open("w", encoding="utf-8", newline="") as file:
        file.write(text.getvalue())
        file.flush()
        os.fsync(file.fileno())
    return staged.name


def put_staged(dataset: Dataset, name: str) -> None:
    """Put a staged file in place of all that was uploaded so far; nothing where that was done already.

    Raises: NoUploadsError. OSError: the folder cannot be written.
    """
    folder = uploads_folder(dataset)
    with contextlib.suppress(FileNotFoundError):  # another process was faster
        (folder / name).replace(folder / NAME)


def upload_source(source: FileSource) -> FileSource:
    """How the uploads are read."""
    return source.model_copy(update=FORM)


def settled(rows: pd.DataFrame, is_uploaded: npt.NDArray[np.bool_], dataset: Dataset) -> pd.DataFrame:
    """The source's rows and those uploaded, with one for each period that both tell of.

    Args:
        rows: as ``Source.read`` gives them, those of the source and those uploaded.
    """
    columns = dataset.columns
    days = read_dates(rows["date"], dataset.frequency, columns.date_format, columns.time_zone,
                      columns.week_dated == "last_day").days
    place = pd.DataFrame({"region": rows["region"].to_numpy(), "item": rows["item"].to_numpy(), "day": days})
    own = np.flatnonzero(~is_uploaded).tolist()
    at = list(place.itertuples(index=False, name=None))
    known = {at[position]: position for position in own}
    left = np.ones(len(rows), dtype=bool)
    result = rows.copy()
    drivers = [name for name in (*dataset.driver_names, dataset.stock_entry) if name in rows]
    for position in np.flatnonzero(is_uploaded).tolist():
        twin = known.get(at[position])
        if twin is None:
            continue
        if pd.notna(rows["demand"].iloc[twin]):
            left[position] = False
            continue
        left[twin] = False
        for name in drivers:
            if pd.isna(rows[name].iloc[position]):
                result.loc[result.index[position], name] = rows[name].iloc[twin]
    return result.loc[left].reset_index(drop=True)


def merged(before: Mapping[Place, Uploaded], new: Iterable[tuple[Place, Uploaded]]) -> dict[Place, Uploaded]:
    """What was uploaded before with what is new; the later stands where both tell of a value."""
    found = dict(before)
    for place, row in new:
        found[place] = row.over(found.get(place))
    return found


def _days_into(dataset: Dataset) -> int:
    """Days from a week's first to the one that its date is."""
    return 6 if dataset.frequency == "W" and dataset.columns.week_dated == "last_day" else 0


def _day(day: date, dataset: Dataset) -> str:
    """The date of a period as the source writes it."""
    return (day + timedelta(_days_into(dataset))).strftime(dataset.columns.date_format or "%Y-%m-%d")


def _written(value: Value | None) -> str:
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, bool) else repr(value) if isinstance(value, float) else value


def _value(text: str, kind: str) -> Value:
    return text if kind == "category" else text == "1" if kind == "yes_no" else float(text)
