"""Who may read metrics: they tell how a business does, if not of whom."""

from collections.abc import Mapping
from hmac import compare_digest
from ipaddress import ip_address
from urllib.parse import urlsplit

OWN_NAMES = ("localhost", "127.0.0.1", "::1")
"""By which this machine calls itself; a page of another site reaches it by a name of its own (DNS rebinding)."""
PROXY_HEADERS = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")
"""Sent by proxies: then whoever asks is somebody else than who connects."""


def refusal(headers: Mapping[str, str], address: str, token: str | None) -> str:
    """Why a request may not read metrics; empty when it may.

    Args:
        headers: of the request, whatever the case of their names.
        address: where it comes from.
        token: what ``METRICS_TOKEN`` says; without one only programs on this machine may.
    """
    if token:
        scheme, _, secret = headers.get("Authorization", "").strip().partition(" ")
        is_right = scheme.lower() == "bearer" and compare_digest(secret.strip().encode(), token.encode())
        return "" if is_right else "Send METRICS_TOKEN as a bearer token."
    if not is_loopback(address) or any(headers.get(name) for name in PROXY_HEADERS):
        return "Without METRICS_TOKEN only programs on the same machine may read metrics."
    try:
        name = urlsplit(f"//{headers.get('Host', '')}").hostname
    except ValueError:
        name = None
    if name not in OWN_NAMES or headers.get("Origin"):
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
