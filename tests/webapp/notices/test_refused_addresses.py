"""Where no webhook is sent, however its address is written and whatever its name stands for at that moment."""

import socket
from typing import Any

import pytest
from flask import Flask

from tests.webapp.conftest import EMAIL
from tests.webapp.notices.builders import Receiver, deliveries, hook, say, send
from webapp.notices.refused_addresses import REFUSED, is_refused


@pytest.mark.parametrize(("address", "refused"), [
    ("169.254.169.254", True), ("fe80::1%lo", True), ("::ffff:169.254.169.254", True), ("64:ff9b::a9fe:a9fe", True),
    ("2002:a9fe:a9fe::1", True), ("100.100.100.200", True), ("168.63.129.16", True), ("fd00:ec2::254", True),
    ("224.0.0.1", True), ("ff02::1", True), ("0.0.0.0", True), ("::", True),
    ("127.0.0.1", False), ("::1", False), ("10.0.0.7", False), ("fd12::1", False), ("192.0.2.1", False),
    ("2606:4700::1111", False)])
def test_nothing_is_sent_to_where_machines_are_told_secrets(app: Flask, address: str, refused: bool) -> None:
    with app.app_context():
        assert is_refused(address, 443) is refused


@pytest.mark.parametrize("host", ["169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376",
                                  "[::ffff:169.254.169.254]", "0"])
def test_nor_is_it_however_that_is_written(app: Flask, host: str) -> None:
    hook(app, f"http://{host}/latest")
    say(app, EMAIL)

    assert send(app) == 0
    assert [(one.state, one.problem) for one in deliveries(app)] == [("given_up", REFUSED)]


def test_nor_to_what_a_name_stands_for_now(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def resolved(_host: str, port: int, **_more: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
                for address in ("192.0.2.1", "169.254.1.1")]

    hook(app, "https://chat.example.com/hooks/1")
    say(app, EMAIL)
    monkeypatch.setattr(socket, "getaddrinfo", resolved)

    assert send(app) == 0
    assert deliveries(app)[0].problem == REFUSED


@pytest.mark.parametrize("setting", ["dagster_url", "mlflow_url"])
def test_nor_to_the_servers_of_this_product(
        app: Flask, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    monkeypatch.setattr(app.extensions["services"].settings, setting, f"{receiver.url}/")
    hook(app, receiver.url.replace("127.0.0.1", "localhost"))
    say(app, EMAIL)

    assert send(app) == 0
    assert deliveries(app)[0].problem == REFUSED
    assert receiver.got == []
