"""The act: today's plan is frozen as a version of its own, whole or not at all."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from tempfile import TemporaryFile
from typing import IO
from unicodedata import category

from sqlalchemy import func, insert, select

from demand_assets.forecasting.forecast.totals import RunningTotal
from webapp.access import actor
from webapp.audit.record import record
from webapp.db.database import db, snapshot, writing
from webapp.db.locks import once_more
from webapp.language.translations import gettext as _
from webapp.language.translations import ngettext as _n
from webapp.pages.reader_locale import number
from webapp.published_plans.files import layout_of_today
from webapp.published_plans.hand_over import want_published
from webapp.published_plans.plan_tables import LineOfPlan, PartOfPlan, lines_of_today
from webapp.published_plans.readiness import Readiness, readiness
from webapp.services import services
from webapp.tables import PublishedPart, PublishedPlan

LONGEST_NAME, LONGEST_COMMENT = 120, 500


class PublishError(ValueError):
    """What cannot be published; the message says why and what to do."""


class NotReadyError(PublishError):
    """Something is wrong with the plan that nobody has accepted yet."""

    def __init__(self, message: str, found: Readiness) -> None:
        super().__init__(message)
        self.found = found


@dataclass(frozen=True)
class WantedPlan:
    """A version as somebody asks for it."""

    name: str
    comment: str
    token: str
    """Of the form or request: the same one sent twice publishes once."""
    accepted: str | None = None
    """``Readiness.seen`` of what was told and accepted; None where nothing was."""


@dataclass
class _Frozen:
    """Today's plan, on its way into the database: its parts lie in a file, not in memory."""

    spool: IO[bytes]
    told: Readiness
    parts: list[tuple[int, int]] = field(default_factory=list)
    """Region-items and bytes of each."""
    dates: set[str] = field(default_factory=set)
    size: int = 0
    overrides: int = 0
    horizon: int = 0
    model: float = 0.0
    total: RunningTotal = field(default_factory=RunningTotal)
    served_by: Counter[str] = field(default_factory=Counter)

    def take(self, lines: list[LineOfPlan]) -> None:
        """Take in some region-items."""
        content = PartOfPlan.of(lines).to_bytes()
        self.spool.write(content)
        self.parts.append((len(lines), len(content)))
        for line in lines:
            self.total.add(line.final)
            self.model += float(line.model.forecast.sum())
            self.overrides += len(line.overrides)
            self.served_by[line.stored.served_by] += 1
            self.dates.update(str(at) for at in line.model.dates.astype("datetime64[D]").tolist())
            self.horizon = max(self.horizon, len(line.model.dates))
        self.size += len(lines)

    def contents(self) -> Iterator[bytes]:
        """The content of each part, in their order."""
        self.spool.seek(0)
        return (self.spool.read(length) for _, length in self.parts)

    @property
    def digest(self) -> str:
        """SHA-256 over the parts."""
        digest = sha256()
        for content in self.contents():
            digest.update(sha256(content).digest())
        return digest.hexdigest()


@once_more
def publish(wanted: WantedPlan) -> tuple[int, bool]:
    """The number of the version, and whether it is new: the same form sent twice publishes once.

    Raises:
        NotReadyError: something is wrong with the plan that was not accepted; nothing was done.
        PublishError: it cannot be published.
    """
    _check(wanted)
    if (known := _by_token(wanted.token)) is not None:
        return known, False
    with TemporaryFile() as spool:
        with snapshot():
            told = readiness()
            if told.found and (wanted.accepted is None or told.has_more_than(wanted.accepted)):
                raise NotReadyError("; ".join(_(
                    "%(region_items)s %(problem)s", problem=one.words, region_items=_n(
                        "%(num)s region-item", "%(num)s region-items", one.count, num=number(one.count)))
                    for one in told.found), told)
            frozen = _Frozen(spool, told)
            for lines in lines_of_today():
                frozen.take(lines)
        if not frozen.size:
            raise PublishError(_("There is no forecast to publish yet."))
        return _keep(frozen, wanted)


def _keep(frozen: _Frozen, wanted: WantedPlan) -> tuple[int, bool]:
    dataset, total, digest = services().dataset, frozen.total.bounds(), frozen.digest
    with writing():
        if (known := _by_token(wanted.token)) is not None:
            return known, False
        plan = PublishedPlan(
            token=wanted.token, name=wanted.name, comment=wanted.comment, published_by=actor().email, digest=digest,
            unit=dataset.unit, currency=dataset.currency, horizon=frozen.horizon, dates=sorted(frozen.dates),
            size=frozen.size, overrides=frozen.overrides, total=total.forecast, lower=total.lower, upper=total.upper,
            model=frozen.model, served_by=dict(frozen.served_by), layout=layout_of_today().to_json(),
            told=frozen.told.to_json())
        db.session.add(plan)
        db.session.flush()
        for number, content in enumerate(frozen.contents()):
            db.session.execute(insert(PublishedPart).values(
                plan_id=plan.id, number=number, size=frozen.parts[number][0], content=content))
        want_published(plan)
        record("published", "plan", f"{plan.name} (version {plan.id})", reason=wanted.comment, after={
            "region-items": plan.size, "from": plan.dates[0], "to": plan.dates[-1], "units": plan.total,
            "overrides": plan.overrides, "models": plan.served_by, "digest": digest,
            **({"told before": {one.kind: one.count for one in frozen.told.found}} if frozen.told.found else {})})
        return plan.id, True


def _by_token(token: str) -> int | None:
    return db.session.scalar(select(PublishedPlan.id).where(PublishedPlan.token == token))


def _check(wanted: WantedPlan) -> None:
    if not wanted.name or len(wanted.name) > LONGEST_NAME:
        raise PublishError(_("Give the version a name of at most %(most)s characters, as in “Week 49”.",
                             most=LONGEST_NAME))
    if len(wanted.comment) > LONGEST_COMMENT:
        raise PublishError(_("The comment has %(num)s characters; at most %(most)s are kept.",
                             num=number(len(wanted.comment)), most=LONGEST_COMMENT))
    if any(category(character) == "Cc" for character in wanted.name + wanted.comment):
        raise PublishError(_("The name or comment contains control characters. Remove them."))


def newest() -> PublishedPlan | None:
    """The version that was published last; None before the first."""
    return db.session.scalars(select(PublishedPlan).order_by(PublishedPlan.id.desc()).limit(1)).first()


def count_all() -> int:
    """How many versions there are."""
    return db.session.scalar(select(func.count(PublishedPlan.id))) or 0
