"""The journal and the catalogue become rows: what the pages know of the pipeline's work."""

import logging
from collections.abc import Sequence

from sqlalchemy import delete, select

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.store.demand_store import DemandStore, NotInStoreError
from demand_assets.forecasting.store.journal import Entry, Journal, is_missed, is_sum
from webapp.data_quality.data_loads import note_loads
from webapp.db.database import db, writing
from webapp.models.registered import note_expired, note_gap
from webapp.models.versions import forget_expired, note_versions
from webapp.region_items import catalogue, production
from webapp.region_items.forecast_figures import want_forecast
from webapp.region_items.live_accuracy import note_monitored
from webapp.retrains import states
from webapp.retrains.from_dagster import follow_run, items_of, request_of, retrains_of
from webapp.tables import Catalogue, JournalFile, RegionItemRow, Watermark
from webapp.tables.watermarks import set_watermark

log = logging.getLogger(__name__)

FILES_AT_ONCE = 200


def read_journal(journal: Journal) -> int:
    """Read what is new in the journal; the number of files read.

    Rows and the note of what was read are committed together, so a crash anywhere repeats or loses nothing.
    """
    done = 0
    mark = db.session.get(Watermark, "journal")
    last = mark.value if mark else ""
    already = frozenset(db.session.scalars(select(JournalFile.name)))
    db.session.rollback()
    names, known = journal.files_after(last, already), last
    if last and any(is_missed(name, last) for name in names):
        log.warning("this app read the journal up to %s, and part of what came after has expired: the newest of each "
                    "region-item is taken up, and versions of models are read from the registry", last)
    for start in range(0, len(names), FILES_AT_ONCE):
        part = names[start:start + FILES_AT_ONCE]
        try:
            entries = {name: _entries(journal, name) for name in part if not is_sum(name) or is_missed(name, known)}
        except NotInStoreError:
            log.info("the journal is being summed up; it is listed again")
            return done
        with writing():
            meanwhile = set(db.session.scalars(select(JournalFile.name).where(JournalFile.name.in_(part))))
            new = [name for name in part if name not in meanwhile]  # another process may read it too
            take_up([entry for name in new for entry in entries.get(name, ())])
            db.session.add_all([JournalFile(name=name) for name in new])
            last = max(last, *part)
            set_watermark("journal", last)
            if any(is_missed(name, known) for name in new):
                note_gap()
            still_looked_at = journal_overlap(journal, last)
            db.session.flush()
            db.session.execute(delete(JournalFile).where(JournalFile.name < still_looked_at))
        done += len(part)
    return done


def journal_overlap(journal: Journal, last: str) -> str:
    """The oldest name that a later look may list again."""
    return min(journal.files_after(last), default=last)


def _entries(journal: Journal, name: str) -> list[Entry]:
    try:
        return list(journal.read(name))
    except (ValueError, TypeError, KeyError) as error:
        log.error("journal file %s cannot be read and is left out: %s", name, error)
        return []


def take_up(entries: Sequence[Entry]) -> None:
    """Apply entries to region-items, versions and open retrains; the same entries twice change nothing."""
    everything, entries = entries, [entry for entry in entries if entry.step != "expired"]
    rows = catalogue.rows_to_follow(entry.region_item for entry in entries)
    for entry in entries:
        _apply_to_row(rows[entry.region_item.key], entry)
    note_versions(entries)
    if len(everything) > len(entries):
        forget_expired(everything)
        note_expired()
    retrains = retrains_of(entries)
    items = items_of(retrains, entries)
    for entry in entries:
        retrain = retrains.get(request_of(entry))
        item = items.get((retrain.id, entry.region_item.key)) if retrain else None
        if retrain is not None and item is not None:
            follow_run(retrain, entry)
            states.note_entry(item, entry)
    note_loads(entries, rows)
    for retrain in retrains.values():
        states.settle(retrain)


def _apply_to_row(row: RegionItemRow, entry: Entry) -> None:
    if entry.step == "monitored":
        note_monitored(row, entry.numbers)
        return
    if not catalogue.note_step(row, entry):
        return
    if entry.step in ("validated", "kept"):
        want_forecast(row)
    if entry.step == "trained":
        production.note_trained(row, entry.numbers)
    if entry.step in ("promoted", "kept", "failed"):
        production.note_outcome(row, entry.step, entry.reason, entry.numbers)
    production.refresh_status(row)


def read_catalogue(store: DemandStore) -> None:
    """Let the rows follow the store's catalogue."""
    listed = store.read_catalogue()
    places = {region_item.key: place for place, region_item in enumerate(listed)}
    known = {key: (place, is_listed) for key, place, is_listed in db.session.execute(
        select(Catalogue.key, Catalogue.position, Catalogue.in_catalogue))}
    db.session.rollback()
    if {key: place for key, (place, is_listed) in known.items() if is_listed} == places:
        return
    with writing():
        rows = catalogue.rows_to_follow([*listed, *map(RegionItem.from_key, known)])
        for key, row in rows.items():
            catalogue.note_place(row, places.get(key))
