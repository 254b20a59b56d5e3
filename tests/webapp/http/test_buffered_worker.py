"""Slow clients beside others: a real gunicorn, with the product's configuration and with a small app."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.waiting import eventually
from tests.webapp.http.slow_clients import UNREAD, answers, connected, gunicorn, slow_connections
from webapp.http.request_sizes import LARGEST_BODY, LARGEST_HEAD
from webapp.settings import Settings

GET = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
HEAD = b"POST / HTTP/1.1\r\nHost: here\r\n"


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of the small app: one worker with one thread."""
    with gunicorn(tmp_path_factory.mktemp("echo"), "/", "--worker-class",
                  "webapp.http.buffered_worker.BufferedWorker", "--worker-connections", "120", "--threads", "1",
                  "tests.webapp.http.echo:app") as port:
        yield port


def told(connection: socket.socket) -> bytes:
    """Everything until the server closes."""
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


def bodies(answer: bytes) -> list[bytes]:
    """The bodies of answers that tell their length; leave to send is no answer.

    It is given wherever the server read the head before the body came, which a busy machine decides.
    """
    found = []
    while answer:
        head, _, answer = answer.partition(b"\r\n\r\n")
        if head.startswith(b"HTTP/1.1 100 "):
            continue
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        found.append(answer[:length])
        answer = answer[length:]
    return found


CLOSE = b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(("sent", "expected"), [
    (HEAD + b"Content-Length: 5\r\n\r\nhello" + CLOSE, [b"hello", b""]),
    (HEAD + b"Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nA: b\r\n\r\n" + CLOSE, [b"hello", b""]),
    (HEAD + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello" + CLOSE, [b"hello", b""]),
    (GET + GET + CLOSE, [b"", b"", b""]),
    (b"POST /unread HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\nGET / HTT" + CLOSE, [b"unread", b""]),
    (HEAD + b"Content-Length: 200000\r\n\r\n" + b"y" * 200_000 + CLOSE, [b"y" * 200_000, b""]),
], ids=["length", "chunks", "expects leave", "pipelined", "unread body", "large"])
@pytest.mark.parametrize("at_once", [1, 7, 10_000_000])
def test_a_request_is_understood_however_it_is_cut(echo: int, sent: bytes, expected: list[bytes], at_once: int) -> None:
    with connected(echo) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        step = max(at_once, len(sent) // 2000)
        for start in range(0, len(sent), step):
            connection.sendall(sent[start:start + step])
        assert bodies(told(connection)) == expected


def test_leave_to_send_is_given(echo: int) -> None:
    head = HEAD + b"Expect: 100-continue\r\nConnection: close\r\nContent-Length: 2\r\n\r\n"
    with connected(echo, head) as connection:
        leave = connection.recv(1000)
        connection.sendall(b"hi")
        assert leave == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert bodies(told(connection)) == [b"hi"]


@pytest.mark.parametrize(("sent", "status"), [
    (b"nonsense\r\n\r\n", 400),
    (HEAD + b"Content-Length: 1\r\nContent-Length: 30\r\n\r\nx" + GET, 400),
    (HEAD + b"Content-Length: 0x1\r\n\r\nx" + GET, 400),
    (HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + GET, 400),
    (HEAD + b"Transfer-Encoding: nothing\r\n\r\n0\r\n\r\n" + GET, 501),
    (HEAD + b"Expect: the impossible\r\n\r\n", 417),
    (b"GET / HTTP/1.1\r\nCookie: " + b"c" * 2 * LARGEST_HEAD, 431),
])
def test_a_request_that_breaks_the_rules_is_refused_once(echo: int, sent: bytes, status: int) -> None:
    with connected(echo, sent) as connection:
        answer = told(connection)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert answer.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize("sent", [
    HEAD + b"Content-Length: %d\r\n\r\n" % (LARGEST_BODY + 1),
    b"POST /unread HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\nno size\r\n",
], ids=["too large", "broken chunk"])
def test_what_follows_a_body_that_was_not_read_is_no_request(echo: int, sent: bytes) -> None:
    with connected(echo, sent + GET) as connection:
        assert told(connection).count(b"HTTP/1.1") == 1


def test_a_long_answer_comes_whole_and_one_that_is_not_read_holds_nobody(echo: int) -> None:
    unread = [connected(echo, b"GET /long HTTP/1.1\r\nHost: here\r\n\r\n") for _ in range(3)]
    try:
        assert answers(echo, "/")
        with connected(echo, b"GET /long HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n") as connection:
            assert len(bodies(told(connection))[0]) == 30_000_000
    finally:
        for one in unread:
            one.close()


def test_more_connections_than_there_is_room_for_hold_nobody(echo: int) -> None:
    slow = [connected(echo, (b"", b"GET /", HEAD + b"Content-Length: 9\r\n\r\n")[number % 3]) for number in range(300)]
    try:
        for _ in range(5):
            assert answers(echo, "/")
    finally:
        for one in slow:
            one.close()


@pytest.mark.parametrize("asked", [b"GET /health", b"GET /health?now", b"HEAD /health"])
def test_whether_the_app_is_well_is_answered_while_every_thread_is_at_work(echo: int, asked: bytes,
                                                                           tmp_path: Path) -> None:
    end = tmp_path / "end"
    name = str(end).encode()
    held = connected(echo, b"POST /held HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n%b" % (len(name), name))
    eventually(end.with_suffix(".begun").exists, 60, lambda: "no thread took it")
    behind = connected(echo, GET)
    probe = connected(echo, asked + b" HTTP/1.1\r\nHost: here\r\n\r\n")

    assert probe.recv(65536).startswith(b"HTTP/1.1 200 OK")
    end.touch()

    assert held.recv(65536).endswith(b"held")
    assert behind.recv(65536).startswith(b"HTTP/1.1 200 OK")


def test_200_slow_connections_of_each_kind_while_pages_answer(settings: Settings, tmp_path: Path) -> None:
    with gunicorn(tmp_path, "/health", "--config", "python:webapp.gunicorn_conf", "webapp.wsgi:app",
                  DEMAND_DATASET=str(settings.demand_dataset), DEMAND_STATE=str(settings.demand_state),
                  WEB_SECRET_KEY="x" * 32) as port, slow_connections(port, 200) as slow:
        for _ in range(5):
            assert answers(port, "/health")
            assert answers(port, "/sign-in")
        waiting = {connection for kind, connection in slow if kind is not UNREAD}
        eventually(lambda: not drop_closed(waiting), 90, lambda: f"{len(waiting)} are open still")
        assert answers(port, "/health")


def drop_closed(waiting: set[socket.socket]) -> set[socket.socket]:
    """Those that the server has not closed; what it told before is read away."""
    for connection in list(waiting):
        connection.settimeout(0.001)
        try:
            if not connection.recv(65536):
                waiting.discard(connection)
        except TimeoutError:
            continue
        except OSError:
            waiting.discard(connection)
    return waiting
