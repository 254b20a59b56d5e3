"""Whether a process works; ``python -m deploy.health WHAT`` says so with its exit status.

WHAT is the address of a server (http://… or grpc://…), or one of the processes that have no port, asked where it runs:
``daemon``, ``worker`` or ``web-sync``.
"""

import os
import socket
import subprocess  # nosec B404  # runs Dagster's own command
import sys
from http.client import HTTPException
from pathlib import Path
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

WEB = "web"
"""The web app's folder in that of the dataset."""
PATIENCE_SECONDS = 300
"""Of Dagster's daemon: it may be at one sensor for minutes."""
ANY = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "[::1]"}  # nosec B104  # compared with, not listened on
"""Addresses that stand for all of this machine's, and the one to ask then."""
_WITHOUT_PROXY = build_opener(ProxyHandler({}))


def address_of(host: str) -> str:
    """The host's part of an address at which a server that listens there answers."""
    return ANY.get(host) or (f"[{host}]" if ":" in host else host)


def answers_http(url: str, timeout_seconds: float = 3) -> bool:
    """Whether a GET there is answered with 200."""
    try:
        with _WITHOUT_PROXY.open(url, timeout=timeout_seconds) as response:
            return bool(response.status == 200)
    except (URLError, HTTPException, OSError):
        return False


def listens(port: int) -> bool:
    """Whether something takes connections here; Dagster's code server does so once it has loaded its definitions."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def answers_grpc(address: str, timeout_seconds: float = 10) -> bool:
    """Whether Dagster's code server at ``host:port`` says that it serves."""
    import grpc  # not needed by the launcher
    from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
    from grpc_health.v1.health_pb2_grpc import HealthStub

    with grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        try:
            answer = HealthStub(channel).Check(HealthCheckRequest(service="DagsterApi"), timeout=timeout_seconds)
        except grpc.RpcError:
            return False
    return bool(answer.status == HealthCheckResponse.SERVING)


def daemon_lives() -> bool:
    """Whether Dagster's daemon told the instance lately that each part of it works."""
    from demand_assets.dagster_instance.instance import referred_to
    from demand_assets.settings import Settings

    settings = Settings()
    command = [str(Path(sys.executable).with_name("dagster-daemon")), "liveness-check"]
    done = subprocess.run(command, check=False, capture_output=True,  # nosec B603  # a fixed command, no shell
                          env=os.environ | referred_to(settings) | {
                              "DAGSTER_HOME": str(settings.folder / "dagster"),
                              "DAGSTER_DAEMON_HEARTBEAT_TOLERANCE": str(PATIENCE_SECONDS)})
    return done.returncode == 0


def worker_lives(timeout_seconds: float = 10) -> bool:
    """Whether a worker of this machine says that it lives: through Redis, or as Celery asks with stock parts."""
    from celery import Celery
    from celery.exceptions import OperationalError
    from redis import RedisError

    from demand_assets.dagster_instance.runs.celery_queue import Heartbeats
    from demand_assets.settings import Settings

    settings = Settings()
    broker = str(settings.celery_broker_url)
    try:
        if settings.dagster_workers == "stock":
            alive = Celery(broker=broker).control.inspect(timeout=timeout_seconds).ping() or {}
        else:
            alive = Heartbeats(broker).alive()
    except (RedisError, OperationalError, OSError):
        return False
    return any(name.endswith(f"@{socket.gethostname()}") for name in alive)


def background_lives() -> bool:
    """Whether the background process of the web app looked after its loops lately; which of them fail, /health says."""
    # Not the web app's own settings: to import the app takes ten times as long, each time that a cluster asks.
    from demand_assets.forecasting.telemetry.background_beat import is_beating
    from demand_assets.settings import Settings

    return is_beating(Settings().folder / WEB)


WITHOUT_PORT = {"daemon": daemon_lives, "worker": worker_lives, "web-sync": background_lives}


def main(url: str) -> int:
    """0 when it works, 1 when it does not."""
    if url in WITHOUT_PORT:
        return 0 if WITHOUT_PORT[url]() else 1
    if url.startswith("grpc://"):
        return 0 if answers_grpc(url.removeprefix("grpc://")) else 1
    return 0 if answers_http(url) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
