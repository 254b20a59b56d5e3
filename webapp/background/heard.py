"""What a loop hears of a system: written down when it changes, and now and then while it does not."""

from time import monotonic

from webapp.systems.reachability import NOTED_EVERY, note


class Heard:
    """What this loop wrote down of one system last.

    Everything that is as it was is written at the same moments, so that a database at rest is written seldom.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._noted: int | None = None

    def well(self) -> None:
        """It answers, or works."""
        turn = int(monotonic() / NOTED_EVERY.total_seconds())
        if turn != self._noted:
            note(self._name, True)
            self._noted = turn

    def failed(self, message: str) -> None:
        """It does not, and why."""
        self._noted = None
        note(self._name, False, message)
