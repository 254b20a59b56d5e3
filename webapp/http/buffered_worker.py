"""The worker class of gunicorn that keeps slow clients away from the threads.

Gunicorn's own threaded worker gives a connection to a thread as soon as it is made: a few clients that send nothing,
send a byte a second, or do not read their answer hold every thread, and nobody else is served. Here the worker's loop
reads a request until it is whole, hands it to a thread, which writes the answer to memory or disk, and sends that. So a
thread never waits for a client. What comes too slowly is closed; where too many wait, those that have waited longest.
Whether the app is well is answered by a thread that does nothing else, so that a probe does not end a worker for being
busy.

It builds on parts of ``gunicorn.workers.gthread`` that are not promised to stay (docs/private_parts.md).
"""

import contextlib
import errno
import re
import selectors
import socket
import tempfile
import time
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, BinaryIO, cast

from gunicorn import http
from gunicorn.http.body import ChunkedReader, LengthReader
from gunicorn.workers.gthread import ThreadWorker

from webapp.http.request_sizes import (
    HEAD_SECONDS,
    LARGEST_BODY,
    LARGEST_HEAD,
    PATIENCE_SECONDS,
    SLOWEST_BYTES_PER_SECOND,
)

AT_ONCE = 65_536
"""Bytes that are read or sent in one go."""
IN_MEMORY = 65_536
"""Bytes of a request or an answer that are kept in memory; more goes to a temporary file."""
MOST_HELD = 256_000_000
"""Bytes of requests that are not whole yet, over all connections of a worker."""
LINGER_SECONDS = 2.0
"""For which a client that still sends is heard after its answer, so that the answer is not lost on its way."""
NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
PROBES = (b"GET /health ", b"GET /health?", b"GET /health/", b"HEAD /health ", b"HEAD /health/")
"""How requests begin that are answered by a thread of their own, however busy the others are."""
FOR_PROBES = 1
"""Threads of each worker that answer nothing else."""
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HEAD_END = b"\r\n\r\n"
_LENGTH, _CHUNK = re.compile(rb"[0-9]{1,18}"), re.compile(rb"[0-9a-fA-F]{1,15}")


def refusal(status: str, words: str) -> bytes:
    """An answer that needs no thread."""
    body = f"{words}\n".encode()
    return (f"HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
            "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n").encode() + body


TOO_SLOW = refusal("408 Request Timeout", "The request came too slowly. Nothing was stored; send it again.")
HEAD_TOO_LARGE = refusal("431 Request Header Fields Too Large",
                         f"The request's address and headers have more than {LARGEST_HEAD:,} bytes. Delete the cookies "
                         "of this site, or send less.")


class SizedBody:
    """The rest of a body whose length the headers tell."""

    def __init__(self, length: int) -> None:
        self._length = self._left = length
        self.is_over = length == 0

    def is_as(self, reader: object) -> bool:
        """Whether gunicorn understands the request's length in the same way."""
        return isinstance(reader, LengthReader) and reader.length == self._length

    def take(self, piece: bytes) -> int:
        """How many bytes of the piece belong to the body."""
        taken = min(self._left, len(piece))
        self._left -= taken
        self.is_over = self._left == 0
        return taken


class ChunkedBody:
    """The rest of a body that comes in chunks; it is over too where it breaks the rules, for gunicorn to refuse."""

    LONGEST_LINE = 8190

    def __init__(self) -> None:
        self._left = 0  # bytes of this chunk and of the line break behind it
        self._line = bytearray()
        self._is_in_trailers = False
        self._is_broken = False
        self.is_over = False

    def is_as(self, reader: object) -> bool:
        """Whether gunicorn understands the request's length in the same way."""
        return isinstance(reader, ChunkedReader) and self.is_over and not self._is_broken

    def take(self, piece: bytes) -> int:
        """How many bytes of the piece belong to the body."""
        at = 0
        while at < len(piece) and not self.is_over:
            if self._left:
                step = min(self._left, len(piece) - at)
                self._left -= step
                at += step
                continue
            end = piece.find(b"\n", at)
            self._line += piece[at:end if end >= 0 else len(piece)]
            at = end + 1 if end >= 0 else len(piece)
            if end >= 0:
                self._read_line(bytes(self._line).removesuffix(b"\r"))
                self._line.clear()
            elif len(self._line) > self.LONGEST_LINE:
                self.is_over = self._is_broken = True
        return at

    def _read_line(self, line: bytes) -> None:
        if self._is_in_trailers:
            self.is_over = not line
            return
        size = line.partition(b";")[0].strip()
        if not _CHUNK.fullmatch(size):
            self.is_over = self._is_broken = True
        elif int(size, 16):
            self._left = int(size, 16) + 2
        else:
            self._is_in_trailers = True


Body = SizedBody | ChunkedBody


def body_of(head: bytes) -> tuple[Body, bool]:
    """What follows a request's line and headers, and whether its client waits for leave to send it."""
    lengths: list[bytes] = []
    codings: list[bytes] = []
    waits = False
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        match name.strip().lower():
            case b"content-length":
                lengths.append(value.strip())
            case b"transfer-encoding":
                codings.append(value.strip().lower())
            case b"expect":
                waits = value.strip().lower() == b"100-continue"
    if codings:
        return (ChunkedBody() if codings[-1].endswith(b"chunked") and not lengths else SizedBody(0)), waits
    if len(set(lengths)) != 1 or not _LENGTH.fullmatch(lengths[0]):
        return SizedBody(0), False  # none, or one that gunicorn refuses by the head alone
    length = int(lengths[0])
    return SizedBody(length if length <= LARGEST_BODY else 0), waits and length <= LARGEST_BODY


def _spool() -> BinaryIO:
    return cast(BinaryIO, tempfile.SpooledTemporaryFile(IN_MEMORY))  # open for as long as the exchange


class Exchange:
    """A whole request and its answer, to gunicorn's parser and to the app a socket that never waits."""

    def __init__(self) -> None:
        self.request, self.answer = _spool(), _spool()
        self.received = 0
        self.answered = 0

    def add(self, piece: bytes) -> None:
        """Keep a part of the request."""
        self.request.write(piece)
        self.received += len(piece)

    def recv(self, size: int) -> bytes:
        """The next bytes of the request; none at its end."""
        return self.request.read(size)

    def sendall(self, data: bytes) -> None:
        """Keep a part of the answer."""
        self.answer.write(data)
        self.answered += len(data)

    def send(self, data: bytes) -> int:
        """Keep a part of the answer; leave to send the body was given before there was a thread."""
        if data != CONTINUE:
            self.sendall(data)
        return len(data)

    def sendfile(self, file: BinaryIO, offset: int, count: int) -> None:
        """Keep a part of a file as a part of the answer."""
        file.seek(offset)
        while count > 0 and (piece := file.read(min(count, AT_ONCE))):
            self.sendall(piece)
            count -= len(piece)

    def gettimeout(self) -> float:
        """As of a socket that does not wait."""
        return 0.0

    def settimeout(self, seconds: float | None) -> None:
        """Nothing waits here."""

    def shutdown(self, how: int) -> None:
        """What was answered so far is sent."""

    def close(self) -> None:
        """What was answered so far is sent."""

    def forget(self) -> None:
        """Free the memory and the files."""
        self.request.close()
        self.answer.close()


class Connection:
    """A client; what gunicorn's worker asks of its ``TConn`` is here too: ``sock``, ``client``, ``server``."""

    def __init__(self, client_socket: socket.socket, client: Any, server: Any) -> None:
        self.socket, self.client, self.server = client_socket, client, server
        self.rest = bytearray()
        """Read, and part of no request yet."""
        self.body: Body | None = None
        """Of the request that is being read, once its headers are here."""
        self.sock = Exchange()
        self.keeps_open = False
        self.is_probe = False
        """Whether the request that is being read asks whether the app is well."""
        self.phase = "reading"
        """``reading`` a request, ``working`` on it in a thread, ``writing`` the answer, or ``lingering`` after it."""
        self.sending = memoryview(b"")
        self.moved = 0
        self.deadline = 0.0
        self.begun = 0.0
        self.start_reading(HEAD_SECONDS)

    def start_reading(self, seconds: float) -> None:
        """Wait for a request; the first byte must be here within so many seconds."""
        self.phase, self.body = "reading", None
        self.begun = time.monotonic()
        self.deadline = self.begun + seconds

    def start_moving(self, phase: str) -> None:
        """Let a body come in or an answer go out: as long as that is fast enough."""
        self.phase, self.moved, self.begun = phase, 0, time.monotonic()
        self.has_moved(0)

    def has_moved(self, count: int) -> None:
        """So many bytes came or went."""
        self.moved += count
        self.deadline = self.begun + PATIENCE_SECONDS + self.moved / SLOWEST_BYTES_PER_SECOND

    @property
    def is_idle(self) -> bool:
        """Whether nothing of a request is here."""
        return self.phase == "reading" and self.body is None and not self.rest


class BufferedWorker(ThreadWorker):
    """Gunicorn's threaded worker with whole requests for its threads, and answers sent by its loop."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._connections: dict[Connection, None] = {}
        self._for_probes = ThreadPoolExecutor(FOR_PROBES, "probes")  # starts its thread when it is asked first

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:
        """Raises: ValueError: settings that this worker does not know."""
        if cfg.is_ssl or cfg.proxy_protocol not in (False, None, "off") or cfg.protocol != "http":
            raise ValueError("this worker speaks plain HTTP/1.1 only; let a proxy in front speak HTTPS")

    def accept(self, listener: socket.socket) -> None:
        """Take a connection; where there are too many, close the one that has kept us waiting longest."""
        try:
            client_socket, client = listener.accept()
        except OSError as error:
            if error.errno in NO_ROOM:
                self.log.warning("a connection cannot be taken: %s", error)
                if not self._close_slowest():
                    time.sleep(0.05)  # answers are on their way out, and the connection is still there
                return
            if error.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK):
                raise
            return
        client_socket.setblocking(False)
        conn = Connection(client_socket, client, listener.getsockname())
        self._connections[conn] = None
        self.nr_conns += 1
        self.poller.register(client_socket, selectors.EVENT_READ, partial(self._read, conn))
        self._read(conn, client_socket)
        if self.nr_conns >= self.worker_connections:
            self._close_slowest(but=conn)

    def enqueue_req(self, conn: Connection) -> None:
        """Hand a whole request to a thread."""
        if not conn.is_probe:
            super().enqueue_req(conn)
            return
        answered = self._for_probes.submit(self.handle, conn)
        answered.add_done_callback(lambda future: self.method_queue.defer(self.finish_request, conn, future))

    def handle(self, conn: Connection) -> bool:
        """Answer a whole request, in a thread; whether another may follow on the connection."""
        request = None
        try:
            conn.sock.request.seek(0)
            request = next(http.get_parser(self.cfg, conn.sock, conn.client))
            # What follows on the connection is another request only if both agree on where this one ends.
            is_agreed = conn.body is not None and conn.body.is_as(request.body.reader)
            return bool(self.handle_request(request, conn)) and is_agreed
        except (http.errors.NoMoreData, StopIteration) as error:
            self.log.debug("Closing connection. %s", error)
        except Exception as error:  # noqa: BLE001  # whatever it is, gunicorn logs it and words the answer
            self.handle_error(request, conn.sock, conn.client, error)
        return False

    def finish_request(self, conn: Connection, future: "Future[bool]") -> None:
        """Send the answer that a thread made."""
        if future.cancelled() or future.exception() is not None:
            self._close(conn)
            return
        conn.keeps_open = future.result() and self.alive
        self._answer(conn)

    def murder_keepalived(self) -> None:
        """Nothing: see ``murder_pending``, which the loop calls next."""

    def murder_pending(self) -> None:
        """Close what is too slow, and at a stop what has nothing to say."""
        now, held = time.monotonic(), 0
        for conn in list(self._connections):
            if conn.phase == "reading":
                held += conn.sock.received + len(conn.rest)
            if not self.alive and (conn.is_idle or conn.phase == "lingering"):
                self._close(conn)
            elif conn.phase != "working" and conn.deadline < now:
                self._expire(conn)
        if held > MOST_HELD:
            self._close_slowest()

    def _expire(self, conn: Connection) -> None:
        if conn.phase == "reading" and not conn.is_idle:
            self._refuse(conn, TOO_SLOW)
        else:
            self._close(conn)

    def _close_slowest(self, but: Connection | None = None) -> bool:
        """Close one that has nothing to say, otherwise the one whose request has been coming longest; whether there was
        one."""
        waiting = [conn for conn in self._connections if conn.phase in ("reading", "lingering") and conn is not but]
        if not waiting:
            return False
        self._close(min(waiting, key=lambda conn: (conn.phase == "reading" and not conn.is_idle, conn.begun)))
        return True

    def _read(self, conn: Connection, _: object) -> None:
        """Take what has come."""
        try:
            piece = conn.socket.recv(AT_ONCE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            piece = b""
        if not piece:
            self._close(conn)
        elif conn.phase == "reading":
            if conn.is_idle:
                conn.start_reading(HEAD_SECONDS)
            conn.rest += piece
            self._advance(conn)

    def _advance(self, conn: Connection) -> None:
        """Read on in what has come; hand the request over once it is whole."""
        if conn.body is None:
            end = conn.rest.find(HEAD_END, 0, LARGEST_HEAD + len(HEAD_END))
            if end < 0:
                if len(conn.rest) > LARGEST_HEAD:
                    self._refuse(conn, HEAD_TOO_LARGE)
                return
            head = bytes(conn.rest[:end + len(HEAD_END)])
            del conn.rest[:len(head)]
            conn.body, waits = body_of(head)
            conn.is_probe = head.startswith(PROBES)
            conn.start_moving("reading")
            conn.sock.add(head)
            if waits and not conn.rest:
                self._allow_body(conn)
        piece = bytes(conn.rest)
        taken = conn.body.take(piece)
        conn.sock.add(piece[:taken])
        conn.has_moved(taken)
        del conn.rest[:taken]
        if conn.body.is_over or conn.sock.received > 2 * LARGEST_BODY:  # the app says what is too large
            conn.phase = "working"
            self.poller.unregister(conn.socket)
            self.enqueue_req(conn)

    def _allow_body(self, conn: Connection) -> None:
        try:
            conn.socket.send(CONTINUE)
        except OSError:
            self.log.debug("a client that waited for leave to send is gone")

    def _refuse(self, conn: Connection, answer: bytes) -> None:
        self.poller.unregister(conn.socket)
        conn.rest.clear()
        conn.sock.sendall(answer)
        conn.keeps_open = False
        self._answer(conn)

    def _answer(self, conn: Connection) -> None:
        conn.sock.answer.seek(0)
        conn.sending = memoryview(b"")
        conn.start_moving("writing")
        self.poller.register(conn.socket, selectors.EVENT_WRITE, partial(self._write, conn))
        self._write(conn, conn.socket)

    def _write(self, conn: Connection, _: object) -> None:
        """Send what can be sent."""
        if not conn.sending:
            conn.sending = memoryview(conn.sock.answer.read(AT_ONCE))
        if conn.sending:
            try:
                sent = conn.socket.send(conn.sending)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                self._close(conn)
                return
            conn.sending = conn.sending[sent:]
            conn.has_moved(sent)
        if conn.moved >= conn.sock.answered:
            self._after_answer(conn)

    def _after_answer(self, conn: Connection) -> None:
        conn.sock.forget()
        conn.sock = Exchange()
        if conn.keeps_open and self.alive:
            conn.start_reading(HEAD_SECONDS if conn.rest else self.cfg.keepalive)
            self.poller.modify(conn.socket, selectors.EVENT_READ, partial(self._read, conn))
            if conn.rest:
                self._advance(conn)
            return
        try:
            conn.socket.shutdown(socket.SHUT_WR)
        except OSError:
            self._close(conn)
            return
        conn.phase, conn.begun = "lingering", time.monotonic()
        conn.deadline = conn.begun + LINGER_SECONDS
        self.poller.modify(conn.socket, selectors.EVENT_READ, partial(self._read, conn))

    def _close(self, conn: Connection) -> None:
        """Close a connection, whatever it is at; not while a thread works on it."""
        if conn not in self._connections:
            return
        del self._connections[conn]
        self.nr_conns -= 1
        with contextlib.suppress(KeyError, ValueError):  # not there while it was at work
            self.poller.unregister(conn.socket)
        conn.sock.forget()
        conn.socket.close()
