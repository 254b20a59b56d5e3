"""What the launcher and Celery workers must agree on: configuration, who lives, what was sent and what was taken.

Public parts of Celery and Redis only. Runs wait in a queue that is named after the version of the code, so a worker
that was not restarted since a deploy gets none.
"""

from itertools import dropwhile
from typing import Any

import redis
from celery import Celery

from demand_assets.dagster_instance.runs.code_of_workers import code_version
from demand_assets.settings import Settings

SILENT_SECONDS = 30
"""A worker that has not been heard of for so long is taken for lost."""
RUNS_PER_PROCESS = 50
"""A worker's processes are replaced by fresh copies after so many runs, against memory that is never given back."""
QUEUE_TAG = "demand/queue"
REMEMBERED_SECONDS = 7 * 24 * 3600
SENT_REMEMBERED = 1000
"""So many of the tasks sent last, of each queue; Dagster's own queue keeps those that wait few."""
_HEARTBEAT, _SENT, _TAKEN = "demand.worker:", "demand.sent:", "demand.taken:"


def launcher_config(settings: Settings) -> dict[str, Any]:
    """The configuration of the launcher in ``dagster.yaml``, and of the workers."""
    return {
        "broker": settings.celery_broker_url,
        "backend": settings.celery_broker_url,
        "default_queue": f"demand.{settings.described.name}.{code_version()}",
        "config_source": {
            "broker_connection_retry_on_startup": True,
            # A run is taken when there is a free process for it, and is then Dagster's to watch: were it given back to
            # the queue when its worker dies, it would be started twice.
            "worker_disable_prefetch": True,
            "worker_prefetch_multiplier": 1,
            "task_acks_late": False,
            "worker_max_tasks_per_child": RUNS_PER_PROCESS,
            "worker_hijack_root_logger": False,  # lines are written as ``log_lines`` has them, not as Celery does
            "result_expires": REMEMBERED_SECONDS,
        },
    }


def is_empty(celery: Celery, queue: str) -> bool:
    """Whether no task waits in the queue, of whatever priority."""
    with celery.connection_for_read() as connection, connection.channel() as channel:
        return bool(channel.queue_declare(queue).message_count == 0)


class Heartbeats:
    """The workers that live, in Redis."""

    def __init__(self, broker_url: str) -> None:
        self._redis = _connected(broker_url)

    def beat(self, worker: str, queue: str) -> None:
        """Say that the worker lives and takes runs from the queue."""
        self._redis.set(f"{_HEARTBEAT}{worker}", queue, ex=SILENT_SECONDS)

    def end(self, worker: str) -> None:
        """Say that the worker takes no more runs and has none."""
        self._redis.delete(f"{_HEARTBEAT}{worker}")

    def can_be_asked(self) -> bool:
        """Whether Redis answers."""
        try:
            return bool(self._redis.ping())
        except redis.RedisError:
            return False

    def alive(self) -> dict[str, str]:
        """Worker -> the queue that it takes runs from."""
        names = [str(name) for name in self._redis.scan_iter(f"{_HEARTBEAT}*")]
        queues = self._redis.mget(names) if names else []
        return {name.removeprefix(_HEARTBEAT): str(queue) for name, queue in zip(names, queues, strict=True) if queue}


class Deliveries:
    """Which tasks were sent, in what order, and which of them a worker says it took; in Redis.

    A queue gives out tasks of one priority in the order in which they came, so a task is not in it any more once a
    later one was taken.
    """

    def __init__(self, broker_url: str) -> None:
        self._redis = _connected(broker_url)

    def sent(self, queue: str, priority: str, task: str) -> None:
        """Say that the task was put in the queue, after all others of which that was said."""
        name = f"{_SENT}{queue}:{priority}"
        self._redis.rpush(name, task)
        self._redis.ltrim(name, -SENT_REMEMBERED, -1)
        self._redis.expire(name, REMEMBERED_SECONDS)

    def taken(self, task: str, worker: str) -> None:
        """Say that the worker took the task from its queue."""
        self._redis.set(f"{_TAKEN}{task}", worker, ex=REMEMBERED_SECONDS)

    def taken_by(self, task: str) -> str:
        """The worker that took the task; empty when none says so."""
        worker: Any = self._redis.get(f"{_TAKEN}{task}")
        return worker or ""

    def is_overtaken(self, queue: str, priority: str, task: str) -> bool:
        """Whether a worker took a task that was sent later with the same priority."""
        sent: Any = self._redis.lrange(f"{_SENT}{queue}:{priority}", 0, -1)
        later = list(dropwhile(lambda one: one != task, sent))[1:]
        return bool(later) and any(self._redis.mget([f"{_TAKEN}{one}" for one in later]))


def _connected(broker_url: str) -> redis.Redis:
    return redis.Redis.from_url(broker_url, socket_timeout=5, socket_connect_timeout=5, decode_responses=True)
