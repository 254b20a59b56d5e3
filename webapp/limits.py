"""How often one client may ask: for programs by token, for those who guess tokens by address."""

from hashlib import sha256

from flask import request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from webapp.services import services

GUESSES = "60 per minute"
"""Requests without a valid token from one address."""

limiter = Limiter(get_remote_address, headers_enabled=True, storage_uri="memory://",
                  strategy="moving-window")


def api_limit() -> str:
    """How many requests a minute one token may send."""
    return f"{services().settings.web_api_per_minute} per minute"


def token_or_address() -> str:
    """Who asks, for counting: a token's digest, else the address."""
    given = request.headers.get("Authorization", "")
    return sha256(given.encode()).hexdigest()[:32] if given else get_remote_address()


def refuse_guessers() -> None:
    """Answer 429 to an address that sent too many requests without a valid token."""
    with limiter.limit(GUESSES, key_func=get_remote_address, scope="guesses"):
        return
