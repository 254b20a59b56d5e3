"""Requests that may be sent again without harm: the same ``Idempotency-Key`` starts the same thing once."""

import re
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from typing import Literal
from uuid import uuid4

from flask import Response, g, request
from sqlalchemy import delete, select, tuple_

from webapp.access import actor
from webapp.db.database import db, now, writing
from webapp.db.locks import insert_absent, locked
from webapp.http.problems import problem
from webapp.http.process_names import is_gone, this_process
from webapp.personal.seen_region_items import mark, sees_everything
from webapp.tables import Answered

HEADER = "Idempotency-Key"
ALLOWED = r"^[!-~]{8,200}$"
KEPT = timedelta(days=7)
GIVEN_UP = timedelta(minutes=2)
"""After which a request that got no answer was cut off; the same one is then carried out again. At once where its
process is known to be gone."""
HOLDER = "holder"
"""Among the headers of a request that is being carried out: the process that does."""
KEPT_HEADERS = ("Content-Type", "Location")
IN_WORK = 0
"""Status of a request that is being carried out."""


def answered_once(carry_out: Callable[[], Response]) -> Response:
    """The answer of a request; the one that the same key and request got before, where there is one.

    What is carried out must itself be made by ``once_token``, so that one that was cut off is not done twice.
    """
    key = request.headers.get(HEADER)
    if key is None:
        g.once = uuid4().hex
        return carry_out()
    if not re.fullmatch(ALLOWED, key):
        return problem(422, f"{HEADER} has 8 to 200 visible ASCII characters; a UUID is a good one.")
    owner = actor().email
    sees = [] if sees_everything() else [mark()]  # what was answered when they saw more is not told again
    asked = sha256("\n".join([request.method, request.full_path, *sees]).encode() + b"\n"
                   + request.get_data()).hexdigest()
    g.once = sha256(f"{owner}\n{key}\n{asked}".encode()).hexdigest()[:32]
    known = _claim(owner, key, asked)
    if known == "busy":
        return problem(409, f"A request with this {HEADER} is being carried out. Ask again in a moment.",
                       Retry_After="1")
    if known == "other":
        return problem(422, f"This {HEADER} was used for another request. Choose a new key for each.")
    if isinstance(known, Response):
        return known
    try:
        response = carry_out()
    except BaseException:
        _forget(owner, key)
        raise
    if response.status_code >= 400:
        _forget(owner, key)
    else:
        _keep(owner, key, response)
    return response


def once_token() -> str:
    """32 hex digits for what this request starts: the same for the same key and request."""
    return str(g.once)


def forget_old() -> int:
    """How many answers were forgotten that nobody may ask for any more; part of the caller's transaction."""
    old = select(Answered.owner, Answered.key).where(Answered.at < now() - KEPT)
    forgotten = db.session.execute(delete(Answered).where(tuple_(Answered.owner, Answered.key).in_(
        old.with_for_update(skip_locked=True))).returning(Answered.key))  # what another forgets is left to it
    return len(forgotten.all())


def _claim(owner: str, key: str, asked: str) -> Response | Literal["busy", "other"] | None:
    """The kept answer, or why there can be none; None when it is ours to carry out."""
    with writing():
        forget_old()
        if insert_absent(Answered, [{"owner": owner, "key": key, "asked": asked, "status": IN_WORK,
                                      "headers": {HOLDER: this_process()},
                                     "body": ""}]):
            return None
        known = locked(Answered, (owner, key))
        if known is None:
            return "busy"  # given back between these two statements
        if known.asked != asked:
            return "other"
        if known.status == IN_WORK:
            if abs(now() - known.at) < GIVEN_UP and not is_gone(known.headers.get(HOLDER, "")):
                return "busy"
            known.at, known.headers = now(), {HOLDER: this_process()}
            return None
        return Response(known.body, known.status, headers={**known.headers, "Idempotency-Replayed": "true"})


def _keep(owner: str, key: str, response: Response) -> None:
    with writing():
        known = db.session.get_one(Answered, (owner, key))
        known.status, known.body = response.status_code, response.get_data(as_text=True)
        known.headers = {name: value for name, value in response.headers.items() if name in KEPT_HEADERS}


def _forget(owner: str, key: str) -> None:
    with writing():
        db.session.execute(delete(Answered).where(Answered.owner == owner, Answered.key == key,
                                                  Answered.status == IN_WORK))
