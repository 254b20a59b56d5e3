"""Loads of demand: what each look of the pipeline at a region-item read and refused, from the journal."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, insert, select, tuple_

from demand_assets.forecasting.store.journal import Entry
from webapp.db.database import db
from webapp.region_items.catalogue import note_load
from webapp.tables import DataLoad, DataLoadRun, RefusedRule, RegionItemRow

LOADS_KEPT = 14
"""Newest loads kept of each region-item: two weeks where demand is loaded daily."""
RUNS_KEPT = 500
"""Newest runs whose sums are kept."""
AT_ONCE = 400
"""Keys that one query names."""
Load = dict[str, Any]
"""A row of ``DataLoad``: tens of thousands come in a night, so none becomes an object."""


def note_loads(entries: Iterable[Entry], rows: Mapping[str, RegionItemRow]) -> None:
    """Note the loads among entries, and forget those that are older than the kept ones; part of the caller's
    transaction. The same entries twice change nothing.

    Args:
        rows: of every region-item that an entry is about, by key.
    """
    looks = sorted((entry for entry in entries if entry.step in ("validated", "quarantined")), key=lambda one: one.at)
    if not looks:
        return
    kept = _kept([entry.region_item.key for entry in looks])
    newest: dict[str, Load] = {}
    new: list[Load] = []
    for entry in looks:
        key = entry.region_item.key
        its = kept.setdefault(key, [])
        if entry.at in its or (len(its) >= LOADS_KEPT and entry.at < min(its)):
            continue
        load = _load_of(entry)
        new.append(load)
        if not its or entry.at > max(its):
            newest[key] = load
        its.append(entry.at)
    if new:
        db.session.execute(insert(DataLoad), new)
        _sum_up(new)
    _show_newest(newest, rows)
    _forget([(key, at) for key, its in kept.items() for at in sorted(its)[:-LOADS_KEPT]])


def _kept(keys: Iterable[str]) -> dict[str, list[str]]:
    """When each region-item was loaded, of the loads that are kept."""
    found: dict[str, list[str]] = {}
    for part in _parts(list(dict.fromkeys(keys))):
        for key, at in db.session.execute(select(DataLoad.key, DataLoad.at).where(DataLoad.key.in_(part))):
            found.setdefault(key, []).append(at)
    return found


def _load_of(entry: Entry) -> Load:
    numbers = entry.numbers
    refused = {str(rule): int(values) for rule, values in numbers.get("quarantined_by_rule", {}).items()}
    return {
        "key": entry.region_item.key, "at": entry.at, "outcome": entry.step, "reason": entry.reason,
        "run_id": entry.run_id or entry.at[:10],
        "last_date": str(numbers["last_date"])[:10] if "last_date" in numbers else None,
        "rows_read": int(numbers.get("rows", 0)), "refused": refused,
        "refused_rows": int(numbers.get("quarantined", sum(refused.values()))),
        "units_read": float(numbers.get("units_read", 0.0)), "units_refused": float(numbers.get("units_refused", 0.0)),
        "periods": int(numbers.get("periods", 0)), "unknown_periods": int(numbers.get("unknown_periods", 0)),
        "out_of_stock_periods": int(numbers.get("censored_periods", 0)),
        "contradicted": ",".join(str(driver) for driver in numbers.get("contradicted", ())),
        "repeated_rows": int(numbers.get("repeated", 0)), "newest_refused": int(numbers.get("newest_refused", 0))}


def _sum_up(new: Sequence[Load]) -> None:
    """Add new loads to the sums of their runs."""
    by_run: dict[str, list[Load]] = {}
    for load in new:
        by_run.setdefault(load["run_id"], []).append(load)
    for run_id, its in by_run.items():
        run = db.session.get(DataLoadRun, run_id)
        if run is None:
            run = DataLoadRun(run_id=run_id, first_at=its[0]["at"], last_at="", region_items=0, kept=0, rows_read=0,
                          refused={}, refused_rows=0)
            db.session.add(run)
        run.first_at = min(run.first_at, its[0]["at"])
        run.last_at = max(run.last_at, its[-1]["at"])
        run.region_items += len(its)
        run.kept += sum(load["outcome"] == "quarantined" for load in its)
        run.rows_read += sum(load["rows_read"] for load in its)
        run.refused_rows += sum(load["refused_rows"] for load in its)
        refused = Counter(run.refused)
        for load in its:
            refused.update(load["refused"])
        run.refused = dict(refused)
    oldest = db.session.scalar(
        select(DataLoadRun.last_at).order_by(DataLoadRun.last_at.desc()).offset(RUNS_KEPT).limit(1))
    if oldest is not None:
        db.session.execute(delete(DataLoadRun).where(DataLoadRun.last_at <= oldest))


def _show_newest(newest: Mapping[str, Load], rows: Mapping[str, RegionItemRow]) -> None:
    """Let the region-items say what their newest load was."""
    for key, load in newest.items():
        note_load(rows[key], load["at"], load["rows_read"], load["refused"], load["refused_rows"])
    for part in _parts(list(newest)):
        db.session.execute(delete(RefusedRule).where(RefusedRule.key.in_(part)))
    if values := [{"key": key, "rule": rule, "values": count} for key, load in newest.items()
                  for rule, count in load["refused"].items()]:
        db.session.execute(insert(RefusedRule), values)


def _forget(loads: Sequence[tuple[str, str]]) -> None:
    for part in _parts(loads):
        db.session.execute(delete(DataLoad).where(tuple_(DataLoad.key, DataLoad.at).in_(part)))


def _parts(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (values[start:start + AT_ONCE] for start in range(0, len(values), AT_ONCE))
