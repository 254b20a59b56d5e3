"""What was judged is summed up, and scenarios that are over are judged."""

from webapp.background.pacing import Paced
from webapp.services import Services
from webapp.systems.signs_of_life import note_store_down
from webapp.value_added.summing import refresh
from webapp.value_added.verdicts import refresh_verdicts

SECONDS = 5.0
SUMS_SECONDS, VERDICTS_SECONDS = 30.0, 60.0


class ValueAddedLoop:
    """What was judged of region-items -> sums of groups; scenarios that are over -> verdicts."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._written: dict[str, str] = {}
        self._sums, self._verdicts = Paced(SUMS_SECONDS), Paced(VERDICTS_SECONDS)

    def step(self) -> None:
        """Sum up and judge where it is time to."""
        if self._sums.is_due():
            with self._sums.within_part():
                refresh(self._services, self._written)
        if self._verdicts.is_due():
            try:
                refresh_verdicts(self._services)
            except OSError as error:
                note_store_down(error)
