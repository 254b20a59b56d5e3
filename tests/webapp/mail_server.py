"""A mail server on this machine, and the letters that it got."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Queue
from typing import Any

from aiosmtpd.controller import Controller


class Letters:
    """What a mail server received."""

    def __init__(self) -> None:
        self.received: Queue[tuple[list[str], str]] = Queue()
        self.answer = "250 OK"

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: N802  # aiosmtpd's name
        if self.answer.startswith("250"):
            self.received.put((envelope.rcpt_tos, envelope.content.decode()))
        return self.answer


@contextmanager
def receiving_letters() -> Iterator[tuple[Letters, int]]:
    """A mail server on loopback, and its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(Letters(), hostname="127.0.0.1", port=port)
    controller.start()
    yield controller.handler, port
    controller.stop()


def mail_settings(port: int) -> dict[str, Any]:
    """Settings of an app that sends its letters there."""
    return {"web_mail_server": "127.0.0.1", "web_mail_port": port, "web_mail_security": "none",
            "web_public_url": "https://demand.example.com/"}
