"""A receiver of webhooks on this machine, which answers as it is told and keeps what it got."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from flask import Flask
from sqlalchemy import select, update

from webapp.db.database import db, now, writing
from webapp.notices.events import Told, tell
from webapp.notices.sending import send_due
from webapp.notices.webhooks import make_webhook
from webapp.tables import Delivery, Notice, Webhook

TOLD = Told("data", "data run-1", "New data of 3 region-items was rejected", "/data/loads/run-1")


@dataclass
class Receiver:
    """What came, and what is answered."""

    url: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    """Path, headers, body."""
    meanwhile: Callable[[], object] | None = None
    """What happens before it answers."""


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on a free port of this machine."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.got.append((self.path, dict(self.headers), body))
            if receiver.meanwhile is not None:
                receiver.meanwhile()
            self.send_response(receiver.status)
            for name, value in {"Content-Length": "0", **receiver.headers}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_words: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield receiver
    server.shutdown()
    server.server_close()
    thread.join()


def say(app: Flask, *people: str, told: Told = TOLD, is_mail_set: bool = False) -> int:
    """Tell these people, as the background process does."""
    with app.app_context(), writing():
        return tell(told, people, is_mail_set)


def send(app: Flask, later: bool = False) -> int:
    """How many the background process sends now, or once everything that waits is due."""
    with app.app_context():
        if later:
            with writing():
                db.session.execute(update(Delivery).where(Delivery.state == "waiting").values(next_at=now()))
        return send_due()


def deliveries(app: Flask) -> list[Delivery]:
    with app.app_context():
        found = list(db.session.scalars(select(Delivery).order_by(Delivery.id)))
        db.session.expunge_all()
        return found


def notices(app: Flask, person: str) -> list[str]:
    """What somebody was told, the oldest first."""
    with app.app_context():
        return list(db.session.scalars(select(Notice.text).where(Notice.person == person).order_by(Notice.id)))


def seconds_ahead(delivery: Delivery) -> float:
    """How long a delivery waits still."""
    return delivery.next_at.timestamp() - time.time()


def hook(app: Flask, url: str, *events: str) -> str:
    """The secret of a webhook that is told of these events."""
    with app.app_context():
        make_webhook(f"hook of {url}", url, list(events or ("data",)))
        return str(db.session.scalars(db.select(Webhook.secret).order_by(Webhook.id.desc())).first())
