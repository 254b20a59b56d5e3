"""Stored forecasts, made anew of what changed, and the totals they are in."""

from webapp.background.pacing import QUIET, Paced
from webapp.db.written_since import rest_of
from webapp.services import Services
from webapp.stored_forecasts.computing import make_due
from webapp.stored_forecasts.groups import refresh_due
from webapp.stored_forecasts.worker_process import AppFactory
from webapp.systems.signs_of_life import note_store_down

SECONDS = 1.0
GROUPS_SECONDS, GROUPS_MEANWHILE_SECONDS = 5.0, 60.0
"""How often totals are made anew at most: when no stored forecast waits, and while many do."""


class StoredForecastLoop:
    """Region-items whose demand or model changed -> stored forecasts, and the totals they are in."""

    def __init__(self, services: Services, make_app: AppFactory) -> None:
        self._services, self._make_app = services, make_app
        self._rest, self._rest_of_groups = (rest_of(services.settings.database_url) for _ in range(2))
        self._groups = Paced(GROUPS_SECONDS)
        self._groups_meanwhile = Paced(GROUPS_MEANWHILE_SECONDS)

    def step(self) -> float | None:
        """Make some of what is due; sum up once all is made, and now and then meanwhile."""
        try:
            is_making = self._rest.is_over() and make_due(self._services, self._make_app)
            if is_making:
                self._rest.end()
            if (self._groups_meanwhile if is_making else self._groups).is_due() and self._rest_of_groups.is_over():
                refresh_due(self._services, self._make_app)
                self._groups_meanwhile.start()
        except OSError as error:
            self._rest.end()
            self._rest_of_groups.end()
            note_store_down(error)
        if not (self._rest.is_settled and self._rest_of_groups.is_settled):
            return None
        return self._groups.seconds_left or QUIET  # totals may be due of what was written lately
