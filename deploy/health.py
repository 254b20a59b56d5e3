"""Whether a server answers; ``python -m deploy.health URL`` says so with its exit status (http://… or grpc://…)."""

import socket
import sys
from http.client import HTTPException
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

_WITHOUT_PROXY = build_opener(ProxyHandler({}))


def answers_http(url: str, timeout_seconds: float = 3) -> bool:
    """Whether a GET there is answered with 200."""
    try:
        with _WITHOUT_PROXY.open(url, timeout=timeout_seconds) as response:
            return bool(response.status == 200)
    except (URLError, HTTPException, OSError):
        return False


def listens(port: int, host: str = "127.0.0.1") -> bool:
    """Whether something takes connections there; Dagster's code server does so once it has loaded its definitions."""
    try:
        with socket.create_connection((host, port), timeout=1):
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


def main(url: str) -> int:
    """0 when it answers, 1 when it does not."""
    if url.startswith("grpc://"):
        return 0 if answers_grpc(url.removeprefix("grpc://")) else 1
    return 0 if answers_http(url) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
