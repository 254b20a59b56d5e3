"""The examples of docs/api.md, run as they stand against the served app."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from flask import Flask
from werkzeug.serving import make_server

from tests.webapp.api.conftest import token_for
from tests.webapp.conftest import KETTLE
from webapp.retrains.requests import store

pytestmark = pytest.mark.servers
DOCS = Path(__file__).parents[3] / "docs" / "api.md"
BLOCKS = re.findall(r"```(bash|python)\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
SAYS = ["planner@example.com", '"region":"north"', "2 region-items sell kettles", "'forecast':", '"size":2',
        "cancelled"]
"""What each prints, in their order."""


@pytest.fixture
def url(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()


def test_every_example_is_run() -> None:
    assert len(BLOCKS) == len(SAYS)
    assert {kind for kind, _ in BLOCKS} == {"bash", "python"}


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_an_example_does_what_it_says(app: Flask, url: str, number: int) -> None:
    kind, text = BLOCKS[number]
    if "retrains/{retrain" in text:
        with app.app_context():
            store("a" * 32, [KETTLE.key], "planner@example.com")
    command = ["bash", "-euo", "pipefail", "-c", text] if kind == "bash" else [sys.executable, "-c", text]

    done = subprocess.run(command, env={**os.environ, "URL": url, "TOKEN": token_for(app, "planner"), "no_proxy": "*"},
                          capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr
    assert SAYS[number] in done.stdout
