"""The journal and the catalogue become rows: what the pages know of the pipeline's work."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import delete, select
from sqlalchemy.exc import DataError, SQLAlchemyError

from demand_assets.forecasting.contract.dagster_names import DEMAND_MARK
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.store.demand_store import DemandStore
from demand_assets.forecasting.store.journal import (
    FINAL_STEPS,
    DamagedJournalError,
    Entry,
    Journal,
    day_of_sweep,
    is_missed,
    is_sum,
    not_after_now,
    start_of_look,
)
from demand_assets.forecasting.store.stored_files import DamagedFileError, NotInStoreError
from webapp.data_quality.data_loads import note_loads
from webapp.db.database import db, writing
from webapp.db.locks import insert_absent
from webapp.db.revisions import revision
from webapp.models.versions import forget_expired, note_versions
from webapp.models.versions_in_registry import note_expired, note_gap
from webapp.region_items import catalogue, production
from webapp.region_items.forecast_figures import want_every_forecast, want_forecast
from webapp.region_items.live_accuracy import note_monitored
from webapp.retrains import request_and_item_states as states
from webapp.retrains.from_dagster import follow_run, items_of, request_of, retrains_of
from webapp.tables import Catalogue, JournalFile, RegionItemRow, Watermark
from webapp.tables.watermarks import set_watermark
from webapp.telemetry.counters import counters

log = logging.getLogger(__name__)

FILES_AT_ONCE = 200
LONGEST_ID, LONGEST_BY = 64, 255
"""Characters of a request's name and of whoever asked, as tables hold them."""
SWEPT = "journal swept"
"""Under which is noted that this database knows of which days it read all."""


def read_journal(journal: Journal, sweep: bool = False) -> int:
    """Read what is new in the journal; the number of files read.

    Rows and the note of what was read are committed together, so a crash anywhere repeats or loses nothing.

    Args:
        sweep: whether to look for what other looks left out too, as the clock of its writer was wrong.
    """
    mark = db.session.get(Watermark, "journal")
    last = not_after_now(mark.value) if mark else ""
    if db.session.get(Watermark, SWEPT) is None:
        _begin_to_sweep(journal, last)
    if sweep:
        noted = set(db.session.scalars(select(JournalFile.name)))
        known_days = {name for name in noted if "-" not in name}
    else:
        noted = set(db.session.scalars(select(JournalFile.name).where(JournalFile.name >= start_of_look(last))))
        known_days = set()
    db.session.rollback()
    names = journal.swept(last, noted, known_days) if sweep else journal.files_after(last, noted)
    if last and any(is_missed(name, last) for name in names):
        log.warning("this app read the journal up to %s, and part of what came after has expired: the newest of each "
                    "region-item is taken up, and versions of models are read from the registry", last)
    done = 0
    for start in range(0, len(names), FILES_AT_ONCE):
        read, is_whole = _read_some(journal, names[start:start + FILES_AT_ONCE], last)
        done += read
        if not is_whole:
            return done
    if sweep or not last:
        _note_days(journal, known_days)
    return done


def _read_some(journal: Journal, names: Sequence[str], known: str) -> tuple[int, bool]:
    """Take up these files: how many could be read, and whether none was removed meanwhile, so that its sum is to be
    found before anything later is read.

    Args:
        known: the newest name that was read before; what was summed up to there is known.
    """
    entries, is_lost, is_whole = dict[str, Sequence[Entry]](), False, True
    for name in names:
        try:
            entries[name] = journal.read(name) if not is_sum(name) or is_missed(name, known) else ()
        except DamagedJournalError as error:
            log.error("journal file %s is damaged, %s entries of it can be read; the rest is left out: %s", name,
                      len(error.whole), error.why)
            entries[name], is_lost = error.whole, True
        except DamagedFileError as error:  # out of reach, perhaps for now only
            if name not in journal.out_of_reach:
                log.error("journal file %s cannot be read and is left out for now: %s", name, error)
            journal.out_of_reach.add(name)
        except NotInStoreError:
            log.info("the journal is being summed up; it is listed again")
            is_whole = False
            break
    if not entries:
        return 0, is_whole
    try:
        _write_down(entries, known, is_lost)
    except Exception as error:
        if isinstance(error, SQLAlchemyError) and not isinstance(error, DataError):
            raise  # the database's trouble, no entry's
        understood = {name: [entry for entry in some if _is_understood(name, entry)] for name, some in entries.items()}
        if all(len(understood[name]) == len(entries[name]) for name in entries):
            raise
        _write_down(understood, known, is_lost=True)
    return len(entries), is_whole


def _write_down(entries: Mapping[str, Sequence[Entry]], known: str, is_lost: bool) -> None:
    """Take up the entries of these files and note that they were read, in one transaction.

    Args:
        known: as for ``_read_some``.
        is_lost: whether other entries of the files cannot be taken up.
    """
    with writing():
        meanwhile = set(db.session.scalars(select(JournalFile.name).where(JournalFile.name.in_(entries))))
        new = [name for name in entries if name not in meanwhile]  # another process may read it too
        take_up([entry for name in new for entry in entries[name]])
        if is_lost:  # what the lost entries told is found out anew
            want_every_forecast()
        if any(is_missed(name, known) for name in new):
            note_gap()
        db.session.add_all([JournalFile(name=name) for name in new])
        mark = db.session.get(Watermark, "journal")
        last = not_after_now(max(mark.value if mark else "", *entries))
        set_watermark("journal", last)
        db.session.flush()
        db.session.execute(delete(JournalFile).where(JournalFile.name < day_of_sweep(last),
                                                     JournalFile.name.contains("-")))
    if known and (counted := counters()):
        for entry in (entry for name in new for entry in entries[name] if entry.step in FINAL_STEPS):
            counted.decisions.labels(entry.step).inc()


class _TriedError(Exception):
    """Ends a transaction that was only to be tried."""


def _is_understood(name: str, entry: Entry) -> bool:
    """Whether the entry can be taken up, which is tried by itself and undone: one that cannot, because somebody wrote
    it by hand or nobody foresaw it, costs its own region-item and keeps nobody from theirs."""
    try:
        with writing():
            take_up([entry])
            raise _TriedError
    except _TriedError:
        return True
    except Exception as error:
        if isinstance(error, SQLAlchemyError) and not isinstance(error, DataError):
            raise
        log.exception("an entry of the journal file %s cannot be taken up and is left out: %s of %s", name, entry.step,
                      entry.region_item)
        return False


def _begin_to_sweep(journal: Journal, last: str) -> None:
    """Note of a database that read the journal before it swept, that it read all up to now."""
    first, start = day_of_sweep(last), start_of_look(last)
    names = [*(day for day in journal.days() if day < first),
             *(name for name in journal.swept(last, (), journal.days()) if name < start)] if last else []
    with writing():
        insert_absent(JournalFile, [{"name": name} for name in names])
        set_watermark(SWEPT, "1")


def _note_days(journal: Journal, known_days: Collection[str]) -> None:
    """Note the days that are too old to be swept again."""
    mark = db.session.get(Watermark, "journal")
    first = day_of_sweep(mark.value) if mark else ""
    db.session.rollback()
    if new := [day for day in journal.days() if day < first and day not in known_days]:
        with writing():
            insert_absent(JournalFile, [{"name": day} for day in new])


def take_up(entries: Sequence[Entry]) -> None:
    """Apply entries to region-items, versions and open retrains; the same entries twice change nothing."""
    everything, entries = entries, [_as_stored(entry) for entry in entries if entry.step != "expired"]
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


def _as_stored(entry: Entry) -> Entry:
    """The entry, whose request may be called anything where an engineer wrote a run's tags in Dagster."""
    if len(entry.request_id) <= LONGEST_ID and len(entry.asked_by) <= LONGEST_BY:
        return entry
    return replace(entry, request_id=entry.request_id[:LONGEST_ID], asked_by=entry.asked_by[:LONGEST_BY])


def _apply_to_row(row: RegionItemRow, entry: Entry) -> None:
    if entry.step == "monitored":
        note_monitored(row, entry.numbers)
        return
    if _may_forecast_otherwise(row, entry):
        want_forecast(row)
    if not catalogue.note_step(row, entry):
        return
    if entry.step == "trained":
        production.note_trained(row, entry.numbers)
    if entry.step in ("promoted", "kept", "failed"):
        production.note_outcome(row, entry.step, entry.reason, entry.numbers)
    production.refresh_status(row)


def _may_forecast_otherwise(row: RegionItemRow, entry: Entry) -> bool:
    """Whether what the entry tells may give another stored forecast, or the first one. Demand taken in once more as it
    was gives none, nor does a decision that leaves the region-item's own model in production."""
    if entry.step == "kept":
        return row.production_version is None
    mark = entry.numbers.get(DEMAND_MARK)
    return entry.step == "validated" and (not mark or mark != row.demand_mark or row.forecast_total is None)


Followed = tuple[Sequence[RegionItem], str | None]
"""A catalogue, and the revision of the rows that are as it says."""


def read_catalogue(store: DemandStore, followed: Followed | None = None) -> Followed | None:
    """Let the rows follow the store's catalogue; they stay as they are while it is damaged.

    Args:
        followed: what was returned before: while neither the catalogue nor the rows are others since, that of 30,000
            region-items need not be compared again.
    Returns: for the next call; None where it is to compare all.
    """
    try:
        listed = store.read_catalogue()
    except DamagedFileError as error:
        log.error("%s", error)
        store.note_damage(error)
        return None
    now = listed, revision("seen")
    if now == followed:
        db.session.rollback()
        return followed
    places = {region_item.key: place for place, region_item in enumerate(listed)}
    known = {key: (place, is_listed) for key, place, is_listed in db.session.execute(
        select(Catalogue.key, Catalogue.position, Catalogue.in_catalogue))}
    of_these = revision("seen", anew=True)  # as before, unless a commit came between
    db.session.rollback()
    if {key: place for key, (place, is_listed) in known.items() if is_listed} == places:
        return now if of_these == now[1] else None
    with writing():
        rows = catalogue.rows_to_follow([*listed, *map(RegionItem.from_key, known)])
        for key, row in rows.items():
            catalogue.note_place(row, places.get(key))
    return None
