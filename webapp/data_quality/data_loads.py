"""Loads of demand: what each look of the pipeline at a region-item read and refused, from the journal."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, insert, select, tuple_

from demand_assets.forecasting.store.journal import Entry
from webapp.db.chunked import chunked
from webapp.db.database import db
from webapp.region_items.catalogue import note_load
from webapp.tables import DataLoad, DataLoadRun, RefusedRule, RegionItemRow

LOADS_KEPT = 14
"""Newest loads kept of each region-item: two weeks where demand is loaded daily."""
RUNS_KEPT = 500
"""Newest runs whose sums are kept."""
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
    counted: dict[tuple[str, str], Load] = {}
    replaced: list[tuple[str, str]] = []
    for entry in looks:
        key = entry.region_item.key
        its = kept.setdefault(key, {})
        if entry.at in its or (len(its) >= LOADS_KEPT and entry.at < min(its)):
            continue
        load = _load_of(entry)
        new.append(load)
        if not its or entry.at > max(its):
            newest[key] = load
        of_run = (key, load["run_id"])
        before = max((at for at, run_id in its.items() if run_id == load["run_id"]), default="")
        if before < entry.at:  # a run that was begun again looked at it once more
            if before and of_run not in counted:
                replaced.append((key, before))
            counted[of_run] = load
        its[entry.at] = load["run_id"]
    if new:
        _sum_up(list(counted.values()), _loads_at(replaced))
        db.session.execute(insert(DataLoad), new)
    _show_newest(newest, rows)
    _forget([(key, at) for key, its in kept.items() for at in sorted(its)[:-LOADS_KEPT]])


def _kept(keys: Iterable[str]) -> dict[str, dict[str, str]]:
    """When each region-item was loaded, and by which run, of the loads that are kept."""
    found: dict[str, dict[str, str]] = {}
    for part in chunked(list(dict.fromkeys(keys))):
        for key, at, run_id in db.session.execute(
                select(DataLoad.key, DataLoad.at, DataLoad.run_id).where(DataLoad.key.in_(part))):
            found.setdefault(key, {})[at] = run_id
    return found


def _loads_at(places: Sequence[tuple[str, str]]) -> list[Load]:
    """The stored loads of region-items at these times, as far as sums need them."""
    columns = (DataLoad.run_id, DataLoad.outcome, DataLoad.rows_read, DataLoad.refused_rows, DataLoad.refused)
    return [dict(row._mapping) for part in chunked(places) for row in db.session.execute(
        select(*columns).where(tuple_(DataLoad.key, DataLoad.at).in_(part)))]


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


def _sum_up(new: Sequence[Load], replaced: Sequence[Load]) -> None:
    """Add new loads to the sums of their runs, in place of those of the same region-items that a run made before."""
    by_run: dict[str, list[Load]] = {}
    for load in new:
        by_run.setdefault(load["run_id"], []).append(load)
    before: dict[str, list[Load]] = {}
    for load in replaced:
        before.setdefault(load["run_id"], []).append(load)
    for run_id, its in by_run.items():
        run = db.session.get(DataLoadRun, run_id)
        if run is None:
            run = DataLoadRun(run_id=run_id, first_at=its[0]["at"], last_at="", region_items=0, kept=0, rows_read=0,
                          refused={}, refused_rows=0)
            db.session.add(run)
            gone = []  # its sums are kept no longer
        else:
            gone = before.get(run_id, [])
        run.first_at = min(run.first_at, its[0]["at"])
        run.last_at = max(run.last_at, its[-1]["at"])
        refused = Counter(run.refused)
        for sign, loads in ((1, its), (-1, gone)):
            run.region_items += sign * len(loads)
            run.kept += sign * sum(load["outcome"] == "quarantined" for load in loads)
            run.rows_read += sign * sum(load["rows_read"] for load in loads)
            run.refused_rows += sign * sum(load["refused_rows"] for load in loads)
            for load in loads:
                refused.update({rule: sign * count for rule, count in load["refused"].items()})
        run.refused = {rule: count for rule, count in refused.items() if count > 0}
    oldest = db.session.scalar(
        select(DataLoadRun.last_at).order_by(DataLoadRun.last_at.desc()).offset(RUNS_KEPT).limit(1))
    if oldest is not None:
        db.session.execute(delete(DataLoadRun).where(DataLoadRun.last_at <= oldest))


def _show_newest(newest: Mapping[str, Load], rows: Mapping[str, RegionItemRow]) -> None:
    """Let the region-items say what their newest load was."""
    for key, load in newest.items():
        note_load(rows[key], load["at"], load["rows_read"], load["refused"], load["refused_rows"])
    for part in chunked(list(newest)):
        db.session.execute(delete(RefusedRule).where(RefusedRule.key.in_(part)))
    if values := [{"key": key, "rule": rule, "values": count} for key, load in newest.items()
                  for rule, count in load["refused"].items()]:
        db.session.execute(insert(RefusedRule), values)


def _forget(loads: Sequence[tuple[str, str]]) -> None:
    for part in chunked(loads):
        db.session.execute(delete(DataLoad).where(tuple_(DataLoad.key, DataLoad.at).in_(part)))
