"""What the app lets go: rows that nobody looks at any more, and files of models that do not forecast.

The numbers are settings (``WEB_KEEP_…``), told together in docs/expiry.md. Each part is done some rows at a time, each
time in a transaction of its own, so that nobody waits for it and a crash loses nothing. Never let go: the audit log,
adjustments, overrides, published plans, saved scenarios, users and their tokens, and what is not over.
"""

import logging
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import and_, delete, exists, or_, select

from demand_assets.forecasting.contract.region_item import RegionItem
from webapp.api.conventions.idempotency import forget_old
from webapp.db.database import db, now, writing
from webapp.db.locks import locked_rows
from webapp.notices.new_events import LOOKED_BACK
from webapp.retrains import request_and_item_states as states
from webapp.serving.production_models import ProductionModels
from webapp.settings import Settings
from webapp.tables import (
    UNFINISHED,
    Delivery,
    ModelAction,
    Notice,
    RegionItemRow,
    Retrain,
    RetrainItem,
    Selection,
    SignInLink,
    WorkEntry,
)

log = logging.getLogger(__name__)

AT_ONCE = 100
"""Rows of one transaction."""
MOST_AT_ONCE = 50
"""Transactions of one kind in one turn; the next turn goes on."""
TOLD_AGAIN = 2 * LOOKED_BACK
"""A younger notice keeps the same from being told again."""
HALF_FETCHED = timedelta(days=1)
"""No file of a model takes so long to be fetched: its process was killed."""


def expire(settings: Settings, models: ProductionModels) -> dict[str, int]:
    """What was let go, in words -> how many; nothing that was not."""
    done = {
        "retrains": _some(settings.web_keep_retrains_days, _retrains),
        "stored selections": _some(settings.web_keep_selections_days, _selections),
        "roll backs, pins and fetches": _some(settings.web_keep_actions_days, _actions),
        "sign-in links": _some(settings.web_keep_links_days, _links),
        "tasks": _some(settings.web_keep_work_days, _tasks),
        "notices": _some(settings.web_keep_notices_days, _notices),
        "deliveries": _some(settings.web_keep_notices_days, _deliveries),
        "answers to repeated requests": _answers(),
        "copies of models": _copies(settings, models),
    }
    found = {words: count for words, count in done.items() if count}
    if found:
        log.info("expired: %s", ", ".join(f"{count} {words}" for words, count in found.items()))
    return found


def _some(days: float, forget: Callable[[datetime], int]) -> int:
    """How many rows were forgotten that are older than so many days; none where they are kept for ever."""
    count = 0
    if not days:
        return count
    before = now() - timedelta(days=days)
    for _ in range(MOST_AT_ONCE):
        with writing():
            forgotten = forget(before)
        count += forgotten
        if forgotten < AT_ONCE:
            break
    return count


def _retrains(before: datetime) -> int:
    """Retrains that are over, with their region-items; one of which a region-item is open is not."""
    is_open = exists().where(RetrainItem.retrain_id == Retrain.id, RetrainItem.open_slot.is_not(None))
    ended = or_(Retrain.finished_at < before, and_(Retrain.finished_at.is_(None), Retrain.asked_at < before))
    found = locked_rows(select(Retrain).where(Retrain.state.not_in(UNFINISHED), ended, ~is_open).limit(AT_ONCE),
                        Retrain.id)
    ids = [retrain.id for retrain in found]
    states.forget(ids)
    return len(ids)


def _selections(before: datetime) -> int:
    unused = select(Selection).where(Selection.used_at < before).limit(AT_ONCE)
    return _forgotten(Selection, Selection.token, [one.token for one in locked_rows(unused, Selection.token)])


def _actions(before: datetime) -> int:
    over = select(ModelAction).where(ModelAction.state != "stored", ModelAction.done_at < before).limit(AT_ONCE)
    return _forgotten(ModelAction, ModelAction.id, [one.id for one in locked_rows(over, ModelAction.id)])


def _links(before: datetime) -> int:
    over = select(SignInLink).where(or_(SignInLink.used_at < before, SignInLink.expires_at < before)).limit(AT_ONCE)
    return _forgotten(SignInLink, SignInLink.id, [one.id for one in locked_rows(over, SignInLink.id)])


def _tasks(before: datetime) -> int:
    """Those that are resolved and have no cause any more, so that none is made again that somebody resolved."""
    over = select(WorkEntry).where(WorkEntry.resolved_at < before, WorkEntry.is_caused.is_(False)).limit(AT_ONCE)
    return _forgotten(WorkEntry, WorkEntry.id, [one.id for one in locked_rows(over, WorkEntry.id)])


def _notices(before: datetime) -> int:
    old = select(Notice).where(Notice.at < min(before, now() - TOLD_AGAIN)).limit(AT_ONCE)
    return _forgotten(Notice, Notice.id, [one.id for one in locked_rows(old, Notice.id)])


def _deliveries(before: datetime) -> int:
    """What was sent or given up; what waits goes on waiting."""
    over = select(Delivery).where(Delivery.state.in_(("sent", "given_up")),
                                  Delivery.at < min(before, now() - TOLD_AGAIN)).limit(AT_ONCE)
    return _forgotten(Delivery, Delivery.id, [one.id for one in locked_rows(over, Delivery.id)])


def _answers() -> int:
    with writing():
        return forget_old()


def _forgotten(kind: type[Any], key: Any, keys: Sequence[Any]) -> int:
    db.session.execute(delete(kind).where(key.in_(keys)))
    return len(keys)


def _copies(settings: Settings, models: ProductionModels) -> int:
    """Cached files of versions that neither forecast nor are to, and what a process left that was killed fetching."""
    moment, count = now(), 0
    serving = _serving(models)
    if not models.root.is_dir():
        return 0
    for folder in models.root.iterdir():
        found = [folder] if folder.name.startswith(".") else list(folder.iterdir()) if folder.is_dir() else []
        for path in found:
            if path.name.startswith("."):
                is_old = _is_older(path, moment - HALF_FETCHED)
            else:
                days = settings.web_keep_files_days
                is_old = bool(days) and path.name.isdigit() and folder.name in serving and (
                    int(path.name) not in serving[folder.name]) and _is_older(path, moment - timedelta(days=days))
            if is_old:
                shutil.rmtree(path, ignore_errors=True)
                count += 1
    return count


def _serving(models: ProductionModels) -> dict[str, set[int | None]]:
    """Folder -> the versions that forecast a region-item, did before, or are about to."""
    found = db.session.execute(select(
        RegionItemRow.key, RegionItemRow.production_version, RegionItemRow.previous_version,
        RegionItemRow.wanted_version)).all()
    db.session.rollback()
    return {models.folder(RegionItem.from_key(key), 0).parent.name: set(versions) for key, *versions in found}


def _is_older(path: Path, before: datetime) -> bool:
    with suppress(OSError):
        return path.stat().st_mtime < before.timestamp()
    return False
