"""What is known of the region-items, by key, and kept true to what happens."""

from collections.abc import Container, Iterable, Sequence

from sqlalchemy import select
from werkzeug.exceptions import NotFound

from demand_assets.forecasting.contract.region_item import BadNameError, RegionItem
from webapp.db.chunked import chunked
from webapp.db.database import db
from webapp.db.locks import insert_absent, locked_one, locked_rows
from webapp.language.translations import gettext as _
from webapp.personal.kept_answers import kept_among
from webapp.tables import OPEN_STATES, PooledRow, RegionItemRow, RetrainItem


def rows_of(keys: Sequence[str]) -> list[RegionItemRow]:
    """The rows of these keys, in their order, each once.

    Raises: NotFound: a key that is no region-item, or one that is not in the catalogue.
    """
    wanted = parsed_keys(keys)
    found = rows_by_key(wanted)
    _refuse_unknown(wanted, found)
    return [found[key] for key in wanted]


def keys_of(keys: Sequence[str]) -> list[str]:
    """The keys of ``rows_of``, for which no whole row is read.

    Raises: as ``rows_of``.
    """
    wanted = parsed_keys(keys)
    _refuse_unknown(wanted, known_keys(wanted))
    return wanted


def known_keys(keys: Sequence[str]) -> set[str]:
    """Those of the keys that are known."""
    found: set[str] = set()
    for part in chunked(keys):
        found.update(db.session.scalars(select(RegionItemRow.key).where(
            RegionItemRow.key.in_(part))))
    return found


def parsed_keys(keys: Sequence[str]) -> list[str]:
    """The keys, each once, as they are written; whether there are such region-items is not asked.

    Raises: NotFound: one that cannot be a key.
    """
    try:
        return [RegionItem.from_key(key).key for key in dict.fromkeys(keys)]
    except BadNameError as error:
        raise NotFound(str(error)) from error


def _refuse_unknown(wanted: Sequence[str], known: Container[str]) -> None:
    for key in wanted:
        if key not in known:
            raise NotFound(_("There is no region-item %(name)s in this dataset. The overview lists all of them.",
                             name=RegionItem.from_key(key)))


def rows_by_key(keys: Sequence[str]) -> dict[str, RegionItemRow]:
    """The rows of those keys that are known, by key."""
    found: dict[str, RegionItemRow] = {}
    for part in chunked(keys):
        found |= {row.key: row for row in db.session.scalars(select(RegionItemRow).where(RegionItemRow.key.in_(part)))}
    return found


def locked_region_items(keys: Iterable[str]) -> dict[str, RegionItemRow]:
    """The rows of those keys that are known, as they are now, locked until the caller's transaction ends.

    Whatever is decided for a region-item (a retrain, overrides, an act on its model) is decided under this lock.
    """
    found: dict[str, RegionItemRow] = {}
    wanted = sorted(set(keys))
    for part in chunked(wanted):
        rows = locked_rows(select(RegionItemRow).where(RegionItemRow.key.in_(part)), RegionItemRow.key)
        found |= {row.key: row for row in rows}
    return found


def hold_pooled() -> None:
    """Let nobody change the row of the pooled model until the caller's transaction ends; others may hold it too."""
    insert_absent(PooledRow, [{"id": 1, "problem": ""}])
    db.session.get(PooledRow, 1, populate_existing=True, with_for_update={"read": True})


def locked_pooled() -> PooledRow:
    """The row of the pooled model, locked until the caller's transaction ends; before any region-item is."""
    insert_absent(PooledRow, [{"id": 1, "problem": ""}])
    return locked_one(PooledRow, 1)


def pooled_row() -> PooledRow | None:
    """What is known of the pooled model; None before anything is."""
    return db.session.get(PooledRow, 1)


def open_retrains(keys: Sequence[str]) -> dict[str, int]:
    """Key -> id of the unfinished retrain that the region-item is in."""
    found: dict[str, int] = {}
    are_open = RetrainItem.state.in_(OPEN_STATES)
    for part in chunked(kept_among("plans", "retraining", select(RetrainItem.key).where(are_open), keys)):
        rows = db.session.execute(select(RetrainItem.key, RetrainItem.retrain_id).where(
            RetrainItem.key.in_(part), are_open))
        found |= {row[0]: row[1] for row in rows}
    return found
