"""What happened that people are told of, found by the background process in what is stored."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from sqlalchemy import func, or_, select

from demand_assets.forecasting.contract.region_item import RegionItem
from webapp.db.database import db, now, writing
from webapp.db.locks import locked
from webapp.language.translations import gettext as _
from webapp.language.translations import lazy_gettext as _l
from webapp.language.translations import ngettext as _n
from webapp.notices.events import Told, is_wanted, path_to, people_for, tell, who_see, who_see_everything
from webapp.services import Services
from webapp.serving.before_and_after_retrain import BeforeAfter, before_after, in_words
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
CLOCKS_DIFFER = timedelta(minutes=1)
"""Between the machines of one installation, at most."""
MOST_PROMOTED = 500
MOST_COMPARED = 12
"""Promoted models of one retrain whose forecasts before and after are compared."""
MOST_KEPT = 500
"""Region-items of a retrain that are kept with what is told of it, which is hidden from who sees some no longer."""
FILES_COME = timedelta(minutes=2)
"""For so long a retrain that is over is not told of, while files that it made are not here yet."""


def tell_what_happened(services: Services) -> int:
    """How many notices were made of what happened lately."""
    since = _since()
    found = [*_retrains(services, since), *_promotions(since), *_bad_data(since), *_published(since)]
    db.session.rollback()
    is_mail_set, count = services.settings.web_mail_server is not None, 0
    for told, people in found:
        if is_wanted(told.event, told.cause, people):  # most were told at an earlier look: nobody waits for a lock then
            with writing():
                count += tell(told, people, is_mail_set)
    db.session.rollback()
    return count


def _since() -> datetime:
    mark = db.session.get(Watermark, SINCE)
    at = now()
    began = datetime.fromisoformat(mark.value) if mark else at
    db.session.rollback()
    if mark is None or began > at + CLOCKS_DIFFER:  # the latter: the clock was put back
        with writing():
            known = locked(Watermark, SINCE)
            if known is None or known.value == (mark.value if mark else ""):
                set_watermark(SINCE, at.isoformat())
        began = at
    return max(began, at - LOOKED_BACK)


def _retrains(services: Services, since: datetime) -> Iterator[tuple[Told, list[str]]]:
    may = set(people_for("retrain"))
    for retrain in db.session.scalars(select(Retrain).where(
            Retrain.source == "planner", Retrain.state.in_(("finished", "refused", "cancelled")),
            Retrain.finished_at >= since).order_by(Retrain.id)).all():
        cause, people = f"retrain {retrain.id}", [retrain.asked_by] if retrain.asked_by in may else []
        if not is_wanted("retrain", cause, people):
            continue
        keys = db.session.scalars(select(RetrainItem.key).where(RetrainItem.retrain_id == retrain.id).order_by(
            RetrainItem.position)).all()
        people = who_see(keys, people)
        if not is_wanted("retrain", cause, people):
            continue
        counts = {row[0]: row[1] for row in db.session.execute(select(
            RetrainItem.state, func.count()).where(RetrainItem.retrain_id == retrain.id).group_by(RetrainItem.state))}
        found = _promoted(services, retrain) if 0 < counts.get("promoted", 0) <= MOST_COMPARED else []
        if found is None:
            continue
        told = partial(_retrain_words, services, retrain.id, retrain.state, counts, found)
        yield Told("retrain", cause, told, path_to("retrains.detail", retrain_id=retrain.id),
                   tuple(keys) if len(keys) <= MOST_KEPT else ()), people


def _retrain_words(services: Services, retrain_id: int, state: str, counts: Mapping[str, int],
                   found: Sequence[BeforeAfter]) -> str:
    """How a retrain ended, and what the models that it promoted change in the forecasts."""
    ended = ", ".join(words for counted, words in (
        ("promoted", _n("%(num)s promoted", "%(num)s promoted", counts.get("promoted", 0))),
        ("kept", _n("%(num)s kept", "%(num)s kept", counts.get("kept", 0))),
        ("quarantined", _n("%(num)s with rejected data", "%(num)s with rejected data", counts.get("quarantined", 0))),
        ("failed", _n("%(num)s failed", "%(num)s failed", counts.get("failed", 0))),
        ("cancelled", _n("%(num)s cancelled", "%(num)s cancelled", counts.get("cancelled", 0)))) if counts.get(counted))
    how = {"refused": _("Retrain %(number)s was refused", number=retrain_id),
           "cancelled": _("Retrain %(number)s was cancelled", number=retrain_id)}.get(
               state, _("Retrain %(number)s is over", number=retrain_id))
    told = f"{how}: {ended}" if ended else how
    if not found:
        return told
    difference = (in_words(found, services.dataset) if all(not each.problem for each in found) else
                  [_("How the forecast changes is not known here.")])
    return " ".join([f"{told}.", *difference]) if difference else told


def _promoted(services: Services, retrain: Retrain) -> list[BeforeAfter] | None:
    """The models that it promoted, before and after; None while their files may yet come."""
    found = [before_after(services, item) for item in retrain.items if item.state == "promoted"]
    is_new = retrain.finished_at is not None and now() - retrain.finished_at < FILES_COME
    if is_new and any(each.problem for each in found) and any(each.missing is not None for each in found):
        return None
    return found


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
                       _l("%(region_item)s: v%(version)s was promoted",
                                                            region_item=RegionItem.from_key(key), version=version),
                       path_to("models.detail", ri=key), (key,)), [
                           owner for owner in owners[key] if owner in may]


def _bad_data(since: datetime) -> Iterator[tuple[Told, list[str]]]:
    people = who_see_everything(people_for("data"))
    for run in db.session.scalars(select(DataLoadRun).where(
            DataLoadRun.last_at >= since.astimezone(UTC).isoformat(timespec="milliseconds"), DataLoadRun.kept > 0)):
        yield Told("data", f"data {run.run_id}", partial(bad_data_words, run.kept),
                   path_to("data_quality.load", run_id=run.run_id)), people


def bad_data_words(region_items: int) -> str:
    """What is told of a load in which the new demand of so many region-items was rejected."""
    return _n("New data of %(num)s region-item was rejected; its last good data is used",
              "New data of %(num)s region-items was rejected; their last good data is used", region_items)


def _published(since: datetime) -> Iterator[tuple[Told, list[str]]]:
    """Versions of the plan, to all but who published them; and that one was handed over, or could not be so far."""
    people = people_for("published")
    for plan in db.session.scalars(select(PublishedPlan).where(PublishedPlan.published_at >= since).order_by(
            PublishedPlan.id)):
        yield Told("published", f"plan {plan.id}", _l("%(who)s published the plan “%(plan)s”", who=plan.published_by,
                                                     plan=plan.name),
                   path_to("published_plans.detail", plan_id=plan.id)), [
                       person for person in people if person != plan.published_by]
    for one, name in db.session.execute(select(HandOver, PublishedPlan.name).join(
            PublishedPlan, PublishedPlan.id == HandOver.plan_id).where(
            or_(HandOver.done_at >= since, HandOver.attempts > 0), HandOver.asked_at >= since).order_by(HandOver.id)):
        told = _l("The plan “%(plan)s” was handed over", plan=name) if one.done_at else _l(
            "The plan “%(plan)s” could not be handed over yet", plan=name)
        yield Told("published", f"hand-over {one.id} {'done' if one.done_at else 'failed'}", told,
                   path_to("published_plans.detail", plan_id=one.plan_id)), people
