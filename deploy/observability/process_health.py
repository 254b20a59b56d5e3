"""Whether each server of the product lives and is ready, asked from outside.

It *lives* when starting it again would not help: its process is there, and what it says of itself is not old. It is
*ready* when it does its work now.
"""

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from deploy.health import address_of, answers_grpc, answers_http, background_lives, listens, worker_lives
from deploy.settings import RunSettings

log = logging.getLogger(__name__)
Check = Callable[[], bool]
WORKER_SECONDS = 2.0
"""For which Celery's workers may take to answer, where it is they who are asked: each look at metrics waits as long."""


@dataclass(frozen=True)
class Health:
    """How a server is."""

    is_live: bool
    is_ready: bool


@dataclass(frozen=True)
class Checks:
    """How to tell that a server lives, and that it is ready."""

    lives: Check
    is_ready: Check

    @classmethod
    def one(cls, check: Check) -> "Checks":
        """Of a server of which nobody can tell the one from the other."""
        return cls(check, check)

    def made(self) -> Health:
        """How the server is now; what cannot be found out counts as no."""
        try:
            is_live = self.lives()
            return Health(is_live, is_live and (self.is_ready is self.lives or self.is_ready()))
        except Exception as error:  # noqa: BLE001  # Dagster's storage may raise anything, and the others still answer
            log.warning("how a server is cannot be told: %s: %s", type(error).__name__, error)
            return Health(is_live=False, is_ready=False)


def checks(settings: RunSettings, servers: Collection[str], daemon_lives: Check,
           has_process: Callable[[str], bool]) -> Mapping[str, Checks]:
    """Those of these servers.

    Args:
        daemon_lives: whether each part of Dagster's daemon said lately that it works.
        has_process: whether a server has a process.
    """
    def serves(port: int, path: str) -> Checks:
        return Checks(lambda: listens(port), lambda: answers_http(f"http://127.0.0.1:{port}{path}"))

    web = f"http://{address_of(settings.web_host)}:{settings.web_port}"
    known = {
        "mlflow": serves(settings.mlflow_port, "/health"),
        "dagster-web": serves(settings.dagster_port, "/server_info"),
        "web": Checks(lambda: answers_http(f"{web}/health/live"),
                      lambda: answers_http(f"{web}/health/ready")),
        "dagster-code": Checks(lambda: listens(settings.code_port),
                               lambda: answers_grpc(f"127.0.0.1:{settings.code_port}")),
        "dagster-daemon": Checks.one(daemon_lives),
        "web-sync": Checks.one(background_lives),
        "worker": Checks.one(lambda: worker_lives(WORKER_SECONDS)),
        "run-starter": Checks.one(lambda: has_process("run-starter")),
    }
    return {name: known[name] for name in servers if name in known}
