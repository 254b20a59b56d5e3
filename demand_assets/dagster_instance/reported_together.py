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
