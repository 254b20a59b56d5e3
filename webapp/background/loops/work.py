"""What needs somebody is put on the list of work, and what needs nobody any more is taken off."""

from time import monotonic

from webapp.background.pacing import Paced
from webapp.services import Services
from webapp.systems.signs_of_life import note
from webapp.work_list.refresh import refresh_of_pasts, refresh_of_rows

SECONDS = 5.0
ROWS_SECONDS = 30.0
"""Between two looks at region-items, or so much longer that a look takes no more than ``PART`` of the time."""
PASTS_SECONDS = 600.0
"""The same of overrides and scenarios of the past, which change when periods become known."""
PART = 0.05


class WorkLoop:
    """Rows of region-items, overrides and scenarios -> the list of work."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._rows, self._pasts = Paced(ROWS_SECONDS), Paced(PASTS_SECONDS)

    def step(self) -> None:
        """Look where it is time to."""
        if self._rows.is_due():
            began = monotonic()
            refresh_of_rows(self._services)
            _rest(self._rows, ROWS_SECONDS, monotonic() - began)
        if self._pasts.is_due():
            began = monotonic()
            try:
                refresh_of_pasts(self._services)
            except OSError as error:
                note("store", False, f"the demand store cannot be read: {error}")
            _rest(self._pasts, PASTS_SECONDS, monotonic() - began)


def _rest(paced: Paced, seconds: float, took: float) -> None:
    paced.seconds = max(seconds, took / PART)
    paced.start()
