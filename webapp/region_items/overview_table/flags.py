"""The flags by which region-items are found on the overview, such as drift, a failed retrain or a moved forecast."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.sql.elements import ColumnElement

from webapp.language.translations import lazy_gettext as _l
from webapp.personal.favourites import is_favourite
from webapp.services import services
from webapp.tables import OPEN_STATES, EarlierMove, RegionItemRow, RetrainItem

MOVED_TOLD = 0.1
"""Part of what was forecast of the same periods before by which it must have moved to be flagged."""


@dataclass(frozen=True)
class Flag:
    """Something by which region-items are found."""

    words: str
    which: Callable[[datetime], ColumnElement[bool]]
    """The condition, given since when it is asked."""
    is_new: bool = False
    """Whether it is about what happened lately."""
    is_personal: bool = False
    """Whether each person has their own."""


def _is_drifting() -> ColumnElement[bool]:
    """Whether it drifted further than the dataset file allows, as for the sensor and on the drift page."""
    return RegionItemRow.drift > services().dataset.retraining.drift


def _is_behind() -> ColumnElement[bool]:
    newest = select(func.max(RegionItemRow.last_date)).where(RegionItemRow.in_catalogue).scalar_subquery()
    return RegionItemRow.last_date < newest


def _is_retrained() -> ColumnElement[bool]:
    waiting = select(RetrainItem.key).where(RetrainItem.state.in_(OPEN_STATES))
    return (RegionItemRow.activity != "") | RegionItemRow.key.in_(waiting)


def _failed(since: datetime) -> ColumnElement[bool]:
    """Whether a retrain of it failed, also one whose run never came to say so, or its new demand could not be read."""
    failed = select(RetrainItem.key).where(RetrainItem.state == "failed", RetrainItem.finished_at >= since)
    told = (RegionItemRow.step == "failed") & (
        RegionItemRow.step_at >= since.astimezone(UTC).isoformat(timespec="milliseconds"))
    return told | RegionItemRow.key.in_(failed)


def _has_moved(since: datetime) -> ColumnElement[bool]:
    """Whether its forecast moved since, though it has moved by less once more after that."""
    return RegionItemRow.id.in_(select(EarlierMove.region_item_id).where(
        EarlierMove.at >= since, EarlierMove.share >= MOVED_TOLD))


FLAGS: dict[str, Flag] = {
    "drifting": Flag(_l("drift"), lambda _: _is_drifting()),
    "refused_rows": Flag(_l("rejected rows"), lambda _: RegionItemRow.quarantined_rows > 0),
    "stand_in": Flag(_l("served by the pooled model or the baseline"),
                     lambda _: RegionItemRow.production_version.is_(None) & RegionItemRow.forecast_total.is_not(None)),
    "retrain_running": Flag(_l("retraining"), lambda _: _is_retrained()),
    "pinned": Flag(_l("version pinned"), lambda _: RegionItemRow.pinned_by != ""),
    "stale": Flag(_l("demand ends before the newest"), lambda _: _is_behind()),
    "favourite": Flag(_l("my favourites"), lambda _: is_favourite(), is_personal=True),
    "new_demand": Flag(_l("new demand"), lambda since: RegionItemRow.demand_at >= since, True),
    "promoted": Flag(_l("promoted"), lambda since: RegionItemRow.promoted_at >= since, True),
    "kept": Flag(_l("model kept"), lambda since: (RegionItemRow.decision == "keep")
                 & (RegionItemRow.decided_at >= since), True),
    "failed": Flag(_l("retrain failed"), _failed, True),
    "moved": Flag(_l("forecast moved"), lambda since: ((RegionItemRow.moved_at >= since) & (
        func.abs(RegionItemRow.moved) >= MOVED_TOLD * RegionItemRow.moved_of)) | _has_moved(since), True),
}
