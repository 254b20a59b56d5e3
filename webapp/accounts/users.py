"""Who may sign in: added, given a role, switched off and on; each change and its audit entry in one transaction."""

from typing import Any, cast
from uuid import uuid4

from sqlalchemy import delete, func, or_, select

from webapp.access import MAY, Actor, actor, own_role_of
from webapp.accounts.mail import normal_address
from webapp.audit.record import record
from webapp.db.database import db, writing
from webapp.db.locks import insert_absent, locked_one, locked_rows, once_more
from webapp.language.translations import gettext as _
from webapp.tables import Role, RoleName, SignInLink, User, UserSession


class UserChangeError(ValueError):
    """Something that cannot be done to a user; the words are for the administrator who tried."""


def has_users() -> bool:
    """Whether anybody may sign in."""
    return bool(db.session.scalar(select(func.count()).select_from(User)))


def facts(user: User) -> dict[str, Any]:
    """What is recorded of a user before and after a change."""
    return {"role": own_role_of(user), "active": user.active}


@once_more
def add_user(email: str, role: RoleName, by: Actor | None = None, identity: str | None = None) -> User:
    """Somebody new, without a password yet.

    Raises: EmailValidateException: it is no address. UserChangeError: the address is taken.
    """
    email = normal_address(email)
    with writing():
        if db.session.scalar(select(User.id).where(User.email == email)) is not None:
            raise UserChangeError(_("%(email)s is in the list already.", email=email))
        user = User(email=email, identity=identity, roles=[role_row(role)])
        db.session.add(user)
        db.session.flush()
        record("created", "user", email, after=facts(user), by=by)
    return user


def role_row(name: RoleName) -> Role:
    """The row of a role; made where there is none. Inside ``writing`` only."""
    add_roles()
    return db.session.scalars(select(Role).where(Role.name == name)).one()


def add_roles() -> None:
    """Make the rows of roles that are not there yet; part of the caller's transaction."""
    known = set(db.session.scalars(select(Role.name)))
    insert_absent(Role, [{"name": name, "description": str(words)} for name, words in sorted(MAY.items())
                         if name not in known])


def decide_administrators() -> None:
    """Let nobody else add, take off or count administrators until the caller's transaction ends; before any other lock.

    All of them hold the row of the role.
    """
    add_roles()
    locked_rows(select(Role).where(Role.name == "admin"), Role.name)


@once_more
def change_role(user_id: int, role: RoleName) -> None:
    """Give a user another role of their own, beside those that their groups give; their sessions end, and links with
    which they could choose a password.

    Raises: UserChangeError: it is oneself, or the last administrator.
    """
    with writing():
        decide_administrators()
        user = _somebody_else(user_id)
        before = facts(user)
        if role == before["role"]:
            return
        if role != "admin":
            keep_an_administrator(user)
        user.roles = [role_row(role)]
        end_sessions(user)
        record("role changed", "user", user.email, before=before, after=facts(user))


@once_more
def set_active(user_id: int, active: bool) -> None:
    """Switch a user off or on; off ends their sessions, links and, while it lasts, their tokens.

    Raises: UserChangeError: it is oneself, or the last administrator.
    """
    with writing():
        decide_administrators()
        user = _somebody_else(user_id)
        before = facts(user)
        if active == user.active:
            return
        if not active:
            keep_an_administrator(user)
        user.active = active
        end_sessions(user)
        record("reactivated" if active else "deactivated", "user", user.email, before=before, after=facts(user))


def forget_identity(user_id: int) -> None:
    """Let a user's next single sign-on be matched by e-mail address again, as if it were their first."""
    with writing():
        user = _somebody_else(user_id)
        if user.identity is not None:
            before, user.identity = {"identity": user.identity}, None
            end_sessions(user)
            record("single sign-on taken off", "user", user.email, before=before)


def end_sessions(user: User) -> None:
    """Sign a user out everywhere, and end every link with which they could choose a password, e-mailed ones too; once
    the transaction is committed."""
    forget_sessions(user)
    user.fs_uniquifier = uuid4().hex


def forget_sessions(user: User) -> None:
    """Remove the sessions of a user and their links that were not used; whoever calls it gives them a new
    ``fs_uniquifier``, which ends links in e-mails."""
    db.session.execute(delete(SignInLink).where(SignInLink.user_id == user.id, SignInLink.used_at.is_(None)))
    db.session.execute(delete(UserSession).where(UserSession.user_id == user.id))


def _somebody_else(user_id: int) -> User:
    user = locked_one(User, user_id)
    if user.email == actor().email:
        raise UserChangeError(_("You cannot change your own account here. Ask another administrator."))
    return user


def keep_an_administrator(user: User) -> None:
    """Nothing, where an administrator who is active and can sign in is left without this user: by a role of their own,
    for groups may be emptied from outside. Inside ``writing`` only, after ``decide_administrators``.

    Raises: UserChangeError: there is none.
    """
    if own_role_of(user) != "admin" or not user.active:
        return
    others = select(func.count()).select_from(User).where(
        User.id != user.id, User.active, User.roles.any(Role.name == "admin"),
        or_(User.password.is_not(None), User.identity.is_not(None)))
    if not cast(int, db.session.scalar(others)):
        raise UserChangeError(_("%(email)s is the last administrator who can sign in. Make someone else an "
                                "administrator first.", email=user.email))
