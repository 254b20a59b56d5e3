"""Stored retrain requests go to Dagster, and what became of them comes back."""

from webapp.background.pacing import Paced
from webapp.dagster_client import Dagster, DagsterDownError
from webapp.retrains.dispatch import clear_dead_activities, follow_sent, send_stored
from webapp.systems.reachability import note

SECONDS = 0.25
"""Between two looks for requests to send: most find none."""
FOLLOW_SECONDS = 1.0
CHECK_SECONDS = 5.0
DEAD_ACTIVITY_SECONDS = 15.0


class DagsterLoop:
    """Stored requests -> Dagster, and back what became of them."""

    def __init__(self, dagster: Dagster) -> None:
        self._dagster = dagster
        self._follow = Paced(FOLLOW_SECONDS)
        self._check = Paced(CHECK_SECONDS)
        self._dead = Paced(DEAD_ACTIVITY_SECONDS)
        self._listed = set[int]()

    def step(self) -> None:
        """Look once."""
        try:
            send_stored(self._dagster)
            if not self._follow.is_due():
                return
            follow_sent(self._dagster, self._listed)
            if self._dead.is_due():
                clear_dead_activities(self._dagster)
            if self._check.is_due():
                self._dagster.check()
                note("dagster", True)
        except DagsterDownError as error:
            self._check.again()
            note("dagster", False, str(error))
