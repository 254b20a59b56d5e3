"""How often somebody may guess passwords, links and tokens, by where from and by the account that is tried; and how
often a program may ask, by its token.

Guesses are counted in the app's database, so that all workers count together, and before the guess is looked at: of
many at the same moment no more pass than of many in a row. What turns out to be no guess is taken back afterwards.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil
from time import time

from flask import Flask, Response, abort, g, request
from flask_limiter import Limiter
from flask_security import current_user
from sqlalchemy import delete, select
from werkzeug.exceptions import RequestEntityTooLarge

from webapp.db.database import db, now, writing
from webapp.db.locks import insert_absent, locked, locked_rows, once_more
from webapp.http.request_bodies import ASKS_ONLY, LONGEST_AT_DOORS, has_form, is_door
from webapp.language.translations import lazy_gettext as _l
from webapp.services import services
from webapp.settings import Settings
from webapp.tables import Attempts


@dataclass(frozen=True)
class Amount:
    """So many in so many seconds."""

    times: int
    seconds: int


@dataclass(frozen=True)
class Limit:
    """What is limited, for one address and for one account; None where it names none."""

    what: str
    """Those of one name are counted together."""
    by_address: Amount
    by_account: Amount | None = None
    asking_counts: bool = False
    """Whether GET counts, too; else only what sends something does."""
    is_of_failures: bool = True
    """Whether what ``forgive`` is called for does not count; else every request does."""


MINUTES, HOUR = 300, 3600
SIGN_IN = Limit("sign-in", Amount(30, MINUTES), Amount(10, MINUTES))
PASSWORD = Limit("password", Amount(30, MINUTES), Amount(10, MINUTES))
"""Of who is signed in; apart from signing in, so that a stranger's guesses stop nobody who is."""
LINK = Limit("link", Amount(30, MINUTES), asking_counts=True)
LIMITS = {
    "security.login": SIGN_IN,
    "security.change_password": PASSWORD,
    "tokens.make": PASSWORD,
    "scim_tokens.make": PASSWORD,
    "security.forgot_password": Limit("letter", Amount(20, HOUR), Amount(5, HOUR), is_of_failures=False),
    "security.reset_password": Limit("reset", Amount(30, MINUTES), asking_counts=True, is_of_failures=False),
    "accounts.first_admin": LINK,
    "links.choose": LINK,
    "single_sign_on.start": Limit("sso", Amount(60, MINUTES), asking_counts=True, is_of_failures=False),
    "single_sign_on.back": Limit("sso back", Amount(60, MINUTES), asking_counts=True, is_of_failures=False),
}
"""By endpoint; every request counts that sends something, whatever it is, unless the view calls ``forgive``."""
TOKEN_GUESSES = Amount(60, 60)
"""Wrong tokens from one address."""
MESSAGE = _l("Too many attempts. Wait a few minutes, then try again; what is stored is safe.")


SITE_BITS = 56
"""Of an IPv6 address: what one customer of a provider has, who can send from any address in it."""
_WITH_PORT = re.compile(r"\[([^\]]*)\](?::\d+)?|([^:]*):\d+")


def sender() -> str:
    """Where a request comes from, as it is counted: its address, of IPv6 the network of its site, without the port that
    some proxies tell beside it."""
    told = request.remote_addr or "127.0.0.1"  # a socket of this machine
    with_port = _WITH_PORT.fullmatch(told)
    text = (with_port[1] or with_port[2]) if with_port else told
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return text
    if not isinstance(address, IPv6Address):
        return str(address)
    return str(address.ipv4_mapped or ip_network((address, SITE_BITS), strict=False))


limiter = Limiter(sender, strategy="moving-window", headers_enabled=True)
"""Of the API's requests."""


@once_more
def count(wanted: Sequence[tuple[str, Amount]], at: float) -> int:
    """Count one more of each, or none of them; 0 then, else seconds until there may be one more.

    Args:
        wanted: what is tried and by whom, with how much of it is allowed.
        at: this moment in seconds since 1970.
    """
    _forget_old()
    amounts = {digest_of(what): amount for what, amount in wanted}
    with writing():
        insert_absent(Attempts, [{"key": key, "times": [], "ends_at": now()} for key in sorted(amounts)])
        rows = locked_rows(select(Attempts).where(Attempts.key.in_(amounts)), Attempts.key)
        counting = {row.key: [each for each in row.times if abs(at - each) < amounts[row.key].seconds] for row in rows}
        waits = [ceil(times[-amounts[key].times] + amounts[key].seconds - at) for key, times in counting.items()
                 if len(times) >= amounts[key].times]
        if waits:
            return max(1, *waits)
        for row in rows:
            row.times = [*counting[row.key], at]
            row.ends_at = datetime.fromtimestamp(at + amounts[row.key].seconds, UTC)
    return 0


def digest_of(what: str) -> str:
    """As what an attempt is kept; whose it was cannot be read from it."""
    return sha256(what.encode(errors="replace")).hexdigest()


def _forget_old() -> None:
    """What does not count any more goes; what another forgets or counts at this moment is left to it."""
    with writing():
        old = select(Attempts.key).where(Attempts.ends_at < now()).with_for_update(skip_locked=True)
        db.session.execute(delete(Attempts).where(Attempts.key.in_(old)))


@once_more
def _take_back(keys: Sequence[str], at: float) -> None:
    with writing():
        for key in sorted(map(digest_of, keys)):
            if (row := locked(Attempts, key)) is not None:
                row.times = [each for each in row.times if each != at]


def forgive() -> None:
    """Let this request count as no guess: whoever sent it knew what was asked for."""
    g.is_no_guess = True


def failed_guess() -> Limit | None:
    """What this request guessed at in vain; None when it guessed at nothing, was right, or came too often."""
    limit: Limit | None = g.get("limited")
    return limit if limit is not None and limit.is_of_failures and not g.get("is_no_guess") else None


def account() -> str:
    """Whose password is tried: who is signed in, else the address in the form; empty when there is none."""
    if current_user.is_authenticated:
        return str(current_user.email)
    return request.form.get("email", "").strip().lower() if has_form() else ""


def _count_request() -> None:
    limit = LIMITS.get(request.endpoint or "")
    if is_door():
        request.max_content_length = request.max_form_memory_size = LONGEST_AT_DOORS
    if limit is None or request.method == "OPTIONS" or (request.method in ASKS_ONLY and not limit.asking_counts):
        return
    wanted = [(f"{limit.what} from {sender()}", limit.by_address)]
    try:
        if limit.by_account and (whose := account()):
            wanted.append((f"{limit.what} as {whose}", limit.by_account))
    except RequestEntityTooLarge:
        _pass(limit, wanted)
        raise  # what is left of the body is never read
    _pass(limit, wanted)


def _pass(limit: Limit, wanted: Sequence[tuple[str, Amount]]) -> None:
    at = time()
    if wait := count(wanted, at):
        g.retry_after = wait
        abort(429, MESSAGE)
    g.limited, g.counted = limit, ([what for what, _ in wanted], at)


def _settle(response: Response) -> Response:
    """Take back what was counted and was no guess."""
    if g.get("is_no_guess") and "counted" in g and g.limited.is_of_failures:
        _take_back(*g.counted)
    return response


def guard(app: Flask) -> None:
    """Limit the pages that guesses are made at; before whatever else looks at a request."""
    app.before_request(_count_request)
    app.after_request(_settle)


def add_to(app: Flask, settings: Settings) -> None:
    """Limit the API's requests, counted in the memory of each worker, or in Redis; in memory too while Redis does not
    answer. After the headers of every answer, which put right what the limiter says.
    """
    url = settings.web_rate_limit_storage_url
    app.config.update(RATELIMIT_STORAGE_URI=url or "memory://", RATELIMIT_IN_MEMORY_FALLBACK_ENABLED=bool(url))
    limiter.init_app(app)


def api_limit() -> str:
    """How many requests a minute one token may send."""
    return f"{services().settings.web_api_per_minute} per minute"


def token_or_address() -> str:
    """Who asks, for counting: a token's digest, however its header is spelled, else the address."""
    secret = bearer_token()
    return sha256(secret.encode(errors="replace")).hexdigest()[:32] if secret else sender()


def bearer_token() -> str:
    """The token that a request shows; empty where it shows none."""
    scheme, _, secret = request.headers.get("Authorization", "").strip().partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""


def guesses_too_often() -> bool:
    """Count a wrong token; whether its address sent too many of them."""
    return count([(f"token from {sender()}", TOKEN_GUESSES)], time()) > 0


def is_first_in(seconds: int, what: str, most: Amount, of: str) -> bool:
    """Whether something is to be told: it was not within so many seconds, nor too much ``of`` its kind."""
    return count([(f"told {what}", Amount(1, seconds)), (f"told of {of}", most)], time()) == 0
