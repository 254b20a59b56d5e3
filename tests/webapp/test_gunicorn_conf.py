"""The server as it is started, asked over a socket: what no test client can send."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from tests.services import free_ports
from tests.webapp.conftest import EMAIL, PASSWORD
from webapp.settings import Settings

pytestmark = pytest.mark.slow
START_SECONDS = 120


@pytest.fixture
def port(settings: Settings) -> Iterator[int]:
    """Where the server listens, with one worker on the tests' database."""
    found = free_ports(["web"])["web"]
    environment = {**os.environ, "DEMAND_DATASET": str(settings.demand_dataset), "WEB_SECRET_KEY": "x" * 32,
                   "DEMAND_STATE": str(settings.demand_state), "WEB_PORT": str(found), "WEB_WORKERS": "1"}
    command = [sys.executable, "-m", "gunicorn", "-c", "python:webapp.gunicorn_conf", "webapp.wsgi:app"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(START_SECONDS * 10):
            assert process.poll() is None, "the server ended"
            with socket.socket() as tried:
                if not tried.connect_ex(("127.0.0.1", found)):
                    break
            time.sleep(0.1)
        yield found
    finally:
        process.terminate()
        process.wait(60)


def ask(port: int, text: bytes) -> tuple[int, str]:
    """The status of the answer to bytes as they are, and all of the answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(text)
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    answer = b"".join(parts).decode("latin-1")
    return int(answer.split(" ", 2)[1]), answer


def got(port: int, *headers: str, path: str = "/sign-in", host: str = "localhost") -> int:
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Connection: close", *headers, "", ""]
    return ask(port, "\r\n".join(lines).encode("latin-1"))[0]


def test_no_header_that_this_machine_may_send_is_an_error_of_ours(port: int) -> None:
    for header in ("SCRIPT_NAME: /elsewhere", "SCRIPT-NAME: /elsewhere", "Script_Name: /sign-in", "PATH_INFO: /account",
                   "REMOTE_USER: boss", "X-Forwarded-Proto: ftp", "X-Forwarded-Prefix: /x", "Cache-Control: max-age=x",
                   'Cache-Control: no-cache="', "Content-Length: ", "Transfer-Encoding: gzip", "Expect: 200-maybe",
                   "Connection: upgrade", "Range: bytes=9-1", "Cookie: demand_shop=\x80\xff", "Content-Type: \xff"):
        assert got(port, header) < 500, header
    assert got(port, "SCRIPT_NAME: /sign-in") == 200, "it is no header of ours"
    assert got(port, "X-Forwarded-Proto: https", "X-Forwarded-SSL: off") == 200, "nor do they have to agree"
    for host in ("", "[", "a b", "9" * 300, "a:b", "\xff", "x/../y", "@"):
        assert got(port, host=host) < 500, host
    assert got(port, path="/%00") < 500
    assert got(port, path="//[::1") < 500


def chunked(body: bytes, size: int = 1000) -> bytes:
    parts = [body[start:start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def test_what_is_too_long_is_not_read_on(port: int) -> None:
    """A body of unknown length whose end is a form that signs in."""
    _, page = ask(port, b"GET /sign-in HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    [cookie], [token, *_] = re.findall(r"Set-Cookie: (demand_shop=[^;]+)", page), re.findall(
        r'name="csrf_token"[^>]*value="([^"]+)"', page)
    right = urlencode({"email": EMAIL, "password": PASSWORD, "csrf_token": token}).encode()

    def sent(body: bytes) -> tuple[int, str]:
        head = ("POST /sign-in HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n"
                f"Content-Type: application/x-www-form-urlencoded\r\nCookie: {cookie}\r\n\r\n")
        return ask(port, head.encode() + chunked(body))

    for filling in (16_001, 16_100, 24_000, 32_000):
        status, answer = sent(b"x=" + b"y" * filling + b"&" + right)
        assert status in (400, 413), filling
        assert "Set-Cookie" not in answer or "sid" not in answer
    status, answer = sent(right)
    assert status in (200, 302), "a short one is read, or is no form"
