"""What needs somebody is put on the list of work, and what needs nobody any more is taken off."""

from webapp.background.pacing import Paced
from webapp.services import Services
from webapp.systems.state import note
from webapp.work_list.refresh import refresh_of_pasts, refresh_of_rows

SECONDS = 30.0
PASTS_SECONDS = 600.0
"""Between two looks at overrides and scenarios of the past, which change when periods become known."""


class WorkLoop:
    """Rows of region-items, overrides and scenarios -> the list of work."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._pasts = Paced(PASTS_SECONDS)

    def step(self) -> None:
        """Look once."""
        refresh_of_rows(self._services)
        if self._pasts.is_due():
            try:
                refresh_of_pasts(self._services)
            except OSError as error:
                note("store", False, f"the demand store cannot be read: {error}")
