"""How often somebody may guess passwords, links and tokens, by where from and by the account that is tried; and how
often a program may ask, by its token.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from flask import Flask, Response, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_security import current_user
from limits import parse

from webapp.services import services
from webapp.settings import Settings


@dataclass(frozen=True)
class Limit:
    """So many in a while, for one address and for one account; None where it names none."""

    by_address: str
    by_account: str | None = None
    methods: tuple[str, ...] = ("POST",)
    is_of_failures: bool = False
    """Whether only what was refused counts; else every request does."""


GUESSES = Limit("30 per 5 minutes", "10 per 5 minutes", is_of_failures=True)
LINKS = Limit("30 per 5 minutes", methods=("GET", "POST"), is_of_failures=True)
LIMITS = {
    "security.login": GUESSES,
    "security.verify": GUESSES,
    "security.change_password": GUESSES,
    "security.forgot_password": Limit("20 per hour", "5 per hour"),
    "security.reset_password": Limit("30 per 5 minutes", methods=("GET", "POST")),
    "accounts.first_admin": LINKS,
    "links.choose": LINKS,
    "single_sign_on.start": Limit("60 per 5 minutes", methods=("GET",)),
    "single_sign_on.back": Limit("60 per 5 minutes", methods=("GET",)),
}
TOKEN_GUESSES = parse("60 per minute")
"""Wrong tokens from one address."""
MESSAGE = "That was tried too often. Wait a few minutes, then try again; what is stored is safe."


limiter = Limiter(get_remote_address, strategy="moving-window", headers_enabled=True)


def account() -> str:
    """Whose password is tried, as a digest: who is signed in, else the address in the form."""
    email = current_user.email if current_user.is_authenticated else request.form.get("email", "").strip().lower()
    return "account " + sha256(email.encode(errors="replace")).hexdigest()


def _was_refused(response: Response) -> bool:
    return response.status_code in (200, 404, 422)


def add_to(app: Flask, settings: Settings) -> None:
    """Limit the views that guesses are made at; once all are registered.

    Counts are kept in the memory of each worker, or in Redis; in memory too while Redis does not answer.
    """
    url = settings.web_rate_limit_storage_url
    app.config.update(RATELIMIT_STORAGE_URI=url or "memory://", RATELIMIT_IN_MEMORY_FALLBACK_ENABLED=bool(url))
    limiter.init_app(app)
    for endpoint, limit in LIMITS.items():
        if endpoint not in app.view_functions:
            continue  # no mail server, no forgotten passwords
        view: Any = app.view_functions[endpoint]
        keys = [(limit.by_address, get_remote_address)]
        if limit.by_account:
            keys.append((limit.by_account, account))
        for amount, key in keys:
            view = limiter.limit(amount, key_func=key, methods=list(limit.methods), error_message=MESSAGE,
                                 deduct_when=_was_refused if limit.is_of_failures else None)(view)
        app.view_functions[endpoint] = view


def api_limit() -> str:
    """How many requests a minute one token may send."""
    return f"{services().settings.web_api_per_minute} per minute"


def token_or_address() -> str:
    """Who asks, for counting: a token's digest, else the address."""
    given = request.headers.get("Authorization", "")
    return sha256(given.encode()).hexdigest()[:32] if given else get_remote_address()


def guesses_too_often() -> bool:
    """Count a wrong token; whether its address sent too many of them."""
    return not limiter.limiter.hit(TOKEN_GUESSES, "guesses of tokens", get_remote_address())
