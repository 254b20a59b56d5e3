"""A real gunicorn, and connections to it that send their requests byte by byte or not at all, or read no answer."""

import http.client
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from tests.services import free_ports
from tests.waiting import eventually

PROJECT = Path(__file__).parents[3]
UNREAD = b"GET /static/vendor/echarts.common.min.js HTTP/1.1\r\nHost: here\r\n\r\n" * 20
TRICKLING = (b"GET /health HTTP/1.1\r\nX: ",
             b"POST /sign-in HTTP/1.1\r\nHost: here\r\nContent-Type: application/x-www-form-urlencoded\r\n"
             b"Content-Length: 5000\r\n\r\nemail=")
KINDS = (b"", b"GET /health HTTP/1.1\r\nHost: he", *TRICKLING,
         b"POST /sign-in HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n", UNREAD)
"""What is sent at once; nothing, or now and then a byte, follows."""
TRICKLE_SECONDS = 0.5
Slow = list[tuple[bytes, socket.socket]]


@contextmanager
def gunicorn(folder: Path, path: str, *arguments: str, **environment: str) -> Iterator[int]:
    """The port of a server that answers."""
    port = free_ports(["web"])["web"]
    with (folder / "gunicorn.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "--no-control-socket", "--bind", f"127.0.0.1:{port}", *arguments],
            cwd=PROJECT, env={**os.environ, "PYTHONPATH": str(PROJECT), **environment}, stdout=log, stderr=log)
    try:
        eventually(lambda: process.poll() is not None or answers(port, path), 120,
                   lambda: (folder / "gunicorn.log").read_text())
        assert process.poll() is None, (folder / "gunicorn.log").read_text()
        yield port
    finally:
        process.terminate()
        process.wait(40)


def answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def connected(port: int, sent: bytes = b"") -> socket.socket:
    made = socket.create_connection(("127.0.0.1", port), timeout=60)
    made.sendall(sent)
    return made


@contextmanager
def slow_connections(port: int, number: int) -> Iterator[Slow]:
    """At least so many, of all kinds, each with its kind."""
    over = Event()
    slow = [(kind, connected(port, kind)) for _ in range(number // len(KINDS) + 1) for kind in KINDS]

    def trickle() -> None:
        while not over.wait(TRICKLE_SECONDS):
            for kind, connection in slow:
                if kind in TRICKLING:
                    try:
                        connection.send(b"a")
                    except OSError:
                        continue  # closed, as it should be

    feeder = Thread(target=trickle)
    feeder.start()
    try:
        yield slow
    finally:
        over.set()
        feeder.join()
        for _, connection in slow:
            connection.close()
