"""Periods that nobody overrides any more: the first ones of the plan that was published last, by an administrator's
rule."""

from dataclasses import dataclass

from sqlalchemy import select

from webapp.access import Actor
from webapp.administration.app_settings import app_settings
from webapp.db.database import db
from webapp.language.translations import gettext as _
from webapp.tables import PublishedPlan


@dataclass(frozen=True)
class Locked:
    """What somebody cannot override."""

    until: str = ""
    """The last locked period, ISO; empty where none is."""
    plan: str = ""
    """The name of the published plan."""
    published_by: str = ""
    binds_everybody: bool = False

    @property
    def words(self) -> str:
        """Why, and what to do; empty where nothing is locked."""
        if not self.until:
            return ""
        cure = (_("An administrator can change that under Admin, Settings.") if self.binds_everybody else
                _("Ask an administrator, who can override them."))
        told = _("Periods until %(date)s are locked, since “%(plan)s” was published by %(person)s.", date=self.until,
                 plan=self.plan, person=self.published_by)
        return f"{told} {cure}"


def locked_for(who: Actor) -> Locked:
    """The periods that are locked for somebody now."""
    rule = app_settings()
    if not rule.locked_periods or (rule.lock_binds == "planners" and who.may("admin")):
        return Locked()
    newest = db.session.execute(select(PublishedPlan.name, PublishedPlan.published_by, PublishedPlan.dates).order_by(
        PublishedPlan.id.desc()).limit(1)).first()
    if newest is None:
        return Locked()
    name, published_by, dates = newest
    return Locked(dates[:rule.locked_periods][-1], name, published_by, rule.lock_binds == "everybody")
