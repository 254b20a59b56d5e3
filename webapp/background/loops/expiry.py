"""What is too old is let go."""

from webapp.background.expiry import expire
from webapp.services import Services

SECONDS = 3600.0
"""Between two looks; most find that nothing is too old."""


class ExpiryLoop:
    """Rows and files that are too old -> gone."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def step(self) -> None:
        """Look once."""
        expire(self._services.settings, self._services.models)
