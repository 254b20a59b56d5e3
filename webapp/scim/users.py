"""Users as the identity provider sees them: found, created, changed, deactivated; each change and its audit entry in
one transaction (docs/decisions/0068-provisioned-by-scim.md)."""

from collections.abc import Callable, Sequence
from typing import Any
from unicodedata import normalize

from flask_security.mail_util import EmailValidateException
from scim2_models import ConflictException, InvalidValueException, Meta, NotFoundException, UniquenessException
from sqlalchemy import ColumnElement, and_, false, func, or_, select

from webapp.access import actor
from webapp.accounts.mail import normal_address
from webapp.accounts.tokens import revoke_tokens
from webapp.accounts.users import (
    UserChangeError,
    decide_administrators,
    end_sessions,
    facts,
    keep_an_administrator,
    role_row,
)
from webapp.audit.record import record
from webapp.db.database import db, now, writing
from webapp.db.locks import locked, locked_one, once_more
from webapp.groups.changes import leave_all
from webapp.scim.addresses import address_of
from webapp.scim.ids import id_of, number_of
from webapp.scim.resources import Email, GroupOfUser, Name, User
from webapp.tables import ScimUser
from webapp.tables import User as Person

LONGEST = 255
"""Characters of a name, or of an id of the provider's."""


def comparable(name: str) -> str:
    """A name of the provider's as it is compared: the case of letters does not count."""
    return normalize("NFC", normalize("NFC", name).lower())


def find(user_id: str) -> User:
    """One user.

    Raises: NotFoundException.
    """
    person = db.session.scalar(select(Person).where(*shown(), Person.id == (number_of("user", user_id) or 0)))
    if person is None:
        raise _unknown(user_id)
    return _resource(person, db.session.get(ScimUser, person.id))


def page(which: Sequence[ColumnElement[bool]], start: int, count: int) -> tuple[int, list[User]]:
    """How many users there are of which something holds (``CONDITIONS``), and a part of them, by their ids.

    Args:
        start: number of the first, from 1.
    """
    query = select(Person, ScimUser).outerjoin(ScimUser, ScimUser.user_id == Person.id).where(*shown(), *which)
    total = db.session.scalar(select(func.count()).select_from(query.with_only_columns(Person.id).subquery())) or 0
    rows = db.session.execute(query.order_by(Person.id).offset(start - 1).limit(count))
    return total, [_resource(person, said) for person, said in rows]


@once_more
def create(wanted: User) -> str:
    """The id of a new user, a viewer without a password; of somebody whom the provider removed, the one they had.

    Raises: UniquenessException: name or address is taken. InvalidValueException: there is no address, or a text is too
        long.
    """
    said = _said(wanted, None)
    active = wanted.active is not False
    with writing():
        decide_administrators()
        _refuse_taken(said, None)
        person = db.session.scalar(select(Person).where(Person.email == said["email"]))
        if person is not None:
            row = db.session.get(ScimUser, person.id)
            if row is None or row.removed_at is None or person.active:
                raise _taken(f"{said['email']} belongs to a user of this app already.")
            person = locked_one(Person, person.id)
            before = facts(person)
            person.active = active
            end_sessions(person)
        else:
            before = None
            person = Person(email=said["email"], roles=[role_row("viewer")], active=active)
            db.session.add(person)
            db.session.flush()
        _keep(person.id, said)
        record("created" if before is None else "created again", "user", person.email, before=before,
               after=facts(person) | _told(said))
        return id_of("user", person.id)


@once_more
def change(user_id: str, make: Callable[[User], User]) -> None:
    """Make of a user what is wanted; nothing is written where that is what they are.

    Args:
        make: what is wanted, from what is.
    Raises: NotFoundException, UniquenessException, InvalidValueException; ConflictException: it is the last
        administrator who can sign in.
    """
    with writing():
        decide_administrators()
        person, row = _held(user_id)
        is_now = _resource(person, row)
        before = _said(is_now, None)
        wanted = make(is_now.model_copy(deep=True))
        if wanted.active is None:
            raise InvalidValueException(detail="active is true or false")
        said = _said(wanted, before)
        if row is not None and said == before and wanted.active == person.active:
            return
        _refuse_taken(said, person.id)
        facts_before = facts(person) | _told(before)
        act = "changed"
        if wanted.active != person.active:
            _switch(person, wanted.active)
            act = "reactivated" if wanted.active else "deactivated"
        if said["email"] != person.email and _never_came(person):
            if db.session.scalar(select(Person.id).where(Person.email == said["email"])) is not None:
                raise _taken(f"{said['email']} belongs to another user of this app.")
            person.email = said["email"]
            end_sessions(person)
        _keep(person.id, said)
        after = facts(person) | _told(said)
        if row is None or facts_before != after:
            record(act, "user", person.email, before=facts_before, after=after,
                   reason="" if row is not None else "taken over by the identity provider")


@once_more
def remove(user_id: str) -> None:
    """Deactivate a user for good as far as the provider is concerned: they are in no group, have no way to sign in
    left, and are not shown to it any more. What they made, and the audit log, stays theirs.

    Raises: NotFoundException; ConflictException: it is the last administrator who can sign in.
    """
    with writing():
        decide_administrators()
        person, row = _held(user_id)
        before = facts(person)
        if person.active:
            _switch(person, False)
        said = _said(_resource(person, row), None)
        person.password = person.identity = None
        person.roles = [role_row("viewer")]
        revoke_tokens(person, "removed by the identity provider", actor())
        leave_all(person, actor())
        row = _keep(person.id, said)
        row.removed_at, row.user_name_key, row.external_id = now(), None, None
        record("removed", "user", person.email, before=before | _told(said), after=facts(person))


def _switch(person: Person, active: bool) -> None:
    if not active:
        try:
            keep_an_administrator(person)
        except UserChangeError as error:
            raise ConflictException(detail=str(error)) from error
    person.active = active
    end_sessions(person)


def _held(user_id: str) -> tuple[Person, ScimUser | None]:
    """A user whose row is locked until the transaction ends, and what the provider says of them."""
    number = number_of("user", user_id)
    person = locked(Person, number) if number else None
    row = db.session.get(ScimUser, person.id, populate_existing=True) if person is not None else None
    if person is None or (row is not None and row.removed_at is not None and not person.active):
        raise _unknown(user_id)
    return person, row


def _never_came(person: Person) -> bool:
    """Whether nobody can have done anything by their address yet."""
    return person.signed_in_at is None and person.password is None and person.identity is None


def _keep(user_id: int, said: dict[str, Any]) -> ScimUser:
    """The row with what the provider says now; what it does not say stays."""
    return db.session.merge(ScimUser(user_id=user_id, user_name_key=comparable(said["user_name"]), changed_at=now(),
                                     removed_at=None, **said))


def _refuse_taken(said: dict[str, Any], user_id: int | None) -> None:
    """Refuse a name that somebody else has, by what the provider says of them or as their address here."""
    key = comparable(said["user_name"])
    holder = db.session.scalar(select(ScimUser.user_id).where(ScimUser.user_name_key == key))
    if holder is not None and holder != user_id:
        raise _taken(f"{said['user_name']} is the name of another user.")


def _said(user: User, before: dict[str, Any] | None) -> dict[str, Any]:
    """What is kept of a resource: columns of ``ScimUser`` and their values."""
    name = user.name or Name()
    said = {"user_name": _text("userName", user.user_name), "external_id": _text("externalId", user.external_id),
            "given_name": _text("name.givenName", name.given_name),
            "family_name": _text("name.familyName", name.family_name),
            "formatted_name": _text("name.formatted", name.formatted),
            "display_name": _text("displayName", user.display_name)}
    if said["user_name"] is None:
        raise InvalidValueException(detail="userName is needed")
    return said | {"email": _address(user, str(said["user_name"]), before)}


def _text(what: str, text: str | None) -> str | None:
    """A text as it is kept; None for an empty one."""
    text = (text or "").strip()
    if len(text) > LONGEST:
        raise InvalidValueException(detail=f"{what} has {len(text)} characters; at most {LONGEST} are kept")
    if not text.isprintable():
        raise InvalidValueException(detail=f"{what} holds control characters")
    return text or None


def _address(user: User, user_name: str, before: dict[str, Any] | None) -> str:
    """The address that is kept: the primary one, else one for work, else the first, else the name where it is one, else
    the one that was there."""
    given = [email for email in user.emails or [] if email.value]
    best = sorted(given, key=lambda email: (not email.primary, (email.type or "").lower() != "work"))
    try:
        return normal_address(best[0].value or "" if best else user_name)
    except EmailValidateException as error:
        if best:
            raise InvalidValueException(detail=str(error)) from error
    if before is None:
        raise InvalidValueException(
            detail=f"{user_name[:60]!r} is no e-mail address; send one as userName, or in emails, with type work")
    return str(before["email"])


def _resource(person: Person, row: ScimUser | None) -> User:
    """A user as the provider sees them."""
    row = row or ScimUser(user_name=person.email, email=person.email, first_at=person.created_at,
                          changed_at=person.created_at)
    name = Name(formatted=row.formatted_name, family_name=row.family_name, given_name=row.given_name)
    return User(
        id=id_of("user", person.id), external_id=row.external_id, user_name=row.user_name,
        display_name=row.display_name, name=name if any(vars(name).values()) else None, active=person.active,
        emails=[Email(value=row.email, type="work", primary=True)], groups=_groups_of(person),
        meta=Meta(resource_type="User", created=person.created_at, last_modified=row.changed_at,
                  location=f"{address_of('Users')}/{id_of('user', person.id)}"))


def _groups_of(person: Person) -> list[GroupOfUser] | None:
    groups = address_of("Groups")
    return [GroupOfUser.model_construct(value=id_of("group", group.id), ref=f"{groups}/{id_of('group', group.id)}",
                                        display=group.name) for group in person.groups] or None


def _told(said: dict[str, Any]) -> dict[str, Any]:
    """What of it stands in the audit log."""
    return {name.replace("_", " "): value for name, value in said.items() if value is not None}


def shown() -> Sequence[ColumnElement[bool]]:
    """What holds of users whom the provider sees: those that it removed are gone, unless they are active again."""
    removed = select(ScimUser.user_id).where(ScimUser.removed_at.is_not(None))
    return [or_(Person.active, Person.id.not_in(removed))]


def _named(name: str) -> ColumnElement[bool]:
    key = comparable(name)
    return or_(ScimUser.user_name_key == key, and_(ScimUser.user_id.is_(None), Person.email == key))


def _with_id(text: str) -> ColumnElement[bool]:
    number = number_of("user", text)
    return false() if number is None else Person.id == number


def _with_address(text: str) -> ColumnElement[bool]:
    address = text.strip().lower()
    return or_(ScimUser.email == address, and_(ScimUser.user_id.is_(None), Person.email == address))


CONDITIONS = {
    "username": _named, "id": _with_id, "emails": _with_address,
    "externalid": lambda text: ScimUser.external_id == text, "displayname": lambda text: ScimUser.display_name == text}


def _taken(words: str) -> UniquenessException:
    return UniquenessException(detail=f"{words} Find it by its userName, and change that one.")


def _unknown(user_id: str) -> NotFoundException:
    return NotFoundException(detail=f"There is no user {user_id[:40]!r}.")
