"""What happened that people are told of, found by the background process in what is stored."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, or_, select

from demand_assets.forecasting.contract.region_item import RegionItem
from webapp.db.database import db, now, writing
from webapp.db.locks import locked
from webapp.notices.events import Told, is_wanted, path_to, people_for, tell
from webapp.services import Services
from webapp.serving.by_version import before_after, in_words
from webapp.tables import (
    DataLoadRun,
    HandOver,
    PublishedPlan,
    RegionItemRow,
    Retrain,
    RetrainItem,
    Watermark,
    WorkEntry,
)
from webapp.tables.watermarks import set_watermark

SINCE = "notices since"
"""Under which is noted from when on people are told: nothing of what was before."""
LOOKED_BACK = timedelta(days=2)
"""For so long is looked back each time, as what is told once is not told again."""
MOST_PROMOTED = 500
MOST_COMPARED = 12
"""Promoted models of one retrain whose forecasts before and after are compared."""
FILES_COME = timedelta(minutes=2)
"""For so long a retrain that is over is not told of, while files that it made are not here yet."""


def tell_what_happened(services: Services) -> int:
    """How many notices were made of what happened lately."""
    since = _since()
    found = [*_retrains(services, since), *_promotions(since), *_bad_data(since), *_published(since)]
    db.session.rollback()
    is_mail_set, count = services.settings.web_mail_server is not None, 0
    for told, people in found:
        with writing():
            count += tell(told, people, is_mail_set)
    return count


def _since() -> datetime:
    mark = db.session.get(Watermark, SINCE)
    at = now()
    began = datetime.fromisoformat(mark.value) if mark else at
    db.session.rollback()
    if mark is None:
        with writing():
            if locked(Watermark, SINCE) is None:
                set_watermark(SINCE, at.isoformat())
    return max(began, at - LOOKED_BACK)


def _retrains(services: Services, since: datetime) -> Iterator[tuple[Told, list[str]]]:
    may = set(people_for("retrain"))
    for retrain in db.session.scalars(select(Retrain).where(
            Retrain.source == "planner", Retrain.state.in_(("finished", "refused", "cancelled")),
            Retrain.finished_at >= since).order_by(Retrain.id)).all():
        cause, people = f"retrain {retrain.id}", [retrain.asked_by] if retrain.asked_by in may else []
        if not is_wanted("retrain", cause, people):
            continue
        counts = {row[0]: row[1] for row in db.session.execute(select(
            RetrainItem.state, func.count()).where(RetrainItem.retrain_id == retrain.id).group_by(RetrainItem.state))}
        ended = ", ".join(f"{counts[state]} {words}" for state, words in (
            ("promoted", "promoted"), ("kept", "kept"), ("quarantined", "with rejected data"), ("failed", "failed"),
            ("cancelled", "cancelled")) if counts.get(state))
        how = {"refused": "was refused", "cancelled": "was cancelled"}.get(retrain.state, "is over")
        difference = _difference(services, retrain) if 0 < counts.get("promoted", 0) <= MOST_COMPARED else []
        if difference is None:
            continue
        told = " ".join([f"Retrain {retrain.id} {how}{f': {ended}' if ended else ''}{'.' if difference else ''}",
                         *difference])
        yield Told("retrain", cause, told, path_to("retrains.detail", retrain_id=retrain.id)), people


def _difference(services: Services, retrain: Retrain) -> list[str] | None:
    """What the models that it promoted change in the forecasts, in words; None while their files may yet come."""
    found = [before_after(services, item) for item in retrain.items if item.state == "promoted"]
    if all(not each.problem for each in found):
        return in_words(found, services.dataset)
    is_new = retrain.finished_at is not None and now() - retrain.finished_at < FILES_COME
    if is_new and any(each.missing is not None for each in found):
        return None
    return ["How the forecast changes is not known here."]


def _promotions(since: datetime) -> Iterator[tuple[Told, list[str]]]:
    """Models that were promoted where somebody has a task that is not resolved."""
    may = set(people_for("promoted"))
    owners: dict[str, list[str]] = {}
    for subject, owner in db.session.execute(select(WorkEntry.subject, WorkEntry.owner).where(
            WorkEntry.owner != "", WorkEntry.resolved_at.is_(None)).distinct()):
        owners.setdefault(subject, []).append(owner)
    for key, version, promoted_at in db.session.execute(select(
            RegionItemRow.key, RegionItemRow.production_version, RegionItemRow.promoted_at).where(
            RegionItemRow.promoted_at >= since).order_by(RegionItemRow.promoted_at.desc()).limit(MOST_PROMOTED)):
        if version is not None and key in owners:
            yield Told("promoted", f"promoted {key[:200]} v{version} {promoted_at:%Y%m%d%H%M%S}",
                       f"{RegionItem.from_key(key)}: v{version} was promoted", path_to("models.detail", ri=key)), [
                           owner for owner in owners[key] if owner in may]


def _bad_data(since: datetime) -> Iterator[tuple[Told, list[str]]]:
    people = people_for("data")
    for run in db.session.scalars(select(DataLoadRun).where(
            DataLoadRun.last_at >= since.astimezone(UTC).isoformat(timespec="milliseconds"), DataLoadRun.kept > 0)):
        what = f"{run.kept} region-item{'s' if run.kept != 1 else ''}"
        whose = "its" if run.kept == 1 else "their"
        yield Told("data", f"data {run.run_id}", f"New data of {what} was rejected; {whose} last good data is used",
                   path_to("data_quality.load", run_id=run.run_id)), people


def _published(since: datetime) -> Iterator[tuple[Told, list[str]]]:
    """Versions of the plan, to all but who published them; and that one was handed over, or could not be so far."""
    people = people_for("published")
    for plan in db.session.scalars(select(PublishedPlan).where(PublishedPlan.published_at >= since).order_by(
            PublishedPlan.id)):
        yield Told("published", f"plan {plan.id}", f"{plan.published_by} published the plan “{plan.name}”",
                   path_to("published_plans.detail", plan_id=plan.id)), [
                       person for person in people if person != plan.published_by]
    for one, name in db.session.execute(select(HandOver, PublishedPlan.name).join(
            PublishedPlan, PublishedPlan.id == HandOver.plan_id).where(
            or_(HandOver.done_at >= since, HandOver.attempts > 0), HandOver.asked_at >= since).order_by(HandOver.id)):
        how = "was handed over" if one.done_at else "could not be handed over yet"
        yield Told("published", f"hand-over {one.id} {'done' if one.done_at else 'failed'}", f"The plan “{name}” {how}",
                   path_to("published_plans.detail", plan_id=one.plan_id)), people
