"""What people are told of and how, and the one way in which something is told: once for each cause and receiver.

What is told is stored in the transaction of what it tells of, or found afterwards in what is stored; nothing is sent
there. ``sending`` sends it later.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from flask import current_app
from sqlalchemy import select

from webapp.access import ROLES, role_of, sees_of
from webapp.audit.record import record
from webapp.db.database import db, now, writing
from webapp.db.locks import insert_absent, once_more
from webapp.language.translations import in_language
from webapp.language.translations import lazy_gettext as _l
from webapp.notices.letters import next_digest
from webapp.personal.seen_region_items import sees_all
from webapp.tables import Delivery, Notice, NoticeChoice, RoleName, User, Webhook

WAYS = {"off": _l("not at all"), "bell": _l("here only"), "mail": _l("here and by e-mail at once"),
        "daily": _l("here and in a daily e-mail")}
LONGEST_CAUSE = 300


@dataclass(frozen=True)
class Event:
    """Something that people are told of."""

    title: str
    of_all: str
    """The same for those who are told of everybody's."""
    how: str
    """Unless somebody chooses another of ``WAYS``."""
    role: RoleName = "viewer"
    """Of those who are told."""


EVENTS: dict[str, Event] = {
    "assigned": Event(_l("A task is assigned to you"), _l("A task is assigned to someone"), "bell", "planner"),
    "retrain": Event(_l("A retrain that you requested is decided or failed"),
                     _l("A retrain that a planner requested is decided or failed"), "bell", "planner"),
    "promoted": Event(_l("A model is promoted where you have a task"),
                      _l("A model is promoted where someone has a task"),
                      "bell", "planner"),
    "data": Event(_l("New data is rejected"), _l("New data is rejected"), "bell", "planner"),
    "published": Event(_l("The plan is published by someone else, or handed over"),
                       _l("The plan is published or handed over"), "bell"),
}


@dataclass(frozen=True)
class Told:
    """Something to be told."""

    event: str
    cause: str
    """What it is about, and which occurrence: the same is told once."""
    text: str | partial[str]
    """In the language that is spoken when it is asked for: each is told in theirs."""
    link: str
    """Path of a page."""
    keys: tuple[str, ...] = ()
    """Of the region-items that the text or the link names: nobody is told who does not see them."""

    def said(self, tag: str | None) -> str:
        """The text in that language; English for None and what is not offered."""
        with in_language(tag):
            return str(self.text() if isinstance(self.text, partial) else self.text)


def tell(told: Told, people: Iterable[str], is_mail_set: bool) -> int:
    """How many people are told who were not before, each as they chose; webhooks that want the event are told too.
    Part of the caller's transaction.

    A notice is stored in English, and read in any language; what is sent is in the receiver's.

    Args:
        is_mail_set: whether e-mails can be sent at all.
    """
    at, count, cause = now(), 0, told.cause[:LONGEST_CAUSE]
    content = {"event": told.event, "text": told.said(None), "link": told.link}
    speaks = {row.email: row.language for row in db.session.execute(select(User.email, User.language).where(
        User.language.is_not(None)))}
    chosen = {row.person: row.how for row in db.session.scalars(select(NoticeChoice).where(
        NoticeChoice.event == told.event))}
    for person in who_see(told.keys, people):
        how = chosen.get(person, EVENTS[told.event].how)
        notice = {"person": person, "cause": cause, "event": told.event, "text": content["text"], "link": told.link,
                  "at": at, "keys": list(told.keys)}
        if how == "off" or not insert_absent(Notice, [notice]):
            continue
        count += 1
        if is_mail_set and how in ("mail", "daily"):
            insert_absent(Delivery, [{"way": how, "receiver": person, "cause": cause, "at": at,
                                      "content": {**content, "text": told.said(speaks.get(person)),
                                                  "keys": list(told.keys)},
                                      "next_at": next_digest(at) if how == "daily" else at}])
    for hook in db.session.scalars(select(Webhook).order_by(Webhook.id)):
        if told.event in hook.events:
            insert_absent(Delivery, [{"way": "webhook", "receiver": str(hook.id), "cause": cause, "content": content,
                                      "at": at, "next_at": at}])
    return count


def who_see(keys: Sequence[str], people: Iterable[str]) -> list[str]:
    """Those of the people who see all of these region-items, each once."""
    listed = list(dict.fromkeys(people))
    if not keys:
        return listed
    blind = {user.email for user in db.session.scalars(select(User).where(User.email.in_(listed)))
             if not sees_all(sees_of(user), keys)}
    return [person for person in listed if person not in blind]


def who_see_everything(people: Iterable[str]) -> list[str]:
    """Those of the people who see every region-item."""
    listed = list(people)
    return [user.email for user in db.session.scalars(select(User).where(User.email.in_(listed)).order_by(User.email))
            if sees_of(user) is None]


def is_wanted(event: str, cause: str, people: Iterable[str]) -> bool:
    """Whether somebody is to be told who was not yet: any of the people, or a webhook."""
    chosen = {row.person: row.how for row in db.session.scalars(select(NoticeChoice).where(
        NoticeChoice.event == event))}
    wanting = {person for person in people if chosen.get(person, EVENTS[event].how) != "off"}
    hooks = {str(hook.id) for hook in db.session.scalars(select(Webhook)) if event in hook.events}
    told = set(db.session.scalars(select(Notice.person).where(Notice.person.in_(wanting), Notice.cause == cause)))
    sent = set(db.session.scalars(select(Delivery.receiver).where(
        Delivery.way == "webhook", Delivery.receiver.in_(hooks), Delivery.cause == cause)))
    return bool(wanting - told or hooks - sent)


def path_to(endpoint: str, **values: object) -> str:
    """The path of a page, also where nobody asks for one."""
    return str(current_app.url_map.bind("localhost").build(endpoint, values))


def people_for(event: str) -> list[str]:
    """Everybody who may be told of an event, by address."""
    least = ROLES.index(EVENTS[event].role)
    return sorted(user.email for user in db.session.scalars(select(User).where(User.active))
                  if ROLES.index(role_of(user)) >= least)


def choices_of(person: str) -> dict[str, str]:
    """Event -> how somebody is told of it."""
    chosen = {row.event: row.how for row in db.session.scalars(select(NoticeChoice).where(
        NoticeChoice.person == person))}
    return {name: chosen.get(name, event.how) for name, event in EVENTS.items()}


@once_more
def choose(person: str, wanted: dict[str, str]) -> bool:
    """Keep how somebody wants to be told; whether that changes anything."""
    with writing():
        before = choices_of(person)
        if before == wanted:
            return False
        for name, how in wanted.items():
            db.session.merge(NoticeChoice(person=person, event=name, how=how))
        record("notices chosen", "setting", person, before=dict(before), after=dict(wanted))
    return True
