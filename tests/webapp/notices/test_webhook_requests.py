"""What a webhook gets: a signed text with a link; no redirect is followed."""

import hashlib
import hmac
import json

import pytest
from flask import Flask

from tests.webapp.conftest import ADMIN, EMAIL
from tests.webapp.notices.builders import TOLD, Receiver, deliveries, hook, say, send
from webapp.notices.events import Told
from webapp.notices.webhook_requests import SIGNATURE


def test_a_webhook_gets_a_signed_text_with_a_link(app: Flask, receiver: Receiver) -> None:
    secret = hook(app, f"{receiver.url}/hooks/1?key=a")
    say(app, EMAIL, ADMIN)

    assert send(app) == 1

    ((path, headers, body),) = receiver.got
    told = json.loads(body)
    moment, digest = (part.partition("=")[2] for part in headers[SIGNATURE].split(","))
    assert path == "/hooks/1?key=a"
    assert told["text"] == f"{TOLD.text} http://127.0.0.1:8000{TOLD.link}"
    assert (told["event"], told["delivery"]) == ("data", int(headers["X-Demand-Delivery"]))
    assert digest == hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()


def test_markup_in_a_name_mentions_nobody(app: Flask, receiver: Receiver) -> None:
    hook(app, receiver.url)
    say(app, EMAIL, told=Told("data", "x", "<!channel> & <b>", "/data"))
    send(app)

    assert json.loads(receiver.got[0][2])["text"].startswith("&lt;!channel&gt; &amp; &lt;b&gt; ")


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 401, 404, 410])
def test_no_redirect_is_followed_and_a_refusal_is_final(app: Flask, receiver: Receiver, status: int) -> None:
    hook(app, receiver.url)
    say(app, EMAIL)
    receiver.status, receiver.headers = status, {"Location": f"{receiver.url}/elsewhere"}
    for _ in range(2):
        send(app, later=True)

    assert [path for path, _, _ in receiver.got] == ["/"]
    assert deliveries(app)[0].state == "given_up"
