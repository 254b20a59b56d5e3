"""People are told what happened, and what is to be sent is sent."""

from webapp.background.pacing import Paced
from webapp.notices.new_events import tell_what_happened
from webapp.notices.sending import give_up_cut_off, send_due
from webapp.services import Services

SECONDS = 5.0
LOOK_SECONDS = 15.0
"""Between two looks at what happened."""


class NoticeLoop:
    """Retrains, promotions and loads -> notices; notices that are to be sent -> their receivers."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._look = Paced(LOOK_SECONDS)
        self._has_begun = False

    def step(self) -> None:
        """Look once, and send what is due."""
        if not self._has_begun:
            give_up_cut_off()
            self._has_begun = True
        if self._look.is_due():
            tell_what_happened(self._services)
        send_due()
