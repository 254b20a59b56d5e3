"""What was written into the audit log is sealed."""

import time

from webapp.audit.seals import AT_ONCE, seal_some
from webapp.db.written_since import rest_of

SECONDS = 5.0
MOST_AT_ONCE = 100
"""Transactions in one turn; the next turn goes on."""
SELDOM_SECONDS = 60.0
"""After so long is looked although nothing seems to have been written."""
ALL_SECONDS = 3600.0
"""Between two looks at the whole log."""


class AuditLoop:
    """Entries of the audit log -> their seals."""

    def __init__(self, database_url: str) -> None:
        self._rest = rest_of(database_url, SELDOM_SECONDS)
        self._looked_at_all: float | None = None

    def step(self) -> None:
        """Seal what waits."""
        if not self._rest.is_over():
            return
        is_due = self._looked_at_all is None or time.monotonic() - self._looked_at_all > ALL_SECONDS
        for _ in range(MOST_AT_ONCE):
            if seal_some(look_at_all=is_due) < AT_ONCE:
                if is_due:
                    self._looked_at_all = time.monotonic()
                return
        self._rest.end()
