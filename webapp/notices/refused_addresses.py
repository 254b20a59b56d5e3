"""Where webhooks are sent: to the address that a name stands for at that moment, unless nobody may be reached there."""

import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from webapp.notices.not_sent import NotSentError
from webapp.services import services

OF_MACHINES = frozenset(map(ip_address, ("100.100.100.200", "168.63.129.16", "fd00:ec2::254")))
"""Where clouds tell a machine its own secrets, beside the link-local addresses at which most do."""
TRANSLATED = ip_network("64:ff9b::/96")
"""IPv6 addresses that end in an IPv4 address, which is meant."""
REFUSED = "its host name stands for an address to which nothing is sent"


def connect(scheme: str, host: str, port: int, seconds: float) -> socket.socket:
    """A connection to a receiver, encrypted where that is asked for.

    Raises: NotSentError: nothing is sent there. OSError: it does not answer. ValueError: the host is no host.
    """
    addresses = [str(place[0]) for *_, place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    if any(is_refused(address, port) for address in addresses):
        raise NotSentError(REFUSED, is_final=True)
    connected = _first(addresses, port, seconds)
    if scheme != "https":
        return connected
    try:
        return ssl.create_default_context().wrap_socket(connected, server_hostname=host)
    except BaseException:
        connected.close()
        raise


def is_refused(text: str, port: int) -> bool:
    """Whether nothing is sent to an address: it is link-local, or that of nobody or of many, or Dagster or MLflow
    listen there, which ask nobody who they are."""
    address = _meant(text)
    return (address.is_link_local or address.is_multicast or address.is_unspecified or address in OF_MACHINES
            or (address, port) in _own_servers(port))


def _first(addresses: Sequence[str], port: int, seconds: float) -> socket.socket:
    """A connection to the first of these that takes one."""
    for address in addresses[:-1]:
        with suppress(OSError):
            return socket.create_connection((address, port), seconds)
    return socket.create_connection((addresses[-1], port), seconds)


def _meant(text: str) -> IPv4Address | IPv6Address:
    """An address; the IPv4 address that an IPv6 one stands for."""
    address = ip_address(text.partition("%")[0])
    if not isinstance(address, IPv6Address):
        return address
    if address in TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _own_servers(port: int) -> set[tuple[IPv4Address | IPv6Address, int]]:
    """Addresses of Dagster and of MLflow's tracking server, where they listen on that port."""
    settings, found = services().settings, set[tuple[IPv4Address | IPv6Address, int]]()
    for url in (settings.dagster_url, settings.mlflow_url):
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and (parts.port or (443 if parts.scheme == "https" else 80)) == port:
            with suppress(OSError, ValueError):
                found |= {(_meant(str(place[0])), port) for *_, place in socket.getaddrinfo(
                    parts.hostname, port, type=socket.SOCK_STREAM)}
    return found
