"""What needs somebody is put on the list of work, and what needs nobody any more is taken off."""

from webapp.background.pacing import Paced
from webapp.services import Services
from webapp.systems.signs_of_life import note_store_down
from webapp.work_list.refresh import refresh_of_pasts, refresh_of_rows

SECONDS = 5.0
ROWS_SECONDS = 30.0
"""Between two looks at region-items, or so much longer that a look takes no more than ``pacing.PART`` of the time."""
PASTS_SECONDS = 600.0
"""The same of overrides and scenarios of the past, which change when periods become known."""


class WorkLoop:
    """Rows of region-items, overrides and scenarios -> the list of work."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._rows, self._pasts = Paced(ROWS_SECONDS), Paced(PASTS_SECONDS)

    def step(self) -> None:
        """Look where it is time to."""
        if self._rows.is_due():
            with self._rows.within_part():
                refresh_of_rows(self._services)
        if self._pasts.is_due():
            with self._pasts.within_part():
                try:
                    refresh_of_pasts(self._services)
                except OSError as error:
                    note_store_down(error)
