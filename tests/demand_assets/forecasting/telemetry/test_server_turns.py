"""A server that wakes seldom answers, and ends when it is told to."""

import asyncio
import subprocess
import sys
import time
import urllib.request

import pytest
from uvicorn import Server

from benchmarks.support.product import free_port
from demand_assets.forecasting.telemetry import server_turns

PROGRAM = """
import sys
import uvicorn
from demand_assets.forecasting.telemetry.server_turns import wake_seldom

async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"here"})

wake_seldom()
uvicorn.run(app, port=int(sys.argv[1]), lifespan="off", log_level="error")
"""


def test_it_waits_a_second_between_its_looks_and_ends_when_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Told:
        answers, waited = [False, False, True], list[float]()

        async def on_tick(self, _counter: int) -> bool:
            return self.answers.pop(0)

    async def slept(seconds: float) -> None:
        Told.waited.append(seconds)

    monkeypatch.setattr(Server, "main_loop", Server.main_loop)  # to be put back
    monkeypatch.setattr(server_turns.asyncio, "sleep", slept)
    server_turns.wake_seldom()

    asyncio.run(Server.main_loop(Told()))  # type: ignore[arg-type]

    assert Told.waited == [1.0, 1.0]


def test_it_answers_and_ends_when_it_is_told_to() -> None:
    port = free_port()
    with subprocess.Popen([sys.executable, "-c", PROGRAM, str(port)]) as server:
        try:
            for _ in range(300):
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}") as answer:
                        assert answer.read() == b"here"
                        assert answer.headers["date"]
                    break
                except OSError:
                    time.sleep(0.1)
            else:
                raise AssertionError("it does not answer")
            server.terminate()
            server.wait(timeout=60)
        finally:
            server.kill()
