"""People are told what happened, and what is to be sent is sent."""

from webapp.background.pacing import Paced
from webapp.db.written_since import rest_of
from webapp.notices.new_events import tell_what_happened
from webapp.notices.sending import give_up_cut_off, send_due
from webapp.services import Services

SECONDS = 5.0
SELDOM_SECONDS = 15.0
"""After so long is looked for what is due although nothing was written: it may be put off until a moment."""
LOOK_SECONDS = 15.0
"""Between two looks at what happened."""
LONGEST_SECONDS = 60.0
"""After so long is looked at what happened although nothing was written."""


class NoticeLoop:
    """Retrains, promotions and loads -> notices; notices that are to be sent -> their receivers."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._look = Paced(LOOK_SECONDS)
        url = services.settings.database_url
        self._rest, self._rest_of_sending = rest_of(url, LONGEST_SECONDS), rest_of(url, SELDOM_SECONDS)
        self._has_begun = False

    def step(self) -> None:
        """Look once, and send what is due."""
        if not self._has_begun:
            give_up_cut_off()
            self._has_begun = True
        if self._look.is_due() and self._rest.is_over():
            tell_what_happened(self._services)
        if self._rest_of_sending.is_over() and send_due():
            self._rest_of_sending.end()
