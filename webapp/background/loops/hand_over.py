"""Published plans are handed over to the folder that a setting names."""

from webapp.db.database import now
from webapp.published_plans.hand_over import hand_over_due, want_scheduled
from webapp.services import Services

SECONDS = 5.0


class HandOverLoop:
    """Plans that wait to be handed over -> files."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def step(self) -> None:
        """Hand over what is due; the next turn goes on."""
        if self._services.settings.web_hand_over_folder:
            want_scheduled(now())
            hand_over_due(self._services, now())
