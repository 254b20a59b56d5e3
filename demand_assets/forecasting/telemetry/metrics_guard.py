"""Who may read metrics: they tell how a business does, if not of whom."""

from collections.abc import Callable
from hmac import compare_digest
from ipaddress import ip_address
from urllib.parse import urlsplit

OWN_NAMES = ("localhost", "127.0.0.1", "::1")
"""By which this machine calls itself; a page of another site reaches it by a name of its own (DNS rebinding)."""
PROXY_HEADERS = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")
"""Sent by proxies: then whoever asks is somebody else than who connects."""


def refusal(header: Callable[[str], str | None], address: str, token: str | None) -> str:
    """Why a request may not read metrics; empty when it may.

    Args:
        header: name -> what the request says there, whatever the case of the name.
        address: where it comes from.
        token: what ``METRICS_TOKEN`` says; without one only programs on this machine may.
    """
    if token:
        scheme, _, secret = (header("Authorization") or "").strip().partition(" ")
        is_right = scheme.lower() == "bearer" and compare_digest(secret.strip().encode(), token.encode())
        return "" if is_right else "Send METRICS_TOKEN as a bearer token."
    if not is_loopback(address) or any(map(header, PROXY_HEADERS)):
        return "Without METRICS_TOKEN only programs on the same machine may read metrics."
    try:
        name = urlsplit(f"//{header('Host') or ''}").hostname
    except ValueError:
        name = None
    if name not in OWN_NAMES or header("Origin"):
        return "Without METRICS_TOKEN metrics are read at 127.0.0.1 or localhost, and by no page."
    return ""


def is_loopback(address: str) -> bool:
    """Whether it is this machine's own, of IPv4 or IPv6."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return bool((mapped or found).is_loopback)
