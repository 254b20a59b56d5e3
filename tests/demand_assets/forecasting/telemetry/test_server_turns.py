"""A server that wakes seldom answers, and ends when it is told to."""

import subprocess
import sys
import time
import urllib.request

from benchmarks.support.product import free_port

PROGRAM = """
import sys
import uvicorn
from demand_assets.forecasting.telemetry.server_turns import wake_seldom

async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"here"})

wake_seldom()
ticked, on_tick = [], uvicorn.Server.on_tick

async def counted(self, counter):
    ticked.append(counter)
    return await on_tick(self, counter)

uvicorn.Server.on_tick = counted
uvicorn.run(app, port=int(sys.argv[1]), lifespan="off", log_level="error")
print(len(ticked))
"""


def test_it_answers_and_ends_when_it_is_told_to() -> None:
    port = free_port()
    server = subprocess.Popen([sys.executable, "-c", PROGRAM, str(port)], stdout=subprocess.PIPE, text=True)
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
    finally:
        server.terminate()
        said, _ = server.communicate(timeout=60)
    assert int(said) >= 2
