"""Scenarios that are too large to be computed while their sender waits."""

from webapp.background.pacing import QUIET
from webapp.db.written_since import rest_of
from webapp.scenarios.queue import compute_wanted
from webapp.services import Services
from webapp.systems.signs_of_life import note_store_down

SECONDS = 1.0


class ScenarioLoop:
    """Scenarios that wait to be computed -> their results."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._rest = rest_of(services.settings.database_url)

    def step(self) -> float | None:
        """Compute one that waits."""
        try:
            if self._rest.is_over() and compute_wanted(self._services):
                self._rest.end()
        except OSError as error:
            self._rest.end()
            note_store_down(error)
        return QUIET if self._rest.is_settled else None
