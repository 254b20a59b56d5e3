"""Demand and plans of drivers that programs upload: held to the rules of the pipeline, stored whole or not at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from demand_assets.forecasting.contract.region_item import BadNameError, RegionItem, one_form
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.series.censored_demand import at_least, sold
from demand_assets.forecasting.store.demand_store import DemandStore
from demand_assets.forecasting.store.stored_files import NotInStoreError
from demand_assets.forecasting.store.uploads import (
    Place,
    Uploaded,
    Value,
    merged,
    put_staged,
    read_uploads,
    stage_uploads,
)
from demand_assets.forecasting.validation.rows_to_demand import validate_panel
from webapp.audit.record import record
from webapp.db.database import db, writing
from webapp.db.locks import insert_absent, locked_one
from webapp.region_items.rows import rows_by_key
from webapp.services import Services
from webapp.tables import Watermark

STAGED_UPLOAD = "staged upload"
"""Under which the name of the file is noted that the last upload staged."""


@dataclass(frozen=True)
class UploadRow:
    """One row as a program sent it."""

    region: str
    item: str
    date: date
    demand: float | None
    drivers: dict[str, Value]
    out_of_stock: bool | None = None


@dataclass(frozen=True)
class WrongRow:
    """A row that cannot be used."""

    number: int
    """From 0."""
    column: str
    problem: str


class WrongRowsError(ValueError):
    """Some rows cannot be used, so none was stored."""

    def __init__(self, rows: Sequence[WrongRow]) -> None:
        super().__init__(f"{len(rows)} problems")
        self.rows = rows


@dataclass(frozen=True)
class StoredUpload:
    """What was stored."""

    rows: int
    region_items: int
    replaced: int
    """Rows that stand in place of ones uploaded before."""


def upload(services: Services, rows: Sequence[UploadRow]) -> StoredUpload:
    """Store rows of demand, or of planned drivers; the pipeline takes them in when it looks at the source next.

    Raises:
        NoUploadsError: the dataset takes no uploads.
        WrongRowsError: some cannot be used.
        OSError: the folder cannot be written, or the demand store cannot be read.
    """
    dataset = services.dataset.of_source
    places = _placed(rows, dataset, read_uploads(dataset))
    _check(services, rows, [place for place, _ in places])
    what = "demand" if any(row.demand is not None for row in rows) else "planned drivers"
    names = {place[0] for place, _ in places}
    with writing():
        insert_absent(Watermark, [{"name": STAGED_UPLOAD, "value": ""}])
        mark = locked_one(Watermark, STAGED_UPLOAD)  # one at a time, whichever worker it comes to
        finish_upload(dataset)
        before = read_uploads(dataset)
        replaced = sum(place in before for place, _ in places)
        days = [place[1] for place, _ in places]
        record("uploaded", "data", f"{len(rows)} rows of {what} of {len(names)} region-items",
               after={"region-items": [str(one) for one in sorted(names)[:5]], "first": str(min(days)),
                      "last": str(max(days)), "replaced": replaced})
        name = stage_uploads(dataset, merged(before, places))
        mark.value = name
    put_staged(dataset, name)
    return StoredUpload(len(rows), len(names), replaced)


def finish_upload(dataset: Dataset) -> None:
    """Put what the last upload staged in its place, which a crash after its transaction may have left undone.

    Raises: OSError: the folder cannot be written.
    """
    if dataset.uploads is not None and (mark := db.session.get(Watermark, STAGED_UPLOAD)) and mark.value:
        put_staged(dataset, mark.value)


def _placed(rows: Sequence[UploadRow], dataset: Dataset, uploaded: dict[Place, Uploaded]) -> list[
        tuple[Place, Uploaded]]:
    """The rows by their places. Raises: WrongRowsError."""
    wrong: list[WrongRow] = []
    found: list[tuple[Place, Uploaded]] = []
    seen: dict[Place, int] = {}
    known = _known(rows)
    for number, row in enumerate(rows):
        at = _named(row)
        if at is None or at.key not in known:
            wrong.append(WrongRow(number, "item", f"There is no item {row.item!r} in a region {row.region!r} of this "
                                                  "dataset."))
            continue
        place = (at, row.date)
        if place in seen:
            wrong.append(WrongRow(number, "date", f"Row {seen[place]} tells of this region-item and date already."))
        seen.setdefault(place, number)
        last = known[at.key]
        if last is not None and str(row.date) <= last and place not in uploaded:
            wrong.append(WrongRow(number, "date", f"Demand of {at} is known up to {last} from the source; correct "
                                                  "there what is wrong. Uploads begin after it."))
        for name in row.drivers:
            if name not in dataset.driver_names:
                wrong.append(WrongRow(number, f"drivers.{name}", "This is no driver; there are "
                                      f"{', '.join(dataset.driver_names) or 'none'}."))
            elif problem := _misfit(row.drivers[name], dataset.driver(name).kind):
                wrong.append(WrongRow(number, f"drivers.{name}", problem))
        if row.out_of_stock is not None and dataset.stock_entry is None:
            wrong.append(WrongRow(number, "out_of_stock", "The dataset file does not say which periods are out of "
                                   "stock (columns.stock or columns.available), so rows cannot."))
        found.append((place, Uploaded(row.demand, row.drivers, row.out_of_stock)))
    if wrong:
        raise WrongRowsError(wrong)
    return found


def _known(rows: Sequence[UploadRow]) -> dict[str, str | None]:
    """Key -> last date with known demand, of those region-items that there are."""
    keys = {at.key for row in rows if (at := _named(row)) is not None}
    return {key: row.last_date for key, row in rows_by_key(sorted(keys)).items() if row.in_catalogue}


def _named(row: UploadRow) -> RegionItem | None:
    try:
        return RegionItem(one_form(row.region), one_form(row.item))
    except BadNameError:
        return None


def _misfit(value: Value, kind: str) -> str:
    fits = {"number": isinstance(value, float), "yes_no": isinstance(value, bool), "category": isinstance(value, str)}
    return "" if fits[kind] else {"number": "Send a number.", "yes_no": "Send true or false.",
                                  "category": "Send a text."}[kind]


def _check(services: Services, rows: Sequence[UploadRow], places: Sequence[Place]) -> None:
    """Hold the rows, beside what is known already, to the rules of the validation. Raises: WrongRowsError."""
    dataset = services.dataset.of_source
    numbers: dict[RegionItem, list[int]] = {}
    for number, (at, _) in enumerate(places):
        numbers.setdefault(at, []).append(number)
    wrong: list[WrongRow] = []
    for at, mine in numbers.items():
        raw = _beside_known(services.store, dataset, at, [(number, rows[number]) for number in mine])
        known = raw.loc[raw["demand"].notna(), "date"]
        today = pd.Timestamp.now().normalize()
        outcome = validate_panel(raw, dataset, [at], known.max() if len(known) else None, today)[0]
        refused = outcome.quarantine[(outcome.quarantine["row"] > 0) & (outcome.quarantine["rule"] != "unfinished")]
        wrong += [WrongRow(int(one["row"]) - 1, str(one["column"]), str(one["message"]))
                  for one in refused.to_dict("records")]
    if wrong:
        raise WrongRowsError(sorted(wrong, key=lambda one: one.number))


def _beside_known(store: DemandStore, dataset: Dataset, at: RegionItem,
                  rows: Sequence[tuple[int, UploadRow]]) -> pd.DataFrame:
    """Raw demand as a source gives it: what is known with row 0, the new rows numbered from 1."""
    entries = [dataset.stock_entry] if dataset.stock_entry else []
    new = pd.DataFrame([{"date": pd.Timestamp(row.date), "row": number + 1,
                         "demand": np.nan if row.demand is None else row.demand,
                         **{entry: None if row.out_of_stock is None else float(not row.out_of_stock)
                            for entry in entries},
                         **{name: row.drivers.get(name) for name in dataset.driver_names}} for number, row in rows])
    numbers = dict.fromkeys([*entries, *(driver.name for driver in dataset.drivers if driver.kind != "category")],
                            float)
    new = new.astype(numbers)
    try:
        known = store.read("demand", at)
        known = known.assign(demand=sold(known), **{entry: 1.0 * np.isnan(at_least(known)) for entry in entries})
        known = known.loc[~known["date"].isin(new["date"])].reindex(
            columns=["date", "demand", *entries, *dataset.driver_names]).assign(row=0)
    except NotInStoreError:
        known = new.iloc[:0]
    table = pd.concat([known.astype(numbers), new], ignore_index=True) if len(known) else new
    return table.assign(region=at.region, item=at.item)
