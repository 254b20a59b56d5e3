"""Who asks, and what they may do: one role for each person and token, each role doing all that the one before may."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, cast, get_args

from flask import Flask, abort, current_app, g, has_request_context, request
from flask.typing import ResponseReturnValue
from flask_security import current_user
from flask_security.decorators import auth_required

from webapp.language.translations import gettext as _
from webapp.language.translations import lazy_gettext as _l
from webapp.settings import Settings
from webapp.tables import RoleName, User, UserGroup

ROLES: tuple[RoleName, ...] = get_args(RoleName)
"""From the one that may least on."""
MAY: dict[RoleName, str] = {
    "viewer": _l("view and download everything"),
    "planner": _l("also scenarios, retrains, adjustments, predecessors and overrides"),
    "admin": _l("also users, roll back, pins, the audit log and settings"),
}
ROLE_WORDS: dict[RoleName, str] = {"viewer": _l("viewer"), "planner": _l("planner"), "admin": _l("administrator")}
PEOPLE: dict[RoleName, str] = {"viewer": _l("everyone"), "planner": _l("planners"), "admin": _l("administrators")}
View = Callable[..., ResponseReturnValue]
Sees = tuple[Mapping[str, tuple[str, ...]], ...]
"""Which region-items somebody sees: those that fit one of these. To fit is to have one of the values of each field,
which is ``region``, ``item`` or the name of an attribute."""

NOTHING: Sees = ({"region": ()},)
"""What fits is of no region, so nothing does."""


@dataclass(frozen=True)
class Actor:
    """Who does something, for what is recorded of it."""

    email: str
    role: RoleName
    via: str
    """As in ``tables.AuditEntry``."""
    address: str = ""
    sees: Sees | None = None
    """None: every region-item."""

    def may(self, role: RoleName) -> bool:
        """Whether they may do what needs that role."""
        return ROLES.index(self.role) >= ROLES.index(role)


COMMAND = Actor("a command", "admin", "command line")
"""Somebody who may type commands on the app's machine."""


def role_of(user: User) -> RoleName:
    """The highest of a user's own roles and of those that their groups give; ``viewer`` when there is none."""
    return _highest({role.name for role in user.roles} | {group.role for group in user.groups})


def own_role_of(user: User) -> RoleName:
    """The highest of a user's own roles, which they have whatever groups they are in; ``viewer`` when there is none."""
    return _highest({role.name for role in user.roles})


def _highest(names: Collection[str | None]) -> RoleName:
    return next((role for role in reversed(ROLES) if role in names), ROLES[0])


def sees_of(user: User) -> Sees | None:
    """Which region-items a user sees: what any of their groups gives; None for all.

    Administrators see all, and so does whoever is in a group without rules. Of whoever is in none ``WEB_WITHOUT_GROUP``
    says what they see.
    """
    if role_of(user) == "admin":
        return None
    if not user.groups:
        settings: Settings = current_app.extensions["services"].settings
        return NOTHING if settings.web_without_group == "nothing" else None
    if not all(group.rules for group in user.groups):
        return None
    return tuple(one for group in user.groups for one in sees_of_group(group) or ())


def sees_of_group(group: UserGroup) -> Sees | None:
    """Which region-items a group lets its members see; None for all, where it has no rules."""
    fields = dict.fromkeys(rule.field for rule in group.rules)
    return ({field: tuple(rule.value for rule in group.rules if rule.field == field) for field in fields},
            ) if fields else None


def actor() -> Actor:
    """Who sent this request: signed in, or by a token; outside a request, a command.

    Raises: RuntimeError: nobody is known; the view lacks ``needs``.
    """
    if not has_request_context():
        return COMMAND
    if "actor" not in g:
        if not current_user.is_authenticated:
            raise RuntimeError("nobody is signed in; the view needs a role")
        note_signed_in(cast(User, current_user))
    return cast(Actor, g.actor)


def note_signed_in(user: User) -> None:
    """Let this request be one of a user whose session it shows, unless it is known already who sends it.

    From then on it is answered with what they see, also where no view is reached, as on pages of errors.
    """
    if "actor" not in g:
        g.actor = Actor(user.email, role_of(user), "browser", request.remote_addr or "", sees_of(user))


def needs(role: RoleName, why: str = "") -> Callable[[View], View]:
    """For a page's view: only people who are signed in and may at least what the role may; others are told so.

    Args:
        why: what the page is about and whom to ask, for those who may not.
    """
    def decorate(view: View) -> View:
        @auth_required("session")
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> ResponseReturnValue:
            require(role, why)
            return view(*args, **kwargs)

        guarded.needed_role = role  # read by role_needed
        return cast(View, guarded)

    return decorate


def role_needed(endpoint: str) -> RoleName:
    """The role that a page or an act needs, as its view says by ``needs``: the one table of offers and doors.

    Raises: LookupError: there is no such endpoint, or it says nothing.
    """
    view = current_app.view_functions.get(endpoint)
    role = getattr(view, "needed_role", None)
    if role is None:
        raise LookupError(f"{endpoint!r} is no view that says by needs() who may open it")
    return cast(RoleName, role)


def may(what: str) -> bool:
    """For templates: whether who looks at the page may open that endpoint, as in ``retrains.cancel``, or do what a role
    may; nobody is signed in on some pages.

    What a page offers is asked for by its endpoint, so that an offer and its door never differ.
    """
    if not current_user.is_authenticated:
        return False
    return actor().may(what if what in ROLES else role_needed(what))


def require(role: RoleName, why: str = "") -> None:
    """Refuse, with an error page, who may not do what needs the role."""
    if not actor().may(role):
        abort(403, why or _("This is for %(people)s; you are signed in as %(role)s. Ask an administrator for "
                            "that role.", people=PEOPLE[role], role=role_words(actor().role)))


def role_words(role: str) -> str:
    """A role as people call it."""
    return str(ROLE_WORDS.get(cast(RoleName, role), role))


def add_to(app: Flask) -> None:
    """Let templates ask what their reader may do."""
    app.jinja_env.globals.update(may=may)
    app.jinja_env.filters.update(role_words=role_words)
