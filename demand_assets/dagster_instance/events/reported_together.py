"""What a run tells of several region-items at once is stored at once where the event log is ours."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import dagster as dg


def reported_together(instance: dg.DagsterInstance) -> AbstractContextManager[None]:
    """Let what a run's own thread tells of assets and checks in the block be stored at its end, in one go.

    What else it tells comes after what waits. Nothing in the block may ask for what is told there. With Dagster's own
    event log (``DAGSTER_STORAGE=stock``) each event is stored by itself, as it comes.
    """
    storage: Any = instance.event_log_storage
    return storage.together() if hasattr(storage, "together") else nullcontext()


def let_events_wait(instance: dg.DagsterInstance) -> None:
    """Let what runs of this process tell wait for room on a full disk, and some minutes for a database that is locked
    or away, where the event log is ours: with Dagster's own such a run fails."""
    storage: Any = instance.event_log_storage
    if hasattr(storage, "waits_for_room"):
        storage.waits_for_room = True
