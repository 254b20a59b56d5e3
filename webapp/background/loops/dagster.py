"""Stored retrain requests go to Dagster, and what became of them comes back."""

import logging

from demand_assets.forecasting.store.journal import Journal
from webapp.background.journal import read_journal
from webapp.background.pacing import QUIET, Paced
from webapp.dagster_client import Dagster, DagsterDownError
from webapp.db.written_since import rest_of
from webapp.retrains.dispatch import clear_dead_activities, follow_sent, send_stored
from webapp.systems.signs_of_life import Heard

log = logging.getLogger(__name__)

SECONDS = 0.25
"""Between two looks for requests to send: most find none."""
FOLLOW_SECONDS = 1.0
CHECK_SECONDS = 15.0
"""How often Dagster is asked whether it answers, when nothing else is asked of it."""
DEAD_ACTIVITY_SECONDS = 15.0


class DagsterLoop:
    """Stored requests -> Dagster, and back what became of them."""

    def __init__(self, dagster: Dagster, database_url: str, journal: Journal) -> None:
        self._dagster, self._journal = dagster, journal
        self._heard = Heard("dagster")
        self._to_send, self._sent = rest_of(database_url), rest_of(database_url)
        self.follow = Paced(FOLLOW_SECONDS)
        self.check = Paced(CHECK_SECONDS)
        """What is asked of Dagster less often than the loop turns."""
        self._dead = Paced(DEAD_ACTIVITY_SECONDS)
        self._listed = set[int]()

    def step(self) -> float | None:
        """Look once."""
        try:
            if self._to_send.is_over() and send_stored(self._dagster):
                self._to_send.end()
            if not self.follow.is_due():
                return None
            if self._sent.is_over() and follow_sent(self._dagster, self._listed, self._read_all):
                self._sent.end()
            if self._dead.is_due():
                clear_dead_activities(self._dagster)
            if self.check.is_due():
                self._dagster.check()
                self._heard.well()
        except DagsterDownError as error:
            self.check.again()
            self._to_send.end()
            self._sent.end()
            self._heard.failed(str(error))
        return QUIET if self._to_send.is_settled and self._sent.is_settled else None

    def _read_all(self) -> bool:
        try:
            read_journal(self._journal, sweep=True)
        except OSError as error:  # of the demand store, of which its own loop tells
            log.info("no retrain is closed while the journal cannot be read: %s", error)
            return False
        return True
