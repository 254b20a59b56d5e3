"""PostgreSQL, Redis and an S3 server for tests, started by the code of ``make services``."""

import contextlib
import shutil
import socket
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg2
import pytest
from psycopg2 import sql

from deploy.services import OWNER, Services, missing, running


def free_ports(names: Sequence[str]) -> dict[str, int]:
    """A port that nothing listens on for each name."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in names]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return {name: one.getsockname()[1] for name, one in zip(names, sockets, strict=True)}


@contextlib.contextmanager
def services_or_skip() -> Iterator[Services]:
    """The three servers on free ports; the test is skipped where they are not installed."""
    if absent := missing():
        pytest.skip(f"not installed: {', '.join(absent)}")
    # pytest's own folders may be entered by their owner only; PostgreSQL runs as another user when root tests.
    folder = Path(tempfile.mkdtemp(prefix="demand-services-"))
    folder.chmod(0o755)
    try:
        with running(folder, **free_ports(("postgres_port", "redis_port", "s3_port"))) as services:
            yield services
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def copy_database(services: Services, source: str, target: str) -> None:
    """Make a database as another is now, to which nobody may be connected."""
    with contextlib.closing(psycopg2.connect(host="127.0.0.1", port=services.postgres_port, user=OWNER,
                                             dbname="postgres")) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*map(sql.Identifier, (target, source))))
