"""Whether a server answers; ``python -m deploy.health URL`` says so with its exit status."""

import socket
import sys
from http.client import HTTPException
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

_WITHOUT_PROXY = build_opener(ProxyHandler({}))


def answers_http(url: str, timeout_seconds: float = 3) -> bool:
    """Whether a GET there is answered with 200."""
    try:
        with _WITHOUT_PROXY.open(url, timeout=timeout_seconds) as response:
            return bool(response.status == 200)
    except (URLError, HTTPException, OSError):
        return False


def listens(port: int, host: str = "127.0.0.1") -> bool:
    """Whether something takes connections there; Dagster's code server does so once it has loaded its definitions."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(not answers_http(sys.argv[1]))
