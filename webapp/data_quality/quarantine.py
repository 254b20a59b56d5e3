"""What the validation refused: by rule, by region-item, by load, and the rows themselves."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
from sqlalchemy import Float, cast, func, or_, select
from sqlalchemy.orm import aliased

from demand_assets.forecasting.contract.quarantine import RULES
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.drivers import Driver
from demand_assets.forecasting.store.demand_store import DemandStore
from demand_assets.forecasting.store.stored_files import DamagedFileError, NotInStoreError
from webapp.data_quality.rule_words import RULE_WORDS
from webapp.db.database import db
from webapp.pages.listing import Kind, Query, View, containing, in_order
from webapp.services import services
from webapp.tables import Catalogue, DataLoad, DataLoadRun, RefusedRule, RegionItemRow

REGION_ITEMS = Kind(
    columns={
        "region_item": RegionItemRow.position.expression,
        "refused": RegionItemRow.quarantined_rows.expression,
        "share": cast(RegionItemRow.quarantined_rows, Float) / func.nullif(RegionItemRow.rows_read, 0),
        "load": RegionItemRow.loaded_at.expression,
        "last_date": RegionItemRow.last_date.expression,
    },
    sort="refused", descending=True, filters={"rule": tuple(RULES), "kept": ("yes",)})
LOADS = Kind(
    columns={"at": DataLoadRun.last_at.expression, "region_items": DataLoadRun.region_items.expression,
             "kept": DataLoadRun.kept.expression, "refused": DataLoadRun.refused_rows.expression},
    sort="at", descending=True, filters={"refused": ("yes",)})
LOAD = Kind(
    columns={"region_item": RegionItemRow.position.expression, "refused": DataLoad.refused_rows.expression,
             "at": DataLoad.at.expression},
    sort="refused", descending=True, filters={"refused": ("yes",), "kept": ("yes",)})
ROWS = Kind(columns={"row": RegionItemRow.position.expression}, sort="row", filters={"rule": tuple(RULES)})
"""Rows come in the source's order only."""


@dataclass(frozen=True)
class RuleCount:
    """What one rule refused in the newest load of every region-item."""

    rule: str
    words: str
    values: int
    region_items: int


def by_rule() -> list[RuleCount]:
    """Every rule, those that refused most first."""
    counts = {rule: (values, region_items) for rule, values, region_items in db.session.execute(
        select(RefusedRule.rule, func.sum(RefusedRule.values), func.count())
        .join(Catalogue, Catalogue.key == RefusedRule.key).where(Catalogue.in_catalogue)
        .group_by(RefusedRule.rule))}
    found = [RuleCount(rule, str(words), *counts.get(rule, (0, 0))) for rule, words in RULE_WORDS.items()]
    return sorted(found, key=lambda one: (-one.values, one.words))


def refused_counts() -> dict[str, int]:
    """``rows`` refused in the newest loads, ``region_items`` they are of, and how many of all are ``kept`` as they
    were; ``loads`` counts the runs that are known."""
    known = select(func.sum(RegionItemRow.quarantined_rows), func.count().filter(RegionItemRow.quarantined_rows > 0),
                   func.count().filter(RegionItemRow.quarantine_reason != "")).where(RegionItemRow.in_catalogue)
    rows, region_items, kept = db.session.execute(known).one()
    loads = db.session.scalar(select(func.count()).select_from(DataLoadRun)) or 0
    return {"rows": rows or 0, "region_items": region_items, "kept": kept, "loads": loads}


@dataclass(frozen=True)
class Unused:
    """What of the newest load of every region-item was not used."""

    units_share: float | None
    """Of all units that were read, those refused; None where none were read."""
    periods: int
    unknown_periods: int
    out_of_stock_periods: int
    out_of_stock: int
    """Region-items of which some were."""
    repeated_rows: int
    newest_refused: int
    """Region-items of which the newest demand was refused."""


def unused() -> Unused:
    """The newest loads of all region-items together."""
    read, refused, periods, unknown, out_periods, out, repeated, newest = db.session.execute(
        select(func.sum(DataLoad.units_read), func.sum(DataLoad.units_refused), func.sum(DataLoad.periods),
               func.sum(DataLoad.unknown_periods), func.sum(DataLoad.out_of_stock_periods),
               func.count().filter(DataLoad.out_of_stock_periods > 0), func.sum(DataLoad.repeated_rows),
               func.count().filter(DataLoad.newest_refused > 0))
        .join(RegionItemRow, (RegionItemRow.key == DataLoad.key) & (RegionItemRow.loaded_at == DataLoad.at))
        .where(RegionItemRow.in_catalogue)).one()
    return Unused(refused / read if read else None, periods or 0, unknown or 0, out_periods or 0, out, repeated or 0,
                  newest)


def contradicted_defaults() -> list[tuple[Driver, int]]:
    """Drivers of the dataset whose default the last year contradicts, with the number of region-items of which it does
    so by their newest loads; in the order of the dataset file."""
    counts = Counter[str]()
    for names, count in db.session.execute(
            select(DataLoad.contradicted, func.count()).join(
                RegionItemRow, (RegionItemRow.key == DataLoad.key) & (RegionItemRow.loaded_at == DataLoad.at))
            .where(RegionItemRow.in_catalogue, DataLoad.contradicted != "").group_by(DataLoad.contradicted)):
        counts.update(dict.fromkeys(names.split(","), count))
    return [(driver, counts[driver.name]) for driver in services().dataset.drivers
            if counts[driver.name] and driver.future == "given"]


def newest_load(row: RegionItemRow) -> DataLoad | None:
    """The newest load of a region-item; None before the first one."""
    return db.session.get(DataLoad, (row.key, row.loaded_at)) if row.loaded_at else None


def region_items(view: View) -> Query:
    """The region-items of which something was refused in the newest load."""
    query = select(RegionItemRow).where(RegionItemRow.in_catalogue, or_(
        RegionItemRow.quarantined_rows > 0, RegionItemRow.quarantine_reason != ""))
    if view.filters["rule"]:
        query = query.where(RegionItemRow.key.in_(
            select(RefusedRule.key).where(RefusedRule.rule == view.filters["rule"])))
    if view.filters["kept"]:
        query = query.where(RegionItemRow.quarantine_reason != "")
    return in_order(containing(query, view.search), view, RegionItemRow.position.expression)


def loads(view: View) -> Query:
    """The runs that took demand in."""
    query = select(DataLoadRun)
    if view.filters["refused"]:
        query = query.where(or_(DataLoadRun.refused_rows > 0, DataLoadRun.kept > 0))
    return in_order(query, view, DataLoadRun.run_id.expression)


def load_of(run_id: str, view: View) -> Query:
    """The region-items of one run: the load, the last of it where the run was begun again, and the row of each."""
    other = aliased(DataLoad)
    last = select(func.max(other.at)).where(other.key == DataLoad.key, other.run_id == run_id).scalar_subquery()
    query = select(DataLoad, RegionItemRow).select_from(RegionItemRow).join(
        DataLoad, RegionItemRow.key == DataLoad.key).where(DataLoad.run_id == run_id, DataLoad.at == last)
    if view.filters["refused"]:
        query = query.where(DataLoad.refused_rows > 0)
    if view.filters["kept"]:
        query = query.where(DataLoad.outcome == "quarantined")
    return in_order(containing(query, view.search), view, RegionItemRow.position.expression)


def refused_rows(store: DemandStore, region_item: RegionItem, rule: str) -> pd.DataFrame:
    """The refused rows of a region-item's newest load: columns ``quarantine.COLUMNS``, in the source's order.

    Args:
        rule: those that it refused; all when empty.
    Raises: OSError: the demand store does not answer. DamagedFileError: the file cannot be used.
    """
    try:
        found = store.read("quarantine", region_item)
    except DamagedFileError as error:
        store.note_damage(error)
        raise
    except NotInStoreError:
        return pd.DataFrame(columns=["row", "date", "column", "value", "rule", "message"])
    return found[found["rule"] == rule] if rule else found


def rules_in_words(refused: Mapping[str, int]) -> list[tuple[str, int]]:
    """Counts by rule in words, the largest first; a rule that is not known any more by its name."""
    return [(str(RULE_WORDS.get(rule, rule)), count) for rule, count in
            sorted(refused.items(), key=lambda pair: (-pair[1], pair[0]))]
