"""Scenarios that are too large to be computed while their sender waits."""

from webapp.scenarios.queue import compute_wanted
from webapp.services import Services
from webapp.systems.reachability import note

SECONDS = 1.0


class ScenarioLoop:
    """Scenarios that wait to be computed -> their results."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def step(self) -> None:
        """Compute one that waits."""
        try:
            compute_wanted(self._services)
        except OSError as error:
            note("store", False, f"the demand store cannot be read: {error}")
