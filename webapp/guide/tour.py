"""The tour of five steps: shown on the overview from the first sign-in on, until the person ends it."""

from dataclasses import dataclass
from typing import cast

from flask import request
from flask_security import current_user
from sqlalchemy import update

from webapp.db.database import db, now, writing
from webapp.language.translations import lazy_gettext as _l
from webapp.tables import User


@dataclass(frozen=True)
class Step:
    """One step of the tour."""

    title: str
    text: str
    endpoint: str
    """The page that it is about."""
    for_viewers: str = ""
    """The text for those who may only look; as the other unless given."""


STEPS = (
    Step(_l("Overview"), _l("The forecast at a glance, and what needs attention. Click a heading to sort; tick rows to "
                        "forecast or retrain them."), "overview.show",
         _l("The forecast at a glance, and what needs attention. Click a heading to sort; tick rows to see their "
            "forecasts together.")),
    Step(_l("Work"), _l("What needs attention, most at stake first: take it, assign it, snooze it or resolve it."),
         "work.show",
         _l("What needs attention, most at stake first, and who has it.")),
    Step(_l("Forecasts"), _l("Any selection with intervals, last year and accuracy. Type your own number in the grid "
                         "below the chart: an override."), "forecasts.show",
         _l("Any selection with intervals, last year and accuracy; below the chart a grid of all numbers, "
            "planners' overrides among them.")),
    Step(_l("Scenarios"), _l("What if a price, a promotion or another driver changes? Save it, compare it, apply it "
                         "to the plan."), "scenarios.show",
         _l("What if a price, a promotion or another driver changes? What planners asked, and the answers.")),
    Step(_l("Plans"), _l("Publish the plan as a version that never changes, for those who work with it."),
         "published_plans.show",
         _l("Versions of the plan that never change: compare and download them.")),
)
ARGUMENT = "tour"


@dataclass(frozen=True)
class Place:
    """Where somebody is in the tour."""

    number: int
    """1 for the first step."""

    @property
    def step(self) -> Step:
        """What it says."""
        return STEPS[self.number - 1]

    @property
    def is_last(self) -> bool:
        """Whether none follows."""
        return self.number == len(STEPS)


def place_in_tour() -> Place | None:
    """The step that this page shows; None where the tour is over and nobody asks for it, or somebody is at work: on
    the overview alone it comes by itself, where nothing is searched, filtered or sorted."""
    asked = request.args.get(ARGUMENT, "")
    if asked.isascii() and asked.isdigit() and 1 <= int(asked[:3]) <= len(STEPS):
        return Place(int(asked[:3]))
    if request.args or cast(User, current_user).toured_at is not None:
        return None
    return Place(1)


def end_tour(user_id: int) -> None:
    """Note that somebody does not want to see the tour any more, in whatever browser."""
    with writing():
        db.session.execute(update(User).where(User.id == user_id, User.toured_at.is_(None)).values(toured_at=now()))
